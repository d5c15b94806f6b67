// The rules of a run, and random histories against what must hold of each.
#include "pipelines/next_steps.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace slipway::pipelines {
namespace {

struct Course {
  Plan plan;
  std::vector<StepRecord> steps;
  std::vector<std::size_t> changed;

  NextSteps next(bool cancelled = false, std::int64_t now = 0) {
    return next_steps(plan, steps, cancelled, {now}, changed);
  }
  std::string states() const {
    std::string text;
    for (const StepRecord& step : steps) text += step.state + " ";
    return text;
  }
};

Course run_of(const std::string& steps) {
  const auto parsed = parse_pipelines("pipelines:\n  p:\n    steps:\n" + steps);
  EXPECT_TRUE(parsed) << parsed.error().message;
  Course run{
      .plan = MUST(make_plan(parsed->front().definition, {}, "T")), .steps = {}, .changed = {}};
  for (const PlannedStep& step : run.plan.steps)
    run.steps.push_back({.name = step.definition.name});
  return run;
}

constexpr const char* kDiamond =
    "      - {name: a, run: x}\n"
    "      - {name: b, run: 'x {a}'}\n"
    "      - {name: c, run: 'x {a}'}\n"
    "      - {name: d, run: 'x {b} {c}'}\n"
    "      - {name: alone, run: x}\n"
    "      - {name: tidy, run: x, always: true}\n";

using Positions = std::vector<std::size_t>;

TEST(NextSteps, WhatDoesNotNeedEachOtherRunsSideBySide) {
  Course run = run_of(kDiamond);
  EXPECT_EQ(run.next().ready, (Positions{0, 4}));
  run.steps[0].state = "cached";
  EXPECT_EQ(run.next().ready, (Positions{1, 2, 4}));
  run.steps[1].state = "succeeded";
  run.steps[2].state = "running";
  EXPECT_EQ(run.next().ready, (Positions{4}));
  EXPECT_TRUE(run.changed.empty());
}

TEST(NextSteps, AFailureEndsItsBranchAloneAndWhatAlwaysRunsComesLast) {
  Course run = run_of(kDiamond);
  run.steps[0].state = "failed";
  EXPECT_EQ(run.next().ready, (Positions{4}));
  EXPECT_EQ(run.states(), "failed skipped skipped skipped pending pending ");
  EXPECT_EQ(run.changed, (Positions{1, 2, 3}));
  EXPECT_EQ(run.steps[3].reason, "it needs b: skipped");
  run.steps[4].state = "succeeded";
  EXPECT_EQ(run.next().ready, (Positions{5}));
}

TEST(NextSteps, WhatMayHaveBeenSkippedIsLetPassButNoFailure) {
  constexpr const char* kJoin =
      "      - {name: a, run: x}\n"
      "      - {name: b, run: x}\n"
      "      - {name: join, run: 'x {a} {b}', unless_failed: [a, b]}\n"
      "      - {name: strict, run: 'x {a}', unless_failed: [b]}\n";
  Course run = run_of(kJoin);
  run.steps[0].state = "skipped";
  EXPECT_EQ(run.next().ready, (Positions{1}));
  EXPECT_EQ(run.states(), "skipped pending pending skipped ");
  run.steps[1].state = "succeeded";
  EXPECT_EQ(run.next().ready, (Positions{2}));
  Course failed = run_of(kJoin);
  failed.steps[0].state = "failed";
  failed.steps[1].state = "succeeded";
  EXPECT_TRUE(failed.next().ready.empty());
  EXPECT_EQ(failed.steps[2].reason, "it needs a: failed");
}

// What was skipped because something failed is no branch that was not taken.
TEST(NextSteps, WhatWasSkippedForAFailureIsNotLetPass) {
  Course run = run_of(
      "      - {name: load, run: x}\n"
      "      - {name: a, run: 'x {load}'}\n"
      "      - {name: deploy, run: 'x {a}', unless_failed: [a]}\n");
  run.steps[0].state = "failed";
  EXPECT_TRUE(run.next().ready.empty());
  EXPECT_EQ(run.states(), "failed skipped skipped ");
}

TEST(NextSteps, ACancelledRunStillTidiesUp) {
  Course run = run_of(kDiamond);
  run.steps[0].state = "succeeded";
  EXPECT_EQ(run.next(true).ready, (Positions{5}));
  EXPECT_EQ(run.states(), "succeeded cancelled cancelled cancelled cancelled pending ");
}

TEST(NextSteps, AStepThatIsTriedAgainWaits) {
  Course run = run_of("      - {name: a, run: x}\n      - {name: b, run: x}\n");
  run.steps[0].not_before = base::Timestamp{50};
  run.steps[1].not_before = base::Timestamp{20};
  NextSteps next = run.next(false, 10);
  EXPECT_TRUE(next.ready.empty());
  EXPECT_EQ(next.wake, base::Timestamp{20});
  next = run.next(false, 20);
  EXPECT_EQ(next.ready, (Positions{1}));
  EXPECT_EQ(next.wake, base::Timestamp{50});
}

TEST(NextSteps, AQuestionWaitsUntilItsTimeIsUp) {
  Course run = run_of(
      "      - {name: ask, approve: Is it good, timeout: 30ms}\n"
      "      - {name: b, run: x, after: [ask]}\n");
  run.steps[0].state = "waiting";
  run.steps[0].started = base::Timestamp{10'000};
  NextSteps next = run.next(false, 39'999);
  EXPECT_TRUE(next.is_waiting && next.ready.empty() && next.expired.empty());
  EXPECT_EQ(next.wake, base::Timestamp{40'000});
  EXPECT_EQ(run.next(false, 40'000).expired, (Positions{0}));
  EXPECT_EQ(run.states(), "waiting pending ");
  next = run.next(true, 40'000);
  EXPECT_FALSE(next.is_waiting);
  EXPECT_EQ(run.states(), "cancelled cancelled ");
}

// As Pipelines does it: the step runs, its items are behind the others.
void become_items(Course& run, std::size_t step, std::size_t count) {
  run.steps[step].state = "running";
  for (std::size_t i = 0; i < count; ++i) {
    StepRecord item{.name = item_name(run.steps[step].name, i)};
    item.parent = step;
    item.item = i;
    run.steps.push_back(std::move(item));
  }
}

TEST(NextSteps, ItemsRunSideBySideUpToTheirLimitAndThenTheStepIsComplete) {
  Course run = run_of(
      "      - {name: a, run: 'x {item}', each: [1, 2, 3], parallel: 2}\n"
      "      - {name: b, run: 'x {a}'}\n");
  EXPECT_EQ(run.next().ready, (Positions{0}));
  become_items(run, 0, 3);
  EXPECT_EQ(run.next().ready, (Positions{2, 3}));
  run.steps[2].state = run.steps[3].state = "running";
  EXPECT_TRUE(run.next().ready.empty());
  run.steps[2].state = "failed";  // the others go on
  EXPECT_EQ(run.next().ready, (Positions{4}));
  run.steps[3].state = "cached";
  run.steps[4].not_before = base::Timestamp{9};
  EXPECT_EQ(run.next().wake, base::Timestamp{9});
  EXPECT_TRUE(run.next().complete.empty());
  run.steps[4].state = "succeeded";
  EXPECT_EQ(run.next().complete, (Positions{0}));
  run.steps[0].state = "succeeded";
  EXPECT_EQ(run.next().ready, (Positions{1}));
}

TEST(NextSteps, ItemsOfACancelledRunDoNotBegin) {
  Course run = run_of("      - {name: a, run: 'x {item}', each: [1, 2]}\n");
  become_items(run, 0, 2);
  run.steps[1].state = "running";
  NextSteps next = run.next(true);
  EXPECT_TRUE(next.ready.empty() && next.complete.empty());
  EXPECT_EQ(run.states(), "running running cancelled ");
  run.steps[1].state = "cancelled";
  EXPECT_EQ(run.next(true).complete, (Positions{0}));
}

TEST(NextSteps, WithoutItemsAStepIsCompleteAtOnce) {
  Course run = run_of("      - {name: a, run: 'x {item}', each: []}\n");
  become_items(run, 0, 0);
  EXPECT_EQ(run.next().complete, (Positions{0}));
}

TEST(NextSteps, TheWorstEndDecides) {
  const auto end = [](std::vector<std::string> states) {
    std::vector<StepRecord> steps;
    for (const std::string& state : states)
      steps.push_back(
          {.name = "s" + std::to_string(steps.size()), .state = state, .reason = "why"});
    const RunEnd found = end_of(steps);
    return found.state + "/" + found.reason;
  };
  EXPECT_EQ(end({"succeeded", "cached"}), "succeeded/");
  EXPECT_EQ(end({"refused", "skipped", "failed"}), "failed/step s2: why");
  EXPECT_EQ(end({"cancelled", "refused"}), "refused/step s1: why");
  EXPECT_EQ(end({"succeeded", "cancelled"}), "cancelled/");
}

TEST(NextSteps, WaitsGrowToTheirLimit) {
  const Retry retry{.times = 9,
                    .after = base::Duration::seconds(10),
                    .factor = 3,
                    .at_most = base::Duration::seconds(60)};
  EXPECT_EQ(retry_delay(retry, 1, 0), base::Duration::seconds(5));
  EXPECT_EQ(retry_delay(retry, 2, 0), base::Duration::seconds(15));
  EXPECT_EQ(retry_delay(retry, 3, 0), base::Duration::seconds(30));
  EXPECT_LT(retry_delay(retry, 3, 0.999), base::Duration::seconds(60));
}

// Random graphs, random ends, cancelled at a random moment: each step begins once, after what it
// needs, and every run ends.
TEST(NextSteps, RandomHistoriesEndAndBreakNoRule) {
  base::SeededRandom random(11);
  const auto below = [&](std::uint64_t n) { return random.next_u64() % n; };
  for (int history = 0; history < 500; ++history) {
    std::string yaml;
    const std::size_t count = 1 + below(12);
    std::vector<bool> always;
    std::vector<std::size_t> parallel;  // of steps with items; else 0
    for (std::size_t i = 0; i < count; ++i) {
      always.push_back(below(5) == 0);
      std::string needs;
      for (std::size_t j = 0; j < i; ++j) {
        // One with `always` that needs nothing itself waits for all without, so none waits for it.
        if (!always[j] && below(4) == 0) needs += (needs.empty() ? "s" : ", s") + std::to_string(j);
      }
      parallel.push_back(below(3) == 0 ? 1 + below(3) : 0);
      yaml += fmt::format(
          "      - {{name: s{}, run: x, after: [{}], always: {}{}}}\n", i, needs, bool(always[i]),
          parallel[i] == 0 ? std::string() : fmt::format(", each: [1], parallel: {}", parallel[i]));
    }
    Course run = run_of(yaml);
    std::map<std::size_t, int> begun;
    std::vector<std::size_t> running;
    bool cancelled = false;
    for (std::int64_t now = 0;; ++now) {
      ASSERT_LT(now, 1000) << yaml;
      cancelled = cancelled || below(40) == 0;
      const NextSteps next = run.next(cancelled, now);
      for (const std::size_t position : next.complete) {
        std::size_t good = 0, all = 0;
        for (const StepRecord& item : run.steps) {
          if (item.parent != position) continue;
          ASSERT_TRUE(item.is_over()) << yaml;
          good += item.is_good() ? 1 : 0;
          ++all;
        }
        run.steps[position].state = good == all ? "succeeded" : "failed";
      }
      if (!next.complete.empty()) continue;
      bool is_expanded = false;
      for (const std::size_t position : next.ready) {
        if (below(3) == 0) continue;  // no free place
        ASSERT_EQ(++begun[position], 1) << yaml;
        const std::size_t at = run.steps[position].parent.value_or(position);
        const PlannedStep& planned = run.plan.steps[at];
        for (const std::size_t need : planned.needs) {
          ASSERT_TRUE(run.steps[need].is_over()) << yaml;
          ASSERT_TRUE(planned.definition.always || run.steps[need].is_good()) << yaml;
        }
        ASSERT_TRUE(planned.definition.always || !cancelled) << yaml;
        if (planned.definition.each && position == at) {
          become_items(run, position, below(5));
          is_expanded = true;
          continue;
        }
        run.steps[position].state = "running";
        running.push_back(position);
        if (!planned.definition.each) continue;
        const auto together = std::count_if(running.begin(), running.end(), [&](std::size_t other) {
          return run.steps[other].parent == at;
        });
        ASSERT_LE(together, *planned.definition.parallel) << yaml;
      }
      if (running.empty() && next.ready.empty()) {
        ASSERT_FALSE(next.wake) << yaml;
        break;
      }
      if (running.empty() || is_expanded) continue;
      const std::size_t ended = below(running.size());
      constexpr const char* kEnds[] = {"succeeded", "succeeded", "succeeded", "failed", "refused"};
      run.steps[running[ended]].state = kEnds[below(5)];
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(ended));
    }
    for (const StepRecord& step : run.steps) ASSERT_TRUE(step.is_over()) << yaml << run.states();
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_TRUE(!run.plan.steps[i].definition.always || begun[i] == 1) << yaml;
  }
}

}  // namespace
}  // namespace slipway::pipelines
