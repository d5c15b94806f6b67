#include "monitor/budget/unusual.h"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>
#include <set>

#include "monitor/alert_policy.h"
#include "monitor/budget/alarm_budget.h"
#include "monitor/budget/usual.h"
#include "monitor/metrics.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr double kDriftShare = 0.5;              // of the chance; the rest is for jumps
constexpr double kMemory = 0.2;                  // the newest window's weight in the running mean
constexpr double kDriftSlack = 1.4;              // of its variance: correlations are known roughly
constexpr double kDeviationMax = 3;              // one window counts as at most so far out in it
constexpr std::ptrdiff_t kHeldBack = 5;          // of the newest windows, nothing is learned yet
constexpr double kBack = 0.5, kWellBack = 0.25;  // of the bound

// The distance that a normal variable is beyond with this chance.
double normal_limit(double chance) {
  return std::numbers::sqrt2 * boost::math::erfc_inv(std::clamp(2 * chance, 1e-300, 2 - 1e-15));
}

// Windows of a kind are about so long. Hours of the same hour of the day are a day apart.
std::int64_t step_of(WindowKind kind, base::Timestamp start, int hour) {
  // So that both midnights of a zone with daylight saving, 12 and 13 hours before, round to one
  // day.
  constexpr double kMiddle = 1.0 / 16;
  const double days =
      static_cast<double>(start.micros) / static_cast<double>(base::Duration::days(1).micros) +
      kMiddle;
  switch (kind) {
    case WindowKind::kHour:
      return std::llround(days - hour / 24.0);
    case WindowKind::kDay:
      return std::llround(days);
    case WindowKind::kWeek:
      return std::llround(days / 7);
    case WindowKind::kMonth:
      return std::llround(days / (365.2425 / 12));
  }
  return 0;
}

std::vector<Observation> learnable(const AlertRule& rule, const std::vector<WatchedWindow>& past,
                                   const std::vector<Band>& bands, int hour) {
  constexpr base::Timestamp kEver{INT64_MIN};
  const base::Timestamp since = bands.empty() ? kEver : bands.back().since.value_or(kEver);
  std::set<base::Timestamp> out;
  for (const Band& band : bands) {
    // Those of the level before, and those that have become the usual level, aren't out any more.
    if (band.how != Departure::kNone && band.since.value_or(kEver) == since)
      out.insert(band.window_start);
  }
  std::vector<Observation> observations;
  std::optional<std::int64_t> seen;  // the step of the window before, learned from or not
  for (const WatchedWindow& window : past) {
    if (window.window.start < since || window.hour != hour) continue;
    if (!std::isfinite(window.value)) continue;
    const std::int64_t step = step_of(rule.window, window.window.start, hour);
    for (std::int64_t left_out = seen ? *seen + 1 : step; window.follows_silence && left_out < step;
         ++left_out)
      observations.push_back({left_out, 0, 1});
    seen = std::max(step, seen.value_or(step));
    if (out.contains(window.window.start)) continue;
    // Windows that a change of zone has cut short.
    if (!observations.empty() && observations.back().step >= step) continue;
    observations.push_back({step, window.value, window.rows});
  }
  if (std::ssize(observations) > kLearnedWindowsMax + kHeldBack)
    observations.erase(observations.begin(), observations.end() - kLearnedWindowsMax - kHeldBack);
  return observations;
}

std::optional<Usual> learn(const AlertRule& rule, const std::vector<Observation>& observations) {
  if (std::ssize(observations) < windows_needed(rule.window)) return std::nullopt;
  // What begins slowly would otherwise be learned before it shows.
  const auto held =
      std::min<std::ptrdiff_t>(kHeldBack, std::ssize(observations) - windows_needed(rule.window));
  Usual usual =
      Usual::learn(scale_of(rule.metric), {observations.begin(), observations.end() - held},
                   days_of(rule.window) <= 1 ? 7 : 0);
  usual.follow(observations.back());
  return usual;
}

double drift_share(const AlertRule& rule) {
  return rule.window == WindowKind::kHour ? 0 : kDriftShare;
}

int sides(const AlertRule& rule) { return rule.unusual == Unusual::kBoth ? 2 : 1; }

// `out` is how far out upwards.
double on_the_side(const AlertRule& rule, double out) {
  switch (rule.unusual.value_or(Unusual::kBoth)) {
    case Unusual::kHigh:
      return out;
    case Unusual::kLow:
      return -out;
    case Unusual::kBoth:
      return std::abs(out);
  }
  return out;
}

// Fills in what is expected, and the bounds.
void add_bounds(const AlertRule& rule, const Usual& usual, const Expected& expected, double limit,
                Band& band) {
  band.expected = usual.value_at(expected, 0);
  if (rule.unusual != Unusual::kHigh) band.low = usual.value_at(expected, -limit);
  if (rule.unusual != Unusual::kLow) band.high = usual.value_at(expected, limit);
  band.learned_from = usual.learned_from();
}

