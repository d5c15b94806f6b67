#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace slipway::cli {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(200);
constexpr auto kLogInterval = std::chrono::seconds(5);

std::string scaled(double number, double step, const char* const (&names)[5]) {
  std::size_t at = 0;
  while (number >= step && at + 1 < std::size(names)) {
    number /= step;
    ++at;
  }
  return at == 0 ? fmt::format("{:.0f}{}", number, names[0])
                 : fmt::format("{:.{}f} {}", number, number < 10 ? 1 : 0, names[at]);
}

std::string left(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s left", seconds);
  if (seconds < 3600) return fmt::format("{:.0f} min left", seconds / 60);
  return fmt::format("{:.1f} h left", seconds / 3600);
}

}  // namespace

std::string short_number(double number) { return scaled(number, 1000, {"", "k", "M", "G", "T"}); }
std::string short_bytes(std::int64_t bytes) {
  return scaled(static_cast<double>(bytes), 1000, {" B", "kB", "MB", "GB", "TB"});
}

Progress::Progress(std::string unit, std::optional<std::int64_t> total)
    : unit_(std::move(unit)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (open_line_) std::fputc('\n', stderr);
}

void Progress::at(std::int64_t done, const std::string& detail) {
  const auto now = Clock::now();
  if (now - told_ <
      (terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kLogInterval)))
    return;
  told_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / seconds;
  std::string line =
      total_ ? fmt::format("{} of {} {}", done, *total_, unit_) : fmt::format("{} {}", done, unit_);
  line += fmt::format(", {}, {}/s", detail, short_number(rate));
  if (total_ && done > 0 && *total_ > done)
    line += ", " + left(static_cast<double>(*total_ - done) / rate);
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  open_line_ = terminal_;
}

}  // namespace slipway::cli
