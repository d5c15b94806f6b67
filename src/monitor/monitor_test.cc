// The monitor through its public face: windows, labels that come late, alerts, actions, and going
// on after a restart.
#include "monitor/monitor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/testing/monitor_fixture.h"
#include "store/events.h"

namespace slipway::monitor {
namespace {

using testing::at;
using testing::MonitorTest;

TEST_F(MonitorTest, JudgesADayOnceEnoughLabelsArrived) {
  apply();
  traffic("2013-06-03T00:00:00Z", 200, 100, base::Duration::hours(2));
  EXPECT_EQ(MUST(monitor_->next_due()), at("2013-06-04T00:00:00Z"));
  walk_to("2013-06-03T23:00:00Z");
  EXPECT_EQ(judged_, 0);
  walk_to("2013-06-04T06:00:00Z");
  EXPECT_EQ(judged_, 1);
  // 198 of 200 labels are needed: the 198th request came at 23:38:24 and its label two hours later.
  EXPECT_EQ(moments_.back(), "2013-06-04T01:38:24Z");
  const auto windows = MUST(monitor_->windows("m", {.kind = WindowKind::kDay}));
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].result.variant, "frozen");
  const VariantResult& live = windows[1].result;
  EXPECT_EQ(live.variant, "live");
  EXPECT_EQ(live.rows, 200);
  EXPECT_EQ(live.labels, 198);
  EXPECT_DOUBLE_EQ(live.completeness, 0.99);
  EXPECT_NEAR(live.metrics.at("late_rate"), 100.0 / 198, 1e-12);
  EXPECT_TRUE(windows[1].judged_at.has_value());
}

// A server that was away over a weekend judged Saturday with the labels and corrections of Monday.
TEST_F(MonitorTest, AWindowThatIsJudgedLateIsJudgedByTheSameLabels) {
  apply();
  traffic("2013-06-03T00:00:00Z", 200, 100, base::Duration::hours(2));
  MUST(post(*monitor_, later_));
  MUST(post(*monitor_, {{"2013-06-03T00:00:00Z-0", 0.0, {}, at("2013-06-05T00:00:00Z")}}));
  clock_.set(at("2013-06-09T00:00:00Z"));
  MUST(monitor_->advance(clock_.now()));
  const auto windows = MUST(monitor_->windows("m", {.kind = WindowKind::kDay}));
  const auto first = std::find_if(windows.begin(), windows.end(), [](const auto& window) {
    return window.result.variant == "live" && window.result.rows == 200;
  });
  ASSERT_NE(first, windows.end());
  EXPECT_EQ(first->result.labels, 198);
  EXPECT_NEAR(first->result.metrics.at("late_rate"), 100.0 / 198, 1e-12);
}

