// YAML as DVC writes it: the same values give the same bytes, as a lock file's lines are compared
// and reviewed. (DVC writes with ruamel.yaml: block style, lines of 80 characters.)
#pragma once

#include <string>

#include "base/json.h"

namespace slipway::dvc {

std::string yaml_text(const JsonObject& document);

// A number as Python prints it: 0.001, 1e-05, 1.0.
std::string python_number(double value);

}  // namespace slipway::dvc
