#include "pipelines/tables.h"

namespace slipway::pipelines {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE pipeline_definitions(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  project TEXT NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE pipeline_runs(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  trigger_id TEXT,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  params TEXT NOT NULL,
  text TEXT NOT NULL,
  project TEXT NOT NULL,
  source TEXT NOT NULL,
  now INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,
  PRIMARY KEY(workspace, id));
CREATE UNIQUE INDEX pipeline_runs_by_trigger ON pipeline_runs(workspace, trigger_id) WHERE trigger_id IS NOT NULL;
CREATE INDEX pipeline_runs_by_pipeline ON pipeline_runs(workspace, pipeline, created_at);
CREATE TABLE pipeline_steps(
  workspace TEXT NOT NULL DEFAULT 'default',
  run TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  command TEXT NOT NULL DEFAULT '',
  cache_key TEXT NOT NULL DEFAULT '',
  key_document TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  exit_code INTEGER,
  folder TEXT NOT NULL DEFAULT '',
  manifest TEXT NOT NULL DEFAULT '',
  manifest_digest TEXT NOT NULL DEFAULT '',
  process INTEGER NOT NULL DEFAULT 0,
  started_at INTEGER,
  finished_at INTEGER,
  PRIMARY KEY(workspace, run, position));
CREATE INDEX pipeline_steps_by_key ON pipeline_steps(workspace, cache_key, state);
)sql";

// Schedules, and the times they were due.
constexpr std::string_view kSchedules = R"sql(
CREATE TABLE pipeline_schedules(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  paused INTEGER NOT NULL,
  next_at INTEGER,
  seen INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE pipeline_turns(
  workspace TEXT NOT NULL DEFAULT 'default',
  schedule TEXT NOT NULL,
  slot TEXT NOT NULL,
  scheduled_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  run TEXT NOT NULL,
  reason TEXT NOT NULL,
  late TEXT NOT NULL,
  version TEXT NOT NULL,
  backfill TEXT NOT NULL,
  start_by INTEGER,
  finish_by INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, schedule, slot));
CREATE INDEX pipeline_turns_by_time ON pipeline_turns(schedule, scheduled_at);
CREATE INDEX pipeline_turns_open ON pipeline_turns(state) WHERE state IN ('waiting', 'started');
CREATE INDEX pipeline_turns_by_backfill ON pipeline_turns(backfill) WHERE backfill <> '';
CREATE INDEX pipeline_turns_start_by ON pipeline_turns(start_by) WHERE start_by IS NOT NULL;
CREATE INDEX pipeline_turns_finish_by ON pipeline_turns(finish_by) WHERE finish_by IS NOT NULL;
CREATE TABLE pipeline_backfills(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  schedule TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL,
  parallel INTEGER NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, id));
)sql";

// What a crash left running is found by its environment, so no process number is kept.
constexpr std::string_view kTries = R"sql(
ALTER TABLE pipeline_steps DROP COLUMN process;
ALTER TABLE pipeline_steps ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipeline_steps ADD COLUMN not_before INTEGER
)sql";

// Found by what is asked for: a run by its id, its steps, the newest with a state, an answer in the
// cache.
constexpr std::string_view kIndexes = R"sql(
DROP INDEX pipeline_runs_by_pipeline;
DROP INDEX pipeline_runs_by_trigger;
DROP INDEX pipeline_steps_by_key;
CREATE UNIQUE INDEX pipeline_runs_by_id ON pipeline_runs(id);
CREATE UNIQUE INDEX pipeline_runs_by_trigger ON pipeline_runs(trigger_id) WHERE trigger_id IS NOT NULL;
CREATE INDEX pipeline_runs_newest ON pipeline_runs(created_at, id);
CREATE INDEX pipeline_runs_by_state ON pipeline_runs(state, created_at, id);
CREATE INDEX pipeline_runs_of_one ON pipeline_runs(pipeline, created_at, id);
CREATE INDEX pipeline_runs_of_one_by_state ON pipeline_runs(pipeline, state, created_at, id);
CREATE INDEX pipeline_steps_of_run ON pipeline_steps(run, position);
CREATE INDEX pipeline_steps_by_key ON pipeline_steps(cache_key, finished_at) WHERE state = 'succeeded';
)sql";

// Outputs of old runs go: kept | leaving | removing | gone.
constexpr std::string_view kOutputs = R"sql(
ALTER TABLE pipeline_runs ADD COLUMN outputs TEXT NOT NULL DEFAULT 'kept';
CREATE INDEX pipeline_runs_by_outputs ON pipeline_runs(outputs, finished_at) WHERE outputs <> 'gone';
CREATE INDEX pipeline_steps_by_folder ON pipeline_steps(folder) WHERE state = 'cached'
)sql";

// Tries that others came after; the last one is the step's own row.
constexpr std::string_view kEarlierTries = R"sql(
CREATE TABLE pipeline_tries(
  workspace TEXT NOT NULL DEFAULT 'default',
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  exit_code INTEGER,
  reason TEXT NOT NULL,
  PRIMARY KEY(run, step, started_at))
)sql";

