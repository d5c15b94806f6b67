#include "app/pipeline_news.h"

#include "api/openlineage/naming.h"
#include "store/events.h"
#include "types/timestamp.h"

namespace slipway::app {

using lineage::RunState;
using pipelines::RunTable;

namespace {

constexpr std::string_view kRunKind = "pipeline.run.", kStepKind = "pipeline.step.";
constexpr std::size_t kInputsMax = 1000;  // of a step, that are told
constexpr std::size_t kVersionsLookedAt = 100;
constexpr std::size_t kTriesMax = 10'000;  // of a run, that are counted

// Nothing: others have no such state. A gate that says no is no failure, and no success either.
std::optional<RunState> state_of(std::string_view state) {
  if (state == "running") return RunState::kStarted;
  if (state == "succeeded" || state == "cached") return RunState::kCompleted;
  if (state == "failed") return RunState::kFailed;
  if (state == "refused" || state == "cancelled" || state == "stopped") return RunState::kAborted;
  return std::nullopt;
}

// What a schedule's run was due for: its trigger is schedule:NAME:TIME.
std::optional<base::Timestamp> due_time(std::string_view trigger) {
  constexpr std::string_view kSchedule = "schedule:";
  if (!trigger.starts_with(kSchedule)) return std::nullopt;
  const std::size_t colon = trigger.find(':', kSchedule.size());
  if (colon == trigger.npos) return std::nullopt;
  const auto time = types::parse_rfc3339(trigger.substr(colon + 1));
  return time ? std::optional(*time) : std::nullopt;
}

}  // namespace

struct PipelineNews::Place {
  std::string pipeline, run, step;

