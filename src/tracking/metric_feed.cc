#include "tracking/metric_feed.h"

#include <pthread.h>

#include <algorithm>

namespace slipway::tracking {
namespace {

constexpr long kTickMs = 1000;
constexpr std::size_t kEarlyMax = 1000;  // events while a watcher's beginning is read

// What a watcher of a run that others write has to see again.
std::string signature(const Run& run) {
  std::string text(status_name(run.status));
  for (const Metric& m : run.metrics)
    text += fmt::format("|{}:{}:{}:{}", m.key, m.step, m.timestamp_ms, m.value);
  return text;
}

}  // namespace

bool is_final(RunStatus status) {
  return status != RunStatus::kRunning && status != RunStatus::kScheduled;
}

MetricFeed::~MetricFeed() { stop(); }

void MetricFeed::start() {
  thread_ = std::thread([this] { run_thread(); });
  pthread_setname_np(thread_.native_handle(), "metric-feed");
}

void MetricFeed::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    for (auto& [run, watchers] : watchers_) {
      for (const auto& watcher : watchers) watcher->sink->end();
    }
    watchers_.clear();
    watcher_count_ = 0;
  }
  if (thread_.joinable()) thread_.join();
}

Result<void> MetricFeed::watch(const std::string& run, std::optional<std::uint64_t> after,
                               std::shared_ptr<FeedSink> sink) {
  auto watcher = std::make_shared<Watcher>();
  watcher->sink = std::move(sink);
  {
    base::MutexLock lock(mutex_);
    if (stopping_) return base::error(Code::kUnavailable, "the server stops");
    remove_gone();
    if (watcher_count_ >= options_.watchers_max)
      return base::error(Code::kResourceExhausted,
                         "too many watch metrics already: watchers_max={}", options_.watchers_max);
    const bool was_active = active_.exchange(true);
    const std::uint64_t first_kept = kept_.empty() ? last_ + 1 : kept_.front().event.number;
    if (after && was_active && *after <= last_ && *after + 1 >= first_kept) {
      watcher->joined = true;
      for (const Kept& kept : kept_) {
        if (kept.run == run && kept.event.number > *after) deliver(*watcher, kept.event);
      }
    }
    watchers_[run].push_back(watcher);
    ++watcher_count_;
    wake_.notify_all();
  }
  return join(run, watcher);
}

// Reads the run and gives its beginning to a watcher that has none, and its end to any.
Result<void> MetricFeed::join(const std::string& run, const std::shared_ptr<Watcher>& watcher) {
  Result<Run> found = runs_.get(run);
  base::MutexLock lock(mutex_);
  if (!found) {
    watcher->sink->end();
    remove_gone();
    return std::move(found).error();
  }
  if (!watcher->joined) {
    watcher->joined = true;
    if (watcher->behind) return {};  // too much came meanwhile: look_after() begins again
    // Events that came while the run was read may be in it already; seeing one twice is harmless.
    const std::uint64_t number = watcher->early.empty() ? last_ : watcher->early.front().number - 1;
    deliver(*watcher, {FeedEvent::Kind::kLatest, number, std::move(found->metrics), found->status});
    for (const FeedEvent& event : std::exchange(watcher->early, {})) deliver(*watcher, event);
  }
  if (is_final(found->status) && watcher->sink->is_open() && !watcher->behind) {
    deliver(*watcher, {FeedEvent::Kind::kStatus, last_, {}, found->status});
    watcher->sink->end();
  }
  return {};
}

void MetricFeed::deliver(Watcher& watcher, const FeedEvent& event) {
  if (watcher.behind) return;
  if (!watcher.joined) {
    watcher.behind = watcher.early.size() == kEarlyMax;
    if (!watcher.behind) watcher.early.push_back(event);
    return;
  }
  watcher.heard = Clock::now();
  watcher.behind = !watcher.sink->offer(event);
}

