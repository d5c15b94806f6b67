#include "api/mlflow_source/sql_source.h"

#include <cmath>
#include <map>
#include <set>

#include "api/mlflow_source/local_folder.h"

namespace slipway::api::mlflow_source {
namespace {

using store::Reader;
using store::Row;
using tracking::ImportedRun;
using tracking::KeyValue;
using tracking::Metric;

constexpr std::string_view kDeletedVersion = "Deleted_Internal";
// Ids per read: each read is a transaction of its own, so that the owner can write in between.
constexpr std::size_t kRunsPerRead = 200;
constexpr std::string_view kModelStatus[] = {"LOGGED_MODEL_STATUS_UNSPECIFIED",
                                             "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY",
                                             "LOGGED_MODEL_UPLOAD_FAILED"};

KeyValue read_pair(const Row& row) { return {row.string(0), row.string(1)}; }

tracking::Stage read_stage(const Row& row, int column) {
  return row.text(column) == "deleted" ? tracking::Stage::kDeleted : tracking::Stage::kActive;
}

base::Timestamp read_ms(const Row& row, int column) {
  return base::Timestamp::from_millis(row.int64(column));
}

class SqlSource final : public Source {
 public:
  SqlSource(std::unique_ptr<store::ForeignDb> db, std::string name, SourceOptions options)
      : db_(std::move(db)), name_(std::move(name)), options_(std::move(options)) {}

  Result<void> open() {
    Result<std::int64_t> experiments = count("experiments", "1 = 1");
    if (!experiments || !count("runs", "1 = 0")) {
      return base::error(Code::kInvalidArgument, "the database holds no MLflow: source={} why={}",
                         name_,
                         experiments ? "there is no table runs" : experiments.error().message);
    }
    // Names and ids of several workspaces would fall into one.
    if (const auto others = count("experiments", "workspace <> 'default'"); others && *others > 0)
      return base::error(Code::kInvalidArgument,
                         "only the workspace `default` can be imported, and there are others: "
                         "source={} experiments_elsewhere={}",
                         name_, *others);
    const auto has = [&](std::string_view table) { return count(table, "1 = 0").has_value(); };
    has_datasets_ = has("inputs") && has("datasets");
    has_input_steps_ = has_datasets_ && probe("SELECT step FROM inputs WHERE 1 = 0");
    has_logged_models_ = has("logged_models");
    has_registry_ = has("registered_models") && has("model_versions");
    has_storage_ = probe("SELECT storage_location FROM model_versions WHERE 1 = 0");
    has_registry_tags_ = has("model_version_tags");
    has_aliases_ = has("registered_model_aliases");
    has_experiment_tags_ = has("experiment_tags");
    has_experiment_times_ = probe("SELECT creation_time FROM experiments WHERE 1 = 0");
    has_nan_ = probe("SELECT is_nan FROM metrics WHERE 1 = 0");
    has_steps_ = probe("SELECT step FROM metrics WHERE 1 = 0");
    return {};
  }

  std::string name() const override { return name_; }

  Result<std::vector<tracking::Experiment>> experiments() override {
    std::vector<tracking::Experiment> found;
    TRY(db_->read([&](Reader& reader) -> Result<void> {
      TRY(reader.query(
          fmt::format("SELECT experiment_id, name, artifact_location, "
                      "lifecycle_stage, {} FROM experiments ORDER BY experiment_id",
                      has_experiment_times_ ? "creation_time, last_update_time" : "0, 0"),
          {}, [&](const Row& row) {
            found.push_back({.id = std::to_string(row.int64(0)),
                             .name = row.string(1),
                             .artifact_location = row.string(2),
                             .stage = read_stage(row, 3),
                             .created = read_ms(row, 4),
                             .updated = read_ms(row, 5)});
          }));
      if (!has_experiment_tags_) return {};
      for (tracking::Experiment& experiment : found) {
        TRY(reader.query("SELECT key, value FROM experiment_tags WHERE experiment_id = ?",
                         {TRY(tracking::experiment_number(experiment.id))},
                         [&](const Row& row) { experiment.tags.push_back(read_pair(row)); }));
      }
      return {};
    }));
    return found;
  }

