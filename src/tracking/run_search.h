// Finds runs by the filter language.
#pragma once

#include <string>
#include <vector>

#include "tracking/experiments.h"
#include "tracking/run_index.h"
#include "tracking/runs.h"

namespace slipway::tracking {

struct RunQuery {
  std::vector<std::string> experiment_ids;
  std::string filter;
  View view = View::kActive;
  std::vector<std::string> order_by;
  std::int64_t max_results = 1000;
  std::string page_token;
};

// kInvalidArgument with what is wrong in filter, order or token. Order with gaps: values, then NaN,
// then missing, for ascending and descending; ties by newest start, then id.
Result<Page<Run>> search_runs(RunIndex& index, Runs& runs, const RunQuery& query);

}  // namespace slipway::tracking
