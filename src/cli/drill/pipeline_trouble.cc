#include "cli/drill/pipeline_trouble.h"

#include <algorithm>

#include "cli/table.h"

namespace slipway::cli {
namespace {

// A step with a timeout has one of a second in the copy; what lasts longer hangs.
constexpr auto kPatience = std::chrono::seconds(15);

bool is_over(const Json& run) {
  const std::string state = cell(member_at(run, "state"));
  return state != "running" && state != "queued" && state != "waiting";
}

bool is_of_alert(const Json& run) { return cell(member_at(run, "actor")).starts_with("monitor:"); }

// Times are texts of one form: they compare as they are.
bool overlap(const Json& a, const Json& b) {
  for (const Json& one : member_at(a, "steps").as_array()) {
    for (const Json& other : member_at(b, "steps").as_array()) {
      const auto time = [](const Json& step, const char* name) {
        return cell(member_at(step, name));
      };
      if (std::max(time(one, "started_at"), time(other, "started_at")) <
          std::min(time(one, "finished_at"), time(other, "finished_at")))
        return true;
    }
  }
  return false;
}

}  // namespace

Result<JsonArray> PipelineTrouble::runs() const {
  const Json list = TRY(Client(context_).get(
      path_of("/slipway/v1/pipelines/{}/runs?steps=true&limit=1000", {retraining_.pipeline})));
  return member_at(list, "runs").as_array();
}

Result<void> PipelineTrouble::at_wait() {
  const JsonArray all = TRY(runs());
  const auto active = std::find_if(
      all.begin(), all.end(), [](const Json& run) { return !is_over(run) && is_of_alert(run); });
  if (active == all.end()) return {};
  const std::string id = cell(member_at(*active, "id"));
  const auto now = std::chrono::steady_clock::now();
  if (id != watched_) {
    watched_ = id;
    waits_since_ = now;
  }
  Client client(context_);
  if (fault_ == PipelineFault::kTwice && second_.empty() && refused_why_.empty()) {
    const auto second =
        client.post(path_of("/slipway/v1/pipelines/{}/runs", {retraining_.pipeline}),
                    {{"actor", "drill"}, {"reason", "a second start"}});
    if (second) {
      first_ = id;
      second_ = cell(member_at(*second, "id"));
    } else {
      refused_why_ = second.error().message;
    }
  }
  // One that failed is tried again with the next window: what hung once hangs again.
  hangs_ = hangs_ || now - *waits_since_ > kPatience;
  if (fault_ != PipelineFault::kStuck || !hangs_) return {};
  const auto cancelled =
      client.post(path_of("/slipway/v1/pipeline-runs/{}/cancel", {id}), {{"actor", "drill"}});
  // One that has ended since it was listed needs none.
  if (!cancelled && cancelled.error().code != Code::kFailedPrecondition) return cancelled.error();
  return {};
}

Result<PipelineSeen> PipelineTrouble::end() {
  PipelineSeen seen;
  const JsonArray all = TRY(runs());  // newest first
  const auto second = std::find_if(all.begin(), all.end(), [&](const Json& run) {
    return cell(member_at(run, "id")) == second_;
  });
  for (const Json& run : all) {
    if (!is_of_alert(run)) continue;
    seen.has_started = true;
    if (fault_ == PipelineFault::kStuck && cell(member_at(run, "state")) == "failed") {
      seen.by = "the timeout of " + retraining_.step;
      seen.after = retraining_.timeout.value_or(base::Duration{});
    }
    if (fault_ == PipelineFault::kTwice && cell(member_at(run, "id")) == first_ &&
        second != all.end() && !overlap(run, *second))
      seen.by = "the pool of " + retraining_.step;
  }
  if (!refused_why_.empty()) seen.by = "the server: " + refused_why_;
  return seen;
}

}  // namespace slipway::cli
