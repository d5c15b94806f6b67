// The promise of sequential tests, kept by simulation: however often one looks, false alarms stay
// below their level, and real harm is found.
#include "types/sequential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace slipway::types {
namespace {

constexpr double kAlpha = 0.05;

// Share of streams in which some look among the first `length` says "above the bound".
double alarm_share(double rate, double bound, int streams, int length) {
  std::mt19937 random(7);
  std::bernoulli_distribution fails(rate);
  int alarms = 0;
  for (int stream = 0; stream < streams; ++stream) {
    std::int64_t hits = 0;
    for (int total = 1; total <= length; ++total) {
      hits += fails(random) ? 1 : 0;
      if (log_evidence_above(hits, total, bound) <= -std::log(kAlpha)) continue;
      ++alarms;
      break;
    }
  }
  return static_cast<double>(alarms) / streams;
}

TEST(Sequential, ARateAtItsBoundAlarmsSeldomHoweverOftenOneLooks) {
  EXPECT_LE(alarm_share(0.02, 0.02, 400, 1000), kAlpha);
  EXPECT_EQ(alarm_share(0.005, 0.02, 200, 1000), 0);
}

TEST(Sequential, ARateWellAboveItsBoundIsFound) {
  EXPECT_GE(alarm_share(0.06, 0.02, 200, 1000), 0.99);
}

TEST(Sequential, EvidenceOfExtremeCounts) {
  EXPECT_LT(log_evidence_above(0, 0, 0.01), 1e-9);
  EXPECT_LT(log_evidence_above(0, 100'000'000, 0.01), -100);
  EXPECT_GT(log_evidence_above(100'000, 100'000, 0.01), 100);
  EXPECT_GT(log_evidence_above(2, 2, 0.01), std::log(100));
}

TEST(Sequential, TheIntervalCoversTheMeanAtEveryLook) {
  std::mt19937 random(11);
  std::exponential_distribution<double> skewed(1);  // mean 1
  int missed = 0;
  constexpr int kStreams = 400;
  for (int stream = 0; stream < kStreams; ++stream) {
    double sum = 0, squares = 0;
    for (std::int64_t n = 1; n <= 2000; ++n) {
      const double value = skewed(random);
      sum += value;
      squares += value * value;
      if (n < 50) continue;  // in the limit, says the paper
      const auto count = static_cast<double>(n);
      const double mean = sum / count;
      const double error = std::sqrt((squares / count - mean * mean) / (count - 1));
      if (anytime_interval(mean, error, n, kAlpha, 500).contains(1)) continue;
      ++missed;
      break;
    }
  }
  EXPECT_LE(static_cast<double>(missed) / kStreams, kAlpha * 1.5);
}

// Share of streams in which some look says that the rates differ; looked at after each 200 trials.
double difference_share(double a_rate, double b_rate, int b_percent, int streams, int length) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> chance(0, 1);
  int found = 0;
  for (int stream = 0; stream < streams; ++stream) {
    Tally a, b;
    for (int trial = 1; trial <= length; ++trial) {
      const bool is_b = chance(random) * 100 < b_percent;
      Tally& side = is_b ? b : a;
      side.hits += chance(random) < (is_b ? b_rate : a_rate) ? 1 : 0;
      ++side.total;
      if (trial % 200 != 0 || anytime_difference(a, b, kAlpha).contains(0)) continue;
      ++found;
      break;
    }
  }
  return static_cast<double>(found) / streams;
}

TEST(Sequential, RatesThatAreTheSameSeldomDifferHoweverOftenOneLooks) {
  EXPECT_LE(difference_share(0.01, 0.01, 10, 200, 20'000), kAlpha);
  EXPECT_LE(difference_share(0.01, 0.01, 5, 200, 20'000), kAlpha);
  EXPECT_LE(difference_share(0.05, 0.05, 5, 200, 20'000), kAlpha);
  EXPECT_LE(difference_share(0.02, 0.02, 50, 200, 10'000), kAlpha);
}

TEST(Sequential, RatesThatDifferAreFound) {
  EXPECT_GE(difference_share(0.05, 0.10, 50, 100, 10'000), 0.95);
  EXPECT_GE(difference_share(0.01, 0.05, 10, 100, 20'000), 0.9);
  EXPECT_GE(difference_share(0.05, 0.01, 10, 100, 20'000), 0.9);
}

TEST(Sequential, ADifferenceOfExtremeCounts) {
  const Interval nothing = anytime_difference({0, 2}, {2, 2}, kAlpha);
  EXPECT_TRUE(nothing.contains(0));
  EXPECT_GE(nothing.low, -1);
  EXPECT_LE(nothing.high, 1);
  const Interval none = anytime_difference({0, 1000}, {0, 1000}, kAlpha);
  EXPECT_EQ(none.low, -none.high);
  EXPECT_NEAR(none.high, 0.0111, 0.0002);
  const Interval all = anytime_difference({0, 1000}, {1000, 1000}, kAlpha);
  EXPECT_GT(all.low, 0.97);
  EXPECT_LE(all.high, 1);
  const Interval many = anytime_difference({500'000'000, 1'000'000'000}, {5, 10}, kAlpha);
  EXPECT_TRUE(many.contains(0));
  EXPECT_GT(many.low, -0.5);
  EXPECT_TRUE(std::isnan(anytime_difference({0, 1}, {0, 5}, kAlpha).low));
}

TEST(Sequential, WidthOfTheInterval) {
  const Interval at_target = anytime_interval(0, 1, 500, kAlpha, 500);
  EXPECT_NEAR(at_target.high, 3.0, 0.15);
  EXPECT_EQ(at_target.low, -at_target.high);
  EXPECT_LT(anytime_interval(0, 1, 50'000, kAlpha, 500).high, 4);
  EXPECT_TRUE(std::isnan(anytime_interval(0, 1, 1, kAlpha, 500).low));
}

}  // namespace
}  // namespace slipway::types
