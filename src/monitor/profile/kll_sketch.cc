#include "monitor/profile/kll_sketch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kLevelMin = 8;
constexpr std::size_t kLevelsMax = 48;  // 10^16 values

// A level so far below the top keeps this many values: two thirds a level.
std::size_t size_below_top(std::size_t depth) {
  static const auto sizes = [] {
    std::array<std::size_t, kLevelsMax + 1> all{};
    double size = KllSketch::kSize;
    for (std::size_t& one : all) {
      one = std::max(kLevelMin, static_cast<std::size_t>(std::lround(size)));
      size *= 2.0 / 3;
    }
    return all;
  }();
  return sizes[std::min(depth, kLevelsMax)];
}

std::uint64_t mixed(std::uint64_t bits) {
  bits ^= bits >> 33;
  bits *= 0xff51afd7ed558ccdULL;
  bits ^= bits >> 33;
  bits *= 0xc4ceb9fe1a85ec53ULL;
  return bits ^ (bits >> 33);
}

// Doubles and floats as whole numbers of the same order.
std::uint64_t ordered(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return bits >> 63 ? ~bits : bits | (std::uint64_t{1} << 63);
}
double from_ordered(std::uint64_t bits) {
  return std::bit_cast<double>(bits >> 63 ? bits & ~(std::uint64_t{1} << 63) : ~bits);
}
std::uint64_t ordered_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return bits >> 31 ? ~bits & 0xffffffffU : bits | (std::uint32_t{1} << 31);
}
double from_ordered_float(std::uint64_t wide) {
  const auto bits = static_cast<std::uint32_t>(wide);
  return std::bit_cast<float>(bits >> 31 ? bits & ~(std::uint32_t{1} << 31) : ~bits);
}

// Which of two comes next is as good as random, so nothing branches on it.
void merge_sorted(const std::vector<double>& a, const std::vector<double>& b,
                  std::vector<double>& out) {
  out.resize(a.size() + b.size());
  std::size_t i = 0, j = 0, k = 0;
  while (i < a.size() && j < b.size()) {
    const double of_a = a[i], of_b = b[j];
    const bool takes_b = of_b < of_a;
    out[k++] = std::min(of_a, of_b);
    j += takes_b;
    i += !takes_b;
  }
  std::copy(b.begin() + static_cast<std::ptrdiff_t>(j), b.end(),
            std::copy(a.begin() + static_cast<std::ptrdiff_t>(i), a.end(),
                      out.begin() + static_cast<std::ptrdiff_t>(k)));
}

bool fits_float(double value) {
  return std::abs(value) <= std::numeric_limits<float>::max() &&
         static_cast<double>(static_cast<float>(value)) == value;
}

}  // namespace

KllSketch::KllSketch() : min_(kNone), max_(kNone) { set_levels(1); }

std::size_t KllSketch::capacity(std::size_t level) const {
  return size_below_top(levels_.size() - 1 - level);
}

void KllSketch::set_levels(std::size_t levels) {
  levels_.resize(levels);
  capacity_ = 0;
  for (std::size_t level = 0; level < levels; ++level) capacity_ += capacity(level);
}

void KllSketch::add(std::span<const double> values) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (!(min_ <= *low)) min_ = *low;
  if (!(max_ >= *high)) max_ = *high;
  count_ += values.size();
  while (!values.empty()) {
    const std::size_t taken = std::min(values.size(), capacity_ - retained_);
    levels_[0].insert(levels_[0].end(), values.begin(),
                      values.begin() + static_cast<std::ptrdiff_t>(taken));
    retained_ += taken;
    values = values.subspan(taken);
    if (retained_ >= capacity_) compress();
  }
}

// Halves the lowest level that is full.
void KllSketch::compress() {
  std::size_t level = 0;
  while (levels_[level].size() < capacity(level)) ++level;
  if (level + 1 == levels_.size()) set_levels(levels_.size() + 1);
  std::vector<double>& from = levels_[level];
  std::vector<double>& to = levels_[level + 1];
  if (level == 0) std::sort(from.begin(), from.end());
  const std::size_t kept = from.size() % 2;
  coin_ = mixed(coin_ ^ std::bit_cast<std::uint64_t>(from[from.size() / 2]) ^ count_);
  std::vector<double> moved(from.size() / 2), both;
  for (std::size_t i = 0, at = kept + (coin_ & 1); i < moved.size(); ++i, at += 2)
    moved[i] = from[at];
  merge_sorted(to, moved, both);
  to.swap(both);
  from.resize(kept);
  retained_ -= moved.size();
}

