#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cli/drill/benign_drift.h"
#include "cli/drill/report.h"
#include "cli/drill/score.h"
#include "cli/drill/server_faults.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;
using types::Column;
using types::ColumnType;

const Timestamp kStart{1704672000LL * 1'000'000};  // 2024-01-08T00:00:00Z, a Monday
constexpr std::size_t kRequests = 400;             // an hour apart, half of them before the start

Recording recording() {
  Recording made{.id = "id", .event_time = "at", .inputs = {"pages", "shop", "at"}};
  Column ids = Column::of_type("id", ColumnType::kString);
  Column at = Column::of_type("at", ColumnType::kTimestamp);
  Column pages = Column::of_type("pages", ColumnType::kDouble);
  Column shop = Column::of_type("shop", ColumnType::kString);
  Recording::Source source{.name = "ended"};
  for (std::size_t i = 0; i < kRequests; ++i) {
    const Timestamp time = kStart + Duration::hours(static_cast<std::int64_t>(i) - kRequests / 2);
    ids.append_string(fmt::format("r{}", i));
    at.append_int(time.micros);
    pages.append_double(static_cast<double>(i % 10));
    shop.append_string(i % 3 == 0 ? "south" : "north");
    made.labels.push_back(static_cast<double>(i % 2));
    made.label_times.push_back(time + Duration::hours(1));
    source.times.push_back(time + Duration::hours(1));
  }
  MUST(source.rows.add(at));
  for (Column* column : {&ids, &at, &pages, &shop}) MUST(made.requests.add(std::move(*column)));
  made.sources.push_back(std::move(source));
  return made;
}

const std::vector<LookedUp> kLookedUp = {{"recent__count_1h", "ended", Duration::hours(1)},
                                         {"recent__count_1d", "ended", Duration::days(1)}};
const Dose kAll{.start = kStart, .until = kStart + Duration::days(9)};

const Fault& named(const std::vector<Fault>& faults, std::string_view name) {
  const auto found =
      std::find_if(faults.begin(), faults.end(), [&](const Fault& f) { return f.name == name; });
  CHECK(found != faults.end());
  return *found;
}

bool is_before(const Recording& recording, std::size_t row) { return recording.time(row) < kStart; }

TEST(DrillFaults, NothingChangesBeforeTheStart) {
  const Recording was = recording();
  for (const Fault& fault : faults_of(was, kLookedUp)) {
    if (fault.name == "typed:pages") continue;  // the type is the whole column's
    Recording changed = was;
    fault.apply(changed, kAll);
    for (std::size_t row = 0; row < kRequests; ++row) {
      if (!is_before(was, row)) break;
      for (const Column& column : was.requests.columns()) {
        const Column& now = *changed.requests.find(column.name);
        ASSERT_EQ(now.is_valid(row), column.is_valid(row)) << fault.name;
        ASSERT_EQ(now.take({row}).strings, column.take({row}).strings) << fault.name;
        ASSERT_EQ(now.take({row}).ints, column.take({row}).ints) << fault.name;
        ASSERT_EQ(now.take({row}).doubles, column.take({row}).doubles) << fault.name;
      }
      if (fault.name != "labels:none") {
        ASSERT_EQ(changed.labels[row], was.labels[row]) << fault.name;
      }
    }
    for (std::size_t row = 0; row < was.sources[0].times.size(); ++row) {
      if (*was.sources[0].times[row] >= kStart) break;
      ASSERT_EQ(changed.sources[0].times[row], was.sources[0].times[row]) << fault.name;
    }
  }
}

