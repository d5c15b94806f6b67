#include "cli/table.h"

#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

TEST(Table, AlignsNumbersRightAndReachesIntoObjects) {
  const JsonArray rows =
      base::parse_json(R"([{"a":"x","b":{"c":1.5}},{"a":"längst","b":{"c":null}}])")
          .value()
          .as_array();
  EXPECT_EQ(table(rows, {{"NAME", "a"}, {"VALUE", "b.c"}}),
            "NAME    VALUE\nx         1.5\nlängst      -\n");
  EXPECT_EQ(table({}, {{"NAME", "a"}}), "NAME\n(none)\n");
}

// What is in data can neither write over a terminal nor end a line.
TEST(Table, ShowsControlCharactersOfCells) {
  const Json evil(std::string_view("a\x1b[31m\n\0b", 9));
  EXPECT_EQ(table({JsonObject{{"a", evil}}}, {{"A\x1b", "a"}}), "A\\x1b\na\\x1b[31m\\x0a\\x00b\n");
}

}  // namespace
}  // namespace slipway::cli
