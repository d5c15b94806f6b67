// Takes over registered models that another registry has kept: version numbers, times, stages and
// aliases stay what they were.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "registry/registry.h"
#include "store/db.h"

namespace slipway::registry {

struct ImportedModel {
  RegisteredModel model;  // latest_versions is not read
  std::vector<ModelVersion> versions;
  std::int64_t last_version = 0;  // the highest number ever given, deleted ones included
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class ModelImport {
 public:
  ModelImport(store::Db& db, const base::Clock& clock, Registry& registry)
      : db_(db), clock_(clock), registry_(registry) {}

  // What is missing here is created. What is here with another content is replaced when the source
  // changed later than we did, and an alias when the last who moved it was an import; else it
  // stays. All or nothing; again with the same is no change. The result is what is here afterwards.
  Result<ImportedModel> put(const ImportedModel& imported);

 private:
  Result<ImportedModel> read(const std::string& name);

  store::Db& db_;
  const base::Clock& clock_;
  Registry& registry_;
};

}  // namespace slipway::registry
