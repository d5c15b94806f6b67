// A feature repository of Feast on this machine: what feature_store.yaml says, and its registry.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::api::feast_source {

struct Repository {
  enum class Registry { kFile, kServer };
  std::string project;
  Registry kind = Registry::kFile;
  std::filesystem::path file;  // kFile: the registry
  std::string address;         // kServer: "host:port"
};

// Reads `folder`/feature_store.yaml; relative paths are the folder's, and ${NAME} is the
// environment's. kNotFound: no such file. kInvalidArgument: it isn't what Feast writes.
// kFailedPrecondition: the registry is of a kind that isn't read, with what to do instead.
Result<Repository> open_repository(const std::filesystem::path& folder);

// The bytes of feast.core.Registry. kFailedPrecondition: there is no such file yet.
Result<std::string> read_registry_file(const std::filesystem::path& file);

}  // namespace slipway::api::feast_source
