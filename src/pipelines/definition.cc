#include "pipelines/definition.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "pipelines/names.h"
#include "pipelines/plan.h"

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::size_t kStepsMax = 1000;
constexpr std::int64_t kRetriesMax = 100;
constexpr double kFactorMax = 100;
constexpr std::int64_t kSlotsMax = 1'000'000;

Result<std::vector<std::string>> find_list(YamlMap& map, std::string_view key) {
  std::vector<std::string> values;
  const auto node = map.find(key);
  if (!node) return values;
  for (const YamlNode& item : TRY(node->list())) {
    std::string value = TRY(item.text());
    if (value.empty()) return item.error("{} has an empty entry", key);
    if (std::find(values.begin(), values.end(), value) != values.end())
      return item.error("{} names the same thing twice: {}", key, value);
    values.push_back(std::move(value));
  }
  return values;
}

Result<void> check_meaning(const std::string& name, const YamlNode& node, std::string_view what) {
  if (name != "out" && name != "now") return {};
  return node.error("a {} can't be called '{}': it has a meaning of its own", what, name);
}

// What a secret is called is what its variable is called.
Result<void> check_secret(const std::string& name, const YamlNode& node) {
  TRY(check_name(name, node, "secret"));
  if (name.find('-') != std::string::npos)
    return node.error("a secret is a variable of the shell, whose name has no '-': {}", name);
  if (name == "PATH" || name.starts_with("SLIPWAY_"))
    return node.error("a secret can't be called '{}': steps have a variable of that name", name);
  return {};
}

// `retry: 3`, or a mapping that says more.
Result<Retry> read_retry(const YamlNode& node) {
  Retry retry{.times = 1};
  if (!node.is_map()) {
    retry.times = TRY(node.integer("retry", 0, kRetriesMax));
    return retry;
  }
  YamlMap map = TRY(node.map("retry"));
  retry.times = TRY(map.find_integer("times", 0, kRetriesMax)).value_or(retry.times);
  if (const auto after = map.find("after")) retry.after = TRY(after->duration());
  if (const auto factor = map.find("factor")) {
    retry.factor = TRY(factor->number());
    if (retry.factor < 1 || retry.factor > kFactorMax)
      return factor->error("factor must be from 1 to {}: got={}", kFactorMax, retry.factor);
  }
  if (const auto at_most = map.find("at_most")) retry.at_most = TRY(at_most->duration());
  TRY(map.finish());
  return retry;
}

struct MarkedStep {
  StepDefinition step;
  YamlNode node;    // of the step
  YamlNode run;     // of its command
  YamlNode when;    // of its condition
  YamlNode each;    // of its list, or its search
  YamlNode wait;    // of what it waits for
  YamlNode nested;  // of the pipeline that it runs
};

// What a step needs of where it runs.
Result<void> read_place(YamlMap& map, const Placement& defaults, const Offers* offers,
                        StepDefinition& step) {
  const Placement own = TRY(read_placement(map));
  if (!step.run.empty()) {
    step.kubernetes = TRY(find_kubernetes(own, defaults, map.node(), step.name));
  } else if (!own.is_empty()) {
    return map.node().error(
        "executor, image and what else says where a step runs are of steps with run: step={}",
        step.name);
  }
  const auto resources = map.find("resources");
  if (resources) step.resources = TRY(read_resources(*resources));
  if (offers == nullptr) return {};
  if (step.kubernetes && !offers->lack_of_kubernetes.empty())
    return map.node().error("the step can't run as a Job of Kubernetes: {}: step={}",
                            offers->lack_of_kubernetes, step.name);
  const std::string lack =
      step.kubernetes ? std::string() : lack_of(step.resources, offers->capacity);
  if (!lack.empty())
    return resources->error("the step could never run: {}: step={}", lack, step.name);
  return {};
}