TEST_F(MonitorTest, JudgesLateWhenLabelsStayAway) {
  apply();
  traffic("2013-06-03T00:00:00Z", 200, 100, base::Duration::days(9));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(judged_, 0);
  const auto waiting = MUST(monitor_->windows("m", {.kind = WindowKind::kDay}));
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_FALSE(waiting[0].judged_at.has_value());
  EXPECT_EQ(waiting[0].result.completeness, 0);
  walk_to("2013-06-05T00:00:00Z");
  EXPECT_EQ(judged_, 2) << "and the silent day behind it";
  EXPECT_EQ(moments_.back(), "2013-06-05T00:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u) << "without labels the rule says nothing";
}

// A rule that was renamed while its alert was open left it open for ever; and who had heard of an
// alert didn't hear that it was over when the rule had got other routes meanwhile.
TEST_F(MonitorTest, WhoHeardOfAnAlertHearsOfItsEnd) {
  const auto declare = [&](const char* rules) {
    MUST(monitor_->apply(MUST(parse_monitors(fmt::format("monitors:\n  m:\n    endpoint: e\n    "
                                                         "windows: [day]\n    alerts: {{{}}}\n",
                                                         rules))),
                         "test"));
  };
  declare(
      "a: {metric: requests, window: day, over: 10, severity: critical, route: pager}, "
      "b: {metric: requests, window: day, over: 10, route: [pager, chat]}");
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  ASSERT_EQ(MUST(monitor_->alerts({.open_only = true})).size(), 2u);
  declare(
      "a: {metric: requests, window: day, over: 1000, route: chat}, "
      "other: {metric: requests, window: day, over: 10}");
  const auto resolved = [&] {
    std::map<std::string, JsonObject> told;
    for (const auto& event : MUST(store::list_events(*db_, {.kind = "alert.resolved"}))) {
      JsonObject payload = MUST(base::parse_json_object(event.payload));
      const std::string alert(payload.at("alert").as_string());
      told[alert] = std::move(payload);
    }
    return told;
  };
  ASSERT_EQ(resolved().size(), 1u);
  EXPECT_EQ(resolved().at("b").at("routes").as_array().size(), 2u);
  EXPECT_EQ(resolved().at("b").at("reason"), Json("slipway.yaml doesn't declare it any more"));
  traffic("2013-06-05T00:00:00Z", 100, 50, base::Duration::hours(1));
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(resolved().at("a").at("routes"), Json(JsonArray{"pager"}));
  EXPECT_EQ(resolved().at("a").at("severity"), Json("critical"));
  open();
  EXPECT_EQ(MUST(monitor_->alerts({.open_only = true})).size(), 1u);
}

TEST_F(MonitorTest, SkewIsAMetricThatNeedsNoLabels) {
  apply(R"(
  served:
    endpoint: e
    windows: [day]
    complete: {share: 0.99, after: 0s}
    alerts:
      skewed: {metric: skew_rate, window: day, over: 0.01}
)");
  traffic("2013-06-03T00:00:00Z", 200, 100, base::Duration::hours(2));
  traffic("2013-06-04T00:00:00Z", 200, 100, base::Duration::hours(2));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_TRUE(MUST(monitor_->alerts({.monitor = "served"})).empty()) << "nothing was looked at";
  features_.rate = 0.5;
  walk_to("2013-06-05T12:00:00Z");
  const auto alerts = MUST(monitor_->alerts({.monitor = "served"}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].value, 0.5);
}

TEST_F(MonitorTest, TheTickSizeChangesNothing) {
  apply();
  traffic("2013-06-03T00:00:00Z", 200, 100, base::Duration::hours(5));
  traffic("2013-06-04T00:00:00Z", 200, 150, base::Duration::hours(1));
  walk_to("2013-06-06T00:00:00Z");  // one leap
  const auto leap = MUST(monitor_->windows("m", {}));
  ASSERT_EQ(judged_, 3) << "the last one silent";

  store::testing::TempFolder other;
  base::ManualClock clock{at("2013-06-03T00:00:00Z")};
  auto db = MUST(store::open_sqlite({.file = other.path() / "slipway.db"}, wall_, random_));
  MUST(db->migrate({migrations()}));
  auto fine = MUST(
      Monitor::open(*db, clock, {requests_, reference_, actions_, features_, datasets_}, metrics_));
  MUST(fine->apply(monitor_->definitions(), "test"));
  std::vector<Label> labels;
  for (const auto& request : requests_.log) {
    if (request.role != "live") continue;
    for (const Label& label : MUST(monitor_->labels().history("e", request.id)))
      labels.push_back(label);
  }
  for (int minute = 0; minute <= 3 * 24 * 60; minute += 30) {
    const base::Timestamp time = at("2013-06-03T00:00:00Z") + base::Duration::seconds(minute * 60);
    std::vector<Label> known;
    for (const Label& label : labels) {
      if (label.arrival_time <= time && label.arrival_time > time - base::Duration::seconds(1800))
        known.push_back(label);
    }
    MUST(post(*fine, known));
    while (true) {
      const auto due = MUST(fine->next_due());
      if (!due || *due > time) break;
      clock.set(std::max(clock.now(), *due));
      MUST(fine->advance(clock.now()));
    }
    clock.set(time);
  }
  const auto steps = MUST(fine->windows("m", {}));
  ASSERT_EQ(steps.size(), leap.size());
  for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].to_json(), leap[i].to_json());
}

