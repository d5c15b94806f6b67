#include "kubeflow/pipeline_spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kubeflow/fields.h"
#include "types/yaml_json.h"

namespace slipway::kubeflow {
namespace {

constexpr std::int64_t kRetriesMax = 100;
constexpr double kFactorMax = 100;
constexpr std::int64_t kParallelMax = 1'000'000;

Result<ParameterSpec> read_parameter(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  ParameterSpec spec;
  const std::string type = TRY(fields.text("parameterType"));
  const auto known = parse_parameter_type(type);
  if (!known) return fields.error("{}", known.error().message);
  spec.type = *known;
  spec.is_optional = TRY(fields.flag("isOptional"));
  if (const Json* const given = fields.find("defaultValue")) {
    auto typed = as_type(*given, spec.type);
    if (!typed) return fields.error("defaultValue: {}", typed.error().message);
    spec.value = std::move(*typed);
  }
  fields.skip("description");
  TRY(fields.finish());
  return spec;
}

Result<ArtifactSpec> read_artifact(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  ArtifactSpec spec;
  if (auto type = TRY(fields.find_object("artifactType"))) {
    spec.schema_title = TRY(type->text("schemaTitle"));
    spec.schema_version = TRY(type->text("schemaVersion"));
    type->skip("instanceSchema");
    TRY(type->finish());
  }
  spec.is_list = TRY(fields.flag("isArtifactList"));
  spec.is_optional = TRY(fields.flag("isOptional"));
  fields.skip("description");
  fields.skip("metadata");
  TRY(fields.finish());
  return spec;
}

// They become names of files.
Result<void> check_name(std::string_view name, std::string_view place) {
  const bool is_good = !name.empty() && name != "." && name != ".." &&
                       name.find_first_of(std::string_view("/{}\0", 4)) == name.npos;
  if (is_good) return {};
  return base::error(Code::kInvalidArgument,
                     "{}: a name has no '/', '{{', '}}' or NUL, and is not '.' or '..'", place);
}

Result<void> read_definitions(Fields& component, std::string_view key,
                              std::map<std::string, ParameterSpec>& parameters,
                              std::map<std::string, ArtifactSpec>& artifacts) {
  auto definitions = TRY(component.find_object(key));
  if (!definitions) return {};
  TRY(definitions->each(
      "parameters", [&](const auto& name, const Json& value, const auto& place) -> Result<void> {
        TRY(check_name(name, place));
        parameters[name] = TRY(read_parameter(value, place));
        return {};
      }));
  TRY(definitions->each(
      "artifacts", [&](const auto& name, const Json& value, const auto& place) -> Result<void> {
        TRY(check_name(name, place));
        artifacts[name] = TRY(read_artifact(value, place));
        return {};
      }));
  return definitions->finish();
}

// parseJson(string_value)["a"]["b"]
Result<std::vector<std::string>> read_selector(std::string_view text, const Fields& fields) {
  std::vector<std::string> members;
  if (text.empty()) return members;
  constexpr std::string_view kFront = "parseJson(string_value)";
  const Error unknown = fields.error(
      "parameterExpressionSelector can only be parseJson(string_value)[\"member\"]: {}", text);
  if (!text.starts_with(kFront)) return unknown;
  std::string_view rest = text.substr(kFront.size());
  while (!rest.empty()) {
    if (rest.size() < 5 || rest[0] != '[' || (rest[1] != '"' && rest[1] != '\'')) return unknown;
    const std::size_t end = rest.find(rest[1], 2);
    if (end == std::string_view::npos || end + 1 >= rest.size() || rest[end + 1] != ']')
      return unknown;
    members.emplace_back(rest.substr(2, end - 2));
    if (members.back().empty() || members.back().find_first_of("\\.") != std::string::npos)
      return unknown;
    rest.remove_prefix(end + 2);
  }
  return members;
}

Result<ParameterSource> read_parameter_source(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  ParameterSource source;
  source.members = TRY(read_selector(TRY(fields.text("parameterExpressionSelector")), fields));
  int ways = 0;
  if (auto output = TRY(fields.find_object("taskOutputParameter"))) {
    ++ways;
    source.kind = ParameterSource::Kind::kTaskOutput;
    source.task = TRY(output->text("producerTask"));
    source.name = TRY(output->text("outputParameterKey"));
    TRY(output->finish());
  }
  if (auto runtime = TRY(fields.find_object("runtimeValue"))) {
    ++ways;
    source.kind = ParameterSource::Kind::kConstant;
    source.constant = *TRY(runtime->get("constant"));
    TRY(runtime->finish());
  }
  if (const std::string name = TRY(fields.text("componentInputParameter")); !name.empty()) {
    ++ways;
    source.kind = ParameterSource::Kind::kComponentInput;
    source.name = name;
  }
  if (auto status = TRY(fields.find_object("taskFinalStatus"))) {
    ++ways;
    source.kind = ParameterSource::Kind::kFinalStatus;
    source.task = TRY(status->text("producerTask"));
    TRY(status->finish());
  }
  TRY(fields.finish());
  if (ways != 1) return fields.error("it has its value from exactly one place");
  return source;
}

Result<ArtifactSource> read_artifact_source(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  ArtifactSource source;
  if (auto output = TRY(fields.find_object("taskOutputArtifact"))) {
    source.task = TRY(output->text("producerTask"));
    source.name = TRY(output->text("outputArtifactKey"));
    TRY(output->finish());
  } else {
    source.name = TRY(fields.text("componentInputArtifact"));
  }
  TRY(fields.finish());
  if (source.name.empty()) return fields.error("it names no artifact");
  return source;
}

// "10s", "0.5s"
Result<std::optional<base::Duration>> find_duration(Fields& fields, std::string_view key) {
  const std::string text = TRY(fields.text(key));
  if (text.empty()) return std::optional<base::Duration>();
  double seconds = 0;
  const char* const last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), last, seconds);
  if (error != std::errc() || end != last || *last != 's' || !(seconds >= 0 && seconds <= 1e8))
    return fields.error("{} must be seconds as \"10s\": got={}", key, text);
  // To the millisecond.
  return std::optional(base::Duration{std::llround(seconds * 1e3) * 1000});
}

