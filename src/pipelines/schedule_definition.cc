#include "pipelines/schedule_definition.h"

#include <algorithm>
#include <array>

#include "pipelines/names.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr base::Duration kShortest = base::Duration::seconds(1);
constexpr std::int64_t kParallelMax = 1000;
constexpr base::Duration kLongest = base::Duration::days(3660);
constexpr std::array<std::pair<std::string_view, Overlap>, 4> kOverlaps = {
    {{"allow", Overlap::kAllow},
     {"forbid", Overlap::kForbid},
     {"queue", Overlap::kQueue},
     {"replace", Overlap::kReplace}}};

Result<std::optional<base::Duration>> find_duration(YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  if (!node) return std::optional<base::Duration>();
  const base::Duration duration = TRY(node->duration());
  if (duration < kShortest || duration > kLongest)
    return node->error("{} must be at least 1s, and at most ten years", key);
  return std::optional(duration);
}

Result<DataTrigger> read_data_trigger(const YamlNode& node) {
  DataTrigger trigger;
  YamlMap map = TRY(node.map("when"));
  if (const auto dataset = map.find("dataset")) trigger.dataset = TRY(dataset->text());
  if (const auto model = map.find("model")) trigger.model = TRY(model->text());
  if (const auto alias = map.find("alias")) trigger.alias = TRY(alias->text());
  TRY(map.finish());
  if (trigger.dataset.empty() == trigger.model.empty())
    return node.error("`when` needs either a dataset or a model");
  if (!trigger.alias.empty() && trigger.model.empty())
    return node.error("`alias` is one of a model: name the model, too");
  return trigger;
}

Result<void> read_timing(YamlMap& map, ScheduleDefinition& schedule) {
  int ways = 0;
  if (const auto cron = map.find("cron")) {
    ++ways;
    schedule.cron = TRY(cron->text());
    if (const auto parsed = Cron::parse(schedule.cron); !parsed)
      return cron->error_of(parsed.error());
  }
  if (const auto zone = map.find("time_zone")) {
    schedule.time_zone = TRY(zone->text());
    if (schedule.cron.empty()) return zone->error("a time zone is of a cron expression");
    if (const auto known = check_time_zone(schedule.time_zone); !known)
      return zone->error_of(known.error());
  }
  schedule.every = TRY(find_duration(map, "every"));
  if (schedule.every) ++ways;
  if (const auto when = map.find("when")) {
    ++ways;
    schedule.when = TRY(read_data_trigger(*when));
  }
  if (ways != 1)
    return map.node().error("a schedule needs exactly one of cron, every and when: schedule={}",
                            schedule.name);
  if (const auto start = map.find("start")) schedule.start = TRY(start->time());
  if (const auto end = map.find("end")) {
    schedule.end = TRY(end->time());
    if (schedule.start && *schedule.end <= *schedule.start)
      return end->error("it must end after it begins");
  }
  return {};
}

Result<ScheduleDefinition> read_schedule(const std::string& name, const YamlNode& node) {
  ScheduleDefinition schedule;
  schedule.name = name;
  YamlMap map = TRY(node.map("schedule " + name));
  schedule.pipeline = TRY(TRY(map.get("pipeline")).text());
  TRY(read_timing(map, schedule));
  if (const auto params = map.find("params")) {
    for (const auto& [key, value] : TRY(params->entries()))
      schedule.params[key] = TRY(value.text());
  }
  if (const auto catch_up = map.find("catch_up")) {
    schedule.catch_up = TRY(catch_up->boolean());
    if (schedule.when) return catch_up->error("what data has started is never missed");
  }
  if (const auto overlap = map.find("overlap")) {
    const std::string word = TRY(overlap->text());
    const auto known = std::find_if(kOverlaps.begin(), kOverlaps.end(),
                                    [&](const auto& each) { return each.first == word; });
    if (known == kOverlaps.end())
      return overlap->error("overlap must be allow, forbid, queue or replace: got={}", word);
    schedule.overlap = known->second;
  }
  if (const auto parallel = map.find("parallel")) {
    schedule.parallel = TRY(parallel->integer("parallel", 1, kParallelMax));
    if (schedule.overlap != Overlap::kQueue)
      return parallel->error("parallel is of a schedule with overlap: queue");
  }
  schedule.start_within = TRY(find_duration(map, "start_within"));
  schedule.finish_within = TRY(find_duration(map, "finish_within"));
  TRY(map.finish());
  return schedule;
}

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

}  // namespace

