#include "datasets/checks.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "datasets/diff/cell_hash.h"
#include "datasets/diff/column_summary.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;
using types::YamlMap;
using types::YamlNode;

constexpr double kMicrosPerHour = 3.6e9;

Result<double> share(const YamlNode& node) {
  const double value = TRY(node.number());
  if (value < 0 || value > 1) return node.error("a share is from 0 to 1: got={}", value);
  return value;
}

Result<std::map<std::string, double>> shares_of_columns(YamlMap& map, std::string_view key) {
  std::map<std::string, double> shares;
  if (const auto node = map.find(key)) {
    for (const auto& [column, limit] : TRY(node->entries())) shares[column] = TRY(share(limit));
  }
  return shares;
}

Result<std::vector<std::string>> columns_of(const YamlNode& node) {
  std::vector<std::string> columns;
  if (!node.is_list()) return std::vector{TRY(node.text())};
  for (const YamlNode& column : TRY(node.list())) columns.push_back(TRY(column.text()));
  if (columns.empty()) return node.error("unique: no column is named");
  return columns;
}

Result<void> read_rows(const YamlNode& node, VersionChecks& checks) {
  YamlMap map = TRY(node.map("rows"));
  checks.rows_min = TRY(map.find_integer("min", 0, YamlNode::kIntegerMax));
  checks.rows_max = TRY(map.find_integer("max", 0, YamlNode::kIntegerMax));
  if (checks.rows_min && checks.rows_max && *checks.rows_min > *checks.rows_max)
    return node.error("rows: min is more than max: min={} max={}", *checks.rows_min,
                      *checks.rows_max);
  if (const auto change = map.find("change_max")) {
    checks.rows_change_max = TRY(change->number());
    if (*checks.rows_change_max < 0) return change->error("change_max must not be negative");
  }
  return map.finish();
}

Result<const Column*> named(const Frame& frame, const std::string& name) {
  const Column* column = frame.find(name);
  if (column != nullptr) return column;
  return base::error(Code::kInvalidArgument,
                     "a check is about a column that the data doesn't have: column={}", name);
}

bool is_missing(const Column& column, std::size_t row) {
  return !column.is_valid(row) ||
         (column.type == ColumnType::kDouble && std::isnan(column.doubles[row]));
}

// Rows whose values are an earlier row's; what is missing equals nothing.
Result<double> repeated_rows(const Frame& frame, const std::vector<std::string>& names) {
  struct Bits {
    std::uint64_t low = 0, high = 0;
    bool operator==(const Bits&) const = default;
  };
  const auto hash = [](const Bits& bits) { return bits.low; };
  std::vector<Bits> rows(frame.rows());
  std::vector<bool> has_gap(frame.rows());
  std::vector<std::uint64_t> hashes;
  for (const std::string& name : names) {
    const Column* column = TRY(named(frame, name));
    for (const auto half : {&Bits::low, &Bits::high}) {
      hash_cells(*column, CompareAs::kValue, half == &Bits::low ? 1 : 2, hashes);
      for (std::size_t row = 0; row < rows.size(); ++row)
        rows[row].*half = mix_bits(rows[row].*half + hashes[row]);
    }
    for (std::size_t row = 0; row < rows.size(); ++row)
      if (is_missing(*column, row)) has_gap[row] = true;
  }
  std::unordered_map<Bits, bool, decltype(hash)> seen(rows.size(), hash);
  double repeated = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!has_gap[row] && !seen.try_emplace(rows[row]).second) ++repeated;
  }
  return repeated;
}

// Of the newest of them that has been; what is yet to come says nothing of how fresh data is.
double age_hours(const Column& times, base::Timestamp now) {
  std::optional<std::int64_t> newest;
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (!times.is_valid(row) || times.ints[row] > now.micros) continue;
    newest = std::max(newest.value_or(times.ints[row]), times.ints[row]);
  }
  if (!newest) return std::nan("");
  return (static_cast<double>(now.micros) - static_cast<double>(*newest)) / kMicrosPerHour;
}

