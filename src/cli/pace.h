// How long a command waits between two looks at something that goes on.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace slipway::cli {

// A tenth of the time that it is followed, and no longer than `longest`: what ends soon is told
// soon, and what takes hours is seldom asked for. One thread at a time.
class Pace {
 public:
  explicit Pace(std::chrono::milliseconds longest) : longest_(longest) {}

  void wait() const {
    const auto followed =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun_);
    std::this_thread::sleep_for(std::clamp(followed / 10, kShortest, longest_));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kShortest{5};

  const std::chrono::milliseconds longest_;
  const Clock::time_point begun_ = Clock::now();
};

}  // namespace slipway::cli
