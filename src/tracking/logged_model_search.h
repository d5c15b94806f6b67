// Searching logged models: MLflow's filter over attributes, metrics, parameters and tags, metrics
// perhaps on certain datasets only.
#pragma once

#include <string>
#include <vector>

#include "store/db.h"
#include "tracking/values.h"

namespace slipway::tracking {

struct DatasetKey {
  std::string name;
  std::string digest;  // empty: any
};

struct LoggedModelOrder {
  std::string field;  // an attribute, or "metrics.NAME"
  bool ascending = true;
  DatasetKey dataset;  // of the metric; an empty name: whatever it was measured on
};

struct LoggedModelQuery {
  std::vector<std::string> experiment_ids;
  std::string filter;
  // Conditions on metrics count on these datasets only; without any condition, models with any
  // metric on them are found.
  std::vector<DatasetKey> datasets;
  std::vector<LoggedModelOrder> order_by;  // then newest first
  std::int64_t max_results = 100;
  std::string page_token;
};

// Deleted models are not found. Models that lack what is sorted by come last. kInvalidArgument.
Result<Page<LoggedModel>> search_logged_models(store::Db& db, const LoggedModelQuery& query);

}  // namespace slipway::tracking
