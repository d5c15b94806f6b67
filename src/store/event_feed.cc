#include "store/event_feed.h"

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

void EventFeed::start() {
  loop_.start(
      [this, failed = false](const auto& listeners) mutable {
        const Result<void> looked = look(listeners);
        if (!looked && !failed)
          base::log_warning("store", "events are not told: why={}", looked.error().message);
        failed = !looked;
        return false;
      },
      [this] { position_ = -1; });
}

Result<void> EventFeed::listen(std::optional<std::int64_t> after, std::shared_ptr<EventSink> sink) {
  auto listener = std::make_shared<Listener>();
  listener->sink = std::move(sink);
  listener->after = after;
  return loop_.add(std::move(listener));
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

}  // namespace slipway::store
