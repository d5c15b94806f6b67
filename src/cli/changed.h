// What changed from one thing to another: code, rows, statistics, parameters, environment, traffic.
#pragma once

#include <string>

#include "cli/made_from.h"

namespace slipway::cli {

// {"before","after","code","rows","statistics","parameters","environment","inputs","metrics",
// "traffic"}. What can't be told (a repository that isn't here, a version that is gone) is said in
// the "note" of its part.
Result<JsonObject> what_changed(Client& client, const MadeFrom& before, const MadeFrom& after);

std::string changes_text(const Json& changes);

}  // namespace slipway::cli
