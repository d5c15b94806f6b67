#include "registry/registry.h"

#include <algorithm>
#include <cctype>

namespace slipway::registry {
namespace {

constexpr std::string_view kVersionColumns =
    "model, version, created, updated, description, stage, source, run_id, run_link, model_id, "
    "gate";
constexpr std::string_view kStages[] = {"None", "Staging", "Production", "Archived"};

Error no_model(const std::string& name) {
  return base::error(Code::kNotFound, "Registered Model with name={} not found", name);
}
Error no_version(const std::string& model, std::int64_t version) {
  return base::error(Code::kNotFound, "Model Version (name={}, version={}) not found", model,
                     version);
}

Result<void> check_name(const std::string& name) {
  if (name.empty())
    return base::error(Code::kInvalidArgument, "Registered model name cannot be empty.");
  if (name.find_first_of("/:") != std::string::npos || name == "." || name == "..") {
    return base::error(
        Code::kInvalidArgument,
        "Invalid model name: '{}'. Model name cannot contain '/' or ':' or be '.' or '..'.", name);
  }
  return {};
}

Result<void> check_alias(const std::string& alias) {
  const auto is_good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  if (alias.empty() || alias.size() > 255 || !std::all_of(alias.begin(), alias.end(), is_good)) {
    return base::error(Code::kInvalidArgument,
                       "Invalid alias name: '{}'. Names may only contain alphanumerics, "
                       "underscores (_), and dashes (-).",
                       alias);
  }
  std::string lower = alias;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "latest")
    return base::error(Code::kInvalidArgument,
                       "'latest' alias name (case insensitive) is reserved.");
  if (lower[0] == 'v' && lower.size() > 1 &&
      std::all_of(lower.begin() + 1, lower.end(),
                  [](unsigned char c) { return std::isdigit(c) != 0; })) {
    return base::error(Code::kInvalidArgument, "Version alias name '{}' is reserved.", alias);
  }
  return {};
}

ModelVersion read_version(const store::Row& row) {
  return {.model = row.string(0),
          .version = row.int64(1),
          .created = row.time(2),
          .updated = row.time(3),
          .description = row.string(4),
          .stage = row.string(5),
          .source = row.string(6),
          .run_id = row.string(7),
          .run_link = row.string(8),
          .model_id = row.string(9),
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
  if (!found) return no_version(model, version);
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

Result<void> touch(store::Tx& tx, const std::string& model, base::Timestamp now) {
  if (TRY(tx.execute("UPDATE registered_models SET updated = ? WHERE name = ?", {now, model})) == 0)
    return no_model(model);
  return {};
}

std::string model_subject(const std::string& model) { return "models/" + model; }
std::string version_subject(const std::string& model, std::int64_t version) {
  return fmt::format("models/{}/{}", model, version);
}

Json version_or_null(const std::optional<std::int64_t>& version) {
  return version ? Json(*version) : Json(nullptr);
}

}  // namespace

Result<RegisteredModel> Registry::create_model(const std::string& name,
                                               const std::string& description,
                                               const std::vector<KeyValue>& tags) {
  TRY(check_name(name));
  const base::Timestamp now = clock_.now();
  Result<RegisteredModel> created = db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(tx.execute(
        "INSERT INTO registered_models(name, description, created, updated) VALUES(?, ?, ?, ?)",
        {name, description, now, now}));
    for (const KeyValue& tag : tags) {
      TRY(
          tx.execute("INSERT INTO registered_model_tags(model, key, value) VALUES(?, ?, ?) ON "
                     "CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                     {name, tag.key, tag.value}));
    }
    TRY(tx.append_event({.kind = "model.created", .subject = model_subject(name)}));
    return find_model(tx, name);
  });
  if (!created && created.error().code == Code::kAlreadyExists) {
    return base::error(Code::kAlreadyExists, "Registered Model (name={}) already exists.", name);
  }
  return created;
}

Result<RegisteredModel> Registry::get_model(const std::string& name) {
  return db_.read([&](store::Reader& reader) { return find_model(reader, name); });
}

Result<RegisteredModel> Registry::update_model(const std::string& name,
                                               const std::string& description) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(touch(tx, name, now));
    TRY(tx.execute("UPDATE registered_models SET description = ? WHERE name = ?",
                   {description, name}));
    return find_model(tx, name);
  });
}