  Result<std::optional<std::int64_t>> run_count(const std::string& experiment) override {
    const std::int64_t number = TRY(tracking::experiment_number(experiment));
    return std::optional(TRY(count("runs", fmt::format("experiment_id = {}", number))));
  }

  Result<void> runs(const std::string& experiment,
                    const std::function<Result<void>(ImportedRun)>& each) override {
    std::vector<std::string> ids;
    const std::int64_t number = TRY(tracking::experiment_number(experiment));
    TRY(db_->read([&](Reader& reader) {
      return reader.query(
          "SELECT run_uuid FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid",
          {number}, [&](const Row& row) { ids.push_back(row.string(0)); });
    }));
    for (std::size_t from = 0; from < ids.size(); from += kRunsPerRead) {
      std::vector<ImportedRun> page;
      TRY(db_->read([&](Reader& reader) -> Result<void> {
        for (std::size_t i = from; i < std::min(ids.size(), from + kRunsPerRead); ++i) {
          std::optional<ImportedRun> run = TRY(read_run(reader, ids[i]));
          if (run) page.push_back(std::move(*run));
        }
        return {};
      }));
      for (ImportedRun& run : page) TRY(each(std::move(run)));
    }
    return {};
  }

  Result<std::vector<tracking::LoggedModel>> logged_models(const std::string& experiment) override {
    std::vector<tracking::LoggedModel> found;
    if (!has_logged_models_) return found;
    const std::int64_t number = TRY(tracking::experiment_number(experiment));
    TRY(db_->read([&](Reader& reader) -> Result<void> {
      TRY(reader.query(
          "SELECT model_id, name, model_type, source_run_id, artifact_location, status, "
          "status_message, creation_timestamp_ms, last_updated_timestamp_ms FROM logged_models "
          "WHERE experiment_id = ? AND lifecycle_stage != 'deleted' ORDER BY model_id",
          {number}, [&](const Row& row) {
            const auto status = static_cast<std::size_t>(row.int64(5));
            found.push_back(
                {.id = row.string(0),
                 .experiment_id = experiment,
                 .name = row.string(1),
                 .model_type = row.string(2),
                 .source_run_id = row.string(3),
                 .artifact_uri = row.string(4),
                 .status = std::string(kModelStatus[status < std::size(kModelStatus) ? status : 0]),
                 .status_message = row.string(6),
                 .created = read_ms(row, 7),
                 .updated = read_ms(row, 8)});
          }));
      for (tracking::LoggedModel& model : found) {
        TRY(reader.query(
            "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?", {model.id},
            [&](const Row& row) { model.params.push_back(read_pair(row)); }));
        TRY(reader.query("SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?",
                         {model.id},
                         [&](const Row& row) { model.tags.push_back(read_pair(row)); }));
        TRY(reader.query(
            "SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, run_id, "
            "dataset_name, dataset_digest FROM logged_model_metrics WHERE model_id = ?",
            {model.id}, [&](const Row& row) {
              model.metrics.push_back({row.string(4),
                                       {.key = row.string(0),
                                        .value = row.is_null(1) ? std::nan("") : row.real(1),
                                        .timestamp_ms = row.int64(2),
                                        .step = row.int64(3),
                                        .model_id = model.id,
                                        .dataset_name = row.string(5),
                                        .dataset_digest = row.string(6)}});
            }));
      }
      return {};
    }));
    return found;
  }

