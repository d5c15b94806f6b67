#include "monitor/definition.h"

#include <gtest/gtest.h>

#include "monitor/metrics.h"
#include "monitor/windows.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr const char* kFlights = R"(project: flights
monitors:
  flight-delay-health:
    endpoint: flight-delay
    windows: [day, week]
    complete: {share: 0.99, after: 24h}
    reference: {from: 2013-03-01T00:00:00Z, to: 2013-06-01T00:00:00Z}
    alerts:
      calibration: {metric: calibration_bias, window: week, abs_over: 0.03, action: retrain}
      log_loss:    {metric: log_loss_ratio, window: week, over: 1.0, action: retrain}
    actions:
      retrain: {pipeline: train-flight-delay, min_labels: 5000, cool_down: 21d}
)";

TEST(Definition, ReadsTheFlights) {
  const auto monitors = MUST(parse_monitors(kFlights));
  ASSERT_EQ(monitors.size(), 1u);
  const MonitorDefinition& monitor = monitors[0];
  EXPECT_EQ(monitor.name, "flight-delay-health");
  EXPECT_EQ(monitor.endpoint, "flight-delay");
  EXPECT_EQ(monitor.windows, (std::vector{WindowKind::kDay, WindowKind::kWeek}));
  EXPECT_EQ(monitor.complete_share, 0.99);
  EXPECT_EQ(monitor.complete_after, base::Duration::days(1));
  ASSERT_EQ(monitor.alerts.size(), 2u);
  EXPECT_EQ(monitor.alerts[0].abs_over, 0.03);
  EXPECT_TRUE(monitor.alerts[0].fires(-0.04));
  EXPECT_FALSE(monitor.alerts[0].fires(0.03));
  EXPECT_EQ(monitor.find_action("retrain")->cool_down, base::Duration::days(21));
  EXPECT_EQ(monitor.find_action("retrain")->min_labels, 5000);
}

TEST(Definition, ItsJsonReadsBackAsItself) {
  MonitorDefinition monitor = MUST(parse_monitors(kFlights))[0];
  monitor.time_zone = "America/New_York";
  monitor.week_starts = "saturday";
  monitor.actions[0].params = {{"train_days", "90"}};
  EXPECT_EQ(MUST(parse_monitor(monitor.name, base::to_text(monitor.to_json()))), monitor);
}

TEST(Definition, ARuleMayGoWithoutAThreshold) {
  const AlertRule rule =
      MUST(parse_alert("a", "{metric: requests, window: day, unusual: low, under: 10}"));
  EXPECT_EQ(rule.unusual, Unusual::kLow);
  EXPECT_EQ(rule.under, 10) << "until it knows what is usual";
  MonitorDefinition monitor = MUST(parse_monitors(kFlights))[0];
  monitor.windows = {WindowKind::kDay, WindowKind::kWeek};
  monitor.alerts.push_back(rule);
  EXPECT_EQ(MUST(parse_monitor(monitor.name, base::to_text(monitor.to_json()))), monitor);
  for (const char* wrong :
       {"{metric: requests, window: day, unusual: up}", "{metric: requests, window: day}",
        "{metric: requests, window: day, unusual: low, under: 1, over: 2}"}) {
    EXPECT_FALSE(parse_alert("a", wrong)) << wrong;
  }
}

TEST(Definition, OtherPartsAreNotLookedAt) {
  EXPECT_TRUE(MUST(parse_monitors("endpoints: {a: [nonsense]}\n")).empty());
  EXPECT_TRUE(MUST(parse_monitors("")).empty());
}

TEST(Definition, DriftMethodsPerInput) {
  const auto monitors =
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    drift:\n      method: evidently\n "
                          "     threshold: 0.2\n"
                          "      columns:\n        a: {method: ks}\n        b: {threshold: 0.3}\n  "
                          "n: {endpoint: e}\n"));
  const DriftRules& rules = monitors.at(0).drift;
  EXPECT_EQ(rules.of("c"), (DriftRule{.method = "evidently", .threshold = 0.2}));
  EXPECT_EQ(rules.of("a"), (DriftRule{.method = "ks"}));
  EXPECT_EQ(rules.of("b"), (DriftRule{.method = "evidently", .threshold = 0.3}));
  EXPECT_FALSE(rules.prediction);
  const MonitorDefinition predicting = MUST(parse_monitor(
      "m", "{endpoint: e, drift: {method: evidently, prediction: {threshold: 0.2}}}"));
  EXPECT_EQ(predicting.drift.prediction, (DriftRule{.method = "evidently", .threshold = 0.2}));
  EXPECT_EQ(MUST(parse_monitor("m", base::to_text(predicting.to_json()))), predicting);
  EXPECT_EQ(monitors.at(1).drift, DriftRules());
  EXPECT_EQ(MUST(parse_monitor("m", base::to_text(monitors.at(0).to_json()))), monitors.at(0));
}

