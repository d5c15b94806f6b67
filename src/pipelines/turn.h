// A time that a schedule was due, and what became of it: a row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "store/db.h"

namespace slipway::pipelines {

// One time that a schedule was due.
struct Turn {
  std::string schedule, slot;  // the due time, or the event that was it: "event-17"
  base::Timestamp scheduled;
  // waiting | started | ended | skipped (an earlier run was not over) | missed (no server ran) |
  // cancelled (its backfill was) | failed (the run could not be started)
  std::string state;
  std::string run, reason;
  std::string outcome;  // the state of its run, as it is now; empty: there is none
  std::string late;     // "not started" or "late", when a deadline was not kept
  std::string version, backfill;
  std::optional<base::Timestamp> start_by, finish_by;

  std::string trigger_id() const { return "schedule:" + schedule + ":" + slot; }
  // How its run stands; without one, what became of the turn.
  const std::string& standing() const { return outcome.empty() ? state : outcome; }
  JsonObject to_json() const;
};

// Those for which `where` holds, a condition and an order in SQL.
Result<std::vector<Turn>> find_turns(store::Db& db, std::string_view where, store::Params params);
// Adds it; a turn of the same schedule and slot that is there stays as it is.
Result<void> insert(store::Tx& tx, const Turn& turn, base::Timestamp now);

}  // namespace slipway::pipelines
