#include "store/migrations.h"

#include "store/event_chain.h"

namespace slipway::store {
namespace {

constexpr std::string_view kBlank = " \n\t";

Result<void> run_step(Tx& tx, std::string_view statements) {
  while (statements.find_first_not_of(kBlank) != std::string_view::npos) {
    const std::size_t end = std::min(statements.find(';'), statements.size());
    const std::string_view statement = statements.substr(0, end);
    statements.remove_prefix(std::min(end + 1, statements.size()));
    if (statement.find_first_not_of(kBlank) == std::string_view::npos) continue;
    TRY(tx.execute(statement));
  }
  return {};
}

Result<void> migrate_room(Tx& tx, const RoomMigrations& room) {
  std::int64_t at = 0;
  TRY(tx.query("SELECT COALESCE(MAX(number), 0) FROM migrations WHERE room = ?", {room.room},
               [&](const Row& row) { at = row.int64(0); }));
  if (at > static_cast<std::int64_t>(room.steps.size())) {
    return base::error(Code::kFailedPrecondition,
                       "the data folder was written by a newer build: room={} step={} known={}",
                       room.room, at, room.steps.size());
  }
  for (const Migration& step : room.steps) {
    if (step.number <= at) continue;
    CHECK(step.number == at + 1);
    TRY(run_step(tx, step.sql));
    TRY(tx.execute("INSERT INTO migrations(room, number) VALUES(?, ?)", {room.room, step.number}));
    at = step.number;
  }
  return {};
}

}  // namespace

Result<void> run_migrations(const std::vector<RoomMigrations>& rooms, const RunWrite& run_write) {
  TRY(run_write([](Tx& tx) {
    return tx.send(
        "CREATE TABLE IF NOT EXISTS migrations(room TEXT NOT NULL, number INTEGER NOT NULL, "
        "PRIMARY KEY(room, number))");
  }));
  std::vector<RoomMigrations> all = rooms;
  all.push_back({"events", event_migrations()});
  for (const RoomMigrations& room : all) {
    TRY(run_write([&](Tx& tx) { return migrate_room(tx, room); }));
  }
  return {};
}

}  // namespace slipway::store
