#include "pipelines/search/grid.h"

#include <algorithm>

namespace slipway::pipelines {

std::uint64_t grid_size(const Space& space) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 63;
  std::uint64_t size = 1;
  for (const Dimension& dimension : space) {
    const std::uint64_t values = dimension.values();
    if (size > kMost / values) return kMost;
    size *= values;
  }
  return size;
}

Point grid_point(const Space& space, std::uint64_t number) {
  Point point;
  for (auto dimension = space.rbegin(); dimension != space.rend(); ++dimension) {
    const auto at = static_cast<double>(number % dimension->values());
    number /= dimension->values();
    point.push_back(dimension->kind == Dimension::Kind::kChoice
                        ? at
                        : dimension->nearest(dimension->low + at * dimension->step));
  }
  std::reverse(point.begin(), point.end());
  return point;
}

}  // namespace slipway::pipelines
