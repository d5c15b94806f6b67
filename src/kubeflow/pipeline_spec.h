// Kubeflow's compiled pipelines (IR, PipelineSpec of version 2) as values. Reading them is strict:
// what is said and can't be run here is refused with its place, never passed over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "kubeflow/parameter.h"

namespace slipway::kubeflow {

struct ArtifactSpec {
  std::string schema_title, schema_version;
  bool is_list = false;
  bool is_optional = false;
};

// Where a task has a parameter from.
struct ParameterSource {
  enum class Kind { kConstant, kComponentInput, kTaskOutput, kFinalStatus };
  Kind kind = Kind::kConstant;
  Json constant;
  std::string task;                  // whose output or final status
  std::string name;                  // of the component's input, or of the output
  std::vector<std::string> members;  // of what is there: parseJson(string_value)["a"]["b"]
};

struct ArtifactSource {
  std::string task;  // whose output; empty: the component's input
  std::string name;
};

// The task runs once for each item of a list.
struct ParameterIterator {
  std::optional<JsonArray> items;        // as written; or
  std::string items_input;               // the input that has them
  std::string item_input;                // the input that gets one
  std::optional<std::int64_t> parallel;  // items at the same time
};

struct RetryPolicy {
  std::int64_t times = 0;
  base::Duration after{0};
  double factor = 2;
  base::Duration at_most = base::Duration::seconds(3600);
};

struct Task {
  std::string name, place, component;
  std::vector<std::string> after;
  std::map<std::string, ParameterSource> parameters;
  std::map<std::string, ArtifactSource> artifacts;
  std::string condition;  // in CEL; empty: none
  bool runs_always = false;
  bool is_cached = false;
  RetryPolicy retry;
  std::optional<ParameterIterator> iterator;
};

struct OutputOfTask {
  std::string task, name;
};

struct Dag {
  std::vector<Task> tasks;
  // Its outputs; of several, those of the one that has run.
  std::map<std::string, std::vector<OutputOfTask>> parameters, artifacts;
};

struct Component {
  std::string place;
  std::map<std::string, ParameterSpec> inputs, outputs;
  std::map<std::string, ArtifactSpec> input_artifacts, output_artifacts;
  std::string executor;  // empty: `dag`
  Dag dag;
};

// As Kubernetes writes quantities; empty: not said. They may have placeholders.
struct ContainerResources {
  std::string cpu, memory;
  std::string accelerator, accelerators;  // its kind, and how many
};

struct Executor {
  std::string place;
  std::string image;
  ContainerResources resources;
  std::vector<std::string> command, args;
  std::vector<std::pair<std::string, std::string>> environment;
  struct Importer {
    std::string uri;        // as written; or
    std::string uri_input;  // the input that has it
    ArtifactSpec artifact;
    JsonObject metadata;
  };
  std::optional<Importer> importer;  // and nothing of the above
};

struct PipelineSpec {
  std::string name, description;
  Component root;
  std::map<std::string, Component> components;
  std::map<std::string, Executor> executors;
};

// `document` is the spec, or {"pipeline_spec": ..., "platform_spec": ...} as clients send it.
// kInvalidArgument with the place: it is none, or says what can't be run here.
Result<PipelineSpec> read_pipeline_spec(const Json& document);

// A package as it is uploaded: YAML with the spec, behind it perhaps that of a platform. What it
// says as one document of the above kind.
Result<Json> read_package(std::string_view yaml);

}  // namespace slipway::kubeflow
