// Why something is as it is, in words: what led to it, link by link.
#pragma once

#include <string>

#include "cli/client.h"
#include "cli/logged_request.h"

namespace slipway::cli {

// `id` is a request's id, models:/NAME/VERSION, models:/NAME@ALIAS, a tracked run, a run of a
// pipeline or RUN/STEP, alert:ID or incident:ID. {"why": ID, "links": [{"kind","id","words"}],
// "changes"}; changes (what_changed), of a model beside the version before it, or null. kNotFound.
Result<Json> find_why(Client& client, const std::string& id, const std::string& endpoint,
                      const ModelRuntimes& runtimes);

std::string why_text(const Json& why);

}  // namespace slipway::cli
