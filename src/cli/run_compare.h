// What differs between runs: parameters, metrics, tags, code, datasets, environment.
#pragma once

#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/run_record.h"

namespace slipway::cli {

inline constexpr std::size_t kComparedRunsMin = 2, kComparedRunsMax = 20;

// {"runs":[{"id","name"}...],"rows":[{"what","key","values":[...],"delta","differs"}...]}: one row
// for everything that at least one of the runs has, or only for what is not the same in all.
// `delta` is the last minus the first number, of more than two runs the largest minus the smallest;
// null where there is none.
enum class Rows { kDifferent, kAll };
Result<JsonObject> compare_runs(Client& client, const std::vector<std::string>& ids, Rows rows);

// The comparison as a table with a column for each run.
std::string comparison_table(const Json& comparison);

}  // namespace slipway::cli
