// The project's clock, and what becomes due as it moves.
#include "app/project.h"
#include "base/log.h"
#include "types/timestamp.h"

namespace slipway::app {
namespace {

constexpr base::Duration kPause = base::Duration::seconds(1);

}  // namespace

Result<JsonObject> Project::clock() {
  JsonArray runs;
  for (const std::string& id : TRY(rooms_.pipelines.busy_runs())) runs.push_back(Json(id));
  return JsonObject{{"clock", clock_.rehearses() ? "rehearsal" : "wall"},
                    {"now", types::to_rfc3339(clock_.now())},
                    {"state", runs.empty() || !clock_.rehearses() ? "ready" : "waiting"},
                    {"runs", std::move(runs)}};
}

Result<void> Project::keep_clock(base::Timestamp now) {
  clock_.set(now);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE projects SET now = ?", {now}));
    return {};
  });
}

Result<bool> Project::measure_skew(base::Timestamp now) {
  if (TRY(rooms_.skew.next_due(now, clock_.rehearses())) > now) return false;
  TRY(rooms_.skew.advance(now));
  return true;
}

Result<void> Project::profile(base::Timestamp now) {
  using enum monitor::Detections::Steps;
  const bool rehearses = clock_.rehearses();
  const bool is_due = TRY(rooms_.profiles.next_due(now, rehearses)) <= now;
  // In a rehearsal detectors find what they would have found by the hour.
  Result<void> detected;
  if (rehearses || is_due) detected = rooms_.detections.advance(now, rehearses ? kHours : kAsItIs);
  if (is_due) TRY(rooms_.profiles.advance(now));  // whatever is the matter with a detector
  return detected;
}

Result<bool> Project::step(base::Timestamp limit) {
  const auto release = TRY(rooms_.releases.next_due());
  const auto window = TRY(rooms_.monitor.next_due());
  if (clock_.rehearses()) {
    const base::Timestamp skew = TRY(rooms_.skew.next_due(clock_.now(), true));
    // What steps wait for: before the schedules of the same time, which were no reason to wait.
    const auto wait = rooms_.pipelines.next_wait();
    const auto goes_before = [&](const std::optional<base::Timestamp>& other) {
      return !other || *wait <= *other;
    };
    if (wait && *wait <= limit && goes_before(release) && goes_before(window) && *wait <= skew &&
        goes_before(TRY(rooms_.schedules.next_due()))) {
      TRY(keep_clock(std::max(*wait, clock_.now())));
      TRY(rooms_.pipelines.tend(pipelines::Pipelines::Waits::kNews));
      return true;
    }
    // Before what is judged at the same time.
    if (skew <= limit && (!release || skew < *release) && (!window || skew <= *window)) {
      TRY(keep_clock(std::max(skew, clock_.now())));
      return measure_skew(clock_.now());
    }
  }
  if (clock_.rehearses()) {
    // On the wall clock schedules have a thread of their own, which wakes at their time.
    const auto schedule = TRY(rooms_.schedules.next_due());
    if (schedule && *schedule <= limit && (!release || *schedule < *release) &&
        (!window || *schedule < *window)) {
      TRY(keep_clock(std::max(*schedule, clock_.now())));
      TRY(rooms_.schedules.advance(clock_.now()));
      return true;
    }
  }
  const bool release_due = release && *release <= limit;
  const bool window_due = window && *window <= limit;
  if (!release_due && !window_due) return false;
  // Releases first when both are due: what is judged is then what answered.
  const bool release_first = release_due && (!window_due || *release <= *window);
  const base::Timestamp due = std::max(release_first ? *release : *window, clock_.now());
  if (clock_.rehearses()) TRY(keep_clock(due));
  if (release_first) {
    const auto released = rooms_.releases.advance(due);
    // A release that can't be decided holds up no window.
    if (!released && window && *window <= due) TRY(judge(due));
    if (!released) return released.error();
    return true;
  }
  const Result<void> judged = judge(due);
  // A window that can't be judged holds up no release.
  if (!judged && release_due) TRY(rooms_.releases.advance(due));
  TRY(judged);
  return true;
}

Result<void> Project::judge(base::Timestamp due) {
  TRY(rooms_.monitor.advance(due));
  TRY(rooms_.incidents.follow_up());
  return {};
}

