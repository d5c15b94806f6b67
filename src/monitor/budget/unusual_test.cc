// Rules without a threshold: how often they fire although nothing is the matter, what they find,
// and how they go on from there. The streams are seeded.
#include "monitor/budget/unusual.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "base/random.h"
#include "monitor/budget/alarm_budget.h"
#include "monitor/budget/usual.h"
#include "monitor/detectors/detector.h"

namespace slipway::monitor {
namespace {

// Deviates of a seed, the same on every machine.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  double uniform() {  // (0, 1)
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (static_cast<double>((z ^ (z >> 31)) >> 11) + 0.5) * 0x1.0p-53;
  }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }
  double student(int degrees) {
    double squares = 0;
    for (int i = 0; i < degrees; ++i) squares += std::pow(normal(), 2);
    return normal() / std::sqrt(squares / degrees);
  }

 private:
  std::uint64_t state_;
};

Window day(std::int64_t number) {
  const base::Timestamp start{number * base::Duration::days(1).micros};
  return {start, start + base::Duration::days(1)};
}

AlertRule rule(const std::string& metric, Unusual side) {
  AlertRule made{.name = "a", .metric = metric, .window = WindowKind::kDay};
  made.unusual = side;
  return made;
}

// One rule that goes from day to day.
struct Watched {
  AlertRule rule;
  double chance = 0.001;
  std::vector<WatchedWindow> past;
  std::vector<Band> bands;
  int pages = 0;
  bool is_open = false;

  // True: it fires.
  bool next(std::int64_t number, double value, double rows = 1000, bool follows_silence = false) {
    const WatchedWindow window{day(number), value, rows, follows_silence};
    const UnusualVerdict verdict = judge_unusual(rule, chance, past, bands, window);
    if (verdict.band) bands.push_back(*verdict.band);
    past.push_back(window);
    const bool fires = verdict.state == UnusualVerdict::State::kUnusual;
    if (fires && !is_open) ++pages;
    return is_open = fires;
  }
};

using Stream = std::function<double(Draws&, int day)>;

// Pages a week, and how many weeks, of `models` x 5 rules of which every second looks at both
// sides.
double pages_a_week(int models, int days, const std::function<Stream()>& stream) {
  const int rules = models * 5;
  Draws draws(11);
  int pages = 0;
  const AlarmBudget budget;
  for (int i = 0; i < rules; ++i) {
    Watched watched{.rule = rule("auc", i % 2 == 0   ? Unusual::kBoth
                                        : i % 4 == 1 ? Unusual::kHigh
                                                     : Unusual::kLow)};
    watched.chance = chance_per_window(budget, static_cast<std::size_t>(rules), watched.rule);
    const Stream values = stream();
    for (int number = 0; number < days; ++number) watched.next(number, 10 + values(draws, number));
    pages += watched.pages;
  }
  return pages / ((days - windows_needed(WindowKind::kDay)) / 7.0);
}

Stream autocorrelated(double share) {
  return [share, x = std::nan("")](Draws& draws, int) mutable {
    if (std::isnan(x)) x = draws.normal() / std::sqrt(1 - share * share);
    return x = share * x + draws.normal();
  };
}

struct Calm {
  const char* name;
  std::function<Stream()> stream;
};

// 50 models with 5 rules each and a budget of one false page a week over all of them. Ten weeks are
// simulated; as many as ten pages are expected at most, and three standard deviations more are
// allowed for.
TEST(UnusualSimulation, FalsePagesAreWithinTheBudget) {
  const std::vector<Calm> streams = {
      {"independent", [] { return [](Draws& draws, int) { return draws.normal(); }; }},
      {"autocorrelated", [] { return autocorrelated(0.8); }},
      {"weekly",
       [] {
         return [](Draws& draws, int day) { return draws.normal() + (day % 7 >= 5 ? 8 : 0); };
       }},
      {"weekly and autocorrelated",
       [] {
         return [x = autocorrelated(0.6)](Draws& draws, int day) {
           return x(draws, day) + (day % 7 >= 5 ? 6 : 0);
         };
       }},
      {"heavy tails", [] { return [](Draws& draws, int) { return draws.student(3); }; }},
      {"skewed", [] { return [](Draws& draws, int) { return std::exp(draws.normal() / 2); }; }},
  };
  for (const Calm& calm : streams) {
    const double pages = pages_a_week(50, 91, calm.stream);
    RecordProperty(calm.name, std::to_string(pages));
    printf("  %-26s %.1f false pages a week\n", calm.name, pages);
    EXPECT_LE(pages, 1 + 3 * std::sqrt(0.1)) << calm.name;
  }
}

