#include "cli/mlflow_import.h"

#include <chrono>

#include "api/own/import_wire.h"
#include "cli/table.h"
#include "tracking/artifacts.h"

namespace slipway::cli {
namespace {

// One request and one transaction here, so that a kill loses little.
constexpr std::size_t kBatchBytes = 4 << 20;
constexpr std::size_t kBatchRuns = 200;
// Base64 of a packed point.
constexpr std::size_t kPointWireBytes = tracking::kWirePointBytes * 4 / 3;

std::size_t wire_bytes(const tracking::ImportedRun& imported) {
  std::size_t bytes = 500 + imported.points.size() * kPointWireBytes;
  for (const tracking::KeyValue& param : imported.run.params)
    bytes += param.key.size() + param.value.size();
  for (const tracking::KeyValue& tag : imported.run.tags)
    bytes += tag.key.size() + tag.value.size();
  for (const tracking::DatasetInput& d : imported.run.datasets)
    bytes += d.schema.size() + d.profile.size() + d.source.size();
  return bytes;
}

std::vector<std::string> different_parts(const tracking::RunContent& source,
                                         const tracking::RunContent& here) {
  std::vector<std::string> parts;
  if (source.head_digest != here.head_digest) parts.emplace_back("name, times, status or stage");
  if (source.points_digest != here.points_digest)
    parts.push_back(fmt::format("metrics ({} points, here {})", source.points, here.points));
  if (source.params_digest != here.params_digest)
    parts.push_back(fmt::format("parameters ({}, here {})", source.params, here.params));
  if (source.tags_digest != here.tags_digest)
    parts.push_back(fmt::format("tags ({}, here {})", source.tags, here.tags));
  if (source.inputs_digest != here.inputs_digest)
    parts.push_back(fmt::format("inputs and outputs ({}, here {})", source.inputs, here.inputs));
  return parts;
}

// The longest known URI that `uri` is, or lies below, exchanged.
std::string rewritten(const std::string& uri, const std::map<std::string, std::string>& moved) {
  for (const auto& [from, to] : moved) {
    if (uri == from || (uri.starts_with(from) && uri[from.size()] == '/'))
      return to + uri.substr(from.size());
  }
  return uri;
}

}  // namespace

JsonObject MlflowImport::Counts::to_json() const {
  return {{"runs", runs}, {"points", points}, {"params", params},
          {"tags", tags}, {"inputs", inputs}, {"logged_models", logged_models}};
}

Result<Json> MlflowImport::post(const std::string& what, const JsonObject& body) {
  return client_.post(path_of("/slipway/v1/imports/{}/", {import_}) + what, body);
}

void MlflowImport::differs(Experiment* experiment, std::string_view kind, const std::string& id,
                           const std::string& what) {
  if (experiment != nullptr) ++experiment->different;
  differences_.push_back(JsonObject{
      {"kind", kind},
      {"id", id},
      {"experiment", experiment != nullptr ? Json(experiment->source.name) : Json(nullptr)},
      {"what", what}});
}

Result<JsonObject> MlflowImport::run() {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<tracking::Experiment> experiments = TRY(source_.experiments());
  std::vector<registry::ImportedModel> models = TRY(source_.models());
  for (const registry::ImportedModel& model : models) {
    for (const registry::ModelVersion& version : model.versions)
      wanted_runs_.insert(version.run_id);
  }
  std::optional<std::int64_t> total = 0;
  for (const tracking::Experiment& experiment : experiments) {
    const auto count = TRY(source_.run_count(experiment.id));
    total = total && count ? std::optional(*total + *count) : std::nullopt;
  }
  const Json opened = TRY(client_.post("/slipway/v1/imports", {{"source", source_.name()}}));
  import_ = cell(member_at(opened, "id"));
  progress_ = std::make_unique<Progress>("runs", total);
  for (const tracking::Experiment& experiment : experiments) TRY(import_experiment(experiment));
  TRY(import_models(std::move(models)));
  progress_.reset();
  JsonArray left_out;
  for (const auto& [what, count] : TRY(source_.left_out()))
    left_out.push_back(JsonObject{{"what", what}, {"count", count}});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::size_t different = differences_.size();
  JsonObject report{{"import", import_},
                    {"source", source_.name()},
                    {"resumed", member_at(opened, "resumed")},
                    {"seconds", seconds},
                    {"runs", runs_},
                    {"points", points_},
                    {"changed", changed_},
                    {"experiments", std::move(experiments_)},
                    {"models", std::move(models_)},
                    {"differences", std::move(differences_)},
                    {"left_out", std::move(left_out)}};
  TRY(post("finish", {{"counts", JsonObject{{"runs", runs_},
                                            {"points", points_},
                                            {"changed", changed_},
                                            {"differences", different}}}}));
  return report;
}

Result<void> MlflowImport::import_experiment(const tracking::Experiment& from) {
  Experiment experiment;
  experiment.source = from;
  tracking::Experiment sent = from;
  if (artifacts_ == Artifacts::kCopy && !api::mlflow_source::is_remote(from.artifact_location))
    sent.artifact_location.clear();
  const Json here = TRY(post("experiments", api::own::to_json(sent)));
  if (!here.is_object()) return base::error(Code::kInternal, "the reply holds no experiment");
  experiment.here = TRY(api::own::imported_experiment(here.get_object()));
  Pending pending;
  TRY(source_.runs(from.id, [&](tracking::ImportedRun run) -> Result<void> {
    TRY(add_run(experiment, std::move(run), pending));
    if (pending.bytes < kBatchBytes && pending.runs.size() < kBatchRuns) return {};
    return flush(experiment, pending);
  }));
  TRY(flush(experiment, pending));
  TRY(import_logged_models(experiment));
  JsonObject changes;
  for (const auto& [change, count] : experiment.changes) changes[change] = count;
  experiments_.push_back(JsonObject{{"name", from.name},
                                    {"source_id", from.id},
                                    {"id", experiment.here.id},
                                    {"source", experiment.counts_source.to_json()},
                                    {"here", experiment.counts_here.to_json()},
                                    {"artifacts", experiment.artifacts.files},
                                    {"artifact_bytes", experiment.artifacts.bytes},
                                    {"artifacts_copied", experiment.artifacts.copied},
                                    {"artifact_uris_kept", experiment.kept_uris},
                                    {"changes", std::move(changes)},
                                    {"different", experiment.different}});
  return {};
}

Result<std::string> MlflowImport::move_artifacts(Experiment& experiment, const std::string& old_uri,
                                                 const std::string& below, Pending* pending) {
  if (artifacts_ == Artifacts::kKeepUris || api::mlflow_source::is_remote(old_uri)) {
    ++experiment.kept_uris;
    return old_uri;
  }
  const auto own = tracking::proxied_path(experiment.here.artifact_location);
  const std::string root = fmt::format("{}/{}", own ? *own : experiment.here.id, below);
  auto folder = TRY(source_.artifacts(old_uri));
  if (folder != nullptr) pending->folders.emplace_back(std::move(folder), root);
  return "mlflow-artifacts:/" + root;
}

Result<void> MlflowImport::add_run(Experiment& experiment, tracking::ImportedRun imported,
                                   Pending& pending) {
  tracking::Run& run = imported.run;
  run.experiment_id = experiment.here.id;
  const std::string old_uri = run.artifact_uri;
  run.artifact_uri =
      TRY(move_artifacts(experiment, old_uri, fmt::format("{}/artifacts", run.id), &pending));
  if (wanted_runs_.contains(run.id)) moved_[old_uri] = run.artifact_uri;
  pending.bytes += wire_bytes(imported);
  pending.runs.push_back(api::own::to_json(imported));
  const std::string id = run.id;
  tracking::RunContent content = tracking::content_of(run, std::move(imported.points));
  Counts& counts = experiment.counts_source;
  ++counts.runs;
  counts.points += content.points;
  counts.params += content.params;
  counts.tags += content.tags;
  counts.inputs += content.inputs;
  pending.expected.emplace(id, std::move(content));
  return {};
}

Result<void> MlflowImport::copy_folders(Experiment& experiment, const Pending& pending) {
  for (const auto& [folder, root] : pending.folders) {
    const CopiedArtifacts copied = TRY(copy_.copy(*folder, root));
    experiment.artifacts.files += copied.files;
    experiment.artifacts.bytes += copied.bytes;
    experiment.artifacts.copied += copied.copied;
    for (const std::string& path : copied.different)
      differs(&experiment, "artifact", path, "other bytes");
  }
  return {};
}

Result<void> MlflowImport::flush(Experiment& experiment, Pending& pending) {
  if (pending.runs.empty()) return {};
  const Json reply = TRY(post("runs", {{"runs", std::move(pending.runs)}}));
  const Json& changes = member_at(reply, "changes");
  if (!changes.is_object()) return base::error(Code::kInternal, "the reply names no changes");
  for (const auto& [id, change] : changes.get_object()) {
    const std::string word = cell(change);
    ++experiment.changes[word];
    if (word == "created" || word == "replaced") ++changed_;
  }
  TRY(copy_folders(experiment, pending));
  TRY(compare(experiment, pending));
  runs_ += static_cast<std::int64_t>(pending.expected.size());
  for (const auto& [id, content] : pending.expected) points_ += content.points;
  progress_->at(runs_, short_number(static_cast<double>(points_)) + " points");
  pending = Pending();
  return {};
}

// What is stored is read back and compared with what was read from the source.
Result<void> MlflowImport::compare(Experiment& experiment, const Pending& pending) {
  JsonArray ids;
  for (const auto& [id, content] : pending.expected) ids.emplace_back(id);
  const Json reply = TRY(client_.post("/slipway/v1/runs/contents", {{"runs", std::move(ids)}}));
  const Json& runs = member_at(reply, "runs");
  for (const auto& [id, expected] : pending.expected) {
    const Json* found = runs.is_object() ? runs.get_object().if_contains(id) : nullptr;
    if (found == nullptr || !found->is_object()) {
      differs(&experiment, "run", id, "it isn't here");
      continue;
    }
    const tracking::RunContent here = TRY(api::own::run_content(found->get_object()));
    Counts& counts = experiment.counts_here;
    ++counts.runs;
    counts.points += here.points;
    counts.params += here.params;
    counts.tags += here.tags;
    counts.inputs += here.inputs;
    for (const std::string& part : different_parts(expected, here))
      differs(&experiment, "run", id, part);
  }
  return {};
}

Result<void> MlflowImport::import_logged_models(Experiment& experiment) {
  for (tracking::LoggedModel& model : TRY(source_.logged_models(experiment.source.id))) {
    Pending pending;
    const std::string old_uri = model.artifact_uri;
    model.experiment_id = experiment.here.id;
    model.artifact_uri = TRY(move_artifacts(
        experiment, old_uri, fmt::format("models/{}/artifacts", model.id), &pending));
    moved_[old_uri] = model.artifact_uri;
    ++experiment.counts_source.logged_models;
    const Json reply =
        TRY(post("logged-models", {{"logged_models", JsonArray{api::own::to_json(model)}}}));
    const std::string change = cell(member_at(member_at(reply, "changes"), model.id));
    if (change == "kept") {
      differs(&experiment, "logged model", model.id, "it is here with another content");
    } else {
      ++experiment.counts_here.logged_models;
    }
    if (change == "created" || change == "replaced") ++changed_;
    TRY(copy_folders(experiment, pending));
  }
  return {};
}

Result<void> MlflowImport::import_models(std::vector<registry::ImportedModel> models) {
  for (registry::ImportedModel& imported : models) {
    for (registry::ModelVersion& version : imported.versions) {
      version.source = rewritten(version.source, moved_);
      version.storage = rewritten(version.storage, moved_);
    }
    const JsonObject sent = api::own::to_json(imported);
    const Json reply = TRY(post("models", sent));
    if (!reply.is_object()) return base::error(Code::kInternal, "the reply holds no model");
    const registry::ImportedModel here = TRY(api::own::imported_model(reply.get_object()));
    const std::string& name = imported.model.name;
    for (const registry::ModelVersion& version : imported.versions) {
      const auto found = std::find_if(here.versions.begin(), here.versions.end(),
                                      [&](const auto& v) { return v.version == version.version; });
      if (found == here.versions.end()) {
        differs(nullptr, "version", fmt::format("{}/{}", name, version.version), "it isn't here");
      } else if (found->source != version.source || found->storage != version.storage ||
                 found->stage != version.stage || found->run_id != version.run_id ||
                 found->description != version.description || found->created != version.created ||
                 found->tags.size() != version.tags.size()) {
        differs(nullptr, "version", fmt::format("{}/{}", name, version.version),
                "it is here with another content");
      }
    }
    for (const registry::Alias& alias : imported.model.aliases) {
      const bool same = std::any_of(here.model.aliases.begin(), here.model.aliases.end(),
                                    [&](const registry::Alias& a) {
                                      return a.alias == alias.alias && a.version == alias.version;
                                    });
      if (!same)
        differs(nullptr, "alias", name + "@" + alias.alias, "here it points to another version");
    }
    models_.push_back(JsonObject{{"name", name},
                                 {"versions", imported.versions.size()},
                                 {"versions_here", here.versions.size()},
                                 {"aliases", imported.model.aliases.size()},
                                 {"aliases_here", here.model.aliases.size()}});
  }
  return {};
}

}  // namespace slipway::cli
