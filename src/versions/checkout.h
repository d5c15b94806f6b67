// Files of a version into the working folder.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "versions/repository.h"
#include "versions/work_index.h"

namespace slipway::versions {

struct CheckoutOptions {
  // kKeep: a file that isn't as the index knows it stops the checkout before it begins.
  enum class Changed { kKeep, kReplace };
  Changed changed = Changed::kKeep;
  // kAnew: also files that are as they should be, as after another cache.type.
  enum class Kept { kAsTheyAre, kAnew };
  Kept kept = Kept::kAsTheyAre;
  std::size_t threads = 2;
  std::function<void(std::uint64_t files)> progress;  // now and then, from any thread
};

struct CheckedOut {
  std::uint64_t written = 0, removed = 0, bytes = 0;
  std::uint64_t linked = 0;          // of those written, as hard links of the cache
  std::vector<std::string> renewed;  // of those: the cache's file had been written into
};

// Makes the working folder below `path` ("" is all of it) what `files` has there, and the index
// with it; `files` by path. A file is the old or the new one at any time, made as the repository's
// cache_types() say: sharing the packs' blocks (files of 4 MiB and more, where the file system
// can), as a read-only hard link of the cache, which has what it lacks from the packs (not empty
// files), or as a copy. kFailedPrecondition: files would be lost that nobody has added, named.
Result<CheckedOut> check_out(Repository& repository, const std::vector<File>& files,
                             std::string_view path, const CheckoutOptions& options);

// Makes links of the cache below `path` files of their own, that may be written to. Gives how many.
Result<std::uint64_t> unprotect(Repository& repository, std::string_view path);

}  // namespace slipway::versions