TEST_F(MonitorTest, OneAlertWhileItLastsAndItsActionIsGuarded) {
  std::vector<testing::LoggedRequest> training;
  for (int i = 0; i < 400; ++i) training.push_back({.id = std::to_string(i), .x = i % 10 * 1.0});
  reference_.frame = testing::to_frame(training);
  apply();
  using base::Duration;
  traffic("2013-06-03T00:00:00Z", 100, 50, Duration::hours(1));     // fine
  traffic("2013-06-04T00:00:00Z", 100, 90, Duration::hours(1), 5);  // fires and starts
  traffic("2013-06-05T00:00:00Z", 100, 90, Duration::hours(1), 5);  // still runs
  traffic("2013-06-06T00:00:00Z", 100, 90, Duration::hours(1), 5);  // cooling down
  traffic("2013-06-07T00:00:00Z", 100, 90, Duration::hours(1), 5);  // fires and starts again
  traffic("2013-06-08T00:00:00Z", 100, 50, Duration::hours(1));     // fine: resolved

  walk_to("2013-06-05T12:00:00Z");
  auto alerts = MUST(monitor_->alerts({.monitor = "m"}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_TRUE(alerts[0].is_open());
  EXPECT_NEAR(alerts[0].value, 0.5 - 0.9, 0.02);
  ASSERT_EQ(alerts[0].causes.size(), 1u);
  EXPECT_EQ(alerts[0].causes[0].at("feature").as_string(), "x");
  ASSERT_EQ(actions_.started.size(), 1u);
  EXPECT_EQ(actions_.started[0].pipeline, "train");
  EXPECT_EQ(actions_.started[0].params.at("rounds"), "12");
  EXPECT_EQ(actions_.started[0].as_of, alerts[0].opened_at);
  EXPECT_EQ(MUST(monitor_->health("e")).word, "alert");
  EXPECT_EQ(MUST(monitor_->health("other")).word, "unknown");

  walk_to("2013-06-06T12:00:00Z");
  actions_.outcomes["run-1"] = {ActionOutcome::State::kRefused, "the gate said no"};
  walk_to("2013-06-07T12:00:00Z");
  walk_to("2013-06-08T12:00:00Z");
  alerts = MUST(monitor_->alerts({.monitor = "m"}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].windows, 4);
  ASSERT_EQ(alerts[0].actions.size(), 4u);
  EXPECT_EQ(alerts[0].actions[0].state, "refused");
  EXPECT_EQ(alerts[0].actions[0].reason, "the gate said no");
  EXPECT_EQ(alerts[0].actions[1].state, "skipped");
  EXPECT_EQ(alerts[0].actions[1].reason, "retrain still runs for alert bias: run=run-1");
  EXPECT_EQ(alerts[0].actions[2].state, "skipped");
  EXPECT_NE(alerts[0].actions[2].reason.find("cooling down"), std::string::npos);
  EXPECT_EQ(alerts[0].actions[3].state, "started");
  EXPECT_EQ(alerts[0].main_action()->run_id, "run-2");
  EXPECT_EQ(actions_.started.size(), 2u);

  walk_to("2013-06-09T12:00:00Z");
  alerts = MUST(monitor_->alerts({.monitor = "m"}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_FALSE(alerts[0].is_open());
  EXPECT_EQ(MUST(monitor_->requests_per_day("e", 3)), (std::vector<std::int64_t>{100, 100, 100}));
  EXPECT_EQ(MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"})).size(), 6u);

  std::map<std::string, int> kinds;
  for (const store::Event& event : MUST(store::list_events(*db_, {.limit = 1000})))
    ++kinds[event.kind];
  EXPECT_EQ(kinds["alert.opened"], 1);
  EXPECT_EQ(kinds["alert.resolved"], 1);
  EXPECT_EQ(kinds["action.started"], 2);
  EXPECT_EQ(kinds["action.skipped"], 2);
  EXPECT_EQ(kinds["action.refused"], 1);
  EXPECT_EQ(kinds["monitor.window_judged"], 6);
  EXPECT_EQ(kinds["monitor.created"], 1);
}

TEST_F(MonitorTest, ActionsChangeWhatAnswersOnceConfirmed) {
  declare_actions("[back, page]",
                  "back: {do: rollback, confirmed: 2, min_labels: 10}, page: {do: incident}");
  for (const char* day : {"2013-06-03T00:00:00Z", "2013-06-04T00:00:00Z", "2013-06-05T00:00:00Z"})
    traffic(day, 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  auto actions = MUST(monitor_->alerts({})).at(0).actions;
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0].state, "skipped");
  EXPECT_EQ(actions[0].reason,
            "not confirmed yet: it has fired in 1 of the 2 windows in a row that are asked for");
  EXPECT_EQ(actions[1].state, "done");
  EXPECT_EQ(actions[1].incident, 1);
  // Its own incident stops no alert, until somebody works on it.
  actions_.standing.incident = 1;
  actions_.standing.incident_has_owner = true;
  walk_to("2013-06-05T12:00:00Z");
  actions = MUST(monitor_->alerts({})).at(0).actions;
  EXPECT_EQ(actions[2].reason, "people work on it: incident 1 is open");
  EXPECT_EQ(actions[3].state, "done") << "it is added to";
  actions_.standing.incident_has_owner = false;
  actions_.standing.revision = 7;
  walk_to("2013-06-06T12:00:00Z");
  actions = MUST(monitor_->alerts({})).at(0).actions;
  EXPECT_EQ(actions[4].state, "done");
  EXPECT_EQ(actions[4].revision, 8);
  const ActionRequest& request = actions_.started[2];
  EXPECT_EQ(request.kind, ActionKind::kRollback);
  EXPECT_EQ(request.about_revision, 7);
  EXPECT_TRUE(request.reason.starts_with("alert bias of monitor m: calibration_bias was -0.4"))
      << request.reason;
  EXPECT_EQ(request.bad_since, at("2013-06-03T00:00:00Z"));
}

TEST_F(MonitorTest, WhatWasJudgedMustStillBeInCharge) {
  declare_actions("back", "back: {do: rollback}");
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  actions_.standing.version = 2;
  walk_to("2013-06-04T12:00:00Z");
  const auto actions = MUST(monitor_->alerts({})).at(0).actions;
  EXPECT_EQ(actions.at(0).reason, "version 1 was judged, but version 2 is in charge by now");
  EXPECT_TRUE(actions_.started.empty());
}

TEST_F(MonitorTest, ARefusalIsKeptWithItsReason) {
  declare_actions("back", "back: {do: rollback}");
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  actions_.failure = base::error(Code::kFailedPrecondition, "the endpoint has changed since");
  walk_to("2013-06-04T12:00:00Z");
  const auto actions = MUST(monitor_->alerts({})).at(0).actions;
  EXPECT_EQ(actions.at(0).state, "refused");
  EXPECT_EQ(actions.at(0).reason, "the endpoint has changed since");
}

// As after a kill -9 between the decision and the deed.
TEST_F(MonitorTest, ADecisionIsHandedOverAgainAfterACrash) {
  declare_actions("back", "back: {do: rollback}");
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  ASSERT_EQ(actions_.handed_over, 1);
  MUST(db_->write([](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE monitor_actions SET state = 'starting', finished_at = NULL"));
    return {};
  }));
  open();
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(actions_.handed_over, 2);
  ASSERT_EQ(actions_.started.size(), 1u) << "under the same id";
  EXPECT_EQ(MUST(monitor_->alerts({})).at(0).actions.at(0).state, "done");
}

TEST_F(MonitorTest, ASilencedAlertIsJudgedAndShownButNeitherToldNorActs) {
  declare_actions("back", "back: {do: rollback}");
  const Silence silence =
      MUST(monitor_->add_silence({.matchers = {MUST(parse_matcher("endpoint=e"))},
                                  .starts_at = at("2013-06-03T00:00:00Z"),
                                  .ends_at = at("2013-06-05T06:00:00Z"),
                                  .created_by = "ann",
                                  .comment = "we move"}));
  for (const char* day : {"2013-06-03T00:00:00Z", "2013-06-04T00:00:00Z", "2013-06-05T00:00:00Z"})
    traffic(day, 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  auto alert = MUST(monitor_->alerts({})).at(0);
  EXPECT_TRUE(alert.is_open());
  EXPECT_EQ(alert.quiet->words, "silenced by ann until 2013-06-05T06:00:00Z: we move (silence 1)");
  EXPECT_EQ(alert.actions.at(0).reason, alert.quiet->words);
  EXPECT_TRUE(actions_.started.empty());
  EXPECT_TRUE(MUST(monitor_->told_alerts()).empty());
  const auto routes = [&](const char* kind) {
    JsonArray all;
    for (const auto& event : MUST(store::list_events(*db_, {.kind = kind})))
      all.push_back(MUST(base::parse_json_object(event.payload)).at("routes"));
    return all;
  };
  EXPECT_EQ(routes("alert.opened"), JsonArray{JsonArray()});
  // Its end is due by itself, and told then; the next window acts.
  EXPECT_EQ(MUST(monitor_->next_due()), at("2013-06-05T00:00:00Z"));
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(routes("alert.silence_ended"), JsonArray{JsonArray{"pager"}});
  EXPECT_EQ(MUST(monitor_->told_alerts()).size(), 1u);
  EXPECT_EQ(MUST(store::list_events(*db_, {.kind = "alert.silence_ended"})).at(0).event_time,
            silence.ends_at);
  EXPECT_TRUE(actions_.started.empty());
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(actions_.started.size(), 1u);
  EXPECT_EQ(monitor_->expire_silence(1, "ann").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(monitor_->expire_silence(9, "ann").error().code, Code::kNotFound);
}

TEST_F(MonitorTest, WhatWasResolvedInASilenceIsNeverTold) {
  declare_actions("back", "back: {do: rollback}");
  MUST(monitor_->apply_maintenance(
      MUST(parse_maintenance(
          "maintenance:\n  nights: {from: '00:00', for: 24h, match: alert=bias}")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  traffic("2013-06-04T00:00:00Z", 100, 50, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_TRUE(MUST(monitor_->alerts({})).at(0).quiet.has_value());
  open();
  EXPECT_EQ(monitor_->maintenance().size(), 1u);
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_FALSE(MUST(monitor_->alerts({})).at(0).is_open());
  for (const char* kind : {"alert.opened", "alert.resolved"}) {
    const auto events = MUST(store::list_events(*db_, {.kind = kind}));
    ASSERT_EQ(events.size(), 1u) << kind;
    EXPECT_EQ(MUST(base::parse_json_object(events[0].payload)).at("routes"), Json(JsonArray()));
  }
  EXPECT_EQ(MUST(monitor_->plan_maintenance({})).at(0).change, "deleted");
}

TEST_F(MonitorTest, SomebodyHasSeenAnAlert) {
  declare_actions("back", "back: {do: rollback}");
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  const auto seen = MUST(monitor_->acknowledge(1, "ann", "looking"));
  EXPECT_EQ(seen.acknowledged->by, "ann");
  open();
  EXPECT_EQ(MUST(monitor_->alerts({})).at(0).acknowledged->comment, "looking");
  EXPECT_EQ(monitor_->acknowledge(2, "ann", "").error().code, Code::kNotFound);
}

TEST_F(MonitorTest, ASilenceNeedsAReasonAndAnEnd) {
  const Silence good{.matchers = {MUST(parse_matcher("endpoint=e"))},
                     .starts_at = clock_.now(),
                     .ends_at = clock_.now() + base::Duration::hours(1),
                     .created_by = "ann",
                     .comment = "c"};
  const auto refused = [&](auto change) {
    Silence silence = good;
    change(silence);
    return monitor_->add_silence(silence).error().code;
  };
  EXPECT_EQ(refused([](Silence& s) { s.matchers.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Silence& s) { s.comment.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Silence& s) { s.ends_at = s.starts_at; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Silence& s) {
              s.starts_at = s.starts_at - base::Duration::days(9);
              s.ends_at = s.ends_at - base::Duration::days(8);
            }),
            Code::kInvalidArgument);
  MUST(monitor_->add_silence(good));
  EXPECT_EQ(MUST(monitor_->expire_silence(1, "ann")).state(clock_.now()), "expired");
  EXPECT_TRUE(MUST(monitor_->silences(clock_.now())).empty());
}

TEST_F(MonitorTest, AReopenedMonitorGoesOnExactly) {
  apply();
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(30));
  traffic("2013-06-04T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(judged_, 0);
  open();
  EXPECT_EQ(monitor_->definitions().size(), 1u);
  walk_to("2013-06-04T18:00:00Z");
  EXPECT_EQ(judged_, 0);
  walk_to("2013-06-05T00:30:00Z");  // a day after the end: judged with what there is
  EXPECT_EQ(judged_, 1);
  open();
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(judged_, 2);
  EXPECT_EQ(MUST(monitor_->windows("m", {.variant = "live"})).size(), 2u);
}

TEST_F(MonitorTest, AnActionDecidedBeforeACrashIsHandedOverOnce) {
  apply();
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  ASSERT_EQ(actions_.started.size(), 1u);
  // As if the process had died after the start, before it was written down.
  MUST(db_->write([](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE monitor_actions SET state = 'starting', run_id = NULL"));
    return {};
  }));
  open();
  MUST(monitor_->advance(clock_.now()));
  EXPECT_EQ(actions_.started.size(), 1u) << "the same id starts nothing new";
  EXPECT_EQ(MUST(monitor_->alerts({}))[0].actions[0].run_id, "run-1");
}

TEST_F(MonitorTest, WhatCannotBeStartedIsWrittenDown) {
  apply();
  actions_.failure = base::error(Code::kNotFound, "no such pipeline: name=train");
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  traffic("2013-06-04T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  auto action = MUST(monitor_->alerts({}))[0].actions.at(0);
  EXPECT_EQ(action.state, "failed");
  EXPECT_EQ(action.reason, "could not be started: no such pipeline: name=train");
  const auto told = MUST(base::parse_json_object(
      MUST(store::list_events(*db_, {.kind = "action.failed"})).at(0).payload));
  const JsonObject& about = told.at("alert").as_object();
  EXPECT_EQ(about.at("alert"), Json("bias"));
  EXPECT_EQ(about.at("action").at("reason"), Json(action.reason)) << "who heard of it hears this";
  actions_.failure.reset();
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(actions_.started.size(), 1u) << "a failed start doesn't cool down";
}

TEST_F(MonitorTest, AnObstacleIsTheReason) {
  apply();
  actions_.standing.obstacle = "a release is under way";
  traffic("2013-06-03T00:00:00Z", 100, 90, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({}))[0].actions.at(0).reason, "a release is under way");
}

TEST_F(MonitorTest, AFailingSourceLeavesTheWindowForLater) {
  apply();
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::hours(1));
  MUST(post(*monitor_, later_));
  requests_.failure = base::error(Code::kCorruption, "the file is cut short");
  EXPECT_EQ(monitor_->advance(at("2013-06-04T12:00:00Z")).error().code, Code::kCorruption);
  requests_.failure.reset();
  EXPECT_EQ(MUST(monitor_->advance(at("2013-06-04T12:00:00Z"))).windows, 1);
  reference_.failure = base::error(Code::kNotFound, "no training rows");
  traffic("2013-06-04T00:00:00Z", 100, 50, base::Duration::hours(1));
  EXPECT_EQ(MUST(monitor_->advance(at("2013-06-06T12:00:00Z"))).windows, 2)
      << "without a reference there is no drift, but a verdict; the second is silent";
}

// Nobody was ever answered, and all who asked broke a rule: that is told all the same.
TEST_F(MonitorTest, AFirstWindowOfRefusedRequestsIsTold) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {share: 0}\n    "
          "alerts: {refused: {metric: violation_rate, window: day, over: 0.5, min_rows: 1}}\n")),
      "test"));
  requests_.log.push_back({.id = "a",
                           .event_time = at("2013-06-03T05:00:00Z"),
                           .traffic = "rejected",
                           .broken = R"({"x":"max"})"});
  walk_to("2013-06-06T00:00:00Z");
  const auto days = MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}));
  ASSERT_FALSE(days.empty());
  EXPECT_EQ(days[0].result.violations.rejected, 1);
  EXPECT_EQ(days[0].result.metrics.at("violation_rate"), 1);
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 1u);
}

