#include "traces/metric_groups.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace slipway::traces {
namespace {

constexpr std::array<std::pair<AggregationKind, std::string_view>, 6> kNames = {{
    {AggregationKind::kCount, "COUNT"},
    {AggregationKind::kSum, "SUM"},
    {AggregationKind::kAverage, "AVG"},
    {AggregationKind::kPercentile, "PERCENTILE"},
    {AggregationKind::kLeast, "MIN"},
    {AggregationKind::kGreatest, "MAX"},
}};

}  // namespace

std::string_view aggregation_name(AggregationKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "";
}

std::optional<AggregationKind> parse_aggregation(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

std::string Aggregation::label() const {
  if (kind != AggregationKind::kPercentile) return std::string(aggregation_name(kind));
  std::string number = fmt::format("{}", percentile);
  if (number.find_first_of(".e") == std::string::npos) number += ".0";
  return "P" + number;
}

MetricGroups::MetricGroups(std::vector<Aggregation> aggregations)
    : aggregations_(std::move(aggregations)) {
  for (const Aggregation& aggregation : aggregations_)
    keeps_values_ = keeps_values_ || aggregation.kind == AggregationKind::kPercentile;
}

void MetricGroups::add(const GroupKey& key, double value) {
  Group& group = groups_[key];
  group.least = group.count == 0 ? value : std::min(group.least, value);
  group.greatest = group.count == 0 ? value : std::max(group.greatest, value);
  group.sum += value;
  ++group.count;
  if (keeps_values_) group.values.push_back(value);
}

void MetricGroups::add_name(const GroupKey& key, const std::string& name) {
  Group& group = groups_[key];
  if (group.names.insert(name).second) ++group.count;
}

std::optional<double> MetricGroups::value_of(const Aggregation& aggregation, Group& group) const {
  if (aggregation.kind == AggregationKind::kCount) return static_cast<double>(group.count);
  if (group.count == 0) return std::nullopt;
  switch (aggregation.kind) {
    case AggregationKind::kCount:
      break;
    case AggregationKind::kSum:
      return group.sum;
    case AggregationKind::kAverage:
      return group.sum / static_cast<double>(group.count);
    case AggregationKind::kLeast:
      return group.least;
    case AggregationKind::kGreatest:
      return group.greatest;
    case AggregationKind::kPercentile:
      return percentile_of(group.values, aggregation.percentile);
  }
  return std::nullopt;
}

std::vector<MetricGroups::Row> MetricGroups::finish() {
  std::vector<Row> rows;
  for (auto& [key, group] : groups_) {
    std::sort(group.values.begin(), group.values.end());
    Row row;
    row.key = key;
    for (const Aggregation& aggregation : aggregations_) {
      if (const std::optional<double> value = value_of(aggregation, group))
        row.values.emplace_back(aggregation.label(), *value);
    }
    if (!row.values.empty()) rows.push_back(std::move(row));
  }
  groups_.clear();
  return rows;
}

double percentile_of(const std::vector<double>& values, double percentile) {
  const double place = percentile / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  if (below + 1 >= values.size()) return values.back();
  const double part = place - static_cast<double>(below);
  return values[below] + (values[below + 1] - values[below]) * part;
}

}  // namespace slipway::traces
