// Model versions by the runs that they were made from, of many runs at once.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/db.h"

namespace slipway::registry {

struct VersionOfRun {
  std::string model;
  std::int64_t version = 0;
  std::string run_id, model_id;  // of the logged model that it is; empty: of none
};

// By model and version. Looks through all versions once.
Result<std::vector<VersionOfRun>> versions_of_runs(store::Db& db,
                                                   const std::set<std::string>& runs);

}  // namespace slipway::registry
