#include "tracking/logged_models.h"

#include "tracking/search_grammars.h"
#include "tracking/sqlite_text.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kColumns =
    "id, experiment, name, model_type, source_run_id, artifact_uri, status, status_message, "
    "created, updated";

LoggedModel read_model(const store::Row& row) {
  return {.id = row.string(0),
          .experiment_id = std::to_string(row.int64(1)),
          .name = row.string(2),
          .model_type = row.string(3),
          .source_run_id = row.string(4),
          .artifact_uri = row.string(5),
          .status = row.string(6),
          .status_message = row.string(7),
          .created = row.time(8),
          .updated = row.time(9)};
}

Result<LoggedModel> find_model(store::Reader& reader, const std::string& id) {
  std::optional<LoggedModel> model = TRY(reader.find(
      fmt::format("SELECT {} FROM logged_models WHERE id = ? AND deleted = 0", kColumns), {id},
      read_model));
  if (!model) return base::error(Code::kNotFound, "Logged model with ID '{}' not found.", id);
  TRY(reader.query("SELECT key, value FROM logged_model_params WHERE model = ? ORDER BY key", {id},
                   [&](const store::Row& row) {
                     model->params.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query("SELECT key, value FROM logged_model_tags WHERE model = ? ORDER BY key", {id},
                   [&](const store::Row& row) {
                     model->tags.push_back({row.string(0), row.string(1)});
                   }));
  return std::move(*model);
}

Result<void> put_all(store::Tx& tx, std::string_view table, const std::string& id,
                     const std::vector<KeyValue>& pairs) {
  for (const KeyValue& pair : pairs) {
    TRY(tx.execute(fmt::format("INSERT INTO {}(model, key, value) VALUES(?, ?, ?) ON "
                               "CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                               table),
                   {id, pair.key, pair.value}));
  }
  return {};
}

// The clauses as SQL over logged_models m; values go to `texts` in the order of their marks.
Result<std::string> filter_sql(const std::string& filter, std::vector<std::string>& texts) {
  static constexpr std::pair<std::string_view, std::string_view> kAttributes[] = {
      {"name", "m.name"},
      {"model_id", "m.id"},
      {"model_type", "m.model_type"},
      {"status", "m.status"},
      {"source_run_id", "m.source_run_id"}};
  std::string sql;
  for (const types::SearchClause& clause :
       TRY(types::parse_search_filter(filter, logged_model_grammar()))) {
    const auto* text = std::get_if<std::string>(&clause.value);
    if (text == nullptr)
      return base::error(Code::kInvalidArgument, "Expected a quoted string value for '{}'",
                         clause.key);
    const std::string compare = TRY(text_comparison(clause));
    if (clause.entity == types::Entity::kTag || clause.entity == types::Entity::kParam) {
      sql += fmt::format(
          " AND EXISTS(SELECT 1 FROM {} x WHERE x.model = m.id AND x.key = ? AND x.value {})",
          clause.entity == types::Entity::kTag ? "logged_model_tags" : "logged_model_params",
          compare);
      texts.push_back(clause.key);
    } else {
      const auto* const known = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                             [&](const auto& a) { return a.first == clause.key; });
      if (clause.entity != types::Entity::kAttribute || known == std::end(kAttributes)) {
        return base::error(Code::kInvalidArgument, "Invalid attribute key '{}' for logged models",
                           clause.key);
      }
      sql += fmt::format(" AND {} {}", known->second, compare);
    }
    texts.push_back(clause.comparison == types::Comparison::kLike ? like_to_glob(*text) : *text);
  }
  return sql;
}

}  // namespace

Result<LoggedModel> LoggedModels::create(const LoggedModel& draft) {
  const std::int64_t experiment = TRY(experiment_number(draft.experiment_id));
  const std::string id = "m-" + random_.hex();
  const std::string name = draft.name.empty() ? id : draft.name;
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<LoggedModel> {
    const std::optional<std::string> location =
        TRY(tx.find("SELECT artifact_location FROM experiments WHERE id = ?", {experiment},
                    [](const store::Row& row) { return row.string(0); }));
    if (!location)
      return base::error(Code::kNotFound, "No Experiment with id={} exists", draft.experiment_id);
    TRY(
        tx.execute("INSERT INTO logged_models(id, experiment, name, model_type, source_run_id, "
                   "artifact_uri, status, created, updated) "
                   "VALUES(?, ?, ?, ?, ?, ?, 'LOGGED_MODEL_PENDING', ?, ?)",
                   {id, experiment, name, draft.model_type, draft.source_run_id,
                    fmt::format("{}/models/{}/artifacts", *location, id), now, now}));
    TRY(put_all(tx, "logged_model_params", id, draft.params));
    TRY(put_all(tx, "logged_model_tags", id, draft.tags));
    TRY(tx.append_event({.kind = "logged_model.created",
                         .subject = "logged-models/" + id,
                         .payload = {{"name", name}, {"run_id", draft.source_run_id}}}));
    return find_model(tx, id);
  });
}

