#include "tracking/import.h"

#include <cmath>
#include <unordered_map>

#include "base/json.h"
#include "tracking/limits.h"
#include "tracking/metric_series.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kRunTables[] = {"run_params",    "run_tags",   "metric_tail",
                                           "metric_series", "run_latest", "run_datasets",
                                           "run_models"};

// As the rooms store it: 2 is deleted with its experiment, and comes back with it.
constexpr int kDeletedAlone = 1, kDeletedWithExperiment = 2;

std::string tags_text(const std::vector<KeyValue>& tags) {
  JsonArray array;
  for (const KeyValue& tag : tags) array.push_back({{"key", tag.key}, {"value", tag.value}});
  return base::to_text(Json(std::move(array)));
}

using KeyNumbers = std::unordered_map<std::string, std::uint32_t>;

// The points of a run with the numbers of their keys; `numbers` remembers those of the batch.
Result<std::vector<Point>> numbered(store::Tx& tx, const std::vector<Metric>& points,
                                    KeyNumbers& numbers) {
  std::vector<Point> result;
  result.reserve(points.size());
  for (const Metric& point : points) {
    std::uint32_t& number = numbers[point.key];
    if (number == 0) number = TRY(MetricKeys::ensure(tx, point.key));
    result.push_back({number, storable(point.value), point.timestamp_ms, point.step});
  }
  sort_history(result);
  return result;
}

Result<void> insert_details(store::Tx& tx, std::int64_t number, const ImportedRun& imported,
                            KeyNumbers& keys) {
  const Run& run = imported.run;
  for (const KeyValue& param : run.params)
    TRY(tx.send("INSERT INTO run_params(run, key, value) VALUES(?, ?, ?)",
                {number, param.key, param.value}));
  for (const KeyValue& tag : run.tags)
    TRY(tx.send("INSERT INTO run_tags(run, key, value) VALUES(?, ?, ?)",
                {number, tag.key, tag.value}));
  std::int64_t position = 0;
  for (const DatasetInput& d : run.datasets) {
    TRY(
        tx.send("INSERT INTO run_datasets(run, name, digest, source_type, source, schema, "
                "profile, tags, position) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                {number, d.name, d.digest, d.source_type, d.source, d.schema, d.profile,
                 tags_text(d.tags), position++}));
  }
  position = 0;
  for (const std::string& model : run.model_inputs)
    TRY(
        tx.send("INSERT INTO run_models(run, model_id, is_output, step, position) VALUES(?, ?, 0, "
                "0, ?) ON CONFLICT DO NOTHING",
                {number, model, position++}));
  for (const ModelOutput& model : run.model_outputs)
    TRY(
        tx.send("INSERT INTO run_models(run, model_id, is_output, step, position) VALUES(?, ?, 1, "
                "?, ?) ON CONFLICT DO NOTHING",
                {number, model.model_id, model.step, position++}));
  const std::vector<Point> points = TRY(numbered(tx, imported.points, keys));
  return append_points(tx, number, points);
}

Result<void> put_model_metric(store::Tx& tx, const std::string& model, const ModelMetric& logged) {
  const Metric& m = logged.metric;
  const bool nan = std::isnan(m.value);
  return tx.send(
      "INSERT INTO logged_model_metrics(model, run, key, timestamp_ms, step, value, is_nan, "
      "dataset_name, dataset_digest) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      {model, logged.run_id, m.key, m.timestamp_ms, m.step, nan ? 0.0 : storable(m.value), nan,
       m.dataset_name, m.dataset_digest});
}

Result<void> put_run(store::Tx& tx, const ImportedRun& imported, KeyNumbers& keys) {
  std::int64_t change = 0;
  TRY(next_change(tx, change));
  const Run& run = imported.run;
  const std::int64_t experiment = TRY(experiment_number(run.experiment_id));
  const std::optional<bool> gone =
      TRY(tx.find("SELECT deleted FROM experiments WHERE id = ?", {experiment},
                  [](const store::Row& row) { return row.int64(0) != 0; }));
  if (!gone)
    return base::error(Code::kNotFound, "No Experiment with id={} exists", run.experiment_id);
  const int deleted =
      run.stage == Stage::kActive ? 0 : (*gone ? kDeletedWithExperiment : kDeletedAlone);
  TRY(tx.send(
      "INSERT INTO runs(id, experiment, name, \"user\", status, start_ms, end_ms, deleted, "
      "artifact_uri) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
      "experiment = excluded.experiment, name = excluded.name, \"user\" = excluded.\"user\", "
      "status = excluded.status, start_ms = excluded.start_ms, end_ms = "
      "excluded.end_ms, deleted = excluded.deleted, artifact_uri = "
      "excluded.artifact_uri",
      {run.id, experiment, run.name, run.user, static_cast<int>(run.status), run.start_ms,
       run.end_ms, deleted, run.artifact_uri}));
  const auto number = TRY(tx.find("SELECT number FROM runs WHERE id = ?", {run.id},
                                  [](const store::Row& row) { return row.int64(0); }));
  for (const std::string_view table : kRunTables)
    TRY(tx.send(fmt::format("DELETE FROM {} WHERE run = ?", table), {*number}));
  TRY(note_change(tx, change, *number, kChangedWhole));
  return insert_details(tx, *number, imported, keys);
}

