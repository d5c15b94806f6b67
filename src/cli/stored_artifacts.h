// Artifacts that a server keeps, looked at through its API.
#pragma once

#include <string>
#include <vector>

#include "cli/client.h"

namespace slipway::cli {

struct StoredArtifact {
  std::string path;  // below the root that was asked for
  std::int64_t bytes = 0;
};

// Every file below `root` ("1/abc/artifacts"), by path; none when there is no such folder.
Result<std::vector<StoredArtifact>> stored_artifacts(Client& client, const std::string& root);

// SHA-256 in hex of what the server sends for it. kNotFound.
Result<std::string> stored_digest(Client& client, const std::string& path);
Result<std::string> stored_text(Client& client, const std::string& path);

// The route of one artifact.
std::string artifact_route(const std::string& path);

}  // namespace slipway::cli
