#include "pipelines/forecast.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/hash.h"
#include "pipelines/gather.h"
#include "pipelines/step_outputs.h"
#include "pipelines/why.h"

namespace slipway::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr base::Timestamp kEver{INT64_MAX};
constexpr std::size_t kKeysMax = 1'000;  // of a step in earlier runs, that are looked at

// Goes through a plan as a run would, with what is known beforehand.
class Forecaster {
 public:
  Forecaster(const std::string& pipeline, const Plan& plan, const fs::path& project, World world)
      : pipeline_(pipeline), plan_(plan), project_(project), world_(world) {}

  Result<std::vector<StepForecast>> all() {
    for (const PlannedStep& step : plan_.steps) {
      StepForecast told{.step = step.definition.name, .verdict = {}, .why = {}, .items = {}};
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
    if (const StepForecast* lost = find_lost_need(step)) {
      if (lost->verdict == "fails" || for_failures_.contains(lost->step))
        for_failures_.insert(definition.name);
      return say("skipped", fmt::format("it needs {}, which is {}", lost->step,
                                        lost->verdict == "fails" ? "failing" : lost->verdict));
    }
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
    if (definition.nested) return tell_nested(step, told);
    if (definition.wait_for) {
      if (definition.wait_for->soft_fail) may_be_skipped_.insert(definition.name);
      return say("waits", "for " + words_of(*definition.wait_for, plan_.params));
    }
    if (definition.run.empty()) return say("waits", definition.approve);
    if (definition.each) return tell_items(step, told);
    if (definition.search)
      return say("depends", fmt::format("each of its {} trials runs unless it is in the cache",
                                        definition.search->trials));
    return tell_command(step, {}, told);
  }

  // One command, as it would be once `item` (none) is filled in.
  Result<void> tell_command(const PlannedStep& step, const std::map<std::string, std::string>& item,
                            StepForecast& told) {
    const auto say = [&](std::string_view verdict, std::string why) -> Result<void> {
      told.verdict = verdict;
      told.why = std::move(why);
      return {};
    };
    const StepDefinition& definition = step.definition;
    const auto declared = declared_digests(definition, project_, world_.inputs);
    if (!declared) return say("fails", declared.error().message);
    if (!definition.cached()) {
      if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
      return say("runs", why_never_cached(definition));
    }
    if (world_.no_cache) {
      if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
      return say("runs", std::string(kTakesNothing));
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
    if (!open.empty()) {
      if (auto why = TRY(why_it_runs_anyway(step, told.step, *declared, outputs_of, open, item))) {
        if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
        return say("runs", std::move(*why));
      }
      return say("depends",
                 fmt::format("it runs unless what {} writes is as before", fmt::join(open, ", ")));
    }
    const StepKey key = make_step_key(plan_, step, *declared, outputs_of, item);
    if (auto kept = TRY(find_kept(world_.table, key.digest))) {
      std::string why = "nothing it depends on has changed since run " + kept->run;
      kept_[told.step] = std::move(*kept);
      return say("cached", std::move(why));
    }
    if (auto lacks = missing_secret(definition)) return say("fails", std::move(*lacks));
    return say("runs", TRY(why_it_runs(world_.table, pipeline_, told.step, kEver, definition,
                                       plan_.params, key.document)));
  }

  // Why a step runs whatever those that are `open` write: apart from that, nothing is as it was in
  // the runs in which it, or an item of it, was good. Nothing: something is, there are too many of
  // them to look at all, or `name` was good in none.
  Result<std::optional<std::string>> why_it_runs_anyway(
      const PlannedStep& step, const std::string& name,
      const std::map<std::string, std::string>& declared,
      std::map<std::string, std::string> outputs_of, const std::vector<std::string>& open,
      const std::map<std::string, std::string>& item) {
    TRY(look_back(step.definition.name, open));
    std::optional<std::string> why;
    if (before_.size() == kKeysMax) return why;
    for (const std::string& read : open) outputs_of[read] = "";
    const StepKey key = make_step_key(plan_, step, declared, outputs_of, item);
    for (const RunTable::KeyOfRun& before : before_) {
      if (before.document == key.document) return std::optional<std::string>();
      if (!why && before.step == name)
        why = explain_since(before, pipeline_, step.definition, plan_.params, key.document);
    }
    return why;
  }

  // Once for all items of a step: its keys in earlier runs, without what those that are `open`
  // wrote.
  Result<void> look_back(const std::string& step, const std::vector<std::string>& open) {
    if (before_of_ == step) return {};
    before_ = TRY(world_.table.newest_keys_with_items(pipeline_, step, kKeysMax));
    before_of_ = step;
    for (RunTable::KeyOfRun& before : before_) {
      Json* const parts = before.document.if_contains("parts");
      if (parts == nullptr || !parts->is_object()) continue;
      for (const std::string& read : open) {
        if (Json* const part = parts->get_object().if_contains("step/" + read)) *part = "";
      }
    }
    return {};
  }

  Result<void> tell_items(const PlannedStep& step, StepForecast& told) {
    const Each& each = *step.definition.each;
    if (each.source && each.source->kind == ConditionOperand::Kind::kOutput) {
      const auto known = kept_.find(each.source->name);
      if (known == kept_.end() || known->second.folder.empty()) {
        told.verdict = "depends";
        told.why = "its items are what " + each.source->name + " writes";
        return {};
      }
    }
    const auto items = find_items(each, plan_, [&](const ConditionOperand& source) {
      return fs::path(kept_.at(source.name).folder);
    });
    if (!items) {
      told.verdict = "fails";
      told.why = items.error().message;
      return {};
    }
    std::vector<GatheredItem> gathered;
    for (std::size_t i = 0; i < items->size(); ++i) {
      StepForecast item{.step = item_name(told.step, i), .verdict = {}, .why = {}, .items = {}};
      const auto texts = item_texts(step.definition.command, (*items)[i]);
      if (texts) {
        TRY(tell_command(step, *texts, item));
      } else {
        item.verdict = "fails";
        item.why = texts.error().message;
      }
      if (const auto kept = kept_.find(item.step); kept != kept_.end())
        gathered.push_back({.value = (*items)[i], .manifest = kept->second.manifest});
      told.items.push_back(std::move(item));
    }
    sum_up(told, "items");
    // Its folder is made anew for each run.
    if (gathered.size() == items->size()) {
      const JsonObject manifest = gathered_manifest(gathered);
      kept_[told.step].manifest_digest = base::sha256_hex(base::to_text(manifest));
    }
    return {};
  }

  // The worst of its items says what a step does.
  static void sum_up(StepForecast& told, std::string_view things) {
    for (const std::string_view verdict : {"fails", "runs", "waits", "depends", "cached"}) {
      const auto has_it = [&](const StepForecast& item) { return item.verdict == verdict; };
      const auto count = std::count_if(told.items.begin(), told.items.end(), has_it);
      if (count == 0) continue;
      const auto first = std::find_if(told.items.begin(), told.items.end(), has_it);
      told.verdict = verdict;
      told.why = fmt::format("{} of {} {}: {}: {}", count, told.items.size(), things, first->step,
                             first->why);
      return;
    }
    told.verdict = "runs";
    told.why = told.items.empty() ? "it has no items" : "all that is in it is skipped";
  }

  // The run that a step would be, as far as its parameters are known beforehand.
  Result<void> tell_nested(const PlannedStep& step, StepForecast& told) {
    const Nested& nested = *step.definition.nested;
    const auto params = nested.values(
        [&](const std::string& name) -> Result<std::string> {
          if (name == "now") return std::string("{now}");
          const auto param = plan_.params.find(name);
          if (param != plan_.params.end()) return param->second;
          const auto known = kept_.find(name);
          if (known != kept_.end() && !known->second.folder.empty()) return known->second.folder;
          return base::error(Code::kUnavailable, "its parameters have the folder of {}", name);
        },
        [&](const ConditionOperand& operand) -> Result<std::string> {
          if (!kept_.contains(operand.name) || kept_.at(operand.name).folder.empty())
            return base::error(Code::kUnavailable, "its parameters read {}", operand.text);
          return output_of(operand);
        });
    if (!params) {
      told.verdict = params.error().code == Code::kUnavailable ? "depends" : "fails";
      told.why = params.error().message;
      return {};
    }
    const auto plan = world_.plan_of(nested.pipeline, *params);
    if (!plan) {
      told.verdict = "fails";
      told.why = plan.error().message;
      return {};
    }
    told.items = TRY(Forecaster(nested.pipeline, *plan, project_, world_).all());
    for (StepForecast& inner : told.items) inner.step = told.step + "/" + inner.step;
    sum_up(told, "steps of " + nested.pipeline);
    return {};
  }

  // Why its command can't begin.
  std::optional<std::string> missing_secret(const StepDefinition& definition) const {
    for (const std::string& name : definition.secrets) {
      if (const auto found = world_.secrets.find(name); !found) return found.error().message;
    }
    return std::nullopt;
  }

  // Whether it runs although the step that it needs was skipped.
  static bool lets_pass(const PlannedStep& step, std::size_t need) {
    return std::find(step.may_be_skipped.begin(), step.may_be_skipped.end(), need) !=
           step.may_be_skipped.end();
  }

  // A step that this one needs and that won't succeed.
  const StepForecast* find_lost_need(const PlannedStep& step) const {
    if (step.definition.always) return nullptr;
    for (const std::size_t need : step.needs) {
      const bool is_lost = told_[need].verdict == "fails" ||
                           (told_[need].verdict == "skipped" &&
                            (!lets_pass(step, need) || for_failures_.contains(told_[need].step)));
      if (is_lost) return &told_[need];
    }
    return nullptr;
  }

  // A step that this one needs and of which nobody knows yet whether it will be skipped.
  const StepForecast* find_open_need(const PlannedStep& step) const {
    if (step.definition.always) return nullptr;
    for (const std::size_t need : step.needs) {
      if (may_be_skipped_.contains(told_[need].step) && !lets_pass(step, need)) return &told_[need];
    }
    return nullptr;
  }

  // Of a step that would be answered from cache. kUnavailable: it isn't known before the run.
  Result<std::string> output_of(const ConditionOperand& operand) const {
    const auto known = kept_.find(operand.name);
    if (known == kept_.end() || known->second.folder.empty())
      return base::error(Code::kUnavailable, "its condition reads {}", operand.text);
    return output_value(operand, known->second.folder);
  }

  const std::string& pipeline_;
  const Plan& plan_;
  const fs::path& project_;
  const World world_;
  std::vector<StepForecast> told_;
  std::set<std::string> may_be_skipped_;
  std::set<std::string> for_failures_;       // are skipped because something would fail
  std::map<std::string, KeptOutputs> kept_;  // by step: those that would be answered from cache
  std::vector<RunTable::KeyOfRun> before_;   // of the step `before_of_`, as look_back()
  std::string before_of_;
};

}  // namespace

JsonObject StepForecast::to_json() const {
  JsonObject object{{"step", step}, {"verdict", verdict}, {"why", why}};
  if (items.empty()) return object;
  JsonArray list;
  for (const StepForecast& item : items) list.push_back(item.to_json());
  object["items"] = std::move(list);
  return object;
}

Result<std::vector<StepForecast>> forecast(const std::string& pipeline, const Plan& plan,
                                           const fs::path& project, World world) {
  return Forecaster(pipeline, plan, project, world).all();
}

}  // namespace slipway::pipelines