// "run" or "logged_model": the digest of what this or an earlier import has put there.
Result<std::optional<std::string>> imported_digest(store::Reader& reader, std::string_view kind,
                                                   const std::string& id) {
  return reader.find("SELECT digest FROM imported WHERE kind = ? AND id = ?", {kind, id},
                     [](const store::Row& row) { return row.string(0); });
}

Result<void> note_imported(store::Tx& tx, const std::string& import, std::string_view kind,
                           const std::string& id, const std::string& digest, base::Timestamp now) {
  TRY(
      tx.send("INSERT INTO imported(kind, id, import, digest, imported_at) VALUES(?, ?, ?, ?, "
              "?) ON CONFLICT(workspace, kind, id) DO UPDATE SET import = excluded.import, "
              "digest = excluded.digest, imported_at = excluded.imported_at",
              {kind, id, import, digest, now}));
  return {};
}

// `here` and `known` are digests; empty: nothing.
Import::Change decide(const std::string& incoming, const std::string& here,
                      const std::string& known) {
  if (here.empty()) return Import::Change::kCreated;
  if (here == incoming) return Import::Change::kUnchanged;
  return here == known ? Import::Change::kReplaced : Import::Change::kKept;
}

bool is_written(Import::Change change) {
  return change == Import::Change::kCreated || change == Import::Change::kReplaced;
}

}  // namespace

std::string_view change_name(Import::Change change) {
  switch (change) {
    case Import::Change::kCreated:
      return "created";
    case Import::Change::kReplaced:
      return "replaced";
    case Import::Change::kUnchanged:
      return "unchanged";
    case Import::Change::kKept:
      return "kept";
  }
  return "";
}

Result<Import::Opened> Import::open(const std::string& source, const std::string& actor) {
  const std::string id = random_.hex(8);
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Opened> {
    const std::optional<std::string> before =
        TRY(tx.find("SELECT id FROM imports WHERE source = ?", {source},
                    [](const store::Row& row) { return row.string(0); }));
    if (before) {
      TRY(tx.execute("UPDATE imports SET finished_at = NULL WHERE id = ?", {*before}));
    } else {
      TRY(tx.send("INSERT INTO imports(id, source, started_at) VALUES(?, ?, ?)",
                  {id, source, now}));
    }
    Opened opened;
    opened.id = before.value_or(id);
    opened.resumed = before.has_value();
    TRY(tx.append_event({.kind = opened.resumed ? "import.resumed" : "import.started",
                         .subject = "imports/" + opened.id,
                         .actor = actor,
                         .payload = {{"source", source}}}));
    return opened;
  });
}

Result<void> Import::finish(const std::string& import, const JsonObject& counts,
                            const std::string& actor) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("UPDATE imports SET finished_at = ?, counts = ? WHERE id = ?",
                       {now, base::to_text(counts), import})) == 0)
      return base::error(Code::kNotFound, "no such import: id={}", import);
    return tx.append_event({.kind = "import.finished",
                            .subject = "imports/" + import,
                            .actor = actor,
                            .payload = {{"counts", counts}}});
  });
}

Result<JsonArray> Import::list() {
  return db_.read([&](store::Reader& reader) -> Result<JsonArray> {
    JsonArray imports;
    TRY(reader.query(
        "SELECT id, source, started_at, finished_at, counts FROM imports ORDER BY started_at DESC",
        {}, [&](const store::Row& row) {
          const Result<Json> counts = base::parse_json(row.text(4));
          imports.push_back(
              JsonObject{{"id", row.string(0)},
                         {"source", row.string(1)},
                         {"started_at", types::to_rfc3339(row.time(2))},
                         {"finished_at",
                          row.is_null(3) ? Json(nullptr) : Json(types::to_rfc3339(row.time(3)))},
                         {"counts", counts ? *counts : Json(nullptr)}});
        }));
    return imports;
  });
}

