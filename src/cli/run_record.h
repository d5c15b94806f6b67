// A tracked run as the command line sees it, with what it came from and what it left behind.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/stored_artifacts.h"

namespace slipway::cli {

// Of runs that tell of files scored by `slipway batch score`: models:/NAME/VERSION.
inline constexpr const char* kBatchModelTag = "slipway.batch.model";

// Where a run came from, when a pipeline started it.
struct PipelineOrigin {
  Json run;   // of the pipeline, as its route gives it
  Json step;  // the one that the run belongs to
};

class RunRecord {
 public:
  // kNotFound; for an id of a pipeline's run with a word about where to look.
  static Result<RunRecord> load(Client& client, const std::string& id);

  // Of all experiments, those that are not deleted and match, oldest first.
  static Result<std::vector<RunRecord>> find(Client& client, const std::string& filter);

  const Json& json() const { return run_; }  // {"info","data","inputs","outputs"}
  std::string id() const;
  std::string name() const;
  std::string info(std::string_view member) const;  // empty when it isn't there
  std::string tag(const std::string& key) const;    // empty when it isn't there
  // By key.
  std::map<std::string, std::string> params() const;
  std::map<std::string, std::string> tags() const;
  std::map<std::string, double> metrics() const;
  std::map<std::string, std::string> datasets() const;  // "name (context)" -> digest

  // Nothing when no pipeline started it.
  Result<std::optional<PipelineOrigin>> origin(Client& client) const;

  // Name -> id of the models that it logged.
  Result<std::map<std::string, std::string>> models(Client& client) const;

  // Name -> path on the server: the run's own files, and those of its models as "models/NAME/...".
  Result<std::map<std::string, std::string>> artifacts(Client& client) const;

 private:
  explicit RunRecord(Json run) : run_(std::move(run)) {}

  Json run_;
};

// Of the steps of a pipeline's run, or their items, the one of that name; null: there is none.
const Json* find_step(const JsonArray& steps, const std::string& name);

// Ids of all experiments.
Result<JsonArray> all_experiments(Client& client);

// "xgboost" -> "==3.1.2": what pins the packages of an environment, from a requirements.txt;
// comments and options are left out.
std::map<std::string, std::string> parse_requirements(std::string_view text);

}  // namespace slipway::cli