// An input misspelt under drift: was measured by the rule of all, and nobody was told.
TEST_F(MonitorTest, TellsOfInputsThatTheReferenceDoesntHave) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n"
          "    complete: {share: 0.99, after: 24h}\n"
          "    reference: {from: 2013-03-01, to: 2013-06-01}\n"
          "    drift: {columns: {x: {method: psi}, carier: {method: chi2}}}\n"
          "    alerts: {far: {input: distnce, metric: psi, window: day, over: 0.2}}\n")),
      "test"));
  std::vector<testing::LoggedRequest> rows(200);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].x = static_cast<double>(i % 10);
  const types::Frame logged = testing::to_frame(rows);
  for (const char* input : {"x", "carrier"})
    MUST(reference_.frame.add(*MUST(logged.column(input))));
  for (const char* day : {"2013-06-03T00:00:00Z", "2013-06-04T00:00:00Z"})
    traffic(day, 200, 100, base::Duration::hours(2));
  walk_to("2013-06-05T06:00:00Z");
  const auto days = MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}));
  ASSERT_EQ(days.size(), 2u);
  for (const StoredWindow& day : days) {
    EXPECT_EQ(day.result.drift.size(), 2u);
    EXPECT_EQ(day.result.note, "inputs are named that the reference doesn't have: carier, distnce");
    EXPECT_EQ(base::to_text(day.to_json()["note"]),
              "\"inputs are named that the reference doesn't have: carier, distnce\"");
  }
}

