#include "api/http/inflate.h"

#include <zlib.h>

#include "base/text.h"

namespace slipway::http {
namespace {

// What zlib's window bits say about the format.
constexpr int kGzip = 15 + 16;
constexpr int kZlib = 15;
constexpr int kRaw = -15;

Error broken(std::string_view encoding) {
  return base::error(Code::kInvalidArgument, "Failed to decompress the {} body", encoding);
}

Result<std::string> inflate_as(std::string_view body, std::string_view encoding, int format,
                               std::size_t bytes_max) {
  z_stream stream{};
  if (inflateInit2(&stream, format) != Z_OK)
    return base::error(Code::kInternal, "zlib cannot be started");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  char buffer[1 << 16];
  int state = Z_OK;
  while (state == Z_OK && out.size() <= bytes_max) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof(buffer) - stream.avail_out);
    // A gzip file may be several, one behind the other (RFC 1952, 2.2).
    if (state == Z_STREAM_END && format == kGzip && stream.avail_in > 0)
      state = ::inflateReset(&stream);
  }
  inflateEnd(&stream);
  if (out.size() > bytes_max) {
    return base::error(Code::kResourceExhausted,
                       "the decompressed body has more than {} bytes: send less at a time",
                       bytes_max);
  }
  if (state != Z_STREAM_END) return broken(encoding);
  return out;
}

}  // namespace

Result<std::string> inflate_body(std::string_view body, std::string_view encoding,
                                 std::size_t bytes_max) {
  const std::string name = base::lowered(encoding);
  if (name.empty() || name == "identity") return std::string(body);
  if (name == "gzip" || name == "x-gzip") return inflate_as(body, name, kGzip, bytes_max);
  if (name != "deflate")
    return base::error(Code::kInvalidArgument, "Unsupported Content-Encoding: {}", encoding);
  Result<std::string> with_header = inflate_as(body, name, kZlib, bytes_max);
  if (with_header || with_header.error().code == Code::kResourceExhausted) return with_header;
  return inflate_as(body, name, kRaw, bytes_max);
}

}  // namespace slipway::http
