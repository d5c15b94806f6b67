#include "api/s3/object_reply.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "api/http/byte_range.h"
#include "api/s3/faults.h"
#include "api/s3/object_headers.h"
#include "store/file_system.h"

namespace slipway::api::s3 {
namespace {

// Several files, one after the other.
class PiecesSource final : public http::BodySource {
 public:
  explicit PiecesSource(std::vector<objects::OpenPiece> pieces) : pieces_(std::move(pieces)) {}

  Result<std::size_t> read(std::span<char> out) override {
    std::size_t filled = 0;
    while (filled < out.size() && next_ < pieces_.size()) {
      objects::OpenPiece& piece = pieces_[next_];
      if (!file_) {
        file_.emplace(::open(piece.file.c_str(), O_RDONLY | O_CLOEXEC));
        if (file_->get() < 0) return store::errno_error(errno, "open the object", piece.file);
      }
      const auto wanted =
          std::min<std::uint64_t>(out.size() - filled, static_cast<std::uint64_t>(piece.bytes));
      const ssize_t n = ::pread(file_->get(), out.data() + filled, wanted, piece.offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return store::errno_error(errno, "read the object", piece.file);
      if (n == 0)
        return base::error(Code::kCorruption, "a file of an object is too short: file={}",
                           piece.file.string());
      filled += static_cast<std::size_t>(n);
      piece.offset += n;
      piece.bytes -= n;
      if (piece.bytes > 0) continue;
      file_.reset();
      ++next_;
    }
    return filled;
  }

 private:
  std::vector<objects::OpenPiece> pieces_;
  std::size_t next_ = 0;
  std::optional<store::FileHandle> file_;  // of the next one
};

}  // namespace

Result<http::Response> object_reply(objects::Contents& contents, const objects::Object& object,
                                    const http::Request& request) {
  http::Response response;
  if (const std::optional<int> status = failed_condition(object, request, "")) {
    if (*status == 412)
      return fault(Fault::kPreconditionFailed,
                   "the object is another than the request's conditions say: etag={}", object.etag);
    tell_object(object, request, Extent::kPart, response);
    response.status = *status;
    return response;
  }
  const auto size = static_cast<std::uint64_t>(object.bytes);
  const auto asked = http::parse_range(request.header("Range"), size);
  if (!asked) {
    http::Response refusal =
        error_reply(fault(Fault::kInvalidRange, "the object has no such bytes: range={} bytes={}",
                          request.header("Range"), size),
                    request);
    refusal.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return refusal;
  }
  const http::ByteRange range = asked->value_or(http::ByteRange{0, size});
  tell_object(object, request, *asked ? Extent::kPart : Extent::kWhole, response);
  if (*asked) {
    response.status = 206;
    response.headers.emplace_back(
        "Content-Range",
        fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.bytes - 1, size));
  }
  if (request.method == http::Method::kHead) {
    response.stream = http::StreamBody{nullptr, range.bytes};  // only its length is told
    return response;
  }
  if (range.bytes == 0) return response;
  std::vector<objects::OpenPiece> pieces =
      TRY(contents.open(objects::part_of(object.pieces, static_cast<std::int64_t>(range.offset),
                                         static_cast<std::int64_t>(range.bytes))));
  if (pieces.size() == 1) {
    objects::OpenPiece& only = pieces.front();
    response.file = http::FileBody{std::move(only.file), static_cast<std::uint64_t>(only.offset),
                                   static_cast<std::uint64_t>(only.bytes), std::move(only.hold)};
    return response;
  }
  response.stream =
      http::StreamBody{std::make_shared<PiecesSource>(std::move(pieces)), range.bytes};
  return response;
}

}  // namespace slipway::api::s3
