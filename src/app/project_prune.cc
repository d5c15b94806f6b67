// What Project does with what a slipway.yaml no longer declares: it says so, and removes it when
// it is asked to.
#include <fmt/ranges.h>

#include "app/project_parts.h"

namespace slipway::app {
namespace {

constexpr std::size_t kQuietMinutes = 5;  // without a request, before an endpoint is removed

}  // namespace

std::set<std::string> Project::Parsed::parts() const {
  std::set<std::string> parts;
  for (const auto& monitor : monitors) parts.insert("monitors/" + monitor.name);
  for (const auto& endpoint : endpoints) parts.insert("endpoints/" + endpoint.name);
  for (const auto& pipeline : pipelines) parts.insert("pipelines/" + pipeline.definition.name);
  for (const auto& [name, slots] : pools) parts.insert("pools/" + name);
  for (const auto& dataset : datasets) parts.insert("datasets/" + dataset.name);
  return parts;
}

std::set<std::string> Project::Parsed::bound_parts() const {
  std::set<std::string> parts;
  for (const auto& schedule : schedules) parts.insert("schedules/" + schedule.name);
  for (const auto& source : features.sources) parts.insert("features/sources/" + source.name);
  for (const auto& view : features.views) parts.insert("features/views/" + view.name);
  for (const auto& service : features.services) parts.insert("features/services/" + service.name);
  for (const auto& stream : streams) parts.insert("streams/" + stream.name);
  for (const auto& route : routes) parts.insert("routes/" + route.name);
  for (const auto& window : maintenance) parts.insert("maintenance/" + window.name);
  for (const auto& policy : tags) parts.insert("tags/" + policy.tag);
  if (alarm_budget) parts.insert("alarm_budget");
  return parts;
}

Result<void> Project::check_place(const Parsed& parsed, const std::string& folder) {
  const auto stored = TRY(db_.read([](store::Reader& reader) {
    return reader.find("SELECT yaml, folder FROM projects", {}, [](const store::Row& row) {
      return std::pair(row.string(0), row.string(1));
    });
  }));
  if (!stored) return {};
  const auto root = types::YamlNode::parse(stored->first);
  if (!root || parse_head(*root).value_or(Head{}).name == parsed.head.name) return {};
  const auto last = parse(*root);
  if (!last) return {};
  std::set<std::string> ending = last->bound_parts();
  for (const std::string& part : parsed.bound_parts()) ending.erase(part);
  if (ending.empty()) return {};
  return base::error(
      Code::kFailedPrecondition,
      "nothing was changed: this server has project {} of {} applied, and when project {} of {} "
      "takes its place, these of {} end: {} (give it a server of its own, or say that it may: "
      "`slipway apply --take-over`, take_over in the API)",
      last->head.name, stored->second, parsed.head.name, folder, last->head.name,
      fmt::join(ending, ", "));
}

Result<std::map<std::string, std::string>> Project::owners() {
  std::map<std::string, std::string> owners;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT part, project FROM project_parts", {},
                        [&](const store::Row& row) { owners[row.string(0)] = row.string(1); });
  }));
  // Of one that was applied before they were kept the file tells.
  const std::string yaml = TRY(stored_yaml());
  if (yaml.empty() || !owners.empty()) return owners;
  const Parsed stored = TRY(parse(TRY(types::YamlNode::parse(yaml))));
  for (const std::string& part : stored.parts()) owners.try_emplace(part, stored.head.name);
  return owners;
}

Result<std::vector<Project::Surplus>> Project::surplus(const Parsed& parsed,
                                                       const std::set<std::string>* wanted) {
  std::vector<Surplus> all;
  const auto add = [&](const char* kind, const std::string& name) {
    all.push_back({.kind = kind, .name = name});
  };
  const Standing standing{.declared = parsed.parts(),
                          .pipelines = TRY(rooms_.pipelines.definitions())};
  // Who needs something before what it needs.
  for (const auto& known : rooms_.monitor.definitions()) add("monitor", known.name);
  for (const auto& known : TRY(rooms_.releases.statuses())) add("endpoint", known.endpoint.name());
  for (const auto& pipeline : standing.pipelines) add("pipeline", pipeline.name);
  for (const auto& known : rooms_.pipelines.pools()) add("pool", known.name);
  for (const auto& known : TRY(rooms_.datasets.definitions())) add("dataset", known.name);
  std::erase_if(all, [&](const Surplus& part) { return standing.declared.contains(part.place()); });
  const auto owners = TRY(this->owners());
  std::set<std::string> going;
  for (Surplus& part : all) {
    const auto owner = owners.find(part.place());
    part.is_ours = owner != owners.end() && owner->second == parsed.head.name;
    if (!part.is_ours || (wanted != nullptr && !wanted->contains(part.place()))) continue;
    part.why_kept = TRY(need_of(part, parsed, standing, going));
    if (part.why_kept.empty()) going.insert(part.place());
  }
  return all;
}

