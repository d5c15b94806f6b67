// One cell of Feast's JSON, read as a value and written again.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "features/value.h"

namespace slipway::api::feast {

// A time as Feast's clients write it: ISO 8601, in UTC when no zone is said.
Result<types::Timestamp> read_time(std::string_view text);

// A cell of a column of `type`: null is a missing value, numeric text a number, and a whole number
// where a time is expected the seconds since 1970 (Feast's UnixTimestamp). kInvalidArgument naming
// the column.
Result<features::Value> read_cell(const Json& cell, features::ValueType type,
                                  std::string_view column);

// Numbers keep their decimal point unless they are `is_whole`; infinities are text, as in Feast.
void write_cell(std::string& out, const features::Value& value, features::ValueType type,
                bool is_whole);

// The same of a cell that is no text, at a place with room for kShortCell characters. Returns its
// end.
inline constexpr std::size_t kShortCell = 32;
char* write_short_cell(char* at, const features::Value& value, features::ValueType type,
                       bool is_whole);

// A text, quoted.
void write_text(std::string& out, std::string_view text);

}  // namespace slipway::api::feast
