// Files by path below one root: a folder of this machine, or a prefix of an S3 bucket. Artifacts
// live here. Both pass the same tests (object_store_test.cc).
//
// Paths are relative, with '/', and have no empty, "." or ".." part; callers have checked them. The
// path "" is the root itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::store {

struct ObjectEntry {
  std::string name;  // one part of a path
  bool is_folder = false;
  std::int64_t bytes = 0;
};

// What a removal has freed.
struct Removed {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};

// The content of one object, front to back. One thread at a time; the store must outlive it.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  // Fills the front of `out`; 0 at the end. kUnavailable: the storage stopped answering, or the
  // object is another one by now.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
  // Of the whole object, as far as the storage has said until now.
  virtual std::optional<std::int64_t> object_bytes() const { return std::nullopt; }
};

// An object that is being written, front to back. One thread at a time; the store must outlive it.
// Nothing is to be seen of it before finish() has returned; destroyed without that it frees what it
// took, which may block.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  // May block while the storage is slower than the bytes come. After an error only destroying it is
  // left.
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<void> finish() = 0;  // whole and durable on return, replacing what was there
};

// A request that somebody else may send to the storage, without credentials of his own.
struct SignedRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // that he must send with it
};

struct UploadedPart {
  int number = 0;   // from 1
  std::string tag;  // the ETag the storage answered with
};

// What a storage offers to clients that move bytes without us in between. Safe to use from several
// threads.
class DirectTransfer {
 public:
  virtual ~DirectTransfer() = default;
  virtual SignedRequest sign_download(const std::string& path,
                                      const std::string& content_disposition,
                                      std::int64_t seconds) = 0;
  virtual SignedRequest sign_upload(const std::string& path, const std::string& content_type,
                                    std::int64_t seconds) = 0;
  // An upload in parts: begin, send each part to its URL, finish. Nothing is to be seen at `path`
  // before finish_parts() has returned.
  virtual Result<std::string> begin_parts(const std::string& path,
                                          const std::string& content_type) = 0;
  virtual SignedRequest sign_part(const std::string& path, const std::string& upload, int number,
                                  std::int64_t seconds) = 0;
  // kInvalidArgument: the storage does not have these parts.
  virtual Result<void> finish_parts(const std::string& path, const std::string& upload,
                                    const std::vector<UploadedPart>& parts) = 0;
  // Frees what the parts took. An upload that is not there is no error.
  virtual Result<void> abort_parts(const std::string& path, const std::string& upload) = 0;
};

// Safe to use from several threads. Errors of all methods: kInvalidArgument for a path that leads
// out of the root (links), kPermissionDenied, kStorageFull, kUnavailable when the storage does not
// answer after the retries.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // What is directly in `folder`, by name; empty when there is no such folder.
  virtual Result<std::vector<ObjectEntry>> list(const std::string& folder) = 0;
  // Bytes of the file. kNotFound: no file there (a folder is none).
  virtual Result<std::int64_t> size(const std::string& path) = 0;
  // `bytes` from `offset` on; the file has them. kNotFound.
  virtual Result<std::unique_ptr<ObjectReader>> read(const std::string& path, std::int64_t offset,
                                                     std::int64_t bytes) = 0;
  // Makes `path` what `file` holds; whole and durable on return, replacing what was there. May move
  // the file away. kInvalidArgument: a folder has that name.
  virtual Result<void> put_file(const std::string& path, const std::filesystem::path& file,
                                const std::string& content_type) = 0;
  // For bytes that are yet to come, `bytes` of them if that is known. Asks the storage nothing yet.
  // Nothing when the storage wants a file.
  virtual std::unique_ptr<ObjectWriter> write(const std::string& /*path*/,
                                              const std::string& /*content_type*/,
                                              std::optional<std::int64_t> /*bytes*/) {
    return nullptr;
  }
  // A file, or a folder with all in it. Nothing there is no error.
  virtual Result<Removed> remove(const std::string& path) = 0;

  // Where `path` is on this machine, be it there or not; nothing when the storage is elsewhere.
  virtual Result<std::optional<std::filesystem::path>> local_path(const std::string& path) = 0;
  // Nothing when every byte has to pass through us. Lives as long as the store.
  virtual DirectTransfer* direct() { return nullptr; }
};

// A folder of this machine, made when the first file comes. Links inside must not lead out of it.
std::unique_ptr<ObjectStore> open_folder_objects(std::filesystem::path root);

}  // namespace slipway::store
