// OpenLineage's API, as clients with OPENLINEAGE_URL=http://HOST:PORT send to it: events, one or
// many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "api/http/router.h"
#include "api/openlineage/event_reader.h"
#include "lineage/lineage.h"

namespace slipway::api::openlineage {

struct Limits {
  std::uint64_t event_bytes_max = 16 << 20;  // of a request, without compression
  std::size_t events_max = 1000;             // of a batch
  EventLimits event;
};

// `lineage` must outlive the routes.
std::vector<http::Route> openlineage_routes(lineage::Lineage& lineage, Limits limits);
// What answers where there is no route: in the protocol's words.
http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed);

}  // namespace slipway::api::openlineage
