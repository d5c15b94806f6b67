// Bodies in Amazon's own chunks, "aws-chunked": pieces with a size each, maybe a signature, and
// maybe headers behind the last one.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "store/aws_signature.h"

namespace slipway::api::s3 {

// Signs the pieces of a body, one after the other.
struct ChunkSigner {
  std::string key;  // store::aws_signing_key
  std::string time, region;
  std::string previous;  // that of the request, then that of the piece before
};

struct ChunkedOptions {
  bool has_trailer = false;           // headers follow the last piece
  std::optional<ChunkSigner> signer;  // the pieces are signed, and that is checked
};

// Reads one body, however it is cut on its way. One thread at a time.
class ChunkedBody {
 public:
  explicit ChunkedBody(ChunkedOptions options) : options_(std::move(options)) {}

  // Gives what is inside to `each`. After an error (faults.h) nothing more is to be given.
  Result<void> write(std::string_view bytes,
                     const std::function<Result<void>(std::string_view)>& each);
  // kInvalidArgument: its end has not come.
  Result<void> finish() const;

  // Headers that came behind the last piece, lower-case names.
  const store::AwsPairs& trailers() const { return trailers_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  Result<void> on_line(std::string_view line);
  Result<void> on_size(std::string_view line);
  Result<void> on_trailer(std::string_view line);
  Result<void> check_piece();
  Result<void> check_trailers(std::string_view signature);

  ChunkedOptions options_;
  State state_ = State::kSize;
  std::string line_;          // that has not ended
  std::uint64_t left_ = 0;    // of the piece
  bool is_last_ = false;      // it is
  std::string signature_;     // that the piece should have
  base::Sha256 digest_;       // of the piece
  std::string trailer_text_;  // as it is signed
  std::size_t trailer_bytes_ = 0;
  store::AwsPairs trailers_;
  bool are_trailers_checked_ = false;
};

}  // namespace slipway::api::s3
