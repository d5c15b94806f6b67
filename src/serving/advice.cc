#include "serving/advice.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slipway::serving {
namespace {

constexpr double kReplicasMax = 1024;
constexpr std::int64_t kRowsMax = 1024;
// A stream's messages are polled, answered and committed in rounds; who needs an answer sooner than
// a second asks for it.
constexpr double kStreamLatencyMs = 1000;
constexpr std::int64_t kStreamRows = 500;
constexpr double kStreamWaitMs = 20;
// Batch scoring starts by the hour at the soonest.
constexpr double kBatchLatencyMs = 3'600'000;

// Of c servers with `load` Erlang of work, the share of calls that wait (Erlang's C), by the
// recursion of Erlang's B.
double erlang_c(double servers, double load) {
  double blocked = 1;
  for (double k = 1; k <= servers; ++k) blocked = load * blocked / (k + load * blocked);
  const double rho = load / servers;
  return blocked / (1 - rho + rho * blocked);
}

double cost_of(double cores, const Traffic& traffic, const AdviceTarget& target) {
  return cores * target.price_core_hour / (traffic.rate * 3600) * 1000;
}

// The fewest replicas that meet the target with calls of at most `max_rows`, none of which waits
// for others longer than `max_wait_us`; none when kReplicasMax can't keep up.
ServingOption size_up(const Traffic& traffic, const CallCost& cost, const AdviceTarget& target,
                      std::string mode, std::int64_t max_rows, double max_wait_us) {
  ServingOption option{
      .mode = std::move(mode), .max_rows = max_rows, .max_wait_ms = max_wait_us / 1000};
  const double most = std::max(1.0, static_cast<double>(max_rows) / traffic.rows_per_request);
  // Those that come while the first waits are with it.
  const double together = std::clamp(1 + traffic.rate * max_wait_us * 1e-6, 1.0, most);
  const double filling_us =
      together <= 1 ? 0 : std::min(max_wait_us, (together - 1) * 1e6 / traffic.rate);
  const double call_us = cost.call_us(together * traffic.rows_per_request);
  const double rate = traffic.rate / together;
  option.requests_per_call = together;
  option.cores_busy = rate * call_us * 1e-6;
  for (double replicas = std::max(1.0, std::ceil(option.cores_busy / target.load_max));
       replicas <= kReplicasMax; ++replicas) {
    const Wait wait =
        queue_wait(rate, call_us, replicas, traffic.gap_variation / together, cost.variation);
    option.latency_ms = (filling_us + call_us + wait.percentile_us(target.percentile)) / 1000;
    option.load = option.cores_busy / replicas;
    option.replicas = static_cast<std::int64_t>(replicas);
    option.cost_per_1000 = cost_of(replicas, traffic, target);
    if (option.latency_ms <= target.latency_ms) {
      option.meets_target = true;
      break;
    }
    if ((filling_us + call_us) / 1000 > target.latency_ms) break;  // more don't help
  }
  return option;
}

ServingOption stream(const Traffic& traffic, const CallCost& cost, const AdviceTarget& target) {
  ServingOption option =
      size_up(traffic, cost, target, "stream", kStreamRows, kStreamWaitMs * 1000);
  option.meets_target = option.meets_target && target.latency_ms >= kStreamLatencyMs;
  return option;
}

ServingOption batch(const Traffic& traffic, const CallCost& cost, const AdviceTarget& target) {
  ServingOption option{.mode = "batch", .max_rows = kRowsMax};
  const double rows = static_cast<double>(kRowsMax);
  option.requests_per_call = rows / traffic.rows_per_request;
  option.cores_busy = traffic.rate * traffic.rows_per_request / rows * cost.call_us(rows) * 1e-6;
  option.replicas = static_cast<std::int64_t>(std::ceil(option.cores_busy / target.load_max));
  option.load = option.cores_busy / static_cast<double>(option.replicas);
  option.latency_ms = kBatchLatencyMs;
  option.cost_per_1000 = cost_of(option.cores_busy, traffic, target);
  option.meets_target = target.latency_ms >= kBatchLatencyMs;
  return option;
}

std::string settings_of(const ServingOption& option) {
  if (option.mode == "batch") return "`slipway batch score`, started when its rows are there";
  if (option.mode == "stream") {
    return fmt::format("a stream with batching: {{max_rows: {}, max_wait_ms: {:g}}}",
                       option.max_rows, option.max_wait_ms);
  }
  if (option.max_rows == 1) return "real time, each request by itself";
  return fmt::format("real time with batching: {{max_rows: {}, max_wait_ms: {:.3g}}}",
                     option.max_rows, option.max_wait_ms);
}

std::string words_of(const std::vector<ServingOption>& options, const Traffic& traffic,
                     const CallCost& cost, const AdviceTarget& target) {
  const ServingOption& best = options.front();
  const std::string asked = fmt::format(
      "{:.4g} requests a second of {:.3g} rows, a call of n rows takes {:.3g} + n * {:.3g} us",
      traffic.rate, traffic.rows_per_request, cost.fixed_us, cost.row_us);
  if (!best.meets_target) {
    return fmt::format(
        "Nothing meets {:g} ms at p{:g} ({}): one call alone takes {:.3g} ms. The nearest is {}.",
        target.latency_ms, target.percentile * 100, asked,
        cost.call_us(traffic.rows_per_request) / 1000, settings_of(best));
  }
  std::string words = fmt::format("Serve it as {}, on {} core{}: ", settings_of(best),
                                  best.replicas, best.replicas == 1 ? "" : "s");
  if (best.mode != "batch") {
    words +=
        fmt::format("p{:g} is {:.3g} ms where {:g} ms are allowed, at a load of {:.0f} %. ",
                    target.percentile * 100, best.latency_ms, target.latency_ms, best.load * 100);
  }
  return words + fmt::format("For {}.", asked);
}

}  // namespace