// x and the carrier follow from each other; on the second day no more, and each alone is as before.
TEST_F(MonitorTest, InputsTogetherAreAMetricOfAlerts) {
  const auto logged = [&](const char* day, bool apart) {
    std::vector<testing::LoggedRequest> rows(400);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].id = fmt::format("{}-{}", day, i);
      rows[i].event_time = at(day) + base::Duration::seconds(200 * static_cast<std::int64_t>(i));
      rows[i].x = static_cast<double>((i * 37) % 100);
      rows[i].carrier = (apart ? (i * 53) % 100 : (i * 37) % 100) < 50 ? "UA" : "AA";
    }
    return rows;
  };
  const types::Frame before = testing::to_frame(logged("2013-03-01T00:00:00Z", false));
  for (const char* input : {"x", "carrier"})
    MUST(reference_.frame.add(*MUST(before.column(input))));
  for (const auto& [day, apart] :
       {std::pair("2013-06-03T00:00:00Z", false), {"2013-06-04T00:00:00Z", true}}) {
    for (testing::LoggedRequest& row : logged(day, apart)) requests_.log.push_back(row);
  }
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {share: 0}\n    "
          "reference: {from: 2013-03-01, to: 2013-06-01}\n    drift: {multivariate: {method: "
          "domain_classifier}}\n    alerts: {together: {metric: multivariate_drifted, window: day, "
          "over: 0.5}}\n")),
      "test"));
  walk_to("2013-06-05T06:00:00Z");
  const auto days = MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}));
  ASSERT_EQ(days.size(), 2u);
  for (const StoredWindow& day : days) {
    const bool apart = day.window.start == at("2013-06-04T00:00:00Z");
    EXPECT_EQ(day.result.metrics.at("multivariate_drifted"), apart ? 1 : 0);
    EXPECT_EQ(day.result.metrics.at("multivariate_drift") > 0.65, apart);
    EXPECT_EQ(day.result.metrics.at("drifted_share"), 0);
    EXPECT_EQ(base::to_text(day.result.multivariate.at("columns")), "[\"x\",\"carrier\"]");
    EXPECT_EQ(day.result.note, "");
  }
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].window.start, at("2013-06-04T00:00:00Z"));

  // Too few requests: a note instead.
  std::vector<testing::LoggedRequest> few = logged("2013-06-05T00:00:00Z", false);
  requests_.log.insert(requests_.log.end(), few.begin(), few.begin() + 49);
  walk_to("2013-06-06T06:00:00Z");
  for (const StoredWindow& day :
       MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}))) {
    if (day.window.start < at("2013-06-05T00:00:00Z")) continue;
    EXPECT_EQ(day.result.note,
              "no multivariate drift: too few rows to compare columns together: current_rows=49 at "
              "least=50");
    EXPECT_TRUE(std::isnan(day.result.metrics.at("multivariate_drift")));
  }
}