Result<LoggedModel> LoggedModels::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return find_model(reader, id); });
}

Result<LoggedModel> LoggedModels::finalize(const std::string& id, const std::string& status) {
  if (status != "LOGGED_MODEL_READY" && status != "LOGGED_MODEL_UPLOAD_FAILED") {
    return base::error(Code::kInvalidArgument,
                       "Invalid model status: {}. Expected statuses: LOGGED_MODEL_READY, "
                       "LOGGED_MODEL_UPLOAD_FAILED",
                       status);
  }
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<LoggedModel> {
    TRY(find_model(tx, id));
    TRY(tx.execute("UPDATE logged_models SET status = ?, updated = ? WHERE id = ?",
                   {status, now, id}));
    TRY(tx.append_event({.kind = "logged_model.finalized",
                         .subject = "logged-models/" + id,
                         .payload = {{"status", status}}}));
    return find_model(tx, id);
  });
}

Result<void> LoggedModels::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, id));
    TRY(tx.execute("UPDATE logged_models SET deleted = 1 WHERE id = ?", {id}));
    return tx.append_event({.kind = "logged_model.deleted", .subject = "logged-models/" + id});
  });
}

Result<void> LoggedModels::set_tags(const std::string& id, const std::vector<KeyValue>& tags) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, id));
    return put_all(tx, "logged_model_tags", id, tags);
  });
}

Result<void> LoggedModels::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, id));
    if (TRY(tx.execute("DELETE FROM logged_model_tags WHERE model = ? AND key = ?", {id, key})) ==
        0) {
      return base::error(Code::kNotFound, "No tag with key {} in logged model with ID '{}'", key,
                         id);
    }
    return {};
  });
}

Result<void> LoggedModels::log_params(const std::string& id, const std::vector<KeyValue>& params) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(find_model(tx, id));
    return put_all(tx, "logged_model_params", id, params);
  });
}

Result<Page<LoggedModel>> LoggedModels::search(const std::vector<std::string>& experiment_ids,
                                               const std::string& filter, std::int64_t max_results,
                                               const std::string& token) {
  const std::int64_t offset = TRY(parse_page_token(token));
  std::string experiments;
  for (const std::string& id : experiment_ids) {
    if (const Result<std::int64_t> number = experiment_number(id))
      experiments += (experiments.empty() ? "" : ", ") + std::to_string(*number);
  }
  std::vector<std::string> texts;
  const std::string where = TRY(filter_sql(filter, texts));
  return db_.read([&](store::Reader& reader) -> Result<Page<LoggedModel>> {
    std::vector<store::Param> params(texts.begin(), texts.end());
    params.emplace_back(max_results + 1);
    params.emplace_back(offset);
    std::vector<std::string> ids;
    TRY(reader.query_span(
        fmt::format("SELECT id FROM logged_models m WHERE deleted = 0 AND experiment IN ({}){} "
                    "ORDER BY created DESC, id LIMIT ? OFFSET ?",
                    experiments, where),
        params, [&](const store::Row& row) { ids.push_back(row.string(0)); }));
    Page<LoggedModel> page;
    if (ids.size() > static_cast<std::size_t>(max_results)) {
      ids.pop_back();
      page.next = page_token(offset + max_results);
    }
    for (const std::string& id : ids) page.items.push_back(TRY(find_model(reader, id)));
    return page;
  });
}

}  // namespace slipway::tracking