CallCost fit_cost(const std::vector<MeasuredCall>& calls) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const MeasuredCall& call : calls) {
    // Relative errors count: large calls would drown what a small one costs.
    const double weight = 1 / (call.us * call.us);
    n += weight;
    x += weight * call.rows;
    y += weight * call.us;
    xx += weight * call.rows * call.rows;
    xy += weight * call.rows * call.us;
  }
  CallCost cost;
  const double spread = n * xx - x * x;
  if (spread > 1e-12 * n * xx) {
    cost.row_us = (n * xy - x * y) / spread;
    cost.fixed_us = (y - cost.row_us * x) / n;
  }
  if (cost.row_us <= 0) return {.fixed_us = n > 0 ? y / n : 0, .row_us = 0};
  if (cost.fixed_us < 0) return {.fixed_us = 0, .row_us = xy / xx};
  return cost;
}

double Wait::percentile_us(double share) const {
  if (waiting_share <= 1 - share) return 0;
  return mean_us / waiting_share * std::log(waiting_share / (1 - share));
}

Wait queue_wait(double rate, double call_us, double servers, double arrival_variation,
                double service_variation) {
  const double load = rate * call_us * 1e-6;
  if (load >= servers)
    return {.waiting_share = 1, .mean_us = std::numeric_limits<double>::infinity()};
  Wait wait{.waiting_share = erlang_c(servers, load)};
  wait.mean_us =
      wait.waiting_share * call_us / (servers - load) * (arrival_variation + service_variation) / 2;
  return wait;
}

Result<Advice> advise(const Traffic& traffic, const CallCost& cost, const AdviceTarget& target) {
  const bool is_good = traffic.rate > 0 && traffic.rows_per_request > 0 &&
                       traffic.gap_variation >= 0 && cost.fixed_us >= 0 && cost.row_us >= 0 &&
                       cost.call_us(1) > 0 && target.latency_ms > 0 && target.percentile > 0 &&
                       target.percentile < 1 && target.price_core_hour >= 0;
  if (!is_good) {
    return base::error(Code::kInvalidArgument,
                       "advice needs a rate, a cost and a latency above zero: rate={} "
                       "rows_per_request={} call_us={} latency_ms={}",
                       traffic.rate, traffic.rows_per_request, cost.call_us(1), target.latency_ms);
  }
  Advice advice;
  auto& options = advice.options;
  const auto add = [&](ServingOption option) {
    if (option.replicas > 0) options.push_back(std::move(option));
  };
  add(size_up(traffic, cost, target, "real-time", 1, 0));
  for (std::int64_t rows = 2; rows <= kRowsMax; rows *= 2) {
    if (static_cast<double>(rows) < 2 * traffic.rows_per_request) continue;
    // Half of what is left when the call is made may go into waiting for others.
    const double left_us = target.latency_ms * 1000 - cost.call_us(static_cast<double>(rows));
    if (left_us <= 0) break;
    const double full_us =
        static_cast<double>(rows) / traffic.rows_per_request * 1e6 / traffic.rate;
    add(size_up(traffic, cost, target, "real-time", rows, std::min(left_us / 2, full_us)));
  }
  add(stream(traffic, cost, target));
  add(batch(traffic, cost, target));
  // The cheapest; of equals the simplest, which stands before.
  const auto paid = [](const ServingOption& option) {
    return option.mode == "batch" ? option.cores_busy : static_cast<double>(option.replicas);
  };
  std::stable_sort(options.begin(), options.end(),
                   [&](const ServingOption& a, const ServingOption& b) {
                     if (a.meets_target != b.meets_target) return a.meets_target;
                     if (!a.meets_target) return a.latency_ms < b.latency_ms;
                     return paid(a) < paid(b);
                   });
  advice.words = words_of(options, traffic, cost, target);
  return advice;
}

}  // namespace slipway::serving
