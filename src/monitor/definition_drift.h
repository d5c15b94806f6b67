// What `drift:` of a monitor says.
#pragma once

#include "base/result.h"
#include "monitor/drift/rules.h"
#include "monitor/problem.h"
#include "types/yaml_reader.h"

namespace slipway::monitor {

// Of a monitor whose model is asked for `problem`. kInvalidArgument with line and column: a member
// or a method that there isn't, or one that doesn't take such predictions.
Result<DriftRules> read_drift(const types::YamlNode& node, const ProblemRules& problem);

// kInvalidArgument with line and column: no number, or one outside [low, high].
Result<double> number_between(const types::YamlNode& node, double low, double high);

}  // namespace slipway::monitor
