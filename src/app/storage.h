// Where artifacts are kept, out of the settings.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "app/settings.h"
#include "base/clock.h"
#include "store/object_store.h"
#include "tracking/artifacts.h"
#include "tracking/experiments.h"

namespace slipway::app {

// A folder, as path or file: URI, or s3://bucket/prefix with the variables that store/s3.h lists.
// kInvalidArgument: another scheme, or no credentials.
Result<std::unique_ptr<store::ObjectStore>> open_storage(const std::string& uri,
                                                         const base::Clock& clock);

// A variable of the process's environment.
std::optional<std::string> environment(const std::string& name);

// Of --artifacts-destination; a folder inside `data` when it isn't set.
Result<std::unique_ptr<store::ObjectStore>> open_artifacts_destination(
    const Settings& settings, const std::filesystem::path& data, const base::Clock& clock);

// Of --remotes-destination, likewise.
Result<std::unique_ptr<store::ObjectStore>> open_remotes_destination(
    const Settings& settings, const std::filesystem::path& data, const base::Clock& clock);

tracking::ArtifactsOptions artifacts_options(const Settings& settings,
                                             const std::filesystem::path& data);
tracking::ExperimentsOptions experiments_options(const Settings& settings);

}  // namespace slipway::app