// Numbers with numbers, whatever their type.
bool are_compared(const Column& before, const Column& now) {
  const auto is_number = [](ColumnType type) {
    return type == ColumnType::kDouble || type == ColumnType::kInt64 || type == ColumnType::kBool;
  };
  return before.type == now.type || (is_number(before.type) && is_number(now.type));
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

double missing_share(const Column& column) {
  std::size_t missing = 0;
  for (std::size_t row = 0; row < column.size(); ++row) {
    missing += is_missing(column, row) ? 1 : 0;
  }
  return static_cast<double>(missing) /
         static_cast<double>(std::max<std::size_t>(1, column.size()));
}

bool VersionChecks::is_empty() const {
  VersionChecks none;
  none.rejects = rejects;
  return *this == none;
}

JsonObject VersionChecks::to_json() const {
  JsonObject object, rows;
  if (rows_min) rows["min"] = *rows_min;
  if (rows_max) rows["max"] = *rows_max;
  if (rows_change_max) rows["change_max"] = *rows_change_max;
  if (!rows.empty()) object["rows"] = std::move(rows);
  if (quarantined_max) object["quarantined_max"] = *quarantined_max;
  for (const auto& [key, limits] :
       {std::pair("missing_max", &missing_max), std::pair("drift_max", &drift_max)}) {
    JsonObject by_column;
    for (const auto& [column, limit] : *limits) by_column[column] = limit;
    if (!by_column.empty()) object[key] = std::move(by_column);
  }
  JsonArray groups;
  for (const auto& names : unique) {
    if (names.size() == 1) {
      groups.emplace_back(names.front());
      continue;
    }
    JsonArray group;
    for (const std::string& name : names) group.emplace_back(name);
    groups.push_back(std::move(group));
  }
  if (!groups.empty()) object["unique"] = std::move(groups);
  if (age_max) object["age_max"] = types::to_text(*age_max);
  if (!rejects) object["on_failed"] = "flag";
  return object;
}

Result<VersionChecks> read_version_checks(const YamlNode& node) {
  YamlMap map = TRY(node.map("checks"));
  VersionChecks checks;
  if (const auto rows = map.find("rows")) TRY(read_rows(*rows, checks));
  if (const auto most = map.find("quarantined_max")) checks.quarantined_max = TRY(share(*most));
  checks.missing_max = TRY(shares_of_columns(map, "missing_max"));
  if (const auto groups = map.find("unique")) {
    for (const YamlNode& group : TRY(groups->list()))
      checks.unique.push_back(TRY(columns_of(group)));
  }
  if (const auto age = map.find("age_max")) checks.age_max = TRY(age->duration());
  checks.drift_max = TRY(shares_of_columns(map, "drift_max"));
  if (const auto word = map.find("on_failed")) {
    const std::string what = TRY(word->text());
    if (what != "reject" && what != "flag")
      return word->error("on_failed is reject or flag: got={}", what);
    checks.rejects = what == "reject";
  }
  TRY(map.finish());
  return checks;
}

std::string CheckOutcome::words() const {
  const std::string what = columns.empty() ? check : fmt::format("{} of {}", check, columns);
  const std::string_view unit = check == "age_max" ? " hours" : "";
  if (std::isnan(value)) return fmt::format("{}: there are no values", what);
  return fmt::format("{}: {:.6g}{} is {} {:.6g}{}", what, value, unit,
                     holds                     ? "within"
                     : check.ends_with("_min") ? "less than"
                                               : "more than",
                     limit, unit);
}

JsonObject CheckOutcome::to_json() const {
  return {{"check", check},
          {"columns", columns},
          {"value", base::number_or_null(value)},
          {"limit", limit},
          {"holds", holds}};
}

Result<std::vector<CheckOutcome>> check_version(const VersionChecks& checks, const Frame& frame,
                                                std::int64_t quarantined,
                                                const std::string& time_column, base::Timestamp now,
                                                const VersionBefore* before) {
  std::vector<CheckOutcome> outcomes;
  const auto at_most = [&](std::string check, std::string columns, double value, double limit) {
    outcomes.push_back({std::move(check), std::move(columns), value, limit, value <= limit});
  };
  const auto rows = static_cast<double>(frame.rows());
  if (checks.rows_min) {
    const auto least = static_cast<double>(*checks.rows_min);
    outcomes.push_back({"rows_min", "", rows, least, rows >= least});
  }
  if (checks.rows_max) at_most("rows_max", "", rows, static_cast<double>(*checks.rows_max));
  if (checks.rows_change_max && before != nullptr && before->rows > 0) {
    const auto rows_before = static_cast<double>(before->rows);
    at_most("rows_change_max", "", std::abs(rows - rows_before) / rows_before,
            *checks.rows_change_max);
  }
  if (checks.quarantined_max) {
    const auto aside = static_cast<double>(quarantined);
    at_most("quarantined_max", "", aside == 0 ? 0 : aside / (rows + aside),
            *checks.quarantined_max);
  }
  for (const auto& [name, limit] : checks.missing_max)
    at_most("missing_max", name, missing_share(*TRY(named(frame, name))), limit);
  for (const auto& names : checks.unique)
    at_most("unique", joined(names), TRY(repeated_rows(frame, names)), 0);
  if (checks.age_max) {
    if (time_column.empty())
      return base::error(Code::kInvalidArgument,
                         "age_max is about an event_time or arrival_time, and neither is declared");
    at_most("age_max", time_column, age_hours(*TRY(named(frame, time_column)), now),
            static_cast<double>(checks.age_max->micros) / kMicrosPerHour);
  }
  for (const auto& [name, limit] : checks.drift_max) {
    const Column* column = TRY(named(frame, name));
    const Column* earlier = before == nullptr ? nullptr : before->frame.find(name);
    if (earlier == nullptr || earlier->size() == 0 || missing_share(*earlier) == 1 ||
        !are_compared(*earlier, *column))
      continue;
    const auto found = drift(*earlier, *column);
    at_most("drift_max", name, found ? found->value : std::nan(""), limit);
  }
  return outcomes;
}

std::string failed_words(std::span<const CheckOutcome> outcomes) {
  std::string words;
  for (const CheckOutcome& outcome : outcomes) {
    if (!outcome.holds) words += (words.empty() ? "" : "; ") + outcome.words();
  }
  return words;
}

}  // namespace slipway::datasets
