#include "base/passes.h"

#include <utility>

namespace slipway::base {

void Passes::start(Duration first, std::function<Duration()> pass) {
  thread_ = std::thread([this, first, pass = std::move(pass)] { run(first, pass); });
}

void Passes::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Passes::is_stopping() {
  const MutexLock lock(mutex_);
  return stopping_;
}

void Passes::run(Duration pause, const std::function<Duration()>& pass) {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(pause.micros);
      while (!stopping_ && wake_.wait_until(mutex_, until)) {
      }
      if (stopping_) return;
    }
    pause = pass();
  }
}

}  // namespace slipway::base
