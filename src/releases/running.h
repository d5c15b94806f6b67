// How an endpoint's models are run, and what is checked of what they are asked: the parts
// `batching:`, `python:` and `inputs:` of its declaration.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "types/column_rules.h"
#include "types/yaml_reader.h"

namespace slipway::releases {

// What isn't said is left to whoever serves. Requests that a model can't take at once line up, and
// those that go together are one call of it.
struct Batching {
  std::optional<std::int64_t> max_rows;  // in one call of several requests
  std::optional<double> max_wait_ms;     // for others, if the model takes longer than that
  std::optional<std::int64_t> max_queue_rows;
  std::optional<std::int64_t> priority_levels, default_priority_level;
  bool operator==(const Batching&) const = default;
};

// Of models that need Python.
struct PythonRun {
  std::optional<std::int64_t> workers, memory_bytes_max, call_timeout_ms;
  bool operator==(const PythonRun&) const = default;
};

struct Running {
  Batching batching;
  PythonRun python;
  types::InputRules inputs;

  // Adds the parts that say something to a declaration.
  void append_to(JsonObject& declaration) const;
  bool operator==(const Running&) const = default;
};

// Takes the parts out of a declaration. kInvalidArgument with line and column.
Result<Running> read_running(types::YamlMap& declaration);
// Reads back what append_to() made of an empty object.
Result<Running> parse_running(std::string_view text);

}  // namespace slipway::releases
