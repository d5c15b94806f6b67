// Rows of several columns as numbers, the way NannyML makes them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "types/frame.h"

namespace slipway::monitor {

// Numbers of `rows` rows and `columns` columns, a row after the other. A value.
struct RowMatrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> values;

  std::span<const double> row(std::size_t i) const {
    return std::span(values).subspan(i * columns, columns);
  }
};

// What a reference makes of rows: gaps of numbers are filled with the mean, those of categories
// with the most frequent one (the first of equals); a category is the share of the reference's rows
// that have it, 0 if none has; then every column is scaled to mean 0 and deviation 1. Strings and
// booleans are categories. Immutable.
class RowEncoder {
 public:
  // Of a reference without columns of times. A column without any finite value is 0 throughout.
  static RowEncoder of(const types::Frame& reference);

  // Of rows with the reference's columns, which may be in another order.
  RowMatrix encode(const types::Frame& rows) const;

 private:
  struct Column {
    std::string name;
    bool categorical = false;
    double fill = 0;                       // for gaps, as a number
    std::map<std::string, double> shares;  // of the categories
    double mean = 0, scale = 1;

    std::vector<double> numbers(const types::Column& from) const;
  };
  std::vector<Column> columns_;
};

// Whether a column is taken as categories; its value in a row as one ("" when missing).
bool is_categorical(const types::Column& column);
std::string category_of(const types::Column& column, std::size_t row);

}  // namespace slipway::monitor
