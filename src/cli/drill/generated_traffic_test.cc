#include "cli/drill/generated_traffic.h"

#include <gtest/gtest.h>

#include <map>

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;
using types::Column;
using types::ColumnType;

const Timestamp kMonday{1704067200LL * 1'000'000};  // 2024-01-01T00:00:00Z
const Timestamp kFrom = kMonday + Duration::days(100), kUntil = kFrom + Duration::days(10);

// Two weeks, an hour apart on weekdays, nothing at weekends; known an hour later.
types::Frame rows() {
  Column at = Column::of_type("at", ColumnType::kTimestamp);
  Column known = Column::of_type("known_at", ColumnType::kTimestamp);
  Column hour = Column::of_type("hour", ColumnType::kInt64);
  for (int i = 0; i < 14 * 24; ++i) {
    if (i / 24 % 7 >= 5) continue;
    at.append_int((kMonday + Duration::hours(i)).micros);
    known.append_int((kMonday + Duration::hours(i + 1)).micros);
    hour.append_int(i % 24);
  }
  types::Frame frame;
  for (Column* column : {&at, &known, &hour}) MUST(frame.add(std::move(*column)));
  return frame;
}

TEST(DrillGenerated, TrafficHasTheWeekOfTheRows) {
  const types::Frame made = MUST(drawn_rows(rows(), "at", kFrom, kUntil, 200, 1));
  ASSERT_EQ(made.rows(), 2000u);
  std::map<int, int> by_day;  // since `kFrom`
  Timestamp before = kFrom;
  for (std::size_t row = 0; row < made.rows(); ++row) {
    const Timestamp at{made.find("at")->ints[row]};
    EXPECT_GE(at, before);
    EXPECT_LT(at, kUntil);
    before = at;
    EXPECT_EQ(made.find("known_at")->ints[row], (at + Duration::hours(1)).micros);
    const std::int64_t hours = (at - kMonday).micros / Duration::hours(1).micros;
    EXPECT_EQ(made.find("hour")->ints[row], hours % 24) << "at its own hour";
    EXPECT_LT(hours / 24 % 7, 5) << "weekends are free";
    ++by_day[static_cast<int>((at - kFrom).micros / Duration::days(1).micros)];
  }
  // Ten days from a Wednesday on, of which two are a weekend.
  EXPECT_EQ(by_day.size(), 8u);
  for (const auto& [day, count] : by_day) EXPECT_NEAR(count, 250, 70) << day;
}

TEST(DrillGenerated, ItFollowsFromTheSeed) {
  const auto times = [](std::uint64_t seed) {
    return MUST(drawn_rows(rows(), "at", kFrom, kUntil, 50, seed)).find("at")->ints;
  };
  EXPECT_EQ(times(1), times(1));
  EXPECT_NE(times(1), times(2));
  EXPECT_NEAR(MUST(rows_per_day(rows(), "at")), 240 / 11.96, 0.1);
}

TEST(DrillGenerated, WhatCannotBeIsSaid) {
  const Timestamp saturday = kMonday + Duration::days(5 + 700);
  const auto never = drawn_rows(rows(), "at", saturday, saturday + Duration::days(1), 10, 1);
  ASSERT_FALSE(never);
  EXPECT_NE(never.error().message.find("times of the week"), std::string::npos);
  types::Frame timeless = rows();
  for (std::size_t row = 0; row < timeless.rows(); ++row) timeless.find("at")->set_null(row);
  EXPECT_FALSE(drawn_rows(timeless, "at", kFrom, kUntil, 10, 1));
  EXPECT_FALSE(rows_per_day(timeless, "at"));
}

}  // namespace
}  // namespace slipway::cli
