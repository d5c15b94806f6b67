// The few file operations that durability rests on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::store {

// An open file; closed on every way out. Negative: none.
class FileHandle {
 public:
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&&) = delete;
  ~FileHandle();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<std::string> read_file(const std::filesystem::path& file);

// Writes beside `file` under a temporary name, syncs, renames over it, syncs the folder: the file
// is the old or the new one, never half. kStorageFull: the disk is full.
enum class Readable { kByAll, kByOwner };
Result<void> write_file(const std::filesystem::path& file, std::string_view bytes,
                        Readable readable = Readable::kByAll);

// fsync of a file that is complete.
Result<void> sync_file(const std::filesystem::path& file);

// fsync of a folder, so that names made in it survive a crash.
Result<void> sync_folder(const std::filesystem::path& folder);

Result<void> make_folders(const std::filesystem::path& folder);

// The regular files below a folder, and links to such, in order of their paths; aside what
// `leave_out` is true of, with all that is below it. Links to folders aren't followed, and one that
// leads nowhere is no file. The errors of errno_error: a folder can't be read.
Result<std::vector<std::filesystem::path>> files_below(
    const std::filesystem::path& folder,
    const std::function<bool(const std::filesystem::path&)>& leave_out = nullptr);

// From errno: kNotFound, kPermissionDenied, kStorageFull, kResourceExhausted (too many files),
// else kInternal.
Error errno_error(int number, std::string_view what, const std::filesystem::path& path);

// Holds a folder for one process: a lock file that the kernel releases when the process ends,
// however it ends.
class FolderLock {
 public:
  // kUnavailable when another process holds it; the message has its process id.
  static Result<FolderLock> acquire(const std::filesystem::path& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace slipway::store
