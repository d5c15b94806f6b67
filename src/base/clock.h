// The time, as something that is handed in.
#pragma once

#include <atomic>

#include "base/timestamp.h"

namespace slipway::base {

// Safe to use from several threads.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

// The machine's UTC clock.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

// Stands still until it is set: tests, and the event clock of a rehearsal.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = {}) : micros_(start.micros) {}
  Timestamp now() const override { return {micros_.load(std::memory_order_acquire)}; }
  void set(Timestamp t) { micros_.store(t.micros, std::memory_order_release); }
  void advance(Duration d) { micros_.fetch_add(d.micros, std::memory_order_acq_rel); }

 private:
  std::atomic<std::int64_t> micros_;
};

}  // namespace slipway::base