void KllSketch::merge(const KllSketch& other) {
  if (other.count_ == 0) return;
  if (!(min_ <= other.min_)) min_ = other.min_;
  if (!(max_ >= other.max_)) max_ = other.max_;
  count_ += other.count_;
  coin_ ^= mixed(other.coin_ + 1);
  if (levels_.size() < other.levels_.size()) set_levels(other.levels_.size());
  levels_[0].insert(levels_[0].end(), other.levels_[0].begin(), other.levels_[0].end());
  std::vector<double> both;
  for (std::size_t level = 1; level < other.levels_.size(); ++level) {
    merge_sorted(levels_[level], other.levels_[level], both);
    levels_[level].swap(both);
  }
  retained_ += other.retained_;
  while (retained_ >= capacity_) compress();
}

std::vector<KllSketch::Weighted> KllSketch::cumulated() const {
  std::vector<Weighted> all;
  all.reserve(retained_);
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    for (const double value : levels_[level]) all.push_back({value, std::uint64_t{1} << level});
  }
  std::sort(all.begin(), all.end(),
            [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
  std::uint64_t sum = 0;
  for (Weighted& one : all) one.weight = sum += one.weight;
  return all;
}

std::vector<double> KllSketch::quantiles(std::span<const double> shares) const {
  const std::vector<Weighted> all = cumulated();
  std::vector<double> found;
  for (const double share : shares) {
    if (all.empty()) {
      found.push_back(kNone);
    } else if (share <= 0) {
      found.push_back(min_);
    } else if (share >= 1) {
      found.push_back(max_);
    } else {
      const auto wanted =
          static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
      const auto at =
          std::lower_bound(all.begin(), all.end(), wanted,
                           [](const Weighted& one, std::uint64_t w) { return one.weight < w; });
      found.push_back(at == all.end() ? max_ : at->value);
    }
  }
  return found;
}

std::vector<double> KllSketch::ranks(std::span<const double> values) const {
  const std::vector<Weighted> all = cumulated();
  std::vector<double> found;
  for (const double value : values) {
    const auto above = std::upper_bound(
        all.begin(), all.end(), value, [](double v, const Weighted& one) { return v < one.value; });
    const std::uint64_t below = above == all.begin() ? 0 : (above - 1)->weight;
    found.push_back(all.empty() ? kNone : static_cast<double>(below) / static_cast<double>(count_));
  }
  return found;
}

// Fitted by Apache DataSketches to this very scheme.
double KllSketch::rank_error() const { return is_exact() ? 0 : 2.296 / std::pow(kSize, 0.9723); }
double KllSketch::rank_error_everywhere() const {
  return is_exact() ? 0 : 2.446 / std::pow(kSize, 0.9433);
}

void KllSketch::write(ByteWriter& out) const {
  out.varint(count_);
  if (count_ == 0) return;
  out.real(min_);
  out.real(max_);
  out.varint(coin_);
  bool floats = true;
  for (const auto& level : levels_) floats &= std::all_of(level.begin(), level.end(), fits_float);
  out.byte(floats ? 1 : 0);
  out.varint(levels_.size());
  for (const auto& level : levels_) {
    std::vector<std::uint64_t> sorted;
    for (const double value : level) {
      sorted.push_back(floats ? ordered_float(static_cast<float>(value)) : ordered(value));
    }
    std::sort(sorted.begin(), sorted.end());
    out.varint(sorted.size());
    std::uint64_t before = 0;
    for (const std::uint64_t value : sorted) {
      out.varint(value - before);
      before = value;
    }
  }
}

Result<KllSketch> KllSketch::read(ByteReader& in) {
  KllSketch sketch;
  sketch.count_ = TRY(in.varint());
  if (sketch.count_ == 0) return sketch;
  sketch.min_ = TRY(in.real());
  sketch.max_ = TRY(in.real());
  sketch.coin_ = TRY(in.varint());
  const bool floats = TRY(in.varint(1)) == 1;
  const std::size_t levels = TRY(in.varint(kLevelsMax));
  if (levels == 0 || !std::isfinite(sketch.min_) || !std::isfinite(sketch.max_)) return in.broken();
  sketch.set_levels(levels);
  std::uint64_t weight = 0;
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t size = TRY(in.varint(sketch.capacity_));
    std::uint64_t value = 0;
    sketch.levels_[level].reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      std::uint64_t step = 0;
      if (!in.read_varint(step)) return in.broken();
      if (step > std::numeric_limits<std::uint64_t>::max() - value) return in.broken();
      value += step;
      if (floats && value > 0xffffffffU) return in.broken();
      const double number = floats ? from_ordered_float(value) : from_ordered(value);
      if (!(number >= sketch.min_ && number <= sketch.max_)) return in.broken();
      sketch.levels_[level].push_back(number);
    }
    sketch.retained_ += size;
    weight += std::uint64_t{size} << level;
  }
  if (weight != sketch.count_ || sketch.retained_ >= sketch.capacity_) return in.broken();
  return sketch;
}

}  // namespace slipway::monitor
