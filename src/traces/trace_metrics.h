// Numbers over many traces: how many, how long, how many tokens, what they cost, how they were
// judged; by time and by what they have in common.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/db.h"
#include "traces/metric_groups.h"
#include "traces/ports.h"

namespace slipway::traces {

enum class MetricView { kTraces, kSpans, kAssessments };
std::optional<MetricView> parse_metric_view(std::string_view name);  // "TRACES"

struct MetricQuery {
  std::vector<std::string> experiments;
  MetricView view = MetricView::kTraces;
  std::string metric;  // "latency"; which ones there are depends on the view
  std::vector<Aggregation> aggregations;
  std::vector<std::string> dimensions;  // what to group by; what lacks one of them is left out
  std::vector<std::string> filters;     // one clause each: trace.status = 'OK'
  std::optional<std::int64_t> interval_seconds;  // to group by time, too; then both ends are needed
  std::optional<std::int64_t> start_ms, end_ms;  // both inclusive
  std::int64_t max_results = 1000;
};

struct MetricDataPoint {
  std::vector<std::pair<std::string, std::string>> dimensions;  // "time_bucket" is the first
  std::vector<std::pair<std::string, double>> values;           // "AVG", "P99.0"
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class TraceMetrics {
 public:
  TraceMetrics(store::Db& db, ExperimentRecords& experiments)
      : db_(db), experiments_(experiments) {}

  // By time, then dimensions. Traces and assessments are of the time at which their trace began,
  // spans are counted and timed with their trace too, and cost what they cost when they themselves
  // began. What is asked of spans reads the spans of all traces that it may concern.
  // kInvalidArgument says what there is instead.
  Result<std::vector<MetricDataPoint>> query(const MetricQuery& query);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
};

}  // namespace slipway::traces
