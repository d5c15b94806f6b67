// The repository of DVC that a project is in, and the stages there.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "dvc/stage.h"

namespace slipway::dvc {

// The folder with `.dvc` that `project` is in. kFailedPrecondition: there is none, or what it says
// (.dvcignore, `cache.dir` of .dvc/config) would let DVC see other files than are seen here, with
// file and line.
Result<std::filesystem::path> find_repository(const std::filesystem::path& project);

// Of the dvc.yaml in `project`. Errors as read_stages; kNotFound: there is none.
Result<std::vector<Stage>> read_project(const std::filesystem::path& project);

// Of all dvc.yaml below `repository`, as `dvc repro --all-pipelines` takes them, a folder before
// those in it. Left out: links, outputs, what
// Git ignores, and repositories of their own.
// Errors as read_project, with the folder, and as find_repository.
Result<std::vector<Stage>> read_all_projects(const std::filesystem::path& repository);

}  // namespace slipway::dvc