// Why it can't go when what is `going` goes before it; empty: it can.
Result<std::string> Project::need_of(const Surplus& part, const Parsed& parsed,
                                     const Standing& standing, const std::set<std::string>& going) {
  const std::string& name = part.name;
  std::vector<monitor::MonitorDefinition> monitors = parsed.monitors;
  for (auto& known : rooms_.monitor.definitions()) {
    const std::string place = "monitors/" + known.name;
    if (!going.contains(place) && !standing.declared.contains(place))
      monitors.push_back(std::move(known));
  }
  if (part.kind == "endpoint") {
    for (const auto& monitor : monitors) {
      if (monitor.endpoint == name) return fmt::format("monitor {} watches it", monitor.name);
    }
    std::uint64_t requests = 0;
    if (const auto minutes = rooms_.endpoints.recent_minutes(name)) {
      for (std::size_t i = minutes->size(); i-- > 0 && minutes->size() - i <= kQuietMinutes;)
        requests += (*minutes)[i].requests;
    }
    if (requests > 0)
      return fmt::format("it was asked {} times in the last {} minutes", requests, kQuietMinutes);
    // Who counts them begins again with the server; what was logged stays.
    std::size_t rows = 0;
    const base::Timestamp now = wall_clock_.now();
    TRY(rooms_.log.each_part(
        name,
        {.time = serving::RequestLog::TimeOf::kArrival,
         .from = now - base::Duration::seconds(60 * std::int64_t{kQuietMinutes}),
         .to = now},
        {"revision"}, [&](types::Frame& part) -> Result<void> {
          rows += part.rows();
          return {};
        }));
    if (rows > 0)
      return fmt::format(
          "it was asked in the last {} minutes, before the server was started: {} "
          "rows were logged",
          kQuietMinutes, rows);
  } else if (part.kind == "pipeline") {
    for (const auto& monitor : monitors) {
      for (const monitor::ActionRule& action : monitor.actions) {
        if (action.pipeline == name)
          return fmt::format("action {} of monitor {} starts it", action.name, monitor.name);
      }
    }
    for (const char* state : {"running", "queued"}) {
      const auto runs = TRY(rooms_.pipelines.runs({.pipeline = name, .state = state, .limit = 1}));
      if (!runs.empty()) return fmt::format("run {} of it isn't over", runs.front().id);
    }
    for (const auto& other : standing.pipelines) {
      if (standing.declared.contains("pipelines/" + other.name)) continue;  // the file was checked
      for (const auto& step : other.steps) {
        if (step.nested && step.nested->pipeline == name && other.name != name)
          return fmt::format("step {} of pipeline {} runs it", step.name, other.name);
      }
    }
  } else if (part.kind == "pool") {
    for (const auto& pipeline : standing.pipelines) {
      const std::string place = "pipelines/" + pipeline.name;
      if (going.contains(place) || standing.declared.contains(place)) continue;
      for (const auto& step : pipeline.steps) {
        if (step.pool == name)
          return fmt::format("step {} of pipeline {} runs in it", step.name, pipeline.name);
      }
    }
    for (const auto& pool : rooms_.pipelines.pools()) {
      if (pool.name == name && pool.taken > 0)
        return fmt::format("{} runs in it", pool.holders.front());
    }
  } else if (part.kind == "dataset") {
    const auto newest = rooms_.datasets.snapshot(name);
    if (newest)
      return fmt::format(
          "it has versions, up to {}: data that models may have been made from stays",
          newest->version);
    if (newest.error().code == Code::kCorruption) return newest.error().message;
    if (newest.error().code != Code::kNotFound) return newest.error();
    for (const auto& source : parsed.features.sources) {
      if (source.dataset == name) return fmt::format("source {} reads it", source.name);
    }
  }
  return std::string();
}

Result<std::vector<Project::Surplus>> Project::check_prune(const Parsed& parsed,
                                                           const std::set<std::string>& wanted) {
  auto parts = TRY(surplus(parsed, &wanted));
  std::set<std::string> unknown = wanted;
  for (const Surplus& part : parts) {
    if (!part.is_ours || !unknown.erase(part.place()) || part.why_kept.empty()) continue;
    return base::error(Code::kFailedPrecondition, "nothing was changed: {} can't be removed: {}",
                       part.place(), part.why_kept);
  }
  if (!unknown.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "nothing was changed: {} can't be removed: slipway.yaml declares it, or "
                       "project {} never has",
                       *unknown.begin(), parsed.head.name);
  }
  std::erase_if(parts, [&](const Surplus& part) { return !wanted.contains(part.place()); });
  return parts;
}

Result<void> Project::remove(const Surplus& part, const std::string& actor) {
  if (part.kind == "monitor") TRY(rooms_.monitor.remove(part.name, actor));
  if (part.kind == "endpoint") TRY(rooms_.releases.remove(part.name, actor));
  if (part.kind == "pipeline") TRY(rooms_.pipelines.remove(part.name, actor));
  if (part.kind == "pool") TRY(rooms_.pipelines.remove_pool(part.name, actor));
  if (part.kind == "dataset") TRY(rooms_.datasets.remove(part.name, actor));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM project_parts WHERE part = ?", {part.place()}));
    return {};
  });
}

// What an earlier declaration has left, so that nobody thinks it is gone.
Result<JsonArray> Project::left_over(const Parsed& parsed) {
  JsonArray left;
  for (const Surplus& part : TRY(surplus(parsed, nullptr))) {
    JsonObject change{{"kind", part.kind},
                      {"name", part.name},
                      {"change", !part.is_ours           ? "left as it is"
                                 : part.why_kept.empty() ? "not in the file"
                                                         : "kept"}};
    if (!part.why_kept.empty()) change["means"] = part.why_kept;
    left.push_back(std::move(change));
  }
  return left;
}

}  // namespace slipway::app
