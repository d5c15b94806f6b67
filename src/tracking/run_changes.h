// Which runs changed, in the order in which the changes were committed. What is kept in memory
// about runs (run_index.h) follows it.
//
// Numbers come from one row that every write of a run takes first and holds until its commit. So
// a change can be seen only after all with smaller numbers, also when two servers write one
// database, and reading "everything after the last number seen" misses nothing.
#pragma once

#include <cstdint>
#include <span>

#include "store/db.h"

namespace slipway::tracking {

// What of a run changed, as bits.
enum Changed : int {
  kChangedHead = 1,
  kChangedParams = 2,
  kChangedTags = 4,
  kChangedMetrics = 8,
  kChangedInputs = 16,
  kChangedWhole = 31,
  kChangedExperiment =
      32  // the heads of all runs of an experiment, whose number stands for the run
};

// Changes older than this many are forgotten; who is further behind reads everything again.
inline constexpr std::int64_t kChangesKept = 1 << 18;

// Takes the next number: the first thing a transaction that writes a run does. It is in `change`
// after the next query.
Result<void> next_change(store::Tx& tx, std::int64_t& change);
Result<void> note_change(store::Tx& tx, std::int64_t change, std::int64_t run, int what);
// The same for as many numbers: `last` is the last of them; and for many runs, one number each.
Result<void> next_changes(store::Tx& tx, std::size_t count, std::int64_t& last);
Result<void> note_changes(store::Tx& tx, std::int64_t first, std::span<const std::int64_t> runs,
                          int what);
// The last committed number.
Result<std::int64_t> last_change(store::Reader& reader);

}  // namespace slipway::tracking
