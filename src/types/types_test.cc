#include <gtest/gtest.h>

#include "types/frame.h"
#include "types/timestamp.h"

namespace slipway::types {
namespace {

TEST(Timestamp, RoundTripsRfc3339) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2013-06-01T04:00:00Z",
                           "1969-12-31T23:59:59.999999Z", "2024-02-29T12:30:15.000001Z"}) {
    EXPECT_EQ(to_rfc3339(parse_rfc3339(text).value()), text);
  }
}

TEST(Timestamp, AcceptsWhatPeopleWrite) {
  const Timestamp expected = parse_rfc3339("2013-06-01T04:00:00Z").value();
  for (const char* text : {"2013-06-01 04:00:00Z", "2013-06-01T06:00:00+02:00",
                           "2013-06-01T00:00-0400", "2013-06-01t04:00:00.000000000z"}) {
    EXPECT_EQ(parse_rfc3339(text).value(), expected) << text;
  }
  EXPECT_EQ(to_rfc3339(parse_rfc3339("2013-06-01").value()), "2013-06-01T00:00:00Z");
}

TEST(Timestamp, RefusesTheRest) {
  for (const char* text : {"", "2013", "2013-02-29", "2013-06-01T04:00:00", "2013-06-01T25:00:00Z",
                           "2013-06-01T04:00:00.Z", "2013-06-01T04:00:00+2", "2013-06-01X04:00Z",
                           "2013-06-01T04:00:00Zx"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Duration, ParsesAndPrints) {
  EXPECT_EQ(parse_duration("24h").value(), Duration::days(1));
  EXPECT_EQ(to_text(Duration::days(21)), "21d");
  EXPECT_EQ(to_text(parse_duration("90m").value()), "90m");
  for (const char* text : {"", "h", "-1h", "1", "1y", "1.5h", "99999999999999999w"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Timestamp, WeeksStartOnMonday) {
  EXPECT_EQ(to_rfc3339(start_of_week(parse_rfc3339("2013-06-02T10:00:00Z").value())),
            "2013-05-27T00:00:00Z");
  EXPECT_EQ(to_rfc3339(start_of_week(parse_rfc3339("2013-06-03T00:00:00Z").value())),
            "2013-06-03T00:00:00Z");
}

TEST(Frame, MissingValuesAndErrors) {
  Column number = Column::of_type("x", ColumnType::kDouble);
  number.append_double(1);
  number.append_null();
  Column text = Column::of_type("s", ColumnType::kString);
  text.append_string("a");
  Frame frame;
  ASSERT_TRUE(frame.add(number));
  EXPECT_EQ(frame.add(text).error().message,
            "column has another length: column=s rows=1 expected=2");
  EXPECT_FALSE(frame.add(number));
  EXPECT_EQ(frame.column("y").error().message, "no such column: column=y columns=x");
  EXPECT_EQ(frame.find("x")->null_count(), 1u);
  EXPECT_TRUE(std::isnan(frame.find("x")->number(1)));
  EXPECT_EQ(frame.take({1, 0}).find("x")->number(1), 1.0);
}

TEST(Frame, AppendedRowsKeepWhatIsMissing) {
  Column some = Column::of_type("x", ColumnType::kInt64), all = some;
  some.append_int(7);
  some.append_null();
  all.append_rows(some, {1});  // to a column without rows
  all.append_rows(some, {0, 1});
  EXPECT_EQ(all.ints, (std::vector<std::int64_t>{0, 7, 0}));
  EXPECT_EQ(all.valid, (std::vector<std::uint8_t>{0, 1, 0}));
  Column whole = Column::of_type("x", ColumnType::kInt64);
  whole.append_int(1);
  some.append_rows(whole, {0});  // all of it is there
  EXPECT_EQ(some.valid, (std::vector<std::uint8_t>{1, 0, 1}));
  whole.append_rows(some, {1});
  EXPECT_EQ(whole.valid, (std::vector<std::uint8_t>{1, 0}));
}

}  // namespace
}  // namespace slipway::types