Result<RegisteredModel> Registry::rename_model(const std::string& name,
                                               const std::string& new_name) {
  TRY(check_name(new_name));
  const base::Timestamp now = clock_.now();
  Result<RegisteredModel> renamed = db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(touch(tx, name, now));
    TRY(tx.execute("UPDATE registered_models SET name = ? WHERE name = ?", {new_name, name}));
    TRY(tx.execute("UPDATE protected_aliases SET model = ? WHERE model = ?", {new_name, name}));
    TRY(tx.execute("UPDATE alias_moves SET model = ? WHERE model = ?", {new_name, name}));
    TRY(tx.append_event({.kind = "model.renamed",
                         .subject = model_subject(new_name),
                         .payload = {{"from", name}}}));
    return find_model(tx, new_name);
  });
  if (!renamed && renamed.error().code == Code::kAlreadyExists) {
    return base::error(Code::kAlreadyExists, "Registered Model (name={}) already exists.",
                       new_name);
  }
  return renamed;
}

Result<void> Registry::delete_model(const std::string& name) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM registered_models WHERE name = ?", {name})) == 0)
      return no_model(name);
    return tx.append_event({.kind = "model.deleted", .subject = model_subject(name)});
  });
}

Result<void> Registry::set_model_tag(const std::string& name, const KeyValue& tag) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(touch(tx, name, now));
    TRY(
        tx.execute("INSERT INTO registered_model_tags(model, key, value) VALUES(?, ?, ?) ON "
                   "CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                   {name, tag.key, tag.value}));
    return {};
  });
}

Result<void> Registry::delete_model_tag(const std::string& name, const std::string& key) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(touch(tx, name, now));
    TRY(tx.execute("DELETE FROM registered_model_tags WHERE model = ? AND key = ?", {name, key}));
    return {};
  });
}

Result<Page<RegisteredModel>> Registry::search_models(const std::string& name_like,
                                                      std::int64_t max_results,
                                                      std::int64_t offset) {
  return db_.read([&](store::Reader& reader) -> Result<Page<RegisteredModel>> {
    std::vector<std::string> names;
    TRY(
        reader.query("SELECT name FROM registered_models WHERE (? = '' OR name LIKE ?) ORDER BY "
                     "name LIMIT ? OFFSET ?",
                     {name_like, name_like, max_results + 1, offset},
                     [&](const store::Row& row) { names.push_back(row.string(0)); }));
    Page<RegisteredModel> page;
    if (names.size() > static_cast<std::size_t>(max_results)) {
      names.pop_back();
      page.next_offset = offset + max_results;
    }
    for (const std::string& name : names) page.items.push_back(TRY(find_model(reader, name)));
    return page;
  });
}

Result<ModelVersion> Registry::create_version(const ModelVersion& draft) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    TRY(touch(tx, draft.model, now));
    TRY(tx.execute("UPDATE registered_models SET last_version = last_version + 1 WHERE name = ?",
                   {draft.model}));
    const std::int64_t version =
        TRY(tx.find("SELECT last_version FROM registered_models WHERE name = ?", {draft.model},
                    [](const store::Row& row) { return row.int64(0); }))
            .value();
    TRY(
        tx.execute("INSERT INTO model_versions(model, version, created, updated, description, "
                   "stage, source, run_id, run_link, model_id) "
                   "VALUES(?, ?, ?, ?, ?, 'None', ?, ?, ?, ?)",
                   {draft.model, version, now, now, draft.description, draft.source, draft.run_id,
                    draft.run_link, draft.model_id}));
    for (const KeyValue& tag : draft.tags) {
      TRY(
          tx.execute("INSERT INTO model_version_tags(model, version, key, value) VALUES(?, ?, ?, "
                     "?) ON CONFLICT(model, version, key) DO UPDATE SET value = excluded.value",
                     {draft.model, version, tag.key, tag.value}));
    }
    TRY(tx.append_event({.kind = "model_version.created",
                         .subject = version_subject(draft.model, version),
                         .payload = {{"source", draft.source}, {"run_id", draft.run_id}}}));
    return find_version(tx, draft.model, version);
  });
}

Result<ModelVersion> Registry::get_version(const std::string& model, std::int64_t version) {
  return db_.read([&](store::Reader& reader) { return find_version(reader, model, version); });
}

