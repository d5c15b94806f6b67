// Which rules lose their past when a monitor is declared otherwise.
#include "monitor/watched_parts.h"

#include <gtest/gtest.h>

#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

// With `change`: a line more, or "OLD=>NEW".
MonitorDefinition declared(const std::string& change) {
  std::string text = R"(monitors:
  m:
    endpoint: e
    windows: [day, week]
    slices: [{name: far, when: "x > 2"}, {name: near, when: "x < 1"}]
    alerts:
      requests: {metric: requests, window: day, unusual: high}
      weekly: {metric: requests, window: week, unusual: high}
      drifted: {metric: drifted_share, window: day, unusual: high}
      right: {metric: accuracy, window: day, unusual: low}
      expected: {metric: estimated_accuracy, window: day, unusual: low}
      far: {metric: auc, slice: far, window: day, unusual: low}
      near: {metric: auc, slice: near, window: day, unusual: low}
      said: {metric: prediction_drift, window: day, unusual: high}
    drift: {prediction: {method: psi}}
)";
  const std::size_t arrow = change.find("=>");
  if (arrow == std::string::npos) {
    text += "    " + change + "\n";
  } else {
    const std::size_t found = text.find(change.substr(0, arrow));
    CHECK(found != std::string::npos);
    text.replace(found, arrow, change.substr(arrow + 2));
  }
  return MUST(parse_monitors(text)).at(0);
}

TEST(WatchedParts, ARuleWhosePartsDidNotChangeKeepsItsPast) {
  struct Case {
    const char* name;
    const char* change;
    std::set<std::string> forgotten;
  };
  const std::set<std::string> all = {"requests", "weekly", "drifted", "right",
                                     "expected", "far",    "near",    "said"};
  const Case cases[] = {
      {"nothing", "", {}},
      {"the endpoint", "endpoint: e=>endpoint: other", all},
      {"the time zone", "time_zone: America/New_York", all},
      {"the weekday", "week_starts: sunday", {"weekly"}},
      {"the reference", "reference: {from: 2013-03-01, to: 2013-06-01}", {"drifted"}},
      {"how drift is measured", "drift: {pred=>drift: {threshold: 0.3, pred", {"drifted"}},
      {"how predictions are measured", "method: psi=>method: ks", {"said"}},
      {"from when on it is drift", "method: psi=>method: psi, threshold: 0.2", {"said"}},
      {"the threshold", "estimate: {threshold: 0.3}", {"right", "expected"}},
      {"the rows of estimates", "estimate: {rows: 300}", {"expected"}},
      {"a slice", "x > 2=>x > 3", {"far"}},
      {"a metric", "metric: drifted_share=>metric: missing_rate", {"drifted"}},
      {"a window", "requests, window: day=>requests, window: week", {"requests"}},
      {"a side", "unusual: high=>unusual: both", {}},
      {"rows", "metric: accuracy=>min_rows: 7, metric: accuracy", {}},
      {"a name", "near: {metric=>nearby: {metric", {"near"}},
      {"when it is complete", "complete: {share: 0.5, after: 3d}", {}},
  };
  const MonitorDefinition before = declared("");
  for (const Case& one : cases) {
    const MonitorDefinition now = declared(one.change);
    const WatchedParts changed = changed_parts(before, now);
    std::set<std::string> forgotten;
    for (const AlertRule& rule : before.alerts) {
      if (!keeps_its_past(rule, now, changed)) forgotten.insert(rule.name);
    }
    EXPECT_EQ(forgotten, one.forgotten) << one.name;
  }
}

TEST(WatchedParts, AWindowThatWasCutShortIsNotWhole) {
  const auto at = [](const char* text) { return MUST(types::parse_rfc3339(text)); };
  const Calendar calendar = MUST(Calendar::create("America/New_York", "monday"));
  EXPECT_EQ(first_whole_window(calendar, WindowKind::kDay, at("2013-06-03T00:00:00Z")),
            at("2013-06-03T04:00:00Z"));
  EXPECT_EQ(first_whole_window(calendar, WindowKind::kDay, at("2013-06-03T04:00:00Z")),
            at("2013-06-03T04:00:00Z"));
}

}  // namespace
}  // namespace slipway::monitor
