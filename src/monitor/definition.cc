#include "monitor/definition.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "monitor/definition_drift.h"
#include "monitor/metrics.h"
#include "monitor/windows.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using types::YamlMap;
using types::YamlNode;

// Fewer rows say nothing about a calibration; more don't make it better and are kept until it is
// made.
constexpr double kEstimateRowsMin = 100, kEstimateRowsMax = 50'000;

Result<WindowKind> read_window(const YamlNode& node) {
  auto kind = parse_window(TRY(node.text()));
  if (!kind) return node.error_of(kind.error());
  return *kind;
}

// One name, or a list of them.
Result<std::vector<std::string>> read_names(const YamlNode& node) {
  std::vector<std::string> names;
  if (const auto one = node.text()) return std::vector{*one};
  for (const YamlNode& item : TRY(node.list())) names.push_back(TRY(item.text()));
  return names;
}

struct KindName {
  ActionKind kind;
  std::string_view name;
};
constexpr KindName kActionKinds[] = {{ActionKind::kPipeline, "pipeline"},
                                     {ActionKind::kHold, "hold"},
                                     {ActionKind::kRollback, "rollback"},
                                     {ActionKind::kFallback, "fallback"},
                                     {ActionKind::kIncident, "incident"}};

constexpr Unusual kSides[] = {Unusual::kHigh, Unusual::kLow, Unusual::kBoth};

Result<Unusual> read_unusual(const YamlNode& node) {
  const std::string word = TRY(node.text());
  for (const Unusual side : kSides) {
    if (word == unusual_name(side)) return side;
  }
  return node.error("unusual must be high, low or both: {}", word);
}

Result<std::string> read_severity(const YamlNode& node) {
  std::string severity = TRY(node.text());
  if (severity != "critical" && severity != "warning" && severity != "info")
    return node.error("severity must be critical, warning or info: {}", severity);
  return severity;
}

Result<AlertRule> read_alert(const std::string& name, const YamlNode& node, Problem problem) {
  AlertRule rule{.name = name};
  YamlMap map = TRY(node.map("alert " + name));
  const YamlNode metric = TRY(map.get("metric"));
  rule.metric = TRY(metric.text());
  if (const auto input = map.find("input")) {
    rule.input = TRY(input->text());
    if (rule.input.empty()) return input->error("an input needs a name");
    if (!is_of_inputs(rule.metric))
      return metric.error("no such metric of an input: metric={} known={}", rule.metric,
                          fmt::join(kInputMetrics, ", "));
  } else if (!has_metric(problem, rule.metric)) {
    if (is_of_inputs(rule.metric))
      return metric.error("{} is of one input: say which (input: NAME)", rule.metric);
    return metric.error("no such metric of a {} problem: metric={} known={}", problem_name(problem),
                        rule.metric, fmt::join(metric_names(problem), ", "));
  }
  rule.window = TRY(read_window(TRY(map.get("window"))));
  if (auto over = map.find("over")) rule.over = TRY(over->number());
  if (auto under = map.find("under")) rule.under = TRY(under->number());
  if (auto abs_over = map.find("abs_over"))
    rule.abs_over = TRY(number_between(*abs_over, 0, 1e300));
  if (auto unusual = map.find("unusual")) rule.unusual = TRY(read_unusual(*unusual));
  const int bounds = rule.over.has_value() + rule.under.has_value() + rule.abs_over.has_value();
  if (bounds > 1 || (bounds == 0 && !rule.unusual)) {
    return node.error(
        "alert {} needs exactly one of over, under and abs_over, or unusual: high, low or both",
        name);
  }
  rule.min_rows = TRY(map.find_integer("min_rows", 0))
                      .value_or(counts_silence(rule.metric) ? 0 : rule.min_rows);
  if (auto slice = map.find("slice")) {
    rule.slice = TRY(slice->text());
    if (!rule.input.empty()) return slice->error("either an input or a slice, not both");
    if (!is_known_of_slices(rule.metric))
      return slice->error("this metric is not known of slices: metric={}", rule.metric);
  }
  if (auto action = map.find("action")) rule.actions = TRY(read_names(*action));
  if (auto severity = map.find("severity")) rule.severity = TRY(read_severity(*severity));
  if (auto route = map.find("route")) rule.routes = TRY(read_names(*route));
  TRY(map.finish());
  return rule;
}

