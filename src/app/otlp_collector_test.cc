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
    double jitter = 1;
  };
  const std::vector<Case> cases = {
      {"taken", false, {}, 0, kMinute},
      {"refused for good", false, {}, 3, kMinute},
      {"first", true, {}, 1, {500'000}},
      {"third", true, {}, 3, {2'000'000}},
      {"never later than the interval", true, {}, 1000, kMinute},
      {"not with the others", true, {}, 3, {1'600'000}, 0.8},
      {"nor at the interval", true, {}, 1000, base::Duration::seconds(72), 1.2},
      {"what was taken has its interval", false, {}, 0, kMinute, 1.2},
      {"as it wants", true, base::Duration::seconds(7), 1, base::Duration::seconds(7)},
      {"longer than the interval", true, base::Duration::seconds(90), 1,
       base::Duration::seconds(90)},
      {"longer than anybody should", true, base::Duration::days(1), 1, kAskedWaitMax},
      {"sooner than we would", true, base::Duration{0}, 3, {2'000'000}}};
  for (const Case& one : cases) {
    OtlpCollector::Answer answer{.may_pass = one.may_pass, .not_before = one.not_before};
    EXPECT_EQ(next_try(answer, one.refusals, kMinute, one.jitter).micros, one.wait.micros)
        << one.name;
  }
}

TEST(OtlpCollectorTest, JitterSpreads) {
  base::SeededRandom random(3);
  double least = 2, most = 0;
  for (int i = 0; i < 1000; ++i) {
    const double one = draw_jitter(random);
    least = std::min(least, one);
    most = std::max(most, one);
  }
  EXPECT_GE(least, 0.8);
  EXPECT_LT(least, 0.81);
  EXPECT_GT(most, 1.19);
  EXPECT_LE(most, 1.2);
}

TEST(OtlpCollectorTest, RetryAfterIsSecondsOrATime) {
  const base::Timestamp now{784'111'777'000'000};  // Sun, 06 Nov 1994 08:49:37 GMT
  const auto seconds = [&](std::string_view text) {
    const auto wait = retry_after(text, now);
    return wait ? wait->micros / 1'000'000 : -1;
  };
  EXPECT_EQ(seconds("0"), 0);
  EXPECT_EQ(seconds("120"), 120);
  EXPECT_EQ(seconds("99999999999999999999"), kAskedWaitMax.micros / 1'000'000);
  EXPECT_EQ(seconds("Sun, 06 Nov 1994 08:51:07 GMT"), 90);
  EXPECT_EQ(seconds("Sun, 06 Nov 1994 08:40:00 GMT"), 0) << "it is over";
  for (const char* none : {"", "soon", "-1", "1.5", "1 s"}) EXPECT_EQ(seconds(none), -1) << none;
}

TEST(OtlpCollectorTest, WhatCanNotBeIsSaidWhenItIsOpened) {
  using Protocol = OtlpCollector::Options::Protocol;
  const auto opens = [](OtlpCollector::Options options, Protocol protocol = Protocol::kGrpc) {
    options.protocol = protocol;
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
  const std::string http = "http://localhost:4318/v1/metrics";
  EXPECT_EQ(opens({.url = http, .headers = {{"X-Team", "ml and more"}}}, Protocol::kHttp), "");
  for (const auto& [name, value] : api::otlp::Attributes{
           {"two words", "secret"}, {"", "secret"}, {"x", "secret\r\nX-Evil: 1"}, {"x", {0}}}) {
    const std::string why = opens({.url = http, .headers = {{name, value}}}, Protocol::kHttp);
    EXPECT_NE(why, "");
    EXPECT_EQ(why.find("secret"), std::string::npos);
  }
  EXPECT_NE(opens({.url = "http://a:1", .certificate_file = "c.pem"}), "");
  EXPECT_NE(opens({.url = "http://a:1", .ca_file = "/absent.pem"}), "");
}

}  // namespace
}  // namespace slipway::app
