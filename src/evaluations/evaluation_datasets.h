// Keeps evaluation datasets: questions that an application is asked, and what good answers are.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "evaluations/dataset_records.h"
#include "evaluations/ports.h"
#include "store/db.h"

namespace slipway::evaluations {

using Tags = std::vector<std::pair<std::string, std::string>>;  // keys sorted, each once

struct EvaluationDataset {
  std::string id;  // "d-" and 32 hex digits
  std::string name, digest;
  std::string schema;  // JSON; empty: no record has come yet
  Tags tags;
  std::string created_by, updated_by;  // empty: nobody has said
  base::Timestamp created, updated;
  std::int64_t records = 0;
  std::vector<std::string> experiment_ids;  // in the order in which they were added
};

struct DatasetQuery {
  std::vector<std::string> experiment_ids;  // of any of these; empty: all
  std::string filter;
  std::vector<std::string> order_by;  // newest first when empty
  std::int64_t max_results = 1000;
  std::int64_t offset = 0;
};

struct DatasetPage {
  std::vector<EvaluationDataset> items;
  bool has_more = false;
};

struct RecordPage {
  std::vector<DatasetRecord> items;
  std::string next;  // empty on the last one
};

struct UpsertCounts {
  std::int64_t inserted = 0, updated = 0;
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class EvaluationDatasets {
 public:
  EvaluationDatasets(store::Db& db, ExperimentRecords& experiments, const base::Clock& clock,
                     base::Random& random)
      : db_(db), experiments_(experiments), clock_(clock), random_(random) {}

  // The tag mlflow.user says who made it. kInvalidArgument: the name; kNotFound: an experiment.
  Result<EvaluationDataset> create(const std::string& name, const Tags& tags,
                                   const std::vector<std::string>& experiment_ids);
  Result<EvaluationDataset> get(const std::string& id);  // kNotFound
  // With its records. Idempotent.
  Result<void> remove(const std::string& id);
  Result<DatasetPage> search(const DatasetQuery& query);  // kInvalidArgument

  // Adds and replaces. kNotFound.
  Result<void> set_tags(const std::string& id, const Tags& tags);
  // Idempotent, also for a dataset that is not there.
  Result<void> delete_tag(const std::string& id, const std::string& key);

  // Idempotent both. kNotFound: the dataset, or an experiment that is to be added.
  Result<EvaluationDataset> add_experiments(const std::string& id,
                                            const std::vector<std::string>& experiment_ids);
  Result<EvaluationDataset> remove_experiments(const std::string& id,
                                               const std::vector<std::string>& experiment_ids);

  // One write, all or nothing. kNotFound.
  Result<UpsertCounts> upsert_records(const std::string& id,
                                      const std::vector<RecordDraft>& drafts);
  // In the order in which they came. kNotFound; kInvalidArgument: not a token of ours.
  Result<RecordPage> records(const std::string& id, std::int64_t max_results,
                             const std::string& page_token);
  // Gives how many went. kNotFound: the dataset.
  Result<std::int64_t> delete_records(const std::string& id, const std::vector<std::string>& ids);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

// Which experiments a dataset belongs to: what permissions are asked about. Empty: none, or there
// is no such dataset.
Result<std::vector<std::string>> experiments_of_dataset(store::Db& db, const std::string& id);

}  // namespace slipway::evaluations
