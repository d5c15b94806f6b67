// When a collector that refused is asked again, and which collectors can't be.
#include "app/otlp_collector.h"

#include <gtest/gtest.h>

namespace slipway::app {
namespace {

constexpr base::Duration kMinute = base::Duration::seconds(60);

TEST(OtlpCollectorTest, IsAskedAgainWhenItMayTakeIt) {
  struct Case {
    const char* name;
    bool may_pass;
    std::optional<base::Duration> not_before;
    int refusals;
    base::Duration wait;
  };
  const std::vector<Case> cases = {
      {"taken", false, {}, 0, kMinute},
      {"refused for good", false, {}, 3, kMinute},
      {"first", true, {}, 1, {500'000}},
      {"third", true, {}, 3, {2'000'000}},
      {"never later than the interval", true, {}, 1000, kMinute},
      {"as it wants", true, base::Duration::seconds(7), 1, base::Duration::seconds(7)},
      {"longer than the interval", true, base::Duration::seconds(90), 1,
       base::Duration::seconds(90)},
      {"sooner than we would", true, base::Duration{0}, 3, {2'000'000}}};
  for (const Case& one : cases) {
    OtlpCollector::Answer answer{.may_pass = one.may_pass, .not_before = one.not_before};
    EXPECT_EQ(next_try(answer, one.refusals, kMinute).micros, one.wait.micros) << one.name;
  }
}

TEST(OtlpCollectorTest, WhatCanNotBeIsSaidWhenItIsOpened) {
  using Protocol = OtlpCollector::Options::Protocol;
  const auto opens = [](OtlpCollector::Options options) {
    options.protocol = Protocol::kGrpc;
    const auto opened = OtlpCollector::open(options);
    return opened ? "" : opened.error().message;
  };
  EXPECT_EQ(opens({.url = "http://localhost:4317"}), "");
  EXPECT_EQ(opens({.url = "https://localhost:4317/"}), "");
  EXPECT_EQ(opens({.url = "localhost:4317", .insecure = true, .headers = {{"X-Team", "ml"}}}), "");
  EXPECT_NE(opens({.url = "http://localhost:4317/v1/metrics"}), "");
  EXPECT_NE(opens({.url = "http://"}), "");
  EXPECT_NE(opens({.url = "http://a:1", .headers = {{"two words", "x"}}}), "");
  EXPECT_NE(opens({.url = "http://a:1", .headers = {{"x", "line\nbreak"}}}), "");
  EXPECT_NE(opens({.url = "http://a:1", .certificate_file = "c.pem"}), "");
  EXPECT_NE(opens({.url = "http://a:1", .ca_file = "/absent.pem"}), "");
}

}  // namespace
}  // namespace slipway::app
