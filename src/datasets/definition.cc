#include "datasets/definition.h"

#include <algorithm>

#include "store/postgres_url.h"
#include "types/yaml_text.h"

namespace slipway::datasets {
namespace {

using types::YamlMap;
using types::YamlNode;

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

constexpr std::pair<std::string_view, FileFormat> kFormats[] = {{"parquet", FileFormat::kParquet},
                                                                {"csv", FileFormat::kCsv}};

Result<FileFormat> read_format(const YamlNode& node) {
  const std::string text = TRY(node.text());
  for (const auto& [word, format] : kFormats) {
    if (word == text) return format;
  }
  return node.error("format must be parquet or csv: got={}", text);
}

Result<CsvOptions> read_csv_options(const YamlNode& node) {
  YamlMap map = TRY(node.map("csv"));
  CsvOptions options;
  if (const auto delimiter = map.find("delimiter")) {
    const std::string text = TRY(delimiter->text());
    if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r")
      return delimiter->error("delimiter must be one character, such as \";\" or \"\\t\"");
    options.delimiter = text[0];
  }
  options.missing = TRY(texts_or(map, "missing"));
  TRY(map.finish());
  return options;
}

Result<PostgresRows> read_postgres(const YamlNode& node) {
  YamlMap map = TRY(node.map("postgres"));
  PostgresRows rows;
  const YamlNode url = TRY(map.get("url"));
  rows.url = TRY(url.text());
  const bool is_variable = rows.url.starts_with("${") && rows.url.ends_with('}');
  if (!is_variable && !rows.url.starts_with("postgres"))
    return url.error(
        "url must be postgresql://... or ${{NAME}}, a variable of the server's "
        "environment that holds one");
  rows.table = TRY(text_or(map, "table"));
  rows.query = TRY(text_or(map, "query"));
  TRY(map.finish());
  if (rows.table.empty() == rows.query.empty())
    return node.error("postgres: either a table or a query");
  return rows;
}

Result<DatasetDefinition> read_dataset(const std::string& name, const YamlNode& node) {
  YamlMap map = TRY(node.map("dataset " + name));
  DatasetDefinition dataset{.name = name};
  dataset.path = TRY(text_or(map, "path"));
  if (const auto format = map.find("format")) dataset.format = TRY(read_format(*format));
  if (const auto csv = map.find("csv")) dataset.csv = TRY(read_csv_options(*csv));
  if (const auto postgres = map.find("postgres")) dataset.postgres = TRY(read_postgres(*postgres));
  if (dataset.path.empty() == !dataset.postgres)
    return node.error("dataset {}: either a path or postgres says where its rows are", name);
  dataset.key = TRY(texts_or(map, "key"));
  dataset.event_time = TRY(text_or(map, "event_time"));
  dataset.arrival_time = TRY(text_or(map, "arrival_time"));
  if (const auto columns = map.find("columns")) {
    for (const auto& [column, rule] : TRY(columns->entries())) {
      YamlMap members = TRY(rule.map("column " + column));
      dataset.columns.push_back(TRY(types::read_column_rule(column, members)));
      TRY(members.finish());
    }
  }
  if (const auto rules = map.find("rules")) {
    for (const auto& [rule, condition] : TRY(rules->entries()))
      dataset.rules.push_back({.name = rule, .condition = TRY(condition.text())});
  }
  if (const auto checks = map.find("checks")) {
    dataset.checks = TRY(read_version_checks(*checks));
    if (dataset.checks.age_max && dataset.time_column().empty())
      return checks->error("age_max is about an event_time or arrival_time, and none is declared");
  }
  if (const auto keep = map.find("keep")) {
    dataset.keep = TRY(keep->duration());
    if (dataset.keep->micros <= 0) return keep->error("keep must be a time such as 365d");
  }
  if (const auto word = map.find("on_violation"))
    dataset.on_violation = TRY(types::read_on_violation(*word));
  TRY(map.finish());
  return dataset;
}

// Whether paths, commands and NAME@VERSION can ask for it.
bool is_name(std::string_view name) {
  const auto separates = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '@';
  };
  return !name.empty() && name[0] != '-' && name != "." && name != ".." && name != "replay" &&
         std::ranges::none_of(name, separates);
}

JsonArray texts(const std::vector<std::string>& items) {
  JsonArray list;
  for (const std::string& item : items) list.push_back(Json(item));
  return list;
}

}  // namespace

