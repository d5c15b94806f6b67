// Whole files by their content, beside the packs: checkout makes hard links of them where the
// setting cache.type says so.
//
// A file of the cache is read-only, and the nanoseconds of its time of change come from its digest:
// whoever writes into it, through whichever link, leaves other ones. So one look tells whether it
// still is what it was, as long as nobody sets times by hand; `slipway data verify` reads it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/file_system.h"
#include "versions/work_index.h"

namespace slipway::versions {

// How checkout makes a file: the first of those set that works, else by copying.
enum class CacheType { kReflink, kHardlink, kCopy };
std::string_view cache_type_name(CacheType type);
// As "reflink,hardlink,copy". kInvalidArgument.
Result<std::vector<CacheType>> parse_cache_types(std::string_view text);

// Whether a file with this mark is one of the cache that has `file`'s content and that nobody has
// written into.
bool is_link(const FileMark& mark, const File& file);
// Whether what is at the path of `known` has, without reading it, the content that the index says.
bool is_untouched(const IndexedFile& known, const FileMark& now);
// Whether it was a link of the cache when the index saw it, and is the same file and has changed.
bool is_overwritten(const IndexedFile& known, const FileMark& now);

// Safe to use from several threads.
class LinkCache {
 public:
  explicit LinkCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path path(const File& file) const;
  // An empty file, open for writing, that is to become one of the cache. `number` tells those apart
  // that are written at the same time.
  Result<store::FileHandle> begin(const File& file, std::size_t number) const;
  // Makes it a file of the cache; it has the content of `file` by now. False: the file system
  // doesn't keep times as finely as it takes, and it is gone.
  Result<bool> finish(const File& file, std::size_t number, const store::FileHandle& written) const;

  struct Cached {
    std::filesystem::path path;
    File file;  // without its path
    FileMark mark;
    bool is_elsewhere = false;  // has other links
    bool is_finished = true;    // false: a kill has left it, `file` is nothing
  };
  // What is in it, in no order.
  Result<std::vector<Cached>> list() const;

 private:
  std::filesystem::path unfinished(const File& file, std::size_t number) const;

  const std::filesystem::path folder_;
};

}  // namespace slipway::versions
