// Bytes named by their SHA-256. What put() has acknowledged survives a crash; what get() returns is
// what was put.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace slipway::store {

struct BlobInfo {
  std::string digest;  // SHA-256 in lower-case hex
  std::int64_t bytes = 0;
};

// Safe to use from several threads; several processes may share one folder.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  virtual Result<BlobInfo> put(std::string_view bytes) = 0;
  // Takes the content of `file`, moving it when that is cheaper (so treat it as gone) and `keep` is
  // false.
  enum class Source { kKeep, kConsume };
  virtual Result<BlobInfo> put_file(const std::filesystem::path& file, Source source) = 0;

  // The whole content, checked against the digest. kNotFound; kCorruption when the bytes on disk
  // have changed.
  virtual Result<std::string> get(const std::string& digest) = 0;
  virtual Result<bool> contains(const std::string& digest) = 0;
  // A local file with the content, for readers that want a path; read-only, and not checked again.
  virtual Result<std::filesystem::path> local_file(const std::string& digest) = 0;
  // All of them, in no order.
  virtual Result<std::vector<BlobInfo>> list() = 0;
  // kNotFound when it is not there. Returns the bytes freed.
  virtual Result<std::int64_t> remove(const std::string& digest) = 0;
};

// A folder: <root>/ab/abcdef...; written to a temporary name, synced, renamed, folder synced.
Result<std::unique_ptr<BlobStore>> open_folder_blobs(const std::filesystem::path& root,
                                                     base::Random& random);

}  // namespace slipway::store