TEST_F(MonitorTest, EmbeddingsAreAMetricOfAlerts) {
  const auto logged = [&](const char* day, double shift) {
    std::vector<testing::LoggedRequest> rows(60);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].id = fmt::format("{}-{}", day, i);
      rows[i].event_time = at(day) + base::Duration::seconds(1000 * static_cast<std::int64_t>(i));
      rows[i].x = static_cast<double>((i * 37) % 60) / 60 + shift;
    }
    return rows;
  };
  const types::Frame before = testing::to_frame(logged("2013-03-01T00:00:00Z", 0));
  MUST(reference_.frame.add(*MUST(before.column("x"))));
  for (const auto& [day, shift] :
       {std::pair("2013-06-03T00:00:00Z", 0.1), {"2013-06-04T00:00:00Z", 0.3}}) {
    for (testing::LoggedRequest& row : logged(day, shift)) requests_.log.push_back(row);
  }
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {share: 0}\n    "
          "reference: {from: 2013-03-01, to: 2013-06-01}\n    drift: {embeddings: {v: {columns: "
          "[x], method: distance}, w: [x, gone]}}\n    alerts: {vectors: {metric: "
          "embeddings_drifted, window: day, over: 0, min_rows: 10}}\n")),
      "test"));
  walk_to("2013-06-05T06:00:00Z");
  const auto days = MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}));
  ASSERT_EQ(days.size(), 2u);
  for (const StoredWindow& day : days) {
    const bool moved = day.window.start == at("2013-06-04T00:00:00Z");
    EXPECT_EQ(day.result.metrics.at("embeddings_drifted"), moved ? 1 : 0);
    ASSERT_EQ(day.result.embeddings.size(), 1u);
    EXPECT_NEAR(day.result.embeddings[0].as_object().at("score").to_number<double>(),
                moved ? 0.3 : 0.1, 1e-9);
    EXPECT_NE(day.result.note.find("no drift of embedding w: "), std::string::npos)
        << day.result.note;
  }
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].window.start, at("2013-06-04T00:00:00Z"));
}

