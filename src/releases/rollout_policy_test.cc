#include "releases/rollout_policy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::releases {
namespace {

constexpr base::Timestamp kStart{base::Duration::days(1000).micros};
base::Timestamp after_hours(int hours) { return kStart + base::Duration::hours(hours); }

ReleasePolicy policy() {
  return {.delay = base::Duration::hours(6),
          .steps = {10, 50, 100},
          .hold = base::Duration::hours(24),
          .guard = {.error_rate = 0.01, .latency_ms_p99 = 50, .calibration_bias = 0.1}};
}

RolloutState proposed() {
  return {.proposal = Proposal{{"m", 2, "models:/m/2"}, after_hours(6), "a", "r"}};
}
RolloutState canary(int step, int since, int check) {
  return {.canary = Canary{.model = {"m", 2, "models:/m/2"},
                           .step = step,
                           .started_at = kStart,
                           .step_since = after_hours(since),
                           .next_check = after_hours(check)}};
}

TEST(RolloutPolicy, WhatHappensNext) {
  using enum RolloutActionKind;
  struct Case {
    const char* name;
    RolloutState state;
    CanaryFacts facts;
    int hours;
    RolloutActionKind kind;
    int step;
  };
  const CanaryFacts fine{.requests = 100, .latency_ms_p99 = 2};
  const CanaryFacts failing{.requests = 100, .errors = 8};
  const CanaryFacts slow{.requests = 100, .latency_ms_p99 = 51, .slow = 10};
  const CanaryFacts biased{
      .requests = 100, .labels = 90, .calibration_bias = -0.25, .calibration_bias_error = 0.04};
  RolloutState both = canary(0, 0, 24);
  both.proposal = proposed().proposal;
  const Case cases[] = {
      {"steady", {}, fine, 1000, kWait, 0},
      {"proposed, early", proposed(), fine, 5, kWait, 0},
      {"proposed, due", proposed(), fine, 6, kStart, 0},
      {"canary, early", canary(0, 0, 6), fine, 5, kWait, 0},
      {"canary, a look in between", canary(0, 0, 6), fine, 6, kWait, 0},
      {"canary, first step done", canary(0, 0, 24), fine, 24, kGrow, 1},
      {"canary, last step done", canary(1, 24, 48), fine, 48, kPromote, 2},
      {"canary, too few requests", canary(0, 0, 24), {.requests = 19}, 24, kWait, 0},
      {"canary, just enough", canary(0, 0, 24), {.requests = 20}, 24, kGrow, 1},
      {"canary fails in between", canary(0, 0, 6), failing, 6, kDiscard, 0},
      {"canary fails at the end", canary(1, 24, 48), failing, 48, kDiscard, 0},
      {"canary is slow", canary(0, 0, 6), slow, 6, kDiscard, 0},
      {"canary is biased", canary(0, 0, 6), biased, 6, kDiscard, 0},
      {"fails, but nobody looks yet", canary(0, 0, 6), failing, 5, kWait, 0},
      {"a step beyond a shortened policy", canary(7, 0, 24), fine, 24, kPromote, 8},
      {"a new proposal replaces the canary", both, fine, 6, kStart, 0},
  };
  for (const Case& c : cases) {
    const RolloutAction action = decide_rollout(policy(), c.state, c.facts, after_hours(c.hours));
    EXPECT_EQ(action.kind, c.kind) << c.name << ": " << action.reason;
    if (action.kind != kWait) {
      EXPECT_EQ(action.step, c.step) << c.name;
      EXPECT_FALSE(action.reason.empty()) << c.name;
    }
  }
  // With a bound on quality: nothing grows before it can be judged.
  ReleasePolicy careful = policy();
  careful.guard.quality = QualityBound{"log_loss", 0.01};
  const auto compared = [](std::int64_t rows, double low, double high) {
    CanaryFacts facts{.requests = 100};
    facts.quality = ExperimentFacts{.live_rows = rows,
                                    .challenger_rows = rows,
                                    .live_value = 0.4,
                                    .challenger_value = 0.4 + (low + high) / 2,
                                    .low = low,
                                    .high = high};
    return facts;
  };
  const double none = std::numeric_limits<double>::quiet_NaN();
  const Case quality_cases[] = {
      {"no labels", canary(0, 0, 24), compared(0, none, none), 24, kWait, 0},
      {"not asked for", canary(0, 0, 24), fine, 24, kWait, 0},
      {"too few labels", canary(0, 0, 24), compared(29, -0.1, 0.1), 24, kWait, 0},
      {"enough labels", canary(0, 0, 24), compared(30, -0.1, 0.1), 24, kGrow, 1},
      {"worse, but within the bound", canary(0, 0, 24), compared(90, 0.005, 0.1), 24, kGrow, 1},
      {"surely worse", canary(0, 0, 6), compared(90, 0.02, 0.1), 6, kDiscard, 0},
      {"surely better", canary(1, 24, 48), compared(90, -0.3, -0.1), 48, kPromote, 2},
  };
  for (const Case& c : quality_cases) {
    const RolloutAction action = decide_rollout(careful, c.state, c.facts, after_hours(c.hours));
    EXPECT_EQ(action.kind, c.kind) << c.name << ": " << action.reason;
  }
  EXPECT_EQ(decide_rollout(careful, canary(0, 0, 24), compared(29, -1, 1), after_hours(24)).reason,
            "log_loss is known for only 29 requests of the 30 asked for");
  EXPECT_EQ(*find_harm(careful.guard, compared(90, 0.02, 0.1)),
            "log_loss is 0.46 against 0.4 of the version in charge on the same 90 requests, worse "
            "by 0.02 to 0.1; 0.01 is allowed");

  ReleasePolicy at_once = policy();
  at_once.steps = {100};
  EXPECT_EQ(decide_rollout(at_once, proposed(), {}, after_hours(6)).kind, kPromote);
}

TEST(RolloutPolicy, WhenItIsDue) {
  EXPECT_FALSE(next_due({}));
  EXPECT_EQ(next_due(proposed()), after_hours(6));
  EXPECT_EQ(next_due(canary(0, 0, 12)), after_hours(12));
  RolloutState both = canary(0, 0, 12);
  both.proposal = proposed().proposal;
  EXPECT_EQ(next_due(both), after_hours(6));
  EXPECT_EQ(next_check(policy(), kStart, kStart), after_hours(6));
  EXPECT_EQ(next_check(policy(), kStart, after_hours(20)), after_hours(24));
  EXPECT_EQ(next_check(policy(), kStart, after_hours(24)), after_hours(30)) << "extended";
}

TEST(RolloutPolicy, OnlySureHarmCounts) {
  const Guard guard = policy().guard;
  struct Case {
    const char* name;
    CanaryFacts facts;
    bool harm;
  };
  const Case cases[] = {
      {"nothing known", {}, false},
      {"one unlucky request", {.requests = 50, .errors = 1}, false},
      {"a few of many", {.requests = 1000, .errors = 12}, false},
      {"many of many", {.requests = 1000, .errors = 25}, true},
      {"all of few", {.requests = 2, .errors = 2}, true},
      {"slow, but few", {.requests = 19, .latency_ms_p99 = 500, .slow = 19}, false},
      {"slow", {.requests = 20, .latency_ms_p99 = 90, .slow = 4}, true},
      {"one slow request", {.requests = 20, .latency_ms_p99 = 90, .slow = 1}, false},
      {"latency unknown", {.requests = 20}, false},
      {"biased within noise",
       {.requests = 90, .labels = 90, .calibration_bias = 0.15, .calibration_bias_error = 0.04},
       false},
      {"biased for sure",
       {.requests = 90, .labels = 90, .calibration_bias = 0.25, .calibration_bias_error = 0.04},
       true},
      {"biased, few labels",
       {.requests = 90, .labels = 29, .calibration_bias = 0.9, .calibration_bias_error = 0.01},
       false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(find_harm(guard, c.facts).has_value(), c.harm) << c.name;
    EXPECT_FALSE(find_harm({}, c.facts)) << c.name << ": nothing declared, nothing guarded";
  }
}

TEST(RolloutPolicy, WhatAnExperimentSays) {
  using Kind = Verdict::Kind;
  struct Case {
    const char* name;
    bool higher_is_better;
    ExperimentFacts facts;
    Kind kind;
    const char* words;
  };
  const auto facts = [](std::int64_t rows, double live, double challenger, double half) {
    return ExperimentFacts{.live_rows = rows,
                           .challenger_rows = rows,
                           .live_value = live,
                           .challenger_value = challenger,
                           .low = challenger - live - half,
                           .high = challenger - live + half};
  };
  const Case cases[] = {
      {"nothing yet", false, {}, Kind::kOpen, "too early"},
      {"few rows", false, facts(99, 0.5, 0.4, 0.01), Kind::kOpen, "99 of the challenger"},
      {"lower loss", false, facts(500, 0.5, 0.4, 0.05), Kind::kChallenger,
       "version 2 is better: log_loss is 0.4 against 0.5, a gain of 0.1 (0.05 to 0.15"},
      {"higher loss", false, facts(500, 0.4, 0.5, 0.05), Kind::kLive, "version 2 is worse"},
      {"more of it", true, facts(500, 0.4, 0.5, 0.05), Kind::kChallenger, "better"},
      {"not shown", false, facts(500, 0.5, 0.49, 0.02), Kind::kOpen,
       "about 4000 requests would show it"},
      {"no sign", false, facts(500, 0.5, 0.5, 0.02), Kind::kOpen, "nothing points to one"},
  };
  for (const Case& c : cases) {
    const Experiment experiment{.model = {"m", 2, "models:/m/2"},
                                .metric = "log_loss",
                                .higher_is_better = c.higher_is_better};
    const Verdict verdict = find_verdict(experiment, c.facts);
    EXPECT_EQ(verdict.kind, c.kind) << c.name;
    EXPECT_NE(verdict.words.find(c.words), std::string::npos) << c.name << ": " << verdict.words;
  }
}

// Which slots the canary has, as a bitmap.
std::vector<bool> canary_slots(int percent) {
  std::vector<bool> has(kSlots);
  const ResolvedModel canary{"m", 2, "models:/m/2"};
  int covered = 0;
  for (const Variant& variant : split_live({"m", 1, "models:/m/1"}, canary, percent)) {
    covered += variant.weight();
    for (const SlotRange& range : variant.slots) {
      for (int slot = range.from; slot < range.to; ++slot) {
        if (variant.version == 2) has[static_cast<std::size_t>(slot)] = true;
      }
    }
  }
  EXPECT_EQ(covered, kSlots) << percent;
  return has;
}

TEST(RolloutPolicy, ACanarysSlotsOnlyGrow) {
  std::vector<bool> before(kSlots);
  for (int percent : {1, 10, 33, 50, 99, 100}) {
    const std::vector<bool> now = canary_slots(percent);
    EXPECT_EQ(std::count(now.begin(), now.end(), true), percent * 100);
    for (std::size_t slot = 0; slot < now.size(); ++slot) EXPECT_TRUE(now[slot] || !before[slot]);
    before = now;
  }
}

// A ledger written as a line, oldest first: "d1 c12 p2 r1" is deploy of 1, canary of 2 beside 1,
// promotion of 2, rollback to 1.
std::vector<Revision> ledger(const std::string& line) {
  std::vector<Revision> revisions;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == ' ') continue;
    const char kind = line[at];
    const auto version = [&](std::size_t i) {
      const std::string number(1, line[at + i]);
      return ResolvedModel{"m", std::stoll(number), "models:/m/" + number};
    };
    Revision revision{.number = std::ssize(revisions) + 1};
    if (revision.number > 1) revision.previous = revision.number - 1;
    switch (kind) {
      case 'd':
        revision.kind = RevisionKind::kDeploy;
        break;
      case 'p':
        revision.kind = RevisionKind::kPromote;
        break;
      case 'r':
        revision.kind = RevisionKind::kRollback;
        break;
      case 't':
        revision.kind = RevisionKind::kThreshold;
        break;
      default:
        revision.kind = RevisionKind::kCanaryStep;
        break;
    }
    if (kind == 'c') {
      revision.variants = split_live(version(1), version(2), 10);
      at += 2;
    } else {
      revision.variants = {whole_live(version(1))};
      at += 1;
    }
    revisions.push_back(std::move(revision));
  }
  std::reverse(revisions.begin(), revisions.end());
  return revisions;
}

