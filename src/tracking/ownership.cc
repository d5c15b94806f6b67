#include "tracking/ownership.h"

namespace slipway::tracking {
namespace {

Result<std::optional<std::string>> find_experiment(store::Db& db, std::string_view sql,
                                                   const std::string& id) {
  return db.read([&](store::Reader& reader) {
    return reader.find(sql, {id},
                       [](const store::Row& row) { return std::to_string(row.int64(0)); });
  });
}

}  // namespace

Result<std::optional<std::string>> experiment_of_run(store::Db& db, const std::string& run) {
  return find_experiment(db, "SELECT experiment FROM runs WHERE id = ?", run);
}

Result<std::optional<std::string>> experiment_of_logged_model(store::Db& db,
                                                              const std::string& model) {
  return find_experiment(db, "SELECT experiment FROM logged_models WHERE id = ?", model);
}

Result<void> check_run_exists(store::Reader& reader, const std::string& run) {
  const std::optional<int> found = TRY(
      reader.find("SELECT 1 FROM runs WHERE id = ?", {run}, [](const store::Row&) { return 1; }));
  if (!found) return base::error(Code::kNotFound, "Run with id={} not found", run);
  return {};
}

}  // namespace slipway::tracking
