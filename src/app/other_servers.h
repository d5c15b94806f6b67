// What other servers on the same database do, as far as this one must notice.
#pragma once

#include <functional>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::app {

// Looks a few times a second, on a thread of its own. start() and stop() from one thread.
class OtherServers {
 public:
  struct Look {
    std::string_view what;  // for the log
    std::function<Result<void>()> look;
  };
  ~OtherServers();  // stop()

  void start(std::vector<Look> looks);
  void stop();  // Idempotent.

 private:
  void run(const std::vector<Look>& looks);

  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::app
