// Datasets and models as they were when a step read them, beside the server that has them as they
// are.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/drill/server.h"

namespace slipway::cli {

// A server of its own below `work` with the datasets and features that the slipway.yaml of
// `project` declares, each dataset in the version that has the digest; those without one in their
// newest. kNotFound: no version has it any more; kCorruption: the rows come to another digest.
Result<Server> serve_data(Client& client, const std::filesystem::path& project,
                          const std::map<std::string, std::string>& digests,
                          const std::filesystem::path& work);

// The version of a dataset with that digest. kNotFound.
Result<std::int64_t> find_dataset_version(Client& client, const std::string& dataset,
                                          const std::string& digest);

struct ModelAsItWas {
  std::string name;
  std::int64_t versions = 0;                    // there were so many
  std::map<std::string, std::int64_t> aliases;  // of those that are read
};

// A registry of MLflow's in `folder` (MLFLOW_REGISTRY_URI) with these models, whose files stay
// where they are. Made by the client that python3 of `path` has; kFailedPrecondition: it has none.
Result<void> restore_registry(Client& client, const Context& context,
                              const std::vector<ModelAsItWas>& models,
                              const std::filesystem::path& folder,
                              const std::filesystem::path& work, const std::string& path);

}  // namespace slipway::cli
