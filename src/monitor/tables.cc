#include "monitor/tables.h"

namespace slipway::monitor {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE monitor_definitions(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  definition TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, name));

-- How far each kind of window has been judged.
CREATE TABLE monitor_cursors(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  next_start INTEGER NOT NULL,
  PRIMARY KEY(workspace, monitor, window_kind));

CREATE TABLE monitor_windows(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  window_start INTEGER NOT NULL,
  variant TEXT NOT NULL,
  window_end INTEGER NOT NULL,
  judged_at INTEGER NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY(workspace, monitor, window_kind, window_start, variant));

-- What prediction drift is measured from: the first window of each variant.
CREATE TABLE monitor_baselines(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  variant TEXT NOT NULL,
  baseline TEXT NOT NULL,
  PRIMARY KEY(workspace, monitor, window_kind, variant));

CREATE TABLE monitor_alerts(
  workspace TEXT NOT NULL DEFAULT 'default',
  id INTEGER NOT NULL,
  monitor TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  alert TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL NOT NULL,
  threshold REAL NOT NULL,
  window_kind TEXT NOT NULL,
  window_start INTEGER NOT NULL,
  window_end INTEGER NOT NULL,
  causes TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  windows INTEGER NOT NULL,
  last_value REAL NOT NULL,
  last_window_end INTEGER NOT NULL,
  resolved_at INTEGER,
  PRIMARY KEY(workspace, id));
CREATE INDEX monitor_alerts_open ON monitor_alerts(workspace, monitor, alert, resolved_at);

CREATE TABLE monitor_actions(
  workspace TEXT NOT NULL DEFAULT 'default',
  id INTEGER NOT NULL,
  alert_id INTEGER NOT NULL,
  monitor TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  alert TEXT NOT NULL,
  action TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  params TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  run_id TEXT,
  decided_at INTEGER NOT NULL,
  finished_at INTEGER,
  PRIMARY KEY(workspace, id));
CREATE INDEX monitor_actions_by_alert ON monitor_actions(workspace, alert_id);
CREATE INDEX monitor_actions_by_state ON monitor_actions(workspace, state);

CREATE TABLE monitor_labels(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  request_id TEXT NOT NULL,
  arrival_time INTEGER NOT NULL,
  value REAL,
  event_time INTEGER,
  PRIMARY KEY(workspace, endpoint, request_id, arrival_time));
CREATE INDEX monitor_labels_by_arrival ON monitor_labels(workspace, endpoint, arrival_time)
)sql";

constexpr std::string_view kEstimates = R"sql(
-- What scores of a model version are worth (estimate/estimator.h).
CREATE TABLE monitor_estimators(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  model_version INTEGER NOT NULL,
  estimator TEXT NOT NULL,
  PRIMARY KEY(workspace, monitor, model_version));

-- What was expected of a window that is over and waits for its labels.
CREATE TABLE monitor_estimates(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  window_start INTEGER NOT NULL,
  variant TEXT NOT NULL,
  estimates TEXT NOT NULL,
  PRIMARY KEY(workspace, monitor, window_kind, window_start, variant))
)sql";

// Who was told that an alert opened hears that it is resolved, whatever its rule says by then.
// NULL: opened before this step, filled from its rule at the next start.
constexpr std::string_view kToldAlerts = R"sql(
ALTER TABLE monitor_alerts ADD COLUMN severity TEXT NOT NULL DEFAULT 'warning';
ALTER TABLE monitor_alerts ADD COLUMN routes TEXT
)sql";

// Actions that do something else than start a pipeline; who was told of an alert and who has seen
// it; what keeps alerts quiet.
constexpr std::string_view kActing = R"sql(
ALTER TABLE monitor_actions ADD COLUMN kind TEXT NOT NULL DEFAULT 'pipeline';
ALTER TABLE monitor_actions ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE monitor_actions ADD COLUMN about_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE monitor_actions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE monitor_actions ADD COLUMN incident INTEGER NOT NULL DEFAULT 0;
ALTER TABLE monitor_alerts ADD COLUMN told_at INTEGER;
UPDATE monitor_alerts SET told_at = opened_at;
ALTER TABLE monitor_alerts ADD COLUMN acknowledged_at INTEGER;
ALTER TABLE monitor_alerts ADD COLUMN acknowledged_by TEXT;
ALTER TABLE monitor_alerts ADD COLUMN acknowledged_comment TEXT;

CREATE TABLE monitor_silences(
  workspace TEXT NOT NULL DEFAULT 'default',
  id INTEGER NOT NULL,
  matchers TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  comment TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, id));

CREATE TABLE monitor_maintenance(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY(workspace, name))
)sql";

constexpr std::string_view kProfiles = R"sql(
-- docs/formats/profiles.md
CREATE TABLE monitor_profiles(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  level TEXT NOT NULL,
  block_start INTEGER NOT NULL,
  model_version INTEGER NOT NULL,
  input TEXT NOT NULL,
  profile BLOB NOT NULL,
  PRIMARY KEY(workspace, endpoint, level, block_start, model_version, input));

