// What happens, as server-sent events, for who would otherwise ask again and again.
#pragma once

#include <functional>
#include <vector>

#include "api/http/router.h"
#include "api/own/stream_routes.h"
#include "store/event_feed.h"

namespace slipway::api::own {

// Whether a user may hear that this happened. Safe to call from several threads.
using MayHear = std::function<bool(const std::string& user, const store::Event& event)>;

// `feed` must outlive the routes. Without `may_hear` everybody hears everything.
std::vector<http::Route> event_stream_routes(store::EventFeed& feed, MayHear may_hear,
                                             StreamOptions options);

}  // namespace slipway::api::own