TEST(Definition, Embeddings) {
  const auto monitors = MUST(parse_monitors(
      "monitors:\n  m: {endpoint: e, drift: {embeddings: {a: [x, y], b: {columns: [z], method: "
      "ratio, threshold: 0.3}}}}\n"));
  const auto& embeddings = monitors.at(0).drift.embeddings;
  EXPECT_EQ(embeddings.at("a"), (EmbeddingInputs{.columns = {"x", "y"}}));
  EXPECT_EQ(embeddings.at("b"),
            (EmbeddingInputs{.columns = {"z"}, .method = "ratio", .threshold = 0.3}));
  EXPECT_EQ(MUST(parse_monitor("m", base::to_text(monitors.at(0).to_json()))), monitors.at(0));
}

TEST(Definition, InputsTogether) {
  const auto monitors = MUST(parse_monitors(
      "monitors:\n  m: {endpoint: e, drift: {method: ks, multivariate: {method: mmd, threshold: "
      "0.01, columns: [a, b], rows: 500}}}\n"));
  const DriftRules& rules = monitors.at(0).drift;
  EXPECT_EQ(rules.multivariate,
            (MultivariateRule{
                .method = "mmd", .threshold = 0.01, .columns = {"a", "b"}, .rows_max = 500}));
  EXPECT_EQ(MUST(parse_monitor("m", base::to_text(monitors.at(0).to_json()))), monitors.at(0));
}