Result<RetryPolicy> read_retry(Fields& fields) {
  RetryPolicy policy;
  policy.times = TRY(fields.find_integer("maxRetryCount")).value_or(0);
  if (policy.times < 0 || policy.times > kRetriesMax)
    return fields.error("maxRetryCount must be from 0 to {}: got={}", kRetriesMax, policy.times);
  policy.after = TRY(find_duration(fields, "backoffDuration")).value_or(policy.after);
  policy.at_most = TRY(find_duration(fields, "backoffMaxDuration")).value_or(policy.at_most);
  if (const Json* const factor = fields.find("backoffFactor")) {
    if (!factor->is_int64() && !factor->is_double())
      return fields.error("backoffFactor must be a number");
    policy.factor = factor->to_number<double>();
    if (!(policy.factor >= 1 && policy.factor <= kFactorMax))
      return fields.error("backoffFactor must be from 1 to {}: got={}", kFactorMax, policy.factor);
  }
  TRY(fields.finish());
  return policy;
}

Result<std::optional<ParameterIterator>> read_iterator(Fields& task) {
  auto fields = TRY(task.find_object("parameterIterator"));
  if (!fields) {
    if (task.find("iteratorPolicy") != nullptr)
      return task.error("iteratorPolicy is of a task with parameterIterator");
    return std::optional<ParameterIterator>();
  }
  ParameterIterator iterator;
  iterator.item_input = TRY(fields->text("itemInput"));
  auto items = TRY(fields->find_object("items"));
  if (!items || iterator.item_input.empty())
    return fields->error("a loop needs items and itemInput");
  iterator.items_input = TRY(items->text("inputParameter"));
  if (const std::string raw = TRY(items->text("raw")); !raw.empty()) {
    const auto list = base::parse_json(raw);
    if (!list || !list->is_array()) return items->error("raw must be a JSON list: {}", raw);
    iterator.items = list->get_array();
  }
  if (iterator.items.has_value() != iterator.items_input.empty())
    return items->error("items are either raw or an inputParameter");
  TRY(items->finish());
  TRY(fields->finish());
  if (auto policy = TRY(task.find_object("iteratorPolicy"))) {
    iterator.parallel = TRY(policy->find_integer("parallelismLimit"));
    if (iterator.parallel == 0) iterator.parallel.reset();
    if (iterator.parallel && (*iterator.parallel < 0 || *iterator.parallel > kParallelMax))
      return policy->error("parallelismLimit must be from 1 to {}: got={}", kParallelMax,
                           *iterator.parallel);
    TRY(policy->finish());
  }
  return std::optional(std::move(iterator));
}

