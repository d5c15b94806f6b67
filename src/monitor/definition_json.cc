#include "monitor/definition.h"
#include "monitor/drift/methods.h"
#include "monitor/multivariate/embeddings.h"
#include "monitor/multivariate/multivariate.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

Json one_or_list(const std::vector<std::string>& names) {
  if (names.size() == 1) return Json(names.front());
  JsonArray list;
  for (const std::string& name : names) list.emplace_back(name);
  return list;
}

JsonObject to_json(const EmbeddingInputs& inputs) {
  JsonObject object{{"columns", JsonArray(inputs.columns.begin(), inputs.columns.end())},
                    {"method", inputs.method}};
  if (inputs.threshold) object["threshold"] = *inputs.threshold;
  return object;
}

JsonObject to_json(const MultivariateRule& rule) {
  JsonObject object{{"method", rule.method}, {"rows", rule.rows_max}};
  if (rule.threshold) object["threshold"] = *rule.threshold;
  if (!rule.columns.empty())
    object["columns"] = JsonArray(rule.columns.begin(), rule.columns.end());
  return object;
}

JsonObject to_json(const DriftRule& rule) {
  JsonObject object{{"method", rule.method}};
  if (rule.threshold) object["threshold"] = *rule.threshold;
  return object;
}

}  // namespace

JsonObject DetectorRule::to_json() const {
  JsonObject object{{"method", method}, {"of", of}, {"severity", severity}};
  const DetectorMethod* known = find_detector_method(method);
  for (const auto& [parameter, value] : parameters) {
    object[parameter] = value;
    for (const DetectorParameter& one : known->parameters) {
      if (one.name == parameter && !one.words.empty())
        object[parameter] = one.words[static_cast<std::size_t>(value)];
    }
  }
  if (!actions.empty()) object["action"] = one_or_list(actions);
  if (!routes.empty()) {
    JsonArray names;
    for (const std::string& route : routes) names.emplace_back(route);
    object["route"] = std::move(names);
  }
  return object;
}

JsonObject MonitorDefinition::to_json() const {
  JsonObject object;
  object["endpoint"] = endpoint;
  object["problem"] = problem_name(problem.kind);
  if (!problem.classes.empty()) {
    object["classes"] = JsonArray(problem.classes.begin(), problem.classes.end());
  }
  if (!problem.group.empty()) object["group"] = problem.group;
  JsonArray kinds;
  for (const WindowKind kind : windows) kinds.emplace_back(window_name(kind));
  object["windows"] = std::move(kinds);
  object["time_zone"] = time_zone;
  object["week_starts"] = week_starts;
  object["complete"] = {{"share", complete_share}, {"after", types::to_text(complete_after)}};
  if (reference_from && reference_to) {
    object["reference"] = {{"from", types::to_rfc3339(*reference_from)},
                           {"to", types::to_rfc3339(*reference_to)}};
  }
  JsonObject measured = monitor::to_json(drift.all), columns;
  for (const auto& [column, rule] : drift.columns) columns[column] = monitor::to_json(rule);
  measured["columns"] = std::move(columns);
  if (drift.prediction) measured["prediction"] = monitor::to_json(*drift.prediction);
  if (drift.multivariate) measured["multivariate"] = monitor::to_json(*drift.multivariate);
  JsonObject vectors;
  for (const auto& [embedding, inputs] : drift.embeddings)
    vectors[embedding] = monitor::to_json(inputs);
  if (!vectors.empty()) measured["embeddings"] = std::move(vectors);
  if (drift.associations) measured["associations"] = true;
  object["drift"] = std::move(measured);
  object["causes"] = {{"psi_over", cause_psi_over}, {"max", causes_max}};
  object["estimate"] = {{"rows", estimate.rows}, {"threshold", estimate.threshold}};
  JsonArray declared;
  for (const DeclaredSlice& slice : slices) {
    if (slice.is_column()) {
      declared.emplace_back(slice.name);
    } else {
      declared.push_back(JsonObject{{"name", slice.name}, {"when", slice.when}});
    }
  }
  if (!declared.empty()) object["slices"] = std::move(declared);
  if (!datasets.empty()) object["datasets"] = JsonArray(datasets.begin(), datasets.end());
  JsonObject rules;
  for (const AlertRule& rule : alerts) {
    JsonObject member{{"metric", rule.metric}, {"window", window_name(rule.window)}};
    if (!rule.slice.empty()) member["slice"] = rule.slice;
    if (!rule.input.empty()) member["input"] = rule.input;
    if (rule.over) member["over"] = *rule.over;
    if (rule.under) member["under"] = *rule.under;
    if (rule.abs_over) member["abs_over"] = *rule.abs_over;
    if (rule.unusual) member["unusual"] = unusual_name(*rule.unusual);
    member["min_rows"] = rule.min_rows;
    if (!rule.actions.empty()) member["action"] = one_or_list(rule.actions);
    member["severity"] = rule.severity;
    if (!rule.routes.empty()) member["route"] = one_or_list(rule.routes);
    rules[rule.name] = std::move(member);
  }
  object["alerts"] = std::move(rules);
  JsonObject watching;
  for (const DetectorRule& rule : detectors) watching[rule.name] = rule.to_json();
  object["detectors"] = std::move(watching);
  JsonObject started;
  for (const ActionRule& rule : actions) {
    JsonObject member{{"confirmed", rule.confirmed},
                      {"min_labels", rule.min_labels},
                      {"cool_down", types::to_text(rule.cool_down)},
                      {"max_missing_rise", rule.max_missing_rise},
                      {"with_open_incident", rule.despite_incident ? "act" : "refuse"}};
    if (rule.kind == ActionKind::kPipeline) {
      JsonObject params;
      for (const auto& [key, value] : rule.params) params[key] = value;
      member["pipeline"] = rule.pipeline;
      member["params"] = std::move(params);
    } else {
      member["do"] = action_kind_name(rule.kind);
    }
    if (rule.kind == ActionKind::kFallback) member["model"] = rule.model;
    started[rule.name] = std::move(member);
  }
  object["actions"] = std::move(started);
  return object;
}

}  // namespace slipway::monitor