  // "pipelines/P/runs/R", "pipelines/P/runs/R/steps/S".
  static std::optional<Place> parse(std::string_view subject) {
    constexpr std::string_view kFirst = "pipelines/", kRuns = "/runs/", kSteps = "/steps/";
    const std::size_t runs = subject.find(kRuns);
    if (!subject.starts_with(kFirst) || runs == subject.npos) return std::nullopt;
    Place place{.pipeline = std::string(subject.substr(kFirst.size(), runs - kFirst.size()))};
    const std::string_view rest = subject.substr(runs + kRuns.size());
    const std::size_t steps = rest.find(kSteps);
    place.run = rest.substr(0, steps);
    if (steps != rest.npos) place.step = rest.substr(steps + kSteps.size());
    return place;
  }
  std::string subject_of_run() const { return fmt::format("pipelines/{}/runs/{}", pipeline, run); }
};

Result<std::optional<PipelineNews::Told>> PipelineNews::told_of(const store::Event& event) {
  const std::string_view kind = event.kind;
  const bool is_step = kind.starts_with(kStepKind);
  if (!is_step && !kind.starts_with(kRunKind)) return std::optional<Told>();
  const auto state = state_of(kind.substr(is_step ? kStepKind.size() : kRunKind.size()));
  const auto place = Place::parse(event.subject);
  if (!state || !place) return std::optional<Told>();
  return is_step ? step_told(event, *place, *state) : run_told(event, *place, *state);
}

Result<PipelineNews::RunSaid> PipelineNews::said_of(const store::Event& event, const Place& place,
                                                    RunState state, const RunTable::ToldRun& run) {
  const auto again = TRY(store::list_events(db_, {.subject = place.subject_of_run(),
                                                  .kind = "pipeline.run.tried_again",
                                                  .before = event.sequence,
                                                  .limit = kTriesMax}));
  const std::string run_name = fmt::format("slipway run {} {}", place.run, again.size());
  RunSaid said{.time = event.arrival_time,
               .state = state,
               .id = api::openlineage::uuid_of(run_name),
               .job = own(place.pipeline),
               .job_type = "PIPELINE",
               .nominal_time = due_time(run.trigger_id),
               .version = version_};
  if (place.step.empty()) return said;
  said.parent = RunSaid::Parent{.id = said.id, .job = said.job};
  said.id = api::openlineage::uuid_of(run_name + " step " + place.step);
  said.job_type = "STEP";
  return said;
}

Result<std::optional<PipelineNews::Told>> PipelineNews::run_told(const store::Event& event,
                                                                 const Place& place,
                                                                 RunState state) {
  const auto run = TRY(table_.told_run(place.run));
  if (!run) return std::optional<Told>();
  RunSaid said = TRY(said_of(event, place, state, *run));
  if (state == RunState::kFailed || state == RunState::kAborted)
    said.error = run->reason.empty() ? event.kind.substr(kRunKind.size()) : run->reason;
  return std::optional(Told{.about = place.run,
                            .events = base::to_text(JsonArray{api::openlineage::to_event(said)})});
}

Result<std::optional<PipelineNews::Told>> PipelineNews::step_told(const store::Event& event,
                                                                  const Place& place,
                                                                  RunState state) {
  const auto run = TRY(table_.told_run(place.run));
  const auto step = TRY(table_.told_step(place.run, place.step));
  if (!run || !step) return std::optional<Told>();
  RunSaid said = TRY(said_of(event, place, state, *run));
  said.job = own(place.pipeline + "." + step->planned);
  said.inputs = TRY(inputs_of(place, run->project, step->key_document));
  JsonArray events;
  // These have begun without an event of their own.
  if (state != RunState::kStarted && (event.kind == "pipeline.step.cached" || step->has_items)) {
    RunSaid started = said;
    started.state = RunState::kStarted;
    started.time = std::min(step->started.value_or(event.arrival_time), event.arrival_time);
    events.push_back(api::openlineage::to_event(started));
  }
  if (state == RunState::kCompleted) said.outputs = TRY(outputs_of(event, place, *step));
  if (state == RunState::kFailed || state == RunState::kAborted)
    said.error = step->reason.empty() ? event.kind.substr(kStepKind.size()) : step->reason;
  events.push_back(api::openlineage::to_event(said));
  return std::optional(Told{.about = place.run, .events = base::to_text(std::move(events))});
}

PipelineNews::DatasetSaid PipelineNews::dataset_said(const std::string& dataset,
                                                     const std::string& digest) {
  DatasetSaid said{.name = own(dataset)};
  if (const auto places = datasets_.places()) {
    for (const datasets::Datasets::Place& place : *places) {
      if (place.dataset != dataset) continue;
      said.place = place.table.empty() ? api::openlineage::name_of_address(place.address)
                                       : api::openlineage::name_of_table(place.url, place.table);
    }
  }
  if (const auto snapshots = datasets_.snapshots(dataset)) {
    for (const datasets::Snapshot& snapshot : *snapshots) {
      if (snapshot.digest != digest) continue;
      said.version = std::to_string(snapshot.version);
      for (const auto& [column, type] : snapshot.schema.columns)
        said.schema.emplace_back(column, types::type_name(type));
      break;
    }
  }
  return said;
}

Result<std::vector<PipelineNews::DatasetSaid>> PipelineNews::inputs_of(
    const Place& place, const std::string& project, const JsonObject& key_document) {
  constexpr std::string_view kDataset = "input/dataset:", kModel = "input/model:", kFile = "input/",
                             kStep = "step/";
  constexpr std::string_view kVersion = "models:/";
  std::vector<DatasetSaid> inputs;
  const Json* parts = key_document.if_contains("parts");
  if (parts == nullptr || !parts->is_object()) return inputs;
  for (const auto& [key, value] : parts->get_object()) {
    if (inputs.size() == kInputsMax) break;
    const std::string_view part = key;
    if (!value.is_string()) continue;
    const std::string digest(value.get_string());
    if (part.starts_with(kDataset)) {
      inputs.push_back(dataset_said(std::string(part.substr(kDataset.size())), digest));
    } else if (part.starts_with(kModel)) {
      const std::size_t slash = digest.rfind('/');
      if (!digest.starts_with(kVersion) || slash < kVersion.size()) continue;  // there is none yet
      inputs.push_back({.name = own(digest.substr(0, slash)), .version = digest.substr(slash + 1)});
    } else if (part.starts_with(kFile)) {
      const auto file = (std::filesystem::path(project) / part.substr(kFile.size()));
      if (const auto name = api::openlineage::name_of_address(file.lexically_normal().string()))
        inputs.push_back({.name = *name, .version = digest});
    } else if (part.starts_with(kStep)) {
      inputs.push_back(
          {.name = own(fmt::format("{}/{}", place.pipeline, part.substr(kStep.size()))),
           .version = digest});
    }
  }
  return inputs;
}

Result<std::vector<PipelineNews::DatasetSaid>> PipelineNews::outputs_of(
    const store::Event& event, const Place& place, const RunTable::ToldStep& step) {
  std::vector<DatasetSaid> outputs;
  if (step.files > 0) {
    outputs.push_back({.name = own(fmt::format("{}/{}", place.pipeline, place.step)),
                       .version = step.manifest_digest,
                       .files = step.files});
  }
  if (step.started && event.kind == "pipeline.step.succeeded")
    TRY(add_models(event, place, *step.started, outputs));
  return outputs;
}

Result<void> PipelineNews::add_models(const store::Event& event, const Place& place,
                                      base::Timestamp since, std::vector<DatasetSaid>& outputs) {
  constexpr std::string_view kModels = "models/";
  const auto begun = TRY(store::list_events(db_, {.subject = place.subject_of_run(),
                                                  .kind = "pipeline.run.running",
                                                  .before = event.sequence,
                                                  .limit = 1,
                                                  .newest_first = true}));
  for (const store::Event& made :
       TRY(store::list_events(db_, {.kind = "model_version.created",
                                   .after = begun.empty() ? 0 : begun[0].sequence,
                                   .before = event.sequence,
                                   .limit = kVersionsLookedAt,
                                   .newest_first = true}))) {
    if (made.arrival_time < since) break;
    const std::string_view subject = made.subject;
    const std::size_t slash = subject.rfind('/');
    if (!subject.starts_with(kModels) || slash < kModels.size()) continue;
    const std::string model(subject.substr(kModels.size(), slash - kModels.size()));
    const std::string number(subject.substr(slash + 1));
    const auto version = registry_.get_version(model, std::atoll(number.c_str()));
    if (!version || version->run_id.empty()) continue;
    const auto run = runs_.get(version->run_id);
    if (!run) continue;
    const auto is = [&](std::string_view key, const std::string& value) {
      return std::any_of(run->tags.begin(), run->tags.end(), [&](const tracking::KeyValue& tag) {
        return tag.key == key && tag.value == value;
      });
    };
    if (is("slipway.run_id", place.run) && is("slipway.step", place.step))
      outputs.push_back({.name = own("models:/" + model), .version = number});
  }
  return {};
}

}  // namespace slipway::app
