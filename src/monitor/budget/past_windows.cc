#include "monitor/budget/past_windows.h"

#include <algorithm>
#include <cmath>

namespace slipway::monitor {

Result<std::vector<WatchedWindow>> PastWindows::known(const AlertRule& rule,
                                                      base::Timestamp since) {
  std::vector<WatchedWindow> known;
  for (std::size_t i = 0; std::ssize(known) < kPastWindowsMax; ++i) {
    while (i == windows_.size() && TRY(read_on(kPastWindowsMax))) continue;
    if (i == windows_.size()) break;
    const Past& past = windows_[i];
    if (past.window.start < since) break;
    WatchedWindow watched = watched_window(rule, past.window, past.live);
    watched.hour = hour_;
    if (std::isfinite(watched.value)) known.push_back(watched);
  }
  std::reverse(known.begin(), known.end());
  return known;
}

Result<std::optional<VariantResult>> PastWindows::newest() {
  if (windows_.empty() && !TRY(read_on(1))) return std::optional<VariantResult>();
  return std::optional(windows_.front().live);
}

Result<bool> PastWindows::read_on(std::int64_t most) {
  // Whatever waits is newer than all that was judged.
  bool has_read = !has_read_waiting_ && TRY(read("monitor_estimates", INT64_MAX));
  has_read_waiting_ = true;
  if (TRY(read("monitor_windows", most))) has_read = true;
  return has_read;
}

// False: there are none.
Result<bool> PastWindows::read(const char* table, std::int64_t most) {
  Result<void> parsed;
  const base::Timestamp before = before_;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("SELECT window_start, window_end, result FROM {} WHERE workspace = ? AND "
                    "monitor = ? AND window_kind = ? AND variant = 'live' AND window_start < ? AND "
                    "result IS NOT NULL {} ORDER BY window_start DESC LIMIT ?",
                    table, near_hour_),
        {workspace_, monitor_, window_name(kind_), before, most}, [&](const store::Row& row) {
          before_ = row.time(0);
          if (calendar_ && calendar_->hour_of_day(before_) != hour_) return;
          const auto object = base::parse_json_object(row.text(2));
          auto live = object ? VariantResult::from_json(*object) : object.error();
          if (live) {
            windows_.push_back({{row.time(0), row.time(1)}, std::move(*live)});
          } else {
            parsed = std::move(live).error();
          }
        });
  }));
  TRY(std::move(parsed));
  return before_ != before;
}

std::string near_hour(base::Timestamp time) {
  constexpr std::int64_t kHour = 3'600'000'000;
  return fmt::format("AND (window_start / {} + {}) % 24 IN (0, 1, 23)", kHour,
                     24 - time.micros / kHour % 24);
}

}  // namespace slipway::monitor
