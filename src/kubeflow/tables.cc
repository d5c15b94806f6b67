#include "kubeflow/tables.h"

namespace slipway::kubeflow {

// A plan is what a spec was compiled to, by its name, "NAME@DIGEST". What has run is in the tables
// of pipelines; here is what Kubeflow's clients say of it beside.
store::RoomMigrations migrations() {
  return {"kubeflow",
          {{1, R"sql(
CREATE TABLE kubeflow_experiments(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_run_at INTEGER,
  archived INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(workspace, id),
  UNIQUE(workspace, name));
CREATE TABLE kubeflow_plans(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE kubeflow_pipelines(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, id),
  UNIQUE(workspace, name));
CREATE TABLE kubeflow_versions(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  plan TEXT NOT NULL,
  PRIMARY KEY(workspace, id),
  UNIQUE(workspace, pipeline, name));
CREATE TABLE kubeflow_runs(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  version TEXT NOT NULL,
  config TEXT NOT NULL,
  service_account TEXT NOT NULL,
  terminated INTEGER NOT NULL DEFAULT 0,
  archived INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(workspace, id));
CREATE TABLE kubeflow_recurring_runs(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  version TEXT NOT NULL,
  plan TEXT NOT NULL,
  config TEXT NOT NULL,
  due TEXT NOT NULL,
  service_account TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(workspace, id))
)sql"},
           // What is asked for has no workspace in it.
           {2, R"sql(
CREATE INDEX kubeflow_experiments_by_id ON kubeflow_experiments(id);
CREATE INDEX kubeflow_experiments_by_name ON kubeflow_experiments(name);
CREATE INDEX kubeflow_plans_by_name ON kubeflow_plans(name);
CREATE INDEX kubeflow_pipelines_by_id ON kubeflow_pipelines(id);
CREATE INDEX kubeflow_pipelines_by_name ON kubeflow_pipelines(name);
CREATE INDEX kubeflow_versions_by_id ON kubeflow_versions(id);
CREATE INDEX kubeflow_versions_of_pipeline ON kubeflow_versions(pipeline);
CREATE INDEX kubeflow_runs_by_id ON kubeflow_runs(id);
CREATE INDEX kubeflow_recurring_runs_by_id ON kubeflow_recurring_runs(id)
)sql"}}};
}

}  // namespace slipway::kubeflow
