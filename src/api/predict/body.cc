#include "api/predict/body.h"

#include <strings.h>
#include <zlib.h>

#include <algorithm>

namespace slipway::api::predict {
namespace {

constexpr int kGzip = 16 + MAX_WBITS, kZlib = MAX_WBITS, kRaw = -MAX_WBITS;
constexpr std::size_t kPieceBytes = 64 << 10;

struct Inflater {
  z_stream stream{};
  bool open = false;

  explicit Inflater(int window) { open = ::inflateInit2(&stream, window) == Z_OK; }
  ~Inflater() {
    if (open) ::inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

Result<std::string> inflate_all(std::string_view body, int window, std::uint64_t bytes_max) {
  Inflater inflater(window);
  if (!inflater.open) return base::error(Code::kInternal, "no memory to decompress a body");
  z_stream& stream = inflater.stream;
  // zlib takes pointers to what it doesn't change.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  std::size_t unread = body.size();
  std::string out;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (stream.avail_in == 0 && unread > 0) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(unread, 1u << 30));
      unread -= stream.avail_in;
    }
    const std::size_t before = out.size();
    out.resize(before + kPieceBytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = kPieceBytes;
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(before + kPieceBytes - stream.avail_out);
    if (out.size() > bytes_max) {
      return base::error(Code::kResourceExhausted,
                         "the body is larger than this path takes: body_bytes_max={}", bytes_max);
    }
    const bool is_stuck = stream.avail_out > 0 && stream.avail_in == 0 && unread == 0;
    if (state != Z_STREAM_END && (state != Z_OK || is_stuck)) {
      return base::error(Code::kInvalidArgument,
                         "the body is not what its Content-Encoding says, or ends too early");
    }
  }
  if (stream.avail_in > 0 || unread > 0)
    return base::error(Code::kInvalidArgument, "there is more behind the compressed body");
  return out;
}

}  // namespace

bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && ::strncasecmp(text.data(), word.data(), word.size()) == 0;
}

Result<std::string> decompress(std::string_view encoding, std::string_view body,
                               std::uint64_t bytes_max) {
  if (is_word(encoding, "gzip") || is_word(encoding, "x-gzip"))
    return inflate_all(body, kGzip, bytes_max);
  if (is_word(encoding, "deflate")) {
    // RFC 9110 means zlib's format; some clients send the bare one.
    auto out = inflate_all(body, kZlib, bytes_max);
    if (out || out.error().code != Code::kInvalidArgument) return out;
    return inflate_all(body, kRaw, bytes_max);
  }
  return base::error(Code::kInvalidArgument,
                     "Content-Encoding must be gzip, deflate or identity: got={}", encoding);
}

Result<std::string_view> plain_body(const http::Request& request, std::uint64_t bytes_max,
                                    std::string& room) {
  const std::string_view encoding = request.header("Content-Encoding");
  if (encoding.empty() || is_word(encoding, "identity")) return request.body;
  room = TRY(decompress(encoding, request.body, bytes_max));
  return std::string_view(room);
}

}  // namespace slipway::api::predict
