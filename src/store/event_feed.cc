#include "store/event_feed.h"

#include <pthread.h>

#include "base/log.h"
#include "store/events.h"

namespace slipway::store {
namespace {

constexpr std::size_t kEventsAtOnce = 500;

Result<std::int64_t> newest_event(Db& db) {
  const std::vector<Event> newest = TRY(list_events(db, {.limit = 1, .newest_first = true}));
  return newest.empty() ? 0 : newest.front().sequence;
}

}  // namespace

EventFeed::~EventFeed() { stop(); }

void EventFeed::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "event-feed");
}

void EventFeed::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    for (const auto& listener : listeners_) listener->sink->end();
  }
  if (thread_.joinable()) thread_.join();
}

Result<void> EventFeed::listen(std::optional<std::int64_t> after, std::shared_ptr<EventSink> sink) {
  auto listener = std::make_shared<Listener>();
  listener->sink = std::move(sink);
  listener->after = after;
  base::MutexLock lock(mutex_);
  if (stopping_) return base::error(Code::kUnavailable, "the server stops");
  std::erase_if(listeners_, [](const auto& one) { return !one->sink->is_open(); });
  if (listeners_.size() >= options_.listeners_max)
    return base::error(Code::kResourceExhausted,
                       "too many listen to events already: listeners_max={}",
                       options_.listeners_max);
  listeners_.push_back(std::move(listener));
  wake_.notify_all();
  return {};
}

// Gives a listener its beginning, behind everything that the others have heard.
Result<void> EventFeed::join(Listener& listener) {
  std::vector<Event> events;
  bool missed = listener.behind || (listener.after && *listener.after > position_);
  if (listener.after && !missed) {
    events = TRY(list_events(db_, {.subject = "",
                                   .kind = "",
                                   .after = *listener.after,
                                   .before = position_ + 1,
                                   .limit = options_.missed_max + 1}));
    missed = events.size() > options_.missed_max;
  }
  listener.joined = true;
  listener.heard = Clock::now();
  listener.behind = !listener.sink->begin(position_, missed) ||
                    (!missed && !events.empty() && !listener.sink->tell(events));
  return {};
}

Result<void> EventFeed::look(std::span<const std::shared_ptr<Listener>> listeners) {
  if (position_ < 0) position_ = TRY(newest_event(db_));
  for (;;) {
    const std::vector<Event> events = TRY(
        list_events(db_, {.subject = "", .kind = "", .after = position_, .limit = kEventsAtOnce}));
    if (events.empty()) break;
    position_ = events.back().sequence;
    for (const auto& listener : listeners) {
      if (!listener->joined || listener->behind) continue;
      listener->heard = Clock::now();
      listener->behind = !listener->sink->tell(events);
    }
    if (events.size() < kEventsAtOnce) break;
  }
  for (const auto& listener : listeners) {
    if (!listener->joined || (listener->behind && listener->sink->is_drained()))
      TRY(join(*listener));
    look_after(*listener);
  }
  return {};
}

void EventFeed::look_after(Listener& listener) {
  if (Clock::now() - listener.heard < options_.silence_max) return;
  listener.heard = Clock::now();
  listener.sink->stay_alive();
}

void EventFeed::run() {
  bool failed = false;
  for (;;) {
    std::vector<std::shared_ptr<Listener>> listeners;
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return;
      std::erase_if(listeners_, [](const auto& one) { return !one->sink->is_open(); });
      listeners = listeners_;
      if (listeners.empty()) {
        position_ = -1;
        wake_.wait(mutex_);
        continue;
      }
    }
    const Result<void> looked = look(listeners);
    if (!looked && !failed)
      base::log_warning("store", "events are not told: why={}", looked.error().message);
    failed = !looked;
    base::MutexLock lock(mutex_);
    // Who came meanwhile is looked at now.
    if (!stopping_ && listeners_.size() <= listeners.size())
      wake_.wait_for_ms(mutex_, options_.look.count());
  }
}

}  // namespace slipway::store
