#include "monitor/silences.h"

#include <gtest/gtest.h>

#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

MaintenanceWindow window(const char* text) { return MUST(parse_maintenance_window("w", text)); }

TEST(Matchers, AllMustMatch) {
  const AlertLabels labels{"sale", "health", "auc", "warning"};
  struct Case {
    std::vector<const char*> texts;
    bool matches;
  };
  for (const Case& c : std::initializer_list<Case>{{{}, true},
                                                   {{"endpoint=sale"}, true},
                                                   {{"endpoint=sale", "severity!=critical"}, true},
                                                   {{"endpoint=sale", "severity=critical"}, false},
                                                   {{"alert!=auc"}, false},
                                                   {{"monitor=health"}, true},
                                                   {{"monitor=Health"}, false}}) {
    std::vector<Matcher> matchers;
    for (const char* text : c.texts) {
      matchers.push_back(MUST(parse_matcher(text)));
      EXPECT_EQ(matchers.back().text(), text);
    }
    EXPECT_EQ(matches(matchers, labels), c.matches) << c.texts.size();
  }
  for (const char* wrong : {"", "endpoint", "endpoint=", "=sale", "!=sale", "route=x",
                            "endpoint==sale", "endpoint=~s.*", "severity!=~critical"})
    EXPECT_EQ(parse_matcher(wrong).error().code, Code::kInvalidArgument) << wrong;
}

TEST(Maintenance, ComesAgainByTheZonesClocks) {
  // Saturday and Sunday nights in Berlin, over midnight.
  const MaintenanceWindow nights = window(
      "{days: [saturday, sunday], from: '22:00', for: 4h, time_zone: Europe/Berlin, why: load}");
  struct Case {
    const char* time;
    const char* until;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"2024-02-03T20:59:59Z", nullptr},                 // Saturday, 21:59 there
           {"2024-02-03T21:00:00Z", "2024-02-04T01:00:00Z"},  // 22:00
           {"2024-02-04T00:59:59Z", "2024-02-04T01:00:00Z"},
           {"2024-02-04T01:00:00Z", nullptr},
           {"2024-02-05T00:30:00Z", "2024-02-05T01:00:00Z"},  // Monday's first hours are Sunday's
           {"2024-02-05T21:30:00Z", nullptr},
           {"2024-07-06T20:00:00Z", "2024-07-07T00:00:00Z"}}) {  // summer: an hour earlier
    const auto until = nights.covers(at(c.time));
    ASSERT_EQ(until.has_value(), c.until != nullptr) << c.time;
    if (until) {
      EXPECT_EQ(types::to_rfc3339(*until), c.until) << c.time;
    }
  }
  EXPECT_EQ(MUST(parse_maintenance_window("w", base::to_text(nights.to_json()))), nights);
}

TEST(Maintenance, DaysOfTheMonthCountFromBothEnds) {
  const MaintenanceWindow ends = window("{days_of_month: [1, -1], from: '00:00', for: 24h}");
  EXPECT_TRUE(ends.covers(at("2024-02-29T12:00:00Z")));
  EXPECT_TRUE(ends.covers(at("2024-03-01T12:00:00Z")));
  EXPECT_FALSE(ends.covers(at("2024-02-28T12:00:00Z")));
  EXPECT_EQ(MUST(parse_maintenance_window("w", base::to_text(ends.to_json()))), ends);
  const MaintenanceWindow once = window("{start: 2024-02-01, end: 2024-02-02, match: alert=auc}");
  EXPECT_TRUE(once.covers(at("2024-02-01T12:00:00Z")));
  EXPECT_FALSE(once.covers(at("2024-02-02T00:00:00Z")));
  EXPECT_EQ(MUST(parse_maintenance_window("w", base::to_text(once.to_json()))), once);
}

TEST(Maintenance, MistakesAreNamed) {
  for (const char* wrong :
       {"{for: 1h}", "{from: '25:00', for: 1h}", "{from: '1:00', for: 1h}", "{from: '01:00'}",
        "{from: '01:00', for: 0s}", "{from: '01:00', for: 8d}",
        "{from: '01:00', for: 1h, days: [x]}", "{from: '01:00', for: 1h, days_of_month: [0]}",
        "{from: '01:00', for: 1h, days_of_month: [1e300]}",
        "{from: '01:00', for: 1h, days_of_month: [1.5]}",
        "{from: '01:00', for: 1h, time_zone: X/Y}", "{start: 2024-02-02, end: 2024-02-01}",
        "{start: 2024-02-02}", "{from: '01:00', for: 1h, match: [what]}",
        "{from: '01:00', for: 1h, else: 1}"}) {
    const auto parsed = parse_maintenance_window("w", wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_NE(parsed.error().message.find("line 1"), std::string::npos) << parsed.error().message;
  }
}

TEST(Quiet, WhatLastsLongestIsNamed) {
  const AlertLabels labels{"sale", "health", "auc", "warning"};
  const Silence silence{.id = 3,
                        .matchers = {{"endpoint", true, "sale"}},
                        .starts_at = at("2024-02-01T00:00:00Z"),
                        .ends_at = at("2024-02-01T06:00:00Z"),
                        .created_by = "ann",
                        .comment = "we deploy"};
  const MaintenanceWindow night = window("{from: '05:00', for: 2h}");
  EXPECT_FALSE(find_quiet({silence}, {}, labels, at("2024-01-31T23:59:59Z")));
  EXPECT_FALSE(find_quiet({silence}, {}, labels, at("2024-02-01T06:00:00Z")));
  EXPECT_FALSE(find_quiet({silence}, {}, {"other", "", "", ""}, at("2024-02-01T01:00:00Z")));
  EXPECT_EQ(find_quiet({silence}, {night}, labels, at("2024-02-01T01:00:00Z"))->words,
            "silenced by ann until 2024-02-01T06:00:00Z: we deploy (silence 3)");
  EXPECT_EQ(find_quiet({silence}, {night}, labels, at("2024-02-01T05:30:00Z"))->words,
            "in maintenance until 2024-02-01T07:00:00Z (w)");
}

}  // namespace
}  // namespace slipway::monitor
