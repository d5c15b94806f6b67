#include "api/s3/upload_body.h"

#include <charconv>

#include "api/s3/faults.h"
#include "base/text.h"

namespace slipway::api::s3 {
namespace {

using base::ChecksumKind;

constexpr ChecksumName kChecksums[] = {
    {ChecksumKind::kCrc32, "x-amz-checksum-crc32", "CRC32", "ChecksumCRC32"},
    {ChecksumKind::kCrc32c, "x-amz-checksum-crc32c", "CRC32C", "ChecksumCRC32C"},
    {ChecksumKind::kCrc64Nvme, "x-amz-checksum-crc64nvme", "CRC64NVME", "ChecksumCRC64NVME"},
    {ChecksumKind::kSha1, "x-amz-checksum-sha1", "SHA1", "ChecksumSHA1"},
    {ChecksumKind::kSha256, "x-amz-checksum-sha256", "SHA256", "ChecksumSHA256"},
};
constexpr std::string_view kChecksumPrefix = "x-amz-checksum-";
// Of the same prefix, and no checksums.
constexpr std::string_view kOthers[] = {"x-amz-checksum-algorithm", "x-amz-checksum-mode",
                                        "x-amz-checksum-type"};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// x-amz-content-sha256: a digest, or what stands for one.
Result<void> read_content_hash(std::string_view value, BodyRules& rules) {
  if (value.empty() || value == "UNSIGNED-PAYLOAD") return {};
  if (is_sha256(value)) {
    rules.sha256 = value;
    return {};
  }
  struct Kind {
    std::string_view name;
    bool is_signed, has_trailer;
  };
  static constexpr Kind kKinds[] = {{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, false},
                                    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, true},
                                    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", false, true}};
  for (const Kind& kind : kKinds) {
    if (value != kind.name) continue;
    rules.is_chunked = true;
    rules.is_signed = kind.is_signed;
    rules.has_trailer = kind.has_trailer;
    return {};
  }
  return fault(Fault::kInvalidRequest, "x-amz-content-sha256 is not understood: got={}",
               value.substr(0, 100));
}

Result<void> read_length(const http::Request& request, BodyRules& rules) {
  if (!rules.is_chunked) return {};
  const std::string_view text = request.header("x-amz-decoded-content-length");
  std::uint64_t bytes = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) {
    return fault(Fault::kInvalidRequest,
                 "a body in aws-chunked pieces has the header x-amz-decoded-content-length");
  }
  rules.bytes = bytes;
  return {};
}

Result<void> read_md5(std::string_view value, BodyRules& rules) {
  if (value.empty()) return {};
  const Result<std::string> raw = base::from_base64(value);
  if (!raw || raw->size() != 16)
    return fault(Fault::kInvalidDigest, "Content-MD5 is no MD5 in base64: got={}",
                 value.substr(0, 100));
  rules.md5 = base::to_hex(std::as_bytes(std::span(*raw)));
  return {};
}

Result<void> read_checksum(const http::Request& request, BodyRules& rules) {
  for (const auto& [key, value] : request.headers) {
    const std::string name = base::lowered(key);
    if (!name.starts_with(kChecksumPrefix) || std::ranges::find(kOthers, name) != std::end(kOthers))
      continue;
    const ChecksumName* known = find_checksum_header(name);
    if (known == nullptr)
      return fault(Fault::kNotImplemented, "this checksum is not known here: header={}", name);
    if (rules.checksum != nullptr)
      return fault(Fault::kInvalidRequest, "there is more than one checksum: {} and {}",
                   rules.checksum->header, name);
    rules.checksum = known;
    rules.checksum_value = value;
  }
  const std::string trailer = base::lowered(base::trimmed(request.header("x-amz-trailer")));
  if (trailer.empty() || !rules.has_trailer) return {};
  const ChecksumName* known = find_checksum_header(trailer);
  if (known == nullptr)
    return fault(Fault::kNotImplemented, "behind a body only a checksum is understood: trailer={}",
                 trailer);
  if (rules.checksum != nullptr)
    return fault(Fault::kInvalidRequest, "there is more than one checksum: {} and {}",
                 rules.checksum->header, trailer);
  rules.checksum = known;
  return {};
}

Result<void> check_digests(const BodyRules& rules, std::string_view sha256, std::string_view md5) {
  if (!rules.sha256.empty() && rules.sha256 != sha256)
    return fault(Fault::kContentSha256Mismatch,
                 "the body is not what x-amz-content-sha256 says, nothing was kept: got={}",
                 sha256);
  if (!rules.md5.empty() && rules.md5 != md5)
    return fault(Fault::kBadDigest,
                 "the body is not what Content-MD5 says, nothing was kept: "
                 "got={}",
                 md5);
  return {};
}

Result<void> check_checksum(const ChecksumName& which, std::string_view said,
                            std::string_view found) {
  if (said == found) return {};
  return fault(Fault::kBadDigest, "the body is not what {} says, nothing was kept: said={} got={}",
               which.header, said.substr(0, 100), found);
}

}  // namespace