Result<ModelVersion> Registry::update_version(const std::string& model, std::int64_t version,
                                              const std::string& description) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    TRY(touch(tx, model, now));
    TRY(tx.execute(
        "UPDATE model_versions SET description = ?, updated = ? WHERE model = ? AND version = ?",
        {description, now, model, version}));
    return find_version(tx, model, version);
  });
}

Result<void> Registry::delete_version(const std::string& model, std::int64_t version) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(touch(tx, model, now));
    if (TRY(tx.execute("DELETE FROM model_versions WHERE model = ? AND version = ?",
                       {model, version})) == 0)
      return no_version(model, version);
    return tx.append_event(
        {.kind = "model_version.deleted", .subject = version_subject(model, version)});
  });
}

Result<void> Registry::set_version_tag(const std::string& model, std::int64_t version,
                                       const KeyValue& tag) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(touch(tx, model, now));
    TRY(find_version(tx, model, version));
    TRY(
        tx.execute("INSERT INTO model_version_tags(model, version, key, value) VALUES(?, ?, ?, ?) "
                   "ON CONFLICT(model, version, key) DO UPDATE SET value = excluded.value",
                   {model, version, tag.key, tag.value}));
    return {};
  });
}

Result<void> Registry::delete_version_tag(const std::string& model, std::int64_t version,
                                          const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_version(tx, model, version));
    TRY(tx.execute("DELETE FROM model_version_tags WHERE model = ? AND version = ? AND key = ?",
                   {model, version, key}));
    return {};
  });
}

Result<ModelVersion> Registry::set_stage(const std::string& model, std::int64_t version,
                                         const std::string& stage, bool archive_existing) {
  const auto same = [&](std::string_view known) {
    return std::equal(
        known.begin(), known.end(), stage.begin(), stage.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
  };
  const auto* const found = std::find_if(std::begin(kStages), std::end(kStages), same);
  if (found == std::end(kStages)) {
    return base::error(Code::kInvalidArgument,
                       "Invalid Model Version stage: {}. Value must be one of None, Staging, "
                       "Production, Archived.",
                       stage);
  }
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    TRY(touch(tx, model, now));
    const ModelVersion before = TRY(find_version(tx, model, version));
    if (archive_existing) {
      TRY(
          tx.execute("UPDATE model_versions SET stage = 'Archived', updated = ? WHERE model = ? "
                     "AND stage = ? AND version != ?",
                     {now, model, *found, version}));
    }
    TRY(tx.execute(
        "UPDATE model_versions SET stage = ?, updated = ? WHERE model = ? AND version = ?",
        {*found, now, model, version}));
    TRY(tx.append_event({.kind = "model_version.stage_changed",
                         .subject = version_subject(model, version),
                         .payload = {{"from", before.stage}, {"to", *found}}}));
    return find_version(tx, model, version);
  });
}

Result<Page<ModelVersion>> Registry::search_versions(const VersionFilter& filter,
                                                     std::int64_t max_results,
                                                     std::int64_t offset) {
  return db_.read([&](store::Reader& reader) -> Result<Page<ModelVersion>> {
    Page<ModelVersion> page;
    TRY(reader.query(fmt::format("SELECT {} FROM model_versions WHERE (? = '' OR model = ?) AND (? "
                                 "= '' OR run_id = ?) AND (? = '' OR source = ?) "
                                 "ORDER BY updated DESC, model, version DESC LIMIT ? OFFSET ?",
                                 kVersionColumns),
                     {filter.model, filter.model, filter.run_id, filter.run_id, filter.source,
                      filter.source, max_results + 1, offset},
                     [&](const store::Row& row) { page.items.push_back(read_version(row)); }));
    if (page.items.size() > static_cast<std::size_t>(max_results)) {
      page.items.pop_back();
      page.next_offset = offset + max_results;
    }
    for (ModelVersion& version : page.items) TRY(read_version_details(reader, version));
    return page;
  });
}

