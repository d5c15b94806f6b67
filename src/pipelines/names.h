// What pipelines, steps, parameters, schedules and their files may be called.
#pragma once

#include <string>

#include "types/yaml_reader.h"

namespace slipway::pipelines {

// A letter or '_', then letters, digits, '-' and '_', 64 at most. kInvalidArgument with the place
// of `node`; `what` is "step" and the like.
Result<void> check_name(const std::string& name, const types::YamlNode& node,
                        std::string_view what);

// Whether a file named so is below the folder that it is said of: not empty, not absolute, without
// "..".
bool stays_inside(const std::string& path);

}  // namespace slipway::pipelines
