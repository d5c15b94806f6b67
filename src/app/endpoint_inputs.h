// The rules of what endpoints are asked, between the rooms that know a part of it each.
#pragma once

#include <string>
#include <vector>

#include "api/own/input_routes.h"
#include "app/monitor_connections.h"
#include "datasets/datasets.h"
#include "features/definition.h"
#include "monitor/monitor.h"
#include "releases/releases.h"
#include "serving/endpoints.h"

namespace slipway::app {

// Finds training rows: of the endpoint's feature service, in the time of its monitor's reference,
// or of a dataset.
class TrainingInputs final : public api::own::TrainedInputs {
 public:
  TrainingInputs(releases::Releases& releases, datasets::Datasets& datasets, TrainingRows& training)
      : releases_(releases), datasets_(datasets), training_(training) {}
  // The monitor comes later.
  void connect(monitor::Monitor& monitor) { monitor_ = &monitor; }
  Result<Rows> rows(const std::string& endpoint, const std::string& dataset,
                    const std::vector<std::string>& columns) override;

 private:
  Result<Rows> of_dataset(const std::string& name, const std::vector<std::string>& columns);
  Result<std::string> find_dataset(const std::vector<std::string>& columns);

  releases::Releases& releases_;
  datasets::Datasets& datasets_;
  TrainingRows& training_;
  monitor::Monitor* monitor_ = nullptr;
};

// What is said of rules whose input the model that answers doesn't read. kInvalidArgument: a rule
// of texts for an input of numbers, or the other way round.
Result<std::vector<std::string>> check_inputs(
    const serving::Endpoints& serving, const std::vector<releases::EndpointDefinition>& endpoints,
    const features::Definitions& features);

}  // namespace slipway::app
