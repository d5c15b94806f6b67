// Objects in a folder: many to a file, so that a million small ones are quick to write, to read and
// to copy. A pack is a file of objects one after the other, PACK.pack, and one that says where each
// is, PACK.index; see docs/formats/data_versions.md.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "store/file_system.h"
#include "versions/content.h"

namespace slipway::versions {

// Where an object is.
struct Place {
  std::uint32_t pack = 0;  // its number in Packs, while that lives
  std::uint32_t bytes = 0;
  std::uint64_t offset = 0;
};
// Makes `run` longer by `next` where that lies right behind it, so that one read gets both. False:
// it doesn't, or the run would be longer than 1 GiB.
bool extend(Place& run, const Place& next);

struct PackedObject {
  Digest digest{};
  Place place;
};

class PackWriter;

// Safe to use from several threads, but for remove(). Other processes may read the folder at the
// same time and see what was there when they opened it; only one may write.
class Packs {
 public:
  // Makes the folder. Packs that are damaged so that nothing can be found in them are left out, and
  // damaged() says why; where it can't be told whether one is, that is an error. `remedy`: what
  // mends damage here, which errors that tell of it end with.
  static Result<std::unique_ptr<Packs>> open(std::filesystem::path folder, std::string remedy = "");
  const std::vector<Error>& damaged() const { return damaged_; }

  const std::filesystem::path& folder() const { return folder_; }

  std::optional<Place> find(const Digest& digest) const;
  // An object as it was written. Fails as missing() when it isn't there. kCorruption: it isn't what
  // was written any more, or the disk can't read it, and says where.
  Result<std::string> read(const Digest& digest) const;
  // The same bytes as they are now, unchecked, appended to `out`. kCorruption: the pack breaks off,
  // or the disk can't read it. Other errors say nothing of the pack.
  Result<void> read(const Place& place, std::string& out) const;
  // Why an object isn't there. kCorruption: packs are damaged that may have had it. Else kNotFound.
  Error missing(const Digest& digest) const;
  // The file that holds it, open for reading.
  Result<std::shared_ptr<const store::FileHandle>> file(std::uint32_t pack) const;

  // All objects, in the order of their places.
  std::vector<PackedObject> list() const;
  std::uint64_t bytes() const;  // of all packs, without what says where
  std::size_t size() const;     // objects
  std::filesystem::path pack_file(std::uint32_t pack) const;

  // Removes `packs` and what crashes left behind. Nobody else uses the folder; the object is to be
  // opened anew afterwards.
  Result<void> remove(const std::vector<std::uint32_t>& packs);
  // Of those that damaged() tells of, where only a part of the file is there: its objects are
  // found.
  const std::vector<std::uint32_t>& cut() const { return cut_; }
  // The others get names that end with .damaged, for whoever can read them; likewise.
  Result<void> put_aside_damaged();

 private:
  friend class PackWriter;
  Packs(std::filesystem::path folder, std::string remedy)
      : folder_(std::move(folder)), remedy_(std::move(remedy)) {}
  Error damage(const std::filesystem::path& file, std::string_view what) const;
  Result<void> load(const std::string& name);
  Result<void> remove_named(const std::vector<std::string>& names);
  // Its number.
  std::uint32_t add(const std::string& name, std::uint64_t bytes,
                    const std::vector<PackedObject>& objects);
  void insert(std::uint32_t number) REQUIRES(mutex_);
  std::optional<Place> find_locked(const Digest& digest) const REQUIRES_SHARED(mutex_);

  const std::filesystem::path folder_;
  const std::string remedy_;
  std::vector<Error> damaged_;
  std::vector<std::string> damaged_names_;  // of those in which nothing can be found
  std::vector<std::uint32_t> cut_;
  mutable base::SharedMutex mutex_;
  std::vector<std::string> names_ GUARDED_BY(mutex_);
  std::vector<PackedObject> objects_ GUARDED_BY(mutex_);
  std::vector<std::uint32_t> slots_ GUARDED_BY(mutex_);  // open addressing: 1 + an index, 0 is free
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  mutable base::Mutex files_mutex_;
  mutable std::vector<std::pair<std::uint32_t, std::shared_ptr<const store::FileHandle>>> files_
      GUARDED_BY(files_mutex_);  // the last used last
};

// Objects on their way into new packs. Those of a pack that is full are there at once, the rest
// when finish() returns; destroyed without that it leaves nothing else. After an error all calls
// give that error: a disk tells of what it lost only once. Safe to use from several threads;
// `packs` must outlive it.
class PackWriter {
 public:
  // What is in the packs `leaving` counts as not there: they are about to be removed.
  explicit PackWriter(Packs& packs, std::set<std::uint32_t> leaving = {});
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  // False: it is there already. kStorageFull.
  Result<bool> add(const Digest& digest, std::string_view bytes);
  // Several, in one turn among threads.
  struct Object {
    Digest digest{};
    std::string_view bytes;
  };
  Result<void> add(std::span<const Object> objects);
  // Content of any length, cut into chunks.
  Result<Content> add_content(std::string_view bytes);
  // What comes next begins where file systems can share its blocks.
  Result<void> align();
  // All that was added is whole and durable when this returns.
  Result<void> finish();

  std::uint64_t bytes_added() const;

 private:
  struct Pack;
  Result<bool> add_locked(const Digest& digest, std::string_view bytes) REQUIRES(mutex_);
  Result<void> append(std::string_view bytes) REQUIRES(mutex_);
  Result<void> close_pack() REQUIRES(mutex_);
  Result<void> publish() REQUIRES(mutex_);
  // The same, but an error is the answer to all that comes.
  Result<void> keep(Result<void> done) REQUIRES(mutex_);

  Packs& packs_;
  const std::set<std::uint32_t> leaving_;
  mutable base::Mutex mutex_;
  std::unique_ptr<Pack> pack_ GUARDED_BY(mutex_);                      // the one being written
  std::unordered_set<Digest, DigestHash> pending_ GUARDED_BY(mutex_);  // its objects
  std::uint64_t bytes_added_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failed_ GUARDED_BY(mutex_);
};

}  // namespace slipway::versions
