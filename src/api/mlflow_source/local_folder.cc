#include "api/mlflow_source/local_folder.h"

#include <algorithm>

#include "base/http_client.h"
#include "tracking/artifacts.h"

namespace slipway::api::mlflow_source {
namespace fs = std::filesystem;
namespace {

// Or a file alone.
class LocalFolder final : public ArtifactFolder {
 public:
  explicit LocalFolder(fs::path root) : root_(std::move(root)) {}

  Result<std::vector<ArtifactFile>> files() override {
    std::vector<ArtifactFile> files;
    std::error_code ec;
    if (fs::is_regular_file(root_, ec)) {
      files.push_back(
          {root_.filename().string(), static_cast<std::int64_t>(fs::file_size(root_, ec))});
      return files;
    }
    for (fs::recursive_directory_iterator at(root_, ec), end; !ec && at != end; at.increment(ec)) {
      if (!at->is_regular_file(ec)) continue;
      files.push_back({at->path().lexically_relative(root_).generic_string(),
                       static_cast<std::int64_t>(at->file_size(ec))});
    }
    if (ec)
      return base::error(Code::kInternal, "cannot list the artifacts: folder={} why={}",
                         root_.string(), ec.message());
    std::sort(files.begin(), files.end(),
              [](const ArtifactFile& a, const ArtifactFile& b) { return a.path < b.path; });
    return files;
  }

  Result<fs::path> fetch(const ArtifactFile& file, const fs::path&) override {
    std::error_code ec;
    return fs::is_regular_file(root_, ec) ? root_ : root_ / file.path;
  }

 private:
  const fs::path root_;
};

}  // namespace

std::optional<fs::path> local_path(const std::string& uri) {
  if (uri.starts_with("file:")) {
    std::string_view rest = std::string_view(uri).substr(5);
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (rest.starts_with("localhost/")) rest.remove_prefix(9);
    Result<std::string> decoded = base::percent_decode(rest);
    return decoded ? std::optional<fs::path>(*decoded) : std::nullopt;
  }
  const std::size_t colon = uri.find(':');
  const bool has_scheme = colon != std::string::npos && colon > 1 && uri.find('/') > colon;
  return has_scheme || uri.empty() ? std::nullopt : std::optional<fs::path>(uri);
}

std::unique_ptr<ArtifactFolder> open_local(const fs::path& folder) {
  std::error_code ec;
  if (!fs::is_directory(folder, ec) && !fs::is_regular_file(folder, ec)) return nullptr;
  return std::make_unique<LocalFolder>(folder);
}

std::unique_ptr<ArtifactFolder> open_stored(const std::string& uri,
                                            const fs::path& artifacts_root) {
  if (const auto below = tracking::proxied_path(uri)) {
    const Result<std::string> safe = tracking::safe_path(*below);
    return safe ? open_local(artifacts_root / *safe) : nullptr;
  }
  const auto path = local_path(uri);
  return path ? open_local(*path) : nullptr;
}

}  // namespace slipway::api::mlflow_source
