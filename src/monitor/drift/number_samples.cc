#include "monitor/drift/number_samples.h"

#include <cmath>

#include "monitor/drift/dependence.h"
#include "monitor/drift/radix_sort.h"

namespace slipway::monitor {
namespace {

// The finite values in row order.
std::vector<double> finite_values(types::Column& column) {
  std::vector<double> values;
  if (column.type == types::ColumnType::kDouble) {
    values = std::move(column.doubles);
  } else {
    values.reserve(column.size());
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (column.is_valid(row)) values.push_back(static_cast<double>(column.ints[row]));
    }
    return values;
  }
  // Missing ones hold NaN. Kept ones move to the front, without a branch.
  std::size_t kept = 0;
  for (const double value : values) {
    values[kept] = value;
    kept += std::isfinite(value);
  }
  values.resize(kept);
  return values;
}

std::vector<std::uint32_t> quartile_codes(const std::vector<double>& values,
                                          const std::vector<double>& sorted) {
  const double first = sorted[sorted.size() / 4], second = sorted[sorted.size() / 2],
               third = sorted[sorted.size() / 4 * 3];
  std::vector<std::uint32_t> codes(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    codes[i] = static_cast<std::uint32_t>((values[i] > first) + (values[i] > second) +
                                          (values[i] > third));
  }
  return codes;
}

}  // namespace

NumberSample NumberSample::of(types::Column column, Dependence dependence) {
  NumberSample sample;
  const std::vector<double> values = finite_values(column);
  sample.sorted = radix_sorted(values);
  sample.moments = moments_of(sample.sorted);
  if (dependence == Dependence::kMeasured && !values.empty()) {
    sample.inflation = inflation_of(quartile_codes(values, sample.sorted), 4, Scale::kOrdinal);
  }
  return sample;
}

}  // namespace slipway::monitor
