#include "tracking/logged_models.h"

#include <cmath>

#include "tracking/artifacts.h"
#include "tracking/random_name.h"

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

Error not_found(const std::string& id) {
  return base::error(Code::kNotFound, "Logged model with ID '{}' not found.", id);
}

Result<void> check_exists(store::Reader& reader, const std::string& id) {
  const std::optional<int> found =
      TRY(reader.find("SELECT 1 FROM logged_models WHERE id = ? AND deleted = 0", {id},
                      [](const store::Row&) { return 1; }));
  if (!found) return not_found(id);
  return {};
}

Result<void> check_name(const std::string& name) {
  if (name.find_first_of("/:.%\"'") == std::string::npos) return {};
  return base::error(
      Code::kInvalidArgument,
      "Invalid model name ('{}') provided. Model name must be a non-empty string "
      "and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")",
      name);
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

}  // namespace

Result<LoggedModel> find_logged_model(store::Reader& reader, const std::string& id,
                                      Deleted deleted) {
  std::optional<LoggedModel> model =
      TRY(reader.find(fmt::format("SELECT {} FROM logged_models WHERE id = ?{}", kColumns,
                                  deleted == Deleted::kHidden ? " AND deleted = 0" : ""),
                      {id}, read_model));
  if (!model) return not_found(id);
  TRY(reader.query("SELECT key, value FROM logged_model_params WHERE model = ? ORDER BY key", {id},
                   [&](const store::Row& row) {
                     model->params.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query("SELECT key, value FROM logged_model_tags WHERE model = ? ORDER BY key", {id},
                   [&](const store::Row& row) {
                     model->tags.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query(
      "SELECT key, value, is_nan, timestamp_ms, step, run, dataset_name, dataset_digest FROM "
      "logged_model_metrics WHERE model = ? ORDER BY key, timestamp_ms, step, run",
      {id}, [&](const store::Row& row) {
        const double value = row.int64(2) != 0 ? std::nan("") : row.real(1);
        model->metrics.push_back({.run_id = row.string(5),
                                  .metric = {.key = row.string(0),
                                             .value = value,
                                             .timestamp_ms = row.int64(3),
                                             .step = row.int64(4),
                                             .model_id = id,
                                             .dataset_name = row.string(6),
                                             .dataset_digest = row.string(7)}});
      }));
  return std::move(*model);
}

Result<LoggedModel> LoggedModels::create(const LoggedModel& draft) {
  TRY(check_name(draft.name));
  const std::int64_t experiment = TRY(experiment_number(draft.experiment_id));
  const std::string id = "m-" + random_.hex();
  const std::string name = draft.name.empty() ? random_name(random_) : draft.name;
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<LoggedModel> {
    const std::string location = TRY(active_artifact_location(tx, experiment));
    TRY(
        tx.execute("INSERT INTO logged_models(id, experiment, name, model_type, source_run_id, "
                   "artifact_uri, status, created, updated) "
                   "VALUES(?, ?, ?, ?, ?, ?, 'LOGGED_MODEL_PENDING', ?, ?)",
                   {id, experiment, name, draft.model_type, draft.source_run_id,
                    join_location(location, fmt::format("models/{}/artifacts", id)), now, now}));
    TRY(put_all(tx, "logged_model_params", id, draft.params));
    TRY(put_all(tx, "logged_model_tags", id, draft.tags));
    TRY(tx.append_event({.kind = "logged_model.created",
                         .subject = "logged-models/" + id,
                         .payload = {{"name", name}, {"run_id", draft.source_run_id}}}));
    return find_logged_model(tx, id, Deleted::kHidden);
  });
}

Result<LoggedModel> LoggedModels::get(const std::string& id, Deleted deleted) {
  return db_.read([&](store::Reader& reader) { return find_logged_model(reader, id, deleted); });
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
    TRY(check_exists(tx, id));
    TRY(tx.execute("UPDATE logged_models SET status = ?, updated = ? WHERE id = ?",
                   {status, now, id}));
    TRY(tx.append_event({.kind = "logged_model.finalized",
                         .subject = "logged-models/" + id,
                         .payload = {{"status", status}}}));
    return find_logged_model(tx, id, Deleted::kHidden);
  });
}

Result<void> LoggedModels::remove(const std::string& id) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_exists(tx, id));
    TRY(tx.execute("UPDATE logged_models SET deleted = 1, updated = ? WHERE id = ?", {now, id}));
    return tx.append_event({.kind = "logged_model.deleted", .subject = "logged-models/" + id});
  });
}

Result<void> LoggedModels::set_tags(const std::string& id, const std::vector<KeyValue>& tags) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_exists(tx, id));
    return put_all(tx, "logged_model_tags", id, tags);
  });
}

Result<void> LoggedModels::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_exists(tx, id));
    if (TRY(tx.execute("DELETE FROM logged_model_tags WHERE model = ? AND key = ?", {id, key})) ==
        0) {
      return base::error(Code::kNotFound, "No tag with key '{}' found for model with ID '{}'.", key,
                         id);
    }
    return {};
  });
}

Result<void> LoggedModels::log_params(const std::string& id, const std::vector<KeyValue>& params) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(check_exists(tx, id));
    return put_all(tx, "logged_model_params", id, params);
  });
}

}  // namespace slipway::tracking
