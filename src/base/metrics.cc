#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace slipway::base {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string render(const Metrics::Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    fmt::format_to(std::back_inserter(out), "{}{}=\"{}\"", out.empty() ? "" : ",", key,
                   escape(value));
  }
  return out;
}

std::string braces(const std::string& labels) { return labels.empty() ? "" : "{" + labels + "}"; }

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), buckets_(bounds_.size() + 1) {}

void Histogram::observe(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  buckets_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<double> latency_bounds_seconds() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
}

Metrics::Family& Metrics::family(const std::string& name, const std::string& help,
                                 Reading::Type type) {
  const auto [found, is_new] = families_.try_emplace(name);
  Family& family = found->second;
  if (is_new) {
    family.type = type;
    family.help = help;
  }
  CHECK(family.type == type);
  return family;
}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  MutexLock lock(mutex_);
  auto& slot = family(name, help, Reading::Type::kCounter).counters[labels];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const Labels& labels, std::vector<double> bounds) {
  MutexLock lock(mutex_);
  auto& slot = family(name, help, Reading::Type::kHistogram).histograms[labels];
  if (!slot) slot = std::make_unique<Histogram>(std::move(bounds));
  return *slot;
}

void Metrics::counter_of(const std::string& name, const std::string& help,
                         std::function<std::uint64_t()> read, const Labels& labels) {
  MutexLock lock(mutex_);
  family(name, help, Reading::Type::kCounter).counters_of[labels] = std::move(read);
}

void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels) {
  MutexLock lock(mutex_);
  family(name, help, Reading::Type::kGauge).gauges[labels] = std::move(read);
}

void Metrics::gauges(const std::string& name, const std::string& help,
                     std::function<Readings()> read) {
  MutexLock lock(mutex_);
  family(name, help, Reading::Type::kGauge).readings = std::move(read);
}

std::vector<Metrics::Reading> Metrics::read() const {
  std::vector<Reading> all;
  // What others are asked for may take its time: nobody who counts waits for it.
  std::vector<std::pair<std::size_t, std::function<void(Reading&)>>> asks;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, family] : families_) {
      const std::size_t at = all.size();
      Reading& one = all.emplace_back(Reading{name, family.help, family.type, {}});
      for (const auto& [labels, counter] : family.counters)
        one.samples.push_back({.labels = labels, .count = counter->value()});
      for (const auto& [labels, count] : family.counters_of) {
        asks.emplace_back(at, [labels = labels, count = count](Reading& reading) {
          reading.samples.push_back({.labels = labels, .count = count()});
        });
      }
      for (const auto& [labels, value] : family.gauges) {
        asks.emplace_back(at, [labels = labels, value = value](Reading& reading) {
          reading.samples.push_back({.labels = labels, .value = value()});
        });
      }
      if (family.readings) {
        asks.emplace_back(at, [readings = family.readings](Reading& reading) {
          for (auto& [labels, value] : readings())
            reading.samples.push_back({.labels = std::move(labels), .value = value});
        });
      }
      for (const auto& [labels, histogram] : family.histograms) {
        Sample& sample = one.samples.emplace_back(
            Sample{.labels = labels, .value = histogram->sum(), .bounds = histogram->bounds()});
        for (std::size_t i = 0; i <= sample.bounds.size(); ++i) {
          sample.buckets.push_back(histogram->bucket(i));
          sample.count += sample.buckets.back();
        }
      }
    }
  }
  for (const auto& [at, ask] : asks) ask(all[at]);
  return all;
}

std::string Metrics::prometheus_text() const {
  std::string out;
  auto line = std::back_inserter(out);
  constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
  for (const auto& [name, help, type, samples] : read()) {
    fmt::format_to(line, "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   kTypes[static_cast<int>(type)]);
    for (const Sample& sample : samples) {
      const std::string labels = render(sample.labels);
      if (type == Reading::Type::kCounter) {
        fmt::format_to(line, "{}{} {}\n", name, braces(labels), sample.count);
      } else if (type == Reading::Type::kGauge) {
        fmt::format_to(line, "{}{} {}\n", name, braces(labels), sample.value);
      } else {
        const std::string comma = labels.empty() ? "" : ",";
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < sample.bounds.size(); ++i) {
          total += sample.buckets[i];
          fmt::format_to(line, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma,
                         sample.bounds[i], total);
        }
        fmt::format_to(line, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n{}_sum{} {}\n{}_count{} {}\n", name,
                       labels, comma, sample.count, name, braces(labels), sample.value, name,
                       braces(labels), sample.count);
      }
    }
  }
  return out;
}

}  // namespace slipway::base
