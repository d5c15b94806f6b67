#include "monitor/drift/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "monitor/drift/rank_tests.h"

namespace slipway::monitor {
namespace {

struct Unit {
  double factor, offset;
  std::string_view words;  // "from A to B", and back
  std::string_view back;
};
constexpr Unit kUnits[] = {
    {2.54, 0, "inches to centimetres", "centimetres to inches"},
    {25.4, 0, "inches to millimetres", "millimetres to inches"},
    {0.3048, 0, "feet to metres", "metres to feet"},
    {30.48, 0, "feet to centimetres", "centimetres to feet"},
    {0.9144, 0, "yards to metres", "metres to yards"},
    {1.609344, 0, "miles to kilometres", "kilometres to miles"},
    {1.852, 0, "nautical miles to kilometres", "kilometres to nautical miles"},
    {0.45359237, 0, "pounds to kilograms", "kilograms to pounds"},
    {28.349523125, 0, "ounces to grams", "grams to ounces"},
    {3.785411784, 0, "gallons to litres", "litres to gallons"},
    {3.6, 0, "metres a second to kilometres an hour", "kilometres an hour to metres a second"},
    {60, 0, "minutes to seconds, or hours to minutes", "seconds to minutes, or minutes to hours"},
    {3600, 0, "hours to seconds", "seconds to hours"},
    {24, 0, "days to hours", "hours to days"},
    {1440, 0, "days to minutes", "minutes to days"},
    {86400, 0, "days to seconds", "seconds to days"},
    {1.8, 32, "degrees Celsius to Fahrenheit", "degrees Fahrenheit to Celsius"},
    {1, 273.15, "degrees Celsius to Kelvin", "Kelvin to degrees Celsius"},
};
// Fewer numbers follow many factors. Two samples are of one distribution when the test finds no
// difference and the distance isn't large either, or when the distance is small; medians are near.
constexpr std::size_t kValuesMin = 30;
constexpr double kDistanceMax = 0.1, kSame = 0.01, kSurelySmall = 0.02, kNear = 0.1;

double spread(std::span<const double> sorted) {
  return sorted[sorted.size() * 3 / 4] - sorted[sorted.size() / 4];
}

// How far the reference's numbers, times a factor and moved, are from the current ones; 1 when they
// are surely others.
double distance(std::span<const double> reference, std::span<const double> current, double factor,
                double offset) {
  const double median = reference[reference.size() / 2] * factor + offset;
  const double width = std::max(spread(current), spread(reference) * factor);
  if (std::abs(median - current[current.size() / 2]) > kNear * width) return 1;
  if (std::abs(spread(reference) * factor - spread(current)) > kNear * width) return 1;
  std::vector<double> moved(reference.begin(), reference.end());
  for (double& value : moved) value = value * factor + offset;
  const KolmogorovSmirnov test = kolmogorov_smirnov(moved, current, KsMethod::kAsymptotic);
  const bool same = test.p_value >= kSame && test.statistic <= kDistanceMax;
  return same || test.statistic <= kSurelySmall ? test.statistic : 1;
}

}  // namespace

std::string unit_change(std::span<const double> reference, std::span<const double> current) {
  if (reference.size() < kValuesMin || current.size() < kValuesMin) return "";
  if (spread(reference) <= 0 || spread(current) <= 0) return "";
  if (distance(reference, current, 1, 0) < 1) return "";
  double best = 1;
  std::string words;
  const auto consider = [&](double factor, double offset, auto&& say) {
    const double found = distance(reference, current, factor, offset);
    if (found >= best) return;
    best = found;
    words = say();
  };
  for (int power = -9; power <= 9; ++power) {
    if (power == 0) continue;
    const double factor = std::pow(10, power);
    consider(factor, 0, [&] {
      return fmt::format("the values are {:g} times what they were: another unit?", factor);
    });
  }
  for (const Unit& unit : kUnits) {
    for (const bool back : {false, true}) {
      const double factor = back ? 1 / unit.factor : unit.factor;
      const double offset = back ? -unit.offset / unit.factor : unit.offset;
      consider(factor, offset, [&] {
        const std::string_view way = back ? unit.back : unit.words;
        return offset != 0 ? fmt::format("the values moved as from {}: another unit?", way)
                           : fmt::format(
                                 "the values are {:.4g} times what they were, as from {}: another "
                                 "unit?",
                                 factor, way);
      });
    }
  }
  return words;
}

std::string unit_words(std::span<const double> reference, std::span<const double> current,
                       bool drifted) {
  if (reference.empty() || current.empty()) return "";
  if (drifted) {
    if (std::string change = unit_change(reference, current); !change.empty()) return change;
  }
  const double ratio = current[current.size() / 2] / reference[reference.size() / 2];
  const double exponent = std::log10(ratio);
  if (!(ratio > 0) || !std::isfinite(exponent) || std::abs(exponent) <= 1.9 ||
      std::abs(exponent - std::round(exponent)) >= 0.05)
    return "";
  return fmt::format("the median is about {:g} times what it was: another unit?",
                     std::pow(10, std::round(exponent)));
}

}  // namespace slipway::monitor
