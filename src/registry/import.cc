#include "registry/import.h"

namespace slipway::registry {
namespace {

constexpr std::string_view kActor = "import";

std::int64_t first_int(const store::Row& row) { return row.int64(0); }

Result<void> put_head(store::Tx& tx, const ImportedModel& imported) {
  const RegisteredModel& model = imported.model;
  const auto updated =
      TRY(tx.find("SELECT updated FROM registered_models WHERE name = ?", {model.name}, first_int));
  if (!updated) {
    TRY(
        tx.send("INSERT INTO registered_models(name, description, created, updated) VALUES(?, "
                "?, ?, ?)",
                {model.name, model.description, model.created, model.updated}));
    TRY(tx.append_event({.kind = "model.imported",
                         .subject = "models/" + model.name,
                         .actor = std::string(kActor),
                         .payload = {{"versions", imported.versions.size()}},
                         .event_time = model.created}));
  } else if (*updated < model.updated.micros) {
    TRY(tx.send("UPDATE registered_models SET description = ?, updated = ? WHERE name = ?",
                {model.description, model.updated, model.name}));
  }
  for (const KeyValue& tag : model.tags)
    TRY(
        tx.send("INSERT INTO registered_model_tags(model, key, value) VALUES(?, ?, ?) ON "
                "CONFLICT DO NOTHING",
                {model.name, tag.key, tag.value}));
  TRY(tx.send("UPDATE registered_models SET last_version = ? WHERE name = ? AND last_version < ?",
              {imported.last_version, model.name, imported.last_version}));
  return {};
}

Result<void> put_version(store::Tx& tx, const std::string& model, const ModelVersion& version) {
  const auto updated =
      TRY(tx.find("SELECT updated FROM model_versions WHERE model = ? AND version = ?",
                  {model, version.version}, first_int));
  if (updated && *updated > version.updated.micros) return {};
  TRY(tx.send(
      "INSERT INTO model_versions(model, version, created, updated, description, stage, "
      "source, run_id, run_link, model_id, storage) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
      "CONFLICT(model, version) DO UPDATE SET updated = excluded.updated, description = "
      "excluded.description, stage = excluded.stage, source = excluded.source, storage = "
      "excluded.storage",
      {model, version.version, version.created, version.updated, version.description, version.stage,
       version.source, version.run_id, version.run_link, version.model_id, version.storage}));
  for (const KeyValue& tag : version.tags)
    TRY(
        tx.send("INSERT INTO model_version_tags(model, version, key, value) VALUES(?, ?, ?, ?) "
                "ON CONFLICT(model, version, key) DO UPDATE SET value = excluded.value",
                {model, version.version, tag.key, tag.value}));
  return {};
}

Result<void> put_alias(store::Tx& tx, const std::string& model, const Alias& alias,
                       base::Timestamp now) {
  const auto here = TRY(tx.find("SELECT version FROM model_aliases WHERE model = ? AND alias = ?",
                                {model, alias.alias}, first_int));
  if (here && *here == alias.version) return {};
  const auto mover =
      TRY(tx.find("SELECT actor FROM alias_moves WHERE model = ? AND alias = ? ORDER BY number "
                  "DESC LIMIT 1",
                  {model, alias.alias}, [](const store::Row& row) { return row.string(0); }));
  const auto is_protected =
      TRY(tx.find("SELECT 1 FROM protected_aliases WHERE model = ? AND alias = ?",
                  {model, alias.alias}, first_int));
  // Somebody here has decided, or wants to be asked.
  if (is_protected || (mover && *mover != kActor)) return {};
  TRY(
      tx.send("INSERT INTO model_aliases(model, alias, version) VALUES(?, ?, ?) ON "
              "CONFLICT(model, alias) DO UPDATE SET version = excluded.version",
              {model, alias.alias, alias.version}));
  TRY(
      tx.send("INSERT INTO alias_moves(model, alias, from_version, to_version, time, actor, "
              "reason) VALUES(?, ?, ?, ?, ?, ?, 'imported')",
              {model, alias.alias, here, alias.version, now, kActor}));
  return tx.append_event({.kind = "alias.moved",
                          .subject = "models/" + model,
                          .actor = std::string(kActor),
                          .payload = {{"alias", alias.alias},
                                      {"from", here ? Json(*here) : Json(nullptr)},
                                      {"to", alias.version},
                                      {"reason", "imported"}}});
}

}  // namespace

Result<ImportedModel> ModelImport::put(const ImportedModel& imported) {
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    // Another model of the same name: nothing of it is touched.
    const auto created = TRY(tx.find("SELECT created FROM registered_models WHERE name = ?",
                                     {imported.model.name}, first_int));
    if (created && *created != imported.model.created.micros) return {};
    TRY(put_head(tx, imported));
    for (const ModelVersion& version : imported.versions)
      TRY(put_version(tx, imported.model.name, version));
    for (const Alias& alias : imported.model.aliases)
      TRY(put_alias(tx, imported.model.name, alias, now));
    return {};
  }));
  return read(imported.model.name);
}

Result<ImportedModel> ModelImport::read(const std::string& name) {
  ImportedModel here;
  here.model = TRY(registry_.get_model(name));
  std::vector<std::int64_t> numbers;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    TRY(reader.query("SELECT version FROM model_versions WHERE model = ? ORDER BY version", {name},
                     [&](const store::Row& row) { numbers.push_back(row.int64(0)); }));
    return reader.query("SELECT last_version FROM registered_models WHERE name = ?", {name},
                        [&](const store::Row& row) { here.last_version = row.int64(0); });
  }));
  for (const std::int64_t number : numbers)
    here.versions.push_back(TRY(registry_.get_version(name, number)));
  return here;
}

}  // namespace slipway::registry
