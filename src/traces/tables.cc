#include "traces/tables.h"

namespace slipway::traces {

// A trace is one row, with its tags and metadata packed (packing.h); what a search asks for most
// has columns. Its spans are blobs beside it, one for each time that some arrived. A link names a
// trace by its id: it may be made before the trace arrives.
store::RoomMigrations migrations() {
  return {"traces",
          {{1, R"(
    CREATE TABLE traces(
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      start_ms INTEGER NOT NULL,
      duration_ms INTEGER,
      state INTEGER NOT NULL,
      client_request_id TEXT NOT NULL DEFAULT '',
      name TEXT NOT NULL DEFAULT '',
      run TEXT NOT NULL DEFAULT '',
      session TEXT NOT NULL DEFAULT '',
      labels BLOB NOT NULL,
      request_preview TEXT,
      response_preview TEXT);
    CREATE INDEX traces_newest ON traces(experiment, start_ms DESC, id);
    CREATE INDEX traces_run ON traces(run, experiment) WHERE run <> '';
    CREATE INDEX traces_session ON traces(session, experiment) WHERE session <> '';
    CREATE TABLE trace_spans(
      trace INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', batch INTEGER NOT NULL, spans INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY(trace, batch)) WITHOUT ROWID;
    CREATE TABLE trace_assessments(
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      workspace TEXT NOT NULL DEFAULT 'default',
      trace INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      error TEXT NOT NULL DEFAULT '',
      span_id TEXT NOT NULL DEFAULT '',
      source_type TEXT NOT NULL,
      source_id TEXT NOT NULL,
      rationale TEXT NOT NULL DEFAULT '',
      metadata TEXT NOT NULL DEFAULT '{}',
      overrides TEXT NOT NULL DEFAULT '',
      is_valid INTEGER NOT NULL DEFAULT 1,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL);
    CREATE INDEX trace_assessments_of ON trace_assessments(trace, number);
    CREATE INDEX trace_assessments_named ON trace_assessments(name, kind);
    CREATE TABLE trace_links(
      kind INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', target TEXT NOT NULL, trace TEXT NOT NULL,
      PRIMARY KEY(kind, target, trace)) WITHOUT ROWID;
    CREATE INDEX trace_links_of ON trace_links(trace)
  )"},
           {2, R"(
    CREATE TABLE trace_issues(
      id TEXT PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      experiment INTEGER NOT NULL,
      name TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, severity TEXT NOT NULL,
      source_run TEXT NOT NULL, created_by TEXT NOT NULL, root_causes TEXT NOT NULL, categories TEXT NOT NULL,
      created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE INDEX trace_issues_newest ON trace_issues(experiment, created DESC, id)
  )"}}};
}

}  // namespace slipway::traces
