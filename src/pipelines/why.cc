#include "pipelines/why.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "pipelines/cache_key.h"

namespace slipway::pipelines {

std::string why_never_cached(const StepDefinition& definition) {
  return definition.cache ? "cache is off for it"
                          : "it declares no outputs, so it runs for its effect";
}

namespace {

// "rate changed from 1 to 2", of long texts from where they begin to differ.
std::string changed(std::string_view what, std::string_view before, std::string_view now) {
  const auto [old, young] = base::what_differs(before, now);
  return fmt::format("{} changed from `{}` to `{}`", what, old, young);
}

std::string text_of(const JsonObject& object, std::string_view name) {
  return base::find_string(object, name).value_or(std::nullopt).value_or("");
}

// What became different in the command: parameters, what is written, or what stands for an item.
std::vector<std::string> changes_of_command(const RunTable::KeyOfRun& before,
                                            const std::string& pipeline,
                                            const StepDefinition& definition,
                                            const std::map<std::string, std::string>& params,
                                            const JsonObject& key_document) {
  std::vector<std::string> changes;
  for (const std::string& name : references(definition.command)) {
    const auto now = params.find(name);
    if (now == params.end() || !before.params.contains(name)) continue;
    const std::string old = text_of(before.params, name);
    if (old != now->second) changes.push_back(changed("parameter " + name, old, now->second));
  }
  const auto then = parse_pipeline(pipeline, before.text);
  const StepDefinition* const was = then ? then->find_step(definition.name) : nullptr;
  if (was != nullptr && was->run != definition.run) {
    changes.push_back(changed("the command", was->run, definition.run));
  } else if (changes.empty()) {
    changes.push_back(changed("the command", text_of(before.document, "command"),
                              text_of(key_document, "command")));
  }
  return changes;
}

}  // namespace

std::string explain_since(const RunTable::KeyOfRun& before, const std::string& pipeline,
                          const StepDefinition& definition,
                          const std::map<std::string, std::string>& params,
                          const JsonObject& key_document) {
  std::vector<std::string> causes;
  for (std::string& difference : differences(before.document, key_document)) {
    if (difference != kCommandChanged) {
      causes.push_back(std::move(difference));
      continue;
    }
    for (std::string& change :
         changes_of_command(before, pipeline, definition, params, key_document))
      causes.push_back(std::move(change));
  }
  if (causes.empty()) return {};
  return fmt::format("since run {}: {}", before.run, explain_differences(causes));
}

Result<std::string> why_it_runs(RunTable& table, const std::string& pipeline,
                                const std::string& step, base::Timestamp before,
                                const StepDefinition& definition,
                                const std::map<std::string, std::string>& params,
                                const JsonObject& key_document) {
  const auto earlier = TRY(table.newest_keys(pipeline, step, before, 1));
  if (earlier.empty()) return std::string("it has not succeeded before");
  std::string since = explain_since(earlier[0], pipeline, definition, params, key_document);
  if (since.empty()) return fmt::format("what run {} wrote is gone or damaged", earlier[0].run);
  return since;
}

namespace {

// "of its 3 items 2 succeeded, 1 cached"
std::string count_of_items(const RunRecord& run, const StepRecord& step) {
  std::map<std::string, int> counts;
  int all = 0;
  for (const StepRecord& item : run.steps) {
    if (!item.parent || &run.steps[*item.parent] != &step) continue;
    ++counts[item.state];
    ++all;
  }
  std::string text;
  for (const auto& [state, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, state);
  return fmt::format("of its {} items {}", all, text);
}

}  // namespace

Result<std::string> why_it_is_so(RunTable& table, const RunRecord& run, const StepRecord& step,
                                 const StepDefinition& definition) {
  if (definition.nested && !step.reason.empty()) return step.reason;
  const bool has_items = definition.has_items() && !step.parent;
  if (const auto origin = step.origin(); origin && !has_items)
    return fmt::format("nothing it depends on has changed since run {}", origin->run);
  if (has_items && step.started && step.reason.empty()) return count_of_items(run, step);
  if (step.tries == 0) {  // its command was not begun
    if (!step.reason.empty()) return step.reason;
    std::string waits;
    for (const StepRecord& other : run.steps) {
      if (!other.is_over() &&
          std::find(step.needs.begin(), step.needs.end(), other.name) != step.needs.end())
        waits += (waits.empty() ? "" : ", ") + other.name;
    }
    return waits.empty() ? std::string("it has not begun") : "it waits for " + waits;
  }
  if (!definition.cached()) return why_never_cached(definition);
  if (run.no_cache) return std::string(kTakesNothing);
  return why_it_runs(table, run.pipeline, step.name, run.created, definition, run.params,
                     step.key_document);
}

}  // namespace slipway::pipelines
