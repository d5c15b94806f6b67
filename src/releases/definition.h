// What the `endpoints:` part of slipway.yaml says.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "releases/running.h"
#include "types/yaml_reader.h"

namespace slipway::releases {

// By how much a canary may be worse than the version in charge, on the requests that version
// answers: the canary's model scores them too, as a shadow.
struct QualityBound {
  std::string metric;   // a loss of a prediction against its label: log_loss, brier, absolute_error
  double worse_by = 0;  // of its mean
  bool operator==(const QualityBound&) const = default;
};

// What may not happen to a canary. Each bound is optional; a canary that is beyond one for sure is
// taken away.
struct Guard {
  std::optional<double> error_rate;
  std::optional<double> latency_ms_p99;
  std::optional<double> calibration_bias;  // absolute
  std::optional<QualityBound> quality;
  std::int64_t min_requests = 20;  // a step doesn't end, and latency isn't judged, below it
  std::int64_t min_labels =
      30;  // calibration isn't judged, and with `quality` no step ends, below it

  double slow_over_ms() const {
    return latency_ms_p99.value_or(std::numeric_limits<double>::infinity());
  }
  bool operator==(const Guard&) const = default;
};

// How a new model version takes over.
struct ReleasePolicy {
  base::Duration delay;            // from the alias' move to the first canary step
  std::vector<int> steps = {100};  // percent, growing, ending with 100
  base::Duration hold;             // how long each step lasts before the next
  std::optional<base::Duration>
      check;  // how often the guard looks; a quarter of `hold` when left out
  Guard guard;

  base::Duration check_interval() const;
  bool operator==(const ReleasePolicy&) const = default;
};

struct ShadowDefinition {
  std::string name;
  std::string model;  // a model URI
  bool operator==(const ShadowDefinition&) const = default;
};

struct ModelAlias {
  std::string model, alias;
  bool operator==(const ModelAlias&) const = default;
};
// The two parts of "models:/name@alias"; nothing for any other URI.
std::optional<ModelAlias> parse_alias(std::string_view model_uri);

// Where answers go to requests that don't wait for them.
struct AsyncInference {
  std::string output;                     // a folder: s3://BUCKET/PREFIX or a path
  std::string failure;                    // of what could not be answered
  std::optional<std::int64_t> in_flight;  // under way at once
  bool operator==(const AsyncInference&) const = default;
};

struct EndpointDefinition {
  std::string name;
  std::string model;                     // a model URI; with an alias, the endpoint follows it
  std::string features;                  // feature service; empty: callers send the features
  std::string output = "prediction";     // name of the output tensor
  std::vector<ShadowDefinition> shadow;  // scored beside, never answered
  ReleasePolicy release;
  Running running;
  std::string log_policy = "best_effort";  // best_effort | durable
  std::optional<base::Duration> log_keep;  // how long requests are in the log; nothing: for ever
  std::optional<AsyncInference> async;     // nothing: such requests are refused

  JsonObject to_json() const;  // in the shape of slipway.yaml, so that parse_endpoint reads it back
  bool operator==(const EndpointDefinition&) const = default;
};

JsonObject to_json(const ReleasePolicy& policy);

// Reads the `endpoints:` part of a whole slipway.yaml; other parts are not looked at, and no such
// part means no endpoints. kInvalidArgument with line and column.
Result<std::vector<EndpointDefinition>> parse_endpoints(const types::YamlSource& slipway_yaml);

// Reads one endpoint's mapping: YAML, or the JSON of to_json().
Result<EndpointDefinition> parse_endpoint(const std::string& name, std::string_view text);
// Reads back to_json(ReleasePolicy).
Result<ReleasePolicy> parse_policy(std::string_view text);

}  // namespace slipway::releases
