// The project's event clock: the wall clock, or in a rehearsal a replayed one that is moved by hand
// and remembered.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace slipway::app {

// Safe to use from several threads.
class EventClock final : public base::Clock {
 public:
  explicit EventClock(const base::Clock& wall) : wall_(wall) {}

  base::Timestamp now() const override {
    return rehearses() ? base::Timestamp{micros_.load(std::memory_order_acquire)} : wall_.now();
  }
  bool rehearses() const { return rehearses_.load(std::memory_order_acquire); }
  void rehearse_from(base::Timestamp time) {
    set(time);
    rehearses_.store(true, std::memory_order_release);
  }
  void follow_wall() { rehearses_.store(false, std::memory_order_release); }
  void set(base::Timestamp time) { micros_.store(time.micros, std::memory_order_release); }

 private:
  const base::Clock& wall_;
  std::atomic<std::int64_t> micros_ = 0;
  std::atomic<bool> rehearses_ = false;
};

}  // namespace slipway::app
