// What dvc.yaml may say, told with lines.
#pragma once

#include <string_view>

#include "base/result.h"

namespace slipway::dvc {

// kInvalidArgument "dvc.yaml: line 3, column 7: ...": keys and types that dvc.yaml doesn't have,
// and what it has and can't be run here.
Result<void> check_schema(std::string_view dvc_yaml);

}  // namespace slipway::dvc
