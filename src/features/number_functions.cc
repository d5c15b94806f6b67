// Arithmetic, comparison, casts between types, and buckets.
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "features/expression_functions.h"

namespace slipway::features {
namespace {

using types::Timestamp;

template <typename T>
void add_comparisons(Functions& all) {
  add(all, "=", [](T a, T b) { return a == b; });
  add(all, "!=", [](T a, T b) { return a != b; });
  add(all, "<", [](T a, T b) { return a < b; });
  add(all, "<=", [](T a, T b) { return a <= b; });
  add(all, ">", [](T a, T b) { return a > b; });
  add(all, ">=", [](T a, T b) { return a >= b; });
}

double rounded(double x, double digits) {
  digits = std::trunc(digits);
  if (std::fabs(digits) > 300) return missing<double>();
  const double scale = std::pow(10, std::fabs(digits));
  if (digits < 0) return std::round(x / scale) * scale;
  const double scaled = x * scale;
  return std::isfinite(scaled) ? std::round(scaled) / scale : x;  // has no such digits
}

std::optional<double> number_of(std::string_view text) {
  text = base::trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> condition_of(std::string_view text) {
  const std::string lower = base::lowered(base::trimmed(text));
  for (const std::string_view yes : {"true", "t", "yes", "y", "on", "1"}) {
    if (lower == yes) return true;
  }
  for (const std::string_view no : {"false", "f", "no", "n", "off", "0"}) {
    if (lower == no) return false;
  }
  return std::nullopt;
}

// FNV-1a with 64 bits: any language has it in five lines.
std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::optional<double> bucket(std::string_view text, double buckets) {
  if (!(buckets >= 1 && buckets <= 0x1p53)) return std::nullopt;
  return static_cast<double>(fnv1a(text) % static_cast<std::uint64_t>(buckets));
}

}  // namespace

void add_number_functions(Functions& all) {
  add(all, "+", [](double a, double b) { return a + b; });
  add(all, "-", [](double a, double b) { return a - b; });
  add(all, "*", [](double a, double b) { return a * b; });
  add(all, "/", [](double a, double b) { return a / b; });
  add(all, "%", [](double a, double b) { return std::fmod(a, b); });
  add(all, "negative", [](double x) { return -x; });
  add(all, "not", [](bool x) { return !x; });
  add_comparisons<double>(all);
  add_comparisons<std::string_view>(all);
  add_comparisons<Timestamp>(all);

  add(all, "abs", [](double x) { return std::fabs(x); });
  add(all, "ceil", [](double x) { return std::ceil(x); });
  add(all, "floor", [](double x) { return std::floor(x); });
  add(all, "round", [](double x) { return std::round(x); });
  add(all, "round", [](double x, double digits) { return rounded(x, digits); });
  add(all, "sign", [](double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; });
  add(all, "sqrt", [](double x) { return std::sqrt(x); });
  add(all, "exp", [](double x) { return std::exp(x); });
  add(all, "log", [](double x) { return std::log(x); });
  add(all, "pow", [](double x, double y) { return std::pow(x, y); });
  add(all, "min", [](double a, double b) { return std::min(a, b); });
  add(all, "max", [](double a, double b) { return std::max(a, b); });
  add(all, "clamp", [](double x, double low, double high) {
    return low <= high ? std::clamp(x, low, high) : missing<double>();
  });

  add(all, "number", [](double x) { return x; });
  add(all, "number", [](std::string_view text) { return number_of(text); });
  add(all, "bool", [](double x) { return x != 0; });
  add(all, "bool", [](std::string_view text) { return condition_of(text); });
  add(all, "text", [](bool x) { return std::string_view(x ? "true" : "false"); });
  add(all, "text", [](double x) { return text_of_number(x); });
  add(all, "bucket", [](std::string_view text, double buckets) { return bucket(text, buckets); });
  add(all, "bucket", [](double x, double buckets) { return bucket(text_of_number(x), buckets); });
}

}  // namespace slipway::features
