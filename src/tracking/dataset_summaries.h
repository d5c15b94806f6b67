// Which datasets the runs of an experiment were fed with.
#pragma once

#include <string>
#include <vector>

#include "store/db.h"
#include "tracking/values.h"

namespace slipway::tracking {

inline constexpr std::int64_t kSummarizedExperimentsMax = 20;
inline constexpr std::size_t kDatasetSummariesMax = 1000;

struct DatasetSummary {
  std::string experiment_id, name, digest;
  std::string context;  // the tag mlflow.data.context: "training"; empty: none
  auto operator<=>(const DatasetSummary&) const = default;
};

// Each combination once. kInvalidArgument: no experiment, or too many.
Result<std::vector<DatasetSummary>> summarize_datasets(
    store::Db& db, const std::vector<std::string>& experiment_ids);

}  // namespace slipway::tracking
