#include "tracking/run_changes.h"

#include "store/row_batch.h"

namespace slipway::tracking {

Result<void> next_change(store::Tx& tx, std::int64_t& change) {
  return next_changes(tx, 1, change);
}

Result<void> note_change(store::Tx& tx, std::int64_t change, std::int64_t run, int what) {
  return note_changes(tx, change, {&run, 1}, what);
}

Result<void> next_changes(store::Tx& tx, std::size_t count, std::int64_t& last) {
  return tx.ask("UPDATE run_change_counter SET last = last + ? RETURNING last", {count},
                [&last](const store::Row& row) { last = row.int64(0); });
}

Result<void> note_changes(store::Tx& tx, std::int64_t first, std::span<const std::int64_t> runs,
                          int what) {
  store::RowBatch rows("INSERT INTO run_changes(change, run, what)");
  std::int64_t change = first;
  for (const std::int64_t run : runs) rows.add({change++, run, what});
  TRY(rows.send(tx));
  constexpr std::int64_t kForgetEvery = kChangesKept / 16;
  if ((first - 1) / kForgetEvery != (change - 1) / kForgetEvery)
    TRY(tx.send("DELETE FROM run_changes WHERE change <= ?", {change - 1 - kChangesKept}));
  return {};
}

Result<std::int64_t> last_change(store::Reader& reader) {
  std::int64_t last = 0;
  TRY(reader.query("SELECT last FROM run_change_counter", {},
                   [&](const store::Row& row) { last = row.int64(0); }));
  return last;
}

}  // namespace slipway::tracking
