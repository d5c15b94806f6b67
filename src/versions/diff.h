// What two versions differ in, by path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "versions/history.h"

namespace slipway::versions {

struct FileChange {
  std::string path;
  std::optional<File> before, after;  // one of them at least
  std::string moved_from;             // of a file that is new: where the same content was before
};

// "added", "removed", "changed" or "moved".
std::string_view change_name(const FileChange& change);

// Path, change, bytes before and after, and where it was moved from.
JsonObject to_json(const FileChange& change);

// Of lists that are ordered by path; so is the result. A file whose content was elsewhere before,
// and is gone there, is one change.
std::vector<FileChange> diff_files(const std::vector<File>& before, const std::vector<File>& after);

// Two versions made of one: what either changed since. kConflict: both changed the same file in
// different ways, or one made a folder where the other made a file; names them, and theirs as they
// are `called`: origin/main.
Result<std::vector<File>> merge_files(const std::vector<File>& base, const std::vector<File>& ours,
                                      const std::vector<File>& theirs, std::string_view called);

}  // namespace slipway::versions
