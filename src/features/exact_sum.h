// A sum of doubles without any rounding until it is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace slipway::features {

// Adds numbers exactly: value() is the true sum, rounded once to the nearest double, as Python's
// math.fsum() gives it. So the order of adding doesn't matter, and sums of parts can be added to
// the sum of all: windows, tiles and training sets may each add in the order that suits them and
// give the same bits.
//
// The sum is held in two doubles, which holds for nearly all data (a window's numbers and its sum
// lie within some thirty decimal digits); what doesn't fit goes to whole numbers that span all
// doubles, much slower. One infinity makes the sum infinite, both make it NaN. 16 bytes, all zero
// when nothing was added. One thread at a time.
class ExactSum {
 public:
  ExactSum() : low_(0) {}
  ExactSum(ExactSum&& other) noexcept;
  ExactSum& operator=(ExactSum&&) = delete;
  ~ExactSum() {
    if (is_wide()) drop();
  }

  // `number` is no NaN.
  void add(double number) {
    if (!add_narrow(number)) [[unlikely]]
      add_wide(number, 1);
  }
  void add(const ExactSum& other) {
    if (is_wide() || other.is_wide()) [[unlikely]]
      return add(other, 1);
    if (high_ == 0 && low_ == 0) {
      high_ = other.high_;
      low_ = other.low_;
      return;
    }
    add(other.high_);
    if (other.low_ != 0) add(other.low_);
  }
  // As if it were added so often.
  void add_times(double number, std::uint64_t times);
  // As if it had not been added: also an infinity goes.
  void subtract(double number) {
    if (!add_narrow(-number)) [[unlikely]]
      add_wide(number, -1);
  }
  void subtract(const ExactSum& other) { add(other, -1); }

  double value() const { return is_wide() ? wide_value() : high_ + low_; }

  // What is kept of it: two numbers, or where they don't hold it, kWideBytes bytes.
  struct Narrow {
    double high = 0, low = 0;
  };
  static constexpr std::size_t kWideBytes = 71 * 8;
  std::optional<Narrow> narrow() const {
    return is_wide() ? std::nullopt : std::optional(Narrow{high_, low_});
  }
  std::string wide() const;  // when it is not narrow()
  // `bytes` as wide() gives them. False, and nothing is added: they are none.
  bool add_kept(std::string_view bytes);

 private:
  struct Wide;

  // Of sum = a + b, rounded: what was lost (Knuth). NaN when the sum is not finite.
  static double error_of(double a, double b, double sum) {
    const double b_in_it = sum - a;
    return (a - (sum - b_in_it)) + (b - b_in_it);
  }
  bool is_wide() const { return high_ != high_; }
  // False, and nothing is changed: two doubles don't suffice.
  bool add_narrow(double number) {
    const double high = high_ + number;
    const double lost = error_of(high_, number, high);
    const double low = low_ + lost;
    if (!(error_of(low_, lost, low) == 0)) return false;  // NaN when the sum is wide or infinite
    high_ = high;
    low_ = low;
    return true;
  }
  Wide& widen();
  void add_wide(double number, int times);
  void add(const ExactSum& other, int times);
  double wide_value() const;
  void drop();

  double high_ = 0;  // NaN: wide_ holds it all
  union {
    double low_;
    Wide* wide_;
  };
};

}  // namespace slipway::features
