// Does something again and again on a thread of its own, until it is stopped.
#pragma once

#include <functional>
#include <thread>

#include "base/mutex.h"
#include "base/timestamp.h"

namespace slipway::base {

// start() and stop() from one thread, once each; is_stopping() from any. A member of whom the
// passes use has to be the last, so that it is destroyed first.
class Passes {
 public:
  Passes() = default;
  ~Passes() { stop(); }
  Passes(const Passes&) = delete;
  Passes& operator=(const Passes&) = delete;

  // The first pass comes after `first`; each says how long it is until the next.
  void start(Duration first, std::function<Duration()> pass);
  void stop();  // after the pass at hand, which may ask is_stopping(). Idempotent.
  bool is_stopping();

 private:
  void run(Duration pause, const std::function<Duration()>& pass);

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::base
