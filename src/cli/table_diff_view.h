// The difference of two versions of a table, for people.
#pragma once

#include <string>

#include "base/json.h"

namespace slipway::cli {

// `diff` is as datasets::TableDiff::to_json() tells it.
std::string show_table_diff(const Json& diff);

}  // namespace slipway::cli
