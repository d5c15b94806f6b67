// The content of files on its way into a repository.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "versions/repository.h"
#include "versions/work_index.h"

namespace slipway::versions {

struct AddOptions {
  std::size_t threads = 2;
  // Called now and then, from any of the threads: files and bytes that are read.
  std::function<void(std::uint64_t files, std::uint64_t bytes)> progress;
};

struct Added {
  std::uint64_t files = 0;        // that are below the paths now
  std::uint64_t read = 0;         // whose content had to be read, because they are new or differ
  std::uint64_t removed = 0;      // that the index had below the paths and that are gone
  std::uint64_t bytes = 0;        // of all files below the paths
  std::uint64_t bytes_added = 0;  // that the repository has more
  std::vector<std::string> passed_over;  // neither files nor links nor folders
};

// Keeps what is at `paths` (in the working folder), and makes it what the next commit holds there.
// Files whose marks the index knows aren't read. Folders called .slipway and .git aren't looked
// into, nor is what .slipwayignore says: what the index has of it goes from there. kNotFound:
// nothing is there and the index knows nothing of it. kConflict: a file changed while it was read.
// kFailedPrecondition: links of the cache were written into, or a path is ignored, named. Nothing
// but objects has changed after an error.
Result<Added> add_paths(Repository& repository, const std::vector<std::filesystem::path>& paths,
                        const AddOptions& options);

// Reads files again whose content the index names and the packs lack, where something of that
// length is; the index stays. Gives how many. For packs that were damaged.
Result<std::uint64_t> read_again(Repository& repository, const AddOptions& options);

// What is in the working folder and differs from the index, which is not changed.
//
// kOverwritten: it was a link of the cache and something wrote into it, so that all links of it
// have changed.
// kIgnored: it is there, and goes from the next version with what is added.
enum class ChangeKind { kNew, kModified, kDeleted, kOverwritten, kIgnored };
struct WorkChange {
  ChangeKind kind = ChangeKind::kNew;
  std::string path;
};
Result<std::vector<WorkChange>> find_changes(const Repository& repository, const WorkIndex& index);

// Whether the file or link at `path`, which is there, has just this content.
Result<bool> has_content(const Repository& repository, const std::string& path,
                         const Content& content);

// `path`, which may be relative to the current folder, from the top of the repository's.
// kInvalidArgument: it is outside.
Result<std::string> path_in(const Repository& repository, const std::filesystem::path& path);

std::filesystem::path index_file(const Repository& repository);

}  // namespace slipway::versions