TEST(DrillFaults, EachDoesWhatItSays) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  const std::size_t row = kRequests - 2;
  const auto apply = [&](std::string_view name) {
    Recording changed = was;
    named(faults, name).apply(changed, kAll);
    return changed;
  };
  EXPECT_FALSE(apply("nulls:pages").requests.find("pages")->is_valid(row));
  EXPECT_EQ(apply("x1000:pages").requests.find("pages")->doubles[row], 8000);
  EXPECT_EQ(apply("frozen:pages").requests.find("pages")->doubles[row], 0);
  EXPECT_EQ(apply("renamed:shop").requests.find("shop")->strings[row], "north_v2");
  EXPECT_EQ(apply("typed:pages").requests.find("pages")->strings[row], "8 km");
  EXPECT_EQ(*apply("concept:pages").labels[kRequests - 8], 1);  // 2 pages are few
  EXPECT_EQ(*apply("concept:pages").labels[row], 0);            // 8 are not
  EXPECT_FALSE(apply("stopped:ended").sources[0].times[row]);
  EXPECT_EQ(*apply("late:ended").sources[0].times[row],
            *was.sources[0].times[row] + Duration::hours(12));
  EXPECT_EQ(apply("zone:ended").sources[0].rows.find("at")->ints[row],
            (was.time(row) - Duration::hours(5)).micros);
  // A day without rows, then they come again; a window later, each as it was
  // one window before.
  EXPECT_FALSE(apply("empty:ended").sources[0].times[kRequests / 2 + 22]);
  EXPECT_EQ(apply("empty:ended").sources[0].times[kRequests / 2 + 23],
            was.sources[0].times[kRequests / 2 + 23]);
  const Recording behind = apply("off-by-one:ended");
  EXPECT_EQ(*behind.sources[0].times[row], *was.sources[0].times[row] + Duration::hours(1));
  EXPECT_EQ(behind.sources[0].rows.find("at")->ints[row],
            (was.time(row) + Duration::hours(1)).micros);
  EXPECT_FALSE(apply("labels:none").label_times[row]);
  const Recording default_sent = apply("default:recent__count_1h");
  EXPECT_EQ(default_sent.given, std::vector<std::string>{"recent__count_1h"});
  EXPECT_FALSE(default_sent.requests.find("recent__count_1h")->is_valid(0));
  EXPECT_EQ(default_sent.requests.find("recent__count_1h")->doubles[row], 0);
  // What is sent moves; when the request comes does not.
  const Recording moved = apply("zone:at");
  EXPECT_EQ(moved.time(row), was.time(row));
  EXPECT_EQ(moved.requests.find("at")->ints[row], (was.time(row) + Duration::hours(5)).micros);
  EXPECT_EQ(apply("traffic-x3").requests.rows(), kRequests + 2 * (kRequests / 2));
}

// A text can't be 0: then every request would be refused, and nothing be learnt of the monitors.
TEST(DrillFaults, TheDefaultIsOfAFeatureThatIsANumber) {
  const auto has = [](const std::vector<LookedUp>& looked_up, std::string_view name) {
    const std::vector<Fault> faults = faults_of(recording(), looked_up);
    return std::any_of(faults.begin(), faults.end(),
                       [&](const Fault& fault) { return fault.name == name; });
  };
  const LookedUp text{.feature = "recent__last_shop", .source = "ended", .is_number = false};
  const LookedUp number{.feature = "recent__count_1h", .source = "ended"};
  EXPECT_TRUE(has({text, number}, "default:recent__count_1h"));
  EXPECT_FALSE(has({text, number}, "default:recent__last_shop"));
  EXPECT_FALSE(has({text}, "default:recent__last_shop"));
}

TEST(DrillFaults, AShareIsDrawnFromTheSeedAndGrows) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  const auto touched = [&](Dose dose) {
    Recording changed = was;
    return named(faults, "nulls:pages").apply(changed, dose);
  };
  Dose half = kAll;
  half.share = 0.5;
  const auto first = touched(half);
  EXPECT_EQ(first, touched(half));
  EXPECT_NEAR(static_cast<double>(first.size()), kRequests / 4.0, 25);
  Dose other = half;
  other.seed = 2;
  EXPECT_NE(first, touched(other));
  // A smaller share touches some of the same.
  Dose fifth = kAll;
  fifth.share = 0.2;
  const auto fewer = touched(fifth);
  EXPECT_TRUE(std::includes(first.begin(), first.end(), fewer.begin(), fewer.end()));
  Dose growing = kAll;
  growing.ramp = kAll.until - kAll.start;
  const auto grown = touched(growing);
  const auto middle = static_cast<std::size_t>(
      std::lower_bound(grown.begin(), grown.end(), kRequests * 3 / 4) - grown.begin());
  EXPECT_LT(2 * middle, grown.size());
}

