// What arrivals say of an endpoint's traffic.
#include "serving/traffic.h"

#include <gtest/gtest.h>

#include <random>

#include "serving/traffic_history.h"
#include "serving/version_statistics.h"
#include "store/testing/temp_folder.h"

namespace slipway::serving {
namespace {

TEST(Traffic, EvenArrivalsDoNotVaryAndRandomOnesDoByOne) {
  std::vector<std::int64_t> even, random;
  std::mt19937_64 numbers(3);
  std::exponential_distribution<double> gap(1e-4);  // one in 10 ms
  double now = 0;
  for (int i = 0; i < 20'000; ++i) {
    even.push_back(i * 10'000);
    random.push_back(static_cast<std::int64_t>(now += gap(numbers)));
  }
  EXPECT_NEAR(traffic_of(even).traffic.rate, 100, 1);
  EXPECT_NEAR(traffic_of(even).traffic.gap_variation, 0, 1e-9);
  EXPECT_NEAR(traffic_of(random).traffic.gap_variation, 1, 0.1);
}

TEST(Traffic, ThePeakIsWhatCounts) {
  std::vector<std::int64_t> arrivals;
  for (std::int64_t second = 0; second < 3600; ++second) {
    const int many = second >= 1800 && second < 2100 ? 50 : 1;
    for (int i = 0; i < many; ++i) arrivals.push_back(second * 1'000'000 + i * 20'000);
  }
  const MeasuredTraffic measured = traffic_of(arrivals);
  EXPECT_NEAR(measured.traffic.rate, 50, 1);
  EXPECT_NEAR(measured.rate_mean, 5.1, 0.2);
  EXPECT_EQ(measured.window_seconds, 300);
  EXPECT_EQ(traffic_of({5}).traffic.rate, 0);
}

TEST(Traffic, CostIsWhatRowsTook) {
  VersionStatistics statistics;
  EXPECT_EQ(statistics.cpu_seconds_per_1000(), 0);
  // Half a second of work and a second in a queue for 2000 rows.
  statistics.rows = 2000;
  statistics.queue_ns = 1'000'000'000;
  statistics.gather_ns = 100'000'000;
  statistics.score_ns = 300'000'000;
  statistics.batches = {{.rows = 2000, .calls = 1, .score_ns = 300'000'000}};
  statistics.total_ns = 1'500'000'000;
  EXPECT_NEAR(statistics.cpu_seconds_per_1000(), 0.25, 1e-9);
}

TEST(Traffic, RowsOfARequestAreOneAndCallersIdsMayHaveASlash) {
  store::testing::TempFolder folder;
  base::Metrics metrics;
  RequestLog log({.folder = folder.path()}, metrics);
  std::vector<LogRow> rows;
  const auto add = [&](std::string_view id, std::int64_t arrival_us) {
    rows.push_back({.request_id = id,
                    .variant = "live",
                    .role = "live",
                    .event_time = {1},
                    .arrival_time = {arrival_us}});
  };
  add("joint/1", 10);
  add("joint/0", 10);
  add("joint/2", 10);
  add("order/7", 20);
  add("order/0", 30);
  add("order/8", 40);
  add("plain", 50);
  ASSERT_TRUE(log.append("e", std::make_shared<const LogSchema>(), rows));
  const auto measured = measure_traffic(log, "e", {0}, {2});
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_EQ(measured->requests, 5u);
  EXPECT_NEAR(measured->traffic.rows_per_request, 7.0 / 5, 1e-9);
}

TEST(TrafficHistory, RowsAreCountedByWhenTheyArrived) {
  store::testing::TempFolder folder;
  base::Metrics metrics;
  RequestLog log({.folder = folder.path()}, metrics);
  constexpr std::int64_t kMinuteUs = 60'000'000;
  std::vector<LogRow> rows;
  const auto add = [&](std::string_view id, std::int64_t arrival_us, std::int64_t latency_us,
                       std::string_view error = "", std::string_view role = "live") {
    rows.push_back({.request_id = id,
                    .variant = role,
                    .role = role,
                    .error = error,
                    .latency_us = latency_us,
                    .event_time = {1},
                    .arrival_time = {arrival_us}});
  };
  add("early", 10 * kMinuteUs - 1, 1);
  add("batch/0", 10 * kMinuteUs, 100);
  add("batch/1", 10 * kMinuteUs, 100);
  add("shadowed", 10 * kMinuteUs + 5, 100);
  add("shadowed", 10 * kMinuteUs + 5, 9000, "", "shadow");
  add("order/a", 12 * kMinuteUs, 300);
  add("failed", 12 * kMinuteUs + 1, 7000, "no such column");
  add("late", 13 * kMinuteUs, 1);
  ASSERT_TRUE(log.append("e", std::make_shared<const LogSchema>(), rows));
  const auto found = traffic_history(log, "e", {10 * kMinuteUs}, {13 * kMinuteUs});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->step.micros, kMinuteUs);
  ASSERT_EQ(found->steps.size(), 3u);
  const TrafficStep &first = found->steps[0], &empty = found->steps[1], &last = found->steps[2];
  EXPECT_EQ(first.start.micros, 10 * kMinuteUs);
  EXPECT_EQ(first.requests, 2u);
  EXPECT_EQ(first.rows, 3u);
  EXPECT_EQ(first.latency_us_p99, 100);
  EXPECT_EQ(empty.requests, 0u);
  EXPECT_FALSE(empty.latency_us_p50);
  EXPECT_EQ(last.requests, 2u);
  EXPECT_EQ(last.errors, 1u);
  EXPECT_EQ(last.latency_us_p50, 300);  // what failed took no time that counts
}

TEST(TrafficHistory, StepsAreRoundAndFew) {
  store::testing::TempFolder folder;
  base::Metrics metrics;
  RequestLog log({.folder = folder.path()}, metrics);
  constexpr std::int64_t kHour = base::Duration::hours(1).micros;
  for (const auto& [hours, step_us] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, kHour / 60}, {24, kHour / 4}, {7 * 24, kHour}, {30 * 24, 6 * kHour}}) {
    const auto found = traffic_history(log, "e", {7 * kHour}, {(7 + hours) * kHour});
    ASSERT_TRUE(found) << hours;
    EXPECT_EQ(found->step.micros, step_us) << hours;
    EXPECT_LE(std::ssize(found->steps), kHistoryStepsMax) << hours;
    EXPECT_EQ(found->steps.front().start.micros % step_us, 0) << hours;
  }
  EXPECT_EQ(traffic_history(log, "e", {5}, {5}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(traffic_history(log, "e", {0}, {INT64_MAX}).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::serving
