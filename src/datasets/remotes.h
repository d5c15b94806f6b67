// DVC remotes: folders of files that are named by the MD5 of their content. The storage holds them
// just as DVC would lay them out there itself, so a remote moves in or out by copying its folder.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "datasets/remote_file.h"
#include "store/object_store.h"

namespace slipway::datasets {

// A file on its way in, front to back; destroyed before finish() it leaves nothing. One thread at a
// time; the Remotes must outlive it.
class RemoteUpload {
 public:
  virtual ~RemoteUpload() = default;
  // May block. kStorageFull; after an error only destroying it is left.
  virtual Result<void> write(std::string_view bytes) = 0;
  // On return the file is there, whole and durable. kInvalidArgument: the bytes are others than its
  // name says, and nothing is kept.
  enum class Outcome { kAdded, kWasThere };
  virtual Result<Outcome> finish() = 0;
};

// Safe to use from several threads. Two who upload the same file both succeed.
class Remotes {
 public:
  // Files of a storage on this machine arrive in `scratch` first, which is best on the same file
  // system; what a crash leaves there is nobody's. `objects` and `random` must outlive this.
  Remotes(store::ObjectStore& objects, base::Random& random, std::filesystem::path scratch)
      : objects_(objects), random_(random), scratch_(std::move(scratch)) {}

  // Does nothing yet. Of a file that is there the bytes are checked, and not written again.
  // `bytes`: how many will come, if that is known.
  std::unique_ptr<RemoteUpload> receive(RemoteFile file, std::optional<std::int64_t> bytes);
  // kNotFound.
  Result<store::Removed> remove(const RemoteFile& file);

  // What holds the files, for reading.
  store::ObjectStore& objects() { return objects_; }

 private:
  store::ObjectStore& objects_;
  base::Random& random_;
  const std::filesystem::path scratch_;
};

}  // namespace slipway::datasets