Result<void> read_trigger(Fields& fields, Task& task) {
  auto trigger = TRY(fields.find_object("triggerPolicy"));
  if (!trigger) return {};
  task.condition = TRY(trigger->text("condition"));
  const std::string strategy = TRY(trigger->text("strategy"));
  task.runs_always = strategy == "ALL_UPSTREAM_TASKS_COMPLETED";
  if (!strategy.empty() && !task.runs_always && strategy != "ALL_UPSTREAM_TASKS_SUCCEEDED" &&
      strategy != "TRIGGER_STRATEGY_UNSPECIFIED")
    return trigger->error("no such strategy: {}", strategy);
  return trigger->finish();
}

Result<Task> read_task(const std::string& name, const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  Task task{.name = name, .place = place};
  if (auto component = TRY(fields.find_object("componentRef"))) {
    task.component = TRY(component->text("name"));
    TRY(component->finish());
  }
  task.after = TRY(fields.texts("dependentTasks"));
  if (auto inputs = TRY(fields.find_object("inputs"))) {
    TRY(inputs->each("parameters",
                     [&](const auto& input, const Json& one, const auto& at) -> Result<void> {
                       task.parameters[input] = TRY(read_parameter_source(one, at));
                       return {};
                     }));
    TRY(inputs->each("artifacts",
                     [&](const auto& input, const Json& one, const auto& at) -> Result<void> {
                       task.artifacts[input] = TRY(read_artifact_source(one, at));
                       return {};
                     }));
    TRY(inputs->finish());
  }
  TRY(read_trigger(fields, task));
  if (auto caching = TRY(fields.find_object("cachingOptions"))) {
    task.is_cached = TRY(caching->flag("enableCache"));
    caching->skip("cacheKey");  // ours is made of all that the result depends on
    TRY(caching->finish());
  }
  if (auto retry = TRY(fields.find_object("retryPolicy"))) task.retry = TRY(read_retry(*retry));
  task.iterator = TRY(read_iterator(fields));
  fields.skip("taskInfo");
  TRY(fields.finish());
  return task;
}

Result<OutputOfTask> read_output(Fields fields, std::string_view key) {
  OutputOfTask output;
  output.task = TRY(fields.text("producerSubtask"));
  output.name = TRY(fields.text(key));
  TRY(fields.finish());
  return output;
}

// Of several, one will be there.
Result<std::vector<OutputOfTask>> read_outputs(Fields& fields, std::string_view list,
                                               std::string_view key) {
  const Json* const selectors = TRY(fields.get(list));
  if (!selectors->is_array() || selectors->get_array().empty())
    return fields.error("{} must be a list of outputs of tasks", list);
  std::vector<OutputOfTask> outputs;
  for (const Json& one : selectors->get_array())
    outputs.push_back(TRY(read_output(TRY(Fields::of(one, fields.place_of(list))), key)));
  return outputs;
}

Result<void> read_dag_outputs(Fields& fields, Dag& dag) {
  TRY(fields.each("parameters",
                  [&](const auto& name, const Json& value, const auto& place) -> Result<void> {
                    Fields output = TRY(Fields::of(value, place));
                    if (const auto from = TRY(output.find_object("valueFromParameter")))
                      dag.parameters[name].push_back(TRY(read_output(*from, "outputParameterKey")));
                    if (auto one_of = TRY(output.find_object("valueFromOneof"))) {
                      dag.parameters[name] =
                          TRY(read_outputs(*one_of, "parameterSelectors", "outputParameterKey"));
                      TRY(one_of->finish());
                    }
                    if (dag.parameters[name].empty()) return output.error("it is no task's output");
                    return output.finish();
                  }));
  TRY(fields.each(
      "artifacts", [&](const auto& name, const Json& value, const auto& place) -> Result<void> {
        Fields output = TRY(Fields::of(value, place));
        dag.artifacts[name] = TRY(read_outputs(output, "artifactSelectors", "outputArtifactKey"));
        return output.finish();
      }));
  return fields.finish();
}

