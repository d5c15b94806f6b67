#include "types/column_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "base/check.h"
#include "types/yaml_text.h"

namespace slipway::types {
namespace {

constexpr std::pair<std::string_view, OnViolation> kWords[] = {
    {"quarantine", OnViolation::kQuarantine},
    {"reject", OnViolation::kReject},
    {"flag", OnViolation::kFlag}};

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_number(const std::string& text) { return number_of(text).has_value(); }

// The next multiple of a step that is small beside `width`, downwards or upwards.
double rounded(double value, double width, double (*round)(double)) {
  const int digits = 1 - static_cast<int>(std::floor(std::log10(width)));
  // Powers of ten are exact from 1 on.
  const double scale = std::pow(10, std::abs(digits));
  return digits > 0 ? round(value * scale) / scale : round(value / scale) * scale;
}

// RE2: asked of what strangers send, on the thread that answers them, so its time is linear in the
// text whatever the expression is.
std::shared_ptr<const re2::RE2> compile(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return std::make_shared<const re2::RE2>(pattern, options);
}

Result<std::string> read_pattern(const YamlNode& node) {
  const std::string pattern = TRY(node.text());
  if (pattern.size() > ColumnRule::kPatternBytesMax) {
    return node.error("pattern is a regular expression of at most {} bytes: it has {}",
                      ColumnRule::kPatternBytesMax, pattern.size());
  }
  const auto compiled = compile(pattern);
  if (compiled->ok()) return pattern;
  const std::size_t at = std::min(pattern.find(compiled->error_arg()), pattern.size());
  const auto character =
      1 + std::count_if(pattern.begin(), pattern.begin() + static_cast<std::ptrdiff_t>(at),
                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return node.error("pattern is no regular expression of RE2: {} at character {} of {}",
                    compiled->error(), character, pattern);
}

}  // namespace

std::string_view on_violation_name(OnViolation what) {
  for (const auto& [word, value] : kWords) {
    if (value == what) return word;
  }
  return "";
}

Result<OnViolation> read_on_violation(const YamlNode& node) {
  const std::string text = TRY(node.text());
  for (const auto& [word, value] : kWords) {
    if (word == text) return value;
  }
  return node.error("on_violation must be quarantine, reject or flag: got={}", text);
}

Result<ColumnRule> read_column_rule(const std::string& name, YamlMap& map) {
  ColumnRule rule{.name = name};
  if (const auto type = map.find("type")) {
    const auto parsed = parse_type(TRY(type->text()));
    if (!parsed) return type->error_of(parsed.error());
    rule.type = *parsed;
  }
  if (const auto min = map.find("min")) rule.min = TRY(min->number());
  if (const auto max = map.find("max")) {
    rule.max = TRY(max->number());
    if (rule.min && *rule.max < *rule.min) return max->error("max is less than min");
  }
  if (const auto in = map.find("in")) {
    for (const YamlNode& item : TRY(in->list())) rule.in.push_back(TRY(item.text()));
  }
  if (const auto pattern = map.find("pattern")) rule.pattern = TRY(read_pattern(*pattern));
  if (const auto required = map.find("required")) rule.required = TRY(required->boolean());
  if (const auto tags = map.find("tags")) {
    for (const YamlNode& tag : TRY(tags->list())) rule.tags.push_back(TRY(tag.text()));
  }
  return rule;
}

void ColumnRule::append_to(JsonObject& members) const {
  if (type) members["type"] = type_name(*type);
  if (min) members["min"] = *min;
  if (max) members["max"] = *max;
  const auto texts = [](const std::vector<std::string>& items) {
    JsonArray list;
    for (const std::string& item : items) list.push_back(Json(item));
    return list;
  };
  if (!in.empty()) members["in"] = texts(in);
  if (pattern) members["pattern"] = *pattern;
  if (required) members["required"] = true;
  if (!tags.empty()) members["tags"] = texts(tags);
}

ColumnCheck::ColumnCheck(const ColumnRule& rule)
    : min_(rule.min.value_or(-std::numeric_limits<double>::infinity())),
      max_(rule.max.value_or(std::numeric_limits<double>::infinity())),
      required_(rule.required),
      type_(rule.type),
      texts_(rule.in.begin(), rule.in.end()) {
  for (const std::string& text : rule.in) {
    const auto number = number_of(text);
    if (!number) {
      numbers_.clear();
      break;
    }
    numbers_.insert(*number);
  }
  if (rule.pattern) {
    pattern_ = compile(*rule.pattern);
    CHECK(pattern_->ok());  // it was read
  }
  is_plain_ = numbers_.empty() && type_ != ColumnType::kInt64 && type_ != ColumnType::kBool;
}

bool ColumnRule::is_of_texts() const {
  return type == ColumnType::kString || pattern ||
         (!in.empty() && !std::ranges::all_of(in, is_number));
}

bool ColumnRule::is_of_numbers() const {
  return min || max || (type && *type != ColumnType::kString);
}

const char* ColumnCheck::of_rare(double value) const {
  if (type_ == ColumnType::kInt64 && !(std::trunc(value) == value && std::isfinite(value)))
    return "type";
  if (type_ == ColumnType::kBool && value != 0 && value != 1) return "type";
  return numbers_.empty() || numbers_.contains(value) ? nullptr : "in";
}

bool ColumnCheck::is_found(std::string_view value) const {
  return re2::RE2::PartialMatch({value.data(), value.size()}, *pattern_);
}

JsonObject InputRules::to_json() const {
  JsonObject members;
  for (const InputRule& column : columns) {
    JsonObject rule;
    column.rule.append_to(rule);
    if (column.on_violation) rule["on_violation"] = on_violation_name(*column.on_violation);
    members[column.rule.name] = std::move(rule);
  }
  return {{"on_violation", on_violation_name(on_violation)}, {"columns", std::move(members)}};
}

std::string InputRules::to_yaml() const {
  std::string out =
      fmt::format("inputs:\n  on_violation: {}\n  columns:\n", on_violation_name(on_violation));
  const JsonObject all = to_json();
  for (const auto& [name, rule] : all.at("columns").as_object())
    out += fmt::format("    {}: {}\n", yaml_scalar(name), flow_yaml(rule));
  return out;
}

Result<InputRules> read_input_rules(const YamlNode& node) {
  YamlMap map = TRY(node.map("inputs"));
  InputRules rules;
  if (const auto word = map.find("on_violation"))
    rules.on_violation = TRY(read_on_violation(*word));
  const YamlNode columns = TRY(map.get("columns"));
  for (const auto& [name, of_column] : TRY(columns.entries())) {
    YamlMap members = TRY(of_column.map("input " + name));
    InputRule input{.rule = TRY(read_column_rule(name, members)), .on_violation = {}};
    if (const auto word = members.find("on_violation"))
      input.on_violation = TRY(read_on_violation(*word));
    TRY(members.finish());
    if (input.rule.is_of_texts() && input.rule.is_of_numbers()) {
      return of_column.error(
          "input {} can't be both: texts have no min or max, and numbers no pattern and no `in` "
          "with "
          "texts",
          name);
    }
    rules.columns.push_back(std::move(input));
  }
  TRY(map.finish());
  return rules;
}

ColumnRule infer_rule(const Column& column, const InferenceOptions& options) {
  ColumnRule rule{.name = column.name, .type = column.type};
  rule.required = column.size() > 0 && column.null_count() == 0;
  if (column.type == ColumnType::kString) {
    std::set<std::string> values;
    for (std::size_t row = 0; row < column.size() && values.size() <= options.categories_max;
         ++row) {
      if (column.is_valid(row)) values.insert(column.strings[row]);
    }
    if (values.size() <= options.categories_max) rule.in.assign(values.begin(), values.end());
    return rule;
  }
  if (column.type == ColumnType::kBool || column.type == ColumnType::kTimestamp) return rule;
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const double value = column.number(row);
    if (std::isnan(value)) rule.required = false;  // NaN is missing
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (least > most) return rule;
  if (column.type == ColumnType::kInt64 && least == 0 && most == 1) {  // a flag
    rule.in = {"0", "1"};
    return rule;
  }
  const double width = most - least, margin = options.margin * width;
  // A power of ten beside a width of next to nothing is none.
  const bool is_exact = margin == 0 || !std::isfinite(width) || width < 1e-300;
  rule.min = is_exact ? least : rounded(least - margin, width, std::floor);
  rule.max = is_exact ? most : rounded(most + margin, width, std::ceil);
  if (least >= 0) rule.min = std::max(*rule.min, 0.0);
  if (most <= 0) rule.max = std::min(*rule.max, 0.0);
  return rule;
}

}  // namespace slipway::types
