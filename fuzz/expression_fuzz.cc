// Feature expressions: whatever is accepted is also evaluated, with every value there and with
// none, and gives what its type says; over columns it gives the same.
#include <cmath>
#include <limits>

#include "base/check.h"
#include "features/expression.h"
#include "fuzz.h"

namespace {

using slipway::features::Value;
using slipway::features::ValueType;

bool has_type(const Value& value, ValueType type) {
  switch (type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      return std::holds_alternative<double>(value);
    case ValueType::kText:
      return std::holds_alternative<std::string>(value);
    case ValueType::kTime:
      return std::holds_alternative<slipway::types::Timestamp>(value);
  }
  return false;
}

std::vector<slipway::types::Column> columns_of(
    const std::vector<slipway::features::NamedColumn>& names,
    const std::vector<std::vector<Value>>& rows) {
  std::vector<slipway::types::Column> columns;
  for (std::size_t c = 0; c < names.size(); ++c) {
    columns.push_back(slipway::types::Column::of_type(
        names[c].name, slipway::features::column_type(names[c].type)));
    for (const auto& row : rows) slipway::features::append_value(columns.back(), row[c]);
  }
  return columns;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::features::Expression;
  static const std::vector<slipway::features::NamedColumn> columns = {
      {"n", ValueType::kNumber}, {"m", ValueType::kNumber}, {"b", ValueType::kBool},
      {"s", ValueType::kText},   {"t", ValueType::kTime},   {"u", ValueType::kTime}};
  if (size > 4'000) return 0;
  const auto expression = Expression::parse(slipway::fuzz::text_of(data, size), columns);
  if (!expression) {
    CHECK(expression.error().code == slipway::Code::kInvalidArgument);
    return 0;
  }
  static const std::vector<std::vector<Value>> rows = {
      {2.5, -1e300, 1.0, std::string("JFK"), slipway::types::Timestamp{1'370'059'200'000'000},
       slipway::types::Timestamp{-1}},
      {INFINITY, -0.0, 0.0, std::string("\xff\xc3"),
       slipway::types::Timestamp{std::numeric_limits<std::int64_t>::max()},
       slipway::types::Timestamp{std::numeric_limits<std::int64_t>::min() + 1}},
      {0.0, 0.0, 0.0, std::string(), slipway::types::Timestamp{}, slipway::types::Timestamp{}},
      std::vector<Value>(columns.size())};
  static const std::vector<slipway::types::Column> cells = columns_of(columns, rows);
  std::vector<const slipway::types::Column*> pointers;
  for (const auto& column : cells) pointers.push_back(&column);
  const slipway::types::Column whole = expression->evaluate(pointers, rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Value value = expression->evaluate(rows[row]);
    CHECK(slipway::features::is_null(value) || has_type(value, expression->type()));
    CHECK(slipway::features::cell_of(whole, row) == value);
  }
  return 0;
}
