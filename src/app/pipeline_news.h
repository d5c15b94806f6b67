// webhooks tell who hears of lineage what pipelines do: steps and runs as OpenLineage's run events.
#pragma once

#include <string>
#include <vector>

#include "api/openlineage/run_event.h"
#include "datasets/datasets.h"
#include "pipelines/run_table.h"
#include "registry/registry.h"
#include "tracking/runs.h"
#include "webhooks/deliveries.h"

namespace slipway::app {

// Says of events of the log what they mean; the same event always means the same. A run that is
// tried again is another one to others, as theirs ends once.
class PipelineNews final : public webhooks::LineageNews {
 public:
  // `own_namespace`: that of our jobs and datasets.
  PipelineNews(store::Db& db, datasets::Datasets& datasets, registry::Registry& registry,
               tracking::Runs& runs, std::string own_namespace, std::string version)
      : db_(db),
        table_(db),
        datasets_(datasets),
        registry_(registry),
        runs_(runs),
        own_namespace_(std::move(own_namespace)),
        version_(std::move(version)) {}
  Result<std::optional<Told>> told_of(const store::Event& event) override;

 private:
  struct Place;  // of an event: pipeline, run and step
  using RunSaid = api::openlineage::RunSaid;
  using DatasetSaid = api::openlineage::DatasetSaid;

  Result<std::optional<Told>> run_told(const store::Event& event, const Place& place,
                                       lineage::RunState state);
  Result<std::optional<Told>> step_told(const store::Event& event, const Place& place,
                                        lineage::RunState state);
  // What is the same of all that is said of a run and its steps.
  Result<RunSaid> said_of(const store::Event& event, const Place& place, lineage::RunState state,
                          const pipelines::RunTable::ToldRun& run);
  Result<std::vector<DatasetSaid>> inputs_of(const Place& place, const std::string& project,
                                             const JsonObject& key_document);
  Result<std::vector<DatasetSaid>> outputs_of(const store::Event& event, const Place& place,
                                              const pipelines::RunTable::ToldStep& step);
  DatasetSaid dataset_said(const std::string& dataset, const std::string& digest);
  // Versions that runs of the step have made since it began.
  Result<void> add_models(const store::Event& event, const Place& place, base::Timestamp since,
                          std::vector<DatasetSaid>& outputs);
  lineage::Name own(std::string name) const {
    return {.space = own_namespace_, .name = std::move(name)};
  }

  store::Db& db_;
  pipelines::RunTable table_;
  datasets::Datasets& datasets_;
  registry::Registry& registry_;
  tracking::Runs& runs_;
  const std::string own_namespace_, version_;
};

}  // namespace slipway::app
