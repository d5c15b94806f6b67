// Files like `data.csv.dvc`, which `dvc add` writes: DVC's cache has what they name. To DVC they
// are stages of the graph that verify and keep data before a stage reads it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dvc/contents.h"

namespace slipway::dvc {

inline constexpr std::string_view kDataFileEnd = ".dvc";

// By normal path; nothing: there was no such file.
using Contents = std::map<std::filesystem::path, std::optional<Content>>;

// Those for what is at `path`, above it or below it, as `dvc add` names them. None for a path
// outside of `repository`.
std::vector<std::filesystem::path> data_files_of(const std::filesystem::path& repository,
                                                 const std::filesystem::path& path);

// Whether what `file` names has changed, or isn't in `cache`; then it is put there, and `file` says
// so. What was read for it is in `seen`. One process at a time for a file. kNotFound: the data
// isn't there. kFailedPrecondition: it has changed, and only DVC can keep it (imports, files of DVC
// 2).
Result<bool> keep_data(const std::filesystem::path& file, const Cache& cache, bool force,
                       Contents& seen);

// The text of such a file, with one output, that says `content`: other lines stay as they are.
// Pure. kInvalidArgument: it isn't written as DVC writes it.
Result<std::string> with_content(std::string_view text, const Content& content);

}  // namespace slipway::dvc
