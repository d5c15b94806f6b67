// Rules without a threshold: does a window stand out of what its metric usually is? Pure functions:
// what is usual is learned from the windows before, and what was said of those is all the state
// there is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/definition.h"
#include "monitor/window_result.h"
#include "monitor/windows.h"

namespace slipway::monitor {

// What a rule looks at of one window.
struct WatchedWindow {
  Window window;
  double value = 0;  // NaN: not known
  double rows = 0;   // behind it
  // It was judged by a server that left out windows without requests: where windows are missing
  // before it, nobody asked.
  bool follows_silence = false;
  int hour = 0;  // of the day, of windows that are hours: they are learned from those of the same
};

enum class Departure {
  kNone,
  kJump,   // this window is far from what was expected of it
  kDrift,  // the last ones together are
};

// What was said of a window: a row of monitor_bands.
struct Band {
  base::Timestamp window_start;
  double value = 0, expected = 0;
  std::optional<double> low, high;  // beyond them a window stands out; unset: no such side
  std::int64_t learned_from = 0;    // windows
  double chance = 0;                // that was allowed for standing out by chance
  double reach = 0;                 // how far out the value is, in multiples of the bound
  double drift = 0;                 // running mean of how far out windows are, in normal deviations
  std::int64_t drift_windows = 0;   // in it
  Departure how = Departure::kNone;
  std::optional<base::Timestamp> out_since;  // the first window of those that stand out in a row
  std::optional<base::Timestamp> since;  // what was before isn't learned from: it was another level

  double bound() const;                              // that it is beyond, or nearest to
  std::string words(std::string_view metric) const;  // "higher than usual: ..."; empty: it is usual
  JsonObject to_json() const;
  JsonObject bounds() const;  // of them: window_start, expected, low, high, learned_from
  static Result<Band> from_text(std::string_view text);  // kCorruption
};

// What a rule looks at of a window; fewer rows than its min_rows: not known.
WatchedWindow watched_window(const AlertRule& rule, const Window& window,
                             const VariantResult& live);

// Windows of a kind that must have been judged before a rule knows what is usual; of hours, those
// of the same hour of the day.
std::int64_t windows_needed(WindowKind kind);
// And at most so many, the newest, are learned from.
constexpr std::int64_t kLearnedWindowsMax = 56;

struct UnusualVerdict {
  enum class State { kLearning, kUsual, kUnusual };
  State state = State::kLearning;
  std::optional<Band> band;   // once it is learned
  bool is_new_usual = false;  // what stood out until now is what is usual from now on
};
// `past` and `bands`: of windows before, oldest first; the bands of this rule's metric: those of
// the windows that are learned from, and the newest. `chance` is that of standing out although
// nothing is the matter. Half of it is for drifts, but of hours: their neighbours have too much in
// common. While windows stand out they aren't learned from, and the alert stays open until one is
// well within the bounds; after windows_needed() of them in a row they are what is usual.
UnusualVerdict judge_unusual(const AlertRule& rule, double chance,
                             const std::vector<WatchedWindow>& past, const std::vector<Band>& bands,
                             const WatchedWindow& window);
// How many of them are there to learn from. `hour`: of the next window, of hours.
std::int64_t learnable_windows(const AlertRule& rule, const std::vector<WatchedWindow>& past,
                               const std::vector<Band>& bands, int hour = 0);
// The bounds of the next window, if it has as many rows as is usual. Nothing: still learning.
std::optional<Band> next_bounds(const AlertRule& rule, double chance,
                                const std::vector<WatchedWindow>& past,
                                const std::vector<Band>& bands, base::Timestamp next_start,
                                int hour = 0);
// The chance that the next window is over a declared threshold although nothing is the matter.
// Nothing: still learning, or it can't be learned.
std::optional<double> chance_of_threshold(const AlertRule& rule,
                                          const std::vector<WatchedWindow>& past,
                                          base::Timestamp next_start, int hour = 0);

}  // namespace slipway::monitor
