#include "registry/records.h"

namespace slipway::registry {

ModelVersion read_version(const store::Row& row) {
  return {.model = row.string(0),
          .version = row.int64(1),
          .created = row.time(2),
          .updated = row.time(3),
          .description = row.string(4),
          .stage = row.string(5),
          .run_id = row.string(7),
          .run_link = row.string(8),
          .model_id = row.string(9),
          .source = row.string(6),
          .storage = row.string(11),
          .gate = row.string(10)};
}

Result<void> read_version_details(store::Reader& reader, ModelVersion& version) {
  TRY(reader.query(
      "SELECT key, value FROM model_version_tags WHERE model = ? AND version = ? ORDER BY key",
      {version.model, version.version}, [&](const store::Row& row) {
        version.tags.push_back({row.string(0), row.string(1)});
      }));
  return reader.query(
      "SELECT alias FROM model_aliases WHERE model = ? AND version = ? ORDER BY alias",
      {version.model, version.version},
      [&](const store::Row& row) { version.aliases.push_back(row.string(0)); });
}

Result<ModelVersion> find_version(store::Reader& reader, const std::string& model,
                                  std::int64_t version) {
  std::optional<ModelVersion> found = TRY(reader.find(
      fmt::format("SELECT {} FROM model_versions WHERE model = ? AND version = ?", kVersionColumns),
      {model, version}, read_version));
  if (!found) {
    return base::error(Code::kNotFound, "Model Version (name={}, version={}) not found", model,
                       version);
  }
  TRY(read_version_details(reader, *found));
  return std::move(*found);
}

Result<RegisteredModel> find_model(store::Reader& reader, const std::string& name) {
  std::optional<RegisteredModel> model = TRY(reader.find(
      "SELECT name, description, created, updated FROM registered_models WHERE name = ?", {name},
      [](const store::Row& row) {
        return RegisteredModel{.name = row.string(0),
                               .description = row.string(1),
                               .created = row.time(2),
                               .updated = row.time(3)};
      }));
  if (!model) return no_model(name);
  TRY(reader.query("SELECT key, value FROM registered_model_tags WHERE model = ? ORDER BY key",
                   {name}, [&](const store::Row& row) {
                     model->tags.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query("SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias",
                   {name}, [&](const store::Row& row) {
                     model->aliases.push_back({row.string(0), row.int64(1)});
                   }));
  std::vector<std::int64_t> latest;
  TRY(reader.query(
      "SELECT MAX(version) FROM model_versions WHERE model = ? GROUP BY stage ORDER BY 1", {name},
      [&](const store::Row& row) { latest.push_back(row.int64(0)); }));
  for (const std::int64_t version : latest)
    model->latest_versions.push_back(TRY(find_version(reader, name, version)));
  return std::move(*model);
}

Result<void> touch_model(store::Tx& tx, const std::string& model, base::Timestamp now) {
  if (TRY(tx.execute("UPDATE registered_models SET updated = ? WHERE name = ?", {now, model})) == 0)
    return no_model(model);
  return {};
}

Result<bool> find_prompt(store::Reader& reader, const std::string& model) {
  const auto value =
      TRY(reader.find("SELECT value FROM registered_model_tags WHERE model = ? AND key = ?",
                      {model, kPromptTag}, [](const store::Row& row) { return row.string(0); }));
  return value && is_prompt({{std::string(kPromptTag), *value}});
}

std::string model_subject(const std::string& model) { return "models/" + model; }
std::string version_subject(const std::string& model, std::int64_t version) {
  return fmt::format("models/{}/{}", model, version);
}

Error no_model(const std::string& name) {
  return base::error(Code::kNotFound, "Registered Model with name={} not found", name);
}

}  // namespace slipway::registry
