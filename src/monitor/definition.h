// What the `monitors:` part of slipway.yaml says; docs/formats in README.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/detectors/detector.h"
#include "monitor/drift/rules.h"
#include "monitor/estimate/estimator.h"
#include "monitor/quality.h"
#include "monitor/slices/declared_slice.h"
#include "types/yaml_reader.h"

namespace slipway::monitor {

enum class WindowKind { kHour, kDay, kWeek, kMonth };  // the shortest first
constexpr WindowKind kWindowKinds[] = {WindowKind::kHour, WindowKind::kDay, WindowKind::kWeek,
                                       WindowKind::kMonth};
std::string_view window_name(WindowKind kind);           // "hour", "day", "week", "month"
Result<WindowKind> parse_window(std::string_view name);  // kInvalidArgument

// On which side of what a metric usually is a window stands out.
enum class Unusual { kHigh, kLow, kBoth };
std::string_view unusual_name(Unusual side);  // "high", "low", "both"

// A condition on one metric of the live variant in one kind of window: exactly one of the three
// bounds; or `unusual`, where a bound beside it holds for as long as it isn't known what is usual.
struct AlertRule {
  std::string name;
  std::string metric;
  std::string slice;  // a declared one; empty: all rows
  std::string input;  // that the metric is of; empty: of all together
  WindowKind window = WindowKind::kWeek;
  std::optional<double> over;      // fires above it
  std::optional<double> under;     // fires below it
  std::optional<double> abs_over;  // fires when the absolute value is above it
  std::optional<Unusual> unusual;  // fires when it stands out of its own history (budget/unusual.h)
  // Fewer rows (labelled ones, where the metric needs labels): not judged. Unless it is declared, 0
  // for metrics that a window without any request has, too.
  std::int64_t min_rows = 100;
  std::vector<std::string> actions;  // in this order; empty: only tells
  std::string severity = "warning";  // critical | warning | info
  std::vector<std::string> routes;   // of slipway.yaml, that hear of it

  std::string watched() const;  // "auc", "auc of long-haul", "missing_rate of distance"
  bool has_bound() const { return over || under || abs_over; }
  double threshold() const;  // the bound; 0: there is none
  bool fires(double value) const;
  bool operator==(const AlertRule&) const = default;
};

// True when what it watches is known when a window is over, estimates included: judged then,
// without waiting for labels. Completeness is about labels; skew and attributions are measured a
// while later, and slices with the labels.
bool is_known_when_over(const AlertRule& rule);

// What an alert may do.
enum class ActionKind {
  kPipeline,  // starts a run
  kHold,      // takes back a release that is under way, and stops following the alias
  kRollback,  // puts the last good revision back
  kFallback,  // puts a declared model in charge
  kIncident,  // opens an incident, or adds to the one there is
};
std::string_view action_kind_name(ActionKind kind);  // "pipeline", "hold", ...
Result<ActionKind> parse_action_kind(std::string_view name);

// An action, and what must hold before it acts.
struct ActionRule {
  std::string name;
  ActionKind kind = ActionKind::kPipeline;
  std::string pipeline;  // of kPipeline
  std::map<std::string, std::string> params;
  std::string model;            // of kFallback: a model URI
  std::int64_t confirmed = 1;   // windows in a row in which the alert has fired
  std::int64_t min_labels = 0;  // labels that arrived since this action last started (or ever)
  base::Duration cool_down;     // since this action last started
  double max_missing_rise =
      0.25;  // of any input against the reference: beyond it the data isn't clean
  bool despite_incident = false;  // acts while people work on an incident of the endpoint
  bool operator==(const ActionRule&) const = default;
};

// A detector over what an endpoint answers (detectors/detections.h).
struct DetectorRule {
  std::string name;
  std::string method;                // of detectors/detector.h
  std::string of;                    // "prediction", "error" or "inputs.NAME"
  DetectorParameters parameters;     // those that were said
  std::vector<std::string> actions;  // in this order; empty: only tells
  std::string severity = "warning";
  std::vector<std::string> routes;

  bool shares_budget() const;  // holds its chance, and doesn't say which (budget/alarm_budget.h)
  JsonObject to_json() const;
  bool operator==(const DetectorRule&) const = default;
};

struct MonitorDefinition {
  std::string name;
  std::string endpoint;
  ProblemRules problem;  // what its model is asked for
  std::vector<WindowKind> windows = {WindowKind::kDay, WindowKind::kWeek};
  std::string time_zone = "UTC";  // where days and weeks begin
  std::string week_starts = "monday";
  double complete_share = 0.99;  // a window is judged once this share of its requests has a label,
  base::Duration complete_after = base::Duration::hours(24);  // or this long after its end
  std::optional<base::Timestamp>
      reference_from;  // training rows that drift is measured against; unset: none
  std::optional<base::Timestamp> reference_to;
  DriftRules drift;             // how inputs are measured against the reference
  double cause_psi_over = 0.1;  // an input is named as a cause from this on
  std::int64_t causes_max = 5;
  EstimateRules estimate;  // how performance is estimated before labels come
  std::vector<DeclaredSlice> slices;
  std::vector<std::string> datasets;  // whose age is watched
  std::vector<AlertRule> alerts;
  std::vector<DetectorRule> detectors;
  std::vector<ActionRule> actions;

  const ActionRule* find_action(std::string_view action) const;
  QualityRules quality() const;  // the numbers that alerts name included
  JsonObject to_json() const;  // in the shape of slipway.yaml, so that parse_monitor reads it back
  bool operator==(const MonitorDefinition&) const = default;
};

// Reads the `monitors:` part of a whole slipway.yaml; other parts are not looked at, and no such
// part means no monitors. kInvalidArgument with line and column.
Result<std::vector<MonitorDefinition>> parse_monitors(const types::YamlSource& slipway_yaml);

// Of each monitor whose alerts, but for those of severity info, name no route: a sentence that says
// so.
std::vector<std::string> untold_alerts(const std::vector<MonitorDefinition>& definitions);

// Reads one alert's mapping, `{metric: auc, window: week, under: 0.7}`, of a monitor of such a
// problem. kInvalidArgument with line and column.
Result<AlertRule> parse_alert(const std::string& name, std::string_view text,
                              Problem problem = Problem::kBinary);

// Reads one monitor's mapping: YAML, or the JSON of to_json().
Result<MonitorDefinition> parse_monitor(const std::string& name, std::string_view text);

}  // namespace slipway::monitor
