#include "evaluations/tables.h"

namespace slipway::evaluations {

// Records are numbered in the order in which they came. What a record says is JSON text, as it is
// given out again. A scorer's row has how it is meant to run by itself; sample_rate NULL: nobody
// has said.
store::RoomMigrations migrations() {
  return {"evaluations",
          {{1, R"(
    CREATE TABLE evaluation_datasets(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      name TEXT NOT NULL,
      tags TEXT NOT NULL,
      schema TEXT NOT NULL DEFAULT '',
      digest TEXT NOT NULL,
      created_by TEXT NOT NULL,
      updated_by TEXT NOT NULL,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL);
    CREATE TABLE evaluation_dataset_experiments(
      dataset TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', experiment INTEGER NOT NULL, place INTEGER NOT NULL,
      PRIMARY KEY(dataset, experiment)) WITHOUT ROWID;
    CREATE INDEX evaluation_datasets_of ON evaluation_dataset_experiments(experiment, dataset);
    CREATE TABLE evaluation_records(
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      workspace TEXT NOT NULL DEFAULT 'default',
      dataset TEXT NOT NULL,
      question TEXT NOT NULL,
      inputs TEXT NOT NULL,
      outputs TEXT,
      expectations TEXT,
      tags TEXT NOT NULL,
      source TEXT,
      source_id TEXT,
      source_type TEXT,
      created_by TEXT,
      updated_by TEXT,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL);
    CREATE UNIQUE INDEX evaluation_records_question ON evaluation_records(dataset, question);
    CREATE INDEX evaluation_records_of ON evaluation_records(dataset, number);
    CREATE TABLE scorers(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL,
      online_id TEXT NOT NULL DEFAULT '',
      sample_rate REAL,
      trace_filter TEXT);
    CREATE UNIQUE INDEX scorers_named ON scorers(experiment, name);
    CREATE TABLE scorer_versions(
      scorer TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', version INTEGER NOT NULL, content TEXT NOT NULL,
      created INTEGER NOT NULL,
      PRIMARY KEY(scorer, version)) WITHOUT ROWID
  )"},
           {2, R"(
    CREATE TABLE label_schemas(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL,
      kind INTEGER NOT NULL, input_kind INTEGER NOT NULL, words TEXT NOT NULL, is_multiple INTEGER NOT NULL,
      least REAL, greatest REAL, length_max INTEGER,
      instruction TEXT,
      has_comment INTEGER NOT NULL, is_default INTEGER NOT NULL,
      created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE UNIQUE INDEX label_schemas_named ON label_schemas(experiment, name);
    CREATE TABLE review_queues(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL, name_key TEXT NOT NULL,
      kind INTEGER NOT NULL,
      owner TEXT NOT NULL,
      created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE UNIQUE INDEX review_queues_named ON review_queues(experiment, name_key);
    CREATE TABLE review_queue_users(
      queue TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL, PRIMARY KEY(queue, name)) WITHOUT ROWID;
    CREATE INDEX review_queues_of ON review_queue_users(name);
    CREATE TABLE review_queue_schemas(
      queue TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', label_schema TEXT NOT NULL,
      PRIMARY KEY(queue, label_schema)) WITHOUT ROWID;
    CREATE TABLE review_items(
      queue TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', trace TEXT NOT NULL, status INTEGER NOT NULL,
      completed_by TEXT NOT NULL DEFAULT '', completed INTEGER, created INTEGER NOT NULL, updated INTEGER NOT NULL,
      PRIMARY KEY(queue, trace)) WITHOUT ROWID;
    CREATE INDEX review_items_of ON review_items(trace)
  )"}}};
}

}  // namespace slipway::evaluations
