// What `wait_for` of a step says, and what such a step waits for once it does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "pipelines/command_template.h"
#include "pipelines/data_trigger.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

class InputDigests;

// Exactly one of `news`, `file`, `time` and `delay`.
struct WaitFor {
  DataTrigger news;                     // of a dataset or model, since
  bool since_success = false;           // it came for the last run that succeeded; else this began
  std::vector<CommandPiece> file;       // a path or s3:// URI, parsed; ending in '/': a
                                        // folder with something in it
  std::optional<base::Duration> time;   // of the day on which the run began
  std::string time_zone;                // of `time`; empty: UTC
  std::optional<base::Duration> delay;  // after the run began
  base::Duration poke_interval = base::Duration::seconds(60);  // between two looks
  bool soft_fail = false;  // too late: the step is skipped instead of failed

  bool operator==(const WaitFor&) const = default;
};

// Of a step that says no `timeout`, as Airflow's sensors.
inline constexpr base::Duration kWaitTimeout = base::Duration::days(7);

// kInvalidArgument with the place.
Result<WaitFor> read_wait_for(const types::YamlNode& node);

// "a snapshot of dataset flights", "file data/2026-03-10.csv", "06:30 in Europe/Berlin". A
// parameter that isn't among `params` stays as it is written: "file data/{day}.csv".
std::string words_of(const WaitFor& wait, const std::map<std::string, std::string>& params = {});

// What a waiting step has on record, so that a restart changes none of it. Times are the event
// clock's. A value.
struct Wait {
  std::string what;                    // in words
  std::int64_t after = 0;              // of news: events above this one tell it
  std::string file;                    // where it is
  std::optional<base::Timestamp> due;  // of a time
  base::Timestamp until;               // then it is too late

  JsonObject to_json() const;
  static Result<Wait> from_json(const JsonObject& object);
};

// The wait of a step that begins to at `now` in a run that began at `run_began` with these
// parameters.
Wait begin_wait(const WaitFor& definition, const std::map<std::string, std::string>& params,
                const std::filesystem::path& project, base::Timestamp run_began,
                base::Timestamp now, base::Duration timeout, std::int64_t after);

// What has come, in words; nothing: not yet. Errors: it can't be told, now or ever.
Result<std::optional<std::string>> has_come(const WaitFor& definition, const Wait& wait,
                                            base::Timestamp now, store::Db& db,
                                            InputDigests& inputs);

// `time` since midnight on the day in `zone` on which `moment` is. A time that the clocks skip is
// the first moment after; of one that comes twice the first.
base::Timestamp time_of_day(base::Timestamp moment, base::Duration time, const std::string& zone);

}  // namespace slipway::pipelines
