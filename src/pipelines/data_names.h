// Datasets and models that pipelines and schedules of a slipway.yaml name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

struct DataName {
  std::string kind;  // dataset, model, or what else is in front of a colon
  std::string name;
  std::string place;  // "line 3, column 7"
  std::string by;     // "pipeline train, step fit", "schedule nightly"
};

// Under `inputs` and `wait_for` of steps and `when` of schedules, in the order written. Pure.
// kInvalidArgument: parse_pipelines() or parse_schedules() refuses it, too.
Result<std::vector<DataName>> data_names(const types::YamlSource& slipway_yaml);

}  // namespace slipway::pipelines
