#include "features/exact_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace slipway::features {

// Digits of 32 bits: the first one's unit is the least double, the last ones are beyond the
// greatest. Each has room for the carries of a billion numbers.
struct ExactSum::Wide {
  static constexpr int kDigits = 69;
  static constexpr int kLeastExponent = -1074;
  static constexpr std::uint32_t kAddsMax = 1u << 29;

  std::array<std::int64_t, kDigits> digits{};
  std::uint32_t adds = 0;  // since carries were passed on
  std::int64_t positive_infinities = 0, negative_infinities = 0;

  // `times` is not 0, and at most kTimesMax; after others than 1 and -1 come carries.
  static constexpr std::int64_t kTimesMax = 1 << 28;
  void add(double number, std::int64_t times) {
    if (std::isinf(number)) {
      (number > 0 ? positive_infinities : negative_infinities) += times;
      return;
    }
    const auto bits = std::bit_cast<std::uint64_t>(number);
    const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
    std::uint64_t mantissa = bits & ((1ull << 52) - 1);
    if (exponent != 0) mantissa |= 1ull << 52;
    const int place = exponent == 0 ? 0 : exponent - 1;  // units of the least double, a power of 2
    const auto digit = static_cast<std::size_t>(place / 32);
    const std::uint64_t lower = (mantissa & 0xffffffff) << (place % 32);
    const std::uint64_t upper = (mantissa >> 32) << (place % 32);
    const std::int64_t sign = number < 0 ? -times : times;
    const auto part = [&](std::uint64_t of) { return sign * static_cast<std::int64_t>(of); };
    digits[digit] += part(lower & 0xffffffff);
    digits[digit + 1] += part((lower >> 32) + (upper & 0xffffffff));
    digits[digit + 2] += part(upper >> 32);
    if (++adds == kAddsMax) carry();
  }

  // Afterwards all digits but the last are in [0, 2^32); the last one has the sign.
  void carry() {
    for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
      const std::int64_t over = digits[i] >> 32;
      digits[i] -= over * (std::int64_t{1} << 32);
      digits[i + 1] += over;
    }
    adds = 0;
  }

  bool is_infinite() const { return positive_infinities != 0 || negative_infinities != 0; }
  double infinity() const {
    if (positive_infinities != 0 && negative_infinities != 0) return std::nan("");
    return positive_infinities != 0 ? std::numeric_limits<double>::infinity()
                                    : -std::numeric_limits<double>::infinity();
  }

  // All digits of the sum without its sign.
  Wide magnitude(bool& is_negative) const {
    Wide sum = *this;
    sum.carry();
    is_negative = sum.digits.back() < 0;
    if (is_negative) {
      for (std::int64_t& digit : sum.digits) digit = -digit;
      sum.carry();
    }
    return sum;
  }

  double value() const {
    if (is_infinite()) return infinity();
    bool is_negative = false;
    const Wide sum = magnitude(is_negative);
    std::size_t first = sum.digits.size() - 1;
    while (first > 1 && sum.digits[first] == 0) --first;
    const auto digit = [&](std::size_t at) { return static_cast<std::uint64_t>(sum.digits[at]); };
    std::uint64_t top = digit(first) << 32 | digit(first - 1);
    if (top == 0) return 0;
    // The first 64 bits; the last of them is set when anything follows, so that rounding knows.
    const int shift = std::countl_zero(top);
    top <<= shift;
    std::uint64_t rest = 0;
    if (first >= 2) {
      const std::uint64_t next = digit(first - 2) << 32;
      if (shift > 0) top |= next >> (64 - shift);
      rest = next << shift;
      for (std::size_t i = 0; i < first - 2; ++i) rest |= digit(i);
    }
    if (rest != 0) top |= 1;
    const double rounded = std::ldexp(static_cast<double>(top),
                                      32 * (static_cast<int>(first) - 1) + kLeastExponent - shift);
    return is_negative ? -rounded : rounded;
  }
};

