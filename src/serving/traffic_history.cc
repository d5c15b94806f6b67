#include "serving/traffic_history.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

namespace slipway::serving {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;
// What people divide time by.
constexpr std::int64_t kStepsUs[] = {kMinuteUs,         5 * kMinuteUs,        15 * kMinuteUs,
                                     60 * kMinuteUs,    6 * 60 * kMinuteUs,   24 * 60 * kMinuteUs,
                                     10080 * kMinuteUs, 30 * 1440 * kMinuteUs};
constexpr base::Duration kMost = base::Duration::days(3650);

std::int64_t step_number(base::Timestamp at, std::int64_t step_us) {
  return at.micros / step_us - (at.micros % step_us < 0 ? 1 : 0);
}

// Rows of one request are ID/0, ID/1... and arrived together: everything before the number.
// Empty: it is a request of its own.
std::string_view request_of_row(std::string_view id) {
  const std::size_t slash = id.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == id.size()) return {};
  const std::string_view number = id.substr(slash + 1);
  return number.find_first_not_of("0123456789") == std::string_view::npos ? id.substr(0, slash)
                                                                          : std::string_view();
}

// The smallest of `values` that so many of them are not above.
std::optional<double> percentile(std::vector<float>& values, double share) {
  if (values.empty()) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

Result<TrafficHistory> traffic_history(RequestLog& log, const std::string& endpoint,
                                       base::Timestamp from, base::Timestamp until) {
  if (from >= until || until - from > kMost) {
    return base::error(Code::kInvalidArgument,
                       "from must be before until, and at most {} days: from={} until={}",
                       kMost.micros / base::Duration::days(1).micros, from.micros, until.micros);
  }
  const base::Timestamp last{until.micros - 1};
  const std::int64_t* step = std::begin(kStepsUs);
  const auto steps_of = [&](std::int64_t us) {
    return step_number(last, us) - step_number(from, us) + 1;
  };
  while (steps_of(*step) > kHistoryStepsMax && step + 1 != std::end(kStepsUs)) ++step;
  TrafficHistory found{.step = {*step}};
  const std::int64_t first = step_number(from, *step);
  for (std::int64_t number = first; number < first + steps_of(*step); ++number)
    found.steps.push_back({.start = {number * *step}});
  std::vector<std::vector<float>> latencies(found.steps.size());
  std::size_t counted = 0;
  TRY(log.each_part(
      endpoint, {.time = RequestLog::TimeOf::kArrival, .from = from, .to = until},
      {"request_id", "arrival_time", "role", "latency_us", "error"},
      [&](types::Frame& part) -> Result<void> {
        const auto* const ids = TRY(part.column("request_id"));
        const auto* const arrivals = TRY(part.column("arrival_time"));
        const auto* const roles = TRY(part.column("role"));
        const auto* const taken = TRY(part.column("latency_us"));
        const auto* const errors = TRY(part.column("error"));
        counted += part.rows();
        if (counted > kHistoryRowsMax) {
          return base::error(Code::kResourceExhausted,
                             "too many rows were logged, ask for less time: endpoint={} most={}",
                             endpoint, kHistoryRowsMax);
        }
        std::set<std::pair<std::string_view, std::int64_t>> begun;  // requests of several rows
        for (std::size_t row = 0; row < part.rows(); ++row) {
          if (roles->strings[row] != "live") continue;
          const base::Timestamp arrival{arrivals->ints[row]};
          const auto at = static_cast<std::size_t>(step_number(arrival, *step) - first);
          TrafficStep& of = found.steps[at];
          ++of.rows;
          const bool has_failed = errors->is_valid(row);
          if (!has_failed) latencies[at].push_back(static_cast<float>(taken->number(row)));
          const std::string_view request = request_of_row(ids->strings[row]);
          if (!request.empty() && !begun.emplace(request, arrival.micros).second) continue;
          ++of.requests;
          if (has_failed) ++of.errors;
        }
        return {};
      }));
  for (std::size_t at = 0; at < found.steps.size(); ++at) {
    found.steps[at].latency_us_p50 = percentile(latencies[at], 0.5);
    found.steps[at].latency_us_p95 = percentile(latencies[at], 0.95);
    found.steps[at].latency_us_p99 = percentile(latencies[at], 0.99);
  }
  return found;
}

}  // namespace slipway::serving
