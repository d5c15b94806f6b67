// A table in memory: named, typed columns of one length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/result.h"
#include "types/timestamp.h"

namespace slipway::types {

enum class ColumnType { kDouble, kInt64, kBool, kString, kTimestamp };

// "double", "int64", "bool", "string", "timestamp": the spelling in slipway.yaml and JSON.
std::string_view type_name(ColumnType type);
Result<ColumnType> parse_type(std::string_view name);

// One column: values and, per row, whether it is there. A value; copying copies the data.
//
// Storage by type: kDouble in `doubles`; kInt64, kBool (0/1) and kTimestamp (micros) in `ints`;
// kString in `strings`. A missing value holds NaN, 0 or "". `valid` is empty when nothing is
// missing.
struct Column {
  std::string name;
  ColumnType type = ColumnType::kDouble;
  std::vector<double> doubles;
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;
  std::vector<std::uint8_t> valid;

  static Column of_type(std::string name, ColumnType type);

  std::size_t size() const;
  bool is_valid(std::size_t row) const { return valid.empty() || valid[row] != 0; }
  std::size_t null_count() const;
  // The number as double whatever the numeric type; NaN when missing or a string.
  double number(std::size_t row) const;

  void reserve(std::size_t rows);
  void clear();  // of values; their memory stays
  void append_double(double value) {
    CHECK(type == ColumnType::kDouble);
    doubles.push_back(value);
    if (!valid.empty()) valid.push_back(1);
  }
  void append_int(std::int64_t value) {
    CHECK(type != ColumnType::kDouble && type != ColumnType::kString);
    ints.push_back(value);
    if (!valid.empty()) valid.push_back(1);
  }
  void append_string(std::string value) {
    CHECK(type == ColumnType::kString);
    strings.push_back(std::move(value));
    if (!valid.empty()) valid.push_back(1);
  }
  void append_null();
  // Row `row` becomes a missing value.
  void set_null(std::size_t row);
  // Appends row `row` of `other`, which must have the same type.
  void append_from(const Column& other, std::size_t row);
  // Appends these rows of `other`, which must have the same type.
  void append_rows(const Column& other, const std::vector<std::size_t>& rows);
  // The values of `rows`, in that order.
  Column take(const std::vector<std::size_t>& rows) const;
};

// Columns of equal length with distinct names. A value.
class Frame {
 public:
  Frame() = default;

  std::size_t rows() const { return columns_.empty() ? 0 : columns_.front().size(); }
  const std::vector<Column>& columns() const { return columns_; }
  std::vector<Column>& columns() { return columns_; }

  // Nothing when there is no such column.
  const Column* find(std::string_view name) const;
  Column* find(std::string_view name);
  // kNotFound naming the column and those there are.
  Result<const Column*> column(std::string_view name) const;
  // kInvalidArgument: the name is taken or the length differs from the other columns'.
  Result<void> add(Column column);

  // The rows of `indexes`, in that order.
  Frame take(const std::vector<std::size_t>& indexes) const;

 private:
  std::vector<Column> columns_;
};

// Positions below `count` that are not among `positions`, which ascend.
std::vector<std::size_t> all_but(const std::vector<std::size_t>& positions, std::size_t count);

}  // namespace slipway::types