Result<MarkedStep> read_step(const YamlNode& node, const Placement& defaults,
                             const Offers* offers) {
  MarkedStep read{.step = {},
                  .node = node,
                  .run = node,
                  .when = node,
                  .each = node,
                  .wait = node,
                  .nested = node};
  StepDefinition& step = read.step;
  YamlMap map = TRY(node.map("a step"));
  const YamlNode name = TRY(map.get("name"));
  step.name = TRY(name.text());
  TRY(check_name(step.name, name, "step"));
  TRY(check_meaning(step.name, name, "step"));
  if (const auto run = map.find("run")) {
    step.run = TRY(run->text());
    read.run = *run;
    if (step.run.find('\0') != std::string::npos)
      return run->error("a command can't hold a NUL byte: step={}", step.name);
  }
  if (const auto approve = map.find("approve")) step.approve = TRY(approve->text());
  if (const auto wait = map.find("wait_for")) {
    step.wait_for = TRY(read_wait_for(*wait));
    read.wait = *wait;
  }
  const auto params = map.find("parameters");
  if (const auto pipeline = map.find("pipeline")) {
    step.nested = TRY(read_nested(*pipeline, params));
    read.nested = *pipeline;
  } else if (params) {
    return params->error("parameters are of a step with pipeline: step={}", step.name);
  }
  if (const auto when = map.find("when")) {
    auto condition = Condition::parse(TRY(when->text()));
    if (!condition) return when->error("{}", condition.error().message);
    step.when = std::move(*condition);
    read.when = *when;
  }
  step.after = TRY(find_list(map, "after"));
  step.unless_failed = TRY(find_list(map, "unless_failed"));
  step.code = TRY(find_list(map, "code"));
  step.env = TRY(find_list(map, "env"));
  step.inputs = TRY(find_list(map, "inputs"));
  step.outputs = TRY(find_list(map, "outputs"));
  step.secrets = TRY(find_list(map, "secrets"));
  for (const std::string& secret : step.secrets) TRY(check_secret(secret, TRY(map.get("secrets"))));
  for (const std::string& output : step.outputs) {
    if (!stays_inside(output))
      return map.get("outputs")->error("an output must stay below {{out}}: {}", output);
  }
  if (const auto each = map.find("each")) {
    step.each = TRY(read_each(*each));
    read.each = *each;
  }
  if (const auto search = map.find("search")) {
    if (step.each) return search->error("a step has each or search, not both: step={}", step.name);
    step.search = TRY(read_search(*search));
    read.each = *search;
  }
  step.parallel = TRY(map.find_integer("parallel", 1, kSlotsMax));
  if (step.parallel && !step.each)
    return node.error("parallel is of a step with each{}: step={}",
                      step.search ? "; that of a search is below search" : "", step.name);
  if (step.search) step.parallel = step.search->parallel;
  if (const auto pool = map.find("pool")) step.pool = TRY(pool->text());
  const auto slots = TRY(map.find_integer("slots", 1, kSlotsMax));
  if (slots && step.pool.empty())
    return node.error("slots are of a pool, and none is named: step={}", step.name);
  step.slots = slots.value_or(1);
  TRY(read_place(map, defaults, offers, step));
  if (const auto timeout = map.find("timeout")) step.timeout = TRY(timeout->duration());
  if (const auto retry = map.find("retry")) step.retry = TRY(read_retry(*retry));
  if (const auto always = map.find("always")) step.always = TRY(always->boolean());
  if (const auto cache = map.find("cache")) step.cache = TRY(cache->boolean());
  TRY(map.finish());
  if (int{!step.run.empty()} + int{!step.approve.empty()} + int{step.wait_for.has_value()} +
          int{step.nested.has_value()} !=
      1) {
    return node.error(
        "a step needs one thing: a command under run, or a question under approve, or wait_for, "
        "or pipeline: step={}",
        step.name);
  }
  if (step.wait_for && step.wait_for->delay &&
      *step.wait_for->delay >= step.timeout.value_or(kWaitTimeout)) {
    return read.wait.error("the delay is not over within the step's timeout ({}): step={}",
                           types::to_text(step.timeout.value_or(kWaitTimeout)), step.name);
  }
  const bool has_what_a_command_has =
      !step.code.empty() || !step.env.empty() || !step.inputs.empty() || !step.outputs.empty() ||
      !step.secrets.empty() || !step.pool.empty() || step.has_items() || step.cache ||
      step.resources != Resources();
  const bool has_what_a_run_has =
      step.retry.times > 0 || step.always || !step.unless_failed.empty();
  if (step.nested && has_what_a_command_has) {
    return node.error(
        "a step with pipeline has name, parameters, when, after, unless_failed, always, retry and "
        "timeout alone; the rest is of that pipeline's steps: step={}",
        step.name);
  }
  if (!step.has_outputs() && (has_what_a_command_has || has_what_a_run_has)) {
    return node.error("a step with {} has name, when, after and timeout alone: step={}",
                      step.wait_for ? "wait_for" : "approve", step.name);
  }
  step.command = parse_command(step.run, step.each ? Items::kAllowed : Items::kNone);
  return read;
}

