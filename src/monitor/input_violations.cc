#include "monitor/input_violations.h"

#include <limits>
#include <string_view>
#include <unordered_set>

namespace slipway::monitor {

InputViolations InputViolations::of(const types::Frame& log) {
  InputViolations found;
  const types::Column* broken = log.find("input_violations");
  const types::Column *roles = log.find("role"), *traffic = log.find("traffic"),
                      *ids = log.find("request_id");
  // Logs that were written before there were rules have no such column.
  if (broken == nullptr || roles == nullptr || traffic == nullptr || ids == nullptr) return found;
  std::unordered_set<std::string> seen;
  for (std::size_t row = 0; row < log.rows(); ++row) {
    if (!broken->is_valid(row) || roles->strings[row] != "live") continue;
    const std::string_view kind = traffic->is_valid(row) ? traffic->strings[row] : "";
    const bool is_rejected = kind == "rejected", is_quarantined = kind == "quarantined";
    if (!kind.empty() && !is_rejected && !is_quarantined) continue;
    if (!seen.insert(std::string(kind) + '\n' + ids->strings[row]).second) continue;
    ++found.rows;
    const std::string& text = broken->strings[row];
    if (text.empty()) continue;
    ++(is_rejected ? found.rejected : is_quarantined ? found.quarantined : found.flagged);
    const auto rules = base::parse_json_object(text);
    if (!rules) continue;
    for (const auto& [column, rule] : *rules) {
      if (rule.is_string()) ++found.columns[std::string(column)][std::string(rule.get_string())];
    }
  }
  return found;
}

double InputViolations::rate() const {
  if (rows == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(rejected + quarantined + flagged) / static_cast<double>(rows);
}

std::int64_t InputViolations::rows_of(const std::string& column) const {
  std::int64_t sum = 0;
  if (const auto found = columns.find(column); found != columns.end()) {
    for (const auto& [rule, count] : found->second) sum += count;
  }
  return sum;
}

JsonObject InputViolations::to_json() const {
  JsonObject by_column;
  for (const auto& [column, rules] : columns) {
    JsonObject counts;
    for (const auto& [rule, count] : rules) counts[rule] = count;
    by_column[column] = std::move(counts);
  }
  return {{"rows", rows},
          {"rejected", rejected},
          {"quarantined", quarantined},
          {"flagged", flagged},
          {"columns", std::move(by_column)}};
}

Result<InputViolations> InputViolations::from_json(const JsonObject& object) {
  InputViolations read;
  read.rows = TRY(base::get_int(object, "rows"));
  read.rejected = TRY(base::get_int(object, "rejected"));
  read.quarantined = TRY(base::get_int(object, "quarantined"));
  read.flagged = TRY(base::get_int(object, "flagged"));
  const Json* columns = object.if_contains("columns");
  if (columns == nullptr || !columns->is_object())
    return base::error(Code::kCorruption, "stored violations make no sense");
  for (const auto& [column, rules] : columns->as_object()) {
    if (!rules.is_object()) continue;
    for (const auto& [rule, count] : rules.as_object()) {
      if (count.is_int64())
        read.columns[std::string(column)][std::string(rule)] = count.get_int64();
    }
  }
  return read;
}

}  // namespace slipway::monitor
