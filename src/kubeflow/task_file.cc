#include "kubeflow/task_file.h"

#include <fmt/format.h>

#include <charconv>

#include "kubeflow/placeholder.h"

namespace slipway::kubeflow {
namespace {

constexpr std::string_view kGpu = "nvidia.com/gpu";

template <typename... Args>
Error error(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, "{}: {}", place,
                     fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

JsonArray list_of(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

JsonObject outputs_of(const Component& component) {
  JsonObject parameters, artifacts;
  for (const auto& [name, spec] : component.outputs) parameters[name] = name_of(spec.type);
  for (const auto& [name, spec] : component.output_artifacts)
    artifacts[name] =
        JsonObject{{"schemaTitle", spec.schema_title}, {"schemaVersion", spec.schema_version}};
  return {{"parameters", std::move(parameters)}, {"artifacts", std::move(artifacts)}};
}

void add_executor(const Executor& executor, JsonObject& file) {
  if (executor.importer) {
    JsonObject importer{{"metadata", executor.importer->metadata},
                        {"schemaTitle", executor.importer->artifact.schema_title},
                        {"schemaVersion", executor.importer->artifact.schema_version}};
    if (executor.importer->uri_input.empty()) {
      importer["uri"] = executor.importer->uri;
    } else {
      importer["uri_input"] = executor.importer->uri_input;
    }
    file["importer"] = std::move(importer);
    return;
  }
  JsonObject environment;
  for (const auto& [name, value] : executor.environment) environment[name] = value;
  file["container"] = JsonObject{{"image", executor.image},
                                 {"command", list_of(executor.command)},
                                 {"args", list_of(executor.args)},
                                 {"environment", std::move(environment)}};
}

Result<void> add_job(const Executor& executor, JsonObject& step) {
  if (executor.image.empty()) return error(executor.place, "it has no image to run in");
  const ContainerResources& asked = executor.resources;
  for (const std::string* const text :
       {&executor.image, &asked.cpu, &asked.memory, &asked.accelerator, &asked.accelerators}) {
    if (text->find("{{") != std::string::npos)
      return error(executor.place, "images and resources are known before the run here: {}", *text);
  }
  step["executor"] = "kubernetes";
  step["image"] = executor.image;
  JsonObject resources;
  if (!asked.cpu.empty()) resources["cpu"] = asked.cpu;
  if (!asked.memory.empty()) resources["memory"] = asked.memory;
  if (!resources.empty()) step["resources"] = std::move(resources);
  if (asked.accelerators.empty()) return {};
  if (asked.accelerator != kGpu)
    return error(executor.place, "accelerators are {} here: {}", kGpu, asked.accelerator);
  std::int64_t gpus = 0;
  const char* const end = asked.accelerators.data() + asked.accelerators.size();
  const auto [at, why] = std::from_chars(asked.accelerators.data(), end, gpus);
  if (why != std::errc() || at != end)
    return error(executor.place, "the accelerators are a number: {}", asked.accelerators);
  step["gpus"] = gpus;
  return {};
}

Result<void> check_words(const Executor& executor, const Component& component,
                         const std::map<std::string, ValueSource>& inputs) {
  const auto check = [&](const Placeholder& placeholder) -> Result<std::string> {
    const auto is_there = [&]() {
      switch (placeholder.kind) {
        case Placeholder::Kind::kInputParameter:
          return inputs.contains(placeholder.name);
        case Placeholder::Kind::kInputArtifact:
          return component.input_artifacts.contains(placeholder.name);
        case Placeholder::Kind::kOutputParameter:
          return component.outputs.contains(placeholder.name);
        case Placeholder::Kind::kOutputArtifact:
          return component.output_artifacts.contains(placeholder.name);
        case Placeholder::Kind::kExecutorInput:
        case Placeholder::Kind::kOutputFile:
        case Placeholder::Kind::kOfRun:
          return true;
      }
      return false;
    };
    if (is_there()) return std::string();
    return base::error(Code::kInvalidArgument,
                       "a placeholder of an input or output that the component doesn't have: {}",
                       placeholder.name);
  };
  for (const auto* const words : {&executor.command, &executor.args}) {
    const auto expanded = expand_words(*words, [](const std::string&) { return true; });
    if (!expanded) return error(executor.place, "{}", expanded.error().message);
    for (const std::string& word : *expanded) {
      if (const auto known = replace_placeholders(word, check); !known)
        return error(executor.place, "{}", known.error().message);
    }
  }
  for (const auto& [name, value] : executor.environment) {
    if (const auto known = replace_placeholders(value, check); !known)
      return error(executor.place, "env {}: {}", name, known.error().message);
  }
  if (executor.importer && !executor.importer->uri_input.empty() &&
      !inputs.contains(executor.importer->uri_input))
    return error(executor.place, "artifactUri is of an input that isn't there: {}",
                 executor.importer->uri_input);
  if (executor.importer && component.output_artifacts.size() != 1)
    return error(executor.place, "an importer has one output: the artifact");
  return {};
}

}  // namespace slipway::kubeflow
