// What other servers on the same database do, as far as this one must notice.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/passes.h"
#include "base/result.h"

namespace slipway::app {

// Looks a few times a second, on a thread of its own. start() and stop() from one thread.
class OtherServers {
 public:
  struct Look {
    std::string_view what;  // for the log
    std::function<Result<void>()> look;
  };

  void start(std::vector<Look> looks);
  void stop() { passes_.stop(); }  // Idempotent.

 private:
  base::Passes passes_;
};

}  // namespace slipway::app
