// From Arrow's arrays to columns of a Frame; for the sources of this folder, which alone know
// Arrow.
#pragma once

#include <arrow/api.h>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

// Where values of a field go. kInvalidArgument naming it: a type that has no place in a Frame.
Result<types::ColumnType> arrow_column_type(const arrow::Field& field);

// Appends the values of an array of that field's type. kInvalidArgument: a time that is further
// away than microseconds in 64 bits tell.
Result<void> append_arrow_chunk(const arrow::Array& chunk, types::Column& out);

// About what these values take in a column. Texts of a dictionary count as often as they are named.
std::int64_t arrow_value_bytes(const arrow::Array& array, std::int64_t first, std::int64_t rows);

// Numbers and times are not copied: `frame` must outlive the table. Throws what Arrow throws.
std::shared_ptr<arrow::Table> to_arrow_table(const types::Frame& frame);

}  // namespace slipway::store
