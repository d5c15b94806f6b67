// Which runs of an experiment pass: all clauses of a filter, over a chunk of its columns at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tracking/experiments.h"
#include "tracking/run_columns.h"
#include "tracking/text_pool.h"
#include "types/search_filter.h"

namespace slipway::tracking {

// Which rows of a chunk are in: 1 or 0 each.
using RowMask = std::span<std::uint8_t>;

// Calls `each` with every row that is in, eight rows out at a time.
template <typename Each>
void for_set(RowMask mask, Each each) {
  std::uint32_t i = 0;
  for (; i + 8 <= mask.size(); i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, mask.data() + i, sizeof eight);
    for (; eight != 0; eight &= eight - 1)
      each(i + static_cast<std::uint32_t>(std::countr_zero(eight)) / 8);
  }
  for (; i < mask.size(); ++i) {
    if (mask[i] != 0) each(i);
  }
}

// The number of a metric's key, 0 when no run has it.
using MetricNumbers = std::unordered_map<std::string, std::uint32_t>;

// For one thread. What is given to the constructor must outlive it; `metrics` has the number of
// every metric that the clauses speak of.
class RunFilter {
 public:
  RunFilter(const std::vector<types::SearchClause>& clauses, View view, const TextPool& texts,
            const MetricNumbers& metrics);
  ~RunFilter();

  // Fills `mask`, which is as long as the chunk.
  void apply(const ExperimentRuns& runs, std::size_t chunk, RowMask mask);

 private:
  class Clause;
  const View view_;
  std::vector<Clause> clauses_;
};

// The dataset inputs of a run as one text, which the filter takes apart again. A context is what
// the dataset was used for, as tagged; a dataset may have several or none.
struct DatasetUse {
  std::string name, digest;
  std::vector<std::string> contexts;
};
std::string pack_datasets(const std::vector<DatasetUse>& uses);

// An artifact URI with the run's id taken out, so that all runs of an experiment share one text.
std::string pack_artifact_uri(std::string_view uri, std::string_view run_id);
std::string unpack_artifact_uri(std::string_view packed, std::string_view run_id);

}  // namespace slipway::tracking
