// Expressions good and bad; the clocks put forward and back, by hand and against cronsim over ten
// years of every zone that changed its clocks.
#include "pipelines/cron.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

base::Timestamp at(std::string_view text) { return MUST(types::parse_rfc3339(text)); }

// The next `count` times after `after`, as text.
std::string next_of(const char* cron, const char* zone, std::string_view after, int count) {
  const Cron parsed = MUST(Cron::parse(cron));
  std::string text;
  base::Timestamp time = at(after);
  for (int i = 0; i < count; ++i) {
    const auto next = parsed.next(time, zone);
    if (!next) return text + " never";
    time = *next;
    text += (i == 0 ? "" : " ") + types::to_rfc3339(time).substr(5, 14);
  }
  return text;
}

TEST(Cron, TellsTheNextTimes) {
  struct Case {
    const char *cron, *after, *next;
  };
  const Case cases[] = {
      {"* * * * *", "2024-02-28T23:59:00Z", "02-29T00:00:00 02-29T00:01:00"},
      {"*/15 * * * *", "2024-01-01T00:01:00Z", "01-01T00:15:00 01-01T00:30:00"},
      {"5/20 * * * *", "2024-01-01T00:01:00Z", "01-01T00:05:00 01-01T00:25:00"},
      {"0 9-17/4 * * MON-FRI", "2024-01-05T12:00:00Z", "01-05T13:00:00 01-05T17:00:00"},
      {"0 0 1,15 JAN,jul *", "2024-01-02T00:00:00Z", "01-15T00:00:00 07-01T00:00:00"},
      {"0 0 13 * FRI", "2024-09-02T00:00:00Z", "09-06T00:00:00 09-13T00:00:00"},   // either
      {"0 0 */2 * FRI", "2024-09-02T00:00:00Z", "09-13T00:00:00 09-27T00:00:00"},  // both
      {"0 0 29 2 *", "2024-03-01T00:00:00Z", "02-29T00:00:00 02-29T00:00:00"},
      {"0 0 L * ?", "2024-02-01T00:00:00Z", "02-29T00:00:00 03-31T00:00:00"},
      {"0 0 LW * *", "2024-03-01T00:00:00Z", "03-29T00:00:00 04-30T00:00:00"},
      {"0 0 * * 5L", "2024-02-01T00:00:00Z", "02-23T00:00:00 03-29T00:00:00"},
      {"0 0 * * MON#2", "2024-02-01T00:00:00Z", "02-12T00:00:00 03-11T00:00:00"},
      {"0 0 * * 5-7", "2024-02-01T00:00:00Z", "02-02T00:00:00 02-03T00:00:00"},
      {"*/20 30 2 * * *", "2024-02-01T00:00:00Z", "02-01T02:30:00 02-01T02:30:20"},
      {"@daily", "2024-02-01T00:00:00Z", "02-02T00:00:00 02-03T00:00:00"},
      {"@hourly", "2024-02-01T00:00:00.000001Z", "02-01T01:00:00 02-01T02:00:00"},
      {"  0\t0 1 1 *  ", "1969-06-01T00:00:00Z", "01-01T00:00:00 01-01T00:00:00"},
  };
  for (const Case& c : cases) EXPECT_EQ(next_of(c.cron, "", c.after, 2), c.next) << c.cron;
}

