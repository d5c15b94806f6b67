#include "tracking/dataset_summaries.h"

#include <set>

#include "tracking/experiments.h"
#include "tracking/input_tags.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kContextTag = "mlflow.data.context";

Result<void> check(const std::vector<std::string>& experiment_ids) {
  if (experiment_ids.empty()) {
    return base::error(Code::kInvalidArgument,
                       "SearchDatasets request must specify at least one experiment_id.");
  }
  if (std::ssize(experiment_ids) > kSummarizedExperimentsMax) {
    return base::error(Code::kInvalidArgument,
                       "SearchDatasets request cannot specify more than {} experiment_ids. "
                       "Received {} experiment_ids.",
                       kSummarizedExperimentsMax, experiment_ids.size());
  }
  return {};
}

std::string context_of(std::string_view tags) {
  for (const KeyValue& tag : parse_input_tags(tags)) {
    if (tag.key == kContextTag) return tag.value;
  }
  return "";
}

}  // namespace

Result<std::vector<DatasetSummary>> summarize_datasets(
    store::Db& db, const std::vector<std::string>& experiment_ids) {
  TRY(check(experiment_ids));
  const std::vector<std::int64_t> numbers = TRY(experiment_numbers(experiment_ids));
  return db.read([&](store::Reader& reader) -> Result<std::vector<DatasetSummary>> {
    std::set<DatasetSummary> summaries;
    for (const std::int64_t number : numbers) {
      TRY(reader.query(
          "SELECT DISTINCT d.name, d.digest, d.tags FROM run_datasets d JOIN runs r ON r.number = "
          "d.run WHERE r.experiment = ? ORDER BY d.name, d.digest, d.tags",
          {number}, [&](const store::Row& row) {
            if (summaries.size() < kDatasetSummariesMax)
              summaries.insert(
                  {std::to_string(number), row.string(0), row.string(1), context_of(row.text(2))});
          }));
    }
    return std::vector<DatasetSummary>(summaries.begin(), summaries.end());
  });
}

}  // namespace slipway::tracking
