#include "datasets/rule_inference.h"

#include <gtest/gtest.h>

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

TEST(RuleInferenceTest, WhatIsThereHolds) {
  types::Frame frame;
  Column ride = Column::of_type("ride", ColumnType::kInt64);
  Column km = Column::of_type("km", ColumnType::kDouble);
  Column kind = Column::of_type("kind", ColumnType::kString);
  Column plate = Column::of_type("plate", ColumnType::kString);
  for (int i = 0; i < 10; ++i) {
    ride.append_int(100 - i);
    i == 3 ? km.append_null() : km.append_double(i);
    kind.append_string(i % 2 == 0 ? "car" : "10");
    plate.append_string(fmt::format("x{}", i));
  }
  for (Column* column : {&ride, &km, &kind, &plate}) MUST(frame.add(*column));
  const DatasetDefinition declared{
      .name = "rides", .path = "rides.csv", .key = {"ride"}, .rules = {{"is_car", "kind = 'car'"}}};
  const DatasetDefinition inferred = infer_rules(frame, declared, {});
  const std::string yaml = inferred.rules_yaml(4);
  EXPECT_EQ(yaml, R"(    columns:
      ride: {type: int64, required: true}
      km: {type: double, min: 0, max: 9.9}
      kind: {type: string, in: ["10", car], required: true}
      plate: {type: string, required: true}
    rules:
      is_car: "kind = 'car'"
    on_violation: quarantine
    checks:
      rows: {change_max: 0.5}
      missing_max: {km: 0.15}
      unique: [plate]
)");
  EXPECT_EQ(
      MUST(parse_datasets("datasets:\n  rides:\n    path: rides.csv\n    key: [ride]\n" + yaml))[0],
      inferred);
}

}  // namespace
}  // namespace slipway::datasets