TEST(Cron, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "fields=0"},
      {"* * * *", "fields=4"},
      {"* * * * * * *", "fields=7"},
      {"60 * * * *", "must be 0 to 59: field=minute got=60"},
      {"* 24 * * *", "field=hour got=24"},
      {"* * 0 * *", "field=day of month got=0"},
      {"* * * 13 *", "field=month got=13"},
      {"* * * * 8", "field=day of week got=8"},
      {"* * * FOO *", "field=month got=FOO"},
      {"*/0 * * * *", "a step is a whole number from 1"},
      {"*/ * * * *", "a step is"},
      {"1,,2 * * * *", "field=minute"},
      {"5-1 * * * *", "a range ends before it begins"},
      {"1-2-3 * * * *", "field=minute"},
      {"99999999999 * * * *", "field=minute"},
      {"-1 * * * *", "field=minute"},
      {"* ? * * *", "field=hour"},
      {"* * * * MON#6", "1 to 5"},
      {"0 0 31 2 *", "no date ever matches"},
      {"0 0 31 4,6,9,11 *", "no date ever matches"},
      {"@reboot", "no such nickname"},
      {"@every 5m", "fields=2"},
  };
  for (const auto& [cron, why] : cases) {
    const auto parsed = Cron::parse(cron);
    ASSERT_FALSE(parsed) << cron;
    EXPECT_NE(parsed.error().message.find(why), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(Cron::parse(std::string(501, '1')));
  EXPECT_TRUE(Cron::parse("*/4294967295 * * * *"));
  EXPECT_FALSE(check_time_zone("Mars/North"));
  EXPECT_TRUE(check_time_zone("Europe/Berlin"));
}

TEST(Cron, GoesWithTheClocksOfThePlace) {
  struct Case {
    const char *cron, *zone, *after, *next;
  };
  const Case cases[] = {
      // Berlin, 31 March 2024: 02:00 to 03:00 is missing; 03:00 is 01:00Z.
      {"30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", "03-31T01:00:00 04-01T00:30:00"},
      {"0,10,30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", "03-31T01:00:00 04-01T00:00:00"},
      {"0 2,3 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", "03-31T01:00:00 04-01T00:00:00"},
      {"0 * * * *", "Europe/Berlin", "2024-03-31T00:00:00Z", "03-31T01:00:00 03-31T02:00:00"},
      {"*/30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", "04-01T00:00:00 04-01T00:30:00"},
      // 27 October 2024: 02:00 to 03:00 comes twice, at 00:00Z and at 01:00Z.
      {"30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", "10-27T00:30:00 10-28T01:30:00"},
      {"30 2 * * *", "Europe/Berlin", "2024-10-27T00:45:00Z", "10-28T01:30:00 10-29T01:30:00"},
      {"30 2,3 * * *", "Europe/Berlin", "2024-10-27T01:10:00Z", "10-27T02:30:00 10-28T01:30:00"},
      {"30 * * * *", "Europe/Berlin", "2024-10-27T00:00:00Z", "10-27T00:30:00 10-27T01:30:00"},
      // Lord Howe moves by half an hour; Samoa had no 30 December 2011.
      {"15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z",
       "10-05T15:30:00 10-06T15:15:00"},
      {"0 12 30 * *", "Pacific/Apia", "2011-12-01T00:00:00Z", "12-30T10:00:00 01-29T22:00:00"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(next_of(c.cron, c.zone, c.after, 2), c.next) << c.cron << " in " << c.zone;
}

TEST(Cron, AgreesWithCronsimOverTenYearsOfEveryZone) {
  std::ifstream in(SLIPWAY_PIPELINES_TESTDATA "/cron_golden.csv");
  ASSERT_TRUE(in);
  const base::Timestamp end = at("2024-01-01T00:00:00Z");
  std::string line;
  std::size_t lines = 0;
  for (; std::getline(in, line); ++lines) {
    const std::size_t first = line.find(';'), second = line.find(';', first + 1);
    const std::string zone = line.substr(0, first);
    const Cron cron = MUST(Cron::parse(line.substr(first + 1, second - first - 1)));
    std::uint64_t hash = 0xCBF29CE484222325;
    std::size_t count = 0;
    base::Timestamp time = at("2014-01-01T00:00:00Z");
    for (;;) {
      const auto next = cron.next(time, zone);
      ASSERT_TRUE(next && *next > time) << line;
      if (*next >= end) break;
      time = *next;
      ++count;
      for (const char c : fmt::format("{}\n", time.micros / 1'000'000))
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    }
    EXPECT_EQ(fmt::format("{};{:016x}", count, hash), line.substr(second + 1)) << line;
  }
  EXPECT_GT(lines, 300u);
}

}  // namespace
}  // namespace slipway::pipelines
