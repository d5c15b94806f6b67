// Keeps experiments: named groups of runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/db.h"
#include "tracking/values.h"

namespace slipway::tracking {

enum class View { kActive, kDeleted, kAll };

struct ExperimentsOptions {
  // Where new experiments keep their artifacts, each in a folder of its own; "mlflow-artifacts:/"
  // is below the artifact proxy.
  std::string artifact_root = "mlflow-artifacts:/";
  // Where relative locations begin.
  std::filesystem::path working_folder = "/";
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Experiments {
 public:
  Experiments(store::Db& db, const base::Clock& clock, ExperimentsOptions options = {})
      : db_(db), clock_(clock), options_(std::move(options)) {}

  // Makes the experiment "Default" with id 0 when there is none; called once at start.
  Result<void> ensure_default();

  // Gives the new id. kAlreadyExists: the name is taken, also by a deleted experiment.
  // `artifact_location` empty: below the artifact root; a relative path: below the working folder.
  Result<std::string> create(const std::string& name, const std::string& artifact_location,
                             const std::vector<KeyValue>& tags);
  // kNotFound.
  Result<Experiment> get(const std::string& id);
  Result<Experiment> get_by_name(const std::string& name);
  // kFailedPrecondition: deleted.
  Result<void> rename(const std::string& id, const std::string& name);
  // Its runs go with it, and come back with it. Idempotent.
  Result<void> remove(const std::string& id);
  // kFailedPrecondition: it is being taken away for good (reclaim.h).
  Result<void> restore(const std::string& id);
  Result<void> set_tag(const std::string& id, const KeyValue& tag);
  Result<void> delete_tag(const std::string& id, const std::string& key);

  struct Query {
    View view = View::kActive;
    std::string filter;
    std::vector<std::string> order_by;  // newest first when empty
    std::int64_t max_results = 0;
    std::string page_token;
  };
  // kInvalidArgument.
  Result<Page<Experiment>> search(const Query& query);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  const ExperimentsOptions options_;
};

// The number of an experiment id. kInvalidArgument: it is no number. kNotFound: it is larger than
// any.
Result<std::int64_t> experiment_number(const std::string& id);
// Of several; one that is larger than any is left out, as nothing belongs to it.
Result<std::vector<std::int64_t>> experiment_numbers(const std::vector<std::string>& ids);

// Where the experiment keeps its artifacts. kNotFound; kFailedPrecondition: it is deleted.
Result<std::string> active_artifact_location(store::Reader& reader, std::int64_t experiment);

// The same of one that may be deleted. Nothing: there is no such experiment.
Result<std::optional<std::string>> find_artifact_location(store::Reader& reader,
                                                          std::int64_t experiment);

// kNotFound. One that is deleted still exists.
Result<void> check_experiment_exists(store::Reader& reader, std::int64_t experiment);

// Page tokens: base64 of {"offset": n}, as MLflow's. kInvalidArgument for anything else.
Result<std::int64_t> parse_page_token(const std::string& token);
std::string page_token(std::int64_t offset);

}  // namespace slipway::tracking