// Pages of a rule on hours, over so many days after it has learned. It is given what the monitor
// hands over, the windows of that hour of the day with their bands and the newest band; or, as in a
// rehearsal, those of all hours.
enum class HandedOver { kThatHour, kAll };
int pages_of_hours(double chance, int days, const Stream& values, Draws& draws,
                   HandedOver handed = HandedOver::kThatHour) {
  struct Hour {
    std::vector<WatchedWindow> past;
    std::vector<Band> bands;
  };
  std::vector<Hour> hours(24);
  std::optional<Band> newest;
  AlertRule watched = rule("auc", Unusual::kBoth);
  watched.window = WindowKind::kHour;
  int pages = 0;
  bool is_open = false;
  const std::int64_t learned = windows_needed(WindowKind::kHour);
  for (int number = 0; number < (learned + days) * 24; ++number) {
    Hour& hour = hours[handed == HandedOver::kAll ? 0 : static_cast<std::size_t>(number % 24)];
    const base::Timestamp start{number * base::Duration::hours(1).micros};
    const WatchedWindow window{.window = {start, start + base::Duration::hours(1)},
                               .value = values(draws, number),
                               .rows = 1000,
                               .hour = number % 24};
    std::vector<Band> bands = hour.bands;
    if (newest && (bands.empty() || bands.back().window_start < newest->window_start))
      bands.push_back(*newest);
    const UnusualVerdict verdict = judge_unusual(watched, chance, hour.past, bands, window);
    if (verdict.band) hour.bands.push_back(*(newest = verdict.band));
    hour.past.push_back(window);
    const bool fires = verdict.state == UnusualVerdict::State::kUnusual;
    pages += fires && !is_open;
    is_open = fires;
  }
  return pages;
}

// Detections of rows whose mean or rate is never beyond its bound.
int pages_of_detector(const char* method, DetectorParameters parameters, double chance, int rows,
                      const Stream& values, Draws& draws) {
  parameters["alpha"] = chance;
  const auto detector = MUST(make_detector(method, parameters));
  int pages = 0;
  for (int row = 0; row < rows; ++row) pages += detector->update(values(draws, row));
  return pages;
}