Result<ActionKind> read_kind(const YamlNode& node) {
  auto kind = parse_action_kind(TRY(node.text()));
  if (kind && *kind == ActionKind::kPipeline)
    return node.error("a pipeline is named: {{pipeline: NAME}}");
  if (!kind) return node.error_of(kind.error());
  return *kind;
}

Result<bool> read_despite_incident(const YamlNode& node) {
  const Result<std::string> word = node.text();
  if (word && (*word == "refuse" || *word == "act")) return *word == "act";
  return node.error("with_open_incident must be refuse or act");
}

Result<DetectorRule> read_detector(const std::string& name, const YamlNode& node) {
  DetectorRule rule{.name = name};
  YamlMap map = TRY(node.map("detector " + name));
  const YamlNode method = TRY(map.get("method"));
  rule.method = TRY(method.text());
  const YamlNode of = TRY(map.get("of"));
  rule.of = TRY(of.text());
  if (rule.of != "prediction" && rule.of != "error" &&
      !(rule.of.starts_with("inputs.") && rule.of.size() > std::strlen("inputs."))) {
    return of.error("a detector is of `prediction`, `error` or `inputs.NAME`: {}", rule.of);
  }
  if (const DetectorMethod* known = find_detector_method(rule.method)) {
    if (known->of_errors && rule.of != "error")
      return of.error("{} takes errors: write `of: error`: {}", rule.method, rule.of);
    for (const DetectorParameter& parameter : known->parameters) {
      const auto given = map.find(std::string(parameter.name));
      if (!given) continue;
      double& value = rule.parameters[std::string(parameter.name)];
      if (parameter.words.empty()) {
        value = TRY(given->number());
        continue;
      }
      const auto word = parse_detector_word(rule.method, parameter.name, TRY(given->text()));
      if (!word) return given->error_of(word.error());
      value = *word;
    }
  }
  if (auto action = map.find("action")) rule.actions = TRY(read_names(*action));
  if (auto severity = map.find("severity")) rule.severity = TRY(read_severity(*severity));
  if (auto route = map.find("route")) rule.routes = TRY(read_names(*route));
  if (auto made = make_detector(rule.method, rule.parameters); !made)
    return node.error_of(made.error());
  TRY(map.finish());
  return rule;
}

Result<ActionRule> read_action(const std::string& name, const YamlNode& node) {
  ActionRule rule{.name = name};
  YamlMap map = TRY(node.map("action " + name));
  const auto pipeline = map.find("pipeline");
  const auto does = map.find("do");
  if (pipeline.has_value() == does.has_value())
    return node.error("action {} needs exactly one of pipeline and do", name);
  if (pipeline) {
    rule.pipeline = TRY(pipeline->text());
    if (auto params = map.find("params")) {
      for (const auto& [key, value] : TRY(params->entries())) rule.params[key] = TRY(value.text());
    }
  } else {
    rule.kind = TRY(read_kind(*does));
  }
  if (rule.kind == ActionKind::kFallback) rule.model = TRY(TRY(map.get("model")).text());
  // What they are for is often an input that is gone.
  if (rule.kind == ActionKind::kHold || rule.kind == ActionKind::kFallback ||
      rule.kind == ActionKind::kIncident) {
    rule.max_missing_rise = 1;
  }
  rule.confirmed = TRY(map.find_integer("confirmed", 1)).value_or(rule.confirmed);
  if (auto incident = map.find("with_open_incident"))
    rule.despite_incident = TRY(read_despite_incident(*incident));
  rule.min_labels = TRY(map.find_integer("min_labels", 0)).value_or(rule.min_labels);
  if (auto cool_down = map.find("cool_down")) rule.cool_down = TRY(cool_down->duration());
  if (auto rise = map.find("max_missing_rise")) {
    rule.max_missing_rise = TRY(number_between(*rise, 0, 1));
  }
  TRY(map.finish());
  return rule;
}

