// HTTP/1.1 requests out of bytes (RFC 9112): the head, and the framing of the body. Pure: knows
// nothing of sockets, routes and limits on bodies.
//
// Strict where leniency lets two servers disagree about where a request ends: lines end with CRLF,
// one Content-Length of digits only, never beside Transfer-Encoding, no folded fields, no space
// before a colon. docs/decisions/0004-http-parser.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::http {

inline constexpr std::size_t kFieldsMax = 256;           // header fields of a request
inline constexpr std::size_t kChunkLineBytesMax = 4096;  // a chunk's size with its extensions
inline constexpr std::size_t kTrailerBytesMax = 16384;   // fields after the last chunk, dropped

using HeaderFields = std::vector<std::pair<std::string_view, std::string_view>>;

// Views into the bytes that were parsed.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // in origin form; of an absolute one, what follows the authority
  int minor_version = 1;    // of HTTP/1
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// Bytes of the head at the front of `received`, its empty line included; 0 while it is incomplete.
// `scanned` remembers how far it looked: 0 for a new request. kInvalidArgument: a line feed without
// its carriage return.
Result<std::size_t> find_head_end(std::string_view received, std::size_t& scanned);

// Parses a complete head; replaces what `fields` holds, without white space around values.
// kInvalidArgument saying what is wrong; never echoes what was sent.
Result<RequestHead> parse_head(std::string_view head, HeaderFields& fields);

// Cuts the body out of what follows the head: so many bytes, or chunks.
class BodyFraming {
 public:
  BodyFraming() = default;  // no body
  explicit BodyFraming(const RequestHead& head)
      : state_(head.chunked      ? State::kSize
               : head.has_body() ? State::kData
                                 : State::kDone),
        chunked_(head.chunked),
        left_(head.content_length.value_or(0)) {}

  // The next piece of the body in `input`, which then begins behind it. An empty piece: the body is
  // done, or all of `input` was used. kInvalidArgument: broken framing.
  Result<std::string_view> next(std::string_view& input);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kSize,       // hex digits of a chunk's size
    kExtension,  // the rest of that line, ignored
    kSizeEnd,    // its line feed
    kData,
    kDataCr,  // CRLF behind a chunk's data
    kDataLf,
    kTrailerStart,  // first byte of a line behind the last chunk
    kTrailer,
    kTrailerEnd,
    kLastLf,  // of the empty line
    kDone
  };
  // One byte of framing.
  Result<void> step(unsigned char c);

  State state_ = State::kDone;
  bool chunked_ = false;
  std::uint64_t left_ = 0;      // of the body, or of this chunk
  int digits_ = 0;              // of this chunk's size
  std::size_t line_bytes_ = 0;  // of this line of framing, or of all trailers
};

}  // namespace slipway::http
