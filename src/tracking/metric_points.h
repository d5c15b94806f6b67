// The points of metrics, packed. Pure functions.
//
// Packed bytes are a sequence of frames, so that points are added without reading what is there. A
// frame is the number of its points and then the points, each as the difference to the one before
// it (the first to zero): key, timestamp and step as zigzag varints, then the value's eight bytes,
// little-endian. A thousand points of one moment take some 12 bytes each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::tracking {

// One measured point of a run. Keys are numbers here, see metric_keys.h.
struct Point {
  std::uint32_t key = 0;
  double value = 0;
  std::int64_t timestamp_ms = 0;
  std::int64_t step = 0;
};

// Adds one frame. No points: nothing.
void pack_points(std::span<const Point> points, std::string& bytes);
// Adds what `bytes` holds to `points`. kCorruption when they are no frames.
Result<void> unpack_points(std::string_view bytes, std::vector<Point>& points);

// True when `a` is the later one of two points: greatest (step, timestamp, value), NaN counting as
// 0 in that comparison.
bool is_later(const Point& a, const Point& b);

// Leaves the latest point of each key, by key.
void keep_latest(std::vector<Point>& points);

// By key, and in a key in the order of a history: timestamp, step, value; identical points once.
void sort_history(std::vector<Point>& points);

}  // namespace slipway::tracking
