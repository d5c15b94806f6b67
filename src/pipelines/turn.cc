#include "pipelines/turn.h"

#include "pipelines/or_null.h"

namespace slipway::pipelines {
namespace {

constexpr std::string_view kTurnColumns =
    "schedule, slot, scheduled_at, state, run, reason, late, version, backfill, start_by, "
    "finish_by, (SELECT r.state FROM pipeline_runs r WHERE r.id = pipeline_turns.run)";

Turn turn_of(const store::Row& row) {
  Turn turn{.schedule = row.string(0),
            .slot = row.string(1),
            .scheduled = row.time(2),
            .state = row.string(3),
            .run = row.string(4),
            .reason = row.string(5),
            .late = row.string(6),
            .version = row.string(7),
            .backfill = row.string(8)};
  if (!row.is_null(9)) turn.start_by = row.time(9);
  if (!row.is_null(10)) turn.finish_by = row.time(10);
  if (!row.is_null(11)) turn.outcome = row.string(11);
  return turn;
}

}  // namespace

JsonObject Turn::to_json() const {
  JsonObject object{{"schedule", schedule},
                    {"slot", slot},
                    {"scheduled", types::to_rfc3339(scheduled)},
                    {"state", state}};
  object["run"] = or_null(run);
  object["outcome"] = or_null(outcome);
  object["reason"] = or_null(reason);
  object["late"] = or_null(late);
  object["version"] = or_null(version);
  object["backfill"] = or_null(backfill);
  return object;
}

Result<std::vector<Turn>> find_turns(store::Db& db, std::string_view where, store::Params params) {
  return db.read([&](store::Reader& reader) -> Result<std::vector<Turn>> {
    std::vector<Turn> found;
    TRY(reader.query(fmt::format("SELECT {} FROM pipeline_turns WHERE {}", kTurnColumns, where),
                     params, [&](const store::Row& row) { found.push_back(turn_of(row)); }));
    return found;
  });
}

Result<void> insert(store::Tx& tx, const Turn& turn, base::Timestamp now) {
  TRY(
      tx.execute("INSERT INTO pipeline_turns(schedule, slot, scheduled_at, state, run, reason, "
                 "late, version, backfill, start_by, finish_by, created_at) VALUES(?, ?, ?, ?, '', "
                 "?, '', ?, ?, ?, ?, ?) ON CONFLICT(workspace, schedule, slot) DO NOTHING",
                 {turn.schedule, turn.slot, turn.scheduled, turn.state, turn.reason, turn.version,
                  turn.backfill, turn.start_by, turn.finish_by, now}));
  return {};
}

}  // namespace slipway::pipelines