Result<ProblemRules> read_problem(YamlMap& map) {
  ProblemRules rules;
  if (auto problem = map.find("problem")) {
    auto kind = parse_problem(TRY(problem->text()));
    if (!kind) return problem->error_of(kind.error());
    rules.kind = *kind;
  }
  if (auto classes = map.find("classes")) {
    if (rules.kind != Problem::kMulticlass)
      return classes->error("only a multiclass problem has classes");
    rules.classes = TRY(read_names(*classes));
    std::set<std::string> seen(rules.classes.begin(), rules.classes.end());
    if (seen.size() != rules.classes.size() || seen.size() < 2 || seen.size() > kClassesMax ||
        seen.contains(""))
      return classes->error("classes are 2 to {} names, each once", kClassesMax);
  }
  if (auto group = map.find("group")) {
    if (rules.kind != Problem::kRanking) return group->error("only a ranking problem has a group");
    rules.group = TRY(group->text());
  }
  return rules;
}

// [carrier, {name: long-haul, when: "distance > 2000"}]
Result<std::vector<DeclaredSlice>> read_slices(const YamlNode& node) {
  std::vector<DeclaredSlice> slices;
  for (const YamlNode& item : TRY(node.list())) {
    DeclaredSlice slice;
    if (auto column = item.text()) {
      slice.name = std::move(*column);
    } else {
      YamlMap map = TRY(item.map("a slice"));
      slice.name = TRY(TRY(map.get("name")).text());
      slice.when = TRY(TRY(map.get("when")).text());
      TRY(map.finish());
      if (slice.when.empty()) return item.error("the slice has no condition: slice={}", slice.name);
    }
    if (slice.name.empty()) return item.error("a slice needs a name");
    if (std::any_of(slices.begin(), slices.end(),
                    [&](const DeclaredSlice& other) { return other.name == slice.name; })) {
      return item.error("the slice comes twice: slice={}", slice.name);
    }
    slices.push_back(std::move(slice));
  }
  return slices;
}

// Whether an alert may name it: a condition, or a value of a column.
bool declares(const MonitorDefinition& definition, const std::string& name) {
  return std::any_of(
      definition.slices.begin(), definition.slices.end(), [&](const DeclaredSlice& slice) {
        return slice.is_column() ? name.starts_with(slice.name + "=") : name == slice.name;
      });
}

Result<void> check_actions(const MonitorDefinition& definition,
                           const std::vector<std::string>& actions, const YamlNode& node) {
  for (const std::string& action : actions) {
    if (definition.find_action(action) == nullptr)
      return node.error("the monitor has no such action: action={}", action);
  }
  return {};
}

