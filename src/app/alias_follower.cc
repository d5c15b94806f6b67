#include "app/alias_follower.h"

#include "base/json.h"
#include "base/log.h"
#include "store/events.h"

namespace slipway::app {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE alias_follower(
  workspace TEXT NOT NULL DEFAULT 'default',
  sequence INTEGER NOT NULL,
  PRIMARY KEY(workspace));
)sql";
constexpr std::string_view kSubject = "models/";
constexpr std::size_t kEventsAtOnce = 100;

Result<void> keep(store::Db& db, std::int64_t position) {
  return db.write([&](store::Tx& tx) {
    return tx.send(
        "INSERT INTO alias_follower(sequence) VALUES(?) ON CONFLICT(workspace) DO "
        "UPDATE SET sequence = excluded.sequence",
        {position});
  });
}

}  // namespace

store::RoomMigrations AliasFollower::migrations() { return {"alias_follower", {{1, kFirst}}}; }

Result<void> AliasFollower::catch_up() {
  const base::MutexLock lock(mutex_);
  struct Look {
    std::int64_t newest = 0;
    std::optional<std::int64_t> kept;
  };
  const Look look = TRY(db_.read([](store::Reader& reader) -> Result<Look> {
    Look found;
    TRY(reader.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                     [&](const store::Row& row) { found.newest = row.int64(0); }));
    TRY(reader.query("SELECT sequence FROM alias_follower", {},
                     [&](const store::Row& row) { found.kept = row.int64(0); }));
    return found;
  }));
  if (!look.kept) {  // a new database, or one of a build that did not follow
    TRY(keep(db_, look.newest));
    position_ = look.newest;
    return {};
  }
  if (position_ < 0) position_ = *look.kept;
  while (position_ < look.newest) {
    const std::vector<store::Event> moves = TRY(store::list_events(
        db_, {.kind = "alias.moved", .after = position_, .limit = kEventsAtOnce}));
    for (const store::Event& move : moves) {
      TRY(pass_on(move));
      TRY(keep(db_, move.sequence));
      position_ = move.sequence;
    }
    if (moves.size() < kEventsAtOnce) position_ = std::max(position_, look.newest);
  }
  return {};
}

void AliasFollower::alias_moved(const registry::AliasMove&) {
  if (const Result<void> done = catch_up(); !done)
    base::log_warning("app", "endpoints hear of an alias later: why={}", done.error().message);
}

Result<void> AliasFollower::pass_on(const store::Event& event) {
  const Result<JsonObject> payload = base::parse_json_object(event.payload);
  if (!payload || !event.subject.starts_with(kSubject)) return {};  // erased
  const Json* to = payload->if_contains("to");
  const Result<std::string> alias = base::get_string(*payload, "alias");
  if (!alias || to == nullptr || !to->is_int64()) return {};  // taken away: what answers stays
  const std::string model = event.subject.substr(kSubject.size());
  const auto receipts = releases_.alias_moved(model, *alias, to->as_int64(), event.actor);
  if (!receipts && releases::may_pass(receipts.error().code)) return receipts.error();
  if (!receipts) {
    base::log_error("app", "endpoints did not hear of an alias: model={} alias={} {}", model,
                    *alias, receipts.error().message);
    return {};
  }
  for (const auto& receipt : *receipts) {
    base::log_info("app", "alias moved: endpoint={} accepted={} reason=\"{}\"", receipt.endpoint,
                   receipt.accepted, receipt.reason);
  }
  return {};
}

}  // namespace slipway::app
