#include <gtest/gtest.h>

#include <algorithm>

#include "cli/drill/project_copy.h"
#include "cli/drill/report.h"
#include "cli/drill/score.h"
#include "cli/drill/server_faults.h"
#include "cli/drill/trend.h"
#include "cli/drill/wrong_model.h"
#include "serving/trees/ensemble.h"
#include "store/file_system.h"
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
  growing.gradual = true;
  const auto grown = touched(growing);
  const auto middle = static_cast<std::size_t>(
      std::lower_bound(grown.begin(), grown.end(), kRequests * 3 / 4) - grown.begin());
  EXPECT_LT(2 * middle, grown.size());
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
  EXPECT_EQ(verdict.is_cause_right, true);
  EXPECT_EQ(verdict.is_action_right, true);  // nothing was started, and nothing should be
  EXPECT_EQ(verdict.alerts, std::vector<std::string>{"quality"});
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

std::string model_file(const char* name) {
  return MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) / name));
}

// What a model says of rows (x, 1, 2 ...), x = 0, 1 ... 19.
std::vector<double> answers(const serving::trees::Ensemble& model) {
  std::vector<double> all;
  for (int x = 0; x < 20; ++x) {
    std::vector<double> row(model.feature_count()), out(model.output_count());
    for (std::size_t f = 0; f < row.size(); ++f) row[f] = static_cast<double>(f);
    row[0] = x;
    model.predict(row, out);
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}

TEST(DrillModel, ItsLeavesAreTurnedAround) {
  using serving::trees::Ensemble;
  for (const char* name : {"squared.json", "squared.ubj", "dart.json", "logistic.ubj"}) {
    const std::string file = model_file(name);
    const auto was = answers(MUST(Ensemble::from_xgboost(file)));
    const auto now = answers(MUST(Ensemble::from_xgboost(MUST(turn_leaves(file)))));
    EXPECT_NE(was, now) << name;
    // Twice is not at all.
    const std::string twice = MUST(turn_leaves(MUST(turn_leaves(file))));
    EXPECT_EQ(answers(MUST(Ensemble::from_xgboost(twice))), was) << name;
    if (!std::string_view(name).starts_with("squared")) continue;
    // Mirrored at the base score.
    for (std::size_t i = 1; i < was.size(); ++i)
      EXPECT_NEAR(was[i] + now[i], was[0] + now[0], 1e-4) << name;
  }
  const std::string file = model_file("lightgbm_regression.txt");
  const auto was = answers(MUST(Ensemble::from_lightgbm(file)));
  const auto now = answers(MUST(Ensemble::from_lightgbm(MUST(turn_leaves(file)))));
  for (std::size_t i = 0; i < was.size(); ++i) EXPECT_NEAR(was[i], -now[i], 1e-9);
}

TEST(DrillModel, WhatIsNoTreesIsLeftAlone) {
  for (const char* bytes :
       {"", "{", "{}", "[]", "flavors:\n", R"({"columns": ["a"]})", R"({"learner": []})",
        R"({"learner": {"gradient_booster": {"model": {"trees": []}}}})",
        R"({"learner": {"gradient_booster": {"model": {"trees": [{"left_children": [-1]}]}}}})"}) {
    const auto turned = turn_leaves(bytes);
    ASSERT_FALSE(turned) << bytes;
    EXPECT_EQ(turned.error().code, Code::kFailedPrecondition) << bytes;
  }
}

TEST(DrillTrend, SaysWhatGotBetterAndWorse) {
  const auto verdict = [](const char* name, bool caught, int days) {
    Verdict made{.fault = name, .group = FaultGroup::kInput, .caught = caught};
    if (caught) made.delay = Duration::days(days);
    return made;
  };
  DrillReport then{.endpoint = "sale"}, now{.endpoint = "sale"};
  then.controls.resize(1);
  then.faults = {verdict("a", false, 0), verdict("b", true, 1),    verdict("c", true, 2),
                 verdict("d", true, 1),  verdict("same", true, 1), verdict("gone", true, 1)};
  now.controls.resize(1);
  now.controls[0].alerts = {"wolf"};
  now.faults = {verdict("a", true, 3), verdict("b", false, 0),   verdict("c", true, 1),
                verdict("d", true, 2), verdict("same", true, 1), verdict("new", true, 1)};
  const EarlierDrill earlier = MUST(EarlierDrill::read(base::to_text(then.to_json()), "sale"));
  const Trend trend = compare(now, earlier);
  EXPECT_EQ(trend.grade_was, "B");
  EXPECT_EQ(trend.better, (std::vector<std::string>{"a: was missed, is noticed after 3d",
                                                    "c: was noticed after 2d, is after 1d"}));
  EXPECT_EQ(trend.worse, (std::vector<std::string>{"b: was noticed after 1d, is missed",
                                                   "d: was noticed after 1d, is after 2d",
                                                   "false pages: were 0, are 1"}));
  EXPECT_EQ(trend.not_compared, (std::vector<std::string>{"new", "gone"}));
  const std::string text = show_drill(now, trend);
  EXPECT_NE(text.find("Worse: b: was noticed"), std::string::npos) << text;
}

TEST(DrillTrend, OnlyADrillOfTheEndpointIsCompared) {
  const std::string good = base::to_text(DrillReport{.endpoint = "sale"}.to_json());
  EXPECT_TRUE(EarlierDrill::read(good, "sale"));
  EXPECT_EQ(EarlierDrill::read(good, "other").error().code, Code::kInvalidArgument);
  for (const char* bad : {"", "[]", "{}", "<!doctype html>",
                          R"({"endpoint": "sale", "faults": [1], "grade": "A", "false_pages": 0})"})
    EXPECT_EQ(EarlierDrill::read(bad, "sale").error().code, Code::kInvalidArgument) << bad;
}

constexpr std::string_view kYaml = R"(
project: shop
datasets: {visits: {path: visits.parquet}}
features:
  views: {recent: {source: ended, windows: [7d, 6h, 24h]}, clock: {columns: {hour: h}}}
pipelines:
  train: {params: {bad: 0}, schedule: daily, steps: [{name: a, run: rm -rf /}]}
endpoints:
  sale: {model: "models:/sale@champion", features: sale, shadow: {old: "models:/sale/1"}, release: {delay: 1h}}
  other: {model: "models:/other/1"}
monitors:
  sale-health: {endpoint: sale, alerts: {bad: {metric: auc, route: oncall}}}
  other-health: {endpoint: other}
streams: {s: {}}
routes: {oncall: {slack: "https://example.org"}}
)";

