// What endpoints cost, how they were asked, and how they are best served.
#pragma once

#include <string>
#include <vector>

#include "api/http/router.h"
#include "base/clock.h"
#include "serving/endpoints.h"
#include "serving/request_log.h"

namespace slipway::api::own {

struct Price {
  double core_hour = 0;  // 0: not known
  std::string currency;
};

// All must outlive the routes. `event_clock`: the traffic of the last day by it is looked at.
std::vector<http::Route> advice_routes(serving::Endpoints& endpoints, serving::RequestLog& log,
                                       const base::Clock& event_clock, Price price);

}  // namespace slipway::api::own