TEST(DrillFaults, AGradualOneGrowsToItsShareAndStaysThere) {
  const Recording was = recording();
  Dose dose = kAll;
  dose.share = 0.8;
  dose.ramp = Duration::days(4);
  EXPECT_EQ(dose.share_at(kStart - Duration::hours(1)), 0);
  EXPECT_DOUBLE_EQ(dose.share_at(kStart + Duration::days(1)), 0.2);
  EXPECT_EQ(dose.share_at(kStart + Duration::days(4)), 0.8);
  EXPECT_EQ(dose.share_at(dose.until), 0.8);
  std::string may;
  for (const Fault& fault : faults_of(was, kLookedUp)) {
    if (!fault.may_be_gradual) continue;
    may += fault.name + " ";
    Recording at_once = was, growing = was;
    Dose abrupt = dose;
    abrupt.ramp = {};
    fault.apply(at_once, abrupt);
    const Fault grown = gradual(fault);
    EXPECT_EQ(grown.name, fault.name + "/gradual");
    EXPECT_TRUE(grown.is_gradual);
    grown.apply(growing, dose);
    const auto differ = [&](std::size_t from, std::size_t to) {
      std::size_t rows = 0;
      for (std::size_t row = from; row < to; ++row) {
        const auto cell = [&](const Recording& of) {
          std::string text = fmt::format("{}", *of.labels[row]);
          for (const char* name : {"at", "pages", "shop"}) {
            const Column one = of.requests.find(name)->take({row});
            text += fmt::format(
                "/{}{}", one.is_valid(0),
                base::to_text(Json(one.is_valid(0) ? one.type == ColumnType::kString
                                                         ? one.strings[0]
                                                         : fmt::format("{}", one.number(0))
                                                   : "")));
          }
          return text;
        };
        rows += cell(at_once) == cell(growing) ? 0 : 1;
      }
      return rows;
    };
    constexpr std::size_t kHalf = kRequests / 2;
    EXPECT_GT(differ(kHalf, kHalf + 48), 5u) << fault.name;
    EXPECT_EQ(differ(kHalf + 96, kRequests), 0u) << fault.name << ": the same rows at full dose";
  }
  EXPECT_EQ(may, "x1000:pages renamed:shop covariate:pages concept:pages prior slice:shop ");
}

Json alert(std::string_view name, Timestamp time, std::string_view cause = "") {
  JsonArray causes;
  if (!cause.empty()) causes.push_back(JsonObject{{"feature", cause}});
  return JsonObject{{"monitor", "m"},
                    {"alert", name},
                    {"time", types::to_rfc3339(time)},
                    {"window_start", types::to_rfc3339(time - Duration::days(1))},
                    {"causes", std::move(causes)},
                    {"actions", JsonArray()}};
}

Json window(Timestamp end, double missing) {
  return JsonObject{{"window", "day"},
                    {"start", types::to_rfc3339(end - Duration::days(1))},
                    {"end", types::to_rfc3339(end)},
                    {"judged_at", types::to_rfc3339(end + Duration::hours(6))},
                    {"rows", 100},
                    {"metrics", JsonObject{{"missing_rate", missing}, {"latency_ms_p99", 5}}}};
}

TEST(DrillFaults, ColumnsOfOtherTypesAndOddNamesAreNoTrouble) {
  Recording was = recording();
  Column n = Column::of_type("n", ColumnType::kInt64), m = Column::of_type("m", ColumnType::kInt64);
  Column own = Column::of_type(kLookedUp[0].feature, ColumnType::kDouble);
  for (std::size_t i = 0; i < kRequests; ++i) {
    n.append_int(static_cast<std::int64_t>(i));
    m.append_int(7);
    own.append_double(3);
  }
  for (Column* column : {&n, &m, &own}) MUST(was.requests.add(std::move(*column)));
  was.inputs = {"pages", "n", "m", "shop", "at"};
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  for (const Fault& fault : faults) {
    Recording changed = was;
    fault.apply(changed, kAll);
  }
  Recording changed = was;
  named(faults, "swapped:n+m").apply(changed, kAll);
  EXPECT_EQ(changed.requests.find("n")->ints[kRequests - 1], 7);
  EXPECT_EQ(changed.requests.find("m")->ints[kRequests - 1], std::int64_t{kRequests} - 1);
}