  Result<std::vector<registry::ImportedModel>> models() override {
    std::vector<registry::ImportedModel> found;
    if (!has_registry_) return found;
    TRY(db_->read([&](Reader& reader) -> Result<void> {
      TRY(
          reader.query("SELECT name, description, creation_time, last_updated_time FROM "
                       "registered_models ORDER BY name",
                       {}, [&](const Row& row) {
                         registry::ImportedModel model;
                         model.model.name = row.string(0);
                         model.model.description = row.string(1);
                         model.model.created = read_ms(row, 2);
                         model.model.updated = row.is_null(3) ? read_ms(row, 2) : read_ms(row, 3);
                         found.push_back(std::move(model));
                       }));
      for (registry::ImportedModel& model : found) TRY(read_model(reader, model));
      return {};
    }));
    return found;
  }

  Result<std::unique_ptr<ArtifactFolder>> artifacts(const std::string& uri) override {
    return open_stored(uri, options_.artifacts_root);
  }

  Result<std::vector<std::pair<std::string, std::int64_t>>> left_out() override {
    std::vector<std::pair<std::string, std::int64_t>> found;
    for (const auto& [table, what] :
         std::initializer_list<std::pair<std::string_view, std::string>>{
             {"trace_info", "traces"},
             {"webhooks", "webhooks"},
             {"scorers", "scorers"},
             {"evaluation_datasets", "evaluation datasets"}}) {
      const Result<std::int64_t> counted = count(table, "1 = 1");
      if (counted && *counted > 0) found.emplace_back(what, *counted);
    }
    return found;
  }

 private:
  Result<std::int64_t> count(std::string_view table, std::string_view where) {
    std::int64_t number = 0;
    TRY(db_->read([&](Reader& reader) {
      return reader.query(fmt::format("SELECT COUNT(*) FROM {} WHERE {}", table, where), {},
                          [&](const Row& row) { number = row.int64(0); });
    }));
    return number;
  }

  bool probe(std::string_view sql) {
    return db_->read([&](Reader& reader) { return reader.query(sql, {}, [](const Row&) {}); })
        .has_value();
  }

  Result<std::optional<ImportedRun>> read_run(Reader& reader, const std::string& id) {
    std::optional<ImportedRun> found = TRY(reader.find(
        "SELECT run_uuid, experiment_id, name, user_id, status, start_time, end_time, "
        "lifecycle_stage, artifact_uri FROM runs WHERE run_uuid = ?",
        {id}, [](const Row& row) {
          ImportedRun imported;
          tracking::Run& run = imported.run;
          run.id = row.string(0);
          run.experiment_id = std::to_string(row.int64(1));
          run.name = row.string(2);
          run.user = row.string(3);
          run.status = tracking::parse_status(row.text(4)).value_or(tracking::RunStatus::kFinished);
          run.start_ms = row.int64(5);
          run.end_ms = row.maybe_int64(6);
          run.stage = read_stage(row, 7);
          run.artifact_uri = row.string(8);
          return imported;
        }));
    if (!found) return found;
    tracking::Run& run = found->run;
    TRY(reader.query("SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key", {id},
                     [&](const Row& row) { run.params.push_back(read_pair(row)); }));
    TRY(reader.query("SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key", {id},
                     [&](const Row& row) {
                       run.tags.push_back(read_pair(row));
                       if (run.name.empty() && row.text(0) == "mlflow.runName")
                         run.name = row.string(1);
                     }));
    TRY(reader.query(fmt::format("SELECT key, value, timestamp, {}, {} FROM metrics WHERE run_uuid "
                                 "= ?",
                                 has_steps_ ? "step" : "0",
                                 has_nan_ ? "CASE WHEN is_nan THEN 1 ELSE 0 END" : "0"),
                     {id}, [&](const Row& row) {
                       found->points.push_back(
                           {.key = row.string(0),
                            .value = row.int64(4) != 0 ? std::nan("") : row.real(1),
                            .timestamp_ms = row.int64(2),
                            .step = row.int64(3)});
                     }));
    if (has_datasets_) TRY(read_inputs(reader, run));
    return found;
  }

