#include "pipelines/kubernetes/job_state.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "pipelines/kubernetes/job_spec.h"

namespace slipway::pipelines {
namespace {

using Phase = JobState::Phase;
using Trouble = JobState::Trouble;

// The member at the end of a path of names; null when it isn't there.
template <typename... Names>
const Json* member(const JsonObject& object, std::string_view name, Names... names) {
  const Json* const found = object.if_contains(name);
  if constexpr (sizeof...(names) == 0) {
    return found;
  } else {
    if (found == nullptr || !found->is_object()) return nullptr;
    return member(found->get_object(), names...);
  }
}

template <typename... Names>
std::string text(const JsonObject& object, Names... names) {
  const Json* const found = member(object, names...);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

template <typename... Names>
std::vector<const JsonObject*> objects(const JsonObject& object, Names... names) {
  std::vector<const JsonObject*> list;
  const Json* const found = member(object, names...);
  if (found == nullptr || !found->is_array()) return list;
  for (const Json& each : found->get_array()) {
    if (each.is_object()) list.push_back(&each.get_object());
  }
  return list;
}

// A condition that holds; null: it doesn't, or isn't there.
const JsonObject* condition(const JsonObject& object, std::string_view type,
                            std::string_view status = "True") {
  for (const JsonObject* each : objects(object, "status", "conditions")) {
    if (text(*each, "type") == type && text(*each, "status") == status) return each;
  }
  return nullptr;
}

// "Evicted: The node was low on resource: memory"
std::string said(const std::string& reason, const std::string& message) {
  if (reason.empty() || message.empty()) return reason + message;
  return reason + ": " + message;
}
std::string said(const JsonObject& object) {
  return said(text(object, "reason"), text(object, "message"));
}

// Of a pod that is gone or will be, not by its own doing; empty: nothing of the kind is known.
std::string why_lost(const JsonObject& pod) {
  const std::string reason = text(pod, "status", "reason");
  const std::string message = text(pod, "status", "message");
  if (reason == "Evicted") return "its node evicted the pod: " + said(reason, message);
  if (reason == "NodeLost") return "its node was lost: " + said(reason, message);
  if (const JsonObject* disrupted = condition(pod, "DisruptionTarget")) {
    const std::string why = text(*disrupted, "reason");
    if (why == "PreemptionByScheduler")
      return "a pod that matters more took its place: " + said(*disrupted);
    if (why == "DeletionByTaintManager" || why == "DeletionByPodGC")
      return "its node was lost: " + said(*disrupted);
    return "the pod was evicted: " + said(*disrupted);
  }
  return {};
}

const JsonObject* status_of_step(const JsonObject& pod) {
  for (const JsonObject* each : objects(pod, "status", "containerStatuses")) {
    if (text(*each, "name") == kContainer) return each;
  }
  return nullptr;
}

void end_by(JobState& state, const JsonObject& pod, const JsonObject& terminated) {
  state.phase = Phase::kEnded;
  const Json* const code = member(terminated, "exitCode");
  const std::string reason = text(terminated, "reason");
  if (code != nullptr && code->is_int64()) state.exit_code = static_cast<int>(code->get_int64());
  state.is_sure = true;
  // A program may end well when it is told to end: the pod says whether it was.
  const bool is_failed = text(pod, "status", "phase") == "Failed";
  if (state.exit_code == 0 && !is_failed) return;
  if (text(pod, "status", "reason") == "DeadlineExceeded") {
    state.kind = Exit::Kind::kTimedOut;
    return;
  }
  if (reason == "OOMKilled") {
    state.kind = Exit::Kind::kOutOfMemory;
    return;
  }
  state.why = why_lost(pod);
  if (state.why.empty() && reason == "ContainerStatusUnknown")
    state.why = "its node lost the container: " + said(terminated);
  constexpr std::array<std::string_view, 3> kNeverBegan = {"StartError", "ContainerCannotRun",
                                                           "RunContainerError"};
  if (std::find(kNeverBegan.begin(), kNeverBegan.end(), reason) != kNeverBegan.end())
    state.why = "the container can't be started: " + said(terminated);
  if (state.why.empty() && state.exit_code == 0 && is_failed)
    state.why =
        "the pod failed: " + said(text(pod, "status", "reason"), text(pod, "status", "message"));
  if (!state.why.empty()) state.exit_code.reset();
}

// What a pod that has no container with a state of its own waits for.
void wait_for_node(JobState& state, const JsonObject& pod) {
  const JsonObject* const unscheduled = condition(pod, "PodScheduled", "False");
  if (unscheduled == nullptr) {
    state.trouble = Trouble::kStarting;
    state.why = "the container doesn't start";
    return;
  }
  state.trouble = Trouble::kUnschedulable;
  state.why = "no node takes the pod: " + said(*unscheduled);
}

void wait_for_container(JobState& state, const JsonObject& pod, const JsonObject& waiting) {
  const std::string reason = text(waiting, "reason");
  if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing")
    return wait_for_node(state, pod);
  state.trouble = Trouble::kContainer;
  const bool is_image = reason == "ErrImagePull" || reason == "ImagePullBackOff" ||
                        reason == "InvalidImageName" || reason == "ErrImageNeverPull" ||
                        reason == "ImageInspectError" || reason == "RegistryUnavailable";
  state.why =
      (is_image ? "the image can't be pulled: " : "the container can't be made: ") + said(waiting);
}

JobState state_of_pod(const JsonObject& pod) {
  JobState state;
  state.pod = text(pod, "metadata", "name");
  const std::string phase = text(pod, "status", "phase");
  if (const JsonObject* status = status_of_step(pod)) {
    const auto in_state = [&](std::string_view name) -> const JsonObject* {
      const Json* const found = member(*status, "state", name);
      return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
    };
    if (const JsonObject* terminated = in_state("terminated")) {
      end_by(state, pod, *terminated);
      state.has_log = true;
      return state;
    }
    if (in_state("running") != nullptr) {
      state.phase = Phase::kRunning;
      state.has_log = true;
    } else if (const JsonObject* waiting = in_state("waiting")) {
      wait_for_container(state, pod, *waiting);
    }
  } else if (phase == "Running") {
    state.phase = Phase::kRunning;
  } else if (phase == "Pending") {
    wait_for_node(state, pod);
  }
  if (phase == "Succeeded") {
    state.phase = Phase::kEnded;
    state.exit_code = 0;
  } else if (phase == "Failed") {
    state.phase = Phase::kEnded;
    if (text(pod, "status", "reason") == "DeadlineExceeded") {
      state.kind = Exit::Kind::kTimedOut;
      return state;
    }
    state.why = why_lost(pod);
    if (state.why.empty())
      state.why =
          "the pod failed: " + said(text(pod, "status", "reason"), text(pod, "status", "message"));
  }
  return state;
}

}  // namespace

JobState state_of(const JsonObject* job, const std::vector<JsonObject>& pods) {
  const auto newest =
      std::max_element(pods.begin(), pods.end(), [](const JsonObject& a, const JsonObject& b) {
        return text(a, "metadata", "creationTimestamp") < text(b, "metadata", "creationTimestamp");
      });
  JobState state;
  if (newest != pods.end()) state = state_of_pod(*newest);
  if (state.phase == Phase::kEnded) return state;
  const std::string lost = newest == pods.end() ? "" : why_lost(*newest);
  state.is_leaving =
      newest != pods.end() &&
      (!lost.empty() || member(*newest, "metadata", "deletionTimestamp") != nullptr ||
       (job != nullptr && condition(*job, "FailureTarget") != nullptr));
  if (state.phase == Phase::kRunning && state.is_leaving)
    state.why =
        lost.empty() ? "its pod was told to end, and its node doesn't say that it has" : lost;
  if (job == nullptr) {
    state.phase = Phase::kEnded;
    state.why = lost.empty() ? "somebody deleted its Job" : lost;
    return state;
  }
  if (condition(*job, "Complete") != nullptr || condition(*job, "SuccessCriteriaMet") != nullptr) {
    state.phase = Phase::kEnded;
    state.exit_code = 0;
  } else if (const JsonObject* failed = condition(*job, "Failed")) {
    state.phase = Phase::kEnded;
    const bool says_no_more = text(*failed, "reason") == "BackoffLimitExceeded";
    state.why = !lost.empty()  ? lost
                : says_no_more ? "its pod is gone"
                               : "the Job failed: " + said(*failed);
  } else if (newest == pods.end()) {
    state.trouble = Trouble::kNoPod;
    state.why = "there is no pod yet";
  }
  return state;
}

}  // namespace slipway::pipelines