TEST(Definition, TheProblemReadsBackAndItsAlertsSayWhatIsMeasured) {
  const auto monitors = MUST(parse_monitors(R"(monitors:
  shown:
    endpoint: e
    problem: ranking
    group: query
    alerts: {a: {metric: ndcg@3, window: day, under: 0.5}, b: {metric: recall@10, window: day, under: 0.5}}
  kinds: {endpoint: f, problem: multiclass, classes: [cat, dog, "3"]}
  price:
    endpoint: g
    problem: regression
    alerts: {a: {metric: absolute_error_p95, window: day, over: 4}}
)"));
  for (const MonitorDefinition& monitor : monitors)
    EXPECT_EQ(MUST(parse_monitor(monitor.name, base::to_text(monitor.to_json()))), monitor);
  EXPECT_EQ(monitors.at(0).quality().places, (std::vector<int>{5, 10, 3}));
  EXPECT_EQ(monitors.at(0).problem.group, "query");
  EXPECT_EQ(monitors.at(1).problem.classes, (std::vector<std::string>{"cat", "dog", "3"}));
  EXPECT_EQ(monitors.at(2).quality().percentiles, (std::vector<int>{50, 90, 99, 95}));
  EXPECT_TRUE(needs_labels("ndcg@3") && needs_labels("absolute_error_p95") && needs_labels("mae"));
  EXPECT_FALSE(needs_labels("ndcg@") || needs_labels("requests"));
}

TEST(Definition, MistakesAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"monitors:\n  m: {windows: [day]}\n",
       "line 2, column 6: monitor m needs a key: key=endpoint"},
      {"monitors:\n  m:\n    endpoint: e\n    window: [day]\n",
       "line 4, column 5: monitor m has no such key: key=window"},
      {"monitors:\n  m: {endpoint: e, windows: [year]}\n", "line 2, column 30: no such window"},
      {"monitors:\n  m: {endpoint: e, windows: [day, day]}\n", "comes twice"},
      {"monitors:\n  m: {endpoint: e, windows: []}\n", "at least one window"},
      {"monitors:\n  m: {endpoint: e, time_zone: Mars/North}\n", "no such time zone"},
      {"monitors:\n  m: {endpoint: e, week_starts: Mon}\n", "must be a weekday"},
      {"monitors:\n  m: {endpoint: e, complete: {share: 1.5}}\n", "must be between 0 and 1"},
      {"monitors:\n  m: {endpoint: e, reference: {from: 2013-06-01, to: 2013-03-01}}\n",
       "must end after it begins"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: exactness, window: day, over: 1}}}\n",
       "no such metric of a binary problem: metric=exactness"},
      {"monitors:\n  m: {endpoint: e, problem: guess}\n",
       "line 2, column 29: no such problem: problem=guess known=binary, regression, multiclass"},
      {"monitors:\n  m: {endpoint: e, problem: ranking, alerts: {a: {metric: auc, window: day, "
       "over: 1}}}\n",
       "no such metric of a ranking problem: metric=auc known=ndcg@K, map@K"},
      {"monitors:\n  m: {endpoint: e, problem: ranking, alerts: {a: {metric: ndcg@0, window: day, "
       "over: 1}}}\n",
       "no such metric of a ranking problem: metric=ndcg@0"},
      {"monitors:\n  m: {endpoint: e, problem: ranking, alerts: {a: {metric: ndcg@K, window: day, "
       "over: 1}}}\n",
       "no such metric of a ranking problem: metric=ndcg@K"},
      {"monitors:\n  m: {endpoint: e, problem: regression, alerts: {a: {metric: "
       "absolute_error_p100, window: day, over: 1}}}\n",
       "no such metric of a regression problem: metric=absolute_error_p100 known=mae"},
      {"monitors:\n  m: {endpoint: e, classes: [a, b]}\n", "only a multiclass problem has classes"},
      {"monitors:\n  m: {endpoint: e, problem: multiclass, classes: [a, a]}\n", "each once"},
      {"monitors:\n  m: {endpoint: e, problem: multiclass, group: q}\n",
       "only a ranking problem has a group"},
      {"monitors:\n  m: {endpoint: e, problem: ranking, detectors: {a: {method: adwin, of: "
       "error}}}\n",
       "a row of a ranking has no error"},
      {"monitors:\n  m: {endpoint: e, problem: regression, detectors: {a: {method: ddm, of: "
       "error}}}\n",
       "ddm takes errors of 0 or 1"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: auc, window: day}}}\n",
       "exactly one of over, under and abs_over"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: auc, window: day, over: 1, under: "
       "0}}}\n",
       "exactly one of"},
      {"monitors:\n  m: {endpoint: e, windows: [day], alerts: {a: {metric: auc, window: week, "
       "over: 1}}}\n",
       "the monitor has no such window: window=week"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: auc, window: day, over: 1, action: "
       "go}}}\n",
       "the monitor has no such action: action=go"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {min_labels: 5}}}\n",
       "action a needs exactly one of pipeline and do"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {pipeline: p, cool_down: long}}}\n",
       "line 2, column 58: not a duration"},
      {"monitors:\n  m: {endpoint: e, drift: {prediction: {method: kss}}}\n",
       "line 2, column 49: no such drift method: method=kss"},
      {"monitors:\n  m: {endpoint: e, drift: {prediction: {method: chi2}}}\n",
       "the model of a binary problem answers numbers, and the drift method takes none: "
       "method=chi2"},
      {"monitors:\n  m: {endpoint: e, problem: multiclass, drift: {method: ks, prediction: "
       "{threshold: 1}}}\n",
       "answers classes, and the drift method takes none: method=ks"},
      {"monitors:\n  m: {endpoint: e, drift: {prediction: {mehtod: ks}}}\n", "mehtod"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: prediction_drifted, window: day, over: "
       "0}}}\n",
       "say one in `drift: {prediction: {method: NAME}}`: metric=prediction_drifted"},
      {"monitors:\n  m: {endpoint: e, drift: {method: kss}}\n",
       "line 2, column 36: no such drift method: method=kss"},
      {"monitors:\n  m: {endpoint: e, drift: {columns: {a: {treshold: 1}}}}\n",
       "column a has no such key: key=treshold"},
      {"monitors:\n  m: {endpoint: e, drift: {threshold: -1}}\n", "must be between 0"},
      {"monitors:\n  m: {endpoint: e, drift: {embeddings: {a: []}}}\n",
       "embedding a needs at least one column"},
      {"monitors:\n  m: {endpoint: e, drift: {embeddings: {a: {columns: [x], method: tsne}}}}\n",
       "no such embedding method: method=tsne"},
      {"monitors:\n  m: {endpoint: e, drift: {multivariate: {method: pca}}}\n",
       "line 2, column 51: no such multivariate method: method=pca known=reconstruction_error"},
      {"monitors:\n  m: {endpoint: e, drift: {multivariate: {threshold: 1}}}\n",
       "multivariate needs a key: key=method"},
      {"monitors:\n  m: {endpoint: e, drift: {multivariate: {method: mmd, rows: 10}}}\n",
       "must be between 50 and 100000: 10"},
      {"monitors:\n  m: {endpoint: e, estimate: {rows: 99}}\n",
       "must be between 100 and 50000: 99"},
      {"monitors:\n  m: {endpoint: e, estimate: {threshold: 1.5}}\n", "must be between 0 and 1"},
      {"monitors:\n  m: {endpoint: e, estimate: {row: 200}}\n",
       "estimate has no such key: key=row"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: explode}}}\n",
       "no such action: do=explode known=hold, rollback, fallback, incident"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: pipeline}}}\n", "a pipeline is named"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: fallback}}}\n", "needs a key: key=model"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: hold, confirmed: 0}}}\n", "confirmed"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: hold, with_open_incident: ask}}}\n",
       "must be refuse or act"},
      {"monitors:\n  m: {endpoint: e, actions: {a: {do: hold, pipeline: p}}}\n", "exactly one"},
      {"monitors:\n  m: {endpoint: e, detectors: {a: {method: adwim, of: prediction}}}\n",
       "no such detector: method=adwim"},
      {"monitors:\n  m: {endpoint: e, detectors: {a: {method: ddm, of: prediction}}}\n",
       "ddm takes errors"},
      {"monitors:\n  m: {endpoint: e, detectors: {a: {method: adwin, of: x}}}\n",
       "`inputs.NAME`: x"},
      {"monitors:\n  m: {endpoint: e, detectors: {a: {method: adwin, of: error, bound: 1}}}\n",
       "no such key: key=bound"},
      {"monitors:\n  m: {endpoint: e, detectors: {a: {method: page_hinkley, of: error, mode: "
       "left}}}\n",
       "mode of page_hinkley must be one of both, up, down: left"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: auc, window: day, over: 1}}, detectors: "
       "{a: {method: adwin, of: error}}}\n",
       "an alert of the monitor has that name"},
      {"monitors:\n  m: {endpoint: e, windows: [minute]}\n",
       "no such window: window=minute known=hour, day, week, month"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: dataset_age_hours_max, window: day, "
       "over: "
       "26}}}\n",
       "the monitor watches no dataset: name some in `datasets`, a list of the monitor"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: psi, window: day, over: 1}}}\n",
       "psi is of one input: say which (input: NAME)"},
      {"monitors:\n  m: {endpoint: e, alerts: {a: {metric: auc, input: x, window: day, over: "
       "1}}}\n",
       "no such metric of an input: metric=auc known=missing_rate, unseen_rate, psi, drift_score, "
       "drifted, violation_rate"},
      {"monitors:\n  m: {endpoint: e, slices: [x], alerts: {a: {metric: psi, input: y, slice: x=1, "
       "window: day, over: 1}}}\n",
       "either an input or a slice, not both"},
      {"monitors: [m]\n", "line 1, column 11: expected a mapping"},
  };
  for (const auto& [text, message] : cases) {
    const auto got = parse_monitors(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, Code::kInvalidArgument);
    EXPECT_NE(got.error().message.find(message), std::string::npos) << text << "\n"
                                                                    << got.error().message;
  }
}