TEST(DrillFaults, OnlyChangedRequestsAreHarmed) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  const auto harmed = [&](std::string_view name) {
    Recording changed = was;
    return named(faults, name).apply(changed, kAll).size();
  };
  EXPECT_EQ(harmed("nulls:pages"), kRequests / 2);
  EXPECT_EQ(harmed("labels:none"), 0u);
  EXPECT_NEAR(static_cast<double>(harmed("renamed:shop")), kRequests / 3.0, 2);
  EXPECT_NEAR(static_cast<double>(harmed("frozen:shop")), kRequests / 3.0, 70);
}

TEST(DrillFaults, WhatIsNoYesOrNoCannotTurnAround) {
  Recording was = recording();
  was.labels[3] = 2.5;
  for (const Fault& fault : faults_of(was, kLookedUp)) {
    EXPECT_FALSE(fault.name.starts_with("concept") || fault.name.starts_with("slice") ||
                 fault.name == "prior")
        << fault.name;
  }
}

TEST(DrillFaults, RowsThatComeTwiceAreAFaultWhereTheyCountTwice) {
  const Recording was = recording();
  const auto names = [&](const std::vector<LookedUp>& looked_up) {
    std::string found;
    for (const Fault& fault : faults_of(was, looked_up)) {
      if (!fault.name.starts_with("duplicate:") && !fault.name.starts_with("twice:")) continue;
      Recording changed = was;
      Dose half = kAll;
      half.share = 0.5;
      fault.apply(changed, half);
      EXPECT_GT(changed.sources[0].times.size(), was.sources[0].times.size() + kRequests / 8);
      EXPECT_LT(changed.sources[0].times.size(), was.sources[0].times.size() + 3 * kRequests / 8);
      EXPECT_EQ(changed.sources[0].rows.rows(), changed.sources[0].times.size());
      found += fault.name + " ";
    }
    return found;
  };
  EXPECT_EQ(names(kLookedUp), "duplicate:ended ");
  std::vector<LookedUp> once = kLookedUp;
  for (LookedUp& one : once) one.is_deduplicated = true;
  EXPECT_EQ(names(once), "twice:ended ");
  EXPECT_EQ(names({{"newest", "ended", Duration{}}}), "twice:ended ") << "it counts nothing";
}

// The answers to one shop are worse; those to few and to many pages are alike.
TEST(DrillFaults, BenignIsADriftWithoutWhichTheModelDoesAsWell) {
  Recording was = recording();
  AnswersById answers;
  const auto answer = [&](const std::function<double(std::size_t, double)>& chance) {
    for (std::size_t row = 0; row < kRequests; ++row)
      answers[fmt::format("r{}", row)] = chance(row, *was.labels[row]);
  };
  for (std::size_t row = 0; row < kRequests; ++row) was.labels[row] = row / 10 % 2 == 0 ? 1 : 0;
  answer([](std::size_t row, double label) {
    const double sure = row % 3 == 0 ? 0.5 : 0.9;
    return label == 1 ? sure : 1 - sure;
  });
  const Fault benign = MUST(benign_drift(was, answers, kStart));
  EXPECT_EQ(benign.group, FaultGroup::kControl);
  EXPECT_EQ(benign.name, "benign:pages") << benign.what;
  Recording changed = was;
  EXPECT_TRUE(benign.apply(changed, kAll).empty()) << "nobody is harmed";
  std::size_t few = 0, many = 0;
  for (std::size_t row = kRequests / 2; row < kRequests; ++row) {
    if (!changed.requests.find("at")->is_valid(row)) continue;
    ++(changed.requests.find("pages")->doubles[row] < 5 ? few : many);
  }
  EXPECT_TRUE((few < 30 && many > 70) || (many < 30 && few > 70)) << few << " " << many;
  EXPECT_EQ(changed.requests.find("at")->is_valid(3), true) << "before the start";

  answer([](std::size_t row, double label) {
    const double sure = row % 3 == 0 || row % 10 < 5 ? 0.5 : 0.9;
    return label == 1 ? sure : 1 - sure;
  });
  EXPECT_EQ(benign_drift(was, answers, kStart).error().code, Code::kFailedPrecondition)
      << "wherever requests stay away, the rest is another mix of good and bad";
  EXPECT_EQ(benign_drift(was, {}, kStart).error().code, Code::kFailedPrecondition);
}