Result<JsonObject> Project::advance_clock(base::Timestamp target) {
  if (!clock_.rehearses()) {
    return base::error(Code::kFailedPrecondition,
                       "only a project with `clock: rehearsal` can move its clock");
  }
  base::MutexLock lock(advance_mutex_);
  if (target < clock_.now()) {
    return base::error(Code::kFailedPrecondition, "the event clock only goes forward: now={}",
                       types::to_rfc3339(clock_.now()));
  }
  // Each turn does something that is due, or ends the walk; a run that was started, or that goes
  // on, stops it.
  TRY(rooms_.pipelines.tend(pipelines::Pipelines::Waits::kAll));
  for (;;) {
    TRY(rooms_.pipelines.tend(pipelines::Pipelines::Waits::kNews));
    if (!TRY(rooms_.pipelines.busy_runs()).empty()) return clock();
    const auto release = TRY(rooms_.releases.next_due());
    const auto window = TRY(rooms_.monitor.next_due());
    const auto skew = TRY(rooms_.skew.next_due(clock_.now(), true));
    const auto schedule = TRY(rooms_.schedules.next_due());
    const auto wait = rooms_.pipelines.next_wait();
    if (!TRY(step(target))) break;
    const auto release_after = TRY(rooms_.releases.next_due());
    const auto window_after = TRY(rooms_.monitor.next_due());
    if (release == release_after && window == window_after &&
        skew == TRY(rooms_.skew.next_due(clock_.now(), true)) &&
        schedule == TRY(rooms_.schedules.next_due()) && wait == rooms_.pipelines.next_wait() &&
        TRY(rooms_.pipelines.busy_runs()).empty()) {
      return base::error(Code::kInternal, "the loop makes no progress: now={}",
                         types::to_rfc3339(clock_.now()));
    }
  }
  TRY(profile(target));
  TRY(rooms_.monitor.tend(target));  // what detectors asked for
  TRY(keep_clock(target));
  return clock();
}

void Project::start() {
  const auto begin = [this](base::Passes& passes, Result<void> (Project::*turn)(),
                            std::string_view what) {
    passes.start(kPause, [this, turn, what] {
      if (const Result<void> done = (this->*turn)(); !done)
        base::log_error("app", "{} could not go on, and tries again: {}", what,
                        done.error().message);
      return kPause;
    });
  };
  begin(turns_, &Project::take_turn, "the loop");
  begin(skew_turns_, &Project::take_skew_turn, "the skew meter");
  begin(profile_turns_, &Project::take_profile_turn, "what profiles are made of");
}

void Project::stop() {
  rooms_.skew.stop();
  rooms_.profiles.stop();
  turns_.stop();
  skew_turns_.stop();
  profile_turns_.stop();
}

Result<void> Project::take_turn() try {
  const Result<void> tended = rooms_.features.tend();
  const std::string waits = tended ? std::string() : tended.error().message;
  if (!tended && waits != waits_for_)
    base::log_warning("app", "online features wait for their store: {}", waits);
  waits_for_ = waits;
  if (clock_.rehearses()) return {};
  base::MutexLock lock(advance_mutex_);
  const Result<void> waited = rooms_.pipelines.tend(pipelines::Pipelines::Waits::kNews);
  const Result<void> done = rooms_.monitor.tend(clock_.now());
  const auto followed = rooms_.incidents.follow_up();
  // One thing of each kind per second is plenty on the wall clock, and a window whose labels
  // are still coming stays due without being a reason to spin.
  TRY(step(clock_.now()));
  TRY(followed);
  TRY(waited);
  return done;
} catch (const std::exception& e) {  // the net at the entry of a thread
  return base::error(Code::kInternal, "{}", e.what());
}

Result<void> Project::take_skew_turn() try {
  if (clock_.rehearses()) return {};
  TRY(measure_skew(clock_.now() - delays_.skew));
  return {};
} catch (const std::exception& e) {  // the net at the entry of a thread
  return base::error(Code::kInternal, "{}", e.what());
}

Result<void> Project::take_profile_turn() try {
  if (clock_.rehearses()) return {};
  return profile(clock_.now() - delays_.profiles);
} catch (const std::exception& e) {  // the net at the entry of a thread
  return base::error(Code::kInternal, "{}", e.what());
}

}  // namespace slipway::app
