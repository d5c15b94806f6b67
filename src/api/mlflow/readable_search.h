// Searches that show a user only what they may read.
#pragma once

#include <string_view>

#include "access/access.h"
#include "api/http/router.h"

namespace slipway::api::mlflow {

// Where the items of a search's reply stand, and in which field an item names its resource.
struct SearchReply {
  std::string_view items, id;
};

// Runs `search`, drops what the user may not read, and asks for further pages so that a page is
// full while there is more. Page tokens stay those of the search: offsets.
http::Handler readable_search(slipway::access::Access& access, std::string_view type,
                              SearchReply reply, http::Handler search);

// Runs `search` with those of the request's experiment_ids that the user may read.
http::Handler search_readable_experiments(slipway::access::Access& access, http::Handler search);

// Runs `list`, which gives review queues of experiment_id; who may not edit there sees those that
// they are assigned to.
http::Handler own_queues(slipway::access::Access& access, http::Handler list);

}  // namespace slipway::api::mlflow
