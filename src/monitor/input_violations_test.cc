// What the request log says of rules that were broken.
#include "monitor/input_violations.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::monitor {
namespace {

struct Row {
  const char *id, *role, *traffic, *broken;  // broken: null: nothing was checked
};

types::Frame log_of(const std::vector<Row>& rows) {
  const auto make = [](const char* name) {
    return types::Column::of_type(name, types::ColumnType::kString);
  };
  types::Column id = make("request_id"), role = make("role"), traffic = make("traffic"),
                broken = make("input_violations");
  for (const Row& row : rows) {
    id.append_string(row.id);
    role.append_string(row.role);
    traffic.append_string(row.traffic);
    row.broken == nullptr ? broken.append_null() : broken.append_string(row.broken);
  }
  types::Frame frame;
  for (types::Column* column : {&id, &role, &traffic, &broken}) MUST(frame.add(std::move(*column)));
  return frame;
}

TEST(InputViolations, RowsThatWereRefusedOrPutAsideCountToo) {
  const auto found = InputViolations::of(log_of({
      {"a", "live", "", ""},
      {"b", "live", "", R"({"x":"max"})"},
      {"b", "shadow", "", R"({"x":"max"})"},
      {"c", "live", "quarantined", R"({"x":"max","carrier":"in"})"},
      {"d", "live", "rejected", R"({"x":"min"})"},
      {"d", "live", "rejected", R"({"x":"min"})"},  // asked again
      {"d", "live", "", ""},                        // and put right
      {"e", "live", "load", R"({"x":"min"})"},
      {"f", "live", "", nullptr},
  }));
  EXPECT_EQ(found.rows, 5);
  EXPECT_EQ(found.flagged, 1);
  EXPECT_EQ(found.quarantined, 1);
  EXPECT_EQ(found.rejected, 1);
  EXPECT_DOUBLE_EQ(found.rate(), 0.6);
  EXPECT_EQ(found.rows_of("x"), 3);
  EXPECT_EQ(found.columns.at("x").at("max"), 2);
  EXPECT_EQ(found.rows_of("carrier"), 1);
  const auto again = MUST(InputViolations::from_json(found.to_json()));
  EXPECT_EQ(again.columns, found.columns);
  EXPECT_EQ(again.rows, 5);
}

TEST(InputViolations, WithoutRulesThereIsNoRate) {
  EXPECT_TRUE(std::isnan(InputViolations::of(log_of({{"a", "live", "", nullptr}})).rate()));
  EXPECT_TRUE(std::isnan(InputViolations::of(types::Frame()).rate()));
}

}  // namespace
}  // namespace slipway::monitor
