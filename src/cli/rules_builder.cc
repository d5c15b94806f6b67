#include "cli/rules_builder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "features/expression.h"
#include "types/timestamp.h"
#include "types/yaml_text.h"

namespace slipway::cli {
namespace {

using types::ColumnType;

// As pandas, NumPy, Spark and SQL call them.
std::optional<ColumnType> type_called(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::map<std::string_view, ColumnType> kTypes = {
      {"str", ColumnType::kString},
      {"string", ColumnType::kString},
      {"string[python]", ColumnType::kString},
      {"string[pyarrow]", ColumnType::kString},
      {"object", ColumnType::kString},
      {"stringtype", ColumnType::kString},
      {"varchar", ColumnType::kString},
      {"text", ColumnType::kString},
      {"float", ColumnType::kDouble},
      {"float64", ColumnType::kDouble},
      {"float32", ColumnType::kDouble},
      {"double", ColumnType::kDouble},
      {"doubletype", ColumnType::kDouble},
      {"floattype", ColumnType::kDouble},
      {"double_precision", ColumnType::kDouble},
      {"int", ColumnType::kInt64},
      {"int64", ColumnType::kInt64},
      {"int32", ColumnType::kInt64},
      {"int16", ColumnType::kInt64},
      {"int8", ColumnType::kInt64},
      {"integer", ColumnType::kInt64},
      {"integertype", ColumnType::kInt64},
      {"longtype", ColumnType::kInt64},
      {"bigint", ColumnType::kInt64},
      {"bool", ColumnType::kBool},
      {"boolean", ColumnType::kBool},
      {"booleantype", ColumnType::kBool},
      {"timestamp", ColumnType::kTimestamp},
      {"timestamptype", ColumnType::kTimestamp},
      {"datetime", ColumnType::kTimestamp}};
  if (name.starts_with("datetime64")) return ColumnType::kTimestamp;
  const auto found = kTypes.find(name);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

constexpr const char* kNoTimesIn = "a set of values has texts or numbers, no times";
constexpr std::int64_t kExactMax = std::int64_t{1} << 53;  // of whole numbers as doubles

// Rules and expressions have doubles for numbers.
bool is_exact(const Json& number) {
  if (number.is_int64()) return number.get_int64() >= -kExactMax && number.get_int64() <= kExactMax;
  return number.is_double();  // JSON has larger ones as uint64
}

Builder::Why why_not_exact(const Json& number) {
  return fmt::format("{} is more than a number here can tell from its neighbours",
                     base::to_text(number));
}

// What it is in expressions: a time without a zone is in UTC, as in CSV files. Nothing: it is no
// time.
std::optional<std::string> time_literal(const std::string& text) {
  auto time = types::parse_rfc3339(text);
  if (!time) time = types::parse_rfc3339(text + "Z");
  if (!time) return std::nullopt;
  return fmt::format("timestamp('{}')", types::to_rfc3339(*time));
}

}  // namespace

std::optional<double> number_at(const JsonObject& object, std::string_view key) {
  return base::find_double(object, key).value_or(std::nullopt);
}

std::string text_at(const JsonObject& object, std::string_view key) {
  return base::find_string(object, key).value_or(std::nullopt).value_or("");
}

bool is_true_at(const JsonObject& object, std::string_view key) {
  return base::find_bool(object, key).value_or(std::nullopt).value_or(false);
}

std::vector<std::string> texts_at(const JsonObject& object, std::string_view key) {
  std::vector<std::string> texts;
  const Json* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return texts;
  for (const Json& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

types::ColumnRule& Builder::column(const std::string& name) {
  auto& columns = rules_.dataset.columns;
  const auto found = std::ranges::find(columns, name, &types::ColumnRule::name);
  if (found != columns.end()) return *found;
  columns.push_back({.name = name});
  return columns.back();
}

Builder::Why Builder::type(const std::string& name, const std::vector<std::string>& called) {
  std::set<ColumnType> types;
  for (const std::string& one : called) {
    if (const auto type = type_called(one)) types.insert(*type);
  }
  if (types.size() != 1)
    return fmt::format("{} is no type of ours, or more than one", fmt::join(called, ", "));
  types::ColumnRule& rule = column(name);
  if (*types.begin() == ColumnType::kTimestamp && !rule.in.empty()) return kNoTimesIn;
  rule.type = *types.begin();
  return {};
}

Builder::Why Builder::range(const std::string& name, const Json* low, const Json* high,
                            bool low_is_out, bool high_is_out) {
  const auto is_there = [](const Json* limit) { return limit != nullptr && !limit->is_null(); };
  if (!is_there(low) && !is_there(high)) return "it has no limit";
  for (const Json* limit : {low, high}) {
    if (!is_there(limit)) continue;
    if (limit->is_number()) {
      if (!is_exact(*limit)) return why_not_exact(*limit);
    } else if (!limit->is_string() || !time_literal(std::string(limit->get_string()))) {
      return fmt::format("a limit is neither a number nor a time: {}", base::to_text(*limit));
    }
  }
  if (is_there(low) && is_there(high) && low->is_string() != high->is_string())
    return "one limit is a number and one a time";
  const auto is_plain = [&](const Json* limit, bool is_out) {
    return !is_there(limit) || (limit->is_number() && !is_out);
  };
  if (is_plain(low, low_is_out) && is_plain(high, high_is_out)) {
    types::ColumnRule& rule = column(name);
    if (is_there(low)) rule.min = std::max(rule.min.value_or(-INFINITY), low->to_number<double>());
    if (is_there(high)) rule.max = std::min(rule.max.value_or(INFINITY), high->to_number<double>());
    return {};
  }
  const auto written = [](const Json& limit) {
    return limit.is_string() ? *time_literal(std::string(limit.get_string()))
                             : fmt::format("{}", limit.to_number<double>());
  };
  std::string condition;
  if (is_there(low))
    condition = fmt::format("{} {} {}", name, low_is_out ? ">" : ">=", written(*low));
  if (is_there(high))
    condition += fmt::format("{}{} {} {}", condition.empty() ? "" : " and ", name,
                             high_is_out ? "<" : "<=", written(*high));
  return rule(name + "_in_range", {name}, condition);
}

Builder::Why Builder::one_of(const std::string& name, const Json* values) {
  if (values == nullptr || !values->is_array() || values->get_array().empty())
    return "it names no values";
  std::vector<std::string> in;
  for (const Json& value : values->get_array()) {
    if (!value.is_string() && !value.is_number()) return "a value is neither a text nor a number";
    if (value.is_number() && !is_exact(value)) return why_not_exact(value);
    in.push_back(value.is_string() ? std::string(value.get_string())
                                   : fmt::format("{}", value.to_number<double>()));
  }
  types::ColumnRule& rule = column(name);
  if (rule.type == ColumnType::kTimestamp) return kNoTimesIn;
  if (!rule.in.empty()) {  // what both allow
    std::erase_if(
        in, [&](const std::string& value) { return std::ranges::count(rule.in, value) == 0; });
    if (in.empty()) return "no value is in this set and in the one before";
  }
  rule.in = std::move(in);
  return {};
}

Builder::Why Builder::none_of(const std::string& name, const Json* values) {
  if (values == nullptr || !values->is_array() || values->get_array().empty())
    return "it names no values";
  std::string list;
  for (const Json& value : values->get_array()) {
    if (!value.is_string() && !value.is_number()) return "a value is neither a text nor a number";
    if (value.is_number() && !is_exact(value)) return why_not_exact(value);
    list += list.empty() ? "" : ", ";
    list += value.is_string() ? literal(value.get_string())
                              : fmt::format("{}", value.to_number<double>());
  }
  return rule(name + "_allowed", {name}, fmt::format("{} not in ({})", name, list));
}

Builder::Why Builder::like(const std::string& name, const std::string& pattern) {
  types::ColumnRule& rule = column(name);
  if (rule.pattern && *rule.pattern != pattern) return "the column has a pattern already";
  // Read as slipway.yaml will be: expressions of Python that RE2 doesn't have are no pattern.
  JsonObject members;
  types::ColumnRule{.name = name, .pattern = pattern}.append_to(members);
  const std::string yaml =
      fmt::format("datasets: {{d: {{path: p, columns: {}}}}}",
                  types::flow_yaml(Json(JsonObject{{name, std::move(members)}})));
  if (const auto read = datasets::parse_datasets(yaml); !read)
    return fmt::format("RE2 doesn't have it: {}", read.error().message);
  rule.pattern = pattern;
  return {};
}

Builder::Why Builder::length(const std::string& name, std::optional<double> low,
                             std::optional<double> high) {
  if (!low && !high) return "it has no limit";
  std::string condition;
  if (low) condition = fmt::format("length({}) >= {}", name, *low);
  if (high)
    condition += fmt::format("{}length({}) <= {}", condition.empty() ? "" : " and ", name, *high);
  return rule(name + "_length", {name}, condition);
}

Builder::Why Builder::rule(const std::string& called, const std::vector<std::string>& columns,
                           std::string condition) {
  for (const std::string& name : columns) {
    if (!features::is_identifier(name))
      return fmt::format("expressions can't name the column {}", name);
  }
  std::string name = called;
  auto& rules = rules_.dataset.rules;
  const auto is_taken = [&](const datasets::RowRule& other) { return other.name == name; };
  for (int n = 2; std::ranges::any_of(rules, is_taken); ++n) name = fmt::format("{}_{}", called, n);
  rules.push_back({.name = std::move(name), .condition = std::move(condition)});
  return {};
}

Builder::Why Builder::unique(std::vector<std::string> columns) {
  if (columns.empty()) return "it names no columns";
  checks().unique.push_back(std::move(columns));
  return {};
}

void Builder::missing_at_most(const std::string& name, double share) {
  if (share <= 0) {
    column(name).required = true;
  } else {
    column(name);
    checks().missing_max[name] = std::round(share * 1e9) / 1e9;
  }
}

void Builder::may_break(double share) {
  rules_.dataset.on_violation = types::OnViolation::kQuarantine;
  checks().quarantined_max =
      std::min(checks().quarantined_max.value_or(1), std::round(share * 1e9) / 1e9);
}

void Builder::tell(const std::string& what, const Why& why) {
  if (why) {
    rules_.left_out.push_back(fmt::format("{}: {}", what, *why));
  } else {
    ++rules_.taken;
  }
}

}  // namespace slipway::cli
