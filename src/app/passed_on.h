// What only the server that leads does, asked of another one of its database.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "pipelines/server_table.h"

namespace slipway::app {

// Routes behind those of a server that doesn't lead: they ask the one that does, which decides as
// if it had been asked by the client. Replies up to `reply_bytes_max`. `servers` must outlive them.
std::vector<http::Route> passed_on_routes(pipelines::ServerTable& servers,
                                          std::size_t reply_bytes_max);

}  // namespace slipway::app
