// Tells those who listen which events were committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "store/db.h"
#include "store/feed_loop.h"

namespace slipway::store {

// Where a listener's news go. Safe to use from several threads; never blocks.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Listening begins behind event `last`. `missed`: not where the listener wanted it to, so
  // anything may have changed. False, here and below: not taken, the listener is too slow.
  virtual bool begin(std::int64_t last, bool missed) = 0;
  virtual bool tell(std::span<const Event> events) = 0;  // in order; not empty
  virtual void stay_alive() = 0;                         // nothing happened for a while
  virtual bool is_open() const = 0;
  virtual bool is_drained() const = 0;  // everything that was taken is on its way
  virtual void end() = 0;
};

// Safe to use from several threads. One thread reads what was committed, by any server on the
// database, while somebody listens; nothing is read while nobody does. `db` must outlive it.
class EventFeed {
 public:
  struct Options {
    std::size_t listeners_max = 1000;
    std::size_t missed_max = 1000;  // events that are told to one who comes back
    std::chrono::milliseconds look{200};
    std::chrono::seconds silence_max{15};
  };
  EventFeed(Db& db, Options options)
      : db_(db), options_(options), loop_({"event-feed", options.listeners_max, options.look}) {}

  void start();
  void stop() { loop_.stop(); }  // ends every listener. Idempotent.

  // Begins now, or behind event `after` when not too much has happened since. kResourceExhausted:
  // too many listeners. kUnavailable: the server stops.
  Result<void> listen(std::optional<std::int64_t> after, std::shared_ptr<EventSink> sink);

 private:
  using Clock = std::chrono::steady_clock;
  struct Listener {
    std::shared_ptr<EventSink> sink;
    std::optional<std::int64_t> after;
    bool joined = false;
    bool behind = false;  // has missed events, and begins again when it has read all
    Clock::time_point heard = Clock::now();
  };

  // All: for the loop's thread alone.
  Result<void> look(std::span<const std::shared_ptr<Listener>> listeners);
  Result<void> join(Listener& listener);
  void look_after(Listener& listener);

  Db& db_;
  const Options options_;

  std::int64_t position_ = -1;  // of the loop's thread: told up to here; -1: nobody listens
  FeedLoop<Listener> loop_;
};

}  // namespace slipway::store
