// What has become of a Job, read from what Kubernetes says of it and its pods. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {

struct JobState {
  enum class Phase {
    kPending,  // nothing of it runs yet
    kRunning,
    kEnded,
  };
  Phase phase = Phase::kPending;
  // Of a pending one: what keeps it from running, if it isn't just on its way.
  // kNoPod and kStarting may just need a moment: whether more is the matter stands in events.
  enum class Trouble { kNone, kNoPod, kUnschedulable, kStarting, kContainer };
  Trouble trouble = Trouble::kNone;
  std::string why;  // the trouble, or what ended it, in words
  std::string pod;  // empty: there is none
  bool has_log = false;
  bool is_leaving = false;  // it runs, but its pod or Job is to end: a lost node never says more
  // Of one that has ended; without a code `why` says what happened. It is sure when its container
  // said so, and may be news that has not come yet otherwise.
  bool is_sure = false;
  Exit::Kind kind = Exit::Kind::kExited;
  std::optional<int> exit_code;
};

// `job` and `pods` as the API has them, whatever members they lack; no job: it was deleted.
JobState state_of(const JsonObject* job, const std::vector<JsonObject>& pods);

}  // namespace slipway::pipelines
