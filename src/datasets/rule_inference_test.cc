#include "datasets/rule_inference.h"

#include <gtest/gtest.h>

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

types::Frame trips() {
  types::Frame frame;
  Column id = Column::of_type("id", ColumnType::kString);
  Column mail = Column::of_type("mail", ColumnType::kString);
  Column paid = Column::of_type("paid", ColumnType::kInt64);
  Column at = Column::of_type("at", ColumnType::kTimestamp);
  Column until = Column::of_type("until", ColumnType::kTimestamp);
  Column other = Column::of_type("other", ColumnType::kTimestamp);
  for (int i = 0; i < 30; ++i) {
    id.append_string(fmt::format("AB.{:03}", i));
    mail.append_string(i % 2 == 0 ? "ann@x" : "bob@x");
    paid.append_int(i % 2);
    at.append_int(1000 * i);
    i == 7 ? until.append_null() : until.append_int(1000 * i + i % 3);
    other.append_int(15'000);
  }
  for (Column* column : {&id, &mail, &paid, &at, &until, &other}) MUST(frame.add(*column));
  return frame;
}

TEST(RuleInferenceTest, ShapesOrdersAndFlagsAreRules) {
  const DatasetDefinition declared{.name = "trips", .path = "trips.csv", .key = {"id"}};
  const DatasetDefinition inferred = infer_rules(trips(), declared, {});
  EXPECT_EQ(inferred.rules_yaml(4), R"(    columns:
      id: {type: string, pattern: "^[A-Z]{2}\\.[0-9]{3}$", required: true}
      mail: {type: string, in: ["ann@x", "bob@x"], required: true}
      paid: {type: int64, in: ["0", "1"], required: true}
      at: {type: timestamp, required: true}
      until: {type: timestamp}
      other: {type: timestamp, required: true}
    rules:
      until_from_at: "until >= at"
    on_violation: quarantine
    checks:
      rows: {change_max: 0.5}
      missing_max: {until: 0.05}
)");
  EXPECT_EQ(MUST(parse_datasets("datasets:\n  trips:\n    path: trips.csv\n    key: [id]\n" +
                                inferred.rules_yaml(4)))[0],
            inferred);
}

// A masked reader's rules would say values, or pseudonyms that no row has.
TEST(RuleInferenceTest, OfMaskedColumnsNothingTellsOfValues) {
  const DatasetDefinition declared{.name = "trips", .path = "trips.csv"};
  const std::string yaml =
      infer_rules(trips(), declared, {}, {"id", "mail", "paid", "until"}).rules_yaml(0);
  EXPECT_EQ(yaml.substr(0, yaml.find("on_violation")), R"(columns:
  id: {type: string, required: true}
  mail: {type: string, required: true}
  paid: {type: int64, required: true}
  at: {type: timestamp, required: true}
  until: {type: timestamp}
  other: {type: timestamp, required: true}
)");
}

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
      plate: {type: string, pattern: "^[a-z][0-9]$", required: true}
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
