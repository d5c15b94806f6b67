// Rows as an aligned table for people.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace slipway::cli {

// One column: its heading, and where the value is in each row's object ("a.b" goes into objects).
struct TableColumn {
  std::string heading;
  std::string member;
};

// Text for stdout, numbers to the right. An empty list gives the headings and "(none)".
std::string table(const JsonArray& rows, const std::vector<TableColumn>& columns);

// A value as people read it: text without quotes, six significant digits, "-" for null; the items
// of lists, and of objects with their names, after commas.
std::string cell(const Json& value);
// The same on one line and safe for a terminal: control characters become \xNN.
std::string shown_cell(const Json& value);

// The member at "a.b" or null.
const Json& member_at(const Json& row, std::string_view path);

// Its cell, and nothing where there is none.
std::string text_at(const Json& row, std::string_view path);

// Its items, and none where there is no list.
const JsonArray& list_at(const Json& row, std::string_view path);

}  // namespace slipway::cli
