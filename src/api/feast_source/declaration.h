// Definitions written as the text of slipway.yaml.
#pragma once

#include <string>
#include <vector>

#include "datasets/definition.h"
#include "features/definition.h"

namespace slipway::api::feast_source {

struct Declaration {
  std::string project, owner;
  std::vector<datasets::DatasetDefinition> datasets;
  features::Definitions features;
};

// Reads back (parse_datasets, parse_definitions) as what was given. `remarks` are comments in
// front, one a line.
std::string to_yaml(const Declaration& declaration, const std::vector<std::string>& remarks);

}  // namespace slipway::api::feast_source
