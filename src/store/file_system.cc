#include "store/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace slipway::store {
FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

Error errno_error(int number, std::string_view what, const std::filesystem::path& path) {
  Code code = Code::kInternal;
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      code = Code::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Code::kPermissionDenied;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = Code::kStorageFull;
      break;
    case EMFILE:
    case ENFILE:
      code = Code::kResourceExhausted;
      break;
    default:
      break;
  }
  return base::error(code, "cannot {}: {}: path={}", what, std::strerror(number), path.string());
}

Result<std::string> read_file(const std::filesystem::path& file) {
  FileHandle fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return errno_error(errno, "open the file", file);
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read the file", file);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> write_file(const std::filesystem::path& file, std::string_view bytes,
                        Readable readable) {
  static std::atomic<unsigned> counter{0};
  const std::filesystem::path temporary =
      file.string() + fmt::format(".tmp-{}-{}", ::getpid(), ++counter);
  const auto fail = [&](int number, std::string_view what) {
    ::unlink(temporary.c_str());
    return errno_error(number, what, file);
  };
  const mode_t mode = readable == Readable::kByOwner ? 0600 : 0644;
  FileHandle fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return errno_error(errno, "create the file", file);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno, "write the file");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return fail(errno, "sync the file");
  if (::rename(temporary.c_str(), file.c_str()) != 0) return fail(errno, "rename the file");
  return sync_folder(file.parent_path());
}

Result<void> sync_file(const std::filesystem::path& file) {
  FileHandle fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return errno_error(errno, "open the file", file);
  if (::fsync(fd.get()) != 0) return errno_error(errno, "sync the file", file);
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path target = folder.empty() ? std::filesystem::path(".") : folder;
  FileHandle fd(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return errno_error(errno, "open the folder", target);
  if (::fsync(fd.get()) != 0) return errno_error(errno, "sync the folder", target);
  return {};
}

Result<void> make_folders(const std::filesystem::path& folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return errno_error(ec.value(), "create the folder", folder);
  return {};
}

Result<std::vector<std::filesystem::path>> files_below(
    const std::filesystem::path& folder,
    const std::function<bool(const std::filesystem::path&)>& leave_out) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (std::filesystem::recursive_directory_iterator it(folder, ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code leads_nowhere;
    if (leave_out && leave_out(it->path()))
      it.disable_recursion_pending();
    else if (it->is_regular_file(leads_nowhere))
      files.push_back(it->path());
  }
  if (ec) return errno_error(ec.value(), "read the folder", folder);
  std::sort(files.begin(), files.end());
  return files;
}

Result<FolderLock> FolderLock::acquire(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "lock";
  FileHandle fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (fd.get() < 0) return errno_error(errno, "open the lock file", file);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t n = ::pread(fd.get(), holder, sizeof holder - 1, 0);
    return base::error(Code::kUnavailable,
                       "another process uses this data folder: folder={} pid={}", folder.string(),
                       n > 0 ? std::string_view(holder, static_cast<std::size_t>(n)) : "unknown");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
    return errno_error(errno, "write the lock file", file);
  }
  return FolderLock(fd.release());
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace slipway::store