// One false page a week over all that may page: ten models, each with rules on days and on hours
// and with two detectors, over streams with a weekly and a daily pattern whose values have much in
// common with those before. Eight weeks.
TEST(UnusualSimulation, DaysHoursAndDetectorsKeepToOneBudgetTogether) {
  constexpr int kModels = 10, kDays = 56, kRowsADay = 200;
  constexpr std::size_t kParts = kModels * 6;
  const AlarmBudget budget;
  AlertRule of_days = rule("auc", Unusual::kBoth), of_hours = of_days;
  of_hours.window = WindowKind::kHour;
  const DetectorRule detector{.name = "d", .method = "mean_outside", .of = "prediction"};
  const double day_chance = chance_per_window(budget, kParts, of_days);
  const double hour_chance = chance_per_window(budget, kParts, of_hours);
  const double detector_chance = chance_of_detector(budget, kParts, detector);
  EXPECT_LE(kModels * (2 * 7 * day_chance + 2 * 7 * 24 * hour_chance + 2 * detector_chance),
            1 + 1e-9)
      << "together they may page once a week";
  Draws draws(17);
  int of_day = 0, of_hour = 0, of_detectors = 0;
  const auto weekly = [](int day) { return day % 7 >= 5 ? 6.0 : 0.0; };
  for (int model = 0; model < kModels; ++model) {
    for (int i = 0; i < 2; ++i) {
      Watched watched{.rule = of_days, .chance = day_chance};
      const Stream noise = autocorrelated(0.6);
      for (int day = 0; day < windows_needed(WindowKind::kDay) + kDays; ++day)
        watched.next(day, 10 + noise(draws, day) + weekly(day));
      of_day += watched.pages;
      of_hour += pages_of_hours(
          hour_chance, kDays,
          [noise = autocorrelated(0.8), weekly](Draws& from, int hour) {
            return noise(from, hour) + weekly(hour / 24) +
                   5 * std::sin(hour % 24 * std::numbers::pi / 12);
          },
          draws);
    }
    // Errors are rarer at weekends, and at the bound on other days.
    of_detectors += pages_of_detector(
        "rate_above", {{"bound", 0.1}}, detector_chance, kDays * kRowsADay,
        [](Draws& from, int row) {
          return from.uniform() < (row / kRowsADay % 7 >= 5 ? 0.05 : 0.1) ? 1.0 : 0.0;
        },
        draws);
    // The mean is just at the bound.
    of_detectors += pages_of_detector("mean_outside", {{"high", 0}}, detector_chance,
                                      kDays * kRowsADay, autocorrelated(0.8), draws);
  }
  printf("  in %d weeks: %d pages of days, %d of hours, %d of detectors\n", kDays / 7, of_day,
         of_hour, of_detectors);
  const double weeks = kDays / 7.0;
  EXPECT_LE(of_day + of_hour + of_detectors, weeks + 3 * std::sqrt(weeks));
  EXPECT_LE(of_hour, weeks / 3 + 3 * std::sqrt(weeks / 3)) << "hours keep to their own part";
  const double ever = kModels * 2 * detector_chance;
  EXPECT_LE(of_detectors, ever + 3 * std::sqrt(ever)) << "and detectors to theirs, however long";
}

TEST(UnusualSimulation, HoursKeepToTheirChance) {
  Draws draws(29);
  int pages = 0;
  for (int i = 0; i < 4; ++i)
    pages += pages_of_hours(
        kChanceMax, 28, [](Draws& from, int) { return from.student(3); }, draws);
  const double expected = 4 * 28 * 24 * kChanceMax;
  EXPECT_LE(pages, expected + 3 * std::sqrt(expected));
  EXPECT_GE(pages, expected / 5) << "it is no promise that nothing fires";
}

// A thing of hours: one page, however many hours it lasts, and by noon the hours before are usual.
TEST(Unusual, HoursAreComparedWithTheSameHourOfOtherDays) {
  for (const HandedOver handed : {HandedOver::kThatHour, HandedOver::kAll}) {
    for (const bool is_broken : {false, true}) {
      Draws draws(21);
      const int pages = pages_of_hours(
          1e-4, 10,
          [is_broken](Draws& from, int hour) {
            const bool is_night = hour % 24 < 6, is_out = is_broken && hour / 24 == 28;
            // What is usual at night would be far too low at noon.
            return (is_night || (is_out && hour % 24 >= 10 && hour % 24 < 15) ? 0 : 100) +
                   from.normal();
          },
          draws, handed);
      EXPECT_EQ(pages, is_broken ? 1 : 0)
          << (handed == HandedOver::kAll ? "of all" : "of that hour");
    }
  }
}

// The same promise when few rules share the budget and each is allowed more. Where tails are light
// it fires less than it may: a short history can't say that they are.
TEST(UnusualSimulation, FewRulesKeepToTheirChance) {
  int pages = 0, windows = 0;
  Draws draws(5);
  for (int i = 0; i < 60; ++i) {
    Watched watched{.rule = rule("auc", Unusual::kBoth), .chance = kChanceMax};
    for (int number = 0; number < 91; ++number) watched.next(number, draws.student(3));
    pages += watched.pages;
    windows += 70;
  }
  const double expected = kChanceMax * windows;
  EXPECT_LE(pages, expected + 3 * std::sqrt(expected));
  EXPECT_GE(pages, expected / 5) << "it is no promise that nothing fires";
}

