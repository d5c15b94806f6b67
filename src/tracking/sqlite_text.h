// Comparing text inside SQLite, where LIKE ignores case and GLOB doesn't.
#pragma once

#include <string>
#include <string_view>

#include "types/search_filter.h"

namespace slipway::tracking {

// "= ?", "!= ?", "GLOB ?" (LIKE: case sensitive) or "LIKE ?" (ILIKE). kInvalidArgument for any
// other comparison.
Result<std::string> text_comparison(const types::SearchClause& clause);

// A LIKE pattern (% and _) as the GLOB pattern that matches the same texts, but is case sensitive,
// as MLflow's LIKE is.
std::string like_to_glob(std::string_view pattern);

}  // namespace slipway::tracking
