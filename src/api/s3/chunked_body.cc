#include "api/s3/chunked_body.h"

#include <openssl/crypto.h>

#include <charconv>

#include "api/s3/faults.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kTrailerBytesMax = 16 << 10;
constexpr std::string_view kSignature = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

Error broken(std::string_view what) {
  return fault(Fault::kInvalidRequest, "the body is not as aws-chunked has it: {}", what);
}

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Error other_signature(std::string_view what) {
  return fault(Fault::kSignatureDoesNotMatch,
               "{} of the body was changed on its way, or is signed with another secret", what);
}

}  // namespace

Result<void> ChunkedBody::write(std::string_view bytes,
                                const std::function<Result<void>(std::string_view)>& each) {
  while (!bytes.empty()) {
    if (state_ == State::kDone) return broken("something follows its end");
    if (state_ == State::kData) {
      const std::string_view piece = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
      if (options_.signer) digest_.update(piece);
      TRY(each(piece));
      left_ -= piece.size();
      bytes.remove_prefix(piece.size());
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > kLineBytesMax) return broken("a line is too long");
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
    if (state_ == State::kDataEnd && line_ != "\r")
      return broken("a piece is not as long as its size says");
    if (line_.ends_with('\r')) line_.pop_back();
    TRY(on_line(line_));
    line_.clear();
  }
  return {};
}

Result<void> ChunkedBody::on_line(std::string_view line) {
  switch (state_) {
    case State::kSize:
      return on_size(line);
    case State::kDataEnd:
      TRY(check_piece());
      state_ = State::kSize;
      return {};
    case State::kTrailer:
      return on_trailer(line);
    case State::kData:
    case State::kDone:
      break;
  }
  return broken("something follows its end");
}

// "400;chunk-signature=0055..."
Result<void> ChunkedBody::on_size(std::string_view line) {
  const std::size_t semicolon = std::min(line.find(';'), line.size());
  const auto [end, ec] = std::from_chars(line.data(), line.data() + semicolon, left_, 16);
  if (semicolon == 0 || ec != std::errc() || end != line.data() + semicolon)
    return broken("the size of a piece is no hexadecimal number");
  std::string_view extension = base::trimmed(line.substr(std::min(line.size(), semicolon + 1)));
  signature_ = extension.starts_with(kSignature) ? extension.substr(kSignature.size()) : "";
  if (options_.signer && signature_.empty()) return broken("a piece has no signature");
  digest_ = base::Sha256();
  if (left_ > 0) {
    state_ = State::kData;
    return {};
  }
  is_last_ = true;
  TRY(check_piece());
  state_ = State::kTrailer;
  return {};
}

// Without headers only the empty line comes, and some clients leave it out.
Result<void> ChunkedBody::on_trailer(std::string_view line) {
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > kTrailerBytesMax) return broken("the headers at its end are too long");
  if (line.empty()) {
    // Between the headers and their signature there may be one, too.
    if (options_.has_trailer && options_.signer && !are_trailers_checked_ && !trailers_.empty())
      return {};
    state_ = State::kDone;
    return {};
  }
  if (!options_.has_trailer) return broken("headers at its end were not announced");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return broken("a header at its end has no colon");
  const std::string name = base::lowered(base::trimmed(line.substr(0, colon)));
  const std::string_view value = base::trimmed(line.substr(colon + 1));
  if (name == kTrailerSignature) return check_trailers(value);
  if (are_trailers_checked_) return broken("a header follows the signature of the headers");
  trailers_.emplace_back(name, value);
  trailer_text_ += fmt::format("{}:{}\n", name, value);
  return {};
}

Result<void> ChunkedBody::check_piece() {
  if (!options_.signer) return {};
  ChunkSigner& signer = *options_.signer;
  std::string expected = store::aws_chained_signature(
      signer.key, "AWS4-HMAC-SHA256-PAYLOAD", signer.time, signer.region, signer.previous,
      fmt::format("{}\n{}", base::sha256_hex(""), digest_.finish_hex()));
  if (!is_same(expected, signature_)) return other_signature("a piece");
  signer.previous = std::move(expected);
  return {};
}

Result<void> ChunkedBody::check_trailers(std::string_view signature) {
  are_trailers_checked_ = true;
  if (!options_.signer) return {};
  const ChunkSigner& signer = *options_.signer;
  const std::string expected =
      store::aws_chained_signature(signer.key, "AWS4-HMAC-SHA256-TRAILER", signer.time,
                                   signer.region, signer.previous, base::sha256_hex(trailer_text_));
  if (!is_same(expected, signature)) return other_signature("what follows the last piece");
  return {};
}

Result<void> ChunkedBody::finish() const {
  if (!is_last_ || (state_ != State::kDone && !line_.empty()))
    return fault(Fault::kIncompleteBody, "the body ended before its last piece came");
  if (options_.has_trailer && options_.signer && !are_trailers_checked_)
    return broken("the headers at its end are not signed");
  return {};
}

}  // namespace slipway::api::s3