// Windows until a shift is found, of `repetitions` streams; -1: not within `within`.
std::vector<int> delays(const Stream& noise, double shift, int learned, int within) {
  std::vector<int> found;
  Draws draws(3);
  for (int i = 0; i < 50; ++i) {
    Watched watched{.rule = rule("auc", Unusual::kHigh)};
    watched.chance = chance_per_window(AlarmBudget(), 250, watched.rule);
    int delay = -1;
    for (int number = 0; number < learned + within; ++number) {
      const bool fires =
          watched.next(number, noise(draws, number) + (number >= learned ? shift : 0));
      if (fires && number >= learned && delay < 0) delay = number - learned;
    }
    found.push_back(delay);
  }
  return found;
}

// With the budget shared by 250 rules: what is left to find.
TEST(UnusualSimulation, FindsShiftsOfTheSizesThatItSays) {
  const auto found = [](const std::vector<int>& all, int within) {
    return std::count_if(all.begin(), all.end(),
                         [&](int delay) { return delay >= 0 && delay <= within; });
  };
  const Stream normal = [](Draws& draws, int) { return draws.normal(); };
  const Stream weekly = [](Draws& draws, int day) {
    return draws.normal() + (day % 7 >= 5 ? 8 : 0);
  };
  EXPECT_GE(found(delays(normal, 12, 56, 1), 0), 48) << "in the window itself";
  EXPECT_GE(found(delays(normal, 8, 56, 4), 2), 48) << "within three windows";
  EXPECT_GE(found(delays(normal, 4, 56, 8), 5), 48) << "within six windows";
  EXPECT_GE(found(delays(normal, 2, 56, 21), 14), 25) << "every second within two weeks";
  EXPECT_GE(found(delays(normal, 5, 21, 8), 5), 45) << "as soon as it has learned";
  EXPECT_GE(found(delays(weekly, 6, 56, 8), 5), 48) << "below the difference between weekdays";
}

TEST(Unusual, SaysNothingWhileItLearns) {
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  Draws draws(1);
  for (int number = 0; number < 21; ++number) {
    EXPECT_EQ(learnable_windows(watched.rule, watched.past, watched.bands), number);
    watched.next(number, draws.normal());
    EXPECT_TRUE(watched.bands.empty());
    EXPECT_EQ(next_bounds(watched.rule, 0.001, watched.past, {}, day(number + 1).start).has_value(),
              number == 20);
  }
  EXPECT_TRUE(watched.next(21, 100));
  EXPECT_EQ(watched.bands.back().learned_from, 21);
}

// One page for a change that stays, and none when it is what is usual by then.
TEST(Unusual, AChangeThatStaysIsPagedOnceAndThenLearned) {
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  Draws draws(2);
  int number = 0, fired = 0;
  for (; number < 60; ++number) watched.next(number, draws.normal());
  ASSERT_EQ(watched.pages, 0);
  for (; number < 160; ++number) fired += watched.next(number, 30 + draws.normal());
  EXPECT_EQ(watched.pages, 1);
  EXPECT_EQ(fired, windows_needed(WindowKind::kDay) - 1);
  const Band& last = watched.bands.back();
  EXPECT_EQ(last.since, day(60).start) << "what was before the change isn't learned from";
  EXPECT_NEAR(last.expected, 30, 1.5);
  EXPECT_TRUE(watched.next(160, 0)) << "now that is unusual";
}

// Days without a value, as of a service that rests at weekends, used to count as days that stood
// out, so that a change was what is usual after fewer windows than are needed to know that.
TEST(Unusual, OnlyJudgedWindowsMakeAChangeWhatIsUsual) {
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  Draws draws(2);
  int number = 0, fired = 0;
  for (; number < 60; ++number) watched.next(number, draws.normal());
  ASSERT_EQ(watched.pages, 0);
  for (; number < 160; number += 3) fired += watched.next(number, 30 + draws.normal());
  EXPECT_EQ(watched.pages, 1);
  EXPECT_EQ(fired, windows_needed(WindowKind::kDay) - 1);
}