// Takes the window into the running mean; how far out that is then, in multiples of its bound.
double add_drift(const AlertRule& rule, const Usual& usual, double distance, double chance,
                 Band& band) {
  const double deviation =
      std::clamp(normal_limit(usual.chance_above(distance)), -kDeviationMax, kDeviationMax);
  band.drift = (1 - kMemory) * band.drift + kMemory * deviation;
  band.drift_windows += 1;
  const double forgotten = std::pow(1 - kMemory, static_cast<double>(band.drift_windows));
  const double variance =
      kDriftSlack * kMemory / (2 - kMemory) * (1 - forgotten * forgotten) +
      (1 - forgotten) * (1 - forgotten) / static_cast<double>(usual.learned_from());
  return on_the_side(rule, band.drift) / std::sqrt(variance) /
         normal_limit(chance * drift_share(rule) / sides(rule));
}

// Windows of that hour from `since` on of which something was said.
std::int64_t judged_since(const std::vector<WatchedWindow>& past, const std::vector<Band>& bands,
                          int hour, base::Timestamp since) {
  std::set<base::Timestamp> judged;
  for (const Band& band : bands) judged.insert(band.window_start);
  return std::count_if(past.begin(), past.end(), [&](const WatchedWindow& window) {
    return window.hour == hour && window.window.start >= since &&
           judged.contains(window.window.start);
  });
}

const char* how_name(Departure how) {
  switch (how) {
    case Departure::kNone:
      return "usual";
    case Departure::kJump:
      return "jump";
    case Departure::kDrift:
      return "drift";
  }
  return "";
}

}  // namespace

WatchedWindow watched_window(const AlertRule& rule, const Window& window,
                             const VariantResult& live) {
  WatchedWindow watched{.window = window, .value = std::nan("")};
  const std::int64_t behind = watched_rows(rule, live);
  // It is a share of the inputs, not of the rows; and silence is as sure as any number of rows.
  watched.rows =
      static_cast<double>(rule.metric == "drifted_share" ? std::ssize(live.drift) : behind);
  if (counts_silence(rule.metric)) watched.rows = 1;
  // Since windows without requests are kept, each has quiet_hours.
  watched.follows_silence = rule.metric == "requests" && rule.slice.empty() && rule.min_rows == 0 &&
                            !live.metrics.contains("quiet_hours");
  if (behind >= rule.min_rows) watched.value = watched_value(rule, live);
  return watched;
}

std::int64_t windows_needed(WindowKind kind) { return days_of(kind) <= 1 ? 21 : 12; }

UnusualVerdict judge_unusual(const AlertRule& rule, double chance,
                             const std::vector<WatchedWindow>& past, const std::vector<Band>& bands,
                             const WatchedWindow& window) {
  const std::vector<Observation> observations = learnable(rule, past, bands, window.hour);
  UnusualVerdict verdict;
  const auto usual = learn(rule, observations);
  if (!usual) return verdict;
  const std::int64_t step = step_of(rule.window, window.window.start, window.hour);
  const Expected expected = usual->expect(std::max(step, usual->last_step() + 1), window.rows);
  const double jump_limit = usual->limit(chance * (1 - drift_share(rule)) / sides(rule));
  const double distance = usual->distance(expected, window.value);
  Band band{.window_start = window.window.start, .value = window.value, .chance = chance};
  add_bounds(rule, *usual, expected, jump_limit, band);
  band.reach = on_the_side(rule, distance / jump_limit);
  const Band* before = bands.empty() ? nullptr : &bands.back();
  if (before != nullptr) {
    band.since = before->since;
    band.out_since = before->out_since;
    band.drift = before->drift;
    band.drift_windows = before->drift_windows;
  }
  const double drift_reach =
      drift_share(rule) > 0 ? add_drift(rule, *usual, distance, chance, band) : 0;

  const Departure was = before == nullptr ? Departure::kNone : before->how;
  if (was == Departure::kJump) {
    const bool is_back = band.reach <= kWellBack || (band.reach <= kBack && before->reach <= kBack);
    if (!is_back) band.how = Departure::kJump;
  } else if (band.reach > 1) {  // also while a drift is open: it is no end of that
    band.how = Departure::kJump;
  } else if (was == Departure::kDrift) {
    if (drift_reach > kBack) band.how = Departure::kDrift;
  } else if (drift_reach > 1) {
    band.how = Departure::kDrift;
  }
  if (band.how == Departure::kNone) {
    band.out_since.reset();
    // What stood out was told.
    if (was != Departure::kNone) band.drift = 0, band.drift_windows = 0;
  } else {
    if (was == Departure::kNone) band.out_since = window.window.start;
    const std::int64_t judged_out = judged_since(past, bands, window.hour, *band.out_since);
    if (judged_out + 1 >= windows_needed(rule.window)) {
      // It stays: from now on it is what is usual.
      band.how = Departure::kNone;
      verdict.is_new_usual = true;
      band.since = band.out_since;
      band.out_since.reset();
      band.drift = 0, band.drift_windows = 0;
    }
  }
  verdict.state = band.how == Departure::kNone ? UnusualVerdict::State::kUsual
                                               : UnusualVerdict::State::kUnusual;
  verdict.band = std::move(band);
  return verdict;
}