Result<Experiment> Import::put_experiment(const std::string& import, const Experiment& experiment) {
  const auto wanted = experiment_number(experiment.id);
  const std::string id = TRY(db_.write([&](store::Tx& tx) -> Result<std::string> {
    const auto number = [](const store::Row& row) { return row.int64(0); };
    std::optional<std::int64_t> here = TRY(
        tx.find("SELECT experiment FROM imported_experiments WHERE import = ? AND source_id = ?",
                {import, experiment.id}, number));
    if (!here)
      here = TRY(tx.find("SELECT id FROM experiments WHERE name = ?", {experiment.name}, number));
    if (!here) {
      std::optional<std::int64_t> taken;
      if (wanted)
        taken = TRY(tx.find("SELECT id FROM experiments WHERE id = ?", {*wanted}, number));
      if (!wanted || taken) {
        here = TRY(tx.find("SELECT COALESCE(MAX(id), 0) + 1 FROM experiments", {}, number));
      } else {
        here = *wanted;
      }
      const std::string location = experiment.artifact_location.empty()
                                       ? fmt::format("mlflow-artifacts:/{}", *here)
                                       : experiment.artifact_location;
      TRY(
          tx.send("INSERT INTO experiments(id, name, artifact_location, deleted, created, "
                  "updated) VALUES(?, ?, ?, ?, ?, ?)",
                  {*here, experiment.name, location, experiment.stage == Stage::kDeleted,
                   experiment.created, experiment.updated}));
      TRY(tx.count_on_from("experiments", "id"));
      TRY(tx.append_event({.kind = "experiment.imported",
                           .subject = fmt::format("experiments/{}", *here),
                           .payload = {{"name", experiment.name}, {"import", import}},
                           .event_time = experiment.created}));
    }
    for (const KeyValue& tag : experiment.tags)
      TRY(
          tx.send("INSERT INTO experiment_tags(experiment, key, value) VALUES(?, ?, ?) ON "
                  "CONFLICT DO NOTHING",
                  {*here, tag.key, tag.value}));
    TRY(
        tx.send("INSERT INTO imported_experiments(import, source_id, experiment) VALUES(?, ?, "
                "?) ON CONFLICT DO NOTHING",
                {import, experiment.id, *here}));
    return std::to_string(*here);
  }));
  Experiments experiments(db_, clock_);
  return experiments.get(id);
}

Result<std::vector<Import::Change>> Import::put_runs(const std::string& import,
                                                     const std::vector<ImportedRun>& runs) {
  std::vector<std::string> ids, digests;
  for (const ImportedRun& imported : runs) {
    ids.push_back(imported.run.id);
    digests.push_back(content_of(imported.run, imported.points).digest());
  }
  const std::map<std::string, RunContent> here = TRY(contents(ids));
  const base::Timestamp now = clock_.now();
  KeyNumbers keys;
  std::vector<Change> changes;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    keys.clear();
    changes.clear();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto found = here.find(ids[i]);
      const std::string known = TRY(imported_digest(tx, "run", ids[i])).value_or("");
      const Change change =
          decide(digests[i], found == here.end() ? "" : found->second.digest(), known);
      changes.push_back(change);
      if (is_written(change)) TRY(put_run(tx, runs[i], keys));
      if (change != Change::kKept) TRY(note_imported(tx, import, "run", ids[i], digests[i], now));
    }
    return {};
  }));
  for (const auto& [key, number] : keys) keys_.remember(key, number);
  return changes;
}

Result<Import::Change> Import::put_logged_model(const std::string& import,
                                                const LoggedModel& model) {
  const std::string digest = digest_of(model);
  const std::int64_t experiment = TRY(experiment_number(model.experiment_id));
  std::string here;
  if (const Result<LoggedModel> stored = models_.get(model.id); stored) {
    here = digest_of(*stored);
  } else if (stored.error().code != Code::kNotFound) {
    return stored.error();
  }
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Change> {
    const Change change =
        decide(digest, here, TRY(imported_digest(tx, "logged_model", model.id)).value_or(""));
    if (is_written(change)) {
      for (const std::string_view table :
           {"logged_model_params", "logged_model_tags", "logged_model_metrics"})
        TRY(tx.send(fmt::format("DELETE FROM {} WHERE model = ?", table), {model.id}));
      TRY(tx.send("DELETE FROM logged_models WHERE id = ?", {model.id}));
      TRY(tx.send(
          "INSERT INTO logged_models(id, experiment, name, model_type, source_run_id, "
          "artifact_uri, status, status_message, created, updated) VALUES(?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?)",
          {model.id, experiment, model.name, model.model_type, model.source_run_id,
           model.artifact_uri, model.status, model.status_message, model.created, model.updated}));
      for (const KeyValue& param : model.params)
        TRY(tx.send("INSERT INTO logged_model_params(model, key, value) VALUES(?, ?, ?)",
                    {model.id, param.key, param.value}));
      for (const KeyValue& tag : model.tags)
        TRY(tx.send("INSERT INTO logged_model_tags(model, key, value) VALUES(?, ?, ?)",
                    {model.id, tag.key, tag.value}));
      for (const ModelMetric& metric : model.metrics) TRY(put_model_metric(tx, model.id, metric));
    }
    if (change != Change::kKept)
      TRY(note_imported(tx, import, "logged_model", model.id, digest, now));
    return change;
  });
}

Result<std::map<std::string, RunContent>> Import::contents(const std::vector<std::string>& ids) {
  std::map<std::string, RunContent> found;
  for (const std::string& id : ids) {
    auto stored = runs_.get(id);
    if (!stored && stored.error().code == Code::kNotFound) continue;
    const Run run = TRY(std::move(stored));
    std::vector<Metric> points;
    for (const Metric& metric : run.metrics) {
      Page<Metric> history = TRY(runs_.metric_history(run.id, metric.key, 0, ""));
      points.insert(points.end(), std::make_move_iterator(history.items.begin()),
                    std::make_move_iterator(history.items.end()));
    }
    found.emplace(run.id, content_of(run, std::move(points)));
  }
  return found;
}

}  // namespace slipway::tracking