TEST(Unusual, OneBadDayIsOverTheDayAfterAndIsNotLearned) {
  Watched watched{.rule = rule("auc", Unusual::kHigh)};
  Draws draws(2);
  int number = 0;
  for (; number < 60; ++number) watched.next(number, draws.normal());
  const auto before =
      next_bounds(watched.rule, watched.chance, watched.past, watched.bands, day(number).start);
  EXPECT_TRUE(watched.next(number++, 50));
  EXPECT_FALSE(watched.next(number++, 0));
  for (; number < 75; ++number) EXPECT_FALSE(watched.next(number, draws.normal()));
  EXPECT_EQ(watched.pages, 1);
  const auto after =
      next_bounds(watched.rule, watched.chance, watched.past, watched.bands, day(number).start);
  EXPECT_NEAR(*after->high, *before->high, 1.5);
}

TEST(Unusual, OnlyItsSideFires) {
  for (const auto& [side, up, down] :
       std::vector<std::tuple<Unusual, bool, bool>>{{Unusual::kHigh, true, false},
                                                    {Unusual::kLow, false, true},
                                                    {Unusual::kBoth, true, true}}) {
    Draws draws(4);
    Watched watched{.rule = rule("auc", side)};
    for (int number = 0; number < 40; ++number) watched.next(number, draws.normal());
    Watched other = watched;
    EXPECT_EQ(watched.next(40, 40), up);
    EXPECT_EQ(other.next(40, -40), down);
    EXPECT_EQ(watched.bands.back().high.has_value(), side != Unusual::kLow);
    EXPECT_EQ(watched.bands.back().low.has_value(), side != Unusual::kHigh);
  }
}

// A tenth of the traffic: means scatter more, and distances are large by chance.
TEST(Unusual, FewRowsAreNoReasonToFire) {
  Draws draws(6);
  Watched mean{.rule = rule("mean_prediction", Unusual::kBoth)};
  Watched distance{.rule = rule("prediction_psi", Unusual::kHigh)};
  const auto psi = [&](double rows) {
    double squares = 0;
    for (int i = 0; i < 9; ++i) squares += std::pow(draws.normal(), 2);
    return squares / rows;
  };
  for (int number = 0; number < 90; ++number) {
    const double rows = number < 60 ? 5000 : 500;
    mean.next(number, 0.4 + draws.normal() / std::sqrt(rows), rows);
    distance.next(number, psi(rows), rows);
  }
  EXPECT_EQ(mean.pages, 0);
  EXPECT_EQ(distance.pages, 0);
}

// Nothing ever failed: one failure isn't news, a percent of them is.
TEST(Unusual, ARateThatWasAlwaysZeroHasAnErrorToo) {
  Watched watched{.rule = rule("error_rate", Unusual::kHigh)};
  for (int number = 0; number < 40; ++number) watched.next(number, 0);
  EXPECT_FALSE(watched.next(40, 1.0 / 1000));
  EXPECT_TRUE(watched.next(41, 30.0 / 1000));
}

TEST(Unusual, WindowsWithoutAValueAreAGap) {
  Draws draws(8);
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  for (int number = 0; number < 40; ++number)
    watched.past.push_back({day(number), number % 2 == 0 ? draws.normal() : std::nan(""), 1000});
  EXPECT_EQ(learnable_windows(watched.rule, watched.past, {}), 20);
}

TEST(Unusual, AConstantOrAHugeNumberIsNoTrouble) {
  for (const char* metric : {"auc", "requests", "latency_ms_p99", "prediction_psi", "error_rate"}) {
    for (const double value : {0.0, 1.0, 1e300}) {
      Watched watched{.rule = rule(metric, Unusual::kBoth)};
      for (int number = 0; number < 30; ++number) watched.next(number, value);
      EXPECT_EQ(watched.pages, 0) << metric << ' ' << value;
      EXPECT_FALSE(watched.bands.empty());
      EXPECT_TRUE(std::isfinite(watched.bands.back().reach)) << metric << ' ' << value;
    }
  }
}

TEST(Unusual, AValueOutOfAllProportionIsJudged) {
  for (const double value : {-1e12, 1e12, -1e300}) {
    Watched watched{.rule = rule("r2", Unusual::kBoth)};
    for (int number = 0; number < 30; ++number) watched.next(number, 0.9);
    EXPECT_TRUE(watched.next(30, value)) << value;
  }
}

