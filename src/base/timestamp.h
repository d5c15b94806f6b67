// A point in time: microseconds since 1970-01-01T00:00:00Z.
#pragma once

#include <compare>
#include <cstdint>

namespace slipway::base {

struct Timestamp {
  std::int64_t micros = 0;

  static constexpr Timestamp from_millis(std::int64_t millis) { return {millis * 1000}; }
  constexpr std::int64_t millis() const { return micros / 1000; }
  auto operator<=>(const Timestamp&) const = default;
};

// A length of time in microseconds, so that it cannot be confused with a point.
struct Duration {
  std::int64_t micros = 0;

  static constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000}; }
  static constexpr Duration hours(std::int64_t n) { return seconds(n * 3600); }
  static constexpr Duration days(std::int64_t n) { return hours(n * 24); }
  auto operator<=>(const Duration&) const = default;
};

constexpr Timestamp operator+(Timestamp t, Duration d) { return {t.micros + d.micros}; }
constexpr Timestamp operator-(Timestamp t, Duration d) { return {t.micros - d.micros}; }
constexpr Duration operator-(Timestamp a, Timestamp b) { return {a.micros - b.micros}; }

}  // namespace slipway::base
