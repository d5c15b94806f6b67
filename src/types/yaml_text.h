// Writing YAML that people read: values on one line. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace slipway::types {

// A text as a scalar: bare where YAML takes it for that text, otherwise in double quotes.
std::string yaml_scalar(std::string_view text);

// Flow style, `{min: 0, in: [a, "10"]}`; numbers in their shortest form.
std::string flow_yaml(const Json& value);

}  // namespace slipway::types