TEST(DrillProject, TheCopyRunsNothingAndReleasesNothing) {
  const ProjectCopy copy = MUST(copy_project(kYaml, "sale", "/models/live", kStart));
  EXPECT_EQ(copy.datasets, std::vector<std::string>{"visits"});
  EXPECT_EQ(copy.monitors, std::vector<std::string>{"sale-health"});
  EXPECT_EQ(copy.service, "sale");
  ASSERT_EQ(copy.views.size(), 1u);
  EXPECT_EQ(copy.views[0].feature, "recent__");
  EXPECT_EQ(copy.views[0].window, Duration::hours(6));
  EXPECT_NE(copy.whole.find("clock: rehearsal"), std::string::npos);
  EXPECT_NE(copy.whole.find("model: /models/live"), std::string::npos);
  for (const char* gone : {"rm -rf", "shadow", "release", "streams", "other", "schedule", "oncall"})
    EXPECT_EQ(copy.whole.find(gone), std::string::npos) << gone;
  EXPECT_EQ(copy.data_only.find("endpoints"), std::string::npos);
  EXPECT_FALSE(copy.retraining);
}

TEST(DrillProject, WhatAnAlertStartsMayHangOrTakeAWhile) {
  const auto copied = [](std::string_view step) {
    return MUST(copy_project(fmt::format(R"(
endpoints: {{sale: {{model: "models:/sale@champion"}}}}
pools: {{gpu: 1}}
pipelines:
  train: {{steps: [{{name: ask, approve: "really?"}}, {}]}}
monitors:
  sale-health: {{endpoint: sale, actions: {{page: {{do: incident}}, again: {{pipeline: train}}}}}}
)",
                                         step),
                             "sale", "/m", kStart));
  };
  const ProjectCopy bare = copied("{name: fit, run: python3 fit.py}");
  ASSERT_TRUE(bare.retraining);
  EXPECT_EQ(bare.retraining->pipeline, "train");
  EXPECT_EQ(bare.retraining->step, "fit");
  EXPECT_FALSE(bare.retraining->timeout);
  EXPECT_NE(bare.stuck.find("run: sleep 3600"), std::string::npos);
  EXPECT_EQ(bare.stuck.find("timeout"), std::string::npos);  // it never ends
  EXPECT_NE(bare.slow.find("run: sleep 2"), std::string::npos);
  const ProjectCopy limited = copied("{name: fit, run: a, timeout: 3h, pool: gpu, slots: 1}");
  EXPECT_EQ(limited.retraining->timeout, Duration::hours(3));
  EXPECT_NE(limited.stuck.find("timeout: 1s"), std::string::npos);
  EXPECT_NE(limited.slow.find("pool: gpu"), std::string::npos);
  EXPECT_EQ(limited.whole.find("sleep"), std::string::npos);
}

TEST(DrillProject, WhatIsMissingIsSaid) {
  EXPECT_EQ(copy_project(kYaml, "nobody", "/m", kStart).error().code, Code::kNotFound);
  EXPECT_EQ(copy_project("endpoints: {sale: {model: m}}", "sale", "/m", kStart).error().code,
            Code::kNotFound);
  EXPECT_EQ(copy_project("a: [", "sale", "/m", kStart).error().code, Code::kInvalidArgument);
  EXPECT_EQ(copy_project("just words", "sale", "/m", kStart).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::cli
