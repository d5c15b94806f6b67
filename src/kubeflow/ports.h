// What kubeflow needs of others: somebody who runs pipelines, and starts them when they are due.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::kubeflow {

struct StepState {
  std::string name;
  std::string state;  // pending | running | succeeded | cached | failed | refused | skipped | ...
  std::string reason, folder;
  std::optional<base::Timestamp> started, finished;
  std::optional<std::size_t> parent;  // position, of an item
};

struct RunState {
  std::string id, plan, reason, actor;
  std::string state;  // queued | running | succeeded | refused | failed | cancelled
  base::Timestamp created;
  std::optional<base::Timestamp> finished;
  std::map<std::string, std::string> parameters;
  std::vector<StepState> steps;

  bool is_cancelled = false;  // its end was asked for
  bool is_over() const { return state != "queued" && state != "running"; }
};

// Safe to use from several threads.
class PlanRunner {
 public:
  virtual ~PlanRunner() = default;
  // The same again changes nothing. kInvalidArgument: no pipeline.
  virtual Result<void> declare(const std::string& plan, const std::string& text,
                               const std::filesystem::path& project, const std::string& actor) = 0;
  virtual Result<RunState> start(const std::string& plan,
                                 const std::map<std::string, std::string>& parameters,
                                 const std::string& trigger_id, const std::string& actor) = 0;
  virtual Result<RunState> find(const std::string& run) = 0;  // kNotFound
  // Of all plans whose name has an '@', without steps, newest first.
  virtual Result<std::vector<RunState>> all() = 0;
  virtual Result<void> cancel(const std::string& run) = 0;  // kFailedPrecondition: it is over
  virtual Result<void> try_again(const std::string& run, const std::string& actor) = 0;
  // The last line that a step has written; empty: none.
  virtual std::string last_line(const std::string& run, const std::string& step) = 0;
};

struct DueTimes {
  std::string cron;  // or
  std::optional<base::Duration> every;
  std::optional<base::Timestamp> start, end;
  std::int64_t parallel_max = 1;  // runs at the same time; others wait
  bool catch_up = true;
};

// Safe to use from several threads.
class PlanSchedules {
 public:
  virtual ~PlanSchedules() = default;
  // kInvalidArgument: what is wrong with the times.
  virtual Result<void> add(const std::string& schedule, const std::string& plan,
                           const std::map<std::string, std::string>& parameters,
                           const DueTimes& due, bool enabled, const std::string& actor) = 0;
  virtual Result<void> set_enabled(const std::string& schedule, bool enabled,
                                   const std::string& actor) = 0;
  virtual Result<void> remove(const std::string& schedule, const std::string& actor) = 0;
};

}  // namespace slipway::kubeflow
