#include "api/predict/predict_routes.h"

#include "api/predict/cloud_routes.h"
#include "api/predict/oip_routes.h"
#include "api/predict/scoring_routes.h"
#include "api/predict/v1_routes.h"

namespace slipway::api::predict {

std::vector<http::Route> predict_routes(const Served& served) {
  std::vector<http::Route> routes;
  for (auto* const protocol : {oip_routes, scoring_routes, v1_routes, cloud_routes}) {
    for (http::Route& route : protocol(served)) routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace slipway::api::predict
