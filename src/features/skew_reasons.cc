#include "features/skew_reasons.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <set>

namespace slipway::features {
namespace {

constexpr std::pair<SkewReason, std::string_view> kNames[] = {
    {SkewReason::kDefinition, "definition"},
    {SkewReason::kLateData, "late data"},
    {SkewReason::kStale, "stale"},
    {SkewReason::kDefault, "default"},
    {SkewReason::kUnit, "unit"},
    {SkewReason::kType, "type"},
    {SkewReason::kTimeZone, "time zone"},
    {SkewReason::kUnknown, "unknown"}};

// Below so many rows with one value or factor it may be chance.
constexpr std::size_t kAlikeMin = 3;

std::optional<double> number_of(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* time = std::get_if<types::Timestamp>(&value))
    return static_cast<double>(time->micros);
  return std::nullopt;
}

bool is_near(double a, double b) {
  return a == b || std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

std::optional<double> factor_of(const ServedValue& value) {
  const auto served = number_of(value.served), right = number_of(value.recomputed);
  if (!served || !right || *served == 0 || *right == 0) return std::nullopt;
  return *served / *right;
}

// Factors between units that people mix up, and their inverses.
bool is_known_factor(double factor) {
  static constexpr std::array kFactors = {
      10.0, 100.0,  1e3,        1e4,      1e6,    1e9,        60.0,  3600.0,
      24.0, 1440.0, 86400.0,    1024.0,   7.0,    1.609344,   1.852, 0.3048,
      2.54, 3.6,    0.45359237, 0.514444, 1440e3, 86400000.0, 12.0,  std::numbers::pi / 180};
  return std::any_of(kFactors.begin(), kFactors.end(), [&](double known) {
    return is_near(factor, known) || is_near(factor, 1 / known);
  });
}

// A value that stands for many right ones.
bool is_constant(const Value& served, std::span<const ServedValue> all) {
  std::set<Value> right;
  std::size_t alike = 0;
  for (const ServedValue& other : all) {
    if (other.served != served) continue;
    ++alike;
    right.insert(other.recomputed);
  }
  return alike >= kAlikeMin && right.size() > 1;
}

bool is_common_factor(double factor, std::span<const ServedValue> all) {
  std::set<Value> right;
  std::size_t alike = 0;
  for (const ServedValue& other : all) {
    const auto its = factor_of(other);
    if (!its || !is_near(*its, factor)) continue;
    ++alike;
    right.insert(other.recomputed);
  }
  return alike >= kAlikeMin && right.size() > 1;
}

std::string text_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto number = number_of(value);
  return number ? fmt::format("{}", *number) : "missing";
}

std::optional<double> parse_number(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, number);
  if (text.empty() || ec != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::string> find_cast(const ServedValue& value) {
  const auto* served_text = std::get_if<std::string>(&value.served);
  const auto* right_text = std::get_if<std::string>(&value.recomputed);
  if (served_text != nullptr && right_text != nullptr) {
    const auto a = parse_number(*served_text), b = parse_number(*right_text);
    return a && b && is_near(*a, *b) ? std::optional<std::string>("number as text") : std::nullopt;
  }
  const auto served = number_of(value.served), right = number_of(value.recomputed);
  if (!served || !right) return std::nullopt;
  if (*served == static_cast<double>(static_cast<float>(*right))) return "float32";
  if (*served == std::trunc(*right)) return "whole number, cut";
  if (*served == std::round(*right)) return "whole number, rounded";
  return std::nullopt;
}

}  // namespace

std::string_view reason_name(SkewReason reason) {
  for (const auto& [known, name] : kNames) {
    if (known == reason) return name;
  }
  return "unknown";
}

std::optional<SkewReason> parse_reason(std::string_view name) {
  for (const auto& [reason, known] : kNames) {
    if (known == name) return reason;
  }
  return std::nullopt;
}

bool is_same(const Value& served, const Value& recomputed, bool is_float32) {
  const auto a = number_of(served), b = number_of(recomputed);
  if (!a || !b) return served == recomputed;
  return *a == *b || (is_float32 && static_cast<float>(*a) == static_cast<float>(*b));
}

bool is_close(const Value& served, const Value& other) {
  const auto a = number_of(served), b = number_of(other);
  if (!a || !b) return served == other;
  return std::holds_alternative<types::Timestamp>(other) ? *a == *b : is_near(*a, *b);
}

std::vector<ValueReason> reasons_of(const ServedValue& value, std::span<const ServedValue> all) {
  std::vector<ValueReason> reasons;
  if (is_null(value.served)) {
    reasons.push_back({SkewReason::kDefault, "missing"});
    return reasons;
  }
  if (is_close(value.served, value.recomputed)) {
    reasons.push_back({SkewReason::kType, find_cast(value).value_or("last digits")});
    return reasons;
  }
  if (is_constant(value.served, all))
    reasons.push_back({SkewReason::kDefault, "always " + text_of(value.served)});
  const auto served = number_of(value.served), right = number_of(value.recomputed);
  if (const auto factor = factor_of(value)) {
    if (is_known_factor(*factor) || is_common_factor(*factor, all))
      reasons.push_back({SkewReason::kUnit, fmt::format("x{:.10g}", *factor)});
  }
  if (served && right) {
    if (is_near(*served, *right * 1.8 + 32)) reasons.push_back({SkewReason::kUnit, "C as F"});
    if (is_near(*served, (*right - 32) / 1.8)) reasons.push_back({SkewReason::kUnit, "F as C"});
  }
  if (auto cast = find_cast(value)) reasons.push_back({SkewReason::kType, std::move(*cast)});
  if (std::holds_alternative<types::Timestamp>(value.recomputed) && served) {
    constexpr double kQuarter = 15 * 60e6;
    const double moved = *served - *right;
    if (moved != 0 && std::fmod(moved, kQuarter) == 0 && std::abs(moved) <= 14 * 4 * kQuarter)
      reasons.push_back({SkewReason::kTimeZone, fmt::format("{:+}h", moved / (4 * kQuarter))});
  }
  return reasons;
}

RateInterval rate_interval(std::int64_t different, std::int64_t compared) {
  if (compared == 0) return {};
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(compared);
  const double rate = static_cast<double>(different) / n, denominator = 1 + kZ * kZ / n;
  const double middle = (rate + kZ * kZ / (2 * n)) / denominator;
  const double half = kZ / denominator * std::sqrt(rate * (1 - rate) / n + kZ * kZ / (4 * n * n));
  return {different == 0 ? 0 : std::max(0.0, middle - half),
          different == compared ? 1 : std::min(1.0, middle + half)};
}

}  // namespace slipway::features
