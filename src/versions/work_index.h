// What was last seen of the working folder's files: which content each has, and by what a change
// would show. It is also what the next commit holds.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "versions/history.h"

namespace slipway::versions {

// From lstat: as long as these stay, so does the content.
struct FileMark {
  std::uint64_t bytes = 0, inode = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  std::uint64_t mode = 0;
  bool operator==(const FileMark&) const = default;
};
FileMark mark_of(const struct stat& stat);
// Nothing: it is neither a file nor a link.
std::optional<EntryKind> kind_of(const struct stat& stat);

struct IndexedFile {
  File file;
  FileMark mark;  // all zero: not known to be the same
};

class WorkIndex {
 public:
  // An empty one where there is no file. kCorruption: `slipway data add` makes it anew.
  static Result<WorkIndex> load(const std::filesystem::path& file);
  Result<void> save(const std::filesystem::path& file) const;

  const std::vector<IndexedFile>& files() const { return files_; }  // by path
  const IndexedFile* find(std::string_view path) const;
  // Of a file whose content was read while the clock of its file system said `read_ns`: one changed
  // since then could still have the same mark, so a mark as young as that isn't kept.
  static FileMark settled(const FileMark& mark, std::int64_t read_ns);

  // `files` by path.
  explicit WorkIndex(std::vector<IndexedFile> files = {}) : files_(std::move(files)) {}
  std::vector<File> content() const;

 private:
  std::vector<IndexedFile> files_;
};

// The first of the files below the folder `path`, and the one after the last; "" is all of them.
// Also finds a single file.
std::pair<std::size_t, std::size_t> range_below(const std::vector<IndexedFile>& files,
                                                std::string_view path);

}  // namespace slipway::versions
