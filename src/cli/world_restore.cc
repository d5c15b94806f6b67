#include "cli/world_restore.h"

#include "cli/ci/project_part.h"
#include "cli/ci/side.h"
#include "cli/run_restore.h"
#include "cli/table.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

// Numbers of versions count from 1 without a gap, so what was deleted is made and deleted, too.
constexpr std::string_view kMakeRegistry = R"py(
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(registry_uri=sys.argv[1])
for model in json.load(open(sys.argv[2])):
    name, versions = model["name"], model["versions"]
    client.create_registered_model(name)
    for version in versions:
        client.create_model_version(name, version["source"], version["run_id"], tags=version["tags"])
    for number, version in enumerate(versions[:-1], 1):
        if version["deleted"]:
            client.delete_model_version(name, str(number))
    for alias, number in model["aliases"].items():
        client.set_registered_model_alias(name, alias, str(number))
)py";

Result<JsonObject> version_as_it_was(Client& client, const std::string& name,
                                     std::int64_t version) {
  const std::string number = std::to_string(version);
  const auto found =
      client.get(path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}", {name, number}));
  if (!found && found.error().code == Code::kNotFound)
    return JsonObject{{"source", "mlflow-artifacts:/deleted"},
                      {"run_id", nullptr},
                      {"tags", JsonObject()},
                      {"deleted", true}};
  if (!found) return found.error();
  const Json files = TRY(client.get(path_of(
      "/api/2.0/mlflow/model-versions/get-download-uri?name={}&version={}", {name, number})));
  const std::string run = text_at(*found, "model_version.run_id");
  JsonObject tags;
  if (const Json& pairs = member_at(*found, "model_version.tags"); pairs.is_array()) {
    for (const Json& tag : pairs.get_array()) tags[text_at(tag, "key")] = member_at(tag, "value");
  }
  return JsonObject{{"source", member_at(files, "artifact_uri")},
                    {"run_id", run.empty() ? Json(nullptr) : Json(run)},
                    {"tags", std::move(tags)},
                    {"deleted", false}};
}

}  // namespace

Result<std::int64_t> find_dataset_version(Client& client, const std::string& dataset,
                                          const std::string& digest) {
  const Json known = TRY(client.get(path_of("/slipway/v1/datasets/{}", {dataset})));
  for (const Json& version : member_at(known, "versions").as_array()) {
    if (text_at(version, "digest") == digest)
      return member_at(version, "version").to_number<std::int64_t>();
    const JsonArray& before = member_at(version, "digests_before").as_array();
    if (std::ranges::find(before, Json(digest)) != before.end())
      return base::error(Code::kFailedPrecondition,
                         "rows of dataset {} version {} were erased since: it had the digest {}, "
                         "and has {} now",
                         dataset, cell(member_at(version, "version")), digest,
                         text_at(version, "digest"));
  }
  return base::error(Code::kNotFound, "no version of dataset {} has the digest {}; it is {} now",
                     dataset, digest, text_at(known, "latest.digest"));
}

Result<Server> serve_data(Client& client, const fs::path& project,
                          const std::map<std::string, std::string>& digests, const fs::path& work) {
  const std::string yaml = TRY(store::read_file(project / "slipway.yaml"));
  const CiProject declared =
      TRY(ci_project(yaml, {}, {}, Missing::kLeftOut, VersionChecks::kLeftOut));
  Server server = TRY(Server::start(work / "server", {}));
  Client own(server.context());
  TRY(own.post("/slipway/v1/apply", {{"yaml", declared.yaml}, {"dir", project.string()}}));
  for (const std::string& dataset : declared.datasets) {
    const auto digest = digests.find(dataset);
    std::string route = path_of("/slipway/v1/datasets/{}/rows", {dataset});
    if (digest != digests.end())
      route +=
          fmt::format("?version={}", TRY(find_dataset_version(client, dataset, digest->second)));
    const auto rows = client.fetch(route);
    if (!rows && rows.error().code == Code::kNotFound && digest == digests.end())
      continue;  // never ingested
    if (!rows) return Error(rows.error()).with_context("dataset " + dataset);
    const Json kept = TRY(base::parse_json(TRY(
        own.post_bytes(path_of("/slipway/v1/datasets/{}/rows?anew=true", {dataset}), rows->body))));
    if (digest != digests.end() && text_at(kept, "snapshot.digest") != digest->second)
      return base::error(Code::kCorruption, "the rows of dataset {} come to another digest: {}",
                         dataset, text_at(kept, "snapshot.digest"));
  }
  return server;
}

Result<void> restore_registry(Client& client, const Context& context,
                              const std::vector<ModelAsItWas>& models, const fs::path& folder,
                              const fs::path& work, const std::string& path) {
  JsonArray described;
  for (const ModelAsItWas& model : models) {
    JsonArray versions;
    for (std::int64_t version = 1; version <= model.versions; ++version)
      versions.push_back(TRY(version_as_it_was(client, model.name, version)));
    JsonObject aliases;
    for (const auto& [alias, version] : model.aliases) aliases[alias] = version;
    described.push_back(JsonObject{
        {"name", model.name}, {"versions", std::move(versions)}, {"aliases", std::move(aliases)}});
  }
  const fs::path script = work / "registry.py", list = work / "registry.json",
                 log = work / "registry.log";
  TRY(store::write_file(script, kMakeRegistry));
  TRY(store::write_file(list, base::to_text(Json(std::move(described)))));
  std::map<std::string, std::string> environment{
      {"PATH", path}, {"MLFLOW_TRACKING_URI", context.url}, {"MLFLOW_ALLOW_FILE_STORE", "true"}};
  if (!context.token.empty()) environment["MLFLOW_TRACKING_TOKEN"] = context.token;
  const int exit =
      TRY(run_command(fmt::format("python3 {} {} {}", shell_word(script.string()),
                                  shell_word(folder.string()), shell_word(list.string())),
                      work, environment, log));
  if (exit == 0) return {};
  return base::error(Code::kFailedPrecondition, "python3 of the PATH could not make it: {}",
                     store::read_file(log).value_or(""));
}

}  // namespace slipway::cli
