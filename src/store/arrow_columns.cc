#include "store/arrow_columns.h"

#include <arrow/util/bitmap_builders.h>
#include <parquet/exception.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace slipway::store {

using types::Column;
using types::ColumnType;

namespace {

constexpr std::int64_t kNanosPerMicro = 1'000;

// Nothing of nanoseconds.
std::optional<std::int64_t> micros_per_unit(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1'000'000;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1;
    case arrow::TimeUnit::NANO:
      return std::nullopt;
  }
  return 1;
}

template <typename Array, typename Append>
void each_value(const arrow::Array& chunk, Column& out, Append append) {
  const auto& array = static_cast<const Array&>(chunk);
  for (std::int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) {
      out.append_null();
    } else {
      append(array, i);
    }
  }
}

template <typename Array>
void append_ints(const arrow::Array& chunk, Column& out) {
  each_value<Array>(chunk, out, [&](const Array& array, std::int64_t i) {
    out.append_int(static_cast<std::int64_t>(array.Value(i)));
  });
}

// Times of `micros_per_unit` microseconds each.
template <typename Array>
Result<void> append_times(const arrow::Array& chunk, Column& out, std::int64_t micros_per_unit) {
  const auto& array = static_cast<const Array&>(chunk);
  for (std::int64_t i = 0; i < array.length(); ++i) {
    std::int64_t micros = 0;
    if (array.IsNull(i)) {
      out.append_null();
    } else if (__builtin_mul_overflow(static_cast<std::int64_t>(array.Value(i)), micros_per_unit,
                                      &micros)) {
      return base::error(Code::kInvalidArgument,
                         "a time is too far away to be kept: column={} type={} value={}", out.name,
                         chunk.type()->ToString(), array.Value(i));
    } else {
      out.append_int(micros);
    }
  }
  return {};
}

// The microsecond that a nanosecond is in, before 1970 too.
void append_nanos(const arrow::Array& chunk, Column& out) {
  each_value<arrow::TimestampArray>(chunk, out, [&](const auto& array, std::int64_t i) {
    const std::int64_t nanos = array.Value(i);
    out.append_int(nanos / kNanosPerMicro - (nanos % kNanosPerMicro < 0 ? 1 : 0));
  });
}

// Numbers that lie in an array as they lie in a column: `values` are out's.
template <typename Array, typename Value>
void append_all(const arrow::Array& chunk, Column& out, std::vector<Value>& values) {
  if (chunk.null_count() > 0) {
    return each_value<Array>(chunk, out, [&](const Array& array, std::int64_t i) {
      values.push_back(array.Value(i));
      if (!out.valid.empty()) out.valid.push_back(1);
    });
  }
  const Value* first = static_cast<const Array&>(chunk).raw_values();
  values.insert(values.end(), first, first + chunk.length());
  if (!out.valid.empty()) out.valid.resize(values.size(), 1);
}

// The nearest doubles.
template <typename Array, typename Decimal>
void append_decimals(const arrow::Array& chunk, Column& out) {
  const int scale = static_cast<const arrow::DecimalType&>(*chunk.type()).scale();
  each_value<Array>(chunk, out, [&](const Array& array, std::int64_t i) {
    out.append_double(Decimal(array.GetValue(i)).ToDouble(scale));
  });
}

template <typename Array>
void append_strings(const arrow::Array& chunk, Column& out) {
  each_value<Array>(chunk, out, [&](const Array& array, std::int64_t i) {
    out.append_string(std::string(array.GetView(i)));
  });
}

}  // namespace

Result<ColumnType> arrow_column_type(const arrow::Field& field) {
  switch (field.type()->id()) {
    case arrow::Type::BOOL:
      return ColumnType::kBool;
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
      return ColumnType::kInt64;
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return ColumnType::kDouble;
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:  // texts of Parquet's older writers
      return ColumnType::kString;
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return ColumnType::kTimestamp;
    case arrow::Type::NA:
      return ColumnType::kDouble;
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryType&>(*field.type());
      if (dictionary.value_type()->id() == arrow::Type::STRING) return ColumnType::kString;
      break;
    }
    default:
      break;
  }
  return base::error(Code::kInvalidArgument, "column type is not supported: column={} type={}",
                     field.name(), field.type()->ToString());
}

