// The queueing formulas beside a simulation of the same line, and what is advised.
#include "serving/advice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <random>

namespace slipway::serving {
namespace {

// Waits of calls in one line before `servers`, in microseconds, sorted.
std::vector<double> simulate(double rate, double call_us, int servers, double arrival_variation,
                             double service_variation, int calls = 400'000) {
  std::mt19937_64 random(7);
  // A gamma distribution has any coefficient of variation.
  const auto gamma = [](double mean, double variation) {
    return std::gamma_distribution<double>(1 / variation, mean * variation);
  };
  auto gap = gamma(1e6 / rate, arrival_variation);
  auto service = gamma(call_us, service_variation);
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < servers; ++i) free_at.push(0);
  double now = 0;
  std::vector<double> waits;
  for (int i = 0; i < calls; ++i) {
    now += gap(random);
    const double start = std::max(now, free_at.top());
    free_at.pop();
    free_at.push(start + service(random));
    if (i > calls / 10) waits.push_back(start - now);
  }
  std::sort(waits.begin(), waits.end());
  return waits;
}

TEST(Advice, WaitsAreThoseOfASimulation) {
  struct {
    const char* name;
    double load;
    int servers;
    double arrival_variation, service_variation;
  } const cases[] = {
      {"M/M/1", 0.7, 1, 1, 1},    {"M/D/1, nearly", 0.8, 1, 1, 0.02}, {"M/G/2", 0.8, 2, 1, 0.25},
      {"M/M/4", 0.85, 4, 1, 1},   {"bursts of 3", 0.7, 1, 3, 0.25},   {"even", 0.8, 2, 0.3, 0.25},
      {"many", 0.8, 16, 1, 0.25},
  };
  for (const auto& each : cases) {
    constexpr double kCallUs = 1000;
    const double rate = each.load * each.servers * 1e6 / kCallUs;
    const Wait wait =
        queue_wait(rate, kCallUs, each.servers, each.arrival_variation, each.service_variation);
    const auto waits =
        simulate(rate, kCallUs, each.servers, each.arrival_variation, each.service_variation);
    double sum = 0;
    for (const double one : waits) sum += one;
    const double mean = sum / static_cast<double>(waits.size());
    const double p99 = waits[waits.size() * 99 / 100];
    EXPECT_NEAR(wait.mean_us, mean, 0.25 * mean + 5) << each.name;
    EXPECT_NEAR(wait.percentile_us(0.99), p99, 0.25 * p99 + 50) << each.name;
  }
}

TEST(Advice, TooMuchWorkWaitsForever) {
  EXPECT_TRUE(std::isinf(queue_wait(1000, 1000, 1, 1, 1).mean_us));
  EXPECT_EQ(queue_wait(1, 1000, 8, 1, 1).percentile_us(0.99), 0);
}

TEST(Advice, CostsAreALineThroughWhatWasMeasured) {
  const CallCost line = fit_cost({{1, 110}, {8, 180}, {64, 740}});
  EXPECT_NEAR(line.fixed_us, 100, 1e-6);
  EXPECT_NEAR(line.row_us, 10, 1e-6);
  EXPECT_EQ(fit_cost({{1, 50}}).fixed_us, 50);
  const CallCost flat = fit_cost({{1, 100}, {64, 90}});
  EXPECT_GT(flat.fixed_us, 0);
  EXPECT_EQ(flat.row_us, 0);
}

TEST(Advice, ACheapModelNeedsNoBatches) {
  const auto advice = advise({.rate = 100}, {.fixed_us = 20, .row_us = 2},
                             {.latency_ms = 10, .price_core_hour = 0.04});
  ASSERT_TRUE(advice) << advice.error().message;
  const ServingOption& best = advice->options.front();
  EXPECT_EQ(best.mode, "real-time");
  EXPECT_EQ(best.max_rows, 1);
  EXPECT_EQ(best.replicas, 1);
  EXPECT_NEAR(best.cost_per_1000, 0.04 / 360, 1e-9);
  EXPECT_NE(advice->words.find("each request by itself, on 1 core:"), std::string::npos)
      << advice->words;
}

TEST(Advice, WhatIsDearByCallIsPutTogether) {
  // Alone, 400 a second of 10 ms need four cores and more; together far fewer.
  const CallCost cost{.fixed_us = 10'000, .row_us = 100};
  const auto advice = advise({.rate = 400}, cost, {.latency_ms = 100, .price_core_hour = 1});
  ASSERT_TRUE(advice) << advice.error().message;
  const ServingOption& best = advice->options.front();
  EXPECT_TRUE(best.meets_target);
  EXPECT_GT(best.max_rows, 1);
  EXPECT_LE(best.replicas, 2);
  EXPECT_LE(best.latency_ms, 100);
  const auto alone = std::find_if(advice->options.begin(), advice->options.end(),
                                  [](const auto& option) { return option.max_rows == 1; });
  EXPECT_GE(alone->replicas, 5);
}

TEST(Advice, WhoCanWaitStreamsOrScoresBatches) {
  const CallCost cost{.fixed_us = 2'000, .row_us = 100};
  const Traffic traffic{.rate = 2'000};
  const auto best = [&](double latency_ms) {
    return advise(traffic, cost, {.latency_ms = latency_ms}).value().options.front().mode;
  };
  EXPECT_EQ(best(24 * 3600e3), "batch");
  EXPECT_EQ(best(20), "real-time");
  const auto options = advise(traffic, cost, {.latency_ms = 5000}).value().options;
  const auto stream = std::find_if(options.begin(), options.end(),
                                   [](const auto& option) { return option.mode == "stream"; });
  EXPECT_TRUE(stream->meets_target);
}

TEST(Advice, WhatNoNumberOfCoresCarriesIsLeftOut) {
  // Alone they need 2,000 cores; together, 200 and some.
  const CallCost cost{.fixed_us = 1'000, .row_us = 100};
  const auto options = advise({.rate = 2e6}, cost, {.latency_ms = 1}).value().options;
  ASSERT_FALSE(options.empty());
  for (const ServingOption& option : options) {
    EXPECT_GT(option.replicas, 0) << option.mode << " " << option.max_rows;
    EXPECT_GT(option.latency_ms, 0);
    EXPECT_FALSE(option.mode == "real-time" && option.max_rows == 1);
  }
}

TEST(Advice, WhatCanNotBeMetIsSaid) {
  const auto advice = advise({.rate = 10}, {.fixed_us = 50'000}, {.latency_ms = 20});
  ASSERT_TRUE(advice);
  EXPECT_FALSE(advice->options.front().meets_target);
  EXPECT_TRUE(advice->words.starts_with("Nothing meets 20 ms at p99")) << advice->words;
  EXPECT_FALSE(advise({.rate = 0}, {.fixed_us = 1}, {}));
}

}  // namespace
}  // namespace slipway::serving
