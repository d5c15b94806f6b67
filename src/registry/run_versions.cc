#include "registry/run_versions.h"

namespace slipway::registry {

Result<std::vector<VersionOfRun>> versions_of_runs(store::Db& db,
                                                   const std::set<std::string>& runs) {
  std::vector<VersionOfRun> versions;
  TRY(db.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT model, version, run_id, model_id FROM model_versions WHERE run_id <> '' ORDER BY "
        "model, version",
        {}, [&](const store::Row& row) {
          if (runs.contains(row.string(2)))
            versions.push_back({row.string(0), row.int64(1), row.string(2), row.string(3)});
        });
  }));
  return versions;
}

}  // namespace slipway::registry
