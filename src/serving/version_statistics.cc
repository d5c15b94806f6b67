#include "serving/version_statistics.h"

#include <bit>

namespace slipway::serving {

std::size_t VersionTally::size_class(std::size_t rows) {
  if (rows <= kExactRows) return rows == 0 ? 0 : rows - 1;
  const auto above = static_cast<std::size_t>(std::bit_width((rows - 1) / kExactRows));
  return std::min(kSizes, kExactRows + above) - 1;
}

std::size_t VersionTally::rows_of(std::size_t size_class) {
  return size_class < kExactRows ? size_class + 1 : kExactRows << (size_class - kExactRows + 1);
}

void VersionTally::add(std::size_t rows, const RequestTimes& times, base::Timestamp now) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  counts_.requests.fetch_add(1, kRelaxed);
  counts_.rows.fetch_add(rows, kRelaxed);
  counts_.gather_ns.fetch_add(times.gather_ns, kRelaxed);
  if (times.queue_ns > 0) counts_.queue_ns.fetch_add(times.queue_ns, kRelaxed);
  counts_.score_ns.fetch_add(times.score_ns, kRelaxed);
  counts_.total_ns.fetch_add(times.total_ns, kRelaxed);
  counts_.last_request_us.store(now.micros, kRelaxed);
  if (!times.made_call) return;
  Size& size = sizes_[size_class(times.call_rows)];
  size.calls.fetch_add(1, kRelaxed);
  size.gather_ns.fetch_add(times.gather_ns, kRelaxed);
  size.score_ns.fetch_add(times.score_ns, kRelaxed);
  size.rest_ns.fetch_add(
      times.total_ns - std::min(times.total_ns, times.gather_ns + times.queue_ns + times.score_ns),
      kRelaxed);
}

void VersionTally::set_model(std::weak_ptr<const Model> model) {
  base::MutexLock lock(mutex_);
  model_ = std::move(model);
}

std::size_t VersionTally::memory_bytes() const {
  std::shared_ptr<const Model> model;
  {
    base::MutexLock lock(mutex_);
    model = model_.lock();
  }
  return model == nullptr ? 0 : model->memory_bytes();
}

VersionStatistics VersionTally::read(const std::string& endpoint, std::int64_t version) const {
  VersionStatistics read{.endpoint = endpoint, .version = version};
  read.requests = counts_.requests;
  read.rows = counts_.rows;
  read.failures = counts_.failures;
  read.queue_ns = counts_.queue_ns;
  read.gather_ns = counts_.gather_ns;
  read.score_ns = counts_.score_ns;
  read.total_ns = counts_.total_ns;
  read.failure_ns = counts_.failure_ns;
  read.last_request = last_request();
  for (std::size_t i = 0; i < kSizes; ++i) {
    const Size& size = sizes_[i];
    const std::uint64_t calls = size.calls;
    if (calls == 0) continue;
    read.calls += calls;
    read.batches.push_back({.rows = rows_of(i),
                            .calls = calls,
                            .gather_ns = size.gather_ns,
                            .score_ns = size.score_ns,
                            .rest_ns = size.rest_ns});
  }
  return read;
}

std::shared_ptr<VersionTally> VersionTallies::of(const std::string& endpoint,
                                                 std::int64_t version) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<VersionTally>& tally = tallies_[{endpoint, version}];
  if (tally == nullptr) tally = make(endpoint, version);
  return tally;
}

std::shared_ptr<RecentMinutes> VersionTallies::minutes_of(const std::string& endpoint) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<RecentMinutes>& minutes = minutes_[endpoint];
  if (minutes == nullptr) minutes = std::make_shared<RecentMinutes>();
  return minutes;
}

std::shared_ptr<VersionTally> VersionTallies::make(const std::string& endpoint,
                                                   std::int64_t version) {
  const base::Metrics::Labels labels{{"endpoint", endpoint}, {"version", std::to_string(version)}};
  auto tally = std::make_shared<VersionTally>(metrics_.histogram(
      "slipway_model_seconds", "Time to answer, by endpoint and model version.", labels));
  metrics_.gauge(
      "slipway_model_bytes", "Memory that a model version takes; 0: it is not in memory.",
      [tally] { return static_cast<double>(tally->memory_bytes()); }, labels);
  metrics_.gauge(
      "slipway_model_cpu_seconds_per_1000_predictions",
      "CPU seconds of a thousand rows, as measured since the server started.",
      [tally] { return tally->read("", 0).cpu_seconds_per_1000(); }, labels);
  using Count = std::uint64_t (VersionTally::*)() const;
  const auto count = [&](const char* name, const char* help, Count read) {
    metrics_.counter_of(
        name, help, [tally, read] { return ((*tally).*read)(); }, labels);
  };
  count("slipway_model_requests_total", "Requests that a model version answered.",
        &VersionTally::requests);
  count("slipway_model_rows_total", "Rows of them.", &VersionTally::rows);
  count("slipway_model_errors_total", "Requests that a model version failed.",
        &VersionTally::failures);
  return tally;
}

}  // namespace slipway::serving
