#include "tracking/tables.h"

namespace slipway::tracking {

// Run heads, parameters and tags are narrow rows; the points of metrics are packed
// (metric_series.h), so that they cost bytes, not rows. Search has its own memory (run_index.h).
store::RoomMigrations migrations() {
  return {"tracking",
          {{1, R"(
    CREATE TABLE experiments(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      workspace TEXT NOT NULL DEFAULT 'default',
      name TEXT NOT NULL,
      artifact_location TEXT NOT NULL,
      deleted INTEGER NOT NULL DEFAULT 0,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      UNIQUE(workspace, name));
    CREATE TABLE experiment_tags(
      experiment INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(experiment, key)) WITHOUT ROWID;
    CREATE TABLE runs(
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL,
      "user" TEXT NOT NULL,
      status INTEGER NOT NULL,
      start_ms INTEGER NOT NULL,
      end_ms INTEGER,
      deleted INTEGER NOT NULL DEFAULT 0,
      artifact_uri TEXT NOT NULL);
    CREATE INDEX runs_newest ON runs(experiment, deleted, start_ms DESC, id);
    CREATE TABLE run_params(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(run, key)) WITHOUT ROWID;
    CREATE TABLE run_tags(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(run, key)) WITHOUT ROWID;
    CREATE TABLE run_metrics(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL,
      value REAL, is_nan INTEGER NOT NULL DEFAULT 0, timestamp_ms INTEGER NOT NULL, step INTEGER NOT NULL,
      last_block INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY(run, key)) WITHOUT ROWID;
    CREATE TABLE metric_blocks(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, block INTEGER NOT NULL, points BLOB NOT NULL,
      PRIMARY KEY(run, key, block)) WITHOUT ROWID;
    CREATE TABLE run_datasets(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL, digest TEXT NOT NULL,
      source_type TEXT NOT NULL, source TEXT NOT NULL, schema TEXT NOT NULL, profile TEXT NOT NULL, tags TEXT NOT NULL,
      PRIMARY KEY(run, name, digest));
    CREATE TABLE run_models(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', model_id TEXT NOT NULL, is_output INTEGER NOT NULL,
      step INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY(run, model_id, is_output));
    CREATE TABLE logged_models(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL, model_type TEXT NOT NULL, source_run_id TEXT NOT NULL, artifact_uri TEXT NOT NULL,
      status TEXT NOT NULL, status_message TEXT NOT NULL DEFAULT '',
      deleted INTEGER NOT NULL DEFAULT 0,
      created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE INDEX logged_models_newest ON logged_models(experiment, deleted, created DESC);
    CREATE TABLE logged_model_params(
      model TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(model, key)) WITHOUT ROWID;
    CREATE TABLE logged_model_tags(
      model TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(model, key)) WITHOUT ROWID
  )"},
           // The order in which inputs and outputs were logged.
           {2, R"(
    ALTER TABLE run_datasets ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run_models ADD COLUMN position INTEGER NOT NULL DEFAULT 0
  )"},
           // Metrics that name the logged model they measure.
           {3, R"(
    CREATE TABLE logged_model_metrics(
      model TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', run TEXT NOT NULL, key TEXT NOT NULL,
      timestamp_ms INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL, is_nan INTEGER NOT NULL DEFAULT 0,
      dataset_name TEXT NOT NULL, dataset_digest TEXT NOT NULL,
      PRIMARY KEY(model, key, timestamp_ms, step, run)) WITHOUT ROWID
  )"},
           // Metrics in tails, series and latest rows (metric_series.h) instead of run_metrics and
           // metric_blocks, which upgrade_metrics empties; changes of runs (run_changes.h).
           {4, R"(
    CREATE TABLE metric_keys(
      number INTEGER PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL UNIQUE);
    CREATE TABLE metric_tail(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', number INTEGER NOT NULL,
      points INTEGER NOT NULL, unfolded INTEGER NOT NULL, data BLOB NOT NULL,
      PRIMARY KEY(run, number)) WITHOUT ROWID;
    CREATE TABLE metric_series(
      run INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', key INTEGER NOT NULL, block INTEGER NOT NULL,
      points INTEGER NOT NULL, first_ms INTEGER NOT NULL, first_step INTEGER NOT NULL, last_ms INTEGER NOT NULL,
      last_step INTEGER NOT NULL, data BLOB NOT NULL,
      PRIMARY KEY(run, key, block)) WITHOUT ROWID;
    CREATE TABLE run_latest(
      run INTEGER PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', through INTEGER NOT NULL, keys INTEGER NOT NULL,
      data BLOB NOT NULL);
    CREATE TABLE run_change_counter(
      workspace TEXT NOT NULL DEFAULT 'default', last INTEGER NOT NULL);
    INSERT INTO run_change_counter(last) VALUES(0);
    CREATE TABLE run_changes(
      change INTEGER PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', run INTEGER NOT NULL, what INTEGER NOT NULL)
  )"},
           // Deleted things and what became of them (reclaim.h). `deleted` is 1, or 4 while the
           // thing is taken away for good; of a run also 2: it went with its experiment.
           // deleted_ms 0: an older build didn't say.
           {5, R"(
    ALTER TABLE runs ADD COLUMN deleted_ms INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX runs_deleted ON runs(id) WHERE deleted <> 0;
    CREATE TABLE reclaimed(
      kind TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', id TEXT NOT NULL, time INTEGER NOT NULL,
      files INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(kind, id))
  )"}}};
}

store::RoomMigrations import_migrations() {
  return {"tracking_import", {{1, R"(
    CREATE TABLE imports(
      workspace TEXT NOT NULL DEFAULT 'default',
      id TEXT NOT NULL,
      source TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      finished_at INTEGER,
      counts TEXT NOT NULL DEFAULT '{}',
      PRIMARY KEY(workspace, id));
    CREATE UNIQUE INDEX imports_source ON imports(workspace, source);
    CREATE TABLE imported_experiments(
      workspace TEXT NOT NULL DEFAULT 'default', import TEXT NOT NULL, source_id TEXT NOT NULL, experiment INTEGER NOT NULL,
      PRIMARY KEY(workspace, import, source_id));
    CREATE TABLE imported(
      workspace TEXT NOT NULL DEFAULT 'default', kind TEXT NOT NULL, id TEXT NOT NULL, import TEXT NOT NULL,
      digest TEXT NOT NULL, imported_at INTEGER NOT NULL,
      PRIMARY KEY(workspace, kind, id))
  )"}}};
}

}  // namespace slipway::tracking