-- How far what an endpoint served is in its profiles.
CREATE TABLE monitor_profile_cursors(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  profiled_until INTEGER NOT NULL,
  PRIMARY KEY(workspace, endpoint))
)sql";

constexpr std::string_view kDetectors = R"sql(
-- Where each detector stands: detectors/detections.h.
CREATE TABLE monitor_detectors(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  detector TEXT NOT NULL,
  declared TEXT NOT NULL,
  detected_until INTEGER NOT NULL,
  passed_until INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY(workspace, monitor, detector))
)sql";

// A label may name a class; it has no value then.
constexpr std::string_view kClassLabels = R"sql(
ALTER TABLE monitor_labels ADD COLUMN class_name TEXT
)sql";

constexpr std::string_view kAlarmBudget = R"sql(
CREATE TABLE monitor_alarm_budgets(
  workspace TEXT NOT NULL DEFAULT 'default',
  definition TEXT NOT NULL,
  PRIMARY KEY(workspace));

-- What rules without a threshold said of windows: budget/unusual.h.
CREATE TABLE monitor_bands(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  alert TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  window_start INTEGER NOT NULL,
  metric TEXT NOT NULL,
  band TEXT NOT NULL,
  PRIMARY KEY(workspace, monitor, alert, window_kind, window_start));

ALTER TABLE monitor_alerts ADD COLUMN why TEXT NOT NULL DEFAULT ''
)sql";

// From which windows on a part of the monitor (watched_parts.h) is as it is declared now; no row:
// all.
constexpr std::string_view kChanges = R"sql(
CREATE TABLE monitor_changes(
  workspace TEXT NOT NULL DEFAULT 'default',
  monitor TEXT NOT NULL,
  part TEXT NOT NULL,
  window_kind TEXT NOT NULL,
  watching_since INTEGER NOT NULL,
  PRIMARY KEY(workspace, monitor, part, window_kind))
)sql";

constexpr std::string_view kSliceProfiles = R"sql(
ALTER TABLE monitor_profiles RENAME TO monitor_profiles_of_all;

-- docs/formats/profiles.md
CREATE TABLE monitor_profiles(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  slice TEXT NOT NULL DEFAULT '',
  level TEXT NOT NULL,
  block_start INTEGER NOT NULL,
  model_version INTEGER NOT NULL,
  input TEXT NOT NULL,
  profile BLOB NOT NULL,
  PRIMARY KEY(workspace, endpoint, slice, level, block_start, model_version, input));

INSERT INTO monitor_profiles(workspace, endpoint, level, block_start, model_version, input, profile)
  SELECT workspace, endpoint, level, block_start, model_version, input, profile
  FROM monitor_profiles_of_all;

DROP TABLE monitor_profiles_of_all
)sql";

// Windows that wait for their labels, as they were when they were over.
constexpr std::string_view kFirstLooks = R"sql(
ALTER TABLE monitor_cursors ADD COLUMN at_hand INTEGER;
ALTER TABLE monitor_estimates ADD COLUMN window_end INTEGER;
ALTER TABLE monitor_estimates ADD COLUMN result TEXT
)sql";

constexpr std::string_view kNewestRows = R"sql(
ALTER TABLE monitor_detectors ADD COLUMN newest_row INTEGER NOT NULL DEFAULT 0
)sql";

// The window that a baseline is of: no window is measured from itself or a later one.
constexpr std::string_view kBaselineWindows = R"sql(
ALTER TABLE monitor_baselines ADD COLUMN window_start INTEGER NOT NULL DEFAULT 0
)sql";

// Since when all that was served is in blocks of a level; nothing: for as long as they are kept.
// Those of minutes begin with the first there is, which an older server may have left to this one.
constexpr std::string_view kWholeLevels = R"sql(
ALTER TABLE monitor_profile_cursors ADD COLUMN minutes_since INTEGER;
ALTER TABLE monitor_profile_cursors ADD COLUMN hours_since INTEGER;
ALTER TABLE monitor_profile_cursors ADD COLUMN days_since INTEGER;
UPDATE monitor_profile_cursors SET minutes_since = coalesce((SELECT min(block_start)
  FROM monitor_profiles p WHERE p.workspace = monitor_profile_cursors.workspace
  AND p.endpoint = monitor_profile_cursors.endpoint AND p.slice = '' AND p.level = 'minute'),
  profiled_until);
CREATE INDEX monitor_profiles_by_time
  ON monitor_profiles(workspace, endpoint, level, block_start)
)sql";

}  // namespace

store::RoomMigrations migrations() {
  return {"monitor",
          {{1, kFirst},
           {2, kEstimates},
           {3, kToldAlerts},
           {4, kActing},
           {5, kProfiles},
           {6, kDetectors},
           {7, kClassLabels},
           {8, kAlarmBudget},
           {9, kChanges},
           {10, kSliceProfiles},
           {11, kFirstLooks},
           {12, kNewestRows},
           {13, kBaselineWindows},
           {14, kWholeLevels}}};
}

}  // namespace slipway::monitor
