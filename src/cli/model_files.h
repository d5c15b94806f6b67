// Brings a model's files to this machine, so that a command can run it without a server's help.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/client.h"
#include "cli/scratch.h"

namespace slipway::cli {

// The registered version that models:/NAME/VERSION or models:/NAME@ALIAS is now, as MLflow's API
// tells of it. kNotFound; kInvalidArgument: a URI of another kind.
Result<Json> find_model_version(Client& client, const std::string& uri);

// Files of a model, taken away with the object when they were copied here.
class ModelFiles {
 public:
  // `uri` is models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID or runs:/ID/PATH, asked of the
  // server (which keeps the files behind its artifact proxy, or on a disk that is reachable here),
  // or a path of this machine, or s3://BUCKET/FOLDER with the variables that store/s3.h lists.
  // kNotFound; kInvalidArgument: a URI of another kind, or files kept somewhere else.
  static Result<ModelFiles> fetch(Client& client, const std::string& uri);

  const std::filesystem::path& path() const { return path_; }
  // Pinned: models:/NAME/VERSION or models:/m-ID; of anything else itself.
  const std::string& uri() const { return uri_; }

 private:
  ModelFiles(std::filesystem::path path, std::string uri)
      : path_(std::move(path)), uri_(std::move(uri)) {}
  static Result<ModelFiles> copied(const std::string& pinned);  // a folder for copies, still empty
  // What the server keeps at `address`.
  static Result<ModelFiles> fetch_from(Client& client, const std::string& address,
                                       const std::string& pinned);

  std::filesystem::path path_;
  std::string uri_;
  std::optional<Scratch> scratch_;  // nothing: nothing was copied
};

}  // namespace slipway::cli
