#include "monitor/profile/running_moments.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// Sums run side by side, so that an addition doesn't wait for the one before.
constexpr std::size_t kLanes = 4;
constexpr std::size_t kBlock = 4096;

template <typename Of>
double sum_of(std::span<const double> values, Of&& of) {
  double lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += of(values[i + lane]);
  }
  for (; i < values.size(); ++i) lanes[0] += of(values[i]);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

}  // namespace

void RunningMoments::add(std::span<const double> values) {
  // A block at a time: its values are near when they are walked again.
  for (; !values.empty(); values = values.subspan(std::min(kBlock, values.size()))) {
    const auto block = values.first(std::min(kBlock, values.size()));
    RunningMoments part;
    part.count_ = block.size();
    const auto n = static_cast<double>(block.size());
    // Divided before they are added, where the sum would leave the range of numbers.
    double mean = sum_of(block, [](double v) { return v; }) / n;
    if (!std::isfinite(mean)) mean = sum_of(block, [n](double v) { return v / n; });
    part.mean_ = mean;
    part.squares_ = sum_of(block, [mean](double v) { return (v - mean) * (v - mean); });
    part.cubes_ = sum_of(block, [mean](double v) { return (v - mean) * (v - mean) * (v - mean); });
    part.fourths_ = sum_of(block, [mean](double v) {
      const double square = (v - mean) * (v - mean);
      return square * square;
    });
    merge(part);
  }
}

void RunningMoments::merge(const RunningMoments& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  const auto a = static_cast<double>(count_), b = static_cast<double>(other.count_), n = a + b;
  const double d = other.mean_ - mean_, e = d / n;
  fourths_ += other.fourths_ + d * e * e * e * a * b * (a * a - a * b + b * b) +
              6 * e * e * (a * a * other.squares_ + b * b * squares_) +
              4 * e * (a * other.cubes_ - b * cubes_);
  cubes_ +=
      other.cubes_ + d * e * e * a * b * (a - b) + 3 * e * (a * other.squares_ - b * squares_);
  squares_ += other.squares_ + d * e * a * b;
  mean_ += e * b;
  count_ += other.count_;
}

double RunningMoments::mean() const { return count_ > 0 ? mean_ : kNone; }

double RunningMoments::deviation() const {
  return count_ > 0 ? std::sqrt(squares_ / static_cast<double>(count_)) : kNone;
}

double RunningMoments::skewness() const {
  if (!(squares_ > 0)) return kNone;
  return std::sqrt(static_cast<double>(count_)) * cubes_ / std::pow(squares_, 1.5);
}

double RunningMoments::kurtosis() const {
  if (!(squares_ > 0)) return kNone;
  return static_cast<double>(count_) * fourths_ / (squares_ * squares_) - 3;
}

void RunningMoments::write(ByteWriter& out) const {
  out.varint(count_);
  if (count_ == 0) return;
  for (const double value : {mean_, squares_, cubes_, fourths_}) out.real(value);
}

Result<RunningMoments> RunningMoments::read(ByteReader& in) {
  RunningMoments moments;
  moments.count_ = TRY(in.varint());
  if (moments.count_ == 0) return moments;
  for (double* value : {&moments.mean_, &moments.squares_, &moments.cubes_, &moments.fourths_})
    *value = TRY(in.real());
  return moments;
}

}  // namespace slipway::monitor
