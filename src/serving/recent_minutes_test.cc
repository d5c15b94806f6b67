// Which minute a request counts in, percentiles against those of all values, and counts that are
// exact while threads go over from one minute to the next.
#include "serving/recent_minutes.h"

#include <gtest/gtest.h>

#include <thread>

namespace slipway::serving {
namespace {

base::Timestamp minute(std::int64_t number, std::int64_t seconds = 0) {
  return {(number * 60 + seconds) * 1'000'000};
}

TEST(RecentMinutes, RequestsCountInTheMinuteTheyCameIn) {
  RecentMinutes minutes;
  minutes.add(1000, minute(100));
  minutes.add_error(minute(100, 59));
  minutes.add(1000, minute(101));
  const auto read = minutes.read(minute(102, 30));
  ASSERT_EQ(read.size(), 60u);
  EXPECT_EQ(read.front().start, minute(43));
  EXPECT_EQ(read.back().start, minute(102));
  EXPECT_EQ(read[57].requests, 2u);
  EXPECT_EQ(read[57].errors, 1u);
  EXPECT_EQ(read[58].requests, 1u);
  EXPECT_EQ(read[59].requests, 0u);
  EXPECT_FALSE(read[59].latency_us_p50);
}

TEST(RecentMinutes, AMinuteIsForgottenAfterAnHour) {
  RecentMinutes minutes;
  minutes.add(1000, minute(100));
  EXPECT_EQ(minutes.read(minute(159)).front().requests, 1u);
  for (const auto& of : minutes.read(minute(160))) EXPECT_EQ(of.requests, 0u);
  minutes.add(1000, minute(161));  // in its place
  minutes.add(1000, minute(100));  // a clock that went back an hour: counts nowhere
  EXPECT_EQ(minutes.read(minute(161)).back().requests, 1u);
  EXPECT_EQ(minutes.read(minute(159)).front().requests, 0u);
}

TEST(RecentMinutes, ErrorsAloneHaveNoLatency) {
  RecentMinutes minutes;
  minutes.add_error(minute(5));
  const MinuteOfRequests last = minutes.read(minute(5)).back();
  EXPECT_EQ(last.requests, 1u);
  EXPECT_FALSE(last.latency_us_p99);
}

TEST(RecentMinutes, PercentilesAreCloseToThoseOfAllValues) {
  for (const double scale : {1.0, 37.0, 1000.0, 250'000.0}) {
    RecentMinutes minutes;
    for (int i = 1; i <= 200; ++i) minutes.add(i * scale / 10, minute(7));
    const MinuteOfRequests last = minutes.read(minute(7)).back();
    EXPECT_NEAR(*last.latency_us_p50, 10 * scale, 10 * scale / 4 + 1) << scale;
    EXPECT_NEAR(*last.latency_us_p95, 19 * scale, 19 * scale / 4 + 1) << scale;
    EXPECT_NEAR(*last.latency_us_p99, 19.8 * scale, 19.8 * scale / 4 + 1) << scale;
    EXPECT_LE(*last.latency_us_p50, *last.latency_us_p95);
    EXPECT_LE(*last.latency_us_p95, *last.latency_us_p99);
  }
}

TEST(RecentMinutes, WhatTakesForeverOrNothingHasAPlace) {
  RecentMinutes minutes;
  minutes.add(0, minute(7));
  minutes.add(1e12, minute(7));
  const MinuteOfRequests last = minutes.read(minute(7)).back();
  EXPECT_EQ(last.requests, 2u);
  EXPECT_GT(*last.latency_us_p99, 1e8);
}

TEST(RecentMinutes, NothingIsLostWhenAMinuteBegins) {
  RecentMinutes minutes;
  constexpr int kThreads = 4, kMinutesLong = 50, kEach = 200;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&minutes] {
      for (int at = 0; at < kMinutesLong; ++at) {
        for (int i = 0; i < kEach; ++i) minutes.add(i, minute(1000 + at));
      }
    });
  }
  threads.clear();
  std::uint64_t all = 0;
  for (const auto& of : minutes.read(minute(1000 + kMinutesLong - 1))) all += of.requests;
  EXPECT_EQ(all, std::uint64_t{kThreads} * kMinutesLong * kEach);
}

}  // namespace
}  // namespace slipway::serving
