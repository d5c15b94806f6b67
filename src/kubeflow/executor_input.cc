#include "kubeflow/executor_input.h"

#include <algorithm>

#include "kubeflow/compiler.h"
#include "kubeflow/fields.h"
#include "kubeflow/parameter.h"
#include "kubeflow/value_source.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::kubeflow {
namespace fs = std::filesystem;
namespace {

using Kind = ValueSource::Kind;

constexpr std::string_view kPlaceholder = "{{$";

std::string folder_of_item(std::size_t index) { return fmt::format("{:04}", index); }

// What a step has written, and where.
struct Written {
  fs::path folder;
  JsonObject outputs;
};

Result<Written> read_outputs(const fs::path& folder) {
  Written written{.folder = folder};
  auto text = store::read_file(folder / kOutputsFile);
  if (!text) return base::error(Code::kNotFound, "it has written nothing");
  written.outputs = TRY(base::parse_json_object(*text));
  return written;
}

// Of a step with items: of all of them, or of the one with the same number.
Result<std::vector<Written>> written_by(const ValueSource& source, const TaskCall& call) {
  std::vector<Written> written;
  const auto folder = call.steps.find(source.step);
  if (folder == call.steps.end() || folder->second.empty())
    return base::error(Code::kNotFound, "it has not run");
  if (source.of_items == OfItems::kNone) {
    written.push_back(TRY(read_outputs(folder->second)));
  } else if (source.of_items == OfItems::kSame) {
    written.push_back(TRY(read_outputs(folder->second / folder_of_item(call.item_index))));
  } else {
    const Json items = TRY(base::parse_json(TRY(store::read_file(folder->second / "items.json"))));
    if (!items.is_array()) return base::error(Code::kCorruption, "its list of items is damaged");
    for (std::size_t i = 0; i < items.get_array().size(); ++i)
      written.push_back(TRY(read_outputs(folder->second / folder_of_item(i))));
  }
  return written;
}

const Json* find_output(const Written& written, std::string_view kind, const std::string& name) {
  const Json* const all = written.outputs.if_contains(kind);
  return all != nullptr && all->is_object() ? all->get_object().if_contains(name) : nullptr;
}

Result<std::optional<Json>> find_output_parameter(const ValueSource& source, const TaskCall& call) {
  JsonArray all;
  for (const Written& written : TRY(written_by(source, call))) {
    const Json* const value = find_output(written, "parameters", source.name);
    if (source.of_items != OfItems::kAll)
      return value == nullptr ? std::optional<Json>() : std::optional(*value);
    all.push_back(value == nullptr ? Json(nullptr) : *value);
  }
  return std::optional(Json(std::move(all)));
}

Result<JsonArray> find_artifacts(const ValueSource& source, const TaskCall& call) {
  for (const ValueSource& one : source.alternatives) {
    auto artifacts = find_artifacts(one, call);
    if (artifacts || artifacts.error().code != Code::kNotFound) return artifacts;
  }
  if (source.kind == Kind::kOneOf) return base::error(Code::kNotFound, "none of its tasks has run");
  JsonArray found;
  for (const Written& written : TRY(written_by(source, call))) {
    const Json* const list = find_output(written, kArtifactsFolder, source.name);
    if (list == nullptr || !list->is_array()) continue;
    for (const Json& one : list->get_array()) {
      JsonObject artifact = one.is_object() ? one.get_object() : JsonObject();
      const std::string uri = TRY(base::find_string(artifact, "uri")).value_or("");
      if (!uri.empty() && uri[0] != '/' && uri.find("://") == std::string::npos)
        artifact["uri"] = (written.folder / uri).string();
      found.emplace_back(std::move(artifact));
    }
  }
  return found;
}

Result<std::optional<Json>> find_item(const ValueSource& source, const TaskCall& call) {
  if (!call.item) return base::error(Code::kInternal, "the step has no item");
  Json item = TRY(base::parse_json(*call.item));
  if (!source.items) return std::optional(std::move(item));
  const bool is_there = item.is_int64() && item.get_int64() >= 0 &&
                        item.get_int64() < static_cast<std::int64_t>(source.items->size());
  if (!is_there) return base::error(Code::kInternal, "there is no such item: {}", *call.item);
  return std::optional((*source.items)[static_cast<std::size_t>(item.get_int64())]);
}

// How the task ended that is these steps.
Result<Json> final_status(const ValueSource& source, const TaskCall& call) {
  const JsonObject needs =
      call.needs.empty() ? JsonObject() : TRY(base::parse_json_object(call.needs));
  std::string state = "SUCCEEDED", message;
  for (const std::string& step : source.steps) {
    const Json* const told = needs.if_contains(step);
    if (told == nullptr || !told->is_object()) continue;
    const std::string ended = TRY(base::get_string(told->get_object(), "state"));
    if (ended == "failed" || ended == "refused") {
      state = "FAILED";
      message = fmt::format("{}: {}", step, TRY(base::get_string(told->get_object(), "reason")));
      break;
    }
    if (ended == "cancelled") state = "CANCELLED";
  }
  JsonObject status{
      {"state", state}, {"pipelineJobResourceName", call.run}, {"pipelineTaskName", source.name}};
  if (!message.empty()) status["error"] = JsonObject{{"code", 2}, {"message", message}};
  return Json(std::move(status));
}

Result<std::optional<Json>> find_value(const ValueSource& source, const TaskCall& call,
                                       bool is_optional, ParameterType type) {
  switch (source.kind) {
    case Kind::kMissing:
      return std::optional<Json>();
    case Kind::kConstant:
      return std::optional(source.constant);
    case Kind::kParameter: {
      const auto text = call.parameters.find(source.name);
      if (text == call.parameters.end())
        return base::error(Code::kInternal, "the step isn't given the parameter {}", source.name);
      if (source.is_plain) return std::optional(Json(text->second));
      const bool is_missing = text->second == "null" || (text->second.empty() && is_optional);
      if (is_missing) return std::optional<Json>();
      auto value = base::parse_json(text->second);
      if (!value)
        return base::error(Code::kInvalidArgument,
                           "the run's parameter {} is no value of type {}: got={}", source.name,
                           name_of(type), text->second);
      return std::optional(std::move(*value));
    }
    case Kind::kOutput:
      return find_output_parameter(source, call);
    case Kind::kItem:
      return find_item(source, call);
    case Kind::kFinalStatus:
      return std::optional(TRY(final_status(source, call)));
    case Kind::kOneOf:
      for (const ValueSource& one : source.alternatives) {
        auto value = find_value(one, call, is_optional, type);
        const bool is_there = value && value->has_value();
        if (is_there || (!value && value.error().code != Code::kNotFound)) return value;
      }
      return base::error(Code::kNotFound, "none of its tasks has run");
  }
  return std::optional<Json>();
}

// A parameter as the task's file tells of it.
struct Input {
  ValueSource source;
  std::optional<ParameterType> type;  // nothing: only texts of others refer to it
  std::optional<Json> otherwise;
  bool is_optional = false;
};

Result<Input> read_input(const Json& value, const std::string& place) {
  Input input;
  if (!value.is_object()) return base::error(Code::kCorruption, "{}: expected a mapping", place);
  JsonObject rest = value.get_object();
  const std::string type = TRY(base::find_string(rest, "type")).value_or("");
  if (!type.empty()) input.type = TRY(parse_parameter_type(type));
  input.is_optional = TRY(base::find_bool(rest, "optional")).value_or(false);
  if (const Json* const otherwise = rest.if_contains("default")) input.otherwise = *otherwise;
  for (const char* const own : {"type", "optional", "default"}) rest.erase(own);
  input.source = TRY(ValueSource::from_json(Json(std::move(rest)), place));
  return input;
}

Result<std::optional<Json>> value_of(const Input& input, const TaskCall& call) {
  auto value =
      find_value(input.source, call, input.is_optional, input.type.value_or(ParameterType::kText));
  const bool is_not_written = !value && value.error().code == Code::kNotFound;
  if (!value && !is_not_written) return std::move(value).error();
  if (!is_not_written && *value) {
    const Json found = TRY(member_of(**value, input.source.members));
    return std::optional(input.type ? TRY(made_type(found, *input.type)) : found);
  }
  if (input.otherwise) return input.otherwise;
  if (input.is_optional || input.source.kind == Kind::kMissing) return std::optional<Json>();
  if (input.source.kind == Kind::kOneOf) return std::move(value).error();
  return base::error(Code::kNotFound, "the step {} has not written {}", input.source.step,
                     input.source.name);
}

std::string text_of_run(const std::string& name, const TaskFile& task, const TaskCall& call) {
  if (name == "pipeline_job_name" || name == "pipeline_job_resource_name")
    return fmt::format("{}-{}", task.pipeline, call.run);
  if (name == "pipeline_job_uuid") return call.run;
  if (name == "pipeline_task_name") return task.task;
  if (name == "pipeline_task_uuid") return fmt::format("{}-{}", call.run, call.step);
  if (name == "pipeline_root") return call.out.parent_path().string();
  return call.now;
}

// Texts in a constant refer to other inputs, or to the run.
Result<Json> replace_in_constant(const Json& value, const JsonObject& values, const TaskFile& task,
                                 const TaskCall& call) {
  if (value.is_string()) {
    const std::string text = TRY(replace_placeholders(
        std::string_view(value.get_string()), [&](const Placeholder& one) -> Result<std::string> {
          if (one.kind == Placeholder::Kind::kOfRun) return text_of_run(one.name, task, call);
          const Json* const other = one.kind == Placeholder::Kind::kInputParameter
                                        ? values.if_contains(one.name)
                                        : nullptr;
          if (other == nullptr)
            return base::error(Code::kInvalidArgument, "a value refers to what no input is: {}",
                               one.name);
          return text_of(*other);
        }));
    return Json(text);
  }
  if (value.is_array()) {
    JsonArray replaced;
    for (const Json& item : value.get_array())
      replaced.push_back(TRY(replace_in_constant(item, values, task, call)));
    return Json(std::move(replaced));
  }
  if (value.is_object()) {
    JsonObject replaced;
    for (const auto& [name, item] : value.get_object())
      replaced[name] = TRY(replace_in_constant(item, values, task, call));
    return Json(std::move(replaced));
  }
  return value;
}

Result<JsonObject> parameter_values(const TaskFile& task, const TaskCall& call) {
  JsonObject values;
  std::vector<std::string> referring;
  for (const auto& [name, told] : task.parameters) {
    const std::string input{std::string_view(name)};
    const Input read = TRY(read_input(told, input));
    auto value = value_of(read, call);
    if (!value) return std::move(value).error().with_context("input " + input);
    if (!*value) continue;
    const bool refers = read.source.kind == Kind::kConstant &&
                        base::to_text(**value).find(kPlaceholder) != std::string::npos;
    if (refers) referring.push_back(input);
    values[input] = std::move(**value);
  }
  const JsonObject known = values;
  for (const std::string& input : referring)
    values[input] = TRY(replace_in_constant(known.at(input), known, task, call));
  return values;
}

const JsonObject& object_at(const JsonObject& object, std::string_view a, std::string_view b) {
  return object.at(a).get_object().at(b).get_object();
}

Result<std::string> text_of_artifact(const Placeholder& placeholder, const JsonObject& artifacts) {
  const Json* const lists = artifacts.if_contains(placeholder.name);
  const Json* const list =
      lists == nullptr ? nullptr : lists->get_object().if_contains("artifacts");
  if (list == nullptr || list->get_array().empty())
    return base::error(Code::kNotFound, "the artifact {} is not there", placeholder.name);
  const JsonObject& artifact = list->get_array()[0].get_object();
  const std::string uri = TRY(base::find_string(artifact, "uri")).value_or("");
  if (placeholder.field == "uri") return uri;
  if (placeholder.field == "path") {
    if (uri.find("://") == std::string::npos) return uri;
    return base::error(Code::kInvalidArgument,
                       "the artifact {} is no local file, and it isn't fetched: {}",
                       placeholder.name, uri);
  }
  if (placeholder.field == "name") return TRY(base::find_string(artifact, "name")).value_or("");
  const Json* const metadata = artifact.if_contains("metadata");
  if (metadata == nullptr) return std::string("{}");
  if (placeholder.key.empty()) return base::to_text(*metadata);
  const Json* const value =
      metadata->is_object() ? metadata->get_object().if_contains(placeholder.key) : nullptr;
  if (value != nullptr) return text_of(*value);
  return base::error(Code::kNotFound, "the artifact {} has no metadata {}", placeholder.name,
                     placeholder.key);
}

// As the container names it in its own message, or else as it was told.
Result<JsonArray> written_artifacts(const std::string& name, const JsonObject& told,
                                    const Json* given, const TaskFolders& folders) {
  const JsonArray& before = told.at("artifacts").get_array();
  const Json* const list = given != nullptr && given->is_object()
                               ? given->get_object().if_contains("artifacts")
                               : nullptr;
  JsonArray written;
  for (const Json& one : list != nullptr && list->is_array() ? list->get_array() : before) {
    if (!one.is_object())
      return base::error(Code::kInvalidArgument, "the artifact {} is no mapping", name);
    JsonObject artifact = before[0].get_object();
    for (const auto& [member, value] : one.get_object())
      if (member != "type") artifact[member] = value;
    const std::string uri = TRY(base::find_string(artifact, "uri")).value_or("");
    const std::string inside = folders.out.string() + "/";
    if (uri.starts_with(inside)) artifact["uri"] = uri.substr(inside.size());
    written.emplace_back(std::move(artifact));
  }
  return written;
}

}  // namespace

