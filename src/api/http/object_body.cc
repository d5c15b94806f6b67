#include "api/http/object_body.h"

#include <charconv>

#include "api/http/byte_range.h"

namespace slipway::http {
namespace {

// An object that passes through us on its way from its storage to a client.
class StoredBody final : public BodySource {
 public:
  explicit StoredBody(std::unique_ptr<store::ObjectReader> reader) : reader_(std::move(reader)) {}
  Result<std::size_t> read(std::span<char> out) override { return reader_->read(out); }

 private:
  const std::unique_ptr<store::ObjectReader> reader_;
};

// What of `size` bytes is sent: the part that is asked for, or all; nothing, and 416, when that
// part is not there.
std::optional<ByteRange> sent_range(const Request& request, std::uint64_t size,
                                    Response& response) {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Accept-Ranges", "bytes");
  const auto asked = parse_range(request.header("Range"), size);
  if (!asked) {
    response.status = 416;
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return std::nullopt;
  }
  const ByteRange range = asked->value_or(ByteRange{0, size});
  if (*asked) {
    response.status = 206;
    response.headers.emplace_back(
        "Content-Range",
        fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.bytes - 1, size));
  }
  if (request.method == Method::kHead)
    response.stream = StreamBody{nullptr, range.bytes};  // only its length is told
  return range;
}

}  // namespace

Result<void> send_object(store::ObjectStore& store, const std::string& path, const Request& request,
                         Response& response) {
  const auto size = static_cast<std::uint64_t>(TRY(store.size(path)));
  const std::optional<ByteRange> range = sent_range(request, size, response);
  if (!range || response.stream) return {};
  if (const auto file = TRY(store.local_path(path))) {
    response.file = FileBody{*file, range->offset, range->bytes};
    return {};
  }
  auto reader = TRY(store.read(path, static_cast<std::int64_t>(range->offset),
                               static_cast<std::int64_t>(range->bytes)));
  response.stream = StreamBody{std::make_shared<StoredBody>(std::move(reader)), range->bytes};
  return {};
}

Result<void> send_file(const std::filesystem::path& file, const Request& request,
                       Response& response) {
  std::error_code ec;
  const std::uintmax_t size = std::filesystem::file_size(file, ec);
  if (ec)
    return base::error(Code::kInternal, "a file can't be read: file={} why={}", file.string(),
                       ec.message());
  if (size == 0) return {};  // 416 would be an error to who follows a file that grows
  const std::optional<ByteRange> range = sent_range(request, size, response);
  if (range && !response.stream) response.file = FileBody{file, range->offset, range->bytes};
  return {};
}

std::optional<std::int64_t> content_length(const Request& request) {
  const std::string_view text = request.header("Content-Length");
  std::int64_t bytes = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return bytes;
}

}  // namespace slipway::http
