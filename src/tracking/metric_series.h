// The points of one metric of one run, packed: 24 bytes a point (timestamp in ms, step, value;
// little-endian), appended in the order of arrival. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/values.h"

namespace slipway::tracking {

// Points per block: a block is rewritten while it is filled, so not too large; each costs a row, so
// not too small.
inline constexpr std::size_t kBlockPointsMax = 512;
inline constexpr std::size_t kPointBytes = 24;

void append_point(std::string& block, const Metric& point);
// kCorruption when the length is no multiple of a point. `key` is given to every point.
Result<std::vector<Metric>> unpack_points(std::string_view block, const std::string& key);

// True when `a` is the later one of two points: greatest (step, timestamp, value), NaN counting as
// 0 in that comparison.
bool is_later(const Metric& a, const Metric& b);

// In the order of a history: by timestamp, step, value; identical points once.
void sort_history(std::vector<Metric>& points);

}  // namespace slipway::tracking
