// Times that are written out in expressions and are none. timestamp('2020-01-01 00:00:00') is
// missing in every row, and a rule of it never broken: it is refused where it is declared
// (Expression::check_condition, too), and keeps this meaning where it is stored.
#pragma once

#include <string_view>

#include "base/result.h"

namespace slipway::features {

// kInvalidArgument as Expression::parse(), of the first one. What else is wrong is no matter here.
Result<void> check_written_times(std::string_view text);

}  // namespace slipway::features
