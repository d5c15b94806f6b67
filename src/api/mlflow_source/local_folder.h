// Artifacts that lie in a folder of this machine.
#pragma once

#include "api/mlflow_source/source.h"

namespace slipway::api::mlflow_source {

// "/path", "relative/path" (from the working folder) or "file:///path"; nothing for another scheme.
std::optional<std::filesystem::path> local_path(const std::string& uri);

// Also of a file, which is all there is then. Nothing when it isn't there.
std::unique_ptr<ArtifactFolder> open_local(const std::filesystem::path& folder);

// For a store without a server: local paths, and "mlflow-artifacts:" below `artifacts_root`.
std::unique_ptr<ArtifactFolder> open_stored(const std::string& uri,
                                            const std::filesystem::path& artifacts_root);

}  // namespace slipway::api::mlflow_source
