// Alerts and the actions they asked for, as rows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/definition.h"
#include "monitor/silences.h"
#include "monitor/windows.h"
#include "store/db.h"

namespace slipway::monitor {

// One decision about an action. States: starting (decided, not yet handed over), started, done,
// refused (by a gate), failed, skipped (a guard said no).
struct ActionRecord {
  std::int64_t id = 0, alert_id = 0;
  std::string monitor, endpoint, alert;
  std::string action;
  ActionKind kind = ActionKind::kPipeline;
  std::string pipeline;
  std::map<std::string, std::string> params;
  std::string model;                // of a fallback
  std::int64_t about_revision = 0;  // of the endpoint, that was in charge when it was decided
  std::string state, reason, run_id;
  std::int64_t revision = 0;  // that it has written
  std::int64_t incident = 0;  // that it has opened or joined
  base::Timestamp decided_at;
  std::optional<base::Timestamp> finished_at;

  JsonObject to_json() const;
  JsonObject news() const;  // what whoever is told of the alert hears of it
};

// A rule that fired. It stays one alert for as long as window after window fires, and is resolved
// by the first that doesn't.
struct AlertRecord {
  std::int64_t id = 0;
  std::string monitor, endpoint, alert, metric;
  std::string severity = "warning";
  std::vector<std::string> routes;  // that hear of it
  double value = 0, threshold = 0;  // of the window that opened it
  std::string why;                  // a sentence, of a rule without a threshold, or on what a drift
                                    // method says; empty: as the rule says
  WindowKind kind = WindowKind::kWeek;
  Window window;
  JsonArray causes;
  base::Timestamp opened_at;
  std::int64_t windows = 1;  // that fired so far
  double last_value = 0;
  base::Timestamp last_window_end;
  std::optional<base::Timestamp> resolved_at;
  std::optional<base::Timestamp> told_at;  // nothing: was quiet so far
  struct Acknowledgement {
    std::string by, comment;
    base::Timestamp at;
  };
  std::optional<Acknowledgement> acknowledged;
  std::optional<Quiet> quiet;         // now
  std::vector<ActionRecord> actions;  // oldest first

  bool is_open() const { return !resolved_at; }
  AlertLabels labels() const { return {endpoint, monitor, alert, severity}; }
  // Of a detector: its window is the moment of the row that showed a change.
  bool is_detection() const { return window.start == window.end; }
  // The decision to show when there is room for one: the newest that started something, else the
  // newest.
  const ActionRecord* main_action() const;
  // "; distance: the values are 1000 times what they were: another unit?" of causes that look so.
  std::string unit_words() const;
  JsonObject to_json() const;
  // What whoever is told of it needs, so that nobody has to ask back. `at` is the metric's value
  // by then. Nobody is told of one that was quiet so far.
  JsonObject news(double at) const;
};

struct AlertFilter {
  std::int64_t id = 0;                   // 0: all
  std::string monitor, endpoint, alert;  // empty: all
  bool open_only = false;
  std::optional<base::Timestamp> opened_from;
  std::size_t limit = 1000;
};
// Newest first, with their actions.
Result<std::vector<AlertRecord>> list_alerts(store::Reader& reader, const std::string& workspace,
                                             const AlertFilter& filter);

// Gives the record the next id.
Result<std::int64_t> insert_alert(store::Tx& tx, const std::string& workspace,
                                  const AlertRecord& alert);
Result<std::int64_t> insert_action(store::Tx& tx, const std::string& workspace,
                                   const ActionRecord& action);
// Writes state, reason, run_id, revision, incident and finished_at of the action with this id.
Result<void> update_action(store::Tx& tx, const std::string& workspace, const ActionRecord& action);
// Actions in one of these states, oldest first.
Result<std::vector<ActionRecord>> list_actions(store::Reader& reader, const std::string& workspace,
                                               const std::vector<std::string>& states);

}  // namespace slipway::monitor
