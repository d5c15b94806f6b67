#include "app/tracking_connections.h"

#include "traces/search_grammar.h"
#include "tracking/experiments.h"
#include "tracking/ownership.h"

namespace slipway::app {

Result<std::string> RunPlaces::run_place(const std::string& run_id) {
  return TRY(runs_.get(run_id)).artifact_uri;
}

Result<registry::ArtifactPlaces::LoggedModel> RunPlaces::logged_model(const std::string& model_id) {
  const tracking::LoggedModel model = TRY(logged_models_.get(model_id));
  return LoggedModel{.place = model.artifact_uri, .run_id = model.source_run_id};
}

// MLflow's tag on a logged model, a JSON list of the versions made of it.
Result<void> RunPlaces::version_made(const std::string& model_id, const std::string& model,
                                     std::int64_t version) {
  constexpr std::string_view kTag = "mlflow.modelVersions";
  std::string list;
  for (const tracking::KeyValue& tag : TRY(logged_models_.get(model_id)).tags) {
    if (tag.key == kTag && tag.value.size() > 2) list = tag.value.substr(1, tag.value.size() - 2);
  }
  const std::string entry =
      fmt::format(R"({{"name": {}, "version": {}}})", base::to_text(Json(model)), version);
  return logged_models_.set_tags(
      model_id,
      {{std::string(kTag), fmt::format("[{}{}{}]", list, list.empty() ? "" : ", ", entry)}});
}

Result<std::int64_t> TraceExperiments::number(const std::string& id) {
  return tracking::experiment_number(id);
}

Result<std::vector<std::int64_t>> TraceExperiments::numbers(const std::vector<std::string>& ids) {
  return tracking::experiment_numbers(ids);
}

Result<std::string> TraceExperiments::trace_folder(store::Reader& reader, std::int64_t experiment) {
  return tracking::join_location(TRY(tracking::active_artifact_location(reader, experiment)),
                                 "traces");
}

Result<std::optional<std::string>> TraceExperiments::find_trace_folder(store::Reader& reader,
                                                                       std::int64_t experiment) {
  std::optional<std::string> location = TRY(tracking::find_artifact_location(reader, experiment));
  if (!location) return location;
  return std::optional(tracking::join_location(*location, "traces"));
}

// What is not ours, or would be all of a storage, stays.
Result<store::Removed> TraceArtifacts::remove(const std::string& location, const std::string& id) {
  const auto place = artifacts_.at(tracking::own_folder(location, id), "");
  if (!place || place->path.empty()) return store::Removed();
  return place->store->remove(place->path);
}

Result<store::Removed> TraceArtifacts::measure(const std::string& location, const std::string& id) {
  const auto place = artifacts_.at(tracking::own_folder(location, id), "");
  if (!place || place->path.empty()) return store::Removed();
  return tracking::measure(*place->store, place->path);
}

Result<tracking::ExperimentContents::Part> ExperimentRest::remove_some(std::int64_t experiment) {
  const traces::TraceRemover::Part part = TRY(traces_.remove_some_of_experiment(experiment));
  if (part.is_last) {
    TRY(db_.write(
        [&](store::Tx& tx) { return evaluations::remove_of_experiment(tx, experiment); }));
  }
  return Part{.freed = part.freed, .is_last = part.is_last};
}

Result<void> TraceExperiments::check_run(store::Reader& reader, const std::string& run) {
  return tracking::check_run_exists(reader, run);
}

Result<std::int64_t> EvaluationExperiments::number(const std::string& id) {
  return tracking::experiment_number(id);
}

Result<std::vector<std::int64_t>> EvaluationExperiments::numbers(
    const std::vector<std::string>& ids) {
  return tracking::experiment_numbers(ids);
}

Result<void> EvaluationExperiments::check_exists(store::Reader& reader, std::int64_t experiment) {
  return tracking::check_experiment_exists(reader, experiment);
}

Result<void> EvaluationExperiments::check_active(store::Reader& reader, std::int64_t experiment) {
  TRY(tracking::active_artifact_location(reader, experiment));
  return {};
}

Result<void> ScorerFilters::check(const std::string& text) {
  TRY(types::parse_search_filter(text, traces::trace_grammar()));
  return {};
}

}  // namespace slipway::app
