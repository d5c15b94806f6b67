// What MLflow's web page asks about parts that Slipway doesn't have (the gateway, the assistant,
// telemetry): that there are none, in the page's words, so that it hides them instead of reporting
// an error.
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;

Handle answer(JsonObject body) {
  return [body = std::move(body)](Services&, const http::Request&) -> Result<http::Response> {
    return reply(body);
  };
}

}  // namespace

void add_page_routes(std::vector<http::Route>& routes, Services& services) {
  add_one(routes, services, Method::kGet, "/ajax-api/2.0/mlflow/gateway-proxy",
          answer({{"endpoints", JsonArray()}}));
  add_one(routes, services, Method::kGet, "/ajax-api/3.0/mlflow/assistant/config",
          answer({{"providers", JsonObject()},
                  {"projects", JsonObject()},
                  {"remote_access_allowed", false}}));
  add_one(routes, services, Method::kGet, "/ajax-api/3.0/mlflow/assistant/providers",
          answer({{"providers", JsonArray()}}));
  add_one(routes, services, Method::kGet, "/ajax-api/3.0/mlflow/ui-telemetry",
          answer({{"disable_ui_telemetry", true},
                  {"disable_ui_events", JsonArray()},
                  {"ui_rollout_percentage", 0}}));
  add_one(routes, services, Method::kPost, "/ajax-api/3.0/mlflow/ui-telemetry",
          answer({{"status", "disabled"}}));
}

}  // namespace slipway::api::mlflow
