// Which experiment something belongs to: what permissions are asked about.
#pragma once

#include <optional>
#include <string>

#include "store/db.h"

namespace slipway::tracking {

// Also of what is deleted; nothing when it doesn't exist. One lookup by key, nothing else is read.
Result<std::optional<std::string>> experiment_of_run(store::Db& db, const std::string& run);
Result<std::optional<std::string>> experiment_of_logged_model(store::Db& db,
                                                              const std::string& model);

// kNotFound.
Result<void> check_run_exists(store::Reader& reader, const std::string& run);

}  // namespace slipway::tracking