Result<MonitorDefinition> read_monitor(const std::string& name, const YamlNode& node) {
  MonitorDefinition definition{.name = name};
  YamlMap map = TRY(node.map("monitor " + name));
  definition.endpoint = TRY(TRY(map.get("endpoint")).text());
  definition.problem = TRY(read_problem(map));
  if (auto windows = map.find("windows")) {
    definition.windows.clear();
    for (const YamlNode& item : TRY(windows->list())) {
      const WindowKind kind = TRY(read_window(item));
      if (std::find(definition.windows.begin(), definition.windows.end(), kind) !=
          definition.windows.end()) {
        return item.error("the window comes twice: window={}", window_name(kind));
      }
      definition.windows.push_back(kind);
    }
    if (definition.windows.empty()) return windows->error("needs at least one window");
  }
  if (auto zone = map.find("time_zone")) definition.time_zone = TRY(zone->text());
  if (auto start = map.find("week_starts")) definition.week_starts = TRY(start->text());
  if (auto calendar = Calendar::create(definition.time_zone, definition.week_starts); !calendar) {
    return node.error_of(calendar.error());
  }
  if (auto complete = map.find("complete")) {
    YamlMap members = TRY(complete->map("complete"));
    if (auto share = members.find("share")) {
      definition.complete_share = TRY(number_between(*share, 0, 1));
    }
    if (auto after = members.find("after")) definition.complete_after = TRY(after->duration());
    TRY(members.finish());
  }
  if (auto reference = map.find("reference")) {
    YamlMap members = TRY(reference->map("reference"));
    definition.reference_from = TRY(TRY(members.get("from")).time());
    definition.reference_to = TRY(TRY(members.get("to")).time());
    if (*definition.reference_to <= *definition.reference_from) {
      return reference->error("the reference must end after it begins");
    }
    TRY(members.finish());
  }
  if (auto drift = map.find("drift"))
    definition.drift = TRY(read_drift(*drift, definition.problem));
  if (auto estimate = map.find("estimate")) {
    YamlMap members = TRY(estimate->map("estimate"));
    if (auto rows = members.find("rows")) {
      definition.estimate.rows =
          static_cast<std::int64_t>(TRY(number_between(*rows, kEstimateRowsMin, kEstimateRowsMax)));
    }
    if (auto threshold = members.find("threshold"))
      definition.estimate.threshold = TRY(number_between(*threshold, 0, 1));
    TRY(members.finish());
  }
  if (auto causes = map.find("causes")) {
    YamlMap members = TRY(causes->map("causes"));
    if (auto psi = members.find("psi_over")) {
      definition.cause_psi_over = TRY(number_between(*psi, 0, 1e300));
    }
    definition.causes_max = TRY(members.find_integer("max", 0)).value_or(definition.causes_max);
    TRY(members.finish());
  }
  if (auto slices = map.find("slices")) definition.slices = TRY(read_slices(*slices));
  if (auto datasets = map.find("datasets")) {
    for (const YamlNode& dataset : TRY(datasets->list()))
      definition.datasets.push_back(TRY(dataset.text()));
  }
  if (auto actions = map.find("actions")) {
    for (const auto& [key, value] : TRY(actions->entries())) {
      definition.actions.push_back(TRY(read_action(key, value)));
    }
  }
  if (auto alerts = map.find("alerts")) {
    for (const auto& [key, value] : TRY(alerts->entries())) {
      AlertRule rule = TRY(read_alert(key, value, definition.problem.kind));
      const auto& windows = definition.windows;
      if (std::find(windows.begin(), windows.end(), rule.window) == windows.end()) {
        return value.error("the monitor has no such window: window={}", window_name(rule.window));
      }
      if (is_of_predictions_method(rule.metric) && !definition.drift.prediction) {
        return value.error(
            "the monitor measures its predictions by no method: say one in `drift: {{prediction: "
            "{{method: NAME}}}}`: metric={}",
            rule.metric);
      }
      if (rule.metric == kDatasetAge && definition.datasets.empty()) {
        return value.error(
            "the monitor watches no dataset: name some in `datasets`, a list of the monitor");
      }
      if (!rule.slice.empty() && !declares(definition, rule.slice)) {
        return value.error(
            "the monitor declares no such slice: slice={} (of a column: COLUMN=VALUE)", rule.slice);
      }
      TRY(check_actions(definition, rule.actions, value));
      definition.alerts.push_back(std::move(rule));
    }
  }
  if (auto detectors = map.find("detectors")) {
    for (const auto& [key, value] : TRY(detectors->entries())) {
      const auto& alerts = definition.alerts;
      if (std::any_of(alerts.begin(), alerts.end(),
                      [&](const AlertRule& alert) { return alert.name == key; })) {
        return value.error("an alert of the monitor has that name: detector={}", key);
      }
      DetectorRule rule = TRY(read_detector(key, value));
      const DetectorMethod* method = find_detector_method(rule.method);
      const Problem kind = definition.problem.kind;
      if (rule.of == "error" && kind == Problem::kRanking)
        return value.error("a row of a ranking has no error of its own");
      if (kind == Problem::kRegression && method != nullptr && method->of_errors)
        return value.error("{} takes errors of 0 or 1; a regression's are distances", rule.method);
      TRY(check_actions(definition, rule.actions, value));
      definition.detectors.push_back(std::move(rule));
    }
  }
  TRY(map.finish());
  return definition;
}

}  // namespace

std::string_view window_name(WindowKind kind) {
  switch (kind) {
    case WindowKind::kHour:
      return "hour";
    case WindowKind::kDay:
      return "day";
    case WindowKind::kWeek:
      return "week";
    case WindowKind::kMonth:
      return "month";
  }
  return "";
}

