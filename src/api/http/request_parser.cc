#include "api/http/request_parser.h"

#include <strings.h>

#include <charconv>
#include <cstring>

#include "api/http/field_syntax.h"

namespace slipway::http {
namespace {

Error bad(std::string_view what) {
  return base::error(Code::kInvalidArgument, "not an HTTP/1.1 request: {}", what);
}

bool is_target(std::string_view text) {
  bool good = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    good &= byte > ' ' && byte != 0x7F;
  }
  return good && !text.empty();
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The line at the front, without its CRLF; `rest` then begins behind it.
std::string_view take_line(std::string_view& rest) {
  const auto* end = static_cast<const char*>(std::memchr(rest.data(), '\n', rest.size()));
  const auto bytes = static_cast<std::size_t>(end - rest.data());
  const std::string_view line = rest.substr(0, bytes - 1);
  rest.remove_prefix(bytes + 1);
  return line;
}

// A proxy's form of the target: "http://host:port/path" asks for "/path".
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_text(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
  }
  return target;
}

Result<RequestHead> parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("expected a method, a target and a version");
  RequestHead head;
  head.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.method)) return bad("bad method");
  if (!is_target(target)) return bad("bad target");
  head.target = origin_form(target);
  if (version == "HTTP/1.0") {
    head.minor_version = 0;
    head.keep_alive = false;
  } else if (version != "HTTP/1.1") {
    return bad("bad version");
  }
  return head;
}

// "Connection" lists options; later ones do not take back a "close".
void read_connection(std::string_view value, RequestHead& head, bool& closes) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim(value.substr(0, comma));
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    if (same_text(option, "close")) closes = true;
    if (same_text(option, "keep-alive")) head.keep_alive = true;
  }
}

Result<std::uint64_t> read_length(std::string_view value) {
  std::uint64_t length = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (ec != std::errc() || end != value.data() + value.size()) return bad("bad Content-Length");
  return length;
}

// The fields that say where the request ends and what becomes of the connection.
struct FramingFields {
  bool host = false;
  bool closes = false;

  Result<void> read(std::string_view name, std::string_view value, RequestHead& head) {
    switch (name.size()) {
      case 4:
        if (!same_text(name, "Host")) break;
        if (host) return bad("more than one Host");
        host = true;
        break;
      case 6:
        if (same_text(name, "Expect")) head.expects_continue = same_text(value, "100-continue");
        break;
      case 10:
        if (same_text(name, "Connection")) read_connection(value, head, closes);
        break;
      case 14:
        if (!same_text(name, "Content-Length")) break;
        if (head.content_length) return bad("more than one Content-Length");
        head.content_length = TRY(read_length(value));
        break;
      case 17:
        if (!same_text(name, "Transfer-Encoding")) break;
        if (head.chunked) return bad("more than one Transfer-Encoding");
        if (!same_text(value, "chunked")) return bad("a Transfer-Encoding other than chunked");
        head.chunked = true;
        break;
      default:
        break;
    }
    return {};
  }
};

}  // namespace

Result<std::size_t> find_head_end(std::string_view received, std::size_t& scanned) {
  while (scanned < received.size()) {
    const void* found = std::memchr(received.data() + scanned, '\n', received.size() - scanned);
    if (found == nullptr) {
      scanned = received.size();
      return std::size_t{0};
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - received.data());
    if (at == 0 || received[at - 1] != '\r') return bad("a line feed without a carriage return");
    scanned = at + 1;
    if (at == 1 || received[at - 2] == '\n') return scanned;  // an empty line
  }
  return std::size_t{0};
}

Result<RequestHead> parse_head(std::string_view bytes, HeaderFields& fields) {
  fields.clear();
  RequestHead head = TRY(parse_request_line(take_line(bytes)));
  FramingFields framing;
  while (true) {
    const std::string_view line = take_line(bytes);
    if (line.empty()) break;
    if (is_blank(line.front())) return bad("a folded header field");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header field without a colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_token(name)) return bad("bad name of a header field");
    if (!is_field_value(value)) return bad("bad value of a header field");
    if (fields.size() == kFieldsMax) return bad("too many header fields");
    fields.emplace_back(name, value);
    TRY(framing.read(name, value, head));
  }
  if (head.chunked && head.content_length) return bad("Transfer-Encoding beside Content-Length");
  if (head.chunked && head.minor_version == 0) return bad("Transfer-Encoding in HTTP/1.0");
  if (framing.closes) head.keep_alive = false;
  if (head.minor_version == 0) head.expects_continue = false;
  return head;
}

Result<std::string_view> BodyFraming::next(std::string_view& input) {
  while (!input.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::string_view piece = input.substr(0, left_);
      input.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = chunked_ ? State::kDataCr : State::kDone;
      return piece;
    }
    TRY(step(static_cast<unsigned char>(input.front())));
    input.remove_prefix(1);
  }
  return std::string_view();
}

Result<void> BodyFraming::step(unsigned char c) {
  const auto expect = [&](char expected, State then) -> Result<void> {
    if (c != static_cast<unsigned char>(expected))
      return bad("a chunk does not end where it should");
    state_ = then;
    return {};
  };
  switch (state_) {
    case State::kSize: {
      const int digit = c >= '0' && c <= '9'                     ? c - '0'
                        : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                 : -1;
      if (digit >= 0) {
        if (++digits_ > 15) return bad("a chunk's size is too large");
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return {};
      }
      if (digits_ == 0) return bad("a chunk without a size");
      if (c == '\r') {
        state_ = State::kSizeEnd;
      } else if (c == ';' || is_blank(static_cast<char>(c))) {
        state_ = State::kExtension;
      } else {
        return bad("bad size of a chunk");
      }
      return {};
    }
    case State::kExtension:
      if (++line_bytes_ > kChunkLineBytesMax) return bad("a chunk's extension is too long");
      if (c == '\r') {
        state_ = State::kSizeEnd;
      } else if (!is_field_byte(c)) {
        return bad("bad extension of a chunk");
      }
      return {};
    case State::kSizeEnd:
      digits_ = 0;
      line_bytes_ = 0;
      return expect('\n', left_ > 0 ? State::kData : State::kTrailerStart);
    case State::kDataCr:
      return expect('\r', State::kDataLf);
    case State::kDataLf:
      return expect('\n', State::kSize);
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kLastLf;
        return {};
      }
      if (is_blank(static_cast<char>(c))) return bad("a folded trailer field");
      state_ = State::kTrailer;
      [[fallthrough]];
    case State::kTrailer:
      if (++line_bytes_ > kTrailerBytesMax) return bad("the trailer is too long");
      if (c == '\r') {
        state_ = State::kTrailerEnd;
      } else if (!is_field_byte(c)) {
        return bad("bad trailer field");
      }
      return {};
    case State::kTrailerEnd:
      return expect('\n', State::kTrailerStart);
    case State::kLastLf:
      return expect('\n', State::kDone);
    case State::kData:
    case State::kDone:
      break;
  }
  CHECK(false);  // next() does not ask
  return {};
}

}  // namespace slipway::http
