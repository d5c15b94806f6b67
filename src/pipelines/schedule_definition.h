// What the `schedules:` part of slipway.yaml says; docs/formats/slipway_yaml.md describes it for
// its authors.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "pipelines/cron.h"
#include "pipelines/data_trigger.h"
#include "pipelines/definition.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// What becomes of a run that is due while an earlier one of the schedule is not over.
enum class Overlap { kAllow, kForbid, kQueue, kReplace };

// Exactly one of `cron`, `every` and `when` says when.
struct ScheduleDefinition {
  std::string name, pipeline;
  std::string cron;
  std::string time_zone;  // of `cron`; empty: UTC
  std::optional<base::Duration> every;
  std::optional<DataTrigger> when;
  std::optional<base::Timestamp> start, end;  // no run before; none after
  std::map<std::string, std::string> params;
  bool catch_up = false;  // what was due while no server ran is run afterwards
  Overlap overlap = Overlap::kAllow;
  std::int64_t parallel = 1;  // runs at the same time before others wait, with Overlap::kQueue
  std::optional<base::Duration> start_within, finish_within;  // of the time it was due

  // The first due time after `after`; nothing: never again, or data decides.
  std::optional<base::Timestamp> next(base::Timestamp after) const;
  // With `{scheduled}` and `{version}` replaced.
  std::map<std::string, std::string> params_at(base::Timestamp scheduled,
                                               const std::string& version) const;
  JsonObject to_json() const;  // what parse_schedule reads
  bool operator==(const ScheduleDefinition&) const = default;
};

// Reads the `schedules:` part of a whole slipway.yaml. kInvalidArgument with line and column; also
// when a schedule names a pipeline or a parameter that `pipelines` doesn't have.
Result<std::vector<ScheduleDefinition>> parse_schedules(
    const types::YamlSource& slipway_yaml, const std::vector<ParsedPipeline>& pipelines);

// Reads back one stored schedule.
Result<ScheduleDefinition> parse_schedule(const std::string& name, std::string_view text);

}  // namespace slipway::pipelines
