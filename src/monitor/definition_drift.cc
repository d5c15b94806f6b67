#include "monitor/definition_drift.h"

#include "monitor/drift/methods.h"
#include "monitor/multivariate/embeddings.h"
#include "monitor/multivariate/multivariate.h"
#include "monitor/prediction_drift.h"

namespace slipway::monitor {
namespace {

using types::YamlMap;
using types::YamlNode;

// What isn't said is as in `base`.
Result<DriftRule> read_drift_rule(YamlMap& map, const DriftRule& base) {
  DriftRule rule = base;
  if (auto method = map.find("method")) {
    rule = {.method = TRY(method->text())};
    if (auto known = check_drift_method(rule.method); !known)
      return method->error_of(known.error());
  }
  if (auto threshold = map.find("threshold"))
    rule.threshold = TRY(number_between(*threshold, 0, 1e300));
  return rule;
}

Result<MultivariateRule> read_multivariate(const YamlNode& node) {
  MultivariateRule rule;
  YamlMap map = TRY(node.map("multivariate"));
  const YamlNode method = TRY(map.get("method"));
  rule.method = TRY(method.text());
  if (auto known = check_multivariate_method(rule.method); !known)
    return method.error_of(known.error());
  if (auto threshold = map.find("threshold"))
    rule.threshold = TRY(number_between(*threshold, 0, 1e300));
  if (auto columns = map.find("columns")) {
    for (const YamlNode& item : TRY(columns->list())) rule.columns.push_back(TRY(item.text()));
  }
  if (auto rows = map.find("rows")) {
    rule.rows_max = static_cast<std::size_t>(
        TRY(number_between(*rows, kMultivariateRowsMin, kMultivariateRowsMax)));
  }
  TRY(map.finish());
  return rule;
}

// `[COLUMN, ...]`, or a mapping that says more.
Result<EmbeddingInputs> read_embedding(const std::string& name, const YamlNode& node) {
  EmbeddingInputs inputs;
  const auto read_columns = [&](const YamlNode& list) -> Result<void> {
    for (const YamlNode& item : TRY(list.list())) inputs.columns.push_back(TRY(item.text()));
    if (inputs.columns.empty()) return list.error("embedding {} needs at least one column", name);
    return {};
  };
  if (node.list()) {
    TRY(read_columns(node));
    return inputs;
  }
  YamlMap map = TRY(node.map("embedding " + name));
  TRY(read_columns(TRY(map.get("columns"))));
  if (auto method = map.find("method")) {
    inputs.method = TRY(method->text());
    if (auto known = check_embedding_rule({.method = inputs.method}); !known)
      return method->error_of(known.error());
  }
  if (auto threshold = map.find("threshold"))
    inputs.threshold = TRY(number_between(*threshold, 0, 1e300));
  TRY(map.finish());
  return inputs;
}

}  // namespace

Result<double> number_between(const YamlNode& node, double low, double high) {
  const double value = TRY(node.number());
  if (value < low || value > high)
    return node.error("must be between {} and {}: {}", low, high, value);
  return value;
}

Result<DriftRules> read_drift(const YamlNode& node, const ProblemRules& problem) {
  DriftRules rules;
  YamlMap map = TRY(node.map("drift"));
  rules.all = TRY(read_drift_rule(map, {}));
  if (auto columns = map.find("columns")) {
    for (const auto& [column, value] : TRY(columns->entries())) {
      YamlMap members = TRY(value.map("column " + column));
      rules.columns[column] = TRY(read_drift_rule(members, rules.all));
      TRY(members.finish());
    }
  }
  if (auto prediction = map.find("prediction")) {
    YamlMap members = TRY(prediction->map("prediction"));
    rules.prediction = TRY(read_drift_rule(members, rules.all));
    TRY(members.finish());
    if (auto takes = check_prediction_method(rules.prediction->method, problem); !takes)
      return prediction->error_of(takes.error());
  }
  if (auto together = map.find("multivariate"))
    rules.multivariate = TRY(read_multivariate(*together));
  if (auto embeddings = map.find("embeddings")) {
    for (const auto& [name, value] : TRY(embeddings->entries()))
      rules.embeddings[name] = TRY(read_embedding(name, value));
  }
  if (auto associations = map.find("associations"))
    rules.associations = TRY(associations->boolean());
  TRY(map.finish());
  return rules;
}

}  // namespace slipway::monitor