TEST(DrillScore, AnAlertThatOnlyComesLaterIsNoNews) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  Observed baseline;
  baseline.alerts = {alert("quality", kStart + Duration::days(2))};
  Played played{.fault = &named(faults, "nulls:pages"), .dose = kAll};
  played.observed.alerts = {alert("quality", kStart + Duration::days(3))};
  EXPECT_FALSE(judge(played, baseline, {&baseline}).caught);
  played.observed.alerts = {alert("quality", kStart + Duration::days(1))};
  EXPECT_TRUE(judge(played, baseline, {&baseline}).caught);
  // A second one where there was but one.
  played.observed.alerts = {alert("quality", kStart + Duration::days(2)),
                            alert("quality", kStart + Duration::days(4))};
  EXPECT_EQ(judge(played, baseline, {&baseline}).delay, Duration::days(4));
}

TEST(DrillScore, OnlyWhatTheFaultCausedCounts) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  Observed baseline;
  baseline.alerts = {alert("weekly", kStart + Duration::days(2))};
  Played played{.fault = &named(faults, "nulls:pages"), .dose = kAll};
  played.harmed = {kStart, kStart + Duration::days(1), kStart + Duration::days(4)};
  played.observed.alerts = {alert("before", kStart - Duration::days(2)),
                            alert("weekly", kStart + Duration::days(2)),
                            alert("quality", kStart + Duration::days(3), "pages")};
  const Verdict verdict = judge(played, baseline, {&baseline});
  EXPECT_TRUE(verdict.caught);
  EXPECT_EQ(verdict.by, "alert quality");
  EXPECT_EQ(verdict.delay, Duration::days(3));
  EXPECT_EQ(verdict.harmed, 2);
  EXPECT_EQ(verdict.share_when_caught, 1);
  played.dose.ramp = Duration::days(6);
  EXPECT_EQ(judge(played, baseline, {&baseline}).share_when_caught, 0.5);
  EXPECT_EQ(verdict.is_cause_right, true);
  EXPECT_EQ(verdict.is_action_right, true);  // nothing was started, and nothing should be
  EXPECT_EQ(verdict.alerts, std::vector<std::string>{"quality"});
}

TEST(DrillScore, WhatWasDoneIsMeasuredByWhatIsAnsweredAfterIt) {
  const std::vector<Fault> faults = faults_of(recording(), kLookedUp);
  Observed baseline;
  Played played{.fault = &named(faults, "concept:pages"), .dose = kAll};
  for (int hour = 0; hour < 9 * 24; ++hour) {
    const Timestamp time = kStart + Duration::hours(hour);
    const bool is_bad = hour < 48;
    baseline.answered.push_back(
        {.time = time, .id = fmt::format("{}", hour), .answer = 1, .loss = 0.5});
    played.observed.answered.push_back({.time = time,
                                        .id = fmt::format("{}", hour),
                                        .answer = is_bad ? 0 : 1,
                                        .loss = is_bad ? 2 : 0.5});
    played.harmed.push_back(time);
  }
  Json fired = alert("quality", kStart + Duration::days(2));
  const auto judged = [&](const char* does, const char* state) {
    Json with = fired;
    with.as_object()["actions"] = JsonArray{JsonObject{{"kind", "it"},
                                                       {"does", does},
                                                       {"state", state},
                                                       {"reason", ""},
                                                       {"time", "2024-01-10T00:00:00Z"}}};
    played.observed.alerts = {with};
    return judge(played, baseline, {&baseline});
  };
  const Verdict back = judged("rollback", "done");
  EXPECT_EQ(back.acted, Duration::days(2));
  EXPECT_EQ(back.recovery, Duration::days(2));
  EXPECT_EQ(back.harmed_until_recovered, 48);
  EXPECT_EQ(back.not_recovered, "");
  const Verdict retrained = judged("pipeline", "done");
  EXPECT_EQ(retrained.acted, Duration::days(2));
  EXPECT_FALSE(retrained.recovery || retrained.harmed_until_recovered);
  EXPECT_EQ(retrained.not_recovered, "a retraining does nothing in the copy");
  const Verdict held_back = judged("rollback", "skipped");
  EXPECT_FALSE(held_back.acted || held_back.recovery);
  EXPECT_EQ(held_back.not_recovered, "nothing was done about it");
  for (Answered& one : played.observed.answered) one.loss = 2;
  EXPECT_EQ(judged("rollback", "done").not_recovered, "what was done has not helped");
}

