#include "serving/traffic.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "serving/input_policy.h"

namespace slipway::serving {
namespace {

constexpr std::int64_t kWindowUs = 300'000'000;  // five minutes: peaks count, single bursts don't
constexpr std::size_t kRequestsMin = 2;

// Squared coefficient of variation.
class Variation {
 public:
  void add(double value) {
    ++count_;
    sum_ += value;
    squares_ += value * value;
  }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  double value() const {
    if (count_ < 2 || sum_ <= 0) return 1;
    const double mean_square = squares_ / static_cast<double>(count_);
    return std::max(0.0, mean_square / (mean() * mean()) - 1);
  }

 private:
  std::size_t count_ = 0;
  double sum_ = 0, squares_ = 0;
};

}  // namespace

MeasuredTraffic traffic_of(std::vector<std::int64_t> arrivals_us) {
  std::sort(arrivals_us.begin(), arrivals_us.end());
  MeasuredTraffic measured{.requests = arrivals_us.size()};
  if (arrivals_us.size() < kRequestsMin) return measured;
  const std::int64_t span = std::max<std::int64_t>(1, arrivals_us.back() - arrivals_us.front());
  measured.rate_mean =
      static_cast<double>(arrivals_us.size() - 1) * 1e6 / static_cast<double>(span);
  const std::int64_t window = std::min(kWindowUs, span);
  measured.window_seconds = static_cast<double>(window) * 1e-6;
  std::size_t first = 0, busiest = 0, most = 0;
  for (std::size_t last = 0; last < arrivals_us.size(); ++last) {
    while (arrivals_us[last] - arrivals_us[first] > window) ++first;
    if (last - first + 1 > most) {
      most = last - first + 1;
      busiest = first;
    }
  }
  Variation gaps;
  for (std::size_t i = busiest + 1; i < busiest + most; ++i)
    gaps.add(static_cast<double>(arrivals_us[i] - arrivals_us[i - 1]));
  measured.traffic.rate =
      static_cast<double>(std::max<std::size_t>(1, most - 1)) / measured.window_seconds;
  measured.traffic.gap_variation = gaps.value();
  return measured;
}

Result<MeasuredTraffic> measure_traffic(RequestLog& log, const std::string& endpoint,
                                        base::Timestamp from, base::Timestamp to) {
  TRY(log.check_rows(endpoint, from, to));
  const types::Frame rows = TRY(log.read(
      endpoint, from, to, {"request_id", "arrival_time", "role", "latency_us", "traffic"}));
  const auto* const ids = TRY(rows.column("request_id"));
  const auto* const arrivals = TRY(rows.column("arrival_time"));
  const auto* const roles = TRY(rows.column("role"));
  const auto* const latencies = TRY(rows.column("latency_us"));
  const auto* const traffic = TRY(rows.column("traffic"));
  // Rows of one request are ID/0, ID/1... and arrived together; a caller's own id may have a slash.
  const auto parts = [&](std::size_t row) {
    const std::string_view id = ids->strings[row];
    const std::size_t slash = std::min(id.rfind('/'), id.size());
    return std::pair(std::pair(id.substr(0, slash), arrivals->ints[row]), id.substr(slash));
  };
  std::set<std::pair<std::string_view, std::int64_t>> begun;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (const auto [request, number] = parts(row); number == "/0") begun.insert(request);
  }
  std::vector<std::int64_t> requests;
  std::size_t counted = 0;
  Variation latency;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string& of = traffic->strings[row];  // what is kept apart was answered, too
    if (roles->strings[row] != "live" || !(of.empty() || of == kQuarantinedTraffic)) continue;
    ++counted;
    const auto [request, number] = parts(row);
    if (!number.empty() && number != "/0" && begun.contains(request)) continue;
    requests.push_back(arrivals->ints[row]);
    latency.add(latencies->number(row));
  }
  if (requests.size() < kRequestsMin) {
    return base::error(Code::kFailedPrecondition,
                       "too few requests were logged to tell how the endpoint is asked: give a "
                       "rate: endpoint={} requests={}",
                       endpoint, requests.size());
  }
  const double rows_per_request =
      static_cast<double>(counted) / static_cast<double>(requests.size());
  MeasuredTraffic measured = traffic_of(std::move(requests));
  measured.traffic.rows_per_request = rows_per_request;
  measured.latency_variation = latency.value();
  return measured;
}

}  // namespace slipway::serving