void MetricFeed::publish(const std::string& run, FeedEvent event) {
  event.number = ++last_;
  points_kept_ += event.points.size() + 1;
  kept_.push_back({run, std::move(event)});
  const FeedEvent& newest = kept_.back().event;
  if (const auto found = watchers_.find(run); found != watchers_.end()) {
    for (const auto& watcher : found->second) {
      deliver(*watcher, newest);
      if (newest.kind == FeedEvent::Kind::kStatus && is_final(newest.status) && watcher->joined &&
          !watcher->behind)
        watcher->sink->end();
    }
  }
  while (points_kept_ > options_.points_kept_max && kept_.size() > 1) {
    points_kept_ -= kept_.front().event.points.size() + 1;
    kept_.pop_front();
  }
}

void MetricFeed::points_committed(const std::string& run, const std::vector<Metric>& points) {
  if (!active_.load(std::memory_order_acquire) || points.empty()) return;
  base::MutexLock lock(mutex_);
  publish(run, {FeedEvent::Kind::kPoints, 0, points, RunStatus::kRunning});
}

void MetricFeed::status_committed(const std::string& run, RunStatus status) {
  if (!active_.load(std::memory_order_acquire)) return;
  base::MutexLock lock(mutex_);
  publish(run, {FeedEvent::Kind::kStatus, 0, {}, status});
}

void MetricFeed::remove_gone() {
  for (auto entry = watchers_.begin(); entry != watchers_.end();) {
    auto& list = entry->second;
    watcher_count_ -= std::erase_if(list, [](const auto& w) { return !w->sink->is_open(); });
    entry = list.empty() ? watchers_.erase(entry) : std::next(entry);
  }
}

// Once a second: watchers that are gone, silent, or have read what they were behind with.
void MetricFeed::look_after() {
  std::vector<std::pair<std::string, std::shared_ptr<Watcher>>> again;
  {
    base::MutexLock lock(mutex_);
    remove_gone();
    const auto now = Clock::now();
    for (const auto& [run, watchers] : watchers_) {
      for (const auto& watcher : watchers) {
        if (watcher->behind && watcher->sink->is_drained()) {
          watcher->joined = watcher->behind = false;
          watcher->early.clear();
          again.emplace_back(run, watcher);
        } else if (now - watcher->heard >= options_.silence_max) {
          watcher->heard = now;
          watcher->sink->stay_alive();
        }
      }
    }
    if (watcher_count_ > 0) idle_since_ = now;
    if (now - idle_since_ >= options_.patience) {
      // What comes from now on is not counted: who was here before begins anew.
      if (active_.exchange(false)) ++last_;
      kept_.clear();
      points_kept_ = 0;
    }
  }
  for (const auto& [run, watcher] : again) {
    [[maybe_unused]] const Result<void> joined = join(run, watcher);  // gone: it was ended
  }
  if (options_.last_change) look_at_others();
}

// What another server has committed is seen as latest points: which points came in between, only
// that server knows.
void MetricFeed::look_at_others() {
  const Result<std::int64_t> change = options_.last_change();
  if (!change || *change == change_seen_) return;
  change_seen_ = *change;
  std::vector<std::string> watched;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [run, watchers] : watchers_) watched.push_back(run);
  }
  std::map<std::string, std::string> seen;
  for (const std::string& id : watched) {
    Result<Run> run = runs_.get(id);
    if (!run) continue;
    std::string& now = seen[id] = signature(*run);
    const auto before = seen_.find(id);
    // Not seen before: something may have come since its watcher began.
    if (before != seen_.end() && before->second == now) continue;
    base::MutexLock lock(mutex_);
    publish(id, {FeedEvent::Kind::kLatest, 0, std::move(run->metrics), run->status});
    if (is_final(run->status)) publish(id, {FeedEvent::Kind::kStatus, 0, {}, run->status});
  }
  seen_ = std::move(seen);
}

void MetricFeed::run_thread() {
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return;
      if (!active_) {
        wake_.wait(mutex_);
        continue;
      }
      wake_.wait_for_ms(mutex_, kTickMs);
      if (stopping_) return;
    }
    look_after();
  }
}

}  // namespace slipway::tracking