TEST(DrillScore, AnOutageIsNoticedByWhoeverAsksAndEndsWhenNothingWaits) {
  const std::vector<Fault> faults = server_faults(kLookedUp, true);
  const Fault& dead = named(faults, "server:dead");
  Recording changed = recording();
  EXPECT_EQ(dead.apply(changed, kAll).size(), 6u);  // an hour apart, for six hours
  Observed baseline;
  baseline.replay.failed_at = {kStart + Duration::hours(2)};
  baseline.replay.failed = 1;
  baseline.windows = {window(kStart + Duration::days(1), 0)};
  const auto played = [&] {
    Played made{.fault = &dead, .dose = kAll};
    made.observed.windows = baseline.windows;
    made.observed.replay = baseline.replay;
    return made;
  };
  const Verdict nothing = judge(played(), baseline, {&baseline});
  EXPECT_FALSE(nothing.caught);
  EXPECT_EQ(nothing.recovery, Duration{});
  Played refused = played();
  refused.observed.replay.waited = 2;
  refused.observed.replay.waited_until = kStart + Duration::hours(6);
  EXPECT_EQ(judge(refused, baseline, {&baseline}).by, "refused pushes and outcomes");
  EXPECT_EQ(judge(refused, baseline, {&baseline}).recovery, Duration::hours(6));
  Played failing = played();
  failing.observed.replay.failed = 3;
  failing.observed.replay.failed_at = {kStart + Duration::hours(1), kStart + Duration::hours(2),
                                       kStart + Duration::hours(3)};
  EXPECT_EQ(judge(failing, baseline, {&baseline}).recovery, Duration::hours(3));
  EXPECT_EQ(judge(failing, baseline, {&baseline}).failed, 2);
  EXPECT_EQ(judge(failing, baseline, {&baseline}).by, "failed requests");
  failing.observed.outage = {.health_fails = true, .lost = {"events"}};
  const Verdict down = judge(failing, baseline, {&baseline});
  EXPECT_EQ(down.by, "/health");
  EXPECT_TRUE(down.advice.starts_with("noticed by definition"));
  EXPECT_TRUE(down.advice.ends_with("no monitor here tells of it, also not when it is back"));
  EXPECT_EQ(down.delay, Duration{});
  // Two are not in the window any more because they failed; it has as many as ever.
  EXPECT_EQ(down.lost, std::vector<std::string>{"events"});
}

Json window_with(Timestamp end, std::string_view metric, double value) {
  Json made = window(end, 0);
  made.as_object()["metrics"] = JsonObject{{metric, value}};
  return made;
}

