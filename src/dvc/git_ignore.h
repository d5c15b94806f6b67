// What DVC keeps is nothing for Git: its name goes into the .gitignore beside it.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace slipway::dvc {

// Nothing happens when `repository` is no checkout of Git, or the name is there.
Result<void> ignore_in_git(const std::filesystem::path& repository,
                           const std::filesystem::path& path);

}  // namespace slipway::dvc
