#include "types/confidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace slipway::types {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kZ = 1.959963984540054;  // 95 %, both sides
constexpr std::size_t kReplicates = 200, kUnitsMax = 5000;
constexpr std::uint64_t kSeed = 20'240'229;

// splitmix64: a million draws a bootstrap are worth no lock each.
class Draws {
 public:
  std::uint64_t below(std::uint64_t count) {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return (((mixed ^ (mixed >> 31)) >> 32) * count) >> 32;
  }

 private:
  std::uint64_t state_ = kSeed;
};

struct Moments {
  double count = 0, mean = 0, squares = 0;  // Welford 1962
  void add(double value) {
    const double before = value - mean;
    count += 1;
    mean += before / count;
    squares += before * (value - mean);
  }
  double deviation() const { return count < 2 ? kNone : std::sqrt(squares / (count - 1)); }
};

}  // namespace

Measured not_measured() { return {kNone, {kNone, kNone}}; }

Measured with_error(double value, double standard_error, double low, double high) {
  if (!std::isfinite(value)) return not_measured();
  if (!std::isfinite(standard_error)) return {value, {kNone, kNone}};
  const double half = kZ * standard_error;
  return {value, {std::max(low, value - half), std::min(high, value + half)}};
}

Measured mean_of(std::span<const double> values, double low, double high) {
  if (values.empty()) return not_measured();
  double sum = 0;
  Moments moments;
  for (const double value : values) {
    sum += value;
    moments.add(value);
  }
  return with_error(sum / moments.count, moments.deviation() / std::sqrt(moments.count), low, high);
}

Measured share_of(double hits, double total, double otherwise) {
  if (!(total > 0)) return {otherwise, {kNone, kNone}};
  const double share = hits / total, z2 = kZ * kZ;
  const double middle = (share + z2 / (2 * total)) / (1 + z2 / total);
  const double half =
      kZ / (1 + z2 / total) * std::sqrt(share * (1 - share) / total + z2 / (4 * total * total));
  // At the ends rounding must not leave the share outside.
  return {share, {std::clamp(middle - half, 0.0, share), std::clamp(middle + half, share, 1.0)}};
}

Values bootstrap_errors(std::size_t units,
                        const std::function<Values(std::span<const std::size_t>)>& measure) {
  Values errors;
  if (units < 2) return errors;
  const std::size_t kept = std::min(units, kUnitsMax);
  Draws draws;
  std::map<std::string, Moments> moments;
  std::vector<std::uint32_t> times(kept);
  std::vector<std::size_t> drawn(kept);
  for (std::size_t replicate = 0; replicate < kReplicates; ++replicate) {
    std::fill(times.begin(), times.end(), 0);
    for (std::size_t i = 0; i < kept; ++i) ++times[draws.below(kept)];
    auto to = drawn.begin();
    for (std::size_t i = 0; i < kept; ++i) to = std::fill_n(to, times[i], i * units / kept);
    for (const auto& [name, value] : measure(drawn)) {
      if (std::isfinite(value)) moments[name].add(value);
    }
  }
  const double scale = std::sqrt(static_cast<double>(kept) / static_cast<double>(units));
  for (const auto& [name, of] : moments) errors[name] = of.deviation() * scale;
  return errors;
}

}  // namespace slipway::types
