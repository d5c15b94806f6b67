#include "evaluations/removal.h"

namespace slipway::evaluations {

Result<void> remove_of_experiment(store::Tx& tx, std::int64_t experiment) {
  TRY(tx.send(
      "DELETE FROM scorer_versions WHERE scorer IN (SELECT id FROM scorers WHERE experiment = ?)",
      {experiment}));
  for (const char* table : {"review_queue_users", "review_queue_schemas", "review_items"}) {
    TRY(tx.send(fmt::format("DELETE FROM {} WHERE queue IN (SELECT id FROM review_queues WHERE "
                            "experiment = ?)",
                            table),
                {experiment}));
  }
  for (const char* table : {"scorers", "label_schemas", "review_queues"})
    TRY(tx.send(fmt::format("DELETE FROM {} WHERE experiment = ?", table), {experiment}));
  return tx.send("DELETE FROM evaluation_dataset_experiments WHERE experiment = ?", {experiment});
}

Result<void> remove_of_trace(store::Tx& tx, const std::string& trace_id) {
  return tx.send("DELETE FROM review_items WHERE trace = ?", {trace_id});
}

}  // namespace slipway::evaluations