Result<void> append_arrow_chunk(const arrow::Array& chunk, Column& out) {
  constexpr std::int64_t kMicrosPerDay = 86'400'000'000, kMicrosPerMilli = 1'000;
  switch (chunk.type_id()) {
    case arrow::Type::BOOL:
      append_ints<arrow::BooleanArray>(chunk, out);
      break;
    case arrow::Type::INT8:
      append_ints<arrow::Int8Array>(chunk, out);
      break;
    case arrow::Type::INT16:
      append_ints<arrow::Int16Array>(chunk, out);
      break;
    case arrow::Type::INT32:
      append_ints<arrow::Int32Array>(chunk, out);
      break;
    case arrow::Type::INT64:
      append_all<arrow::Int64Array>(chunk, out, out.ints);
      break;
    case arrow::Type::UINT8:
      append_ints<arrow::UInt8Array>(chunk, out);
      break;
    case arrow::Type::UINT16:
      append_ints<arrow::UInt16Array>(chunk, out);
      break;
    case arrow::Type::UINT32:
      append_ints<arrow::UInt32Array>(chunk, out);
      break;
    case arrow::Type::FLOAT:
      each_value<arrow::FloatArray>(chunk, out, [&](const auto& array, std::int64_t i) {
        out.append_double(array.Value(i));
      });
      break;
    case arrow::Type::DOUBLE:
      append_all<arrow::DoubleArray>(chunk, out, out.doubles);
      break;
    case arrow::Type::DECIMAL32:
      append_decimals<arrow::Decimal32Array, arrow::Decimal32>(chunk, out);
      break;
    case arrow::Type::DECIMAL64:
      append_decimals<arrow::Decimal64Array, arrow::Decimal64>(chunk, out);
      break;
    case arrow::Type::DECIMAL128:
      append_decimals<arrow::Decimal128Array, arrow::Decimal128>(chunk, out);
      break;
    case arrow::Type::DECIMAL256:
      append_decimals<arrow::Decimal256Array, arrow::Decimal256>(chunk, out);
      break;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      append_strings<arrow::BinaryArray>(chunk, out);
      break;
    case arrow::Type::LARGE_STRING:
      append_strings<arrow::LargeStringArray>(chunk, out);
      break;
    case arrow::Type::DATE32:
      return append_times<arrow::Date32Array>(chunk, out, kMicrosPerDay);
    case arrow::Type::DATE64:
      return append_times<arrow::Date64Array>(chunk, out, kMicrosPerMilli);
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*chunk.type()).unit();
      const std::optional<std::int64_t> micros = micros_per_unit(unit);
      if (!micros) {
        append_nanos(chunk, out);
      } else if (*micros == 1) {
        append_all<arrow::TimestampArray>(chunk, out, out.ints);
      } else {
        return append_times<arrow::TimestampArray>(chunk, out, *micros);
      }
      break;
    }
    case arrow::Type::DICTIONARY:
      each_value<arrow::DictionaryArray>(
          chunk, out, [&](const arrow::DictionaryArray& array, std::int64_t i) {
            const auto& values = static_cast<const arrow::StringArray&>(*array.dictionary());
            out.append_string(std::string(values.GetView(array.GetValueIndex(i))));
          });
      break;
    default:
      for (std::int64_t i = 0; i < chunk.length(); ++i) out.append_null();
  }
  return {};
}

std::int64_t arrow_value_bytes(const arrow::Array& array, std::int64_t first, std::int64_t rows) {
  constexpr std::int64_t kNumber = sizeof(std::int64_t), kText = sizeof(std::string);
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& texts = static_cast<const arrow::BinaryArray&>(array);
      return rows * kText + texts.value_offset(first + rows) - texts.value_offset(first);
    }
    case arrow::Type::LARGE_STRING: {
      const auto& texts = static_cast<const arrow::LargeStringArray&>(array);
      return rows * kText + texts.value_offset(first + rows) - texts.value_offset(first);
    }
    case arrow::Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      const auto& texts = static_cast<const arrow::StringArray&>(*coded.dictionary());
      std::int64_t bytes = rows * kText;
      for (std::int64_t i = first; i < first + rows; ++i)
        bytes += coded.IsNull(i) ? 0 : texts.value_length(coded.GetValueIndex(i));
      return bytes;
    }
    default:
      return rows * kNumber;
  }
}

namespace {

// Which values are there, as a bitmap; nothing when all are.
std::shared_ptr<arrow::Buffer> validity(const Column& column) {
  if (std::ranges::find(column.valid, 0) == column.valid.end()) return nullptr;
  PARQUET_ASSIGN_OR_THROW(auto bits, arrow::internal::BytesToBits(column.valid));
  return bits;
}

// Numbers and times are not copied: `column` must outlive the array.
std::shared_ptr<arrow::Array> to_arrow(const Column& column) {
  const auto rows = static_cast<std::int64_t>(column.size());
  const auto array = [&](std::shared_ptr<arrow::DataType> type,
                         std::shared_ptr<arrow::Buffer> values) {
    return arrow::MakeArray(
        arrow::ArrayData::Make(std::move(type), rows, {validity(column), std::move(values)}));
  };
  switch (column.type) {
    case ColumnType::kDouble:
      return array(arrow::float64(), arrow::Buffer::Wrap(column.doubles));
    case ColumnType::kInt64:
      return array(arrow::int64(), arrow::Buffer::Wrap(column.ints));
    case ColumnType::kTimestamp:
      return array(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                   arrow::Buffer::Wrap(column.ints));
    case ColumnType::kBool: {
      const std::vector<std::uint8_t> bytes(column.ints.begin(), column.ints.end());
      PARQUET_ASSIGN_OR_THROW(auto bits, arrow::internal::BytesToBits(bytes));
      return array(arrow::boolean(), std::move(bits));
    }
    case ColumnType::kString: {
      arrow::StringBuilder builder;
      PARQUET_THROW_NOT_OK(builder.AppendValues(
          column.strings, column.valid.empty() ? nullptr : column.valid.data()));
      PARQUET_ASSIGN_OR_THROW(auto built, builder.Finish());
      return built;
    }
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<arrow::Table> to_arrow_table(const types::Frame& frame) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const Column& column : frame.columns()) {
    arrays.push_back(to_arrow(column));
    fields.push_back(arrow::field(column.name, arrays.back()->type()));
  }
  return arrow::Table::Make(arrow::schema(fields), arrays, static_cast<std::int64_t>(frame.rows()));
}

}  // namespace slipway::store
