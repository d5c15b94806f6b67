#include "kubeflow/compiler.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "kubeflow/cel.h"
#include "kubeflow/task_file.h"
#include "kubeflow/value_source.h"
#include "types/timestamp.h"

namespace slipway::kubeflow {
namespace {

using Kind = ValueSource::Kind;

constexpr std::size_t kStepsMax = 1000;    // of one of our pipelines
constexpr std::size_t kNestingMax = 32;    // of dags in each other
constexpr std::size_t kTasksMax = 10'000;  // of all dags, as often as they are called
constexpr std::size_t kSourcesMax = 1000;  // that an output may be one of
constexpr std::size_t kFilesBytesMax = std::size_t{64} << 20;  // of what steps are told
constexpr std::size_t kNameLengthMax = 56;                     // leaves room for a number

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Of the letters that our names have.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) plain += is_letter(c) || (c >= '0' && c <= '9') || c == '-' ? c : '-';
  if (plain.empty() || !is_letter(plain[0])) plain.insert(0, "t-");
  if (plain.size() > kNameLengthMax) plain.resize(kNameLengthMax);
  return plain;
}

void add_unique(std::vector<std::string>& list, const std::string& name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

// What a task of a dag has come to.
struct Done {
  std::vector<std::string> steps;     // that it is
  std::vector<std::string> optional;  // of them: may be skipped by a condition within the task
  bool is_optional = false;           // the whole of it may be, by its own
  std::map<std::string, ValueSource> parameters, artifacts;  // its outputs
};

// A dag where it is used.
struct Scope {
  std::map<std::string, ValueSource> inputs, artifacts;  // by the component's names
  std::map<std::string, ParameterType> types;            // of `inputs`
  std::vector<std::string> conditions;                   // ours, all of which must hold
  std::vector<std::string> after;                        // what its first tasks come after
  std::vector<std::string> unless_failed;                // the same, of what may have been skipped
  bool first_run_always = false;
  std::string name;  // of the task that it is; empty: the pipeline
  std::string loop;  // its name; empty: none
  Json each;         // what our `each` says
  std::optional<std::int64_t> parallel;
  std::size_t depth = 0;
};

// What a leaf's step needs to be told.
struct Needed {
  std::vector<std::string> parameters, steps;
  std::vector<std::string> alternatives;  // of `steps`
  bool item = false;

  void add(const ValueSource& source) {
    if (source.kind == Kind::kParameter) add_unique(parameters, source.name);
    if (source.kind == Kind::kOutput) add_unique(steps, source.step);
    if (source.kind == Kind::kItem) item = true;
    for (const ValueSource& one : source.alternatives) {
      add(one);
      if (one.kind == Kind::kOutput) add_unique(alternatives, one.step);
    }
  }
};

class Compiler {
 public:
  Compiler(const PipelineSpec& spec, Where where) : spec_(spec), where_(where) {}

  Result<CompiledPipeline> compile() {
    taken_ = {"out", "now", "item"};
    compiled_.name = plain_name(spec_.name);
    Scope scope;
    JsonObject params;
    for (const auto& [name, parameter] : spec_.root.inputs) {
      if (parameter.type == ParameterType::kFinalStatus)
        return error(spec_.root.place, "a pipeline's input can't be a final status: {}", name);
      const std::string plan_name = free_name(name, "");
      compiled_.parameters.push_back({.name = name, .plan_name = plan_name, .spec = parameter});
      params[plan_name] = plan_text(parameter.value, parameter);
      scope.inputs[name] = {
          .kind = Kind::kParameter, .name = plan_name, .is_plain = parameter.is_plain()};
      scope.types[name] = parameter.type;
    }
    for (const auto& [name, artifact] : spec_.root.input_artifacts) {
      if (!artifact.is_optional)
        return error(spec_.root.place, "a pipeline can't be given artifacts: {} (dsl.importer can)",
                     name);
      scope.artifacts[name] = {};
    }
    TRY(add_dag(spec_.root, scope));
    if (steps_.empty()) return error("root", "the pipeline has no tasks");
    compiled_.text =
        base::to_text(JsonObject{{"params", std::move(params)}, {"steps", std::move(steps_)}});
    return std::move(compiled_);
  }

 private:
  template <typename... Args>
  static Error error(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    return base::error(Code::kInvalidArgument, "{}: {}", place,
                       fmt::format(format, std::forward<Args>(args)...));
  }

  static Error too_many(std::string_view place, std::string_view what, std::size_t most) {
    return base::error(Code::kResourceExhausted, "{}: the pipeline has too many {}: limit={}",
                       place, what, most);
  }

  std::string free_name(std::string_view wanted, std::string_view parent) {
    std::string name = plain_name(wanted);
    if (taken_.contains(name) && !parent.empty())
      name = plain_name(fmt::format("{}--{}", parent, wanted));
    const std::string first = name;
    for (int i = 2; taken_.contains(name); ++i) name = fmt::format("{}-{}", first, i);
    taken_.insert(name);
    return name;
  }

  // Each behind what it comes after or reads.
  static Result<std::vector<const Task*>> in_order(const Component& component) {
    std::vector<const Task*> order;
    std::set<std::string> done;
    const auto is_ready = [&](const Task& task) {
      const auto is_done = [&](const std::string& name) {
        return name.empty() || done.contains(name);
      };
      return std::all_of(task.after.begin(), task.after.end(), is_done) &&
             std::all_of(task.parameters.begin(), task.parameters.end(),
                         [&](const auto& each) { return is_done(each.second.task); }) &&
             std::all_of(task.artifacts.begin(), task.artifacts.end(),
                         [&](const auto& each) { return is_done(each.second.task); });
    };
    while (order.size() < component.dag.tasks.size()) {
      const std::size_t before = order.size();
      for (const Task& task : component.dag.tasks) {
        if (done.contains(task.name) || !is_ready(task)) continue;
        order.push_back(&task);
        done.insert(task.name);
        break;
      }
      if (order.size() == before)
        return error(component.place, "its tasks need each other in a circle");
    }
    return order;
  }

  Result<Done> add_dag(const Component& component, const Scope& scope) {
    if (scope.depth > kNestingMax)
      return error(component.place, "dags are nested too deeply: limit={}", kNestingMax);
    tasks_ += component.dag.tasks.size();
    if (tasks_ > kTasksMax) return too_many(component.place, "tasks", kTasksMax);
    std::map<std::string, Done> done;
    Done whole;
    for (const Task* const task : TRY(in_order(component))) {
      Done one = TRY(add_task(*task, scope, done));
      // What comes after a task that may be skipped may be so, too.
      one.is_optional = !task->condition.empty() ||
                        std::any_of(task->after.begin(), task->after.end(),
                                    [&](const auto& other) { return done.at(other).is_optional; });
      const auto& optional = one.is_optional ? one.steps : one.optional;
      whole.steps.insert(whole.steps.end(), one.steps.begin(), one.steps.end());
      whole.optional.insert(whole.optional.end(), optional.begin(), optional.end());
      done[task->name] = std::move(one);
    }
    for (const auto& [name, outputs] : component.dag.parameters)
      whole.parameters[name] = TRY(find_output(component, name, outputs, done, &Done::parameters));
    for (const auto& [name, outputs] : component.dag.artifacts)
      whole.artifacts[name] = TRY(find_output(component, name, outputs, done, &Done::artifacts));
    return whole;
  }

  static Result<ValueSource> find_output(const Component& component, const std::string& name,
                                         const std::vector<OutputOfTask>& outputs,
                                         const std::map<std::string, Done>& done,
                                         std::map<std::string, ValueSource> Done::*kind) {
    std::vector<ValueSource> sources;
    for (const OutputOfTask& output : outputs) {
      const auto& those = done.at(output.task).*kind;
      const auto found = those.find(output.name);
      if (found == those.end())
        return error(component.place, "an output of a task that has none: output={} task={}", name,
                     output.task);
      const ValueSource& source = found->second;
      if (source.kind == Kind::kOneOf) {
        sources.insert(sources.end(), source.alternatives.begin(), source.alternatives.end());
      } else {
        sources.push_back(source);
      }
      if (sources.size() > kSourcesMax)
        return too_many(component.place, "tasks for one output", kSourcesMax);
    }
    if (sources.size() == 1) return std::move(sources.front());
    return ValueSource{.kind = Kind::kOneOf, .alternatives = std::move(sources)};
  }

  // The inputs of a task as they are outside of it: those it is given, and defaults.
  Result<Scope> inputs_of(const Task& task, const Component& component, const Scope& scope,
                          const std::map<std::string, Done>& done) {
    Scope inner;
    for (const auto& [name, given] : task.parameters) {
      inner.inputs[name] = TRY(find_parameter(task, name, given, scope, done));
      const ValueSource& source = inner.inputs[name];
      if (component.executor.empty() && source.kind == Kind::kConstant &&
          base::to_text(source.constant).find("{{$.inputs") != std::string::npos) {
        return error(task.place,
                     "a text made of other values is given to a pipeline, which is not supported "
                     "(make it in a component): {}",
                     name);
      }
      const auto declared = component.inputs.find(name);
      // Those that texts of others refer to are not declared.
      inner.types[name] =
          declared == component.inputs.end() ? type_of(given, scope) : declared->second.type;
    }
    for (const auto& [name, declared] : component.inputs) {
      if (inner.inputs.contains(name)) continue;
      if (task.iterator && task.iterator->item_input == name) continue;
      inner.types[name] = declared.type;
      if (declared.value) {
        inner.inputs[name] = {.kind = Kind::kConstant, .constant = *declared.value};
      } else if (declared.is_optional || declared.type == ParameterType::kFinalStatus) {
        inner.inputs[name] = {};
      } else {
        return error(task.place, "it isn't given an input of {}: {}", task.component, name);
      }
    }
    for (const auto& [name, declared] : component.input_artifacts) {
      const auto given = task.artifacts.find(name);
      if (given != task.artifacts.end()) {
        inner.artifacts[name] = TRY(find_artifact(task, name, given->second, scope, done));
      } else if (declared.is_optional) {
        inner.artifacts[name] = {};
      } else {
        return error(task.place, "it isn't given an artifact of {}: {}", task.component, name);
      }
    }
    return inner;
  }

  static ParameterType type_of(const ParameterSource& given, const Scope& scope) {
    const auto found = scope.types.find(given.name);
    const bool is_input =
        given.kind == ParameterSource::Kind::kComponentInput && found != scope.types.end();
    return is_input ? found->second : ParameterType::kText;
  }

  Result<ValueSource> find_parameter(const Task& task, const std::string& name,
                                     const ParameterSource& given, const Scope& scope,
                                     const std::map<std::string, Done>& done) {
    ValueSource source;
    switch (given.kind) {
      case ParameterSource::Kind::kConstant:
        source = {.kind = Kind::kConstant, .constant = given.constant};
        break;
      case ParameterSource::Kind::kComponentInput: {
        const auto found = scope.inputs.find(given.name);
        if (found == scope.inputs.end())
          return error(task.place, "the input {} is from one that isn't there: {}", name,
                       given.name);
        source = found->second;
        break;
      }
      case ParameterSource::Kind::kTaskOutput: {
        const auto& outputs = done.at(given.task).parameters;
        const auto found = outputs.find(given.name);
        if (found == outputs.end())
          return error(task.place, "the input {} is from an output that {} doesn't have: {}", name,
                       given.task, given.name);
        source = found->second;
        break;
      }
      case ParameterSource::Kind::kFinalStatus:
        source = {
            .kind = Kind::kFinalStatus, .name = given.task, .steps = done.at(given.task).steps};
        break;
    }
    source.members.insert(source.members.end(), given.members.begin(), given.members.end());
    return source;
  }

  Result<ValueSource> find_artifact(const Task& task, const std::string& name,
                                    const ArtifactSource& given, const Scope& scope,
                                    const std::map<std::string, Done>& done) {
    const auto& from = given.task.empty() ? scope.artifacts : done.at(given.task).artifacts;
    const auto found = from.find(given.name);
    if (found == from.end())
      return error(task.place, "the artifact {} is from one that isn't there: {}", name,
                   given.name);
    return found->second;
  }

  // What our conditions call a value.
  static Result<std::string> operand_of(const ValueSource& source, ParameterType type) {
    switch (source.kind) {
      case Kind::kConstant:
        if (type == ParameterType::kText && source.constant.is_string())
          return text_literal(std::string_view(source.constant.get_string()));
        if (!source.constant.is_string()) return base::to_text(source.constant);
        break;
      case Kind::kParameter:
        if (!source.members.empty() || (type == ParameterType::kText && !source.is_plain)) break;
        return fmt::format("{{{}}}", source.name);
      case Kind::kOutput:
        if (source.of_items != OfItems::kNone || !source.loop.empty()) break;
        return fmt::format("{{{}}}", path_of(source));
      case Kind::kMissing:
      case Kind::kItem:
      case Kind::kFinalStatus:
      case Kind::kOneOf:
        break;
    }
    return base::error(
        Code::kInvalidArgument,
        "a condition here is about parameters and outputs of tasks outside of loops, and "
        "not about a loop's item, what is made in a loop, or what may be missing");
  }

  static std::string path_of(const ValueSource& source) {
    std::string path = fmt::format("{}/{}#parameters.{}", source.step, kOutputsFile, source.name);
    for (const std::string& member : source.members) path += "." + member;
    return path;
  }

  Result<std::string> condition_of(const Task& task, const Scope& inner) {
    auto condition =
        translate_condition(task.condition, [&](const std::string& name) -> Result<ConditionInput> {
          const auto found = inner.inputs.find(name);
          if (found == inner.inputs.end())
            return base::error(Code::kInvalidArgument, "no such input: {}", name);
          ConditionInput input{.type = inner.types.at(name)};
          input.operand = TRY(operand_of(found->second, input.type));
          return input;
        });
    if (!condition) return error(task.place, "triggerPolicy: {}", condition.error().message);
    return condition;
  }

  Result<void> begin_loop(const Task& task, const ParameterIterator& iterator, Scope& inner) {
    if (!inner.loop.empty()) return error(task.place, "a loop inside of a loop can't be run here");
    inner.loop = task.place;
    inner.parallel = iterator.parallel;
    ValueSource item{.kind = Kind::kItem};
    if (!iterator.items) {
      const auto found = inner.inputs.find(iterator.items_input);
      if (found == inner.inputs.end())
        return error(task.place, "the loop's items are from an input that isn't there: {}",
                     iterator.items_input);
      const ValueSource& source = found->second;
      if (source.kind == Kind::kConstant && source.constant.is_array()) {
        item.items = source.constant.get_array();
      } else if (source.kind == Kind::kParameter && source.members.empty()) {
        inner.each = fmt::format("{{{}}}", source.name);
      } else if (source.kind == Kind::kOutput && source.of_items == OfItems::kNone) {
        inner.each = fmt::format("{{{}}}", path_of(source));
      } else {
        return error(task.place,
                     "a loop's items are a list, a parameter or the output of a task: {}",
                     iterator.items_input);
      }
    } else {
      item.items = iterator.items;
    }
    if (item.items) {
      // Which of them; our own lists don't tell texts from numbers.
      JsonArray numbers;
      for (std::size_t i = 0; i < item.items->size(); ++i) numbers.emplace_back(i);
      inner.each = std::move(numbers);
    }
    inner.inputs[iterator.item_input] = std::move(item);
    return {};
  }

  Result<Done> add_task(const Task& task, const Scope& scope,
                        const std::map<std::string, Done>& done) {
    const Component& component = spec_.components.at(task.component);
    Scope inner = TRY(inputs_of(task, component, scope, done));
    inner.name = task.name;
    inner.depth = scope.depth + 1;
    inner.conditions = scope.conditions;
    inner.loop = scope.loop;
    inner.each = scope.each;
    inner.parallel = scope.parallel;
    if (!task.condition.empty()) inner.conditions.push_back(TRY(condition_of(task, inner)));
    const auto reads_inside = [](const auto& each) { return !each.second.task.empty(); };
    const bool is_first =
        task.after.empty() &&
        std::none_of(task.parameters.begin(), task.parameters.end(), reads_inside) &&
        std::none_of(task.artifacts.begin(), task.artifacts.end(), reads_inside);
    if (is_first) {
      inner.after = scope.after;
      inner.unless_failed = scope.unless_failed;
    }
    inner.first_run_always = task.runs_always || (is_first && scope.first_run_always);
    for (const std::string& other : task.after) {
      const Done& before = done.at(other);
      for (const std::string& step : before.steps) {
        const bool may_be_skipped = std::find(before.optional.begin(), before.optional.end(),
                                              step) != before.optional.end();
        add_unique(may_be_skipped ? inner.unless_failed : inner.after, step);
      }
    }
    if (task.iterator) TRY(begin_loop(task, *task.iterator, inner));
    if (!component.executor.empty()) return add_step(task, component, inner, scope.name);
    Done whole = TRY(add_dag(component, inner));
    if (task.iterator) {
      for (auto* outputs : {&whole.parameters, &whole.artifacts}) {
        for (auto& [name, source] : *outputs) {
          if (source.kind == Kind::kOneOf)
            return error(task.place, "what is one of several tasks' can't be collected here: {}",
                         name);
          if (source.loop != inner.loop) continue;
          source.of_items = OfItems::kAll;
          source.loop.clear();
        }
      }
    }
    return whole;
  }

  // Where it stands for one item, what was made in the loop is of the same one.
  static ValueSource in_same_item(ValueSource source) {
    if (source.kind == Kind::kOutput && source.of_items == OfItems::kNone && !source.loop.empty())
      source.of_items = OfItems::kSame;
    for (ValueSource& one : source.alternatives) one = in_same_item(one);
    return source;
  }

  Result<Done> add_step(const Task& task, const Component& component, const Scope& inner,
                        const std::string& parent) {
    if (steps_.size() == kStepsMax) return too_many(task.place, "steps", kStepsMax);
    const std::string step = free_name(task.name, parent);
    Needed needed;
    bool depends_on_status = false, names_run = false;
    JsonObject parameters, artifacts;
    for (const auto& [name, source] : inner.inputs) {
      const ValueSource told = in_same_item(source);
      depends_on_status |= told.kind == Kind::kFinalStatus;
      names_run |= told.kind == Kind::kConstant &&
                   base::to_text(told.constant).find("{{$.pipeline_") != std::string::npos;
      needed.add(told);
      JsonObject input = told.to_json();
      const auto declared = component.inputs.find(name);
      if (declared != component.inputs.end()) {
        input["type"] = name_of(declared->second.type);
        if (declared->second.is_optional) input["optional"] = true;
        if (declared->second.value) input["default"] = *declared->second.value;
      }
      parameters[name] = std::move(input);
    }
    for (const auto& [name, source] : inner.artifacts) {
      const ValueSource told = in_same_item(source);
      needed.add(told);
      JsonObject input = told.to_json();
      if (component.input_artifacts.at(name).is_optional) input["optional"] = true;
      artifacts[name] = std::move(input);
    }
    const Executor& executor = spec_.executors.at(component.executor);
    TRY(check_words(executor, component, inner.inputs));
    JsonObject file{{"format", 1},
                    {"pipeline", spec_.name},
                    {"task", task.name},
                    {"parameters", std::move(parameters)},
                    {"artifacts", std::move(artifacts)},
                    {"outputs", outputs_of(component)}};
    add_executor(executor, file);
    const std::string path = fmt::format("tasks/{}.json", step);
    std::string text = base::to_text(file);
    bytes_ += text.size();
    if (bytes_ > kFilesBytesMax)
      return too_many(task.place, "bytes in what its steps are told", kFilesBytesMax);
    compiled_.files[path] = std::move(text);
    compiled_.tasks[step] = task.name;

    std::string run = fmt::format("{} {} --out {{out}}", kTaskCommand, path);
    for (const std::string& name : needed.parameters)
      run += fmt::format(" --parameter {0}={{{0}}}", name);
    for (const std::string& name : needed.steps) run += fmt::format(" --step {0}={{{0}}}", name);
    if (needed.item) run += " --item=:{item}";  // an empty one is one, too
    JsonObject made{
        {"name", step},
        {"run", run},
        {"code", JsonArray{Json(path)}},
        {"outputs", JsonArray{Json(kOutputsFile), Json(kArtifactsFolder)}},
        // What is imported may have changed where it is; a run's name is another's not.
        {"cache", task.is_cached && !depends_on_status && !names_run && !executor.importer}};
    if (where_ == Where::kJobs && !executor.importer) TRY(add_job(executor, made));
    add_order(inner, needed, made);
    if (inner.first_run_always) made["always"] = true;
    if (!inner.conditions.empty())
      made["when"] = inner.conditions.size() == 1
                         ? inner.conditions[0]
                         : fmt::format("({})", fmt::join(inner.conditions, ") and ("));
    if (!inner.loop.empty()) made["each"] = inner.each;
    if (!inner.loop.empty() && inner.parallel) made["parallel"] = *inner.parallel;
    if (task.retry.times > 0) {
      made["retry"] = JsonObject{{"times", task.retry.times},
                                 {"after", types::to_text(task.retry.after)},
                                 {"factor", task.retry.factor},
                                 {"at_most", types::to_text(task.retry.at_most)}};
    }
    steps_.push_back(std::move(made));

    Done done;
    done.steps.push_back(step);
    const auto output = [&](const std::string& name) {
      return ValueSource{.kind = Kind::kOutput, .name = name, .step = step, .loop = inner.loop};
    };
    for (const auto& [name, spec] : component.outputs) done.parameters[name] = output(name);
    for (const auto& [name, spec] : component.output_artifacts) done.artifacts[name] = output(name);
    return done;
  }

  // What it comes after: read from one of several tasks, all of which but one were skipped.
  static void add_order(const Scope& inner, const Needed& needed, JsonObject& step) {
    const auto is_in = [](const std::vector<std::string>& list, const std::string& name) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    std::vector<std::string> after, unless_failed = needed.alternatives;
    for (const std::string& name : inner.after)
      if (!is_in(unless_failed, name)) after.push_back(name);
    for (const std::string& name : inner.unless_failed) {
      const bool is_read = is_in(needed.steps, name);  // what is read must be there
      if (!is_read && !is_in(after, name)) add_unique(unless_failed, name);
    }
    if (!after.empty()) step["after"] = list_of(after);
    if (!unless_failed.empty()) step["unless_failed"] = list_of(unless_failed);
  }

  const PipelineSpec& spec_;
  const Where where_;
  CompiledPipeline compiled_;
  JsonArray steps_;
  std::set<std::string> taken_;  // names
  std::size_t tasks_ = 0, bytes_ = 0;
};

}  // namespace

std::string CompiledPipeline::digest() const {
  base::Sha256 hash;
  hash.update(text);
  for (const CompiledParameter& one : parameters) {
    hash.update(fmt::format("\n{} {} {} {} {}", one.name, one.plan_name, name_of(one.spec.type),
                            one.spec.is_optional,
                            one.spec.value ? base::to_text(*one.spec.value) : "-"));
  }
  for (const auto& [path, content] : files)
    hash.update(fmt::format("\n{} {}\n", path, content.size())).update(content);
  return hash.finish_hex();
}

Result<CompiledPipeline> compile(const PipelineSpec& spec, Where where) {
  return Compiler(spec, where).compile();
}

}  // namespace slipway::kubeflow
