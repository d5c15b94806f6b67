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

}  // namespace
}  // namespace slipway::cli
