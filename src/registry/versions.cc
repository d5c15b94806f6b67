#include <algorithm>

#include "registry/names.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace slipway::registry {
namespace {

constexpr std::string_view kUpsertTag =
    "INSERT INTO model_version_tags(model, version, key, value) VALUES(?, ?, ?, ?) ON "
    "CONFLICT(model, version, key) DO UPDATE SET value = excluded.value";

JsonObject created_payload(const ModelVersion& version) {
  JsonObject tags;
  for (const KeyValue& tag : version.tags) tags[tag.key] = tag.value;
  return {{"source", version.source},
          {"run_id", version.run_id},
          {"description", version.description},
          {"tags", std::move(tags)},
          {"prompt", is_prompt(version.tags)}};
}

Error outside(const std::string& source, std::string_view parameter) {
  return base::error(
      Code::kInvalidArgument,
      "Invalid model version source: '{}'. To use a local path as a model version source, the {} "
      "request parameter has to be specified and the local path has to be contained within the "
      "artifact directory of the {} specified by the {}.",
      source, parameter, parameter == "model_id" ? "logged model" : "run", parameter);
}

// A prompt has its text in a tag; its source stands there because every version has one.
Result<void> check_prompt_source(const std::string& source) {
  if (source.starts_with('/') || source.starts_with("file:")) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid prompt source: '{}'. Local source paths are not allowed for prompts.", source);
  }
  if (source.find(":/") != std::string::npos) return check_plain_source(source);
  return {};
}

}  // namespace

Result<void> Registry::resolve_source(ModelVersion& draft) {
  if (pattern_ && !pattern_->allows(draft.source)) {
    return base::error(Code::kInvalidArgument, "Invalid model version source: '{}'.", draft.source);
  }
  if (is_prompt(draft.tags)) return check_prompt_source(draft.source);
  if (TRY(is_local_source(draft.source))) {
    if (!draft.model_id.empty()) {
      const auto made = TRY(places_.logged_model(draft.model_id));
      if (!TRY(is_local_source(made.place)) || !lies_within(draft.source, made.place))
        return outside(draft.source, "model_id");
      if (draft.run_id.empty()) draft.run_id = made.run_id;
      return {};
    }
    if (draft.run_id.empty()) return outside(draft.source, "run_id");
    const std::string place = TRY(places_.run_place(draft.run_id));
    if (!TRY(is_local_source(place)) || !lies_within(draft.source, place))
      return outside(draft.source, "run_id");
    return {};
  }
  TRY(check_plain_source(draft.source));
  if (is_model_reference(draft.source)) {
    const ModelReference reference = TRY(parse_model_reference(draft.source));
    if (reference.model_id.empty()) {
      // A copy of another version: it has the files of that one, and comes from the same run.
      ModelVersion original;
      if (reference.version) {
        original = TRY(get_version(reference.model, *reference.version));
      } else if (!reference.stage.empty()) {
        const auto latest = TRY(latest_versions(reference.model, {reference.stage}));
        if (latest.empty())
          return base::error(Code::kNotFound, "No version of the model has the stage: {}",
                             draft.source);
        original = latest.front();
      } else {
        original = TRY(version_by_alias(reference.model,
                                        reference.alias.empty() ? "latest" : reference.alias));
      }
      if (is_prompt(original.tags)) {
        return base::error(Code::kInvalidArgument,
                           "Invalid model version source: '{}'. Prompt versions cannot be used as "
                           "model version sources.",
                           draft.source);
      }
      if ((!draft.run_id.empty() && draft.run_id != original.run_id) ||
          (!draft.model_id.empty() && draft.model_id != original.model_id)) {
        return base::error(Code::kInvalidArgument,
                           "Invalid model version source: '{}'. The run_id and model_id request "
                           "parameters must match the referenced model version.",
                           draft.source);
      }
      draft.source = fmt::format("models:/{}/{}", original.model, original.version);
      draft.storage = original.place();
      draft.run_id = original.run_id;
      draft.model_id = original.model_id;
      return {};
    }
    if (!draft.model_id.empty() && draft.model_id != reference.model_id) {
      return base::error(Code::kInvalidArgument,
                         "Invalid model version source: '{}'. The model_id request parameter must "
                         "identify the resource that contains the source.",
                         draft.source);
    }
    draft.model_id = reference.model_id;
    draft.storage = TRY(places_.logged_model(draft.model_id)).place;
  }
  if (draft.run_id.empty() && !draft.model_id.empty())
    draft.run_id = TRY(places_.logged_model(draft.model_id)).run_id;
  return {};
}

Result<ModelVersion> Registry::create_version(ModelVersion draft, const Change& change) {
  TRY(check_model_name(draft.model));
  for (const KeyValue& tag : draft.tags) TRY(check_tag(tag));
  TRY(resolve_source(draft));
  const base::Timestamp now = clock_.now();
  ModelVersion made = TRY(db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    TRY(touch_model(tx, draft.model, now));
    TRY(tx.execute("UPDATE registered_models SET last_version = last_version + 1 WHERE name = ?",
                   {draft.model}));
    const std::int64_t version =
        TRY(tx.find("SELECT last_version FROM registered_models WHERE name = ?", {draft.model},
                    [](const store::Row& row) { return row.int64(0); }))
            .value();
    TRY(
        tx.execute("INSERT INTO model_versions(model, version, created, updated, description, "
                   "stage, source, run_id, run_link, model_id, storage) "
                   "VALUES(?, ?, ?, ?, ?, 'None', ?, ?, ?, ?, ?)",
                   {draft.model, version, now, now, draft.description, draft.source, draft.run_id,
                    draft.run_link, draft.model_id, draft.storage}));
    for (const KeyValue& tag : draft.tags)
      TRY(tx.execute(kUpsertTag, {draft.model, version, tag.key, tag.value}));
    ModelVersion created = TRY(find_version(tx, draft.model, version));
    TRY(tx.append_event({.kind = "model_version.created",
                         .subject = version_subject(draft.model, version),
                         .actor = change.actor,
                         .payload = created_payload(created)}));
    return created;
  }));
  // The version is made; whether its logged model could be told doesn't change that.
  if (!made.model_id.empty() && !is_prompt(made.tags)) {
    if (auto told = places_.version_made(made.model_id, made.model, made.version); !told)
      return std::move(told).error().with_context("the version was made, but its logged model");
  }
  return made;
}

