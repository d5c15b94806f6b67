#include "features/value.h"

#include <cmath>

namespace slipway::features {

std::string_view value_type_name(ValueType type) {
  switch (type) {
    case ValueType::kNumber:
      return "number";
    case ValueType::kBool:
      return "condition";
    case ValueType::kText:
      return "text";
    case ValueType::kTime:
      return "timestamp";
  }
  return "number";
}

Value whole_number(std::int64_t number) {
  const auto rounded = static_cast<double>(number);
  if (whole_of(rounded) == number) return rounded;
  return number;
}

std::optional<std::int64_t> whole_of(double number) {
  if (!(std::abs(number) < 0x1p63) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

Result<Value> time_of_micros(std::int64_t micros) {
  if (micros < kTimesBegin || micros >= kTimesEnd) {
    return base::error(Code::kInvalidArgument,
                       "microseconds beyond the years 1 to 9999 are no time: got={}", micros);
  }
  return Value(types::Timestamp{micros});
}

Result<Value> time_of_micros(double micros) {
  if (!(std::abs(micros) < 0x1p63)) {
    return base::error(Code::kInvalidArgument,
                       "microseconds beyond the years 1 to 9999 are no time: got={}", micros);
  }
  return time_of_micros(static_cast<std::int64_t>(micros));
}

Value computable(Value value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return value;
}

std::string text_of_number(double number) {
  const std::optional<std::int64_t> whole = whole_of(number);
  return whole ? fmt::format("{}", *whole) : fmt::format("{}", number);
}

ValueType value_type(types::ColumnType type) {
  switch (type) {
    case types::ColumnType::kDouble:
    case types::ColumnType::kInt64:
      return ValueType::kNumber;
    case types::ColumnType::kBool:
      return ValueType::kBool;
    case types::ColumnType::kString:
      return ValueType::kText;
    case types::ColumnType::kTimestamp:
      return ValueType::kTime;
  }
  return ValueType::kNumber;
}

Value cell_of(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return {};
  switch (column.type) {
    case types::ColumnType::kDouble:
      if (std::isnan(column.doubles[row])) return {};
      return column.doubles[row];
    case types::ColumnType::kInt64:
      return whole_number(column.ints[row]);
    case types::ColumnType::kBool:
      return static_cast<double>(column.ints[row]);
    case types::ColumnType::kString:
      return column.strings[row];
    case types::ColumnType::kTimestamp:
      return types::Timestamp{column.ints[row]};
  }
  return {};
}

types::ColumnType column_type(ValueType type) {
  switch (type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      return types::ColumnType::kDouble;
    case ValueType::kText:
      return types::ColumnType::kString;
    case ValueType::kTime:
      return types::ColumnType::kTimestamp;
  }
  return types::ColumnType::kDouble;
}

Json to_pushed(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return Json(*text);
  if (const auto* time = std::get_if<types::Timestamp>(&value)) return time->micros;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  return nullptr;
}

types::Column as_values(types::Column column) {
  if (column.type == types::ColumnType::kDouble) {
    for (std::size_t row = 0; row < column.doubles.size(); ++row) {
      if (!std::isnan(column.doubles[row])) continue;
      if (column.valid.empty()) column.valid.assign(column.doubles.size(), 1);
      column.valid[row] = 0;
    }
    return column;
  }
  if (column.type != types::ColumnType::kInt64 && column.type != types::ColumnType::kBool)
    return column;
  column.doubles.resize(column.ints.size());
  for (std::size_t row = 0; row < column.ints.size(); ++row)
    column.doubles[row] =
        column.is_valid(row) ? static_cast<double>(column.ints[row]) : std::nan("");
  column.ints.clear();
  column.type = types::ColumnType::kDouble;
  return column;
}

void append_value(types::Column& column, const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return column.append_double(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return column.append_string(*text);
  if (const auto* time = std::get_if<types::Timestamp>(&value))
    return column.append_int(time->micros);
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    return column.append_double(static_cast<double>(*whole));
  column.append_null();
}

void append_cell(types::Column& column, const Value& value) {
  if (column.type != types::ColumnType::kInt64 && column.type != types::ColumnType::kBool)
    return append_value(column, value);
  std::optional<std::int64_t> whole;
  if (const auto* exact = std::get_if<std::int64_t>(&value)) whole = *exact;
  if (const auto* number = std::get_if<double>(&value)) whole = whole_of(*number);
  whole ? column.append_int(*whole) : column.append_null();
}

}  // namespace slipway::features
