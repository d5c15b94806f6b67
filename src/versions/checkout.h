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
  std::size_t threads = 2;
  std::function<void(std::uint64_t files)> progress;  // now and then, from any thread
};

struct CheckedOut {
  std::uint64_t written = 0, removed = 0, bytes = 0;
};

// Makes the working folder below `path` ("" is all of it) what `files` has there, and the index
// with it; `files` by path. A file is the old or the new one at any time. Where the file system can
// share blocks, long files share those of the packs. kFailedPrecondition: files would be lost that
// nobody has added, named.
Result<CheckedOut> check_out(Repository& repository, const std::vector<File>& files,
                             std::string_view path, const CheckoutOptions& options);

}  // namespace slipway::versions
