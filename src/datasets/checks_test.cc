// What must hold of a version as a whole.
#include "datasets/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

VersionChecks parsed(std::string_view text) {
  return MUST(read_version_checks(MUST(types::YamlNode::parse(text))));
}

// Of hours of a day; NaN is missing.
Frame rides(const std::vector<double>& fares, const std::vector<std::string>& cities) {
  Column at_ = Column::of_type("at", ColumnType::kTimestamp);
  Column fare = Column::of_type("fare", ColumnType::kDouble);
  Column city = Column::of_type("city", ColumnType::kString);
  for (std::size_t i = 0; i < fares.size(); ++i) {
    at_.append_int(at("2024-03-01T00:00:00Z").micros +
                   static_cast<std::int64_t>(i) * 3'600'000'000);
    std::isnan(fares[i]) ? fare.append_null() : fare.append_double(fares[i]);
    cities[i].empty() ? city.append_null() : city.append_string(cities[i]);
  }
  Frame frame;
  MUST(frame.add(at_));
  MUST(frame.add(fare));
  MUST(frame.add(city));
  return frame;
}

const Frame& sunday() {
  static const Frame frame = rides({1, 2, 3, NAN}, {"a", "b", "a", ""});
  return frame;
}

std::vector<CheckOutcome> check(std::string_view text, const VersionBefore* before = nullptr,
                                std::int64_t quarantined = 0) {
  return MUST(
      check_version(parsed(text), sunday(), quarantined, "at", at("2024-03-01T06:00:00Z"), before));
}

TEST(ChecksTest, HoldUpToTheirLimit) {
  struct Case {
    const char* checks;
    std::string fails;  // empty: it holds
  };
  const std::vector<Case> cases = {
      {"rows: {min: 4, max: 4}", ""},
      {"rows: {min: 5}", "rows_min: 4 is less than 5"},
      {"rows: {max: 3}", "rows_max: 4 is more than 3"},
      {"rows: {change_max: 0.6}", ""},
      {"rows: {change_max: 0.5}", "rows_change_max: 0.6 is more than 0.5"},
      {"quarantined_max: 0.2", ""},
      {"quarantined_max: 0.1", "quarantined_max: 0.2 is more than 0.1"},
      {"missing_max: {fare: 0.25, at: 0}", ""},
      {"missing_max: {fare: 0.2}", "missing_max of fare: 0.25 is more than 0.2"},
      {"unique: [fare, [at, city]]", ""},
      {"unique: [city]", "unique of city: 1 is more than 0"},
      {"age_max: 3h", ""},
      {"age_max: 2h", "age_max of at: 3 hours is more than 2 hours"},
      {"drift_max: {city: 0.4}", ""},
      {"drift_max: {city: 0.3, fare: 1}", "drift_max of city: 0.333333 is more than 0.3"},
  };
  const Frame saturday =
      rides({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {"a", "b", "a", "b", "a", "b", "c", "a", "b", "a"});
  Frame other = saturday;
  *other.find("city") =
      *rides({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {"a", "b", "b", "a", "b", "b", "", "", "", ""})
           .find("city");
  const VersionBefore before{.rows = 10, .frame = other};
  for (const Case& one : cases)
    EXPECT_EQ(failed_words(check(one.checks, &before, 1)), one.fails) << one.checks;
}

TEST(ChecksTest, WithoutAVersionBeforeNothingIsCompared) {
  EXPECT_TRUE(check("{rows: {change_max: 0}, drift_max: {city: 0}}").empty());
  const Frame empty = rides({}, {});
  const VersionBefore before{.rows = 0, .frame = empty};
  EXPECT_TRUE(check("{rows: {change_max: 0}, drift_max: {city: 0}}", &before).empty());
}

TEST(ChecksTest, WhatHasNoValuesDoesNotHold) {
  const Frame empty = rides({}, {});
  const VersionBefore before{.rows = 4, .frame = sunday()};
  const auto outcomes = MUST(check_version(parsed("{age_max: 1d, drift_max: {fare: 1}}"), empty, 0,
                                           "at", at("2024-03-01T06:00:00Z"), &before));
  EXPECT_EQ(failed_words(outcomes),
            "age_max of at: there are no values; drift_max of fare: there are no values");
  EXPECT_EQ(base::to_text(outcomes[0].to_json()),
            R"({"check":"age_max","columns":"at","value":null,"limit":2.4E1,"holds":false})");
  EXPECT_TRUE(
      failed_words(
          MUST(check_version(parsed("{missing_max: {fare: 0}, unique: [city], quarantined_max: 0}"),
                             empty, 0, "at", {}, nullptr)))
          .empty());
}

TEST(ChecksTest, WhatIsMissingRepeatsNothing) {
  Frame frame;
  Column x = Column::of_type("x", ColumnType::kDouble);
  for (const double value : {1.0, double(NAN), double(NAN)}) x.append_double(value);
  x.append_null();
  MUST(frame.add(x));
  const auto outcomes = MUST(
      check_version(parsed("{unique: [x], missing_max: {x: 0.75}}"), frame, 0, "", {}, nullptr));
  EXPECT_EQ(failed_words(outcomes), "");
}

TEST(ChecksTest, WhatIsYetToComeIsNotFresh) {
  Frame frame;
  Column times = Column::of_type("at", ColumnType::kTimestamp);
  times.append_int(at("2024-03-01T00:00:00Z").micros);
  times.append_int(std::numeric_limits<std::int64_t>::max());
  times.append_int(std::numeric_limits<std::int64_t>::min());
  MUST(frame.add(times));
  const auto outcomes = MUST(
      check_version(parsed("{age_max: 5h}"), frame, 0, "at", at("2024-03-01T06:00:00Z"), nullptr));
  EXPECT_EQ(failed_words(outcomes), "age_max of at: 6 hours is more than 5 hours");
}

TEST(ChecksTest, TypesThatHaveNothingInCommonAreNotCompared) {
  Frame numbers = sunday();
  Column fares = *numbers.find("fare");
  fares.name = "city";
  *numbers.find("city") = std::move(fares);
  const VersionBefore before{.rows = 4, .frame = numbers};
  EXPECT_TRUE(MUST(check_version(parsed("{drift_max: {city: 0}}"), sunday(), 0, "at", {}, &before))
                  .empty());
}

TEST(ChecksTest, AreReadBackAsTheyWereWritten) {
  const VersionChecks checks = parsed(
      "{rows: {min: 1, max: 9, change_max: 1.5}, quarantined_max: 0.1, missing_max: {a: 0.5}, "
      "unique: [a, "
      "[b, c]], age_max: 26h, drift_max: {a: 0.2}, on_failed: flag}");
  EXPECT_EQ(parsed(base::to_text(checks.to_json())), checks);
  EXPECT_FALSE(checks.is_empty());
  EXPECT_TRUE(parsed("{on_failed: flag}").is_empty());
}

TEST(ChecksTest, SayWhereTheyMakeNoSense) {
  for (const auto& [text, message] : std::vector<std::pair<const char*, const char*>>{
           {"{rows: {min: 3, max: 2}}", "rows: min is more than max: min=3 max=2"},
           {"{rows: {change_max: -1}}", "change_max must not be negative"},
           {"{quarantined_max: 10}", "a share is from 0 to 1: got=10"},
           {"{unique: [[]]}", "no column is named"},
           {"{on_failed: quarantine}", "on_failed is reject or flag: got=quarantine"},
           {"{age_max: soon}", "line 1, column 11"},
           {"{freshness: 1h}", "no such key: key=freshness"}}) {
    const auto got = read_version_checks(MUST(types::YamlNode::parse(text)));
    ASSERT_FALSE(got) << text;
    EXPECT_THAT(got.error().message, ::testing::HasSubstr(message)) << text;
  }
  const auto absent = check_version(parsed("{unique: [x]}"), sunday(), 0, "at", {}, nullptr);
  EXPECT_EQ(absent.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::datasets
