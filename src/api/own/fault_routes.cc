#include "api/own/fault_routes.h"

#include "api/own/loop_wire.h"
#include "base/log.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr std::int64_t kLateMsMax = 60'000;

Response tell(const ServerFaults& faults, const features::FeatureStore& features) {
  return reply({{"online_store_gone", faults.online_store_gone.load()},
                {"online_store_answers", features.check_readable().has_value()},
                {"late_ms", faults.models.late_ms.load()},
                {"failing_share", faults.models.failing_share.load()}});
}

// What is absent is well again.
Result<Response> set(ServerFaults& faults, features::FeatureStore& features,
                     const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const bool gone = TRY(base::find_bool(body, "online_store_gone")).value_or(false);
  const std::int64_t late_ms = TRY(base::find_int(body, "late_ms")).value_or(0);
  const double share = TRY(base::find_double(body, "failing_share")).value_or(0);
  if (late_ms < 0 || late_ms > kLateMsMax) {
    return base::error(Code::kInvalidArgument,
                       "late_ms must be a whole number from 0 to {}: got={}", kLateMsMax, late_ms);
  }
  if (!(share >= 0 && share <= 1))
    return base::error(Code::kInvalidArgument, "failing_share must be from 0 to 1: got={}", share);
  faults.models.late_ms = late_ms;
  faults.models.failing_share = share;
  faults.online_store_gone = gone;
  if (!gone) {
    // What the store missed is brought; by the loop, when it is just doing so.
    if (const Result<void> tended = features.tend(); !tended)
      base::log_warning("faults", "the online store is not up to date: {}", tended.error().message);
  }
  return tell(faults, features);
}

}  // namespace

std::vector<http::Route> fault_routes(ServerFaults& faults, features::FeatureStore& features) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/faults",
       .summary = "What of this server was broken on purpose (setting breakable).",
       .handler = [&faults, &features](const Request&) { return tell(faults, features); },
       .tag = "slipway"},
      {.method = Method::kPut,
       .pattern = "/slipway/v1/faults",
       .summary = "Breaks this server and mends what is not named (setting breakable): "
                  "{online_store_gone, late_ms, failing_share}.",
       .handler =
           answering([&faults, &features](const Request& r) { return set(faults, features, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
