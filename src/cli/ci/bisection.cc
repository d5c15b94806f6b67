#include "cli/ci/bisection.h"

#include <algorithm>
#include <bit>

namespace slipway::cli {

std::optional<std::size_t> Bisection::next() const {
  const std::size_t middle = good_ + (bad_ - good_) / 2;
  for (std::size_t away = 0; away < bad_ - good_; ++away) {
    for (const std::size_t point : {middle + away, middle - std::min(away, middle)}) {
      if (point > good_ && point < bad_ && !skipped_.contains(point)) return point;
    }
  }
  return std::nullopt;
}

void Bisection::tell(std::size_t point, Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      good_ = std::max(good_, point);
      break;
    case Verdict::kBad:
      bad_ = std::min(bad_, point);
      break;
    case Verdict::kSkipped:
      skipped_.insert(point);
      break;
  }
}

std::size_t Bisection::left() const {
  return static_cast<std::size_t>(std::bit_width(bad_ - good_ - 1));
}

}  // namespace slipway::cli
