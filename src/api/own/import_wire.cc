#include "api/own/import_wire.h"

#include <algorithm>
#include <map>

#include "base/hash.h"

namespace slipway::api::own {
namespace {

template <typename Pair>
JsonArray pairs(const std::vector<Pair>& list) {
  JsonArray array;
  for (const Pair& pair : list) array.push_back(JsonArray{pair.key, pair.value});
  return array;
}

// The array at `key`; an absent one is empty.
Result<const JsonArray*> array_at(const JsonObject& object, std::string_view key) {
  static const JsonArray kNone;
  const Json* member = object.if_contains(key);
  if (member == nullptr || member->is_null()) return &kNone;
  if (!member->is_array())
    return base::error(Code::kInvalidArgument, "expected a list: member={}", key);
  return &member->get_array();
}

Result<std::string> text_of(const Json& value, std::string_view what) {
  if (!value.is_string()) return base::error(Code::kInvalidArgument, "expected text: in={}", what);
  return std::string(std::string_view(value.get_string()));
}

Result<const JsonObject*> object_of(const Json& value, std::string_view what) {
  if (!value.is_object())
    return base::error(Code::kInvalidArgument, "expected an object: in={}", what);
  return &value.get_object();
}

template <typename Pair>
Result<std::vector<Pair>> read_pairs(const JsonObject& object, std::string_view key) {
  std::vector<Pair> list;
  for (const Json& item : *TRY(array_at(object, key))) {
    if (!item.is_array() || item.get_array().size() != 2)
      return base::error(Code::kInvalidArgument, "expected [key, value]: member={}", key);
    Pair pair;
    pair.key = TRY(text_of(item.get_array()[0], key));
    pair.value = TRY(text_of(item.get_array()[1], key));
    list.push_back(std::move(pair));
  }
  return list;
}

tracking::Stage stage_of(const std::string& name) {
  return name == "deleted" ? tracking::Stage::kDeleted : tracking::Stage::kActive;
}

Result<std::string> text(const JsonObject& object, std::string_view key) {
  return TRY(base::find_string(object, key)).value_or("");
}

Result<base::Timestamp> time_ms(const JsonObject& object, std::string_view key) {
  return base::Timestamp::from_millis(TRY(base::find_int(object, key)).value_or(0));
}

JsonObject series_json(const std::vector<tracking::Metric>& points) {
  std::map<std::string_view, std::string> packed;
  for (const tracking::Metric& point : points)
    tracking::append_wire_point(packed[point.key], point);
  JsonObject series;
  for (const auto& [key, bytes] : packed) series[key] = base::to_base64(bytes);
  return series;
}

Result<std::vector<tracking::Metric>> read_series(const JsonObject& object) {
  std::vector<tracking::Metric> points;
  const Json* member = object.if_contains("series");
  if (member == nullptr) return points;
  for (const auto& [key, value] : *TRY(object_of(*member, "series"))) {
    const std::string bytes = TRY(base::from_base64(TRY(text_of(value, "series"))));
    std::vector<tracking::Metric> part =
        TRY(tracking::read_wire_points(bytes, std::string(std::string_view(key))));
    points.insert(points.end(), std::make_move_iterator(part.begin()),
                  std::make_move_iterator(part.end()));
  }
  return points;
}

Result<void> read_inputs(const JsonObject& object, tracking::Run& run) {
  for (const Json& item : *TRY(array_at(object, "datasets"))) {
    const JsonObject& from = *TRY(object_of(item, "datasets"));
    tracking::DatasetInput dataset;
    dataset.name = TRY(text(from, "name"));
    dataset.digest = TRY(text(from, "digest"));
    dataset.source_type = TRY(text(from, "source_type"));
    dataset.source = TRY(text(from, "source"));
    dataset.schema = TRY(text(from, "schema"));
    dataset.profile = TRY(text(from, "profile"));
    dataset.tags = TRY(read_pairs<tracking::KeyValue>(from, "tags"));
    run.datasets.push_back(std::move(dataset));
  }
  for (const Json& item : *TRY(array_at(object, "model_inputs")))
    run.model_inputs.push_back(TRY(text_of(item, "model_inputs")));
  for (const Json& item : *TRY(array_at(object, "model_outputs"))) {
    const JsonObject& from = *TRY(object_of(item, "model_outputs"));
    tracking::ModelOutput output;
    output.model_id = TRY(text(from, "model_id"));
    output.step = TRY(base::find_int(from, "step")).value_or(0);
    run.model_outputs.push_back(std::move(output));
  }
  return {};
}

Result<tracking::ModelMetric> read_model_metric(const JsonObject& from) {
  const std::string bytes = TRY(base::from_base64(TRY(text(from, "point"))));
  const auto points = TRY(tracking::read_wire_points(bytes, TRY(text(from, "key"))));
  if (points.size() != 1)
    return base::error(Code::kInvalidArgument, "a model's metric has one point: points={}",
                       points.size());
  tracking::ModelMetric logged;
  logged.metric = points.front();
  logged.run_id = TRY(text(from, "run_id"));
  logged.metric.dataset_name = TRY(text(from, "dataset_name"));
  logged.metric.dataset_digest = TRY(text(from, "dataset_digest"));
  return logged;
}

JsonObject version_json(const registry::ModelVersion& version) {
  return {{"version", version.version},
          {"created_ms", version.created.millis()},
          {"updated_ms", version.updated.millis()},
          {"description", version.description},
          {"stage", version.stage},
          {"source", version.source},
          {"storage", version.storage},
          {"run_id", version.run_id},
          {"run_link", version.run_link},
          {"model_id", version.model_id},
          {"tags", pairs(version.tags)}};
}

Result<registry::ModelVersion> read_version(const std::string& model, const JsonObject& from) {
  registry::ModelVersion version;
  version.model = model;
  version.version = TRY(base::get_int(from, "version"));
  version.created = TRY(time_ms(from, "created_ms"));
  version.updated = TRY(time_ms(from, "updated_ms"));
  version.description = TRY(text(from, "description"));
  version.stage = TRY(text(from, "stage"));
  version.source = TRY(text(from, "source"));
  version.storage = TRY(text(from, "storage"));
  version.run_id = TRY(text(from, "run_id"));
  version.run_link = TRY(text(from, "run_link"));
  version.model_id = TRY(text(from, "model_id"));
  version.tags = TRY(read_pairs<registry::KeyValue>(from, "tags"));
  return version;
}

}  // namespace

JsonObject to_json(const tracking::ImportedRun& imported) {
  const tracking::Run& run = imported.run;
  JsonArray datasets, outputs;
  for (const tracking::DatasetInput& d : run.datasets) {
    datasets.push_back(JsonObject{{"name", d.name},
                                  {"digest", d.digest},
                                  {"source_type", d.source_type},
                                  {"source", d.source},
                                  {"schema", d.schema},
                                  {"profile", d.profile},
                                  {"tags", pairs(d.tags)}});
  }
  for (const tracking::ModelOutput& output : run.model_outputs)
    outputs.push_back(JsonObject{{"model_id", output.model_id}, {"step", output.step}});
  return {{"id", run.id},
          {"experiment_id", run.experiment_id},
          {"name", run.name},
          {"user", run.user},
          {"status", tracking::status_name(run.status)},
          {"start_ms", run.start_ms},
          {"end_ms", run.end_ms ? Json(*run.end_ms) : Json(nullptr)},
          {"stage", tracking::stage_name(run.stage)},
          {"artifact_uri", run.artifact_uri},
          {"params", pairs(run.params)},
          {"tags", pairs(run.tags)},
          {"series", series_json(imported.points)},
          {"datasets", std::move(datasets)},
          {"model_inputs", JsonArray(run.model_inputs.begin(), run.model_inputs.end())},
          {"model_outputs", std::move(outputs)}};
}

Result<tracking::ImportedRun> imported_run(const JsonObject& object) {
  tracking::ImportedRun imported;
  tracking::Run& run = imported.run;
  run.id = TRY(base::get_string(object, "id"));
  run.experiment_id = TRY(base::get_string(object, "experiment_id"));
  run.name = TRY(text(object, "name"));
  run.user = TRY(text(object, "user"));
  const std::string status = TRY(text(object, "status"));
  const auto parsed = tracking::parse_status(status);
  if (!parsed) return base::error(Code::kInvalidArgument, "no such run status: status={}", status);
  run.status = *parsed;
  run.start_ms = TRY(base::find_int(object, "start_ms")).value_or(0);
  run.end_ms = TRY(base::find_int(object, "end_ms"));
  run.stage = stage_of(TRY(text(object, "stage")));
  run.artifact_uri = TRY(text(object, "artifact_uri"));
  run.params = TRY(read_pairs<tracking::KeyValue>(object, "params"));
  run.tags = TRY(read_pairs<tracking::KeyValue>(object, "tags"));
  TRY(read_inputs(object, run));
  imported.points = TRY(read_series(object));
  return imported;
}

JsonObject to_json(const tracking::Experiment& experiment) {
  return {{"id", experiment.id},
          {"name", experiment.name},
          {"artifact_location", experiment.artifact_location},
          {"stage", tracking::stage_name(experiment.stage)},
          {"created_ms", experiment.created.millis()},
          {"updated_ms", experiment.updated.millis()},
          {"tags", pairs(experiment.tags)}};
}

Result<tracking::Experiment> imported_experiment(const JsonObject& object) {
  tracking::Experiment experiment;
  experiment.id = TRY(base::get_string(object, "id"));
  experiment.name = TRY(base::get_string(object, "name"));
  experiment.artifact_location = TRY(text(object, "artifact_location"));
  experiment.stage = stage_of(TRY(text(object, "stage")));
  experiment.created = TRY(time_ms(object, "created_ms"));
  experiment.updated = TRY(time_ms(object, "updated_ms"));
  experiment.tags = TRY(read_pairs<tracking::KeyValue>(object, "tags"));
  return experiment;
}

JsonObject to_json(const tracking::LoggedModel& model) {
  JsonArray metrics;
  for (const tracking::ModelMetric& logged : model.metrics) {
    std::string point;
    tracking::append_wire_point(point, logged.metric);
    metrics.push_back(JsonObject{{"key", logged.metric.key},
                                 {"point", base::to_base64(point)},
                                 {"run_id", logged.run_id},
                                 {"dataset_name", logged.metric.dataset_name},
                                 {"dataset_digest", logged.metric.dataset_digest}});
  }
  return {{"id", model.id},
          {"experiment_id", model.experiment_id},
          {"name", model.name},
          {"model_type", model.model_type},
          {"source_run_id", model.source_run_id},
          {"artifact_uri", model.artifact_uri},
          {"status", model.status},
          {"status_message", model.status_message},
          {"created_ms", model.created.millis()},
          {"updated_ms", model.updated.millis()},
          {"params", pairs(model.params)},
          {"tags", pairs(model.tags)},
          {"metrics", std::move(metrics)}};
}

Result<tracking::LoggedModel> imported_logged_model(const JsonObject& object) {
  tracking::LoggedModel model;
  model.id = TRY(base::get_string(object, "id"));
  model.experiment_id = TRY(base::get_string(object, "experiment_id"));
  model.name = TRY(text(object, "name"));
  model.model_type = TRY(text(object, "model_type"));
  model.source_run_id = TRY(text(object, "source_run_id"));
  model.artifact_uri = TRY(text(object, "artifact_uri"));
  model.status = TRY(text(object, "status"));
  model.status_message = TRY(text(object, "status_message"));
  model.created = TRY(time_ms(object, "created_ms"));
  model.updated = TRY(time_ms(object, "updated_ms"));
  model.params = TRY(read_pairs<tracking::KeyValue>(object, "params"));
  model.tags = TRY(read_pairs<tracking::KeyValue>(object, "tags"));
  for (const Json& item : *TRY(array_at(object, "metrics")))
    model.metrics.push_back(TRY(read_model_metric(*TRY(object_of(item, "metrics")))));
  return model;
}

JsonObject to_json(const registry::ImportedModel& imported) {
  const registry::RegisteredModel& model = imported.model;
  JsonObject aliases;
  for (const registry::Alias& alias : model.aliases) aliases[alias.alias] = alias.version;
  JsonArray versions;
  for (const registry::ModelVersion& version : imported.versions)
    versions.push_back(version_json(version));
  return {{"name", model.name},
          {"description", model.description},
          {"created_ms", model.created.millis()},
          {"updated_ms", model.updated.millis()},
          {"tags", pairs(model.tags)},
          {"aliases", std::move(aliases)},
          {"versions", std::move(versions)},
          {"last_version", imported.last_version}};
}

Result<registry::ImportedModel> imported_model(const JsonObject& object) {
  registry::ImportedModel imported;
  registry::RegisteredModel& model = imported.model;
  model.name = TRY(base::get_string(object, "name"));
  model.description = TRY(text(object, "description"));
  model.created = TRY(time_ms(object, "created_ms"));
  model.updated = TRY(time_ms(object, "updated_ms"));
  model.tags = TRY(read_pairs<registry::KeyValue>(object, "tags"));
  imported.last_version = TRY(base::find_int(object, "last_version")).value_or(0);
  for (const Json& item : *TRY(array_at(object, "versions")))
    imported.versions.push_back(TRY(read_version(model.name, *TRY(object_of(item, "versions")))));
  const Json* aliases = object.if_contains("aliases");
  if (aliases == nullptr) return imported;
  const JsonObject& named = *TRY(object_of(*aliases, "aliases"));
  for (const auto& [alias, version] : named) {
    registry::Alias one;
    one.alias = std::string(std::string_view(alias));
    one.version = TRY(base::get_int(named, alias));
    model.aliases.push_back(std::move(one));
  }
  return imported;
}

JsonObject to_json(const tracking::RunContent& content) {
  return {{"points", content.points},
          {"params", content.params},
          {"tags", content.tags},
          {"inputs", content.inputs},
          {"head_digest", content.head_digest},
          {"points_digest", content.points_digest},
          {"params_digest", content.params_digest},
          {"tags_digest", content.tags_digest},
          {"inputs_digest", content.inputs_digest}};
}

Result<tracking::RunContent> run_content(const JsonObject& object) {
  tracking::RunContent content;
  content.points = TRY(base::get_int(object, "points"));
  content.params = TRY(base::get_int(object, "params"));
  content.tags = TRY(base::get_int(object, "tags"));
  content.inputs = TRY(base::get_int(object, "inputs"));
  content.head_digest = TRY(base::get_string(object, "head_digest"));
  content.points_digest = TRY(base::get_string(object, "points_digest"));
  content.params_digest = TRY(base::get_string(object, "params_digest"));
  content.tags_digest = TRY(base::get_string(object, "tags_digest"));
  content.inputs_digest = TRY(base::get_string(object, "inputs_digest"));
  return content;
}

}  // namespace slipway::api::own
