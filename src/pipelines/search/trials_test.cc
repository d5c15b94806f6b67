// Which trials come when: however fast each of them is, the same ones.
#include "pipelines/search/trials.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace slipway::pipelines {
namespace {

Search search_of(Search::Method method, std::int64_t trials, std::int64_t parallel) {
  return {.method = method,
          .trials = trials,
          .parallel = parallel,
          .metric = {},
          .space = {{.name = "x",
                     .kind = Dimension::Kind::kWhole,
                     .low = 0,
                     .high = 9,
                     .step = 1,
                     .choices = {}},
                    {.name = "y", .low = -1, .high = 1, .choices = {}}},
          .experiment = {}};
}

// 'o': open, 'c': complete with the value of its position, 'f': failed, 'r': refused.
std::vector<Trial> trials_of(std::string_view states) {
  std::vector<Trial> trials;
  for (const char state : states) {
    trials.push_back({.state = state == 'o'   ? Trial::State::kOpen
                               : state == 'c' ? Trial::State::kComplete
                                              : Trial::State::kLost,
                      .point = {1, 0},
                      .value = static_cast<double>(trials.size()),
                      .has_failed = state == 'f'});
  }
  return trials;
}

TEST(Trials, AreDueWhileThereIsRoom) {
  using enum Search::Method;
  struct Case {
    Search::Method method;
    std::int64_t trials, parallel;
    const char* known;
    std::size_t due;
  };
  const Case cases[] = {
      {kRandom, 10, 3, "", 3},       {kRandom, 10, 3, "oo", 1},  {kRandom, 10, 3, "ooo", 0},
      {kRandom, 10, 3, "occcco", 1}, {kRandom, 2, 3, "", 2},     {kRandom, 2, 3, "cc", 0},
      {kRandom, 10, 2, "ffff", 0},   {kRandom, 10, 2, "fff", 2}, {kRandom, 10, 2, "rrrrr", 2},
      {kGrid, 10, 4, "cocc", 3},     {kTpe, 10, 3, "", 3},       {kTpe, 10, 3, "oc", 1},
      {kTpe, 10, 3, "occ", 0},       {kTpe, 10, 3, "coc", 1},    {kTpe, 10, 3, "ccc", 3},
      {kTpe, 4, 3, "ccc", 1},        {kTpe, 10, 1, "o", 0},      {kTpe, 10, 1, "cf", 1},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(trials_due(search_of(c.method, c.trials, c.parallel), trials_of(c.known)), c.due)
        << static_cast<int>(c.method) << " " << c.known;
  }
}

TEST(Trials, TheBestIsCompleteAndTheFirstOfEquals) {
  Search search = search_of(Search::Method::kRandom, 10, 1);
  std::vector<Trial> trials = trials_of("foccc");
  EXPECT_EQ(best_of(search, trials), 2u);
  search.maximizes = true;
  EXPECT_EQ(best_of(search, trials), 4u);
  trials[2].value = trials[4].value;
  EXPECT_EQ(best_of(search, trials), 2u);
  EXPECT_EQ(best_of(search, trials_of("for")), std::nullopt);
}

// Runs a search whose trials end in an order that `random` decides.
std::vector<Point> run(const Search& search, base::Random& random) {
  std::vector<Trial> trials;
  std::vector<std::size_t> open;
  for (;;) {
    for (std::size_t due = trials_due(search, trials); due > 0; --due) {
      open.push_back(trials.size());
      Trial next{.point = propose(search, trials)};
      trials.push_back(std::move(next));
    }
    if (open.empty()) break;
    const std::size_t at = random.next_u64() % open.size();
    Trial& trial = trials[open[at]];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    if (trial.point[0] == 7) {
      trial.state = Trial::State::kLost;
    } else {
      trial.state = Trial::State::kComplete;
      trial.value = trial.point[0] + trial.point[1] * trial.point[1];
    }
  }
  std::vector<Point> points;
  for (const Trial& trial : trials) points.push_back(trial.point);
  return points;
}

TEST(Trials, AreTheSameInWhateverOrderTheyEnd) {
  for (const auto method : {Search::Method::kRandom, Search::Method::kTpe}) {
    for (const std::int64_t parallel : {1, 4}) {
      const Search search = search_of(method, 60, parallel);
      base::SeededRandom random(5);
      const std::vector<Point> first = run(search, random);
      ASSERT_EQ(first.size(), 60u);
      for (int again = 0; again < 20; ++again) EXPECT_EQ(run(search, random), first);
      Search other = search;
      other.seed = 1;
      EXPECT_NE(run(other, random), first);
    }
  }
}

TEST(Trials, OfAGridAreAllOfIt) {
  Search search = search_of(Search::Method::kGrid, 20, 3);
  search.space[1].step = 1;  // -1, 0, 1
  search.trials = 30;
  base::SeededRandom random(5);
  std::vector<Point> points = run(search, random);
  std::sort(points.begin(), points.end());
  EXPECT_EQ(std::unique(points.begin(), points.end()), points.end());
  EXPECT_EQ(points.size(), 30u);
}

}  // namespace
}  // namespace slipway::pipelines
