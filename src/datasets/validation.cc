#include "datasets/validation.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/text.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

bool is_numeric(ColumnType type) {
  return type == ColumnType::kDouble || type == ColumnType::kInt64 || type == ColumnType::kBool;
}

constexpr std::size_t kValueBytesMax = 120;

// As people look at it: a long one has its beginning.
std::string short_text(const Column& column, std::size_t row) {
  const std::string text = cell_text(column, row);
  if (text.size() <= kValueBytesMax) return text;
  return std::string(base::beginning(text, kValueBytesMax)) + "...";
}

void check_values(const Column& column, const types::ColumnRule& rule, Validation& found) {
  const types::ColumnCheck check(rule);
  const bool numeric = is_numeric(column.type), text = column.type == ColumnType::kString;
  const bool lists_words = column.type == ColumnType::kBool && rule.is_of_texts();
  for (std::size_t row = 0; row < column.size(); ++row) {
    const bool is_missing = numeric ? std::isnan(column.number(row)) : !column.is_valid(row);
    const char* broken = is_missing    ? check.of_missing()
                         : lists_words ? check.of_text(cell_text(column, row))
                         : numeric     ? check.of_number(column.number(row))
                         : text        ? check.of_text(column.strings[row])
                                       : nullptr;
    if (broken != nullptr)
      found.violations.push_back({row, column.name, broken, short_text(column, row)});
  }
}

Result<void> check_keys(const Frame& frame, const std::vector<std::string>& key,
                        Validation& found) {
  if (key.empty()) return {};
  std::vector<const Column*> columns;
  std::string names;
  for (const std::string& name : key) {
    columns.push_back(TRY(frame.column(name)));
    names += (names.empty() ? "" : ", ") + name;
  }
  std::unordered_set<std::string> seen;
  seen.reserve(frame.rows());
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    std::string text;
    bool missing = false;
    std::string shown;
    for (const Column* column : columns) {
      missing = missing || !column->is_valid(row) ||
                (column->type == ColumnType::kDouble && std::isnan(column->doubles[row]));
      const std::string cell = cell_text(*column, row);
      text += fmt::format("{}:{}", cell.size(), cell);
    }
    // The first of several rows with one key stays.
    if (missing || !seen.insert(text).second) {
      for (const Column* column : columns) shown += short_text(*column, row) + " ";
      found.violations.push_back({row, names, "key", missing ? "missing" : shown});
    }
  }
  return {};
}

// Where a condition is missing, nothing is said of the row.
Result<void> check_rows(const Frame& frame, const RowRule& rule, const RowCondition& condition,
                        Validation& found) {
  auto answers = condition(rule.condition, frame);
  if (!answers) return std::move(answers).error().with_context("rule " + rule.name);
  std::vector<const Column*> columns;
  for (const std::string& name : answers->columns) columns.push_back(TRY(frame.column(name)));
  const std::string names = fmt::format("{}", fmt::join(answers->columns, ", "));
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    if (!answers->holds.is_valid(row) || answers->holds.number(row) == 1) continue;
    std::string value;
    for (const Column* column : columns)
      value +=
          fmt::format("{}{}={}", value.empty() ? "" : ", ", column->name, short_text(*column, row));
    found.violations.push_back({row, names, rule.name, std::move(value)});
  }
  return {};
}

// A rule that a column's values can't break or hold is a mistake in the rule.
Result<void> check_rule_fits(const Column& column, const types::ColumnRule& rule) {
  const bool numeric = is_numeric(column.type), text = column.type == ColumnType::kString;
  const auto refused = [&](std::string_view what) {
    return base::error(Code::kInvalidArgument, "{}, and the column has none: column={} is={}", what,
                       column.name, types::type_name(column.type));
  };
  if (rule.pattern && !text) return refused("a pattern is a rule of texts");
  if ((rule.min || rule.max) && !numeric) return refused("min and max are rules of numbers");
  if (!rule.in.empty() && !numeric && !text)
    return refused("a list of what is allowed (`in`) is a rule of texts and numbers");
  if (rule.is_of_texts() && numeric && column.type != ColumnType::kBool)
    return refused("the list of what is allowed (`in`) has texts");
  return {};
}

// Types that the definition says, and the values have.
bool is_declared(const DatasetDefinition& definition, const std::string& name, ColumnType type) {
  if (name == definition.event_time || name == definition.arrival_time)
    return type == ColumnType::kTimestamp;
  return std::ranges::any_of(definition.columns, [&](const types::ColumnRule& rule) {
    return rule.name == name && declared_type(rule) == type;
  });
}

