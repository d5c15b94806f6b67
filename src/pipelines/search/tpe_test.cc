// TPE where the best is known: bounds, steps and logs are kept to, and it finds better than random.
#include "pipelines/search/tpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>

namespace slipway::pipelines {
namespace {

using Kind = Dimension::Kind;

Dimension number(const char* name, double low, double high, bool log = false, double step = 0) {
  return {.name = name, .low = low, .high = high, .step = step, .log = log, .choices = {}};
}
Dimension whole(const char* name, double low, double high, bool log = false, double step = 1) {
  return {.name = name,
          .kind = Kind::kWhole,
          .low = low,
          .high = high,
          .step = step,
          .log = log,
          .choices = {}};
}
Dimension choice(const char* name, std::size_t count) {
  Dimension dimension{.name = name, .kind = Kind::kChoice, .choices = {}};
  for (std::size_t i = 0; i < count; ++i) dimension.choices.push_back(std::to_string(i));
  return dimension;
}

struct Known {
  const char* name;
  Space space;
  std::function<double(const Point&)> value;  // to be minimized
};

double sphere(const Point& x) {
  double sum = 0;
  for (const double v : x) sum += (v - 1) * (v - 1);
  return sum;
}

double branin(const Point& x) {
  using std::numbers::pi;
  const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

// As a learner's loss may look: a rate by its ratio, a depth, a kind that matters.
double learner(const Point& x) {
  const double rate = std::log10(x[0]) + 2;
  return rate * rate + 0.05 * (x[1] - 7) * (x[1] - 7) + (x[2] == 2 ? 0 : 1) + 0.5 * x[3];
}

const std::vector<Known>& functions() {
  static const std::vector<Known> all = {
      {"sphere",
       {number("a", -5, 5), number("b", -5, 5), number("c", -5, 5), number("d", -5, 5)},
       sphere},
      {"branin", {number("x", -5, 10), number("y", 0, 15)}, branin},
      {"learner",
       {number("rate", 1e-5, 1, true), whole("depth", 1, 20), choice("kind", 4),
        number("share", 0, 1, false, 0.1)},
       learner}};
  return all;
}

double best_of_search(const Known& known, Search::Method method, std::int64_t seed,
                      std::int64_t trials_max, std::int64_t parallel = 1) {
  const Search search{.method = method,
                      .trials = trials_max,
                      .parallel = parallel,
                      .metric = {},
                      .seed = seed,
                      .space = known.space,
                      .experiment = {}};
  std::vector<Trial> trials;
  double best = HUGE_VAL;
  while (trials_due(search, trials) > 0) {
    Trial trial{.state = Trial::State::kComplete, .point = propose(search, trials)};
    trial.value = known.value(trial.point);
    best = std::min(best, trial.value);
    trials.push_back(std::move(trial));
  }
  return best;
}

TEST(Tpe, FindsBetterThanRandomOverManySeeds) {
  constexpr int kSeeds = 60;
  for (const Known& known : functions()) {
    for (const std::int64_t parallel : {1, 4}) {
      int wins = 0;
      for (int seed = 0; seed < kSeeds; ++seed) {
        const double tpe = best_of_search(known, Search::Method::kTpe, seed, 60, parallel);
        const double random = best_of_search(known, Search::Method::kRandom, 1000 + seed, 60);
        wins += tpe < random ? 1 : 0;
      }
      // Of 60 fair coins 45 or more show heads once in 15,000 times (sign test).
      EXPECT_GE(wins, 45) << known.name << " parallel " << parallel;
    }
  }
}

TEST(Tpe, KeepsToTheSpace) {
  const Space space = {
      number("a", -1, 1),          number("b", 1e-6, 10, true),   whole("c", 1, 1000, true),
      whole("d", -7, 9, false, 4), number("e", 0, 1, false, 0.3), choice("f", 3)};
  base::SeededRandom random(9);
  std::vector<Trial> trials;
  std::map<double, int> of_d, of_e, of_f;
  for (int i = 0; i < 400; ++i) {
    const Point point = tpe_point(space, i % 2 == 0, trials, random);
    ASSERT_EQ(point.size(), space.size());
    for (std::size_t d = 0; d < space.size(); ++d) {
      if (space[d].kind == Kind::kChoice) continue;
      EXPECT_GE(point[d], space[d].low) << space[d].name;
      EXPECT_LE(point[d], space[d].high) << space[d].name;
    }
    EXPECT_EQ(point[2], std::round(point[2]));
    ++of_d[point[3]];
    ++of_e[point[4]];
    ++of_f[point[5]];
    trials.push_back({.state = i % 7 == 0 ? Trial::State::kLost : Trial::State::kComplete,
                      .point = point,
                      .value = random.uniform()});
  }
  EXPECT_EQ(of_d.size(), 5u);
  EXPECT_EQ(of_e.size(), 4u);  // 0, 0.3, 0.6, 0.9
  EXPECT_EQ(of_f.size(), 3u);
}

TEST(Tpe, GoesWhereItWasGood) {
  struct Case {
    const char* name;
    Dimension dimension;
    double good, bad;  // where the good and the bad ones were
    bool maximizes;
  };
  const Case cases[] = {{"number", number("x", 0, 1), 0.2, 0.8, false},
                        {"maximized", number("x", 0, 1), 0.2, 0.8, true},
                        {"log", number("x", 1e-6, 1, true), 1e-5, 0.1, false},
                        {"whole", whole("x", 0, 100), 10, 90, false},
                        {"log whole", whole("x", 1, 1000, true), 2, 500, false},
                        {"choice", choice("x", 4), 3, 1, false},
                        {"one value alone", choice("x", 1), 0, 0, false}};
  for (const Case& c : cases) {
    std::vector<Trial> trials;
    for (int i = 0; i < 40; ++i) {
      const bool is_good = i % 10 == 0;
      trials.push_back({.state = Trial::State::kComplete,
                        .point = {is_good ? c.good : c.bad},
                        .value = is_good == c.maximizes ? 1.0 : 0.0});
    }
    base::SeededRandom random(21);
    int near_good = 0;
    for (int i = 0; i < 200; ++i) {
      const double x = tpe_point({c.dimension}, c.maximizes, trials, random)[0];
      const auto far = [&](double from) {
        return c.dimension.log ? std::abs(std::log(x / from)) : std::abs(x - from);
      };
      near_good += far(c.good) <= far(c.bad) ? 1 : 0;
    }
    EXPECT_GE(near_good, 180) << c.name;
  }
}

TEST(Tpe, BeginsAtRandomAndTakesStoppedTrialsBehindCompleteOnes) {
  const Space space = {number("x", 0, 1)};
  const auto point_after = [&](const std::vector<Trial>& trials) {
    base::SeededRandom random(2);
    return tpe_point(space, false, trials, random)[0];
  };
  std::vector<Trial> trials(9, Trial{.state = Trial::State::kComplete, .point = {0.5}});
  EXPECT_EQ(point_after(trials), point_after({}));  // nine are too few
  trials.push_back(trials[0]);
  EXPECT_NE(point_after(trials), point_after({}));
  // The best value of a stopped one counts for nothing beside a complete one.
  trials.assign(12, Trial{.state = Trial::State::kStopped, .point = {0.9}, .value = -9, .step = 1});
  for (std::size_t i = 0; i < 2; ++i)
    trials[i] = {.state = Trial::State::kComplete, .point = {0.1}, .value = 5};
  int low = 0;
  base::SeededRandom random(2);
  for (int i = 0; i < 100; ++i) low += tpe_point(space, false, trials, random)[0] < 0.5 ? 1 : 0;
  EXPECT_GE(low, 90);
}

TEST(Tpe, TrialsStoppedWithoutANumberAreTheWorst) {
  const Space space = {number("x", 0, 1)};
  // Of those that came as far, half had a number, and they lie at 0.9.
  std::vector<Trial> trials;
  for (int i = 0; i < 20; ++i) {
    const bool has_number = i % 2 == 1;
    trials.push_back({.state = Trial::State::kStopped,
                      .point = {has_number ? 0.9 : 0.1},
                      .value = has_number ? 5 : std::nan(""),
                      .step = 1});
  }
  int near = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    base::SeededRandom random(seed);
    near += tpe_point(space, false, trials, random)[0] > 0.5 ? 1 : 0;
  }
  EXPECT_GT(near, 90);
}

}  // namespace
}  // namespace slipway::pipelines
