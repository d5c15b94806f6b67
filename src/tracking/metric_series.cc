#include "tracking/metric_series.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

namespace slipway::tracking {
namespace {

static_assert(std::endian::native == std::endian::little);

double comparable(double value) { return std::isnan(value) ? 0.0 : value; }

auto history_order(const Metric& m) {
  return std::tuple(m.timestamp_ms, m.step, std::isnan(m.value), comparable(m.value));
}

}  // namespace

void append_point(std::string& block, const Metric& point) {
  char bytes[kPointBytes];
  std::memcpy(bytes, &point.timestamp_ms, 8);
  std::memcpy(bytes + 8, &point.step, 8);
  std::memcpy(bytes + 16, &point.value, 8);
  block.append(bytes, kPointBytes);
}

Result<std::vector<Metric>> unpack_points(std::string_view block, const std::string& key) {
  if (block.size() % kPointBytes != 0) {
    return base::error(Code::kCorruption, "a metric block has a wrong length: key={} bytes={}", key,
                       block.size());
  }
  std::vector<Metric> points(block.size() / kPointBytes);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const char* bytes = block.data() + i * kPointBytes;
    points[i].key = key;
    std::memcpy(&points[i].timestamp_ms, bytes, 8);
    std::memcpy(&points[i].step, bytes + 8, 8);
    std::memcpy(&points[i].value, bytes + 16, 8);
  }
  return points;
}

bool is_later(const Metric& a, const Metric& b) {
  return std::tuple(a.step, a.timestamp_ms, comparable(a.value)) >
         std::tuple(b.step, b.timestamp_ms, comparable(b.value));
}

void sort_history(std::vector<Metric>& points) {
  std::stable_sort(points.begin(), points.end(), [](const Metric& a, const Metric& b) {
    return history_order(a) < history_order(b);
  });
  points.erase(std::unique(points.begin(), points.end(),
                           [](const Metric& a, const Metric& b) {
                             return history_order(a) == history_order(b);
                           }),
               points.end());
}

}  // namespace slipway::tracking
