#include "datasets/definition.h"

#include "types/yaml_reader.h"

namespace slipway::datasets {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::pair<std::string_view, OnViolation> kWords[] = {
    {"quarantine", OnViolation::kQuarantine},
    {"reject", OnViolation::kReject},
    {"flag", OnViolation::kFlag}};

Result<std::string> text_or(YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  return node ? TRY(node->text()) : std::string();
}

Result<std::vector<std::string>> texts_or(YamlMap& map, std::string_view key) {
  std::vector<std::string> texts;
  if (const auto node = map.find(key)) {
    for (const YamlNode& item : TRY(node->list())) texts.push_back(TRY(item.text()));
  }
  return texts;
}

Result<ColumnRule> read_rule(const std::string& name, const YamlNode& node) {
  YamlMap map = TRY(node.map("column " + name));
  ColumnRule rule{.name = name};
  if (const auto type = map.find("type")) {
    const auto parsed = types::parse_type(TRY(type->text()));
    if (!parsed) return type->error_of(parsed.error());
    rule.type = *parsed;
  }
  if (const auto min = map.find("min")) rule.min = TRY(min->number());
  if (const auto max = map.find("max")) {
    rule.max = TRY(max->number());
    if (rule.min && *rule.max < *rule.min) return max->error("max is less than min");
  }
  rule.in = TRY(texts_or(map, "in"));
  if (const auto required = map.find("required")) rule.required = TRY(required->boolean());
  TRY(map.finish());
  return rule;
}

Result<DatasetDefinition> read_dataset(const std::string& name, const YamlNode& node) {
  YamlMap map = TRY(node.map("dataset " + name));
  DatasetDefinition dataset{.name = name, .path = TRY(TRY(map.get("path")).text())};
  dataset.key = TRY(texts_or(map, "key"));
  dataset.event_time = TRY(text_or(map, "event_time"));
  dataset.arrival_time = TRY(text_or(map, "arrival_time"));
  if (const auto columns = map.find("columns")) {
    for (const auto& [column, rule] : TRY(columns->entries()))
      dataset.columns.push_back(TRY(read_rule(column, rule)));
  }
  if (const auto word = map.find("on_violation")) {
    const std::string text = TRY(word->text());
    const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                     [&](const auto& known) { return known.first == text; });
    if (found == std::end(kWords))
      return word->error("on_violation must be quarantine, reject or flag: got={}", text);
    dataset.on_violation = found->second;
  }
  TRY(map.finish());
  return dataset;
}

JsonArray texts(const std::vector<std::string>& items) {
  JsonArray list;
  for (const std::string& item : items) list.push_back(Json(item));
  return list;
}

}  // namespace

JsonObject DatasetDefinition::to_json() const {
  JsonObject object{{"path", path}};
  if (!key.empty()) object["key"] = texts(key);
  if (!event_time.empty()) object["event_time"] = event_time;
  if (!arrival_time.empty()) object["arrival_time"] = arrival_time;
  JsonObject rules;
  for (const ColumnRule& column : columns) {
    JsonObject rule;
    if (column.type) rule["type"] = types::type_name(*column.type);
    if (column.min) rule["min"] = *column.min;
    if (column.max) rule["max"] = *column.max;
    if (!column.in.empty()) rule["in"] = texts(column.in);
    if (column.required) rule["required"] = true;
    rules[column.name] = std::move(rule);
  }
  if (!rules.empty()) object["columns"] = std::move(rules);
  for (const auto& [word, value] : kWords) {
    if (value == on_violation) object["on_violation"] = word;
  }
  return object;
}

Result<std::vector<DatasetDefinition>> parse_datasets(std::string_view slipway_yaml) {
  const YamlNode root = TRY(YamlNode::parse(slipway_yaml));
  std::vector<DatasetDefinition> datasets;
  if (root.is_null()) return datasets;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("datasets");
  if (!part) return datasets;
  for (const auto& [name, node] : TRY(part->entries()))
    datasets.push_back(TRY(read_dataset(name, node)));
  return datasets;
}

Result<DatasetDefinition> parse_dataset(const std::string& name, std::string_view text) {
  return read_dataset(name, TRY(YamlNode::parse(text)));
}

}  // namespace slipway::datasets
