#include "serving/batch_summary.h"

#include <algorithm>
#include <cmath>

namespace slipway::serving {

void ColumnSummary::add(double value) {
  ++rows;
  if (std::isnan(value)) {
    ++missing;
    return;
  }
  sum += value;
  low = std::min(low, value);
  high = std::max(high, value);
}

void ColumnSummary::add_text(bool is_missing) {
  ++rows;
  missing += is_missing ? 1 : 0;
}

void ColumnSummary::merge(const ColumnSummary& other) {
  rows += other.rows;
  missing += other.missing;
  sum += other.sum;
  low = std::min(low, other.low);
  high = std::max(high, other.high);
}

JsonObject ColumnSummary::to_json() const {
  JsonObject object{{"rows", rows}, {"missing", missing}};
  if (low > high) return object;
  object["sum"] = base::number_or_null(sum);
  object["mean"] = base::number_or_null(sum / static_cast<double>(rows - missing));
  object["min"] = base::number_or_null(low);
  object["max"] = base::number_or_null(high);
  return object;
}

Result<ColumnSummary> ColumnSummary::from_json(const JsonObject& object) {
  ColumnSummary summary;
  summary.rows = TRY(base::get_int(object, "rows"));
  summary.missing = TRY(base::get_int(object, "missing"));
  // Of one that JSON has no number for (infinite) nothing more is known.
  summary.sum = TRY(base::find_double(object, "sum")).value_or(object.contains("sum") ? NAN : 0);
  summary.low = TRY(base::find_double(object, "min")).value_or(summary.low);
  summary.high = TRY(base::find_double(object, "max")).value_or(summary.high);
  return summary;
}

JsonObject summaries_json(const Summaries& summaries) {
  JsonObject object;
  for (const auto& [name, summary] : summaries) object[name] = summary.to_json();
  return object;
}

void Broken::merge(const Broken& other) {
  for (const auto& [what, count] : other.rows) rows[what] += count;
  for (const auto& [rule, count] : other.values) values[rule] += count;
}

JsonObject Broken::to_json() const {
  JsonObject by_row, by_value;
  for (const std::string_view what : {"reject", "quarantine", "flag"}) by_row[what] = 0;
  for (const auto& [what, count] : rows) by_row[what] = count;
  for (const auto& [rule, count] : values) by_value[rule] = count;
  return {{"rows", std::move(by_row)}, {"values", std::move(by_value)}};
}

Result<Broken> Broken::from_json(const JsonObject& object) {
  Broken broken;
  for (const auto& [member, counts] :
       {std::pair("rows", &broken.rows), std::pair("values", &broken.values)}) {
    const Json* of = object.if_contains(member);
    if (of == nullptr || !of->is_object())
      return base::error(Code::kCorruption, "a part's summary makes no sense: member={}", member);
    for (const auto& [name, count] : of->as_object())
      (*counts)[name] = TRY(base::get_int(of->as_object(), name));
  }
  return broken;
}

}  // namespace slipway::serving
