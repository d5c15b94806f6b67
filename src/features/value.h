// One cell: nothing, a number, a text or a time. Booleans are the numbers 0 and 1. Whole numbers
// that a double would round, beyond 2^53, are kept as they are (whole_number() says which), so that
// they are exact keys; what is computed with is a double.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"
#include "types/timestamp.h"

namespace slipway::features {

using Value = std::variant<std::monostate, double, std::string, types::Timestamp, std::int64_t>;

enum class ValueType { kNumber, kBool, kText, kTime };
std::string_view value_type_name(ValueType type);

inline bool is_null(const Value& value) { return value.index() == 0; }

// A double where that is exact.
Value whole_number(std::int64_t number);
// The number that a double is; nothing when it has a fraction or is beyond 64 bits.
std::optional<std::int64_t> whole_of(double number);
// What one computes with: of a whole number the nearest double, everything else as it is.
Value computable(Value value);

// Times know the years 1 to 9999: from this microsecond on, and before that one.
inline constexpr std::int64_t kTimesBegin = -62'135'596'800'000'000;
inline constexpr std::int64_t kTimesEnd = 253'402'300'800'000'000;
// A time from microseconds since 1970. kInvalidArgument: it is none of those.
Result<Value> time_of_micros(std::int64_t micros);
Result<Value> time_of_micros(double micros);

// The shortest text that reads back as the number; whole ones without point and exponent: "7".
std::string text_of_number(double number);

// How a column of a frame is seen: whole numbers and doubles as numbers.
ValueType value_type(types::ColumnType type);
// The cell of a column; a NaN is a missing number.
Value cell_of(const types::Column& column, std::size_t row);
// The column type that holds values of `type`.
types::ColumnType column_type(ValueType type);
void append_value(types::Column& column, const Value& value);
// The same for a column of any type, as a dataset has it: numbers without a fraction are whole.
void append_cell(types::Column& column, const Value& value);
// As push() reads it again: numbers, texts, times as microseconds.
Json to_pushed(const Value& value);
// A column of a frame as cell_of() sees it: of column_type(value_type(its type)).
types::Column as_values(types::Column column);

}  // namespace slipway::features
