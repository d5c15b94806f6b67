#include "cli/patience.h"

#include <cstdio>
#include <thread>

namespace slipway::cli {
namespace {

constexpr auto kPause = std::chrono::milliseconds(500);

}  // namespace

void Patience::answered() {
  if (!away_since_) return;
  std::fprintf(stderr, "slipway: the server is back after %.1f s\n",
               std::chrono::duration<double>(Clock::now() - *away_since_).count());
  away_since_.reset();
}

bool Patience::wait(const Error& error) {
  if (error.code != Code::kUnavailable && error.code != Code::kDeadlineExceeded) return false;
  const Clock::time_point now = Clock::now();
  if (!away_since_) {
    if (longest_.count() <= 0) return false;
    away_since_ = now;
    std::fprintf(stderr,
                 "slipway: the server is away (%s); waiting up to %g s for it "
                 "(--reconnect-seconds)\n",
                 error.message.c_str(), longest_.count());
  }
  if (now - *away_since_ >= longest_) return false;
  std::this_thread::sleep_for(kPause);
  return true;
}

}  // namespace slipway::cli
