// From Arrow's arrays to columns of a Frame; for the sources of this folder, which alone know
// Arrow.
#pragma once

#include <arrow/api.h>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

// Where values of a field go. kInvalidArgument naming it: a type that has no place in a Frame.
Result<types::ColumnType> arrow_column_type(const arrow::Field& field);

// Appends the values of an array of that field's type.
void append_arrow_chunk(const arrow::Array& chunk, types::Column& out);

// Numbers and times are not copied: `frame` must outlive the table. Throws what Arrow throws.
std::shared_ptr<arrow::Table> to_arrow_table(const types::Frame& frame);

}  // namespace slipway::store