std::int64_t learnable_windows(const AlertRule& rule, const std::vector<WatchedWindow>& past,
                               const std::vector<Band>& bands, int hour) {
  return std::ssize(learnable(rule, past, bands, hour));
}

std::optional<Band> next_bounds(const AlertRule& rule, double chance,
                                const std::vector<WatchedWindow>& past,
                                const std::vector<Band>& bands, base::Timestamp next_start,
                                int hour) {
  const auto usual = learn(rule, learnable(rule, past, bands, hour));
  if (!usual) return std::nullopt;
  const std::int64_t step =
      std::max(step_of(rule.window, next_start, hour), usual->last_step() + 1);
  Band band{.window_start = next_start, .chance = chance};
  add_bounds(rule, *usual, usual->expect(step, usual->usual_rows()),
             usual->limit(chance * (1 - drift_share(rule)) / sides(rule)), band);
  return band;
}

std::optional<double> chance_of_threshold(const AlertRule& rule,
                                          const std::vector<WatchedWindow>& past,
                                          base::Timestamp next_start, int hour) {
  const auto usual = learn(rule, learnable(rule, past, {}, hour));
  if (!usual) return std::nullopt;
  const std::int64_t step =
      std::max(step_of(rule.window, next_start, hour), usual->last_step() + 1);
  const Expected expected = usual->expect(step, usual->usual_rows());
  if (rule.abs_over) {
    return usual->chance_above(usual->distance(expected, *rule.abs_over)) +
           usual->chance_above(-usual->distance(expected, -*rule.abs_over));
  }
  const double z = usual->distance(expected, rule.threshold());
  return rule.over ? usual->chance_above(z) : usual->chance_above(-z);
}

double Band::bound() const {
  if (!low || !high) return low ? *low : high.value_or(0);
  return value > expected ? *high : *low;
}

std::string Band::words(std::string_view metric) const {
  if (how == Departure::kNone) return "";
  const bool is_high = how == Departure::kDrift ? drift > 0 : value > expected;
  std::string bounds = low && high ? fmt::format("{:.4g} to {:.4g}", *low, *high)
                       : high      ? fmt::format("up to {:.4g}", *high)
                                   : fmt::format("from {:.4g} on", low.value_or(0));
  if (how == Departure::kDrift) {
    return fmt::format(
        "{} has been {} than usual for some windows: {:.4g}, where {:.4g} was "
        "expected (learned from {} windows)",
        metric, is_high ? "higher" : "lower", value, expected, learned_from);
  }
  return fmt::format(
      "{} is {} than usual: {:.4g}, where {:.4g} was expected and {} is usual "
      "(learned from {} windows)",
      metric, is_high ? "higher" : "lower", value, expected, bounds, learned_from);
}

JsonObject Band::to_json() const {
  const auto time = [](const std::optional<base::Timestamp>& at) {
    return at ? Json(types::to_rfc3339(*at)) : Json(nullptr);
  };
  const auto number = [](const std::optional<double>& bound) {
    return bound ? base::number_or_null(*bound) : Json(nullptr);
  };
  return {{"window_start", types::to_rfc3339(window_start)},
          {"value", value},
          {"expected", base::number_or_null(expected)},
          {"low", number(low)},
          {"high", number(high)},
          {"learned_from", learned_from},
          {"chance", chance},
          {"reach", base::number_or_null(reach)},
          {"drift", drift},
          {"drift_windows", drift_windows},
          {"how", how_name(how)},
          {"out_since", time(out_since)},
          {"since", time(since)}};
}

JsonObject Band::bounds() const {
  JsonObject all = to_json(), object;
  for (const char* key : {"window_start", "expected", "low", "high", "learned_from"})
    object[key] = all[key];
  return object;
}

Result<Band> Band::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  Band band;
  const auto time = [&](std::string_view key) -> Result<std::optional<base::Timestamp>> {
    const auto written = TRY(base::find_string(object, key));
    if (!written) return std::optional<base::Timestamp>();
    return std::optional(TRY(types::parse_rfc3339(*written)));
  };
  band.window_start = TRY(time("window_start")).value_or(base::Timestamp());
  band.value = TRY(base::find_double(object, "value")).value_or(0);
  band.expected = TRY(base::find_double(object, "expected")).value_or(0);
  band.low = TRY(base::find_double(object, "low"));
  band.high = TRY(base::find_double(object, "high"));
  band.learned_from = TRY(base::get_int(object, "learned_from"));
  band.chance = TRY(base::find_double(object, "chance")).value_or(0);
  band.reach = TRY(base::find_double(object, "reach")).value_or(0);
  band.drift = TRY(base::find_double(object, "drift")).value_or(0);
  band.drift_windows = TRY(base::get_int(object, "drift_windows"));
  const std::string how = TRY(base::get_string(object, "how"));
  for (const Departure one : {Departure::kJump, Departure::kDrift}) {
    if (how == how_name(one)) band.how = one;
  }
  band.out_since = TRY(time("out_since"));
  band.since = TRY(time("since"));
  return band;
}

}  // namespace slipway::monitor
