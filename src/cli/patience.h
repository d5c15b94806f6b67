// How long a command that follows something waits for a server that is away.
#pragma once

#include <chrono>
#include <optional>

#include "base/result.h"
#include "cli/client.h"

namespace slipway::cli {

// Says on stderr that the server went away and that it is back. One thread at a time.
class Patience {
 public:
  explicit Patience(const Context& context) : longest_(context.reconnect_seconds) {}

  // Something came from the server.
  void answered();
  // After a call that brought nothing: sleeps a moment. False: the error is none of a server that
  // is away, or it has been away for longer than --reconnect-seconds.
  bool wait(const Error& error);

 private:
  using Clock = std::chrono::steady_clock;

  const std::chrono::duration<double> longest_;
  std::optional<Clock::time_point> away_since_;
};

}  // namespace slipway::cli