Result<Component> read_component(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  Component component{.place = place};
  TRY(read_definitions(fields, "inputDefinitions", component.inputs, component.input_artifacts));
  TRY(read_definitions(fields, "outputDefinitions", component.outputs, component.output_artifacts));
  component.executor = TRY(fields.text("executorLabel"));
  auto dag = TRY(fields.find_object("dag"));
  if (dag.has_value() != component.executor.empty())
    return fields.error("a component is either a dag or has an executorLabel");
  if (dag) {
    TRY(dag->each("tasks", [&](const auto& name, const Json& one, const auto& at) -> Result<void> {
      component.dag.tasks.push_back(TRY(read_task(name, one, at)));
      return {};
    }));
    if (auto outputs = TRY(dag->find_object("outputs")))
      TRY(read_dag_outputs(*outputs, component.dag));
    TRY(dag->finish());
  }
  TRY(fields.finish());
  return component;
}

Result<Executor::Importer> read_importer(Fields& fields) {
  Executor::Importer importer;
  auto uri = TRY(fields.find_object("artifactUri"));
  if (!uri) return fields.error("an importer needs artifactUri");
  importer.uri = TRY(uri->text("constant"));
  importer.uri_input = TRY(uri->text("runtimeParameter"));
  if (importer.uri.empty() == importer.uri_input.empty())
    return uri->error("it is either a constant or a runtimeParameter");
  TRY(uri->finish());
  if (auto type = TRY(fields.find_object("typeSchema"))) {
    importer.artifact.schema_title = TRY(type->text("schemaTitle"));
    importer.artifact.schema_version = TRY(type->text("schemaVersion"));
    type->skip("instanceSchema");
    TRY(type->finish());
  }
  if (const Json* const metadata = fields.find("metadata")) {
    if (!metadata->is_object()) return fields.error("metadata must be a mapping");
    importer.metadata = metadata->get_object();
  }
  fields.skip("reimport");
  if (TRY(fields.flag("downloadToWorkspace")))
    return fields.error("downloadToWorkspace: pipelines have no workspace here");
  TRY(fields.finish());
  return importer;
}

// What the container is given, where that is less or more than what it asks for at least. Members
// without `resource` in their names say the same as numbers, for older servers.
Result<ContainerResources> read_resources(Fields& fields) {
  ContainerResources asked;
  asked.cpu = TRY(fields.text("resourceCpuRequest"));
  if (asked.cpu.empty()) asked.cpu = TRY(fields.text("resourceCpuLimit"));
  asked.memory = TRY(fields.text("resourceMemoryLimit"));
  if (asked.memory.empty()) asked.memory = TRY(fields.text("resourceMemoryRequest"));
  if (auto accelerator = TRY(fields.find_object("accelerator"))) {
    asked.accelerator = TRY(accelerator->text("resourceType"));
    asked.accelerators = TRY(accelerator->text("resourceCount"));
  }
  return asked;
}

Result<Executor> read_executor(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  Executor executor{.place = place};
  if (auto importer = TRY(fields.find_object("importer"))) {
    executor.importer = TRY(read_importer(*importer));
    TRY(fields.finish());
    return executor;
  }
  auto container = TRY(fields.find_object("container"));
  TRY(fields.finish());
  if (!container) return fields.error("only a container or an importer can be run here");
  executor.image = TRY(container->text("image"));
  executor.command = TRY(container->texts("command"));
  executor.args = TRY(container->texts("args"));
  if (executor.command.empty())
    return container->error(
        "it has no command: the image's own is not known here, where steps are processes");
  if (const Json* const list = container->find("env")) {
    if (!list->is_array()) return container->error("env must be a list");
    for (const Json& item : list->get_array()) {
      Fields variable = TRY(Fields::of(item, container->place_of("env")));
      const std::string name = TRY(variable.text("name"));
      if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
        return variable.error("no name of a variable: {}", name);
      executor.environment.emplace_back(name, TRY(variable.text("value")));
      TRY(variable.finish());
    }
  }
  if (auto resources = TRY(container->find_object("resources")))
    executor.resources = TRY(read_resources(*resources));
  TRY(container->finish());
  return executor;
}

