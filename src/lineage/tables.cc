#include "lineage/tables.h"

namespace slipway::lineage {

// Events as they came, once each by their digest, and what follows from them: a walk over the graph
// reads lineage_edges alone. `direction` is 0 where data is read, 1 where it is written. The owner
// of a facet is a row of what `kind` says (FacetOwner); `part` is the dataset, of what is told of
// one reading or writing.
store::RoomMigrations migrations() {
  return {"lineage", {{1, R"sql(
CREATE TABLE lineage_events(
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL DEFAULT 'default',
  digest TEXT NOT NULL UNIQUE,
  run INTEGER,
  job INTEGER,
  dataset INTEGER,
  time INTEGER NOT NULL,
  arrived INTEGER NOT NULL,
  text TEXT NOT NULL);
CREATE INDEX lineage_events_of_run ON lineage_events(run, number) WHERE run IS NOT NULL;
CREATE TABLE lineage_jobs(
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL DEFAULT 'default',
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  parent INTEGER,
  created INTEGER NOT NULL,
  UNIQUE(namespace, name));
CREATE INDEX lineage_jobs_of_parent ON lineage_jobs(parent) WHERE parent IS NOT NULL;
CREATE TABLE lineage_datasets(
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL DEFAULT 'default',
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE(namespace, name));
CREATE TABLE lineage_runs(
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL,
  parent TEXT NOT NULL DEFAULT '',
  state INTEGER NOT NULL,
  state_time INTEGER NOT NULL,
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL);
CREATE INDEX lineage_runs_of_job ON lineage_runs(job, first_time);
CREATE INDEX lineage_runs_of_parent ON lineage_runs(parent, first_time) WHERE parent <> '';
CREATE TABLE lineage_edges(
  workspace TEXT NOT NULL DEFAULT 'default', job INTEGER NOT NULL, direction INTEGER NOT NULL, dataset INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY(job, direction, dataset)) WITHOUT ROWID;
CREATE INDEX lineage_edges_of_dataset ON lineage_edges(dataset, direction, job);
CREATE TABLE lineage_uses(
  workspace TEXT NOT NULL DEFAULT 'default', run INTEGER NOT NULL, direction INTEGER NOT NULL, dataset INTEGER NOT NULL,
  version TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY(run, direction, dataset, version)) WITHOUT ROWID;
CREATE INDEX lineage_uses_of_dataset ON lineage_uses(dataset, direction, time);
CREATE TABLE lineage_versions(
  workspace TEXT NOT NULL DEFAULT 'default', dataset INTEGER NOT NULL, version TEXT NOT NULL,
  written_by INTEGER, first_time INTEGER NOT NULL,
  PRIMARY KEY(dataset, version)) WITHOUT ROWID;
CREATE TABLE lineage_other_names(
  workspace TEXT NOT NULL DEFAULT 'default', dataset INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(dataset, namespace, name)) WITHOUT ROWID;
CREATE INDEX lineage_other_names_by_name ON lineage_other_names(namespace, name);
CREATE TABLE lineage_facets(
  workspace TEXT NOT NULL DEFAULT 'default', kind INTEGER NOT NULL, owner INTEGER NOT NULL, part INTEGER NOT NULL,
  name TEXT NOT NULL, time INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY(kind, owner, part, name)) WITHOUT ROWID
)sql"}}};
}

}  // namespace slipway::lineage