Result<void> compare_schemas(const Schema& now, const Schema& before,
                             const DatasetDefinition& definition, Changes changes,
                             Validation& found) {
  const auto find = [](const Schema& schema, const std::string& name) {
    return std::find_if(schema.columns.begin(), schema.columns.end(),
                        [&](const auto& column) { return column.first == name; });
  };
  for (const auto& [name, type] : before.columns) {
    const auto at = find(now, name);
    if (at == now.columns.end() && changes == Changes::kTold) {
      found.notes.push_back(fmt::format("column {} ({}) is gone", name, types::type_name(type)));
      continue;
    }
    if (at == now.columns.end()) {
      return base::error(
          Code::kFailedPrecondition,
          "a column of the last snapshot is gone: column={} (ingest it anew if that is "
          "meant)",
          name);
    }
    if (at->second != type && is_declared(definition, name, at->second)) {
      found.notes.push_back(fmt::format("{} is {} as declared, and was {}", name,
                                        types::type_name(at->second), types::type_name(type)));
    } else if (at->second != type && changes == Changes::kTold) {
      found.notes.push_back(fmt::format("{} is {}, and was {}", name, types::type_name(at->second),
                                        types::type_name(type)));
    } else if (at->second != type) {
      return base::error(Code::kFailedPrecondition,
                         "a column has another type than in the last snapshot: column={} was={} "
                         "is={} (declare its type, or ingest it anew, if it is to change)",
                         name, types::type_name(type), types::type_name(at->second));
    }
  }
  for (const auto& [name, type] : now.columns) {
    if (find(before, name) == before.columns.end())
      found.notes.push_back(fmt::format("new column {} ({})", name, types::type_name(type)));
  }
  return {};
}

}  // namespace

Schema Schema::of(const Frame& frame) {
  Schema schema;
  for (const Column& column : frame.columns())
    schema.columns.emplace_back(column.name, column.type);
  return schema;
}

JsonArray Schema::to_json() const {
  JsonArray list;
  for (const auto& [name, type] : columns)
    list.push_back(JsonObject{{"name", name}, {"type", types::type_name(type)}});
  return list;
}

Result<Schema> Schema::from_json(const JsonArray& columns) {
  Schema schema;
  for (const Json& item : columns) {
    if (!item.is_object()) return base::error(Code::kCorruption, "a stored schema is damaged");
    schema.columns.emplace_back(
        TRY(base::get_string(item.get_object(), "name")),
        TRY(types::parse_type(TRY(base::get_string(item.get_object(), "type")))));
  }
  return schema;
}

std::map<std::string, std::int64_t> Validation::counts() const {
  std::map<std::string, std::int64_t> counts;
  for (const Violation& violation : violations) ++counts[violation.column + " " + violation.rule];
  return counts;
}

Result<Validation> validate(const Frame& frame, const DatasetDefinition& definition,
                            const Schema* before, const RowCondition& condition, Changes changes) {
  Validation found;
  if (before != nullptr)
    TRY(compare_schemas(Schema::of(frame), *before, definition, changes, found));
  for (const types::ColumnRule& rule : definition.columns) {
    const Column* column = frame.find(rule.name);
    if (column == nullptr) {
      return base::error(Code::kInvalidArgument, "a declared column is not in the data: column={}",
                         rule.name);
    }
    const bool both_numbers =
        rule.type == ColumnType::kDouble && column->type == ColumnType::kInt64;
    if (rule.type && *rule.type != column->type && !both_numbers) {
      return base::error(Code::kInvalidArgument,
                         "a column has another type than declared: column={} declared={} is={}",
                         rule.name, types::type_name(*rule.type), types::type_name(column->type));
    }
    TRY(check_rule_fits(*column, rule));
    check_values(*column, rule, found);
  }
  for (const std::string* time : {&definition.event_time, &definition.arrival_time}) {
    if (time->empty()) continue;
    const Column* column = TRY(frame.column(*time));
    if (column->type != ColumnType::kTimestamp) {
      return base::error(Code::kInvalidArgument, "a time column holds no times: column={} is={}",
                         *time, types::type_name(column->type));
    }
  }
  for (const RowRule& rule : definition.rules) TRY(check_rows(frame, rule, condition, found));
  TRY(check_keys(frame, definition.key, found));
  std::stable_sort(found.violations.begin(), found.violations.end(),
                   [](const Violation& a, const Violation& b) { return a.row < b.row; });
  return found;
}

std::string cell_text(const Column& column, std::size_t row) {
  if (!column.is_valid(row)) return "";
  switch (column.type) {
    case ColumnType::kDouble:
      return fmt::format("{}", column.doubles[row]);
    case ColumnType::kInt64:
      return std::to_string(column.ints[row]);
    case ColumnType::kBool:
      return column.ints[row] != 0 ? "true" : "false";
    case ColumnType::kString:
      return column.strings[row];
    case ColumnType::kTimestamp:
      return types::to_rfc3339({column.ints[row]});
  }
  return "";
}

}  // namespace slipway::datasets
