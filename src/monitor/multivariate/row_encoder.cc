#include "monitor/multivariate/row_encoder.h"

#include <cmath>
#include <limits>

#include "base/check.h"

namespace slipway::monitor {

bool is_categorical(const types::Column& column) {
  return column.type == types::ColumnType::kString || column.type == types::ColumnType::kBool;
}

std::string category_of(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return "";
  if (column.type == types::ColumnType::kString) return column.strings[row];
  return column.ints[row] != 0 ? "true" : "false";
}

std::vector<double> RowEncoder::Column::numbers(const types::Column& from) const {
  std::vector<double> out(from.size());
  for (std::size_t row = 0; row < out.size(); ++row) {
    double& value = out[row];
    if (categorical) {
      if (!from.is_valid(row)) {
        value = fill;
      } else {
        const auto share = shares.find(category_of(from, row));
        value = share == shares.end() ? 0 : share->second;
      }
    } else {
      value = from.number(row);
      if (!std::isfinite(value)) value = fill;
    }
  }
  return out;
}

RowEncoder RowEncoder::of(const types::Frame& reference) {
  RowEncoder encoder;
  for (const types::Column& from : reference.columns()) {
    Column column{.name = from.name, .categorical = is_categorical(from)};
    const auto rows = static_cast<double>(from.size());
    if (column.categorical) {
      for (std::size_t row = 0; row < from.size(); ++row) {
        if (from.is_valid(row)) column.shares[category_of(from, row)] += 1;
      }
      double* most = nullptr;
      double present = 0;
      for (auto& [category, count] : column.shares) {
        present += count;
        if (most == nullptr || count > *most) most = &count;
      }
      if (most != nullptr) *most += rows - present;  // the gaps are filled with it
      for (auto& [category, count] : column.shares) count /= rows;
      if (most != nullptr) column.fill = *most;
    } else {
      double sum = 0, present = 0;
      for (std::size_t row = 0; row < from.size(); ++row) {
        const double value = from.number(row);
        if (!std::isfinite(value)) continue;
        sum += value;
        present += 1;
      }
      if (present > 0) column.fill = sum / present;
    }
    const std::vector<double> numbers = column.numbers(from);
    for (const double value : numbers) column.mean += value / rows;
    double squares = 0, rest = 0;
    for (const double value : numbers) {
      squares += (value - column.mean) * (value - column.mean);
      rest += value - column.mean;
    }
    const double variance = (squares - rest * rest / rows) / rows;
    // A constant, but for what rounding makes of it (scikit-learn's bound).
    constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
    const double noise = rows * column.mean * kEpsilon;
    if (variance > rows * kEpsilon * variance + noise * noise) column.scale = std::sqrt(variance);
    encoder.columns_.push_back(std::move(column));
  }
  return encoder;
}

RowMatrix RowEncoder::encode(const types::Frame& rows) const {
  RowMatrix matrix{.rows = rows.rows(), .columns = columns_.size(), .values = {}};
  matrix.values.resize(matrix.rows * matrix.columns);
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const Column& column = columns_[c];
    const types::Column* from = rows.find(column.name);
    CHECK(from != nullptr);
    const std::vector<double> numbers = column.numbers(*from);
    for (std::size_t row = 0; row < matrix.rows; ++row) {
      matrix.values[row * matrix.columns + c] = (numbers[row] - column.mean) / column.scale;
    }
  }
  return matrix;
}

}  // namespace slipway::monitor
