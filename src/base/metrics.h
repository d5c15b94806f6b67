// Slipway's own metrics, and Prometheus' text format (version 0.0.4) of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace slipway::base {

// Only grows. Safe to use from several threads.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Counts observations under each upper bound. Safe to use from several threads.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<double> bounds_;
  std::deque<std::atomic<std::uint64_t>> buckets_;  // one more than bounds
  std::atomic<double> sum_{0};
};

// Seconds from 100 microseconds to 10 s: request latencies.
std::vector<double> latency_bounds_seconds();

// Owns every metric of the process; what it hands out lives as long as it does. Safe to use from
// several threads.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  // The same name and labels give the same object. Names carry the unit:
  // slipway_http_request_seconds.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                       std::vector<double> bounds = latency_bounds_seconds());
  // A counter that somebody else keeps: `read` is called when the metrics are scraped.
  void counter_of(const std::string& name, const std::string& help,
                  std::function<std::uint64_t()> read, const Labels& labels = {});
  // `read` is called when the metrics are scraped.
  void gauge(const std::string& name, const std::string& help, std::function<double()> read,
             const Labels& labels = {});

  // Gauges whose labels come and go: `read` gives all there are.
  using Readings = std::vector<std::pair<Labels, double>>;
  void gauges(const std::string& name, const std::string& help, std::function<Readings()> read);

  // What a metric stands at.
  struct Sample {
    Labels labels;
    std::uint64_t count = 0;     // of a counter; of a histogram: observations
    double value = 0;            // of a gauge; of a histogram: their sum
    std::vector<double> bounds;  // of a histogram: upper bounds, included
    std::vector<std::uint64_t>
        buckets;  // under each bound and not under the one before; then above all
  };
  struct Reading {
    enum class Type { kCounter, kGauge, kHistogram };
    std::string name, help;
    Type type = Type::kCounter;
    std::vector<Sample> samples;
  };
  // Every metric, in the order of names.
  std::vector<Reading> read() const;
  std::string prometheus_text() const;

 private:
  struct Family {
    std::string help;
    Reading::Type type = Reading::Type::kCounter;
    std::map<Labels, std::unique_ptr<Counter>> counters;
    std::map<Labels, std::unique_ptr<Histogram>> histograms;
    std::map<Labels, std::function<std::uint64_t()>> counters_of;
    std::map<Labels, std::function<double()>> gauges;
    std::function<Readings()> readings;
  };
  Family& family(const std::string& name, const std::string& help, Reading::Type type)
      REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Family> families_ GUARDED_BY(mutex_);
};

}  // namespace slipway::base
