// Finds runs among columns in memory: which ones a filter passes, and the first of them in order.
// Pure functions over what nobody changes meanwhile.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tracking/run_columns.h"
#include "tracking/run_filter.h"
#include "tracking/text_pool.h"
#include "types/search_filter.h"

namespace slipway::tracking {

struct RunSelection {
  std::vector<std::int64_t> experiments;
  View view = View::kActive;
  std::vector<types::SearchClause> clauses;
  std::vector<types::SearchOrder> order;
  std::size_t offset = 0;
  std::size_t count = 1000;
};

// Keys of the metrics that it speaks of.
std::vector<std::string> metrics_of(const RunSelection& selection);

// Numbers of runs, in order.
struct SelectedRuns {
  std::vector<std::int64_t> numbers;
  bool more = false;
};

// With gaps: values, then NaN, then missing, for ascending and descending; ties by newest start,
// then id. `metrics` has the number of every metric that the selection speaks of.
SelectedRuns select_runs(std::span<const ExperimentRuns* const> experiments, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection);

// The same of one experiment, whose number in `selection` doesn't matter: rows instead of numbers,
// and how many runs pass.
struct SelectedRows {
  std::vector<std::uint32_t> rows;
  std::size_t passing = 0;
};
SelectedRows select_rows(const ExperimentRuns& runs, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection);
// All that pass, in order; offset and count of the selection don't matter.
std::vector<std::uint32_t> order_rows(const ExperimentRuns& runs, const TextPool& texts,
                                      const MetricNumbers& metrics, const RunSelection& selection);

}  // namespace slipway::tracking
