#include "api/own/advice_routes.h"

#include "api/own/loop_wire.h"
#include "serving/advice.h"
#include "serving/traffic.h"
#include "serving/traffic_history.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using serving::ServingOption;

constexpr std::int64_t kDayUs = 86'400'000'000;

Json to_json(const ServingOption& option, const Price& price) {
  JsonObject object{{"mode", option.mode},
                    {"max_rows", option.max_rows},
                    {"max_wait_ms", option.max_wait_ms},
                    {"replicas", option.replicas},
                    {"requests_per_call", option.requests_per_call},
                    {"load", option.load},
                    {"cores_busy", option.cores_busy},
                    {"meets_target", option.meets_target}};
  object["latency_ms"] = base::number_or_null(option.latency_ms);
  object["cost_per_1000"] = price.core_hour > 0 ? Json(option.cost_per_1000) : Json(nullptr);
  return object;
}

Result<Response> advice(serving::Endpoints& endpoints, serving::RequestLog& log,
                        const base::Clock& clock, const Price& price, const Request& request) {
  const std::string& endpoint = request.param("name");
  serving::AdviceTarget target{.price_core_hour = price.core_hour};
  target.latency_ms = TRY(query_number(request, "latency_ms")).value_or(target.latency_ms);
  target.percentile = TRY(query_number(request, "percentile")).value_or(target.percentile);
  const auto rate = TRY(query_number(request, "rate"));
  const auto calls = TRY(endpoints.measure_calls(endpoint));
  const base::Timestamp now = clock.now();
  auto measured = serving::measure_traffic(log, endpoint, {now.micros - kDayUs}, {now.micros + 1});
  if (!measured && !(rate && measured.error().code == Code::kFailedPrecondition))
    return measured.error();
  serving::CallCost cost = serving::fit_cost(calls);
  serving::Traffic traffic;
  JsonObject seen;
  if (measured) {
    traffic = measured->traffic;
    cost.variation = std::clamp(measured->latency_variation, 0.05, 4.0);
    seen = {{"requests", measured->requests},
            {"rate_mean", measured->rate_mean},
            {"rate_peak", measured->traffic.rate},
            {"peak_seconds", measured->window_seconds}};
  }
  if (rate) traffic.rate = *rate;
  seen["rate"] = traffic.rate;
  seen["rows_per_request"] = traffic.rows_per_request;
  seen["gap_variation"] = traffic.gap_variation;
  const serving::Advice found = TRY(serving::advise(traffic, cost, target));
  JsonArray options, sizes;
  for (const ServingOption& option : found.options) options.push_back(to_json(option, price));
  for (const auto& call : calls)
    sizes.push_back(JsonObject{{"rows", call.rows}, {"microseconds", call.us}});
  return reply({{"endpoint", endpoint},
                {"words", found.words},
                {"target", {{"latency_ms", target.latency_ms}, {"percentile", target.percentile}}},
                {"traffic", std::move(seen)},
                {"cost",
                 {{"fixed_us", cost.fixed_us},
                  {"row_us", cost.row_us},
                  {"variation", cost.variation},
                  {"measured", std::move(sizes)},
                  {"core_hour", price.core_hour > 0 ? Json(price.core_hour) : Json(nullptr)},
                  {"currency", price.currency}}},
                {"options", std::move(options)}});
}

// By version of the endpoint, or of all: CPU seconds of a thousand predictions and, with a price,
// their cost.
JsonArray costs_of(const serving::Endpoints& endpoints, const std::optional<std::string>& endpoint,
                   const Price& price) {
  JsonArray costs;
  for (const serving::VersionStatistics& version : endpoints.statistics()) {
    if (endpoint && version.endpoint != *endpoint) continue;
    JsonObject cost{{"version", version.version}, {"predictions", version.rows}};
    if (!endpoint) cost["endpoint"] = version.endpoint;
    const double seconds = version.cpu_seconds_per_1000();
    cost["cpu_seconds_per_1000"] = version.rows == 0 ? Json(nullptr) : Json(seconds);
    cost["cost_per_1000"] = version.rows == 0 || price.core_hour <= 0
                                ? Json(nullptr)
                                : Json(seconds / 3600 * price.core_hour);
    cost["currency"] = price.core_hour > 0 ? Json(price.currency) : Json(nullptr);
    costs.push_back(std::move(cost));
  }
  return costs;
}

Json in_ms(const std::optional<double>& latency_us) {
  return latency_us ? Json(*latency_us / 1000) : Json(nullptr);
}

Result<Response> history(serving::Endpoints& endpoints, serving::RequestLog& log,
                         const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(endpoints.shape(endpoint));
  const auto from = TRY(query_time(request, "from")), until = TRY(query_time(request, "until"));
  if (!from || !until)
    return base::error(Code::kInvalidArgument, "from and until are needed, as RFC 3339 times");
  const auto found = TRY(serving::traffic_history(log, endpoint, *from, *until));
  JsonArray steps;
  for (const serving::TrafficStep& step : found.steps) {
    steps.push_back({{"start", types::to_rfc3339(step.start)},
                     {"requests", step.requests},
                     {"rows", step.rows},
                     {"errors", step.errors},
                     {"latency_ms_p50", in_ms(step.latency_us_p50)},
                     {"latency_ms_p95", in_ms(step.latency_us_p95)},
                     {"latency_ms_p99", in_ms(step.latency_us_p99)}});
  }
  return reply({{"endpoint", endpoint},
                {"step_seconds", found.step.micros / base::Duration::seconds(1).micros},
                {"steps", std::move(steps)}});
}

}  // namespace

std::vector<http::Route> advice_routes(serving::Endpoints& endpoints, serving::RequestLog& log,
                                       const base::Clock& event_clock, Price price) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/endpoints/{name}/cost",
       .summary = "CPU seconds and cost of a thousand predictions, by version, as measured.",
       .handler = answering([&endpoints, price](const Request& request) -> Result<Response> {
         const std::string& name = request.param("name");
         TRY(endpoints.shape(name));
         return reply({{"endpoint", name}, {"versions", costs_of(endpoints, name, price)}});
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/costs",
       .summary = "CPU seconds and cost of a thousand predictions of every endpoint's versions.",
       .handler = answering([&endpoints, price](const Request&) -> Result<Response> {
         return reply({{"versions", costs_of(endpoints, std::nullopt, price)}});
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/endpoints/{name}/traffic-history",
       .summary = "Requests, rows, errors and percentiles of latency step by step, as logged, of "
                  "what arrived between from and until by the wall clock.",
       .handler = answering(
           [&endpoints, &log](const Request& request) { return history(endpoints, log, request); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/endpoints/{name}/advice",
       .summary = "How the endpoint is best served, by its traffic of the last day and what its "
                  "model costs: latency_ms, percentile and rate say what is wanted.",
       .handler = answering([&endpoints, &log, &event_clock, price](const Request& request) {
         return advice(endpoints, log, event_clock, price, request);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
