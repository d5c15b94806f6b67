// The Python of an on-demand feature view as expressions of slipway.yaml, as far as it is
// arithmetic:
//
//   df["fee"] = inputs["dist"] * 2        -> fee: dist * 2         (pandas)
//   return {"fee": [2 * x for x in inputs["dist"]]}                (python)
//
// Anything else is refused with the line that isn't understood. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::api::feast_source {

// How the function is called: with columns that are computed with as a whole (pandas), with the
// values of one row (python, singleton), or with lists of values (python).
enum class PythonMode { kColumns, kRow, kLists };

// Feature -> expression, in the order of the function. `column` gives the text that stands for an
// input, kInvalidArgument if it has no place in an expression. A comparison with a missing value is
// what pandas says: false, and `!=` true. kInvalidArgument naming the line of the function.
using InputText = std::function<Result<std::string>(const std::string& input)>;
Result<std::vector<std::pair<std::string, std::string>>> read_transform(std::string_view function,
                                                                        PythonMode mode,
                                                                        const InputText& column);

}  // namespace slipway::api::feast_source
