#include "registry/names.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace slipway::registry {
namespace {

constexpr std::string_view kUpsertTag =
    "INSERT INTO registered_model_tags(model, key, value) VALUES(?, ?, ?) ON CONFLICT(model, key) "
    "DO UPDATE SET value = excluded.value";

JsonObject tags_json(const std::vector<KeyValue>& tags) {
  JsonObject object;
  for (const KeyValue& tag : tags) object[tag.key] = tag.value;
  return object;
}

// Who has the name already decides what the message says.
Result<void> check_name_free(store::Reader& reader, const std::string& name, bool prompt) {
  const auto taken = TRY(reader.find("SELECT 1 FROM registered_models WHERE name = ?", {name},
                                     [](const store::Row&) { return true; }));
  if (!taken) return {};
  const bool by_prompt = TRY(find_prompt(reader, name));
  if (by_prompt != prompt) {
    return base::error(Code::kAlreadyExists,
                       "Tried to create a {} with name '{}', but the name is already taken by a "
                       "{}. MLflow does not allow creating a model and a prompt with the same "
                       "name.",
                       prompt ? "prompt" : "registered model", name,
                       by_prompt ? "prompt" : "registered model");
  }
  return base::error(Code::kAlreadyExists, "{} (name={}) already exists.",
                     prompt ? "Prompt" : "Registered Model", name);
}

Result<void> check_unprotected(store::Reader& reader, const std::string& model) {
  const auto alias =
      TRY(reader.find("SELECT alias FROM protected_aliases WHERE model = ? ORDER BY alias LIMIT 1",
                      {model}, [](const store::Row& row) { return row.string(0); }));
  if (!alias) return {};
  return base::error(Code::kPermissionDenied,
                     "The model has a protected alias, which keeps its name: unprotect it first: "
                     "model={} alias={} (see `slipway models unprotect`)",
                     model, *alias);
}

}  // namespace

Result<RegisteredModel> Registry::create_model(const std::string& name,
                                               const std::string& description,
                                               const std::vector<KeyValue>& tags,
                                               const Change& change) {
  TRY(check_model_name(name));
  for (const KeyValue& tag : tags) TRY(check_tag(tag));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(check_name_free(tx, name, is_prompt(tags)));
    TRY(tx.execute(
        "INSERT INTO registered_models(name, description, created, updated) VALUES(?, ?, ?, ?)",
        {name, description, now, now}));
    for (const KeyValue& tag : tags) TRY(tx.execute(kUpsertTag, {name, tag.key, tag.value}));
    TRY(tx.append_event({.kind = "model.created",
                         .subject = model_subject(name),
                         .actor = change.actor,
                         .payload = {{"description", description},
                                     {"tags", tags_json(tags)},
                                     {"prompt", is_prompt(tags)}}}));
    return find_model(tx, name);
  });
}

Result<RegisteredModel> Registry::get_model(const std::string& name) {
  TRY(check_model_name(name));
  return db_.read([&](store::Reader& reader) { return find_model(reader, name); });
}

Result<RegisteredModel> Registry::update_model(const std::string& name,
                                               const std::string& description,
                                               const Change& change) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(touch_model(tx, name, now));
    TRY(tx.execute("UPDATE registered_models SET description = ? WHERE name = ?",
                   {description, name}));
    TRY(tx.append_event({.kind = "model.updated",
                         .subject = model_subject(name),
                         .actor = change.actor,
                         .payload = {{"description", description}}}));
    return find_model(tx, name);
  });
}

Result<RegisteredModel> Registry::rename_model(const std::string& name, const std::string& new_name,
                                               const Change& change) {
  TRY(check_model_name(new_name, "new_name"));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<RegisteredModel> {
    TRY(touch_model(tx, name, now));
    if (name != new_name) {
      TRY(check_unprotected(tx, name));
      TRY(check_name_free(tx, new_name, TRY(find_prompt(tx, name))));
    }
    TRY(tx.execute("UPDATE registered_models SET name = ? WHERE name = ?", {new_name, name}));
    TRY(tx.execute("UPDATE model_versions SET updated = ? WHERE model = ?", {now, new_name}));
    TRY(tx.execute("UPDATE alias_moves SET model = ? WHERE model = ?", {new_name, name}));
    TRY(tx.append_event({.kind = "model.renamed",
                         .subject = model_subject(new_name),
                         .actor = change.actor,
                         .payload = {{"from", name}}}));
    return find_model(tx, new_name);
  });
}

Result<void> Registry::delete_model(const std::string& name, const Change& change) {
  const base::Timestamp now = clock_.now();
  const auto moves = TRY(db_.write([&](store::Tx& tx) -> Result<std::vector<AliasMove>> {
    TRY(touch_model(tx, name, now));
    const bool prompt = TRY(find_prompt(tx, name));
    auto dropped = TRY(drop_aliases(tx, name, std::nullopt, now, change));
    TRY(tx.execute("DELETE FROM registered_models WHERE name = ?", {name}));
    TRY(tx.execute("DELETE FROM protected_aliases WHERE model = ?", {name}));
    TRY(tx.append_event({.kind = "model.deleted",
                         .subject = model_subject(name),
                         .actor = change.actor,
                         .payload = {{"prompt", prompt}}}));
    return dropped;
  }));
  if (observer_ != nullptr) {
    for (const AliasMove& move : moves) observer_->alias_moved(move);
  }
  return {};
}

Result<void> Registry::set_model_tag(const std::string& name, const KeyValue& tag,
                                     const Change& change) {
  TRY(check_tag(tag));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, name));
    TRY(tx.execute(kUpsertTag, {name, tag.key, tag.value}));
    const bool prompt = TRY(find_prompt(tx, name));
    return tx.append_event(
        {.kind = "model.tag_set",
         .subject = model_subject(name),
         .actor = change.actor,
         .payload = {{"key", tag.key}, {"value", tag.value}, {"prompt", prompt}}});
  });
}

Result<void> Registry::delete_model_tag(const std::string& name, const std::string& key,
                                        const Change& change) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, name));
    const bool prompt = TRY(find_prompt(tx, name));
    if (TRY(tx.execute("DELETE FROM registered_model_tags WHERE model = ? AND key = ?",
                       {name, key})) == 0)
      return {};
    return tx.append_event({.kind = "model.tag_deleted",
                            .subject = model_subject(name),
                            .actor = change.actor,
                            .payload = {{"key", key}, {"prompt", prompt}}});
  });
}

}  // namespace slipway::registry