Result<void> check_condition(const PipelineDefinition& pipeline, const MarkedStep& marked) {
  for (const ConditionOperand& operand : marked.step.when->references()) {
    switch (operand.kind) {
      case ConditionOperand::Kind::kLiteral:
        break;
      case ConditionOperand::Kind::kRunState:
        if (!marked.step.always)
          return marked.when.error("{} is known to steps with always: step={}", operand.text,
                                   marked.step.name);
        break;
      case ConditionOperand::Kind::kParameter:
        if (pipeline.params.contains(operand.name)) break;
        return marked.when.error(
            "the condition refers to no parameter: step={} reference={} (a step's output is "
            "written {{step/file#member}})",
            marked.step.name, operand.text);
      case ConditionOperand::Kind::kOutput:
        const StepDefinition* step = pipeline.find_step(operand.name);
        if (step == nullptr || !step->has_outputs())
          return marked.when.error(
              "the condition refers to no step with outputs: step={} "
              "reference={}",
              marked.step.name, operand.text);
        break;
    }
  }
  return {};
}

// It begins before anything is written, so that parameters are all it can be told by.
Result<void> check_wait(const PipelineDefinition& pipeline, const MarkedStep& marked) {
  for (const std::string& reference : references(marked.step.wait_for->file)) {
    if (!pipeline.params.contains(reference))
      return marked.wait.error("the file refers to no parameter: step={} reference={{{}}}",
                               marked.step.name, reference);
  }
  return {};
}

Result<void> check_nested(const PipelineDefinition& pipeline, const MarkedStep& marked) {
  for (const auto& [name, param] : marked.step.nested->params) {
    for (const std::string& reference : references(param.text)) {
      if (reference == "now" || pipeline.params.contains(reference) ||
          pipeline.find_step(reference))
        continue;
      return marked.nested.error(
          "a parameter refers to nothing that exists: step={} parameter={} reference={{{}}} (write "
          "{{{{{}}}}} for the literal text)",
          marked.step.name, name, reference, reference);
    }
    if (!param.output) continue;
    const StepDefinition* const step = pipeline.find_step(param.output->name);
    if (step == nullptr || !step->has_outputs())
      return marked.nested.error(
          "a parameter refers to no step with outputs: step={} parameter={} reference={}",
          marked.step.name, name, param.output->text);
  }
  return {};
}

Result<void> check_each(const PipelineDefinition& pipeline, const MarkedStep& marked) {
  if (pipeline.params.contains("item") || pipeline.find_step("item"))
    return marked.each.error(
        "where a step has each, no step or parameter is called item: it means the item");
  if (!marked.step.each->source) return {};
  const ConditionOperand& source = *marked.step.each->source;
  const StepDefinition* const step = pipeline.find_step(source.name);
  const bool is_parameter = source.kind == ConditionOperand::Kind::kParameter;
  if (is_parameter ? pipeline.params.contains(source.name) : step != nullptr && step->has_outputs())
    return {};
  return marked.each.error(
      "each refers to no {}: step={} reference={}",
      is_parameter ? "parameter (a step's output is {step/file#member})" : "step with outputs",
      marked.step.name, source.text);
}

bool is_searched(const StepDefinition& step, const std::string& name) {
  if (!step.search) return false;
  const Space& space = step.search->space;
  return name == "item" || std::any_of(space.begin(), space.end(), [&](const Dimension& dimension) {
           return dimension.name == name;
         });
}

// What is searched must be in the command, and mean nothing else there.
Result<void> check_search(const PipelineDefinition& pipeline, const MarkedStep& marked) {
  const StepDefinition& step = marked.step;
  const std::vector<std::string> mentioned = references(step.command);
  const auto is_mentioned = [&](std::string_view name) {
    return std::find(mentioned.begin(), mentioned.end(), name) != mentioned.end();
  };
  for (const Dimension& dimension : step.search->space) {
    if (pipeline.params.contains(dimension.name) || pipeline.find_step(dimension.name))
      return marked.each.error(
          "what is searched is called as a parameter or step of the pipeline: step={} name={}",
          step.name, dimension.name);
    if (!is_mentioned(dimension.name) && !is_mentioned("item"))
      return marked.each.error(
          "the command doesn't use what is searched: step={} name={} (write {{{}}} in `run`, or "
          "{{item}} for all of them as JSON)",
          step.name, dimension.name, dimension.name);
  }
  if (pipeline.params.contains("item") || pipeline.find_step("item"))
    return marked.each.error(
        "where a step has search, no step or parameter is called item: it means the trial's "
        "values");
  for (const std::string_view file : {kBestFile, kTrialsFile}) {
    if (std::find(step.outputs.begin(), step.outputs.end(), file) != step.outputs.end())
      return marked.each.error("a search writes {} itself: step={}", file, step.name);
  }
  return {};
}