TEST_F(MonitorTest, LabelsAreIdempotentAndCorrectable) {
  const base::Timestamp t = at("2013-06-03T00:00:00Z");
  const base::Duration hour = base::Duration::hours(1);
  LabelReceipt receipt = MUST(post(*monitor_, {{"a", 1.0, {}, t}, {"b", std::nullopt, {}, t}}));
  EXPECT_EQ(receipt.added, 2);
  receipt = MUST(post(*monitor_, {{"a", 1.0, {}, t}, {"a", 1.0, {}, t + hour}}));
  EXPECT_EQ(receipt.unchanged, 2);
  receipt = MUST(post(*monitor_, {{"a", 0.0, {}, t + hour}}));
  EXPECT_EQ(receipt.corrected, 1);
  EXPECT_EQ(MUST(monitor_->labels().find("e", {"a"}, t)).at("a").value, 1.0);
  EXPECT_EQ(MUST(monitor_->labels().find("e", {"a"}, t + hour)).at("a").value, 0.0);
  EXPECT_TRUE(MUST(monitor_->labels().find("e", {"a"}, t - hour)).empty());
  EXPECT_EQ(MUST(monitor_->labels().history("e", "a")).size(), 2u);
  EXPECT_EQ(MUST(monitor_->labels().count("e", std::nullopt, t + hour)), 1)
      << "b has no value, and a correction is no new example";
  EXPECT_EQ(MUST(monitor_->labels().count("e", t, t + hour)), 0);
  MUST(post(*monitor_, {{"b", 1.0, {}, t + hour}}));
  EXPECT_EQ(MUST(monitor_->labels().count("e", t, t + hour)), 1) << "now it has";

  EXPECT_EQ(post(*monitor_, {{"c", 1.0, {}, t}, {"a", 1.0, {}, t + hour}}).error().code,
            Code::kConflict);
  EXPECT_TRUE(MUST(monitor_->labels().find("e", {"c"}, t)).empty()) << "all or none";
  EXPECT_EQ(post(*monitor_, {{"c", HUGE_VAL, {}, t}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(post(*monitor_, {{"", 1.0, {}, t}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(MUST(post(*monitor_, {})).added, 0);
}

// Labels from 0 to 1 were all there was: of a regression nothing was known but its drift.
TEST_F(MonitorTest, ARegressionIsJudgedOnItsErrors) {
  MUST(monitor_->apply(MUST(parse_monitors(R"(monitors:
  m:
    endpoint: e
    problem: regression
    windows: [day]
    alerts:
      off: {metric: mae, window: day, over: 9, min_rows: 10}
      worst: {metric: absolute_error_p75, window: day, over: 20, min_rows: 10}
)")),
                       "test"));
  for (int i = 0; i < 100; ++i) {
    const base::Timestamp time = at("2013-06-03T00:00:00Z") + base::Duration::seconds(60 * i);
    requests_.log.push_back(
        {.id = fmt::format("{}", i), .event_time = time, .prediction = 100.0 + i});
    later_.push_back({.request_id = fmt::format("{}", i),
                      .value = 90.0 + i + i % 2,
                      .arrival_time = time + base::Duration::hours(i < 60 ? 2 : 5)});
  }
  walk_to("2013-06-04T12:00:00Z");
  const auto days = MUST(monitor_->windows("m", {.variant = "live"}));
  ASSERT_EQ(days.size(), 1u);
  const VariantResult& live = days[0].result;
  EXPECT_EQ(live.labels, 100);
  EXPECT_DOUBLE_EQ(live.metrics.at("mae"), 9.5);
  EXPECT_DOUBLE_EQ(live.metrics.at("mean_error"), 9.5);
  EXPECT_DOUBLE_EQ(live.metrics.at("absolute_error_p75"), 10);
  EXPECT_FALSE(live.metrics.contains("auc"));
  EXPECT_DOUBLE_EQ(live.metrics.at("label_delay_hours_p50"), 2);
  EXPECT_DOUBLE_EQ(live.metrics.at("label_delay_hours_p90"), 5);
  const types::Interval mae = live.intervals.at("mae");
  EXPECT_NEAR(mae.high - mae.low, 2 * 1.96 * 0.5 / 10, 0.01);
  EXPECT_EQ(base::to_text(days[0].to_json().at("intervals").as_object().at("mae")),
            base::to_text(JsonArray{mae.low, mae.high}));
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert, "off");
}

TEST_F(MonitorTest, ALabelOfAnotherKindIsRefusedWithItsRow) {
  const base::Timestamp t = at("2013-06-03T00:00:00Z");
  struct Case {
    const char* problem;
    std::vector<Label> good;
    Label bad;
    const char* reason;
  };
  const Case cases[] = {
      {"problem: binary", {{"a", 0.5, {}, t}}, {"b", 2, {}, t}, "a number from 0 to 1"},
      {"problem: regression", {{"c", -1e9, {}, t}}, {"d", {}, {}, t, "cat"}, "a finite number"},
      {"problem: ranking", {{"e", 3, {}, t}}, {"f", -1, {}, t}, "a relevance"},
      {"problem: multiclass",
       {{"g", {}, {}, t, "cat"}, {"h", 7, {}, t}},
       {"i", 0.5, {}, t},
       "a class's name, or a whole number"},
      {"{problem: multiclass, classes: [cat, dog], endpoint: e}",
       {{"j", {}, {}, t, "cat"}, {"k", 1, {}, t}},
       {"l", {}, {}, t, "cow"},
       "classes=cat, dog"},
  };
  for (const Case& one : cases) {
    const std::string yaml =
        one.problem[0] == '{'
            ? fmt::format("monitors:\n  m: {}\n", one.problem)
            : fmt::format("monitors:\n  m:\n    endpoint: e\n    {}\n", one.problem);
    MUST(monitor_->apply(MUST(parse_monitors(yaml)), "test"));
    std::vector<Label> labels = one.good;
    labels.push_back(one.bad);
    const auto refused = post(*monitor_, labels);
    ASSERT_FALSE(refused) << one.problem;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_NE(refused.error().message.find(one.reason), std::string::npos)
        << refused.error().message;
    EXPECT_NE(refused.error().message.find(fmt::format("row={}", one.good.size())),
              std::string::npos);
    EXPECT_TRUE(MUST(monitor_->labels().find("e", {one.good[0].request_id}, t)).empty())
        << "all or none";
    labels.pop_back();
    labels.push_back({one.bad.request_id, {}, {}, t});  // will never be known
    EXPECT_EQ(MUST(post(*monitor_, labels)).added, std::ssize(labels));
  }
}

TEST_F(MonitorTest, WhatWasLearnedForOneProblemIsForgottenWithIt) {
  const auto stored = [&](const char* table) {
    std::int64_t count = 0;
    MUST(db_->read([&](store::Reader& reader) {
      return reader.query(fmt::format("SELECT COUNT(*) FROM {}", table), {},
                          [&](const store::Row& row) { count = row.int64(0); });
    }));
    return count;
  };
  apply();
  traffic("2013-06-03T00:00:00Z", 300, 150, base::Duration::hours(1));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_GT(stored("monitor_estimators"), 0);
  EXPECT_GT(stored("monitor_baselines"), 0);
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m: {endpoint: e, problem: regression, windows: [day]}\n")),
      "test"));
  EXPECT_EQ(stored("monitor_estimators"), 0);
  EXPECT_EQ(stored("monitor_estimates"), 0);
  EXPECT_EQ(stored("monitor_baselines"), 0);
}

TEST_F(MonitorTest, MonitorsOfOneEndpointReadTheSameLabels) {
  const char* const yaml =
      "monitors:\n  a: {endpoint: e, problem: regression}\n  b: {endpoint: e}\n";
  const auto refused = monitor_->apply(MUST(parse_monitors(yaml)), "test");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("endpoint=e monitors=a, b"), std::string::npos);
  MUST(monitor_->apply(MUST(parse_monitors("monitors:\n  a: {endpoint: e}\n")), "test"));
  EXPECT_FALSE(monitor_->apply(
      MUST(parse_monitors("monitors:\n  b: {endpoint: e, problem: ranking}\n")), "test"));
  MUST(monitor_->apply(MUST(parse_monitors("monitors:\n  a: {endpoint: e, problem: ranking}\n")),
                       "test"));
}

// The usual export of a table of status changes was refused as a whole, again and again.
TEST_F(MonitorTest, OfAnIdThatComesTwiceTheLastLabelCounts) {
  const auto add = [&](const std::vector<LabelDraft>& drafts) {
    return monitor_->add_labels("e", drafts, Monitor::Arrival::kStamped);
  };
  const auto known = [&](const char* id) {
    return MUST(monitor_->labels().find("e", {id}, clock_.now())).at(id).value;
  };
  const LabelDraft yes{.request_id = "a", .value = 1}, no{.request_id = "a", .value = 0};
  const auto receipt = add({yes, {.request_id = "b", .value = 1}, no, yes, no});
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->added, 2);
  EXPECT_EQ(receipt->corrected, 3);
  EXPECT_EQ(known("a"), 0);
  EXPECT_EQ(known("b"), 1);
  EXPECT_EQ(MUST(add({no})).unchanged, 1);
  // The clock of a rehearsal stands.
  EXPECT_EQ(MUST(add({yes})).corrected, 1);
  EXPECT_EQ(MUST(add({no})).corrected, 1);
  clock_.advance(base::Duration::seconds(2));
  EXPECT_EQ(known("a"), 0);
  EXPECT_EQ(MUST(monitor_->labels().history("e", "a")).size(), 6u);
}

TEST_F(MonitorTest, OnlyARehearsalSaysWhenALabelArrived) {
  const LabelDraft plain{.request_id = "a", .value = 1};
  LabelDraft dated = plain;
  dated.arrival_time = at("2013-06-01T00:00:00Z");
  EXPECT_EQ(monitor_->add_labels("e", {dated}, Monitor::Arrival::kStamped).error().code,
            Code::kInvalidArgument);
  MUST(monitor_->add_labels("e", {plain}, Monitor::Arrival::kStamped));
  EXPECT_EQ(MUST(monitor_->labels().history("e", "a"))[0].arrival_time, clock_.now());
  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(MUST(monitor_->add_labels("e", {plain}, Monitor::Arrival::kStamped)).unchanged, 1);
}

TEST_F(MonitorTest, PlanTellsAndApplyDoes) {
  auto definitions = MUST(parse_monitors("monitors: {m: {endpoint: e}}"));
  EXPECT_EQ(MUST(monitor_->plan(definitions))[0].change, "created");
  EXPECT_TRUE(monitor_->definitions().empty());
  EXPECT_EQ(MUST(monitor_->apply(definitions, "a"))[0].change, "created");
  EXPECT_EQ(MUST(monitor_->apply(definitions, "a"))[0].change, "unchanged");
  definitions[0].complete_share = 0.5;
  EXPECT_EQ(MUST(monitor_->plan(definitions))[0].change, "updated");
  EXPECT_EQ(MUST(monitor_->apply(definitions, "a"))[0].change, "updated");
  open();
  EXPECT_EQ(MUST(monitor_->definition("m")).complete_share, 0.5);
  EXPECT_EQ(monitor_->definition("other").error().code, Code::kNotFound);
  EXPECT_EQ(monitor_->windows("other", {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace slipway::monitor
