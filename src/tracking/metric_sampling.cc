#include "tracking/metric_sampling.h"

#include <cmath>
#include <tuple>

namespace slipway::tracking {
namespace {

Result<void> check(const SampleQuery& query) {
  if (std::ssize(query.run_ids) > kSampledRunsMax) {
    return base::error(Code::kInvalidArgument,
                       "GetMetricHistoryBulkInterval request must specify at most {} run_ids. "
                       "Received {} run_ids.",
                       kSampledRunsMax, query.run_ids.size());
  }
  if (query.points_max < 1 || query.points_max > kSampledPointsMax) {
    return base::error(Code::kInvalidArgument, "max_results must be between 1 and {}.",
                       kSampledPointsMax);
  }
  if (query.start_step.has_value() != query.end_step.has_value()) {
    return base::error(Code::kInvalidArgument,
                       "If either start step or end step are specified, both must be specified.");
  }
  if (query.start_step && *query.start_step > *query.end_step) {
    return base::error(
        Code::kInvalidArgument,
        "end_step must be greater than start_step. Found start_step={} and end_step={}.",
        *query.start_step, *query.end_step);
  }
  return {};
}

// NaN after all numbers, so that the order is one.
std::tuple<std::int64_t, std::int64_t, bool, double> place(const Metric& point) {
  const bool is_nan = std::isnan(point.value);
  return {point.step, point.timestamp_ms, is_nan, is_nan ? 0 : point.value};
}

void sort_by_step(std::vector<Metric>& points) {
  std::sort(points.begin(), points.end(),
            [](const Metric& a, const Metric& b) { return place(a) < place(b); });
}

}  // namespace

std::vector<Metric> thin_out(std::vector<Metric> points, std::size_t points_max) {
  if (points.size() <= points_max) return points;
  std::vector<Metric> kept;
  const std::size_t shortest = points.size() / points_max, longer = points.size() % points_max;
  std::size_t at = 0;
  for (std::size_t bucket = 0; bucket < points_max; ++bucket) {
    kept.push_back(points[at]);
    at += shortest + (bucket < longer ? 1 : 0);
  }
  kept.back() = points.back();
  return kept;
}

std::vector<Metric> outline_of(std::vector<Metric> points, std::size_t points_max) {
  CHECK(points_max >= 4);
  if (points.size() <= points_max) return points;
  const std::size_t buckets = (points_max - 2) / 2, inner = points.size() - 2;
  std::vector<Metric> kept{points.front()};
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const auto from = points.begin() + 1 + static_cast<std::ptrdiff_t>(inner * bucket / buckets);
    const auto to =
        points.begin() + 1 + static_cast<std::ptrdiff_t>(inner * (bucket + 1) / buckets);
    auto low = from, high = from;
    for (auto at = from; at != to; ++at) {
      if (at->value < low->value || std::isnan(low->value)) low = at;
      if (at->value > high->value || std::isnan(high->value)) high = at;
    }
    kept.push_back(*std::min(low, high));
    if (low != high) kept.push_back(*std::max(low, high));
  }
  kept.push_back(points.back());
  return kept;
}

Result<std::vector<RunMetric>> sample_histories(Runs& runs, const SampleQuery& query) {
  TRY(check(query));
  std::vector<RunMetric> sampled;
  for (const std::string& id : query.run_ids) {
    std::vector<Metric> points = TRY(runs.metric_history(id, query.key, 0, "")).items;
    if (query.start_step) {
      std::erase_if(points, [&](const Metric& point) {
        return point.step < *query.start_step || point.step > *query.end_step;
      });
    }
    sort_by_step(points);
    for (Metric& point : thin_out(std::move(points), static_cast<std::size_t>(query.points_max)))
      sampled.push_back({id, std::move(point)});
  }
  return sampled;
}

Result<std::vector<std::vector<Metric>>> sample_curves(Runs& runs, const std::string& run_id,
                                                       const CurveQuery& query) {
  std::vector<std::string> logged;
  for (const Metric& latest : TRY(runs.get(run_id)).metrics) logged.push_back(latest.key);
  std::sort(logged.begin(), logged.end());
  std::vector<std::string> keys = query.keys.empty() ? logged : query.keys;
  std::erase_if(keys, [&](const std::string& key) {
    return !std::binary_search(logged.begin(), logged.end(), key);
  });
  if (keys.size() > query.curves_max) keys.resize(query.curves_max);
  std::vector<std::vector<Metric>> curves;
  for (const std::string& key : keys) {
    std::vector<Metric> points = TRY(runs.metric_history(run_id, key, 0, "")).items;
    sort_by_step(points);
    curves.push_back(outline_of(std::move(points), query.points_max));
  }
  return curves;
}

}  // namespace slipway::tracking