// Names must be distinct, and what a command, a condition or `after` mentions must exist.
Result<void> check_references(const PipelineDefinition& pipeline,
                              const std::vector<MarkedStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string& name = steps[i].step.name;
    if (pipeline.params.contains(name))
      return steps[i].node.error("a step and a parameter have the same name: {}", name);
    for (std::size_t j = 0; j < i; ++j) {
      if (steps[j].step.name == name)
        return steps[i].node.error("two steps have the same name: {}", name);
    }
  }
  for (const MarkedStep& marked : steps) {
    for (const std::string& reference : references(marked.step.command)) {
      if (reference == "out" || pipeline.params.contains(reference) ||
          pipeline.find_step(reference) || (marked.step.each && is_of_item(reference)) ||
          is_searched(marked.step, reference)) {
        continue;
      }
      return marked.run.error(
          "the command refers to nothing that exists: step={} reference={{{}}} (write "
          "{{{{{}}}}} for the literal text)",
          marked.step.name, reference, reference);
    }
    if (marked.step.wait_for) TRY(check_wait(pipeline, marked));
    if (marked.step.nested) TRY(check_nested(pipeline, marked));
    if (marked.step.each) TRY(check_each(pipeline, marked));
    if (marked.step.search) TRY(check_search(pipeline, marked));
    if (marked.step.when) TRY(check_condition(pipeline, marked));
    for (const auto& [key, others] :
         {std::pair("after", &marked.step.after), {"unless_failed", &marked.step.unless_failed}}) {
      for (const std::string& other : *others) {
        if (!pipeline.find_step(other))
          return marked.node.error("'{}' names a step that doesn't exist: step={} {}={}", key,
                                   marked.step.name, key, other);
      }
    }
  }
  return {};
}

// A list or a mapping is JSON to the steps.
Result<std::string> read_param(const YamlNode& value) {
  if (value.is_list() || value.is_map()) return as_json(value);
  return value.text();
}

Result<PipelineDefinition> read_pipeline(const std::string& name, const YamlNode& node,
                                         const Offers* offers) {
  PipelineDefinition pipeline{.name = name};
  YamlMap map = TRY(node.map("pipeline " + name));
  if (const auto params = map.find("params")) {
    for (const auto& [param, value] : TRY(params->entries())) {
      TRY(check_name(param, value, "parameter"));
      TRY(check_meaning(param, value, "parameter"));
      pipeline.params[param] = value.is_null() ? std::string() : TRY(read_param(value));
    }
  }
  pipeline.priority =
      TRY(map.find_integer("priority", kPriorityMin, kPriorityMax)).value_or(pipeline.priority);
  if (const auto notify = map.find("notify")) pipeline.notify = TRY(read_notify(*notify));
  const Placement defaults = TRY(read_placement(map));
  const YamlNode list = TRY(map.get("steps"));
  TRY(map.finish());
  std::vector<MarkedStep> steps;
  for (const YamlNode& step : TRY(list.list())) {
    if (steps.size() == kStepsMax) return list.error("too many steps: limit={}", kStepsMax);
    steps.push_back(TRY(read_step(step, defaults, offers)));
    pipeline.steps.push_back(steps.back().step);
  }
  if (steps.empty()) return list.error("steps must be a list of at least one step");
  TRY(check_references(pipeline, steps));
  if (const auto order = running_order(pipeline.steps); !order)
    return node.error("{}: pipeline={}", order.error().message, name);
  return pipeline;
}

// Pools that are declared in the same file, with as many slots.
Result<void> check_pools(const PipelineDefinition& pipeline, const Pools& pools,
                         const YamlNode& node) {
  for (const StepDefinition& step : pipeline.steps) {
    if (step.pool.empty()) continue;
    const auto pool = pools.find(step.pool);
    if (pool == pools.end()) {
      return node.error("a step uses a pool that isn't declared under `pools:`: step={} pool={}",
                        step.name, step.pool);
    }
    if (pool->second < step.slots) {
      return node.error("a step needs more slots than its pool has: step={} pool={} slots={} of {}",
                        step.name, step.pool, step.slots, pool->second);
    }
  }
  return {};
}

