// What something was made from: code, data, parameters, environment; and when it was in use.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/client.h"

namespace slipway::cli {

struct DatasetUsed {
  std::string digest;
  std::int64_t version = 0;  // 0: none of ours has that digest
};

// When an endpoint answered with it.
struct InUse {
  std::string endpoint, from, to;  // times; an empty one is open
};

struct MadeFrom {
  std::string title;                            // "models:/sale/2", "run 4418a2... (fit)"
  std::string made_at;                          // a time; empty: unknown
  std::string commit;                           // empty: of no repository
  std::filesystem::path folder;                 // of the project, where it ran
  std::map<std::string, std::string> code;      // file -> digest
  std::map<std::string, DatasetUsed> datasets;  // by name
  std::map<std::string, std::string> inputs;    // other files and models -> digest or version
  std::map<std::string, std::string> parameters, environment;
  std::map<std::string, double> metrics;
  std::map<std::string, std::string> env_files;  // requirements.txt -> digest
  InUse in_use;                                  // without an endpoint: of none
};

// The version with this digest, or that had it before rows of it were erased.
Result<DatasetUsed> find_dataset(Client& client, const std::string& name,
                                 const std::string& digest);

// Endpoints that a version of a model was live at, from the first time to the end of the last.
Result<std::vector<InUse>> find_uses(Client& client, const std::string& model,
                                     const std::string& version);

// `id` is a tracked run, a run of a pipeline, models:/NAME/VERSION or @ALIAS, dataset:NAME@VERSION,
// a request's id (what answered it), or a time: then what answered at `endpoint`, or at the only
// one there is, else the project's datasets and commit. kNotFound.
Result<MadeFrom> find_made_from(Client& client, const std::string& id, const std::string& endpoint);

}  // namespace slipway::cli
