// What DVC keeps is nothing for Git: its name goes into the .gitignore beside it.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace slipway::dvc {

// Nothing happens when `repository` is no checkout of Git, or the name is there. It comes before
// those of `later` that are in the same folder, which may have come first; else at the end.
Result<void> ignore_in_git(const std::filesystem::path& repository,
                           const std::filesystem::path& path,
                           const std::vector<std::filesystem::path>& later);

}  // namespace slipway::dvc
