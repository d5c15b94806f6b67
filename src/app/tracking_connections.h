// What tracking, traces, evaluations and the registry need of each other; other rooms' ports are in
// connections.h.
#pragma once

#include "evaluations/ports.h"
#include "evaluations/removal.h"
#include "evaluations/review_queues.h"
#include "evaluations/scorers.h"
#include "registry/registry.h"
#include "traces/ports.h"
#include "traces/trace_removal.h"
#include "traces/traces.h"
#include "tracking/artifacts.h"
#include "tracking/logged_models.h"
#include "tracking/reclaim.h"
#include "tracking/runs.h"

namespace slipway::app {

// tracking asks the registry what was made from what, before it takes something away for good.
class RegisteredOrigins final : public tracking::RegisteredUses {
 public:
  explicit RegisteredOrigins(registry::Registry& registry) : registry_(registry) {}
  Result<std::optional<std::string>> use_of_run(const std::string& run_id) override {
    return registry_.find_made_from(run_id, "");
  }
  Result<std::optional<std::string>> use_of_model(const std::string& model_id) override {
    return registry_.find_made_from("", model_id);
  }

 private:
  registry::Registry& registry_;
};

// traces belong to experiments.
class TraceExperiments final : public traces::ExperimentRecords {
 public:
  Result<std::int64_t> number(const std::string& id) override;
  Result<std::vector<std::int64_t>> numbers(const std::vector<std::string>& ids) override;
  Result<std::string> trace_folder(store::Reader& reader, std::int64_t experiment) override;
  Result<std::optional<std::string>> find_trace_folder(store::Reader& reader,
                                                       std::int64_t experiment) override;
  Result<void> check_run(store::Reader& reader, const std::string& run) override;
};

// traces keep attachments among the artifacts.
class TraceArtifacts final : public traces::TraceFiles {
 public:
  explicit TraceArtifacts(tracking::Artifacts& artifacts) : artifacts_(artifacts) {}
  Result<store::Removed> remove(const std::string& location, const std::string& id) override;
  Result<store::Removed> measure(const std::string& location, const std::string& id) override;

 private:
  tracking::Artifacts& artifacts_;
};

// evaluations belong to experiments, and are about traces.
class EvaluationExperiments final : public evaluations::ExperimentRecords {
 public:
  Result<std::int64_t> number(const std::string& id) override;
  Result<std::vector<std::int64_t>> numbers(const std::vector<std::string>& ids) override;
  Result<void> check_exists(store::Reader& reader, std::int64_t experiment) override;
  Result<void> check_active(store::Reader& reader, std::int64_t experiment) override;
};
class ReviewedTraces final : public evaluations::TraceRecords, public traces::TraceFollowers {
 public:
  Result<std::optional<std::string>> experiment_of(store::Reader& reader,
                                                   const std::string& trace) override {
    return traces::experiment_of_trace(reader, trace);
  }
  Result<void> removed(store::Tx& tx, const std::string& id) override {
    return evaluations::remove_of_trace(tx, id);
  }
};
class ScorerFilters final : public evaluations::TraceFilters {
 public:
  Result<void> check(const std::string& text) override;
};

// What an experiment has in it beside runs and models goes with it.
class ExperimentRest final : public tracking::ExperimentContents {
 public:
  ExperimentRest(store::Db& db, traces::TraceRemover& traces) : db_(db), traces_(traces) {}
  Result<Part> remove_some(std::int64_t experiment) override;
  Result<store::Removed> measure(std::int64_t experiment) override {
    return traces_.measure_experiment(experiment);
  }

 private:
  store::Db& db_;
  traces::TraceRemover& traces_;
};

// registry checks where the files of a version are said to be.
class RunPlaces final : public registry::ArtifactPlaces {
 public:
  RunPlaces(tracking::Runs& runs, tracking::LoggedModels& logged_models)
      : runs_(runs), logged_models_(logged_models) {}
  Result<std::string> run_place(const std::string& run_id) override;
  Result<LoggedModel> logged_model(const std::string& model_id) override;
  Result<void> version_made(const std::string& model_id, const std::string& model,
                            std::int64_t version) override;

 private:
  tracking::Runs& runs_;
  tracking::LoggedModels& logged_models_;
};

}  // namespace slipway::app