// Of pipelines that run others: those are there, have the parameters, and none runs itself.
class NestingCheck {
 public:
  explicit NestingCheck(const std::vector<std::pair<const PipelineDefinition*, YamlNode>>& all) {
    for (const auto& [pipeline, node] : all) known_.emplace(pipeline->name, Known{pipeline, node});
  }

  Result<void> run() {
    for (const auto& [name, pipeline] : known_) TRY(go_down(name));
    return {};
  }

 private:
  struct Known {
    const PipelineDefinition* pipeline;
    YamlNode node;
  };

  // The chain ends in `name`, which is there.
  Result<void> go_down(const std::string& name) {
    const Known& here = known_.at(name);
    chain_.push_back(name);
    for (std::size_t i = 0; i < here.pipeline->steps.size(); ++i) {
      const StepDefinition& step = here.pipeline->steps[i];
      if (!step.nested) continue;
      const YamlNode place = TRY(place_of(here.node, i));
      const std::string& next = step.nested->pipeline;
      const auto found = known_.find(next);
      if (found == known_.end())
        return place.error("a step runs a pipeline that isn't declared here: step={} pipeline={}",
                           step.name, next);
      for (const auto& [param, value] : step.nested->params) {
        if (!found->second.pipeline->params.contains(param))
          return place.error(
              "the pipeline has no such parameter: step={} pipeline={} parameter={} known={}",
              step.name, next, param, known_params(*found->second.pipeline));
      }
      const bool is_circle = std::find(chain_.begin(), chain_.end(), next) != chain_.end();
      if (is_circle)
        return place.error("pipelines run each other in a circle: {} -> {}",
                           fmt::join(chain_, " -> "), next);
      if (chain_.size() == kNestingMax)
        return place.error("pipelines are nested too deep: {} -> {} (limit={})",
                           fmt::join(chain_, " -> "), next, kNestingMax);
      if (!done_.contains({next, chain_.size()})) TRY(go_down(next));
    }
    done_.emplace(name, chain_.size() - 1);
    chain_.pop_back();
    return {};
  }

  // Of what a step runs.
  static Result<YamlNode> place_of(const YamlNode& pipeline, std::size_t step) {
    YamlMap map = TRY(pipeline.map("pipeline"));
    YamlMap found = TRY(TRY(TRY(map.get("steps")).list())[step].map("a step"));
    return found.get("pipeline");
  }

  static std::string known_params(const PipelineDefinition& pipeline) {
    std::vector<std::string> names;
    for (const auto& [name, value] : pipeline.params) names.push_back(name);
    return fmt::format("{}", fmt::join(names, ","));
  }

  std::map<std::string, Known> known_;
  std::vector<std::string> chain_;
  std::set<std::pair<std::string, std::size_t>> done_;  // pipelines, at so deep a place
};

}  // namespace

const StepDefinition* PipelineDefinition::find_step(std::string_view step) const {
  for (const StepDefinition& candidate : steps) {
    if (candidate.name == step) return &candidate;
  }
  return nullptr;
}

Result<Pools> parse_pools(const types::YamlSource& slipway_yaml) {
  Pools pools;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return pools;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("pools");
  if (!part) return pools;
  for (const auto& [name, node] : TRY(part->entries())) {
    TRY(check_name(name, node, "pool"));
    pools[name] = TRY(node.integer("a pool's slots", 1, kSlotsMax));
  }
  return pools;
}

Result<std::vector<ParsedPipeline>> parse_pipelines(const types::YamlSource& slipway_yaml,
                                                    const Offers* offers) {
  std::vector<ParsedPipeline> parsed;
  std::vector<YamlNode> nodes;
  const Pools pools = TRY(parse_pools(slipway_yaml));
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return parsed;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("pipelines");
  if (!part) return parsed;
  for (const auto& [name, node] : TRY(part->entries())) {
    TRY(check_name(name, node, "pipeline"));
    PipelineDefinition definition = TRY(read_pipeline(name, node, offers));
    TRY(check_pools(definition, pools, node));
    parsed.push_back({.definition = std::move(definition), .text = node.dump()});
    nodes.push_back(node);
  }
  std::vector<std::pair<const PipelineDefinition*, YamlNode>> all;
  for (std::size_t i = 0; i < parsed.size(); ++i) all.emplace_back(&parsed[i].definition, nodes[i]);
  TRY(NestingCheck(all).run());
  return parsed;
}

Result<PipelineDefinition> parse_pipeline(const std::string& name, std::string_view text) {
  return read_pipeline(name, TRY(YamlNode::parse(text)), nullptr);
}

}  // namespace slipway::pipelines
