#include "pipelines/plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace slipway::pipelines {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> needs_of(const StepDefinition& step,
                                  const std::vector<StepDefinition>& steps) {
  std::vector<std::string> mentioned = references(step.command);
  if (step.nested) {
    for (std::string& name : step.nested->references()) mentioned.push_back(std::move(name));
  }
  if (step.when) {
    for (const ConditionOperand& operand : step.when->references()) {
      if (operand.kind == ConditionOperand::Kind::kOutput) mentioned.push_back(operand.name);
    }
  }
  if (step.each && step.each->source && step.each->source->kind == ConditionOperand::Kind::kOutput)
    mentioned.push_back(step.each->source->name);
  std::vector<std::string> needs;
  for (const StepDefinition& other : steps) {
    if (holds(mentioned, other.name) || holds(step.after, other.name) ||
        holds(step.unless_failed, other.name))
      needs.push_back(other.name);
  }
  if (!step.always || !needs.empty()) return needs;
  for (const StepDefinition& other : steps) {
    if (!other.always) needs.push_back(other.name);
  }
  return needs;
}

// A circle among steps of which each still needs another one: walk until a step comes up again.
std::string describe_circle(const std::vector<StepDefinition>& steps,
                            const std::vector<std::vector<std::string>>& needs,
                            const std::vector<bool>& done) {
  auto index_of = [&](const std::string& name) {
    std::size_t i = 0;
    while (steps[i].name != name) ++i;
    return i;
  };
  std::vector<std::string> walk;
  std::size_t at = 0;
  while (done[at]) ++at;
  while (!holds(walk, steps[at].name)) {
    walk.push_back(steps[at].name);
    for (const std::string& need : needs[at]) {
      if (std::size_t next = index_of(need); !done[next]) {
        at = next;
        break;
      }
    }
  }
  walk.erase(walk.begin(), std::find(walk.begin(), walk.end(), steps[at].name));
  walk.push_back(steps[at].name);
  return fmt::format("{}", fmt::join(walk, " -> "));
}

// A parameter that a step has its items from must be a list before anything runs.
Result<void> check_items(const StepDefinition& step,
                         const std::map<std::string, std::string>& params) {
  if (!step.each || !step.each->source ||
      step.each->source->kind != ConditionOperand::Kind::kParameter)
    return {};
  const std::string& name = step.each->source->name;
  if (const auto items = items_of(params.at(name), ""); !items) {
    return base::error(Code::kInvalidArgument,
                       "a parameter must be a JSON list, for the items of a step: parameter={} "
                       "step={} got={} ({})",
                       name, step.name, params.at(name), items.error().message);
  }
  return {};
}

}  // namespace

Result<std::vector<std::size_t>> running_order(const std::vector<StepDefinition>& steps) {
  std::vector<std::vector<std::string>> needs;
  for (const StepDefinition& step : steps) needs.push_back(needs_of(step, steps));
  std::vector<std::size_t> order;
  std::set<std::string> ready;
  std::vector<bool> done(steps.size(), false);
  while (order.size() < steps.size()) {
    bool found = false;
    for (std::size_t i = 0; i < steps.size() && !found; ++i) {
      if (done[i]) continue;
      if (!std::all_of(needs[i].begin(), needs[i].end(),
                       [&](const std::string& need) { return ready.contains(need); })) {
        continue;
      }
      done[i] = true;
      found = true;
      order.push_back(i);
      ready.insert(steps[i].name);
    }
    if (!found) {
      return base::error(Code::kInvalidArgument, "steps need each other in a circle: {}",
                         describe_circle(steps, needs, done));
    }
  }
  return order;
}

Result<Plan> make_plan(const PipelineDefinition& definition,
                       const std::map<std::string, std::string>& given, const std::string& now) {
  Plan plan{.params = definition.params};
  for (const auto& [name, value] : given) {
    auto found = plan.params.find(name);
    if (found == plan.params.end()) {
      std::vector<std::string> known;
      for (const auto& [known_name, unused] : definition.params) known.push_back(known_name);
      return base::error(Code::kInvalidArgument,
                         "the pipeline has no such parameter: pipeline={} parameter={} known={}",
                         definition.name, name, fmt::join(known, ","));
    }
    if (value.find('\0') != std::string::npos) {
      return base::error(Code::kInvalidArgument, "a parameter can't hold a NUL byte: parameter={}",
                         name);
    }
    found->second = value;
  }
  for (auto& [name, value] : plan.params) {
    if (value == "{now}") value = now;
  }
  std::map<std::string, std::size_t> position;
  for (std::size_t index : TRY(running_order(definition.steps))) {
    PlannedStep step{.definition = definition.steps[index]};
    for (const std::string& need : needs_of(step.definition, definition.steps))
      step.needs.push_back(position.at(need));
    for (const std::string& need : step.definition.unless_failed)
      step.may_be_skipped.push_back(position.at(need));
    TRY(check_items(step.definition, plan.params));
    position[step.definition.name] = plan.steps.size();
    for (const std::string& name : references(step.definition.command)) {
      if (definition.find_step(name)) step.reads.push_back(name);
      if (definition.params.contains(name)) step.params.push_back(name);
    }
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

std::string command_of(const Plan& plan, const PlannedStep& step,
                       const std::function<std::string(const std::string& name)>& text_of) {
  return render_command(step.definition.command, [&](const std::string& name) {
    auto param = plan.params.find(name);
    return param != plan.params.end() ? param->second : text_of(name);
  });
}

}  // namespace slipway::pipelines