  Result<void> read_inputs(Reader& reader, tracking::Run& run) {
    std::vector<std::string> inputs;
    TRY(
        reader.query("SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, "
                     "d.dataset_source, d.dataset_schema, d.dataset_profile FROM inputs i JOIN "
                     "datasets d ON d.dataset_uuid = i.source_id WHERE i.source_type = 'DATASET' "
                     "AND i.destination_type = 'RUN' AND i.destination_id = ? ORDER BY "
                     "i.input_uuid",
                     {run.id}, [&](const Row& row) {
                       inputs.push_back(row.string(0));
                       run.datasets.push_back({row.string(1),
                                               row.string(2),
                                               row.string(3),
                                               row.string(4),
                                               row.string(5),
                                               row.string(6),
                                               {}});
                     }));
    for (std::size_t i = 0; i < inputs.size(); ++i)
      TRY(reader.query("SELECT name, value FROM input_tags WHERE input_uuid = ? ORDER BY name",
                       {inputs[i]},
                       [&](const Row& row) { run.datasets[i].tags.push_back(read_pair(row)); }));
    if (!has_input_steps_) return {};
    return reader.query(
        "SELECT destination_id, step, source_type FROM inputs WHERE source_id = ? AND source_type "
        "IN ('RUN_INPUT', 'RUN_OUTPUT') ORDER BY destination_id",
        {run.id}, [&](const Row& row) {
          if (row.text(2) == "RUN_INPUT") {
            run.model_inputs.push_back(row.string(0));
          } else {
            run.model_outputs.push_back({row.string(0), row.int64(1)});
          }
        });
  }

  Result<void> read_model(Reader& reader, registry::ImportedModel& imported) {
    registry::RegisteredModel& model = imported.model;
    TRY(reader.query(
        fmt::format("SELECT version, creation_time, last_updated_time, description, "
                    "current_stage, source, run_id, run_link, {} FROM model_versions WHERE name "
                    "= ? ORDER BY version",
                    has_storage_ ? "storage_location" : "''"),
        {model.name}, [&](const Row& row) {
          imported.last_version = std::max(imported.last_version, row.int64(0));
          if (row.text(4) == kDeletedVersion) return;
          registry::ModelVersion version;
          version.model = model.name;
          version.version = row.int64(0);
          version.created = read_ms(row, 1);
          version.updated = row.is_null(2) ? version.created : read_ms(row, 2);
          version.description = row.string(3);
          version.stage = row.text(4).empty() ? "None" : row.string(4);
          version.source = row.string(5);
          version.run_id = row.string(6);
          version.run_link = row.string(7);
          if (row.text(8) != row.text(5)) version.storage = row.string(8);
          imported.versions.push_back(std::move(version));
        }));
    if (has_registry_tags_) {
      TRY(reader.query("SELECT key, value FROM registered_model_tags WHERE name = ? ORDER BY key",
                       {model.name}, [&](const Row& row) {
                         model.tags.push_back({row.string(0), row.string(1)});
                       }));
      for (registry::ModelVersion& version : imported.versions)
        TRY(
            reader.query("SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? "
                         "ORDER BY key",
                         {model.name, version.version}, [&](const Row& row) {
                           version.tags.push_back({row.string(0), row.string(1)});
                         }));
    }
    if (!has_aliases_) return {};
    return reader.query(
        "SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias",
        {model.name}, [&](const Row& row) {
          model.aliases.push_back({row.string(0), row.int64(1)});
        });
  }

  const std::unique_ptr<store::ForeignDb> db_;
  const std::string name_;
  const SourceOptions options_;
  bool has_datasets_ = false, has_input_steps_ = false, has_logged_models_ = false;
  bool has_registry_ = false, has_registry_tags_ = false, has_aliases_ = false;
  bool has_experiment_tags_ = false, has_experiment_times_ = false, has_nan_ = false;
  bool has_steps_ = false, has_storage_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> open_sql(std::unique_ptr<store::ForeignDb> db, std::string name,
                                         SourceOptions options) {
  auto source = std::make_unique<SqlSource>(std::move(db), std::move(name), std::move(options));
  TRY(source->open());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace slipway::api::mlflow_source
