#include "api/own/monitor_routes.h"

#include <algorithm>

#include "api/own/loop_wire.h"
#include "monitor/alert_policy.h"
#include "monitor/rehearsal.h"
#include "types/timestamp.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using monitor::Monitor;

constexpr const char* kThoughtOf = "{rehearsed}";      // no declared alert's name
constexpr std::size_t kRehearsedWindowsMax = 100'000;  // the newest

Result<JsonObject> describe(Monitor& monitor, const monitor::MonitorDefinition& definition) {
  const monitor::Health health = TRY(monitor.health(definition.endpoint));
  const auto open = TRY(monitor.alerts({.monitor = definition.name, .open_only = true}));
  return JsonObject{{"name", definition.name},
                    {"endpoint", definition.endpoint},
                    {"definition", definition.to_json()},
                    {"health", health.word},
                    {"health_reason", health.reason},
                    {"open_alerts", std::ssize(open)}};
}

Result<Response> list(Monitor& monitor) {
  JsonArray monitors;
  for (const auto& definition : monitor.definitions()) {
    monitors.push_back(TRY(describe(monitor, definition)));
  }
  return reply({{"monitors", std::move(monitors)}});
}

Result<Response> one(Monitor& monitor, const Request& request) {
  return reply(TRY(describe(monitor, TRY(monitor.definition(request.param("name"))))));
}

Result<Response> windows(Monitor& monitor, const Request& request) {
  monitor::WindowFilter filter;
  if (const auto kind = request.query("window")) filter.kind = TRY(monitor::parse_window(*kind));
  filter.variant = request.query("variant").value_or("");
  filter.from = TRY(query_time(request, "from"));
  filter.to = TRY(query_time(request, "to"));
  filter.limit = TRY(query_limit(request, 10'000, 100'000));
  const bool with_drift = request.query("drift").value_or("1") != "0";
  JsonArray windows;
  for (const auto& window : TRY(monitor.windows(request.param("name"), filter))) {
    JsonObject object = window.to_json();
    if (!with_drift) object.erase("drift");
    // They are much, and have a route of their own.
    for (const char* part : {"slices", "declared_slices", "attributions"}) object.erase(part);
    windows.push_back(std::move(object));
  }
  return reply({{"windows", std::move(windows)}});
}

// Of one judged window: that which begins at `start`, else the newest.
Result<Response> slices(Monitor& monitor, const Request& request) {
  const std::string& name = request.param("name");
  const monitor::MonitorDefinition definition = TRY(monitor.definition(name));
  monitor::WindowFilter filter{.kind = definition.windows.back(), .variant = "live"};
  if (const auto kind = request.query("window")) filter.kind = TRY(monitor::parse_window(*kind));
  filter.from = TRY(query_time(request, "start"));
  if (filter.from) filter.to = *filter.from + base::Duration{.micros = 1};
  std::vector<monitor::StoredWindow> windows = TRY(monitor.windows(name, filter));
  std::erase_if(windows, [](const monitor::StoredWindow& window) {
    return !window.judged_at || window.result.rows == 0;
  });
  if (windows.empty()) {
    return base::error(Code::kNotFound, "no such window was judged yet: monitor={} window={}", name,
                       monitor::window_name(*filter.kind));
  }
  const monitor::StoredWindow& window = windows.back();
  const monitor::VariantResult& live = window.result;
  JsonObject object{{"monitor", name},
                    {"endpoint", definition.endpoint},
                    {"window", monitor::window_name(window.kind)},
                    {"start", types::to_rfc3339(window.window.start)},
                    {"end", types::to_rfc3339(window.window.end)}};
  object["slices"] = live.slices.value_or(monitor::SliceReport()).to_json();
  JsonArray declared;
  for (const monitor::SliceResult& slice : live.declared_slices)
    declared.push_back(slice.to_json());
  object["declared_slices"] = std::move(declared);
  object["attributions"] = nullptr;
  if (live.attributions) object["attributions"] = live.attributions->to_json();
  object["note"] = live.note;
  return reply(object);
}