std::optional<base::Timestamp> ScheduleDefinition::next(base::Timestamp after) const {
  if (when) return std::nullopt;
  // At `start` itself something may be due.
  if (start && after < *start) after = {start->micros - 1};
  std::optional<base::Timestamp> found;
  if (every) {
    // Counted from `start`, else from 1970: the same times whenever the server was started.
    const std::int64_t origin = start ? start->micros : 0;
    const std::int64_t since = after.micros - origin;
    const std::int64_t turns = since / every->micros - (since % every->micros < 0 ? 1 : 0);
    found = base::Timestamp{origin + (turns + 1) * every->micros};
  } else {
    found = MUST(Cron::parse(cron)).next(after, time_zone);
  }
  if (found && end && *found > *end) return std::nullopt;
  return found;
}

std::map<std::string, std::string> ScheduleDefinition::params_at(base::Timestamp scheduled,
                                                                 const std::string& version) const {
  std::map<std::string, std::string> values = params;
  for (auto& [name, value] : values) {
    replace_all(value, "{scheduled}", types::to_rfc3339(scheduled));
    replace_all(value, "{version}", version);
  }
  return values;
}

JsonObject ScheduleDefinition::to_json() const {
  JsonObject object{{"pipeline", pipeline}};
  if (!cron.empty()) object["cron"] = cron;
  if (!time_zone.empty()) object["time_zone"] = time_zone;
  if (every) object["every"] = types::to_text(*every);
  if (when) {
    JsonObject trigger;
    if (!when->dataset.empty()) trigger["dataset"] = when->dataset;
    if (!when->model.empty()) trigger["model"] = when->model;
    if (!when->alias.empty()) trigger["alias"] = when->alias;
    object["when"] = std::move(trigger);
  }
  if (start) object["start"] = types::to_rfc3339(*start);
  if (end) object["end"] = types::to_rfc3339(*end);
  JsonObject values;
  for (const auto& [key, value] : params) values[key] = value;
  object["params"] = std::move(values);
  if (!when) object["catch_up"] = catch_up;
  for (const auto& [word, known] : kOverlaps) {
    if (known == overlap) object["overlap"] = word;
  }
  if (parallel > 1) object["parallel"] = parallel;
  if (start_within) object["start_within"] = types::to_text(*start_within);
  if (finish_within) object["finish_within"] = types::to_text(*finish_within);
  return object;
}

Result<std::vector<ScheduleDefinition>> parse_schedules(
    const types::YamlSource& slipway_yaml, const std::vector<ParsedPipeline>& pipelines) {
  std::vector<ScheduleDefinition> schedules;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return schedules;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("schedules");
  if (!part) return schedules;
  for (const auto& [name, node] : TRY(part->entries())) {
    TRY(check_name(name, node, "schedule"));
    ScheduleDefinition schedule = TRY(read_schedule(name, node));
    const auto pipeline = std::find_if(
        pipelines.begin(), pipelines.end(),
        [&](const ParsedPipeline& each) { return each.definition.name == schedule.pipeline; });
    if (pipeline == pipelines.end()) {
      return node.error("a schedule names a pipeline that doesn't exist: schedule={} pipeline={}",
                        name, schedule.pipeline);
    }
    for (const auto& [param, value] : schedule.params) {
      if (!pipeline->definition.params.contains(param)) {
        return node.error(
            "a schedule gives a parameter that its pipeline doesn't have: schedule={} parameter={}",
            name, param);
      }
    }
    schedules.push_back(std::move(schedule));
  }
  return schedules;
}

Result<ScheduleDefinition> parse_schedule(const std::string& name, std::string_view text) {
  return read_schedule(name, TRY(YamlNode::parse(text)));
}

}  // namespace slipway::pipelines
