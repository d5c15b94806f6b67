// Slices that somebody declared, and how the model does in each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"

namespace slipway::monitor {

// A condition in the project's expression language, or a column, each of whose values is a slice.
struct DeclaredSlice {
  std::string name;  // of a column: its name; its slices are called NAME=VALUE
  std::string when;  // empty: a column
  bool is_column() const { return when.empty(); }
  bool operator==(const DeclaredSlice&) const = default;
};

// By row of a column, which of its texts or numbers it has, as a slice calls it; empty: none.
std::vector<std::string> slice_values(const types::Column& column);

// The live variant in one slice of a window.
struct SliceResult {
  std::string name;
  std::int64_t rows = 0, labels = 0;
  std::map<std::string, double> metrics;  // as a window's; those that could be computed

  JsonObject to_json() const;
  static Result<SliceResult> from_json(const JsonObject& object);
};

}  // namespace slipway::monitor
