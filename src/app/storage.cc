#include "app/storage.h"

#include <cstdlib>

#include "store/s3.h"

namespace slipway::app {
namespace {

// What relative locations begin at, as MLflow has it.
std::filesystem::path working_folder() {
  std::error_code ec;
  std::filesystem::path folder = std::filesystem::current_path(ec);
  return ec ? std::filesystem::path("/") : folder;
}

// Nothing when it is elsewhere.
std::optional<std::filesystem::path> local_folder(const std::string& uri) {
  return tracking::local_location(tracking::absolute_location(uri, working_folder()));
}

std::string destination_of(const Settings& settings, const std::filesystem::path& data) {
  return settings.artifacts_destination.empty() ? (data / "artifacts").string()
                                                : settings.artifacts_destination;
}

}  // namespace

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<std::unique_ptr<store::ObjectStore>> open_storage(const std::string& uri,
                                                         const base::Clock& clock) {
  if (const auto folder = local_folder(uri)) return store::open_folder_objects(*folder);
  if (uri.starts_with("s3://"))
    return store::open_s3_objects(TRY(store::s3_options(uri, environment)), clock);
  return base::error(Code::kInvalidArgument,
                     "files are kept in a folder or in s3://BUCKET/PREFIX: uri={}", uri);
}

Result<std::unique_ptr<store::ObjectStore>> open_artifacts_destination(
    const Settings& settings, const std::filesystem::path& data, const base::Clock& clock) {
  Result<std::unique_ptr<store::ObjectStore>> opened =
      open_storage(destination_of(settings, data), clock);
  if (!opened) return std::move(opened).error().with_context("setting artifacts-destination");
  return opened;
}

Result<std::unique_ptr<store::ObjectStore>> open_remotes_destination(
    const Settings& settings, const std::filesystem::path& data, const base::Clock& clock) {
  Result<std::unique_ptr<store::ObjectStore>> opened =
      open_storage(settings.remotes_destination.empty() ? (data / "remotes").string()
                                                        : settings.remotes_destination,
                   clock);
  if (!opened) return std::move(opened).error().with_context("setting remotes-destination");
  return opened;
}

tracking::ArtifactsOptions artifacts_options(const Settings& settings,
                                             const std::filesystem::path& data) {
  tracking::ArtifactsOptions options;
  options.serves_proxied = settings.serve_artifacts;
  options.lets_clients_transfer = settings.direct_artifacts;
  options.copies = data / "artifact-copies";
  options.entries_max = settings.artifact_list_max;
  for (const std::string& root :
       {destination_of(settings, data), experiments_options(settings).artifact_root}) {
    if (auto folder = local_folder(root)) options.local_roots.push_back(std::move(*folder));
  }
  return options;
}

tracking::ExperimentsOptions experiments_options(const Settings& settings) {
  tracking::ExperimentsOptions options;
  options.working_folder = working_folder();
  std::string root = settings.default_artifact_root;
  if (root.empty()) root = settings.serve_artifacts ? "mlflow-artifacts:/" : "./mlruns";
  options.artifact_root = tracking::absolute_location(root, options.working_folder);
  return options;
}

}  // namespace slipway::app
