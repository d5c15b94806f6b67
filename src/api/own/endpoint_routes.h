// Routes for endpoints: how they stand, their ledger, deploy, roll back, hold, follow; labels and
// single requests.
#pragma once

#include <functional>
#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "base/json.h"
#include "monitor/monitor.h"
#include "releases/releases.h"
#include "serving/endpoints.h"
#include "types/frame.h"

namespace slipway::api::own {

// The log of single requests. Safe to use from several threads.
class RequestLookup {
 public:
  virtual ~RequestLookup() = default;

  // What was logged for one request: features, and per variant its prediction, latency and error.
  // kNotFound.
  virtual Result<JsonObject> request(const std::string& endpoint, const std::string& id) = 0;
  // Every logged row with from <= event_time < to: docs/formats/request_log.md. `columns`: none:
  // all.
  virtual Result<types::Frame> requests(const std::string& endpoint, base::Timestamp from,
                                        base::Timestamp to,
                                        const std::vector<std::string>& columns) = 0;
  // Before what may read any number of them: kResourceExhausted, saying what to do.
  virtual Result<void> check_rows(const std::string& endpoint, base::Timestamp from,
                                  base::Timestamp to) = 0;
};

// All must outlive the routes. `rehearses` says whether callers may bring their own arrival times.
std::vector<http::Route> endpoint_routes(releases::Releases& releases, monitor::Monitor& monitor,
                                         RequestLookup& requests, Masking& masking,
                                         serving::Endpoints& endpoints,
                                         std::function<bool()> rehearses);

}  // namespace slipway::api::own
