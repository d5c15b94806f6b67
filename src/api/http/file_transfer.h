// Bodies that are files: sent without passing through our memory, and received piece by piece. The
// connection drives both on its I/O thread, whenever its socket is ready.
//
// What should happen elsewhere (ranges, other storage, hashing while receiving) belongs here: the
// connection knows no more than send() and write().
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "api/http/event_loop.h"
#include "api/http/router.h"

namespace slipway::http {

// A file on its way to a socket.
class FileDownload {
 public:
  // kNotFound: it cannot be opened, or is shorter than promised.
  static Result<FileDownload> open(const FileBody& body);

  enum class Progress { kDone, kSocketFull, kTurnOver, kFailed };
  // Sends what the socket takes, at most some megabytes a turn (kTurnOver), so that others get
  // theirs. kFailed: the peer is gone, or the file was cut short: the promised length can't be
  // kept.
  Progress send(int socket);

 private:
  FileDownload(Descriptor file, std::int64_t offset, std::uint64_t left)
      : file_(std::move(file)), offset_(offset), left_(left) {}

  Descriptor file_;
  std::int64_t offset_ = 0;
  std::uint64_t left_ = 0;
};

// A body on its way into a new file. The file is removed with the object, unless somebody has moved
// it away.
class FileUpload {
 public:
  // kInternal: it cannot be made.
  static Result<FileUpload> create(std::filesystem::path path);
  ~FileUpload();
  FileUpload(FileUpload&& other) noexcept
      : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  FileUpload& operator=(FileUpload&&) = delete;

  // kStorageFull; kInternal: another failure, named.
  Result<void> write(std::string_view bytes);
  void finish() { file_.close(); }  // everything is written
  const std::filesystem::path& path() const { return path_; }

 private:
  FileUpload(std::filesystem::path path, Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::filesystem::path path_;
  Descriptor file_;
};

}  // namespace slipway::http
