// Values gathered in groups, and what is asked of each group: counts, sums, percentiles. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::traces {

enum class AggregationKind { kCount, kSum, kAverage, kPercentile, kLeast, kGreatest };
std::string_view aggregation_name(AggregationKind kind);  // "COUNT", "AVG", "PERCENTILE"
std::optional<AggregationKind> parse_aggregation(std::string_view name);

struct Aggregation {
  AggregationKind kind = AggregationKind::kCount;
  double percentile = 0;  // 0 to 100, of kPercentile

  std::string label() const;  // "AVG", "P99.9", "P50.0"
};

// What a value belongs to: the start of its interval, then one text per dimension.
struct GroupKey {
  std::int64_t interval_start_ms = 0;
  std::vector<std::string> dimensions;
  auto operator<=>(const GroupKey&) const = default;
};

// One thread at a time.
class MetricGroups {
 public:
  explicit MetricGroups(std::vector<Aggregation> aggregations);

  void add(const GroupKey& key, double value);
  // Of what is counted by name: the same name counts once in a group.
  void add_name(const GroupKey& key, const std::string& name);

  struct Row {
    GroupKey key;
    std::vector<std::pair<std::string, double>> values;  // label and value; those that have one
  };
  // Sorted by key; groups without any value are left out. Spent afterwards.
  std::vector<Row> finish();

  // For a question without groups, whose counts are 0 when nothing was found.
  void ensure(const GroupKey& key) { groups_.try_emplace(key); }

 private:
  struct Group {
    std::size_t count = 0;
    double sum = 0, least = 0, greatest = 0;
    std::vector<double> values;  // only where a percentile is asked
    std::set<std::string> names;
  };
  std::optional<double> value_of(const Aggregation& aggregation, Group& group) const;

  const std::vector<Aggregation> aggregations_;
  bool keeps_values_ = false;
  std::map<GroupKey, Group> groups_;
};

// Between the two values nearest to that place, as numpy's quantile has it. `values` is sorted and
// not empty.
double percentile_of(const std::vector<double>& values, double percentile);

}  // namespace slipway::traces
