// The nouns of experiment tracking, as plain values. Names and meaning follow MLflow's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "types/timestamp.h"

namespace slipway::tracking {

// A tag or a parameter.
struct KeyValue {
  std::string key;
  std::string value;
};

enum class Stage { kActive, kDeleted };
std::string_view stage_name(Stage stage);  // "active", "deleted"
enum class RunStatus : std::uint8_t { kRunning, kScheduled, kFinished, kFailed, kKilled };
inline constexpr std::size_t kRunStatuses = 5;
// "RUNNING" and so on; nothing for an unknown word.
std::string_view status_name(RunStatus status);
std::optional<RunStatus> parse_status(std::string_view name);

struct Experiment {
  std::string id;
  std::string name;
  std::string artifact_location;
  Stage stage = Stage::kActive;
  types::Timestamp created, updated;
  std::vector<KeyValue> tags;
};

// One measured point. NaN is allowed; the infinities are stored as the largest finite doubles.
struct Metric {
  std::string key;
  double value = 0;
  std::int64_t timestamp_ms = 0;
  std::int64_t step = 0;
  // Which logged model it measures and on which dataset. Empty for most; kept with the model, not
  // with the run.
  std::string model_id = {}, dataset_name = {}, dataset_digest = {};
};

struct DatasetInput {
  std::string name, digest, source_type, source, schema, profile;
  std::vector<KeyValue> tags;
};

struct ModelOutput {
  std::string model_id;
  std::int64_t step = 0;
};

struct Run {
  std::string id;
  std::string experiment_id;
  std::string name;
  std::string user;
  RunStatus status = RunStatus::kRunning;
  std::int64_t start_ms = 0;
  std::optional<std::int64_t> end_ms;
  Stage stage = Stage::kActive;
  std::string artifact_uri;
  std::vector<Metric> metrics;  // the latest point of each
  std::vector<KeyValue> params;
  std::vector<KeyValue> tags;
  std::vector<DatasetInput> datasets;
  std::vector<std::string> model_inputs;
  std::vector<ModelOutput> model_outputs;
};

// What is said of a run that isn't there, or may not be written.
Error no_such_run(std::string_view id);
Error run_is_deleted(std::string_view id);

// A metric that names its model, and the run that logged it.
struct ModelMetric {
  std::string run_id;
  Metric metric;
};

// MLflow 3's model as a thing of its own, before it is registered.
struct LoggedModel {
  std::string id;  // "m-" and 32 hex digits
  std::string experiment_id, name, model_type, source_run_id, artifact_uri, status, status_message;
  types::Timestamp created, updated;
  std::vector<KeyValue> params, tags;
  std::vector<ModelMetric> metrics;  // by key, timestamp, step
};

// One page of a list. `next` is empty on the last one.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;
};

}  // namespace slipway::tracking