std::optional<types::ColumnType> declared_type(const types::ColumnRule& rule) {
  if (rule.type) return rule.type;
  // These may be listed of conditions, too.
  const bool lists_conditions =
      !rule.pattern && std::ranges::all_of(rule.in, [](const std::string& item) {
        return item == "true" || item == "false";
      });
  if (lists_conditions || !rule.is_of_texts()) return std::nullopt;
  return types::ColumnType::kString;
}

JsonObject DatasetDefinition::to_json() const {
  JsonObject object;
  if (!path.empty()) object["path"] = path;
  for (const auto& [word, value] : kFormats) {
    if (format == value) object["format"] = word;
  }
  if (!(csv == CsvOptions())) {
    JsonObject options{{"delimiter", std::string(1, csv.delimiter)}};
    if (!csv.missing.empty()) options["missing"] = texts(csv.missing);
    object["csv"] = std::move(options);
  }
  if (postgres) {
    JsonObject rows{{"url", postgres->url}};
    if (!postgres->table.empty()) rows["table"] = postgres->table;
    if (!postgres->query.empty()) rows["query"] = postgres->query;
    object["postgres"] = std::move(rows);
  }
  if (!key.empty()) object["key"] = texts(key);
  if (!event_time.empty()) object["event_time"] = event_time;
  if (!arrival_time.empty()) object["arrival_time"] = arrival_time;
  JsonObject rules;
  for (const types::ColumnRule& column : columns) {
    JsonObject rule;
    column.append_to(rule);
    rules[column.name] = std::move(rule);
  }
  if (!rules.empty()) object["columns"] = std::move(rules);
  JsonObject conditions;
  for (const RowRule& rule : this->rules) conditions[rule.name] = rule.condition;
  if (!conditions.empty()) object["rules"] = std::move(conditions);
  object["on_violation"] = types::on_violation_name(on_violation);
  if (!(checks == VersionChecks())) object["checks"] = checks.to_json();
  if (keep) object["keep"] = types::to_text(*keep);
  return object;
}

std::string DatasetDefinition::rules_yaml(std::size_t indent) const {
  const JsonObject all = to_json();
  const std::string space(indent, ' ');
  std::string out;
  for (const char* part : {"columns", "rules", "on_violation", "checks"}) {
    const Json* members = all.if_contains(part);
    if (members == nullptr) continue;
    if (!members->is_object()) {
      out += fmt::format("{}{}: {}\n", space, part, types::flow_yaml(*members));
      continue;
    }
    out += fmt::format("{}{}:\n", space, part);
    for (const auto& [name, member] : members->get_object())
      out += fmt::format("{}  {}: {}\n", space, types::yaml_scalar(name), types::flow_yaml(member));
  }
  return out;
}

JsonObject DatasetDefinition::shown() const {
  DatasetDefinition shown = *this;
  if (shown.postgres) shown.postgres->url = store::without_password(shown.postgres->url);
  return shown.to_json();
}

Result<std::vector<DatasetDefinition>> parse_datasets(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::vector<DatasetDefinition> datasets;
  if (root.is_null()) return datasets;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("datasets");
  if (!part) return datasets;
  for (const auto& [name, node] : TRY(part->entries())) {
    if (!is_name(name))
      return node.error(
          "a dataset's name is not empty, has no '/', '@' or control characters, doesn't begin "
          "with '-', and is none of `.`, `..` and `replay`: {}",
          base::to_text(Json(name)));
    datasets.push_back(TRY(read_dataset(name, node)));
  }
  return datasets;
}

Result<DatasetDefinition> parse_dataset(const std::string& name, std::string_view text) {
  return read_dataset(name, TRY(YamlNode::parse(text)));
}

}  // namespace slipway::datasets