// A collapse while a slow rise is open is unusual too, and no end of anything.
TEST(Unusual, AJumpEndsNoDrift) {
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  Draws draws(3);
  int number = 0;
  for (; number < 40; ++number) watched.next(number, draws.normal());
  while (watched.bands.back().how != Departure::kDrift && number < 55) watched.next(number++, 2.2);
  ASSERT_EQ(watched.bands.back().how, Departure::kDrift);
  EXPECT_TRUE(watched.next(number, -60));
  EXPECT_EQ(watched.bands.back().how, Departure::kJump);
  EXPECT_EQ(watched.pages, 1);
}

TEST(Unusual, WhatWasSaidIsReadBackAsItWas) {
  Draws draws(9);
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  for (int number = 0; number < 30; ++number) watched.next(number, draws.normal());
  watched.next(30, 77);
  for (const Band& band : watched.bands) {
    const std::string text = base::to_text(band.to_json());
    const Band again = MUST(Band::from_text(text));
    EXPECT_EQ(base::to_text(again.to_json()), text);
  }
  EXPECT_NE(watched.bands.back().words("auc").find("auc is higher than usual: 77"),
            std::string::npos)
      << watched.bands.back().words("auc");
  EXPECT_FALSE(Band::from_text("{}"));
}

// How often a declared threshold is expected to be passed although nothing is the matter.
TEST(Unusual, EstimatesTheChanceOfADeclaredThreshold) {
  Draws draws(10);
  Watched watched{.rule = rule("auc", Unusual::kBoth)};
  for (int number = 0; number < 60; ++number) watched.next(number, draws.normal());
  AlertRule declared{.name = "b", .metric = "auc", .window = WindowKind::kDay};
  const auto chance = [&] { return *chance_of_threshold(declared, watched.past, day(60).start); };
  declared.over = 1.64;
  EXPECT_NEAR(chance(), 0.05, 0.03);
  declared.over.reset();
  declared.under = -1.64;
  EXPECT_NEAR(chance(), 0.05, 0.03);
  declared.under.reset();
  declared.abs_over = 1.64;
  EXPECT_NEAR(chance(), 0.1, 0.05);
  EXPECT_FALSE(chance_of_threshold(declared, {}, day(60).start));
}

// A server that left out windows without requests taught that nobody ever asks nothing: from the
// upgrade on, every weekend paged.
TEST(Unusual, WindowsThatWereLeftOutWereSilent) {
  for (const bool are_known_as_such : {true, false}) {
    Draws draws(5);
    Watched watched{.rule = rule("requests", Unusual::kLow)};
    watched.rule.min_rows = 0;
    int pages_before = 0;
    for (int number = 0; number < 20 * 7; ++number) {
      const bool is_weekend = number % 7 >= 5, is_old_server = number < 10 * 7;
      if (is_weekend && is_old_server) continue;
      watched.next(number, is_weekend ? 0 : std::round(1000 + 30 * draws.normal()), 1,
                   is_old_server && are_known_as_such);
      if (is_old_server) pages_before = watched.pages;
    }
    EXPECT_EQ(pages_before, 0);
    if (are_known_as_such) {
      EXPECT_EQ(watched.pages, 0);
      EXPECT_TRUE(watched.next(20 * 7, 0, 1)) << "a Monday without requests";
    } else {
      EXPECT_GE(watched.pages, 8) << "it was so";
    }
  }
}

// What stood out is no silence, though nothing is learned from it.
TEST(Unusual, WindowsThatStoodOutWereNotSilent) {
  Draws draws(6);
  Watched watched{.rule = rule("requests", Unusual::kLow)};
  watched.rule.min_rows = 0;
  for (int number = 0; number < 40; ++number) {
    const double value = number == 30 ? 10 : std::round(1000 + 30 * draws.normal());
    EXPECT_EQ(watched.next(number, value, 1, true), number == 30) << number;
  }
  EXPECT_EQ(learnable_windows(watched.rule, watched.past, watched.bands), 39);
}

}  // namespace
}  // namespace slipway::monitor
