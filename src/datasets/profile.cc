#include "datasets/profile.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

void profile_numbers(const Column& column, JsonObject& out) {
  std::vector<double> values;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const double value = column.number(row);
    if (column.is_valid(row) && std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  // Welford. Differences of doubles may lie beyond what a double holds.
  long double mean = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const long double delta = values[i] - mean;
    mean += delta / static_cast<long double>(i + 1);
    squares += delta * (values[i] - mean);
  }
  const auto quantile = [&](double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
  };
  std::size_t distinct = 1;
  for (std::size_t i = 1; i < values.size(); ++i) distinct += values[i] != values[i - 1];
  out["min"] = values.front();
  out["max"] = values.back();
  out["mean"] = static_cast<double>(mean);  // between min and max
  out["stddev"] = base::number_or_null(
      values.size() < 2
          ? std::nan("")
          : static_cast<double>(std::sqrt(squares / static_cast<long double>(values.size() - 1))));
  out["p05"] = quantile(0.05);
  out["p50"] = quantile(0.50);
  out["p95"] = quantile(0.95);
  out["distinct"] = distinct;
}

void profile_texts(const Column& column, JsonObject& out) {
  std::unordered_map<std::string_view, std::int64_t> counts;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    ++counts[column.strings[row]];
    if (counts.size() > kDistinctMax) {
      out["distinct"] = nullptr;
      return;
    }
  }
  std::vector<std::pair<std::int64_t, std::string_view>> order;
  for (const auto& [value, rows] : counts) order.emplace_back(-rows, value);
  std::sort(order.begin(), order.end());
  JsonArray top;
  for (std::size_t i = 0; i < std::min(order.size(), kTopValues); ++i)
    top.push_back(JsonObject{{"value", order[i].second}, {"rows", -order[i].first}});
  out["distinct"] = counts.size();
  out["top"] = std::move(top);
}

void profile_times(const Column& column, JsonObject& out) {
  std::optional<std::int64_t> least, most;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    least = std::min(least.value_or(column.ints[row]), column.ints[row]);
    most = std::max(most.value_or(column.ints[row]), column.ints[row]);
  }
  if (!least) return;
  out["min"] = types::to_rfc3339({*least});
  out["max"] = types::to_rfc3339({*most});
}

}  // namespace

JsonArray profile(const types::Frame& frame) {
  JsonArray columns;
  for (const Column& column : frame.columns()) {
    JsonObject out{{"name", column.name},
                   {"type", types::type_name(column.type)},
                   {"rows", column.size()},
                   {"missing", column.null_count()}};
    switch (column.type) {
      case ColumnType::kDouble:
      case ColumnType::kInt64:
      case ColumnType::kBool:
        profile_numbers(column, out);
        break;
      case ColumnType::kString:
        profile_texts(column, out);
        break;
      case ColumnType::kTimestamp:
        profile_times(column, out);
        break;
    }
    columns.push_back(std::move(out));
  }
  return columns;
}

}  // namespace slipway::datasets