fs::path TaskFolders::artifacts() const { return out / kArtifactsFolder; }

Result<TaskFile> read_task_file(const fs::path& file) {
  const Json document = TRY(base::parse_json(TRY(store::read_file(file))));
  Fields fields = TRY(Fields::of(document, file.string()));
  TaskFile task;
  if (TRY(fields.find_integer("format")) != 1)
    return fields.error("it is of another version of slipway");
  task.pipeline = TRY(fields.text("pipeline"));
  task.task = TRY(fields.text("task"));
  const auto object = [](Fields& from, std::string_view key) {
    const Json* const value = from.find(key);
    return value != nullptr && value->is_object() ? value->get_object() : JsonObject();
  };
  task.parameters = object(fields, "parameters");
  task.artifacts = object(fields, "artifacts");
  if (auto outputs = TRY(fields.find_object("outputs"))) {
    task.output_parameters = object(*outputs, "parameters");
    task.output_artifacts = object(*outputs, "artifacts");
  }
  task.container = object(fields, "container");
  task.importer = object(fields, "importer");
  TRY(fields.finish());
  return task;
}

Result<JsonObject> make_executor_input(const TaskFile& task, const TaskCall& call,
                                       const TaskFolders& folders) {
  JsonObject artifacts;
  for (const auto& [name, told] : task.artifacts) {
    const std::string input{std::string_view(name)};
    const Input read = TRY(read_input(told, input));
    if (read.source.kind == Kind::kMissing) continue;
    auto found = find_artifacts(read.source, call);
    const bool is_missing = !found && found.error().code == Code::kNotFound && read.is_optional;
    if (is_missing) continue;
    if (!found)
      return std::move(found).error().with_context(
          fmt::format("artifact {} of step {}", read.source.name, read.source.step));
    artifacts[input] = JsonObject{{"artifacts", std::move(*found)}};
  }
  JsonObject output_parameters, output_artifacts;
  for (const auto& [name, type] : task.output_parameters) {
    const std::string output{std::string_view(name)};
    output_parameters[output] =
        JsonObject{{"outputFile", (folders.parameters() / output).string()}};
  }
  for (const auto& [name, schema] : task.output_artifacts) {
    const std::string output{std::string_view(name)};
    JsonArray list{JsonObject{{"name", output},
                              {"type", schema},
                              {"uri", (folders.artifacts() / output).string()},
                              {"metadata", JsonObject()}}};
    output_artifacts[output] = JsonObject{{"artifacts", std::move(list)}};
  }
  JsonObject values = TRY(parameter_values(task, call));
  return JsonObject{
      {"inputs", {{"parameterValues", std::move(values)}, {"artifacts", std::move(artifacts)}}},
      {"outputs",
       {{"parameters", std::move(output_parameters)},
        {"artifacts", std::move(output_artifacts)},
        {"outputFile", folders.output_file().string()}}}};
}

