// Metric histories of many runs, thinned out to what a chart can show.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tracking/runs.h"
#include "tracking/values.h"

namespace slipway::tracking {

inline constexpr std::int64_t kSampledRunsMax = 100;
inline constexpr std::int64_t kSampledPointsMax = 2500;  // of each run

struct RunMetric {
  std::string run_id;
  Metric metric;
};

struct SampleQuery {
  std::vector<std::string> run_ids;
  std::string key;
  std::int64_t points_max = kSampledPointsMax;
  std::optional<std::int64_t> start_step, end_step;  // both or none; both included
};

// Run by run, each by step, time and value. kInvalidArgument.
Result<std::vector<RunMetric>> sample_histories(Runs& runs, const SampleQuery& query);

struct CurveQuery {
  std::vector<std::string> keys;  // none: all that the run has, by name
  std::size_t curves_max;         // of these the first
  std::size_t points_max = kSampledPointsMax;
};

// The curves of a run, each by step, time and value, to be drawn with at most `points_max` points
// (outline_of). Keys that the run doesn't have give none. kNotFound: no such run.
Result<std::vector<std::vector<Metric>>> sample_curves(Runs& runs, const std::string& run_id,
                                                       const CurveQuery& query);

// At most `points_max` of `points`: the first of each of as many even buckets, the very last in
// place of the last bucket's.
std::vector<Metric> thin_out(std::vector<Metric> points, std::size_t points_max);

// At most `points_max` (4 or more) of `points`: both ends, and of each of as many even buckets the
// least and the greatest, so that no peak is lost. Where one has only NaN, that.
std::vector<Metric> outline_of(std::vector<Metric> points, std::size_t points_max);

}  // namespace slipway::tracking