Result<void> check_references(const PipelineSpec& spec, const Component& component) {
  if (!component.executor.empty()) {
    if (!spec.executors.contains(component.executor))
      return base::error(Code::kInvalidArgument, "{}: no such executor: {}", component.place,
                         component.executor);
    return {};
  }
  const auto has_task = [&](const std::string& name) {
    return std::any_of(component.dag.tasks.begin(), component.dag.tasks.end(),
                       [&](const Task& task) { return task.name == name; });
  };
  for (const Task& task : component.dag.tasks) {
    const auto missing = [&](std::string_view what, const std::string& name) {
      return base::error(Code::kInvalidArgument, "{}: no such {}: {}", task.place, what, name);
    };
    if (!spec.components.contains(task.component)) return missing("component", task.component);
    for (const std::string& other : task.after)
      if (!has_task(other)) return missing("task", other);
    for (const auto& [name, source] : task.parameters)
      if (!source.task.empty() && !has_task(source.task)) return missing("task", source.task);
    for (const auto& [name, source] : task.artifacts)
      if (!source.task.empty() && !has_task(source.task)) return missing("task", source.task);
  }
  for (const auto* outputs : {&component.dag.parameters, &component.dag.artifacts}) {
    for (const auto& [name, sources] : *outputs) {
      for (const OutputOfTask& source : sources) {
        if (!has_task(source.task))
          return base::error(Code::kInvalidArgument, "{}: an output of no task: output={} task={}",
                             component.place, name, source.task);
      }
    }
  }
  return {};
}

Result<void> check_platform(const Json* platform) {
  const bool says_nothing = platform == nullptr || platform->is_null() ||
                            (platform->is_object() && platform->get_object().empty());
  if (says_nothing) return {};
  Fields fields = TRY(Fields::of(*platform, "platform_spec"));
  return fields.each("platforms", [](const auto&, const Json&, const auto& place) -> Result<void> {
    return base::error(Code::kInvalidArgument,
                       "{}: what a pipeline says for one platform (kfp-kubernetes, "
                       "dsl.PipelineConfig) can't be done by local processes",
                       place);
  });
}

}  // namespace

Result<PipelineSpec> read_pipeline_spec(const Json& document) {
  const Json* own = &document;
  if (document.is_object() && document.get_object().contains("pipeline_spec")) {
    TRY(check_platform(document.get_object().if_contains("platform_spec")));
    own = document.get_object().if_contains("pipeline_spec");
  }
  Fields fields = TRY(Fields::of(*own, "pipeline_spec"));
  PipelineSpec spec;
  const std::string version = TRY(fields.text("schemaVersion"));
  if (!version.starts_with("2."))
    return fields.error("schemaVersion must be 2, as `kfp.compiler` of version 2 writes: got={}",
                        version.empty() ? "nothing" : version);
  if (auto info = TRY(fields.find_object("pipelineInfo"))) {
    spec.name = TRY(info->text("name"));
    spec.description = TRY(info->text("description"));
    info->skip("displayName");
    TRY(info->finish());
  }
  if (spec.name.empty()) return fields.error("pipelineInfo.name is missing");
  if (auto deployment = TRY(fields.find_object("deploymentSpec"))) {
    TRY(deployment->each("executors",
                         [&](const auto& name, const Json& one, const auto& at) -> Result<void> {
                           spec.executors[name] = TRY(read_executor(one, at));
                           return {};
                         }));
    TRY(deployment->finish());
  }
  TRY(fields.each("components",
                  [&](const auto& name, const Json& one, const auto& at) -> Result<void> {
                    spec.components[name] = TRY(read_component(one, at));
                    return {};
                  }));
  spec.root = TRY(read_component(*TRY(fields.get("root")), "root"));
  if (!spec.root.executor.empty()) return fields.error("root must be a dag");
  fields.skip("sdkVersion");
  fields.skip("defaultPipelineRoot");  // artifacts are kept with the run
  TRY(fields.finish());
  TRY(check_references(spec, spec.root));
  for (const auto& [name, component] : spec.components) TRY(check_references(spec, component));
  return spec;
}

Result<Json> read_package(std::string_view yaml) {
  auto documents = TRY(types::yaml_as_json(yaml));
  if (documents.empty()) return base::error(Code::kInvalidArgument, "the package is empty");
  if (documents.size() > 2)
    return base::error(Code::kInvalidArgument,
                       "a package has the pipeline and perhaps a platform: documents={}",
                       documents.size());
  if (documents.size() == 1) return std::move(documents.front());
  return Json(JsonObject{{"pipeline_spec", std::move(documents[0])},
                         {"platform_spec", std::move(documents[1])}});
}

}  // namespace slipway::kubeflow