Result<AliasMove> Registry::move_alias(const std::string& model, const std::string& alias,
                                       std::optional<std::int64_t> to, const Change& change,
                                       bool allow_protected, const std::string& gate) {
  TRY(check_alias(alias));
  AliasMove move{.model = model,
                 .alias = alias,
                 .to = to,
                 .time = clock_.now(),
                 .actor = change.actor,
                 .reason = change.reason};
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(touch(tx, model, move.time));
    bool is_protected = false;
    TRY(tx.query("SELECT 1 FROM protected_aliases WHERE model = ? AND alias = ?", {model, alias},
                 [&](const store::Row&) { is_protected = true; }));
    if (is_protected && !allow_protected) {
      return base::error(Code::kPermissionDenied,
                         "The alias is protected and moves only through a gate: model={} alias={} "
                         "(see `slipway models promote`)",
                         model, alias);
    }
    move.from = TRY(tx.find("SELECT version FROM model_aliases WHERE model = ? AND alias = ?",
                            {model, alias}, [](const store::Row& row) { return row.int64(0); }));
    if (to) {
      TRY(find_version(tx, model, *to));
      TRY(
          tx.execute("INSERT INTO model_aliases(model, alias, version) VALUES(?, ?, ?) ON "
                     "CONFLICT(model, alias) DO UPDATE SET version = excluded.version",
                     {model, alias, *to}));
      if (!gate.empty())
        TRY(tx.execute("UPDATE model_versions SET gate = ? WHERE model = ? AND version = ?",
                       {gate, model, *to}));
    } else {
      TRY(tx.execute("DELETE FROM model_aliases WHERE model = ? AND alias = ?", {model, alias}));
    }
    if (move.from == move.to) return {};
    TRY(
        tx.execute("INSERT INTO alias_moves(model, alias, from_version, to_version, time, actor, "
                   "reason) VALUES(?, ?, ?, ?, ?, ?, ?)",
                   {model, alias, move.from, move.to, move.time, move.actor, move.reason}));
    return tx.append_event({.kind = "alias.moved",
                            .subject = model_subject(model),
                            .actor = change.actor,
                            .payload = {{"alias", alias},
                                        {"from", version_or_null(move.from)},
                                        {"to", version_or_null(move.to)},
                                        {"reason", change.reason}}});
  }));
  if (observer_ != nullptr && move.from != move.to) observer_->alias_moved(move);
  return move;
}

Result<void> Registry::set_alias(const std::string& model, const std::string& alias,
                                 std::int64_t version, const Change& change) {
  TRY(move_alias(model, alias, version, change, false, ""));
  return {};
}

Result<void> Registry::delete_alias(const std::string& model, const std::string& alias,
                                    const Change& change) {
  TRY(move_alias(model, alias, std::nullopt, change, false, ""));
  return {};
}

Result<ModelVersion> Registry::version_by_alias(const std::string& model,
                                                const std::string& alias) {
  return db_.read([&](store::Reader& reader) -> Result<ModelVersion> {
    TRY(find_model(reader, model));
    const std::optional<std::int64_t> version =
        TRY(reader.find("SELECT version FROM model_aliases WHERE model = ? AND alias = ?",
                        {model, alias}, [](const store::Row& row) { return row.int64(0); }));
    if (!version)
      return base::error(Code::kInvalidArgument, "Registered model alias {} not found.", alias);
    return find_version(reader, model, *version);
  });
}

Result<void> Registry::protect_alias(const std::string& model, const std::string& alias) {
  TRY(check_alias(alias));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute(
            "INSERT INTO protected_aliases(model, alias) VALUES(?, ?) ON CONFLICT DO NOTHING",
            {model, alias})) == 0)
      return {};
    return tx.append_event({.kind = "alias.protected",
                            .subject = model_subject(model),
                            .payload = {{"alias", alias}}});
  });
}

Result<AliasMove> Registry::promote(const std::string& model, const std::string& alias,
                                    std::int64_t version, const std::string& gate,
                                    const Change& change) {
  return move_alias(model, alias, version, change, true, gate);
}

Result<std::vector<AliasMove>> Registry::alias_history(const std::string& model) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<AliasMove>> {
    std::vector<AliasMove> moves;
    TRY(reader.query(
        "SELECT model, alias, from_version, to_version, time, actor, reason FROM alias_moves WHERE "
        "model = ? ORDER BY number DESC",
        {model}, [&](const store::Row& row) {
          moves.push_back({row.string(0), row.string(1), row.maybe_int64(2), row.maybe_int64(3),
                           row.time(4), row.string(5), row.string(6)});
        }));
    return moves;
  });
}

}  // namespace slipway::registry
