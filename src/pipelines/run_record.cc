#include "pipelines/run_record.h"

#include <cstdlib>
#include <filesystem>

#include "pipelines/each.h"
#include "pipelines/or_null.h"
#include "pipelines/server_table.h"

namespace slipway::pipelines {
namespace {

Json seconds_between(const std::optional<base::Timestamp>& from,
                     const std::optional<base::Timestamp>& to) {
  return from && to ? Json(static_cast<double>((*to - *from).micros) * 1e-6) : Json(nullptr);
}

template <typename T>
Json json_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

// Outputs are in RUN/STEP, those of items in RUN/STEP/0007.
std::optional<StepRecord::Origin> StepRecord::origin() const {
  if (state != "cached" || folder.empty()) return std::nullopt;
  std::filesystem::path path(folder);
  const std::string last = path.filename();
  path = path.parent_path();
  if (!parent) return Origin{.run = path.filename(), .step = last};
  const auto index = static_cast<std::size_t>(std::strtoull(last.c_str(), nullptr, 10));
  return Origin{.run = path.parent_path().filename(),
                .step = item_name(path.filename().string(), index)};
}

JsonObject StepRecord::summary() const {
  return {{"name", name},
          {"state", state},
          {"reason", reason},
          {"tries", tries},
          {"started_at", or_null(started)},
          {"finished_at", or_null(finished)},
          {"seconds", seconds_between(started, finished)}};
}

JsonObject StepRecord::to_json() const {
  JsonObject object = summary();
  object["cached"] = state == "cached";
  object["folder"] = folder;
  object["command"] = command;
  object["cache_key"] = cache_key;
  object["key"] = key_document;
  object["outputs"] = manifest;
  if (!value.empty())
    object[parent ? "item" : "search"] = base::parse_json(value).value_or(nullptr);
  if (!tracked_run.empty()) {
    object["tracked_run"] = tracked_run;
    object["score"] = json_or_null(score);
    if (state == "stopped") object["reached"] = reached;
  }
  if (!job.empty()) object["job"] = job;
  if (!server.empty()) object["server"] = name_of_server(server);
  if (!nested_run.empty()) object["nested_run"] = nested_run;
  if (!wait.empty()) object["waits_for"] = wait;
  object["exit_code"] = json_or_null(exit_code);
  object["peak_memory_bytes"] = json_or_null(usage.peak_memory_bytes);
  object["cpu_seconds"] = json_or_null(usage.cpu_seconds);
  object["not_before"] = or_null(not_before);
  JsonArray earlier;
  for (const EarlierTry& one : earlier_tries) {
    earlier.push_back(JsonObject{{"started_at", types::to_rfc3339(one.started)},
                                 {"finished_at", types::to_rfc3339(one.finished)},
                                 {"exit_code", json_or_null(one.exit_code)},
                                 {"reason", one.reason}});
  }
  object["earlier_tries"] = std::move(earlier);
  JsonArray before;
  for (const std::string& step : needs) before.emplace_back(step);
  object["needs"] = std::move(before);
  return object;
}

JsonObject RunRecord::summary() const {
  JsonObject given;
  for (const auto& [name, value] : params) given[name] = value;
  Json parent;
  if (!parent_run.empty()) parent = JsonObject{{"run", parent_run}, {"step", parent_step}};
  return {{"id", id},
          {"pipeline", pipeline},
          {"parent", std::move(parent)},
          {"state", state},
          {"reason", reason},
          {"actor", actor},
          {"params", std::move(given)},
          {"priority", priority},
          {"no_cache", no_cache},
          {"source", source},
          {"now", types::to_rfc3339(now)},
          {"created_at", types::to_rfc3339(created)},
          {"finished_at", or_null(finished)},
          {"outputs", outputs}};
}

std::vector<std::size_t> RunRecord::items(std::size_t step) const {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].parent == step) positions.push_back(i);
  }
  return positions;
}

std::optional<std::size_t> RunRecord::best_trial(std::size_t step) const {
  const auto search = base::parse_json_object(steps[step].value);
  if (!search) return std::nullopt;
  const auto goal = base::find_string(*search, "goal");
  const bool maximizes = goal && *goal == "maximize";
  std::optional<std::size_t> best;
  for (const std::size_t item : items(step)) {
    if (!steps[item].is_good() || !steps[item].score) continue;
    const double score = *steps[item].score;
    if (!best || (maximizes ? score > *steps[*best].score : score < *steps[*best].score))
      best = item;
  }
  return best;
}

JsonObject RunRecord::to_json() const {
  JsonObject object = summary();
  JsonArray list;
  for (std::size_t i = 0; i < steps.size() && !steps[i].parent; ++i) {
    JsonObject step = steps[i].to_json();
    if (const auto best = best_trial(i)) {
      step["best"] = JsonObject{{"name", steps[*best].name},
                                {"score", *steps[*best].score},
                                {"params", base::parse_json(steps[*best].value).value_or(nullptr)},
                                {"tracked_run", steps[*best].tracked_run}};
    }
    JsonArray below;
    for (const std::size_t item : items(i)) below.push_back(steps[item].to_json());
    if (!below.empty()) step["items"] = std::move(below);
    list.push_back(std::move(step));
  }
  object["steps"] = std::move(list);
  return object;
}

}  // namespace slipway::pipelines
