#include "tracking/run_changes.h"

namespace slipway::tracking {

Result<void> next_change(store::Tx& tx, std::int64_t& change) {
  return tx.ask("UPDATE run_change_counter SET last = last + 1 RETURNING last", {},
                [&change](const store::Row& row) { change = row.int64(0); });
}

Result<void> note_change(store::Tx& tx, std::int64_t change, std::int64_t run, int what) {
  TRY(tx.send("INSERT INTO run_changes(change, run, what) VALUES(?, ?, ?)", {change, run, what}));
  if (change % (kChangesKept / 16) == 0)
    TRY(tx.send("DELETE FROM run_changes WHERE change <= ?", {change - kChangesKept}));
  return {};
}

Result<std::int64_t> last_change(store::Reader& reader) {
  std::int64_t last = 0;
  TRY(reader.query("SELECT last FROM run_change_counter", {},
                   [&](const store::Row& row) { last = row.int64(0); }));
  return last;
}

}  // namespace slipway::tracking
