#include "cli/stored_artifacts.h"

#include <algorithm>

#include "base/hash.h"
#include "cli/table.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kArtifacts = "/api/2.0/mlflow-artifacts/artifacts";

}  // namespace

std::string artifact_route(const std::string& path) {
  std::string route(kArtifacts);
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    route += "/" + base::percent_encode(part);
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  return route;
}

Result<std::vector<StoredArtifact>> stored_artifacts(Client& client, const std::string& root) {
  std::vector<StoredArtifact> found;
  std::vector<std::string> folders = {""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    const Json reply =
        TRY(client.get(fmt::format("{}?path={}", kArtifacts, base::percent_encode(root + folder))));
    const Json& files = member_at(reply, "files");
    if (!files.is_array()) continue;
    for (const Json& file : files.get_array()) {
      const std::string path = folder + "/" + cell(member_at(file, "path"));
      const Json& size = member_at(file, "file_size");
      if (member_at(file, "is_dir") == Json(true)) {
        folders.push_back(path);
      } else {
        found.push_back({path.substr(1), size.is_int64() ? size.get_int64() : 0});
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const StoredArtifact& a, const StoredArtifact& b) { return a.path < b.path; });
  return found;
}

Result<std::string> stored_digest(Client& client, const std::string& path) {
  base::Sha256 hash;
  TRY(client.stream(artifact_route(path), {}, [&](std::string_view piece) {
    hash.update(piece);
    return true;
  }));
  return hash.finish_hex();
}

Result<std::string> stored_text(Client& client, const std::string& path) {
  base::HttpReply reply = TRY(client.fetch(artifact_route(path)));
  return std::move(reply.body);
}

}  // namespace slipway::cli