Result<ModelVersion> Registry::get_version(const std::string& model, std::int64_t version) {
  TRY(check_model_name(model));
  return db_.read([&](store::Reader& reader) { return find_version(reader, model, version); });
}

Result<ModelVersion> Registry::update_version(const std::string& model, std::int64_t version,
                                              const std::string& description,
                                              const Change& change) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    TRY(find_version(tx, model, version));
    TRY(tx.execute(
        "UPDATE model_versions SET description = ?, updated = ? WHERE model = ? AND version = ?",
        {description, now, model, version}));
    TRY(tx.append_event({.kind = "model_version.updated",
                         .subject = version_subject(model, version),
                         .actor = change.actor,
                         .payload = {{"description", description}}}));
    return find_version(tx, model, version);
  });
}

Result<void> Registry::delete_version(const std::string& model, std::int64_t version,
                                      const Change& change) {
  const base::Timestamp now = clock_.now();
  const auto moves = TRY(db_.write([&](store::Tx& tx) -> Result<std::vector<AliasMove>> {
    TRY(find_version(tx, model, version));
    TRY(touch_model(tx, model, now));
    auto dropped = TRY(drop_aliases(tx, model, version, now, change));
    TRY(tx.execute("DELETE FROM model_versions WHERE model = ? AND version = ?", {model, version}));
    TRY(tx.append_event({.kind = "model_version.deleted",
                         .subject = version_subject(model, version),
                         .actor = change.actor}));
    return dropped;
  }));
  if (observer_ != nullptr) {
    for (const AliasMove& move : moves) observer_->alias_moved(move);
  }
  return {};
}

Result<void> Registry::set_version_tag(const std::string& model, std::int64_t version,
                                       const KeyValue& tag, const Change& change) {
  TRY(check_tag(tag));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_version(tx, model, version));
    TRY(tx.execute(kUpsertTag, {model, version, tag.key, tag.value}));
    const bool prompt = TRY(find_prompt(tx, model));
    return tx.append_event(
        {.kind = "model_version.tag_set",
         .subject = version_subject(model, version),
         .actor = change.actor,
         .payload = {{"key", tag.key}, {"value", tag.value}, {"prompt", prompt}}});
  });
}

Result<void> Registry::delete_version_tag(const std::string& model, std::int64_t version,
                                          const std::string& key, const Change& change) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_version(tx, model, version));
    if (TRY(tx.execute("DELETE FROM model_version_tags WHERE model = ? AND version = ? AND key = ?",
                       {model, version, key})) == 0)
      return {};
    const bool prompt = TRY(find_prompt(tx, model));
    return tx.append_event({.kind = "model_version.tag_deleted",
                            .subject = version_subject(model, version),
                            .actor = change.actor,
                            .payload = {{"key", key}, {"prompt", prompt}}});
  });
}

Result<ModelVersion> Registry::set_stage(const std::string& model, std::int64_t version,
                                         const std::string& stage, bool archive_existing,
                                         const Change& change) {
  const std::string canonical = TRY(canonical_stage(stage));
  if (archive_existing && canonical != "Staging" && canonical != "Production") {
    return base::error(Code::kInvalidArgument,
                       "Model version transition cannot archive existing model versions because "
                       "'{}' is not an Active stage. Valid stages are ['Staging', 'Production']",
                       stage);
  }
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ModelVersion> {
    const ModelVersion before = TRY(find_version(tx, model, version));
    TRY(touch_model(tx, model, now));
    if (archive_existing) {
      TRY(
          tx.execute("UPDATE model_versions SET stage = 'Archived', updated = ? WHERE model = ? "
                     "AND stage = ? AND version != ?",
                     {now, model, canonical, version}));
    }
    TRY(tx.execute(
        "UPDATE model_versions SET stage = ?, updated = ? WHERE model = ? AND version = ?",
        {canonical, now, model, version}));
    TRY(tx.append_event({.kind = "model_version.stage_changed",
                         .subject = version_subject(model, version),
                         .actor = change.actor,
                         .payload = {{"from", before.stage}, {"to", canonical}}}));
    return find_version(tx, model, version);
  });
}

Result<std::vector<ModelVersion>> Registry::latest_versions(
    const std::string& model, const std::vector<std::string>& stages) {
  std::vector<std::string> wanted;
  for (const std::string& stage : stages) wanted.push_back(TRY(canonical_stage(stage)));
  std::vector<ModelVersion> found = TRY(get_model(model)).latest_versions;
  if (!wanted.empty()) {
    std::erase_if(found, [&](const ModelVersion& version) {
      return std::find(wanted.begin(), wanted.end(), version.stage) == wanted.end();
    });
  }
  return found;
}

}  // namespace slipway::registry