const ChecksumName* find_checksum_header(std::string_view header) {
  for (const ChecksumName& one : kChecksums) {
    if (one.header == header) return &one;
  }
  return nullptr;
}

const ChecksumName* find_checksum_name(std::string_view name) {
  for (const ChecksumName& one : kChecksums) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Result<BodyRules> parse_body_rules(const http::Request& request) {
  BodyRules rules;
  TRY(read_content_hash(request.header("x-amz-content-sha256"), rules));
  TRY(read_length(request, rules));
  TRY(read_md5(request.header("Content-MD5"), rules));
  TRY(read_checksum(request, rules));
  return rules;
}

Result<void> check_body(const BodyRules& rules, std::string_view body) {
  if (rules.is_chunked)
    return fault(Fault::kNotImplemented, "this request does not take aws-chunked bodies");
  TRY(check_digests(rules, base::sha256_hex(body), base::md5_hex(body)));
  if (rules.checksum == nullptr) return {};
  return check_checksum(
      *rules.checksum, rules.checksum_value,
      base::to_base64(base::Checksum(rules.checksum->kind).update(body).finish()));
}

UploadBody::UploadBody(BodyRules rules, std::optional<ChunkSigner> signer,
                       std::unique_ptr<objects::Arrival> arrival)
    : rules_(std::move(rules)), arrival_(std::move(arrival)) {
  if (rules_.is_chunked) {
    if (!rules_.is_signed) signer.reset();
    chunked_.emplace(
        ChunkedOptions{.has_trailer = rules_.has_trailer, .signer = std::move(signer)});
  }
  if (rules_.checksum != nullptr) checksum_.emplace(rules_.checksum->kind);
}

Result<void> UploadBody::write(std::string_view bytes) {
  if (!chunked_) return take(bytes);
  return chunked_->write(bytes, [this](std::string_view piece) { return take(piece); });
}

Result<void> UploadBody::take(std::string_view bytes) {
  if (checksum_) checksum_->update(bytes);
  TRY(arrival_->write(bytes));
  if (rules_.bytes && static_cast<std::uint64_t>(arrival_->bytes()) > *rules_.bytes)
    return fault(Fault::kIncompleteBody,
                 "the body is longer than x-amz-decoded-content-length says: said={}",
                 *rules_.bytes);
  return {};
}

Result<void> UploadBody::finish() {
  if (chunked_) TRY(chunked_->finish());
  arrival_->end();
  if (rules_.bytes && static_cast<std::uint64_t>(arrival_->bytes()) != *rules_.bytes)
    return fault(Fault::kIncompleteBody,
                 "the body is shorter than x-amz-decoded-content-length says: said={} got={}",
                 *rules_.bytes, arrival_->bytes());
  TRY(check_digests(rules_, arrival_->sha256(), arrival_->md5()));
  if (checksum_) {
    checksum_value_ = base::to_base64(checksum_->finish());
    std::string_view said = rules_.checksum_value;
    if (said.empty() && chunked_) {
      for (const auto& [name, value] : chunked_->trailers()) {
        if (name == rules_.checksum->header) said = value;
      }
    }
    TRY(check_checksum(*rules_.checksum, said, checksum_value_));
  }
  return arrival_->finish();
}

}  // namespace slipway::api::s3