TEST(Definition, ActionsDoMoreThanStartPipelines) {
  const auto monitors = MUST(parse_monitors(R"(monitors:
  m:
    endpoint: e
    alerts:
      a: {metric: auc, window: week, under: 0.7, action: [back, page]}
      b: {metric: auc, window: week, under: 0.6, action: simple}
    actions:
      back: {do: rollback, confirmed: 2, cool_down: 1d}
      page: {do: incident}
      simple: {do: fallback, model: models:/m/1, with_open_incident: act}
      stop: {do: hold}
)"));
  const MonitorDefinition& monitor = monitors.at(0);
  EXPECT_EQ(monitor.alerts[0].actions, (std::vector<std::string>{"back", "page"}));
  EXPECT_EQ(monitor.find_action("back")->kind, ActionKind::kRollback);
  EXPECT_EQ(monitor.find_action("back")->confirmed, 2);
  EXPECT_EQ(monitor.find_action("back")->max_missing_rise, 0.25);
  EXPECT_EQ(monitor.find_action("simple")->model, "models:/m/1");
  EXPECT_EQ(monitor.find_action("simple")->max_missing_rise, 1);
  EXPECT_TRUE(monitor.find_action("simple")->despite_incident);
  EXPECT_EQ(MUST(parse_monitor("m", base::to_text(monitor.to_json()))), monitor);
}

Window window_at(const char* zone, const char* week_starts, WindowKind kind, const char* time) {
  return MUST(Calendar::create(zone, week_starts))
      .window_of(kind, MUST(types::parse_rfc3339(time)));
}

TEST(Calendar, DaysWeeksAndMonths) {
  struct Case {
    const char *zone, *week_starts;
    WindowKind kind;
    const char *time, *start, *end;
  };
  using enum WindowKind;
  const Case cases[] = {
      {"UTC", "monday", kDay, "2013-06-01T04:00:00Z", "2013-06-01T00:00:00Z",
       "2013-06-02T00:00:00Z"},
      {"UTC", "monday", kDay, "2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z",
       "2013-06-02T00:00:00Z"},
      {"UTC", "monday", kWeek, "2013-06-01T04:00:00Z", "2013-05-27T00:00:00Z",
       "2013-06-03T00:00:00Z"},
      {"UTC", "saturday", kWeek, "2013-06-01T04:00:00Z", "2013-06-01T00:00:00Z",
       "2013-06-08T00:00:00Z"},
      {"UTC", "sunday", kWeek, "2013-06-01T04:00:00Z", "2013-05-26T00:00:00Z",
       "2013-06-02T00:00:00Z"},
      {"America/New_York", "saturday", kWeek, "2013-06-01T04:00:00Z", "2013-06-01T04:00:00Z",
       "2013-06-08T04:00:00Z"},
      {"America/New_York", "monday", kDay, "2013-06-01T03:59:59Z", "2013-05-31T04:00:00Z",
       "2013-06-01T04:00:00Z"},
      // The clocks change: 25 hours in autumn, 23 in spring.
      {"America/New_York", "monday", kDay, "2013-11-03T12:00:00Z", "2013-11-03T04:00:00Z",
       "2013-11-04T05:00:00Z"},
      {"America/New_York", "monday", kDay, "2013-03-10T12:00:00Z", "2013-03-10T05:00:00Z",
       "2013-03-11T04:00:00Z"},
      {"America/New_York", "monday", kMonth, "2013-11-30T12:00:00Z", "2013-11-01T04:00:00Z",
       "2013-12-01T05:00:00Z"},
      {"UTC", "monday", kMonth, "2012-12-31T23:59:59Z", "2012-12-01T00:00:00Z",
       "2013-01-01T00:00:00Z"},
      {"UTC", "monday", kWeek, "1969-12-31T00:00:00Z", "1969-12-29T00:00:00Z",
       "1970-01-05T00:00:00Z"},
      {"UTC", "monday", kHour, "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z",
       "1970-01-01T00:00:00Z"},
      {"Asia/Kolkata", "monday", kHour, "2013-06-01T04:29:59Z", "2013-06-01T03:30:00Z",
       "2013-06-01T04:30:00Z"},
      // The hour that comes twice is two windows.
      {"America/New_York", "monday", kHour, "2013-11-03T05:59:59Z", "2013-11-03T05:00:00Z",
       "2013-11-03T06:00:00Z"},
      {"America/New_York", "monday", kHour, "2013-11-03T06:00:00Z", "2013-11-03T06:00:00Z",
       "2013-11-03T07:00:00Z"},
  };
  for (const Case& c : cases) {
    const Window window = window_at(c.zone, c.week_starts, c.kind, c.time);
    EXPECT_EQ(types::to_rfc3339(window.start), c.start) << c.zone << " " << c.time;
    EXPECT_EQ(types::to_rfc3339(window.end), c.end) << c.zone << " " << c.time;
  }
}

TEST(Definition, AlertsThatNobodyIsToldOf) {
  const auto untold = [](const char* parts) {
    return untold_alerts(MUST(parse_monitors(
        std::string("monitors:\n  m:\n    endpoint: e\n    windows: [day]\n") + parts)));
  };
  EXPECT_TRUE(untold("").empty());
  EXPECT_TRUE(untold("    alerts: {a: {metric: requests, window: day, under: 1, route: r}, "
                     "b: {metric: requests, window: day, under: 1, severity: info}}\n")
                  .empty());
  const auto told = untold(
      "    alerts: {a: {metric: requests, window: day, under: 1}}\n"
      "    detectors: {d: {method: adwin, of: prediction}}\n");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NE(told[0].find("monitor m: nobody is told when these open, as they name no route: a, d"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::monitor
