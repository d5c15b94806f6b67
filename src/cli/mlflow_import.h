// Moves everything an MLflow has kept into a server, and compares what arrived.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/mlflow_source/source.h"
#include "cli/artifact_copy.h"
#include "cli/client.h"
#include "cli/progress.h"

namespace slipway::cli {

// Done in one call of run(); one thread. A second one for the same source takes up where the first
// ended, also when that was killed: the server knows what it has.
class MlflowImport {
 public:
  enum class Artifacts { kCopy, kKeepUris };

  // All must outlive the import. `scratch` is an empty folder.
  MlflowImport(Client& client, api::mlflow_source::Source& source, Artifacts artifacts,
               const std::filesystem::path& scratch)
      : client_(client), source_(source), artifacts_(artifacts), copy_(client, scratch) {}

  // {"import","source","resumed","seconds","experiments":[...],"models":[...],"differences":[...],
  // "left_out":[...]}: one entry an experiment with its counts at the source and here. An error is
  // something that stopped it; a difference is told and counted.
  Result<JsonObject> run();

 private:
  // What is counted of one experiment, at the source and here.
  struct Counts {
    std::int64_t runs = 0, points = 0, params = 0, tags = 0, inputs = 0, logged_models = 0;
    JsonObject to_json() const;
  };
  struct Experiment {
    tracking::Experiment source, here;
    Counts counts_source, counts_here;
    CopiedArtifacts artifacts;
    std::int64_t kept_uris = 0;  // runs and models whose artifacts stay where they are
    std::int64_t different = 0;
    std::map<std::string, std::int64_t> changes;  // created, replaced... -> how many runs
  };
  struct Pending {
    JsonArray runs;
    std::size_t bytes = 0;
    std::map<std::string, tracking::RunContent> expected;
    std::vector<std::pair<std::unique_ptr<api::mlflow_source::ArtifactFolder>, std::string>>
        folders;
  };

  Result<void> import_experiment(const tracking::Experiment& experiment);
  Result<void> add_run(Experiment& experiment, tracking::ImportedRun run, Pending& pending);
  // Copies the files that belong to what was written; what differs afterwards is noted.
  Result<void> copy_folders(Experiment& experiment, const Pending& pending);
  Result<void> flush(Experiment& experiment, Pending& pending);
  Result<void> compare(Experiment& experiment, const Pending& pending);
  Result<void> import_logged_models(Experiment& experiment);
  Result<void> import_models(std::vector<registry::ImportedModel> models);
  // The URI that `old_uri` has here, when its artifacts come along, and the folder to copy.
  Result<std::string> move_artifacts(Experiment& experiment, const std::string& old_uri,
                                     const std::string& below, Pending* pending);
  void differs(Experiment* experiment, std::string_view kind, const std::string& id,
               const std::string& what);
  Result<Json> post(const std::string& what, const JsonObject& body);

  Client& client_;
  api::mlflow_source::Source& source_;
  const Artifacts artifacts_;
  ArtifactCopy copy_;

  std::string import_;
  std::set<std::string> wanted_runs_;         // that versions come from
  std::map<std::string, std::string> moved_;  // artifact URI at the source -> here
  std::unique_ptr<Progress> progress_;
  std::int64_t runs_ = 0, points_ = 0, changed_ = 0;
  JsonArray experiments_, models_, differences_;
};

}  // namespace slipway::cli