bool DetectorRule::shares_budget() const {
  const DetectorMethod* known = find_detector_method(method);
  return known != nullptr && known->holds_chance && !parameters.contains("alpha");
}

std::string_view unusual_name(Unusual side) {
  switch (side) {
    case Unusual::kHigh:
      return "high";
    case Unusual::kLow:
      return "low";
    case Unusual::kBoth:
      return "both";
  }
  return "";
}

Result<WindowKind> parse_window(std::string_view name) {
  for (const WindowKind kind : kWindowKinds) {
    if (name == window_name(kind)) return kind;
  }
  return base::error(Code::kInvalidArgument,
                     "no such window: window={} known=hour, day, week, month", name);
}

std::string_view action_kind_name(ActionKind kind) {
  for (const KindName& known : kActionKinds) {
    if (known.kind == kind) return known.name;
  }
  return "";
}

Result<ActionKind> parse_action_kind(std::string_view name) {
  for (const KindName& known : kActionKinds) {
    if (known.name == name) return known.kind;
  }
  return base::error(Code::kInvalidArgument,
                     "no such action: do={} known=hold, rollback, fallback, incident", name);
}

QualityRules MonitorDefinition::quality() const {
  QualityRules rules{.problem = problem, .threshold = estimate.threshold};
  for (const AlertRule& alert : alerts) {
    const auto number = number_in_metric(alert.metric);
    if (!number) continue;
    auto& asked = problem.kind == Problem::kRanking ? rules.places : rules.percentiles;
    if (std::find(asked.begin(), asked.end(), *number) == asked.end()) asked.push_back(*number);
  }
  return rules;
}

bool is_known_when_over(const AlertRule& rule) {
  constexpr std::string_view kLater[] = {"completeness", "skew_rate", "attribution_ndcg"};
  return rule.slice.empty() && !needs_labels(rule.metric) &&
         std::find(std::begin(kLater), std::end(kLater), rule.metric) == std::end(kLater);
}

std::vector<std::string> untold_alerts(const std::vector<MonitorDefinition>& definitions) {
  std::vector<std::string> sentences;
  for (const MonitorDefinition& definition : definitions) {
    std::vector<std::string> names;
    const auto add = [&](const auto& rule) {
      if (rule.routes.empty() && rule.severity != "info") names.push_back(rule.name);
    };
    std::for_each(definition.alerts.begin(), definition.alerts.end(), add);
    std::for_each(definition.detectors.begin(), definition.detectors.end(), add);
    if (names.empty()) continue;
    sentences.push_back(fmt::format(
        "monitor {}: nobody is told when these open, as they name no route: {} (severity: info "
        "says that this is meant)",
        definition.name, fmt::join(names, ", ")));
  }
  return sentences;
}

std::string AlertRule::watched() const {
  const std::string& of = input.empty() ? slice : input;
  return of.empty() ? metric : fmt::format("{} of {}", metric, of);
}

double AlertRule::threshold() const {
  if (over) return *over;
  if (under) return *under;
  return abs_over.value_or(0);
}

bool AlertRule::fires(double value) const {
  if (over) return value > *over;
  if (under) return value < *under;
  return abs_over && std::abs(value) > *abs_over;
}

const ActionRule* MonitorDefinition::find_action(std::string_view action) const {
  for (const ActionRule& rule : actions) {
    if (rule.name == action) return &rule;
  }
  return nullptr;
}

Result<std::vector<MonitorDefinition>> parse_monitors(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::vector<MonitorDefinition> monitors;
  if (root.is_null()) return monitors;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("monitors");
  if (!section) return monitors;
  for (const auto& [name, node] : TRY(section->entries())) {
    if (name.empty()) return node.error("a monitor needs a name");
    monitors.push_back(TRY(read_monitor(name, node)));
  }
  return monitors;
}

Result<AlertRule> parse_alert(const std::string& name, std::string_view text, Problem problem) {
  return read_alert(name, TRY(YamlNode::parse(text)), problem);
}

Result<MonitorDefinition> parse_monitor(const std::string& name, std::string_view text) {
  return read_monitor(name, TRY(YamlNode::parse(text)));
}

}  // namespace slipway::monitor
