// What the `streams:` part of slipway.yaml says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::streams {

struct StreamDefinition {
  std::string name;
  std::string endpoint;            // scores the messages; or
  std::string features;            // the source of features that takes them as its rows
  std::string from;                // a topic: store::parse_topic_address()
  std::string to;                  // of an endpoint's answers
  std::string dead_letters;        // a topic; empty: what can't be used is counted and logged
  std::string group;               // of readers; "slipway-NAME" when left out
  std::string format = "json";     // the only one
  std::string start = "earliest";  // earliest | latest: where a group begins that is new
  std::int64_t rows_max = 500;     // of one batch
  std::int64_t wait_ms_max = 20;   // for more, once there is one

  JsonObject to_json() const;  // in the shape of slipway.yaml, so that parse_stream reads it back
  bool operator==(const StreamDefinition&) const = default;
};

// Reads the `streams:` part of a whole slipway.yaml, and the names of its endpoints and sources of
// features; no such part means no streams. kInvalidArgument with line and column: also an endpoint
// or source that isn't declared, and a topic that a stream both reads and writes.
Result<std::vector<StreamDefinition>> parse_streams(const types::YamlSource& slipway_yaml);

// Reads one stream's mapping: the JSON of to_json().
Result<StreamDefinition> parse_stream(const std::string& name, std::string_view text);

}  // namespace slipway::streams