TEST(RolloutPolicy, LastGood) {
  const std::pair<const char*, std::optional<std::int64_t>> cases[] = {
      {"", std::nullopt},
      {"d1", std::nullopt},
      {"d1 d2", 1},
      {"d1 t1 d2 t2", 2},    // a threshold change is no other model
      {"d1 c12", 1},         // during a canary: the version beside it
      {"d1 c12 c12 p2", 1},  // steps are not settled
      {"d1 p2 d3", 2},
      {"d1 p2 d3 r2", 1},          // once more: 3 was taken away
      {"d1 d2 r1", std::nullopt},  // 2 was taken away, nothing else is left
      {"d1 d2 r1 d2", 3},          // deployed again: 1 is what was before
      {"d1 d2 r1 d3", 3},
      {"d1 c12 r1", std::nullopt},  // the guard's discard
      {"d1 p2 c23 r2", 1},
      {"d1 p2 d3 r2 r1", std::nullopt},
      {"d1 c12 c13", 1},  // a canary that replaced another
  };
  for (const auto& [line, want] : cases) EXPECT_EQ(find_last_good(ledger(line)), want) << line;
}

// Who wins when an alert wants to change an endpoint.
TEST(RolloutPolicy, WhatGoesBeforeAnAlert) {
  using enum AutomaticChange;
  const Revision newest = ledger("d1").front();
  const std::string one = newest.find_variant("live")->uri;
  RolloutState steady, held, canary, proposed, experiment;
  held.held = true;
  held.held_reason = "rolled back: bad";
  canary.canary = Canary{};
  proposed.proposal = Proposal{};
  experiment.experiment = Experiment{};
  struct Case {
    const RolloutState& state;
    AutomaticChange change;
    std::optional<std::int64_t> last_good;
    std::string words;  // empty: it may
  };
  const Case cases[] = {
      {steady, kHold, {}, ""},
      {steady, kRollback, 1, ""},
      {steady, kRollback, {}, "no earlier good revision"},
      {steady, kFallback, {}, "the fallback is in charge already"},
      {held, kHold, 1, "the endpoint is held: rolled back: bad"},
      {held, kRollback, 1, "held"},
      {held, kFallback, 1, "held"},
      {canary, kHold, {}, ""},
      {canary, kRollback, 1, "its guard decides"},
      {canary, kFallback, 1, "its guard decides"},
      {proposed, kHold, {}, ""},
      {proposed, kRollback, 1, "its policy decides"},
      {experiment, kHold, {}, ""},
      {experiment, kRollback, 1, "its verdict decides"},
  };
  for (const Case& c : cases) {
    const auto before = find_precedence(c.state, newest, c.last_good, c.change, one);
    EXPECT_EQ(before.has_value(), !c.words.empty()) << c.words;
    if (before) {
      EXPECT_NE(before->find(c.words), std::string::npos) << *before;
    }
  }
  EXPECT_FALSE(find_precedence(steady, newest, {}, kFallback, "models:/m/9"));
}

TEST(RolloutPolicy, Rejected) {
  const ResolvedModel two{"m", 2, "models:/m/2"};
  const std::pair<const char*, bool> cases[] = {
      {"", false},         {"d1", false},         {"d1 d2", false},       {"d1 d2 r1", true},
      {"d1 c12 r1", true}, {"d1 d2 r1 t1", true}, {"d1 d2 r1 d2", false}, {"d1 d2 r1 d2 d3", false},
  };
  for (const auto& [line, want] : cases) EXPECT_EQ(was_rejected(ledger(line), two), want) << line;
}

}  // namespace
}  // namespace slipway::releases
