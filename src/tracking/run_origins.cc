#include "tracking/run_origins.h"

#include "tracking/input_tags.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kContextTag = "mlflow.data.context";

}  // namespace

Result<void> each_run_origin(store::Db& db, const std::function<void(const RunOrigin&)>& each) {
  return db.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT r.id, t.value, s.value FROM run_tags t JOIN runs r ON r.number = t.run LEFT JOIN "
        "run_tags s ON s.run = t.run AND s.key = 'slipway.step' WHERE t.key = 'slipway.run_id'",
        {}, [&](const store::Row& row) {
          each({row.string(0), row.string(1), row.string(2)});
        });
  });
}

Result<std::vector<DatasetUse>> dataset_uses(store::Db& db, const std::set<std::string>& names) {
  std::vector<DatasetUse> uses;
  TRY(db.read([&](store::Reader& reader) -> Result<void> {
    for (const std::string& name : names) {
      TRY(reader.query(
          "SELECT r.id, d.digest, d.tags FROM run_datasets d JOIN runs r ON r.number = d.run WHERE "
          "d.name = ? ORDER BY r.id, d.position",
          {name}, [&](const store::Row& row) {
            std::string context;
            for (const KeyValue& tag : parse_input_tags(row.text(2))) {
              if (tag.key == kContextTag) context = tag.value;
            }
            uses.push_back({row.string(0), name, row.string(1), std::move(context)});
          }));
    }
    return {};
  }));
  return uses;
}

Result<std::vector<ModelOfRun>> logged_models_of(store::Db& db, const std::set<std::string>& runs) {
  std::vector<ModelOfRun> models;
  TRY(db.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, source_run_id FROM logged_models WHERE deleted = 0 ORDER BY created, id", {},
        [&](const store::Row& row) {
          if (runs.contains(row.string(1))) models.push_back({row.string(0), row.string(1)});
        });
  }));
  return models;
}

}  // namespace slipway::tracking
