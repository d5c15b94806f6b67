#include "cli/model_files.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "app/storage.h"
#include "cli/stored_artifacts.h"
#include "cli/table.h"
#include "store/file_system.h"
#include "store/object_copy.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kModels = "models:/", kRuns = "runs:/",
                           kProxy = "mlflow-artifacts:", kFile = "file://", kS3 = "s3://";

// "mlflow-artifacts://host/1/models/m-1/artifacts" is below the proxy's root at "1/models/...".
std::string path_below_proxy(std::string_view address) {
  address.remove_prefix(kProxy.size());
  if (address.starts_with("//")) {
    address.remove_prefix(2);
    address.remove_prefix(std::min(address.size(), address.find('/')));
  }
  while (address.starts_with('/')) address.remove_prefix(1);
  return std::string(address);
}

Result<void> download(Client& client, const std::string& root, const std::filesystem::path& to) {
  const auto files = TRY(stored_artifacts(client, root));
  if (files.empty())
    return base::error(Code::kNotFound, "the server has no files of the model: path={}", root);
  for (const StoredArtifact& file : files) {
    const std::filesystem::path target = to / file.path;
    TRY(store::make_folders(target.parent_path()));
    std::ofstream out(target, std::ios::binary);
    TRY(client.stream(artifact_route(root + "/" + file.path), {}, [&](std::string_view piece) {
      out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
      return out.good();
    }));
    out.close();
    if (!out) return store::errno_error(errno, "write", target);
  }
  return {};
}

// Where a logged model's files are.
Result<std::string> address_of(Client& client, const std::string& model_id) {
  const Json reply = TRY(client.get(path_of("/api/2.0/mlflow/logged-models/{}", {model_id})));
  return cell(member_at(reply, "model.info.artifact_uri"));
}

// The logged model of a run that is called so; empty: the run has none, its artifacts may.
Result<std::string> logged_model_of(Client& client, const Json& run, const std::string& name) {
  const Json outputs = member_at(run, "run.outputs.model_outputs");
  if (!outputs.is_array()) return std::string();
  for (const Json& output : outputs.as_array()) {
    const std::string id = cell(member_at(output, "model_id"));
    const Json model = TRY(client.get(path_of("/api/2.0/mlflow/logged-models/{}", {id})));
    if (cell(member_at(model, "model.info.name")) == name) return id;
  }
  return std::string();
}

}  // namespace

Result<Json> find_model_version(Client& client, const std::string& uri) {
  if (!uri.starts_with(kModels))
    return base::error(Code::kInvalidArgument, "no URI of a registered model: uri={}", uri);
  const std::string rest = uri.substr(kModels.size());
  const std::size_t at = rest.find('@'), slash = rest.find('/');
  const std::string name = rest.substr(0, std::min(at, slash));
  if (at == std::string::npos && slash == std::string::npos)
    return base::error(Code::kInvalidArgument,
                       "the URI names no version or alias (models:/NAME/3 or models:/NAME@ALIAS): "
                       "uri={}",
                       uri);
  std::string version = at == std::string::npos ? rest.substr(slash + 1) : "";
  if (at != std::string::npos) {
    const Json model =
        TRY(client.get(path_of("/api/2.0/mlflow/registered-models/get?name={}", {name})));
    const Json& aliases = member_at(model, "registered_model.aliases");
    for (const Json& alias : aliases.is_array() ? aliases.get_array() : JsonArray()) {
      if (cell(member_at(alias, "alias")) == rest.substr(at + 1))
        version = cell(member_at(alias, "version"));
    }
    if (version.empty())
      return base::error(Code::kNotFound, "the model has no such alias: uri={}", uri);
  }
  const Json reply = TRY(client.get(
      path_of("/api/2.0/mlflow/model-versions/get?name={}&version={}", {name, version})));
  return member_at(reply, "model_version");
}

Result<ModelFiles> ModelFiles::fetch(Client& client, const std::string& uri) {
  if (uri.starts_with(kRuns)) {
    const std::string rest = uri.substr(kRuns.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string::npos)
      return base::error(Code::kInvalidArgument, "a run's model is runs:/ID/PATH: got={}", uri);
    const std::string path = rest.substr(slash + 1);
    const Json run =
        TRY(client.get(path_of("/api/2.0/mlflow/runs/get?run_id={}", {rest.substr(0, slash)})));
    const std::string logged = TRY(logged_model_of(client, run, path));
    if (!logged.empty()) {
      return fetch_from(client, TRY(address_of(client, logged)), fmt::format("models:/{}", logged));
    }
    return fetch_from(client, cell(member_at(run, "run.info.artifact_uri")) + "/" + path, uri);
  }
  if (uri.starts_with("models:/m-") && uri.find('/', kModels.size()) == std::string::npos &&
      uri.find('@') == std::string::npos)
    return fetch_from(client, TRY(address_of(client, uri.substr(kModels.size()))), uri);
  if (uri.starts_with(kS3)) return fetch_from(client, uri, uri);
  if (!uri.starts_with(kModels)) {
    if (uri.find(":/") != std::string::npos) {
      return base::error(Code::kInvalidArgument,
                         "a model is models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID, "
                         "runs:/ID/PATH, s3://BUCKET/FOLDER or a path: got={}",
                         uri);
    }
    std::error_code ignored;
    if (!std::filesystem::exists(uri, ignored))
      return base::error(Code::kNotFound, "no such model file or folder: path={}", uri);
    return ModelFiles(uri, uri);
  }
  const Json found = TRY(find_model_version(client, uri));
  const std::string name = cell(member_at(found, "name")),
                    version = cell(member_at(found, "version"));
  const Json reply = TRY(client.get(path_of(
      "/api/2.0/mlflow/model-versions/get-download-uri?name={}&version={}", {name, version})));
  const std::string address = cell(member_at(reply, "artifact_uri"));
  return fetch_from(client, address, fmt::format("models:/{}/{}", name, version));
}

Result<ModelFiles> ModelFiles::copied(const std::string& pinned) {
  Scratch scratch = TRY(Scratch::make("model"));
  ModelFiles files(scratch.path(), pinned);
  files.scratch_.emplace(std::move(scratch));
  return files;
}

Result<ModelFiles> ModelFiles::fetch_from(Client& client, const std::string& address,
                                          const std::string& pinned) {
  if (address.starts_with(kProxy)) {
    ModelFiles files = TRY(copied(pinned));
    TRY(download(client, path_below_proxy(address), files.path_));
    return files;
  }
  if (address.starts_with(kS3)) {
    ModelFiles files = TRY(copied(pinned));
    const base::SystemClock clock;
    files.path_ = TRY(store::copy_objects(
        address, files.scratch_->path(), std::numeric_limits<std::int64_t>::max(),
        [&](const std::string& uri) { return app::open_storage(uri, clock); }));
    return files;
  }
  const std::string local = address.starts_with(kFile) ? address.substr(kFile.size()) : address;
  std::error_code ignored;
  if (!local.starts_with('/') || !std::filesystem::exists(local, ignored)) {
    return base::error(
        Code::kInvalidArgument,
        "the model's files are kept where this machine can't read them: model={} at={}", pinned,
        address);
  }
  return ModelFiles(local, pinned);
}

}  // namespace slipway::cli
