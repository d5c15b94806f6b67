// What rules learn from: the windows of a monitor, from the newest back, those that still wait for
// their labels as they were when they were over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "monitor/budget/unusual.h"
#include "monitor/definition.h"
#include "monitor/window_result.h"
#include "monitor/windows.h"
#include "store/db.h"

namespace slipway::monitor {

// Windows that are learned from, and those that stood out meanwhile.
constexpr std::int64_t kPastWindowsMax = 100;

// A condition of SQL: windows that start within an hour of that time of the day, as the same hour
// does where clocks are put forward and back.
std::string near_hour(base::Timestamp time);

// Of the live variant and one kind, read a page at a time as far back as somebody asks. For one
// thread; `db` must outlive it.
class PastWindows {
 public:
  // Of the windows that start before `before`. With a calendar those hours alone that are of the
  // same hour of the day as the one that starts there.
  PastWindows(store::Db& db, std::string workspace, std::string monitor, WindowKind kind,
              base::Timestamp before, std::optional<Calendar> calendar = std::nullopt)
      : db_(db),
        workspace_(std::move(workspace)),
        monitor_(std::move(monitor)),
        kind_(kind),
        calendar_(kind == WindowKind::kHour ? std::move(calendar) : std::nullopt),
        hour_(calendar_ ? calendar_->hour_of_day(before) : 0),
        near_hour_(calendar_ ? near_hour(before) : ""),
        before_(before) {}

  // What the rule looked at of those that it knows a value of and that start at `since` or later:
  // the newest kPastWindowsMax, oldest first.
  Result<std::vector<WatchedWindow>> known(const AlertRule& rule, base::Timestamp since);
  // What the newest says; nothing: there is none.
  Result<std::optional<VariantResult>> newest();

 private:
  struct Past {
    Window window;
    VariantResult live;
  };
  // Reads up to `most` older ones, and first those that wait; false: there are none.
  Result<bool> read_on(std::int64_t most);
  Result<bool> read(const char* table, std::int64_t most);

  store::Db& db_;
  const std::string workspace_, monitor_;
  const WindowKind kind_;
  const std::optional<Calendar> calendar_;
  const int hour_;
  const std::string near_hour_;
  base::Timestamp before_;     // what was read starts here or later
  std::vector<Past> windows_;  // newest first
  bool has_read_waiting_ = false;
};

}  // namespace slipway::monitor