// A share of requests that fail is for monitors to see, however many of those concerned they are.
TEST(DrillScore, AServiceThatFailsIsNoticedByAlertsAlone) {
  const std::vector<Fault> faults = server_faults(kLookedUp, true);
  EXPECT_EQ(named(faults, "store:gone").causes,
            (std::vector<std::string>{kLookedUp[0].feature, kLookedUp[1].feature}));
  EXPECT_EQ(named(faults, "worker:dead").breakage, Breakage::kWorkersDead);
  for (const Fault& fault : server_faults({}, false)) {
    EXPECT_NE(fault.name, "store:gone");
    EXPECT_NE(fault.name, "worker:dead");
  }
  Observed baseline;
  baseline.windows = {window_with(kStart + Duration::days(1), "error_rate", 0)};
  for (const char* name : {"store:gone", "answers:fail"}) {
    Played played{.fault = &named(faults, name), .dose = kAll};
    played.harmed = {kStart + Duration::hours(1), kStart + Duration::hours(2)};
    played.observed.replay.failed = 2;
    played.observed.replay.failed_at = played.harmed;
    played.observed.windows = {window_with(kStart + Duration::days(1), "error_rate", 0.3)};
    const Verdict missed = judge(played, baseline, {&baseline});
    EXPECT_FALSE(missed.caught) << name;
    EXPECT_EQ(missed.failed, 2);
    EXPECT_EQ(missed.recovery, Duration::hours(2));
    ASSERT_TRUE(missed.suggestion) << name;
    EXPECT_EQ(missed.suggestion->metric, "error_rate");
    played.observed.alerts = {alert("errors", kStart + Duration::days(1), "shop")};
    const Verdict caught = judge(played, baseline, {&baseline});
    EXPECT_EQ(caught.by, "alert errors");
    EXPECT_EQ(caught.harmed, 2);
  }
}

TEST(DrillScore, LateAnswersSuggestAThresholdThatNoMachineMoves) {
  const std::vector<Fault> faults = server_faults(kLookedUp, true);
  const double late_ms = static_cast<double>(kAnswerDelay.micros) / 1e3;
  Observed baseline;
  baseline.windows = {window_with(kStart + Duration::days(1), "latency_ms_p99", 3)};
  Played played{.fault = &named(faults, "answers:late"), .dose = kAll};
  played.observed.windows = {
      window_with(kStart + Duration::days(1), "latency_ms_p99", late_ms + 7)};
  const Verdict missed = judge(played, baseline, {&baseline});
  EXPECT_FALSE(missed.caught);
  EXPECT_FALSE(missed.recovery);
  ASSERT_TRUE(missed.suggestion);
  EXPECT_EQ(missed.suggestion->metric, "latency_ms_p99");
  EXPECT_EQ(missed.suggestion->threshold, late_ms / 2);
  EXPECT_EQ(missed.suggestion->value, late_ms);  // as it was made, not as this machine had it
  baseline.windows = {window_with(kStart + Duration::days(1), "latency_ms_p99", late_ms)};
  EXPECT_FALSE(judge(played, baseline, {&baseline}).suggestion);
}

// The alert that starts a run says that the world has changed, not that the run hangs.
TEST(DrillScore, APipelineIsNoticedByWhatEndsOrOrdersItsRuns) {
  const std::vector<Fault> known = faults_of(recording(), kLookedUp);
  const Retraining retraining{.pipeline = "train", .step = "fit"};
  EXPECT_TRUE(pipeline_faults(known, std::nullopt).empty());
  EXPECT_TRUE(pipeline_faults(server_faults({}, false), retraining).empty());
  const std::vector<Fault> faults = pipeline_faults(known, retraining);
  Observed baseline;
  for (const auto& [name, advice] :
       {std::pair("pipeline:stuck", "a timeout of the step"), {"pipeline:twice", "a pool with"}}) {
    Played played{.fault = &named(faults, name), .dose = kAll};
    played.harmed = {kStart, kStart + Duration::hours(30), kStart + Duration::days(3)};
    played.observed.alerts = {alert("quality", kStart + Duration::days(1))};
    EXPECT_TRUE(judge(played, baseline, {&baseline}).advice.starts_with("no alert")) << name;
    played.observed.pipeline.has_started = true;
    const Verdict missed = judge(played, baseline, {&baseline});
    EXPECT_FALSE(missed.caught) << name;
    EXPECT_EQ(missed.harmed, 3);
    EXPECT_TRUE(missed.alerts.empty() && missed.noticed.empty());
    EXPECT_TRUE(missed.advice.starts_with(advice)) << missed.advice;
    played.observed.pipeline.by = "the timeout of fit";
    played.observed.pipeline.after = Duration::hours(12);
    const Verdict caught = judge(played, baseline, {&baseline});
    EXPECT_EQ(caught.by, "the timeout of fit");
    EXPECT_EQ(caught.delay, Duration::hours(36));
    EXPECT_EQ(caught.harmed, 2);
    EXPECT_TRUE(caught.advice.empty());
  }
}

