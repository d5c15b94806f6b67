// How far a long command is: on a terminal one line that is written over, else a line now and then.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace slipway::cli {

// Writes to stderr, never more often than a person reads. One thread at a time.
class Progress {
 public:
  // `unit` in the plural ("runs"); without a total there is no time left.
  Progress(std::string unit, std::optional<std::int64_t> total);
  ~Progress();  // ends the line

  // `detail` follows the numbers: "1.2 M points".
  void at(std::int64_t done, const std::string& detail);

 private:
  using Clock = std::chrono::steady_clock;

  const std::string unit_;
  const std::optional<std::int64_t> total_;
  const bool terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point told_ = start_;
  bool open_line_ = false;
};

// "1.2 M", "340 k", "12".
std::string short_number(double number);
// "3.1 GB", "12 kB".
std::string short_bytes(std::int64_t bytes);

}  // namespace slipway::cli
