// Finds runs among columns in memory: which ones a filter passes, and the first of them in order.
// Pure functions over what nobody changes meanwhile.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tracking/experiments.h"
#include "tracking/run_columns.h"
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

// Numbers of runs, in order.
struct SelectedRuns {
  std::vector<std::int64_t> numbers;
  bool more = false;
};

// The number of a metric's key, 0 when no run has it.
using MetricNumbers = std::unordered_map<std::string, std::uint32_t>;

// With gaps: values, then NaN, then missing, for ascending and descending; ties by newest start,
// then id. `metrics` has the number of every metric that the selection speaks of.
SelectedRuns select_runs(std::span<const ExperimentRuns* const> experiments, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection);

// The dataset inputs of a run as one text, which select_runs takes apart again. A context is what
// the dataset was used for, as tagged; a dataset may have several or none.
struct DatasetUse {
  std::string name, digest;
  std::vector<std::string> contexts;
};
std::string pack_datasets(const std::vector<DatasetUse>& uses);

// An artifact URI with the run's id taken out, so that all runs of an experiment share one text.
std::string pack_artifact_uri(std::string_view uri, std::string_view run_id);

}  // namespace slipway::tracking
