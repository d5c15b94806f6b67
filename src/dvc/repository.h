// The repository of DVC that a project is in.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace slipway::dvc {

// The folder with `.dvc` that `project` is in. kFailedPrecondition: there is none, or what it says
// (.dvcignore, `cache.dir` of .dvc/config) would let DVC see other files than are seen here, with
// file and line.
Result<std::filesystem::path> find_repository(const std::filesystem::path& project);

}  // namespace slipway::dvc
