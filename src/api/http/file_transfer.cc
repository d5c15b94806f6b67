#include "api/http/file_transfer.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace slipway::http {
namespace {

constexpr std::uint64_t kTurnBytes = 4 << 20;

}  // namespace

Result<FileDownload> FileDownload::open(const FileBody& body) {
  Descriptor file(::open(body.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return base::error(Code::kNotFound, "the file is gone: {}", std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) < body.offset + body.bytes)
    return base::error(Code::kNotFound, "the file is shorter than it was");
  return FileDownload(std::move(file), static_cast<std::int64_t>(body.offset), body.bytes);
}

FileDownload::Progress FileDownload::send(int socket) {
  for (std::uint64_t sent = 0; left_ > 0;) {
    if (sent >= kTurnBytes) return Progress::kTurnOver;
    const ssize_t n = ::sendfile(socket, file_.get(), &offset_, std::min(left_, kTurnBytes - sent));
    if (n > 0) {
      left_ -= static_cast<std::uint64_t>(n);
      sent += static_cast<std::uint64_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      return n < 0 && errno == EAGAIN ? Progress::kSocketFull : Progress::kFailed;
    }
  }
  return Progress::kDone;
}

Result<FileUpload> FileUpload::create(std::filesystem::path path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) {
    return base::error(Code::kInternal, "cannot make the upload file: {}", std::strerror(errno));
  }
  return FileUpload(std::move(path), std::move(file));
}

FileUpload::~FileUpload() {
  if (path_.empty()) return;  // moved from
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Result<void> FileUpload::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      const bool full = errno == ENOSPC || errno == EDQUOT;
      return base::error(full ? Code::kStorageFull : Code::kInternal,
                         "cannot write the upload file: {}", std::strerror(errno));
    }
  }
  return {};
}

}  // namespace slipway::http
