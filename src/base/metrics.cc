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
                                 const char* type) {
  Family& found = families_[name];
  if (found.type.empty()) {
    found.type = type;
    found.help = help;
  }
  CHECK(found.type == type);
  return found;
}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  MutexLock lock(mutex_);
  auto& slot = family(name, help, "counter").counters[render(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const Labels& labels, std::vector<double> bounds) {
  MutexLock lock(mutex_);
  auto& slot = family(name, help, "histogram").histograms[render(labels)];
  if (!slot) slot = std::make_unique<Histogram>(std::move(bounds));
  return *slot;
}

void Metrics::counter_of(const std::string& name, const std::string& help,
                         std::function<std::uint64_t()> read, const Labels& labels) {
  MutexLock lock(mutex_);
  family(name, help, "counter").counters_of[render(labels)] = std::move(read);
}

void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels) {
  MutexLock lock(mutex_);
  family(name, help, "gauge").gauges[render(labels)] = std::move(read);
}

void Metrics::gauges(const std::string& name, const std::string& help,
                     std::function<Readings()> read) {
  MutexLock lock(mutex_);
  family(name, help, "gauge").readings = std::move(read);
}

std::string Metrics::prometheus_text() const {
  MutexLock lock(mutex_);
  std::string out;
  auto line = std::back_inserter(out);
  for (const auto& [name, family] : families_) {
    fmt::format_to(line, "# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, family.type);
    for (const auto& [labels, counter] : family.counters) {
      fmt::format_to(line, "{}{} {}\n", name, braces(labels), counter->value());
    }
    for (const auto& [labels, read] : family.counters_of)
      fmt::format_to(line, "{}{} {}\n", name, braces(labels), read());
    for (const auto& [labels, read] : family.gauges)
      fmt::format_to(line, "{}{} {}\n", name, braces(labels), read());
    for (const auto& [labels, value] : family.readings ? family.readings() : Readings())
      fmt::format_to(line, "{}{} {}\n", name, braces(render(labels)), value);
    for (const auto& [labels, histogram] : family.histograms) {
      const std::string comma = labels.empty() ? "" : ",";
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < histogram->bounds().size(); ++i) {
        total += histogram->bucket(i);
        fmt::format_to(line, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma,
                       histogram->bounds()[i], total);
      }
      total += histogram->bucket(histogram->bounds().size());
      fmt::format_to(line, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma, total);
      fmt::format_to(line, "{}_sum{} {}\n{}_count{} {}\n", name, braces(labels), histogram->sum(),
                     name, braces(labels), total);
    }
  }
  return out;
}

}  // namespace slipway::base