// Pools with slots, and which runs go first.
constexpr std::string_view kPools = R"sql(
ALTER TABLE pipeline_runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
CREATE TABLE pipeline_pools(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  slots INTEGER NOT NULL,
  PRIMARY KEY(workspace, name))
)sql";

// Items of a step with `each` are rows behind those of the plan.
constexpr std::string_view kItems = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN parent INTEGER;
ALTER TABLE pipeline_steps ADD COLUMN item INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipeline_steps ADD COLUMN value TEXT NOT NULL DEFAULT ''
)sql";

// Trials of a search: items that are tracked as runs and have a value.
constexpr std::string_view kTrials = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN tracked_run TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_steps ADD COLUMN score REAL;
CREATE INDEX pipeline_searches ON pipeline_steps(run) WHERE parent IS NULL AND tracked_run <> ''
)sql";

// What trials of a search leave at its rungs, and how far those came that are stopped early.
constexpr std::string_view kRungs = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN reached INTEGER NOT NULL DEFAULT 0;
CREATE INDEX pipeline_stopped_by_key ON pipeline_steps(cache_key, finished_at) WHERE state = 'stopped';
CREATE TABLE pipeline_rungs(
  workspace TEXT NOT NULL DEFAULT 'default',
  run TEXT NOT NULL,
  search INTEGER NOT NULL,
  rung INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY(run, search, rung, trial))
)sql";

// Schedules that no project declares: a new project leaves them as they are.
constexpr std::string_view kAddedSchedules = R"sql(
ALTER TABLE pipeline_schedules ADD COLUMN declared INTEGER NOT NULL DEFAULT 1
)sql";

// Runs whose end somebody asked for.
constexpr std::string_view kCancelled = R"sql(
ALTER TABLE pipeline_runs ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0
)sql";

// What steps wait for.
constexpr std::string_view kWaits = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN wait TEXT NOT NULL DEFAULT ''
)sql";

// Runs that are steps of other runs.
constexpr std::string_view kNested = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN nested_run TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_runs ADD COLUMN parent_run TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_runs ADD COLUMN parent_step TEXT NOT NULL DEFAULT ''
)sql";

// What steps used.
constexpr std::string_view kUsage = R"sql(
ALTER TABLE pipeline_steps ADD COLUMN peak_memory INTEGER;
ALTER TABLE pipeline_steps ADD COLUMN cpu_seconds REAL
)sql";

// Servers that share the database.
constexpr std::string_view kServers = R"sql(
CREATE TABLE pipeline_servers(
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  leads INTEGER NOT NULL,
  steps_max INTEGER NOT NULL,
  cpu_millis INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  beat INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  PRIMARY KEY(id))
)sql";

// Steps that servers run for each other, and where each ran.
constexpr std::string_view kTasks = R"sql(
ALTER TABLE pipeline_servers ADD COLUMN folder TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_steps ADD COLUMN server TEXT NOT NULL DEFAULT '';
CREATE TABLE pipeline_tasks(
  id TEXT NOT NULL,
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  server TEXT NOT NULL,
  state TEXT NOT NULL,
  command TEXT NOT NULL,
  shall_end INTEGER NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY(id))
)sql";

// Runs that take nothing from the step cache.
constexpr std::string_view kNoCache =
    "ALTER TABLE pipeline_runs ADD COLUMN no_cache INTEGER NOT NULL DEFAULT 0";

// Who hears of what becomes of runs, and the failure that they heard of last.
constexpr std::string_view kNotify = R"sql(
ALTER TABLE pipeline_definitions ADD COLUMN notify TEXT NOT NULL DEFAULT '{}';
ALTER TABLE pipeline_definitions ADD COLUMN failing TEXT NOT NULL DEFAULT ''
)sql";

// Runs found by who began them; what else is asked of them is read from the index.
constexpr std::string_view kByActor =
    "CREATE INDEX pipeline_runs_by_actor ON pipeline_runs(actor, created_at, id, pipeline, state)";

// Why runs were begun, without how they ended; null: of runs from before this was on record.
constexpr std::string_view kBegunFor = "ALTER TABLE pipeline_runs ADD COLUMN begun_for TEXT";

}  // namespace

store::RoomMigrations migrations() {
  return {"pipelines",
          {{1, kFirst},           {2, kSchedules},  {3, kTries},    {4, kIndexes}, {5, kOutputs},
           {6, kEarlierTries},    {7, kPools},      {8, kItems},    {9, kTrials},  {10, kRungs},
           {11, kAddedSchedules}, {12, kCancelled}, {13, kWaits},   {14, kNested}, {15, kUsage},
           {16, kServers},        {17, kTasks},     {18, kNoCache}, {19, kNotify}, {20, kByActor},
           {21, kBegunFor}}};
}

}  // namespace slipway::pipelines