TEST(DrillScore, AnsweredRequestsThatNoWindowKnowsAreLost) {
  const std::vector<Fault> faults = server_faults(kLookedUp, true);
  Observed baseline;
  baseline.windows = {window(kStart + Duration::days(1), 0)};
  Played played{.fault = &named(faults, "server:dead"), .dose = kAll};
  played.observed = baseline;
  const auto rows = baseline.windows[0].at("rows").to_number<std::int64_t>();
  played.observed.windows[0].as_object()["rows"] = rows - 5;
  played.observed.replay.failed_at = {kStart + Duration::hours(1), kStart + Duration::hours(2)};
  EXPECT_EQ(judge(played, baseline, {&baseline}).lost,
            std::vector<std::string>{"3 answered requests"});
}

TEST(DrillScore, WhatWasMissedComesWithAnAlertThatNoControlSetsOff) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  Observed baseline;
  baseline.windows = {window(kStart + Duration::days(1), 0.01),
                      window(kStart + Duration::days(2), 0.03)};
  Played played{.fault = &named(faults, "nulls:pages"), .dose = kAll};
  played.observed.windows = {window(kStart + Duration::days(1), 0.031),
                             window(kStart + Duration::days(2), 0.5)};
  const Verdict verdict = judge(played, baseline, {&baseline});
  EXPECT_FALSE(verdict.caught);
  ASSERT_TRUE(verdict.suggestion);
  EXPECT_EQ(verdict.suggestion->metric, "missing_rate");
  EXPECT_TRUE(verdict.suggestion->is_over);
  EXPECT_GT(verdict.suggestion->threshold, 0.031);
  EXPECT_LT(verdict.suggestion->threshold, 0.5);
  EXPECT_EQ(verdict.suggestion->delay, Duration::hours(54));
}

// Nearly all rows are refused, so that few are left that count.
TEST(DrillScore, RulesOfInputsAreSuggestedByTheRowsThatBrokeThem) {
  const Recording was = recording();
  const std::vector<Fault> faults = faults_of(was, kLookedUp);
  const auto checked = [](Timestamp end, double rate) {
    Json made = window(end, 0.01);
    JsonObject& object = made.as_object();
    object["rows"] = rate > 0 ? 5 : 100;
    object["violations"] = JsonObject{{"rows", 100}};
    object["metrics"].as_object()["violation_rate"] = rate;
    return made;
  };
  Observed baseline;
  baseline.windows = {checked(kStart + Duration::days(1), 0),
                      checked(kStart + Duration::days(2), 0)};
  Played played{.fault = &named(faults, "x1000:pages"), .dose = kAll};
  played.observed.windows = {checked(kStart + Duration::days(1), 0.95)};
  const Verdict verdict = judge(played, baseline, {&baseline});
  ASSERT_TRUE(verdict.suggestion);
  EXPECT_EQ(verdict.suggestion->metric, "violation_rate");
  EXPECT_TRUE(verdict.suggestion->is_over);
}

TEST(DrillScore, AFalsePageCostsAGrade) {
  DrillReport report;
  report.faults.resize(10);
  for (Verdict& verdict : report.faults) verdict.caught = true;
  report.controls.resize(1);
  EXPECT_EQ(report.grade(), "A");
  report.controls[0].alerts = {"drift"};
  EXPECT_EQ(report.grade(), "B");
  for (std::size_t i = 0; i < 3; ++i) report.faults[i].caught = false;
  EXPECT_EQ(report.grade(), "D");
  report.faults[0].what = "<script>";
  const std::string page = drill_page(report, {});
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
}

}  // namespace
}  // namespace slipway::cli
