#include "monitor/budget/past_windows.h"

#include <algorithm>
#include <cmath>

namespace slipway::monitor {

Result<std::vector<WatchedWindow>> PastWindows::known(const AlertRule& rule,
                                                      base::Timestamp since) {
  std::vector<WatchedWindow> known;
  for (std::size_t i = 0; std::ssize(known) < kPastWindowsMax; ++i) {
    if (i == windows_.size() && !TRY(read_on(kPastWindowsMax))) break;
    const Past& past = windows_[i];
    if (past.window.start < since) break;
    const WatchedWindow watched = watched_window(rule, past.window, past.live);
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
  const std::size_t read_before = windows_.size();
  // Whatever waits is newer than all that was judged.
  if (!has_read_waiting_) TRY(read("monitor_estimates", INT64_MAX));
  has_read_waiting_ = true;
  TRY(read("monitor_windows", most));
  return windows_.size() != read_before;
}

Result<void> PastWindows::read(const char* table, std::int64_t most) {
  Result<void> parsed;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("SELECT window_start, window_end, result FROM {} WHERE workspace = ? AND "
                    "monitor = ? AND window_kind = ? AND variant = 'live' AND window_start < ? AND "
                    "result IS NOT NULL ORDER BY window_start DESC LIMIT ?",
                    table),
        {workspace_, monitor_, window_name(kind_), before_, most}, [&](const store::Row& row) {
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
  if (!windows_.empty()) before_ = windows_.back().window.start;
  return {};
}

}  // namespace slipway::monitor
