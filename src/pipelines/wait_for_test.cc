// What may be written under `wait_for`, and which moment a time of day means.
#include "pipelines/wait_for.h"

#include <gtest/gtest.h>

#include "pipelines/definition.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

std::string step_of(const std::string& rest) {
  return "pipelines:\n  p:\n    params: {day: 1}\n    steps:\n      - {name: w, " + rest + "}\n";
}

TEST(WaitFor, DefaultsAreThoseOfAirflowsSensors) {
  const auto parsed = parse_pipelines(step_of("wait_for: {file: 'in/{day}.csv'}"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const WaitFor wait = *parsed->front().definition.steps.front().wait_for;
  EXPECT_EQ(wait.poke_interval, base::Duration::seconds(60));
  EXPECT_EQ(kWaitTimeout, base::Duration::days(7));
  EXPECT_FALSE(wait.soft_fail);
  EXPECT_EQ(words_of(wait), "file in/{day}.csv");
}

TEST(WaitFor, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"wait_for: {}", "exactly one of dataset, model, file, time and delay"},
      {"wait_for: flights", "wait_for"},
      {"wait_for: {dataset: d, model: m}", "exactly one"},
      {"wait_for: {dataset: ''}", "dataset needs a name"},
      {"wait_for: {alias: champion}", "name the model, too"},
      {"wait_for: {file: s3://bucket}", "file needs a path, or s3://BUCKET/KEY"},
      {"wait_for: {file: s3://bucket/}", "file needs a path, or s3://BUCKET/KEY"},
      {"wait_for: {dataset: d, newer_than: yesterday}", "run or last_success: got=yesterday"},
      {"wait_for: {file: f, newer_than: run}", "of a dataset or a model"},
      {"wait_for: {file: 's3://'}", "s3://BUCKET/KEY"},
      {"wait_for: {file: 'in/{month}.csv'}", "no parameter: step=w reference={month}"},
      {"wait_for: {time: '6:30'}", "HH:MM"},
      {"wait_for: {time: '06:3x'}", "HH:MM"},
      {"wait_for: {time: '24:00'}", "no such time of day"},
      {"wait_for: {time: '06:30', time_zone: Europe/Atlantis}", "Europe/Atlantis"},
      {"wait_for: {dataset: d, time_zone: UTC}", "of a time of day"},
      {"wait_for: {delay: 8d}", "not over within the step's timeout (7d)"},
      {"wait_for: {delay: 2h}, timeout: 1h", "not over within the step's timeout (1h)"},
      {"wait_for: {delay: 2h, poke_interval: 5s}", "nobody looks for a time"},
      {"wait_for: {file: f, poke_interval: 10ms}", "at least 1s"},
      {"wait_for: {file: f, soft_fail: perhaps}", "true or false"},
      {"wait_for: {file: f, poke: 5s}", "known="},
      {"wait_for: {file: f}, run: x", "one thing"},
      {"wait_for: {file: f}, approve: x", "one thing"},
      {"wait_for: {file: f}, outputs: [x]", "wait_for has name, when, after and timeout alone"},
      {"wait_for: {file: f}, retry: 2", "alone"},
  };
  for (const auto& [rest, says] : cases) {
    const auto parsed = parse_pipelines(step_of(rest));
    ASSERT_FALSE(parsed) << rest;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line 5, column"), std::string::npos)
        << parsed.error().message;
  }
}

TEST(WaitFor, ATimeOfDayIsThatOfTheRunsDayWhereItIs) {
  struct Case {
    const char *name, *moment, *time, *zone, *means;
  };
  const Case cases[] = {
      {"later today", "2026-03-10T05:00:00Z", "06:30:00", "", "2026-03-10T06:30:00Z"},
      {"earlier today", "2026-03-10T23:00:00Z", "06:30:00", "", "2026-03-10T06:30:00Z"},
      {"already tomorrow there", "2026-03-10T23:30:00Z", "06:30:00", "Europe/Berlin",
       "2026-03-11T05:30:00Z"},
      {"still yesterday there", "2026-03-10T02:00:00Z", "22:00:00", "America/New_York",
       "2026-03-10T02:00:00Z"},
      {"skipped", "2026-03-29T00:00:00Z", "02:30:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
      {"twice", "2026-10-25T00:00:00Z", "02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"},
  };
  for (const Case& c : cases) {
    const int hour = std::stoi(c.time), minute = std::stoi(c.time + 3);
    const auto moment = time_of_day(MUST(types::parse_rfc3339(c.moment)),
                                    base::Duration::seconds(hour * 3600 + minute * 60), c.zone);
    EXPECT_EQ(types::to_rfc3339(moment), c.means) << c.name;
  }
}

TEST(WaitFor, WhatIsOnRecordReadsBack) {
  const Wait wait{.what = "file f",
                  .after = 7,
                  .file = "/p/f",
                  .due = base::Timestamp{1'000'000},
                  .until = {2'000'000}};
  const Wait back = MUST(Wait::from_json(wait.to_json()));
  EXPECT_EQ(back.what, wait.what);
  EXPECT_EQ(back.after, wait.after);
  EXPECT_EQ(back.file, wait.file);
  EXPECT_EQ(back.due, wait.due);
  EXPECT_EQ(back.until, wait.until);
  EXPECT_FALSE(Wait::from_json({{"what", "x"}}));
}

}  // namespace
}  // namespace slipway::pipelines
