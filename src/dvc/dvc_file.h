// Reads dvc.yaml: its stages, with the values of their templates, and what its loops make. Pure,
// but for the files of values that it names.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dvc/stage.h"

namespace slipway::dvc {

inline constexpr std::string_view kDvcFile = "dvc.yaml", kLockFile = "dvc.lock",
                                  kParamsFile = "params.yaml";
inline constexpr std::size_t kStagesMax = 10'000;

// The content of a file below the folder of dvc.yaml. kNotFound.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// In the order written. kInvalidArgument with file, line and what to do: what is wrong, and what
// can't be run here. kResourceExhausted: too many stages.
Result<std::vector<Stage>> read_stages(std::string_view dvc_yaml, const ReadFile& read_file);

// Values of a file named `path`: YAML or JSON by its name. kInvalidArgument with its place.
Result<JsonObject> read_values(const std::string& path, std::string_view text);

}  // namespace slipway::dvc