Result<std::string> text_of(const Placeholder& placeholder, const JsonObject& executor_input,
                            const TaskFile& task, const TaskCall& call) {
  switch (placeholder.kind) {
    case Placeholder::Kind::kExecutorInput:
      return base::to_text(executor_input);
    case Placeholder::Kind::kInputParameter: {
      const Json* const value =
          object_at(executor_input, "inputs", "parameterValues").if_contains(placeholder.name);
      if (value != nullptr) return text_of(*value);
      return base::error(Code::kNotFound, "the input {} has no value", placeholder.name);
    }
    case Placeholder::Kind::kInputArtifact:
      return text_of_artifact(placeholder, object_at(executor_input, "inputs", "artifacts"));
    case Placeholder::Kind::kOutputParameter: {
      const Json* const output =
          object_at(executor_input, "outputs", "parameters").if_contains(placeholder.name);
      if (output != nullptr) return base::get_string(output->get_object(), "outputFile");
      return base::error(Code::kNotFound, "there is no output {}", placeholder.name);
    }
    case Placeholder::Kind::kOutputArtifact:
      return text_of_artifact(placeholder, object_at(executor_input, "outputs", "artifacts"));
    case Placeholder::Kind::kOutputFile:
      return base::get_string(executor_input.at("outputs").get_object(), "outputFile");
    case Placeholder::Kind::kOfRun:
      return text_of_run(placeholder.name, task, call);
  }
  return std::string();
}

