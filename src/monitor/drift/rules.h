// Which method and threshold the inputs of a monitor are measured by.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace slipway::monitor {

struct DriftRule {
  std::string method = "slipway";   // a name that choose_drift_method knows
  std::optional<double> threshold;  // unset: the method's own
  bool operator==(const DriftRule&) const = default;
};

struct DriftRules {
  DriftRule all;                             // of every input that isn't named
  std::map<std::string, DriftRule> columns;  // by input

  const DriftRule& of(const std::string& column) const {
    const auto found = columns.find(column);
    return found == columns.end() ? all : found->second;
  }
  bool operator==(const DriftRules&) const = default;
};

}  // namespace slipway::monitor
