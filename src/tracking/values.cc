#include "tracking/values.h"

namespace slipway::tracking {

std::string_view stage_name(Stage stage) { return stage == Stage::kActive ? "active" : "deleted"; }

std::string_view status_name(RunStatus status) {
  switch (status) {
    case RunStatus::kRunning:
      return "RUNNING";
    case RunStatus::kScheduled:
      return "SCHEDULED";
    case RunStatus::kFinished:
      return "FINISHED";
    case RunStatus::kFailed:
      return "FAILED";
    case RunStatus::kKilled:
      return "KILLED";
  }
  return "RUNNING";
}

std::optional<RunStatus> parse_status(std::string_view name) {
  for (RunStatus status : {RunStatus::kRunning, RunStatus::kScheduled, RunStatus::kFinished,
                           RunStatus::kFailed, RunStatus::kKilled}) {
    if (status_name(status) == name) return status;
  }
  return std::nullopt;
}

Error no_such_run(std::string_view id) {
  return base::error(Code::kNotFound, "Run with id={} not found", id);
}

Error run_is_deleted(std::string_view id) {
  return base::error(Code::kFailedPrecondition,
                     "The run {} must be in the 'active' state. Current state is deleted.", id);
}

}  // namespace slipway::tracking
