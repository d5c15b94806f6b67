// An input of an aggregate as plain numbers by row: NaN where it is missing, 1 for a text or a
// time.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "features/expression.h"

namespace slipway::features {

// The columns that it was made of must outlive it. One thread at a time.
class InputNumbers {
 public:
  InputNumbers(const Expression& input, std::span<const types::Column* const> columns,
               std::size_t rows) {
    const auto plain = input.plain_column();
    if (plain && columns[*plain]->type == types::ColumnType::kDouble) {
      data_ = columns[*plain]->doubles.data();
      return;
    }
    types::Column values = input.evaluate(columns, rows);
    own_ = std::move(values.doubles);
    if (values.type != types::ColumnType::kDouble) {
      own_.resize(rows);
      for (std::size_t row = 0; row < rows; ++row)
        own_[row] = values.is_valid(row) ? 1 : std::numeric_limits<double>::quiet_NaN();
    }
    data_ = own_.data();
  }
  InputNumbers(InputNumbers&&) = default;  // data of a moved vector stays where it is

  double operator[](std::size_t row) const { return data_[row]; }

 private:
  std::vector<double> own_;
  const double* data_ = nullptr;
};

}  // namespace slipway::features
