#include "pipelines/why.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "pipelines/cache_key.h"

namespace slipway::pipelines {

std::string why_never_cached(const StepDefinition& definition) {
  return definition.cache ? "cache is off for it"
                          : "it declares no outputs, so it runs for its effect";
}

Result<std::string> why_it_runs(RunTable& table, const std::string& pipeline,
                                const std::string& step, base::Timestamp before,
                                const JsonObject& key_document) {
  const auto earlier = TRY(table.newest_key(pipeline, step, before));
  if (!earlier) return std::string("it has not succeeded before");
  const std::string difference = explain_difference(earlier->document, key_document);
  if (difference.empty()) return fmt::format("what run {} wrote is gone or damaged", earlier->run);
  return fmt::format("since run {}: {}", earlier->run, difference);
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
  if (step.state == "cached" && !has_items) {
    std::filesystem::path folder = std::filesystem::path(step.folder).parent_path();
    if (step.parent) folder = folder.parent_path();
    return fmt::format("nothing it depends on has changed since run {}",
                       folder.filename().string());
  }
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
  return why_it_runs(table, run.pipeline, step.name, run.created, step.key_document);
}

}  // namespace slipway::pipelines
