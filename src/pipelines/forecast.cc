#include "pipelines/forecast.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "pipelines/step_outputs.h"
#include "pipelines/why.h"

namespace slipway::pipelines {
namespace {

namespace fs = std::filesystem;

// Goes through a plan as a run would, with what is known beforehand.
class Forecaster {
 public:
  Forecaster(const std::string& pipeline, const Plan& plan, const fs::path& project, World world)
      : pipeline_(pipeline), plan_(plan), project_(project), world_(world) {}

  Result<std::vector<StepForecast>> all() {
    for (const PlannedStep& step : plan_.steps) {
      StepForecast told{.step = step.definition.name, .verdict = {}, .why = {}};
      TRY(tell(step, told));
      told_.push_back(std::move(told));
    }
    return std::move(told_);
  }

 private:
  Result<void> tell(const PlannedStep& step, StepForecast& told) {
    const auto say = [&](std::string_view verdict, std::string why) -> Result<void> {
      told.verdict = verdict;
      told.why = std::move(why);
      return {};
    };
    const StepDefinition& definition = step.definition;
    if (const StepForecast* lost = find_lost_need(step))
      return say("skipped", fmt::format("it needs {}, which is {}", lost->step,
                                        lost->verdict == "fails" ? "failing" : lost->verdict));
    if (definition.when) {
      const auto outcome = definition.when->evaluate(
          {.params = plan_.params,
           .output = [&](const auto& operand) { return output_of(operand); },
           .run_state =
               [] {
                 return base::error(Code::kUnavailable, "its condition asks how the run stands");
               }});
      if (!outcome && outcome.error().code == Code::kUnavailable) {
        may_be_skipped_.insert(definition.name);
        return say("depends", outcome.error().message);
      }
      if (!outcome) return say("fails", "its condition: " + outcome.error().message);
      if (!outcome->holds) return say("skipped", "its condition says no: " + outcome->why);
    }
    if (const StepForecast* open = find_open_need(step)) {
      may_be_skipped_.insert(definition.name);
      return say("depends", fmt::format("it needs {}, which may be skipped", open->step));
    }
    if (definition.run.empty()) return say("waits", definition.approve);
    const auto declared = declared_digests(definition, project_, world_.inputs);
    if (!declared) return say("fails", declared.error().message);
    if (!definition.cached()) {
      if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
      return say("runs", why_never_cached(definition));
    }
    std::map<std::string, std::string> outputs_of;
    std::vector<std::string> open;
    for (const std::string& read : step.reads) {
      const auto known = kept_.find(read);
      if (known == kept_.end()) {
        open.push_back(read);
      } else {
        outputs_of[read] = known->second.manifest_digest;
      }
    }
    if (!open.empty())
      return say("depends",
                 fmt::format("it runs unless what {} writes is as before", fmt::join(open, ", ")));
    const StepKey key = make_step_key(plan_, step, *declared, outputs_of);
    if (auto kept = TRY(find_kept(world_.table, key.digest))) {
      std::string why = "nothing it depends on has changed since run " + kept->run;
      kept_[definition.name] = std::move(*kept);
      return say("cached", std::move(why));
    }
    if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
    return say("runs", TRY(why_it_runs(world_.table, pipeline_, definition.name,
                                       base::Timestamp{INT64_MAX}, key.document)));
  }

  // Why its command can't begin.
  std::optional<std::string> missing_secret(const StepDefinition& definition) const {
    for (const std::string& name : definition.secrets) {
      if (const auto found = world_.secrets.find(name); !found) return found.error().message;
    }
    return std::nullopt;
  }

  // A step that this one needs and that won't succeed.
  const StepForecast* find_lost_need(const PlannedStep& step) const {
    if (step.definition.always) return nullptr;
    for (const std::size_t need : step.needs) {
      if (told_[need].verdict == "skipped" || told_[need].verdict == "fails") return &told_[need];
    }
    return nullptr;
  }

  // A step that this one needs and of which nobody knows yet whether it will be skipped.
  const StepForecast* find_open_need(const PlannedStep& step) const {
    if (step.definition.always) return nullptr;
    for (const std::size_t need : step.needs) {
      if (may_be_skipped_.contains(told_[need].step)) return &told_[need];
    }
    return nullptr;
  }

  // Of a step that would be answered from cache. kUnavailable: it isn't known before the run.
  Result<std::string> output_of(const ConditionOperand& operand) const {
    const auto known = kept_.find(operand.name);
    if (known == kept_.end())
      return base::error(Code::kUnavailable, "its condition reads {}", operand.text);
    return output_value(operand, known->second.folder);
  }

  const std::string& pipeline_;
  const Plan& plan_;
  const fs::path& project_;
  const World world_;
  std::vector<StepForecast> told_;
  std::set<std::string> may_be_skipped_;
  std::map<std::string, KeptOutputs> kept_;  // by step: those that would be answered from cache
};

}  // namespace

JsonObject StepForecast::to_json() const {
  return {{"step", step}, {"verdict", verdict}, {"why", why}};
}

Result<std::vector<StepForecast>> forecast(const std::string& pipeline, const Plan& plan,
                                           const fs::path& project, World world) {
  return Forecaster(pipeline, plan, project, world).all();
}

}  // namespace slipway::pipelines