Result<JsonObject> collect_outputs(const TaskFile& task, const JsonObject& executor_input,
                                   const TaskFolders& folders) {
  JsonObject told;
  std::error_code ignored;
  if (fs::exists(folders.output_file(), ignored))
    told = TRY(base::parse_json_object(TRY(store::read_file(folders.output_file()))));
  const auto part = [&](std::string_view key) {
    const Json* const value = told.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : JsonObject();
  };
  const JsonObject told_parameters = part("parameterValues"), told_artifacts = part("artifacts");
  JsonObject parameters, artifacts;
  for (const auto& [name, type_name] : task.output_parameters) {
    const std::string output{std::string_view(name)};
    const ParameterType type = TRY(parse_parameter_type(std::string_view(type_name.get_string())));
    const fs::path file = folders.parameters() / output;
    const Json* const value = told_parameters.if_contains(output);
    Result<Json> made = Json(nullptr);
    if (fs::is_regular_file(file, ignored)) {
      made = value_of_text(TRY(store::read_file(file)), type);
    } else if (value != nullptr) {
      made = as_type(*value, type);
    } else {
      continue;
    }
    if (!made) return std::move(made).error().with_context("output " + output);
    parameters[output] = std::move(*made);
  }
  for (const auto& [name, list] : object_at(executor_input, "outputs", "artifacts")) {
    const std::string output{std::string_view(name)};
    artifacts[output] = TRY(
        written_artifacts(output, list.get_object(), told_artifacts.if_contains(output), folders));
  }
  return JsonObject{{"parameters", std::move(parameters)}, {"artifacts", std::move(artifacts)}};
}

}  // namespace slipway::kubeflow