ExactSum::ExactSum(ExactSum&& other) noexcept : high_(other.high_), low_(0) {
  if (is_wide()) {
    wide_ = other.wide_;
  } else {
    low_ = other.low_;
  }
  other.high_ = 0;
  other.low_ = 0;
}

void ExactSum::drop() { delete wide_; }

void ExactSum::add_times(double number, std::uint64_t times) {
  // Doubled as often as times can be it is exact, unless it is beyond all numbers then.
  constexpr double kDoubledMax = 0x1p959;
  if (std::abs(number) <= kDoubledMax) {
    for (; times > 0; times /= 2, number *= 2) {
      if (times % 2 == 1) add(number);
    }
    return;
  }
  Wide& sum = widen();
  sum.carry();
  while (times > 0) {
    const std::uint64_t some = std::min<std::uint64_t>(times, Wide::kTimesMax);
    sum.add(number, static_cast<std::int64_t>(some));
    sum.carry();
    times -= some;
  }
}

ExactSum::Wide& ExactSum::widen() {
  if (!is_wide()) {
    auto wide = std::make_unique<Wide>();
    wide->add(high_, 1);
    wide->add(low_, 1);
    high_ = std::numeric_limits<double>::quiet_NaN();
    wide_ = wide.release();
  }
  return *wide_;
}

void ExactSum::add_wide(double number, int times) {
  DCHECK(!std::isnan(number));
  widen().add(number, times);
}

void ExactSum::add(const ExactSum& other, int times) {
  if (!other.is_wide()) {
    add(times * other.high_);
    add(times * other.low_);
    return;
  }
  Wide& sum = widen();
  Wide more = *other.wide_;
  sum.carry();
  more.carry();
  for (std::size_t i = 0; i < sum.digits.size(); ++i) sum.digits[i] += times * more.digits[i];
  sum.carry();
  sum.positive_infinities += times * more.positive_infinities;
  sum.negative_infinities += times * more.negative_infinities;
}

double ExactSum::wide_value() const { return wide_->value(); }

// The digits, then how many infinities there are.
std::string ExactSum::wide() const {
  static_assert(kWideBytes == (Wide::kDigits + 2) * sizeof(std::int64_t));
  Wide sum = *wide_;
  sum.carry();
  std::string bytes(kWideBytes, '\0');
  std::memcpy(bytes.data(), sum.digits.data(), sizeof sum.digits);
  std::memcpy(bytes.data() + sizeof sum.digits, &sum.positive_infinities, sizeof(std::int64_t));
  std::memcpy(bytes.data() + sizeof sum.digits + 8, &sum.negative_infinities, sizeof(std::int64_t));
  return bytes;
}

bool ExactSum::add_kept(std::string_view bytes) {
  if (bytes.size() != kWideBytes) return false;
  Wide more;
  std::memcpy(more.digits.data(), bytes.data(), sizeof more.digits);
  std::memcpy(&more.positive_infinities, bytes.data() + sizeof more.digits, sizeof(std::int64_t));
  std::memcpy(&more.negative_infinities, bytes.data() + sizeof more.digits + 8,
              sizeof(std::int64_t));
  const auto is_counted = [](std::int64_t number) {
    return number > -(std::int64_t{1} << 52) && number < std::int64_t{1} << 52;
  };
  for (std::size_t i = 0; i + 1 < more.digits.size(); ++i) {
    if (more.digits[i] < 0 || more.digits[i] >= std::int64_t{1} << 32) return false;
  }
  if (!is_counted(more.digits.back()) || !is_counted(more.positive_infinities) ||
      !is_counted(more.negative_infinities))
    return false;
  Wide& sum = widen();
  sum.carry();
  for (std::size_t i = 0; i < sum.digits.size(); ++i) sum.digits[i] += more.digits[i];
  sum.carry();
  sum.positive_infinities += more.positive_infinities;
  sum.negative_infinities += more.negative_infinities;
  return true;
}

}  // namespace slipway::features