Result<Response> alerts(Monitor& monitor, const Request& request) {
  monitor::AlertFilter filter{.monitor = request.query("monitor").value_or(""),
                              .endpoint = request.query("endpoint").value_or(""),
                              .alert = request.query("alert").value_or("")};
  const std::string state = request.query("state").value_or("all");
  if (state != "all" && state != "open") {
    return base::error(Code::kInvalidArgument, "state must be open or all: {}", state);
  }
  filter.open_only = state == "open";
  filter.limit = TRY(query_limit(request, 1000, 10'000));
  JsonArray found;
  for (const auto& alert : TRY(monitor.alerts(filter))) found.push_back(alert.to_json());
  return reply({{"alerts", std::move(found)}});
}

Result<Response> alert(Monitor& monitor, const Request& request) {
  const std::int64_t id = TRY(id_in_path(request, "alert"));
  const auto found = TRY(monitor.alerts({.id = id}));
  if (id == 0 || found.empty()) return base::error(Code::kNotFound, "no such alert: id={}", id);
  return reply(found.front().to_json());
}

// A declared alert by its name, or the mapping of one.
Result<monitor::AlertRule> rule_in(const std::string& text,
                                   const monitor::MonitorDefinition& definition) {
  if (text.find('{') != std::string::npos) {
    return monitor::parse_alert(kThoughtOf, text, definition.problem.kind);
  }
  for (const monitor::AlertRule& rule : definition.alerts) {
    if (rule.name == text) return rule;
  }
  return base::error(Code::kNotFound, "the monitor has no such alert: monitor={} alert={}",
                     definition.name, text);
}

Result<Response> rehearse(Monitor& monitor, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string& name = request.param("name");
  const monitor::MonitorDefinition definition = TRY(monitor.definition(name));
  const monitor::AlertRule rule = TRY(rule_in(TRY(base::get_string(body, "alert")), definition));
  const auto& kinds = definition.windows;
  if (std::find(kinds.begin(), kinds.end(), rule.window) == kinds.end()) {
    return base::error(Code::kInvalidArgument,
                       "the monitor has no such windows: monitor={} window={}", name,
                       monitor::window_name(rule.window));
  }
  monitor::WindowFilter filter{.kind = rule.window, .variant = "live"};
  filter.from = TRY(read_time(body, "from"));
  filter.to = TRY(read_time(body, "until"));
  filter.limit = kRehearsedWindowsMax;
  const bool is_declared = rule.name != kThoughtOf;
  const double chance = monitor.allowed_chance(rule, is_declared);
  JsonObject object =
      monitor::rehearse(rule, definition, TRY(monitor.windows(name, filter)), chance).to_json();
  object["metric"] = rule.metric;
  object["window"] = monitor::window_name(rule.window);
  object["threshold"] = rule.has_bound() ? Json(rule.threshold()) : Json(nullptr);
  object["chance_per_window"] = rule.unusual ? Json(chance) : Json(nullptr);
  return reply(object);
}

Json verdict_name(monitor::RuleVerdict verdict) {
  switch (verdict) {
    case monitor::RuleVerdict::kFires:
      return "fires";
    case monitor::RuleVerdict::kFine:
      return "fine";
    case monitor::RuleVerdict::kNotJudged:
      return "not_judged";
  }
  return nullptr;
}

// A rehearsal's character for each judged window, in words; a window that waits for labels has one
// of the rules that don't.
JsonArray said_of(const monitor::AlertRule& rule, const monitor::MonitorDefinition& definition,
                  const std::string& strip, const std::vector<monitor::StoredWindow>& windows) {
  using monitor::RuleVerdict;
  JsonArray said;
  std::size_t judged = 0;
  for (const monitor::StoredWindow& window : windows) {
    if (window.judged_at) {
      const char sign = strip[judged++];
      said.push_back(verdict_name(sign == '#'   ? RuleVerdict::kFires
                                  : sign == '.' ? RuleVerdict::kFine
                                                : RuleVerdict::kNotJudged));
    } else if (is_known_when_over(rule) && !rule.unusual &&
               is_measured_as_declared(rule, definition, window.result)) {
      said.push_back(verdict_name(judge_rule(rule, window.result)));
    } else {
      said.push_back(nullptr);
    }
  }
  return said;
}

JsonObject describe(const monitor::StoredWindow& window) {
  const auto& drift = window.result.drift;
  const auto drifted = std::count_if(drift.begin(), drift.end(),
                                     [](const monitor::FeatureDrift& one) { return one.drifted; });
  return {{"start", types::to_rfc3339(window.window.start)},
          {"end", types::to_rfc3339(window.window.end)},
          {"judged", window.judged_at.has_value()},
          {"rows", window.result.rows},
          {"labels", window.result.labels},
          {"model_version", window.result.model_version},
          {"inputs", std::ssize(drift)},
          {"inputs_drifted", drifted}};
}

// Of the newest windows of a kind (that start from `from` on and before `to`), oldest first, each
// declared alert's word.
Result<Response> verdicts(Monitor& monitor, const Request& request) {
  const std::string& name = request.param("name");
  const monitor::MonitorDefinition definition = TRY(monitor.definition(name));
  monitor::WindowFilter filter{.kind = definition.windows.back(), .variant = "live"};
  if (const auto kind = request.query("window")) filter.kind = TRY(monitor::parse_window(*kind));
  const auto from = TRY(query_time(request, "from"));
  filter.to = TRY(query_time(request, "to"));
  filter.limit = TRY(query_limit(request, from ? 10'000 : 1000, 10'000));
  const std::vector<monitor::StoredWindow> windows = TRY(monitor.windows(name, filter));
  // What is said of a window depends on those before it, so they are looked at and left out.
  const auto before = std::count_if(
      windows.begin(), windows.end(),
      [&](const monitor::StoredWindow& window) { return from && window.window.start < *from; });
  const auto cut = [&](JsonArray all) { return JsonArray(all.begin() + before, all.end()); };
  JsonArray listed, alerts;
  for (const monitor::StoredWindow& window : windows) listed.push_back(describe(window));
  for (const monitor::AlertRule& rule : definition.alerts) {
    if (rule.window != *filter.kind) continue;
    const double chance = monitor.allowed_chance(rule, true);
    const std::string strip = monitor::rehearse(rule, definition, windows, chance).strip;
    JsonArray values;
    for (const monitor::StoredWindow& window : windows) {
      const bool counts = is_measured_as_declared(rule, definition, window.result);
      values.push_back(counts ? base::number_or_null(watched_value(rule, window.result)) : nullptr);
    }
    alerts.push_back(JsonObject{{"alert", rule.name},
                                {"watches", rule.watched()},
                                {"threshold", rule.has_bound() ? Json(rule.threshold()) : nullptr},
                                {"severity", rule.severity},
                                {"verdicts", cut(said_of(rule, definition, strip, windows))},
                                {"values", cut(std::move(values))}});
  }
  return reply({{"monitor", name},
                {"endpoint", definition.endpoint},
                {"window", monitor::window_name(*filter.kind)},
                {"windows", cut(std::move(listed))},
                {"alerts", std::move(alerts)}});
}

Result<Response> bands(Monitor& monitor, const Request& request) {
  JsonArray found;
  for (const auto& band : TRY(monitor.alert_bands(request.param("name"), request.param("alert"))))
    found.push_back(band.to_json());
  return reply({{"bands", std::move(found)}});
}

// The same of each alert without a threshold over a whole window of this length.
Result<Response> all_bands(Monitor& monitor, const Request& request) {
  const std::string& name = request.param("name");
  const monitor::MonitorDefinition definition = TRY(monitor.definition(name));
  monitor::WindowKind kind = definition.windows.back();
  if (const auto given = request.query("window")) kind = TRY(monitor::parse_window(*given));
  JsonObject by_alert;
  for (const monitor::AlertRule& rule : definition.alerts) {
    if (!rule.unusual || !rule.slice.empty() || !rule.input.empty() || rule.window != kind)
      continue;
    JsonArray found;
    for (const auto& band : TRY(monitor.alert_bands(name, rule.name)))
      found.push_back(band.to_json());
    by_alert[rule.name] = std::move(found);
  }
  return reply({{"alerts", std::move(by_alert)}});
}

Result<Response> alarm_budget(Monitor& monitor) {
  return reply(TRY(monitor.budget_report()).to_json());
}

}  // namespace

std::vector<http::Route> monitor_routes(Monitor& monitor) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors",
       .summary = "Every monitor with the health of what it watches.",
       .handler = answering([&monitor](const Request&) { return list(monitor); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}",
       .summary = "One monitor: definition, health, open alerts.",
       .handler = answering([&monitor](const Request& r) { return one(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}/windows",
       .summary =
           "Judged days and weeks, oldest first, per variant: filter by window, variant, from, "
           "to; drift=0 leaves the features out.",
       .handler = answering([&monitor](const Request& r) { return windows(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}/slices",
       .summary = "Where the model does worst in a judged window, how it does in declared slices, "
                  "and what it goes by: the newest of ?window=, or that of ?start=.",
       .handler = answering([&monitor](const Request& r) { return slices(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/monitors/{name}/rehearse",
       .summary = "When an alert, declared or only thought of, would have fired over the windows "
                  "that were judged: {alert, from, until}.",
       .handler = answering([&monitor](const Request& r) { return rehearse(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}/verdicts",
       .summary =
           "What each declared alert says of each window of ?window=, oldest first, as it is "
           "declared now: fires, fine or not_judged; null: it waits for labels. Only windows that "
           "start in from, to.",
       .handler = answering([&monitor](const Request& r) { return verdicts(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}/alerts/{alert}/bands",
       .summary = "What an alert without a threshold said of its newest windows, oldest first: "
                  "what was expected, and the bounds.",
       .handler = answering([&monitor](const Request& r) { return bands(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/monitors/{name}/bands",
       .summary =
           "The same by alert, of all those without a threshold that watch a whole ?window=.",
       .handler = answering([&monitor](const Request& r) { return all_bands(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/alarm-budget",
       .summary = "The alarm budget, each rule's part of it with the bounds of its next window, "
                  "and the pages there were.",
       .handler = answering([&monitor](const Request&) { return alarm_budget(monitor); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/alerts",
       .summary =
           "Alerts, newest first, with causes and actions: filter by monitor, endpoint, alert, "
           "state=open.",
       .handler = answering([&monitor](const Request& r) { return alerts(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/alerts/{id}",
       .summary = "One alert with every decision about its actions.",
       .handler = answering([&monitor](const Request& r) { return alert(monitor, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
