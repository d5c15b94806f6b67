// Between a view and its packed rows: how they are laid out, made of a source's rows, and read.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "features/online_store.h"
#include "features/packed_rows.h"
#include "features/view_index.h"

namespace slipway::features {

// `history`: how long before the newest row of a key reads are still exact; nothing: for ever.
RowLayout layout_of(const BoundView& view, std::optional<types::Duration> history);

// All that the packed rows of a view depend on, as one short text: rows that were packed under the
// same one may be used again. `columns`: of its source; `identity`: positions of those that tell
// the dataset's rows apart, none: all do.
std::string fingerprint_of(const BoundView& view, const Source& source,
                           const std::vector<NamedColumn>& columns,
                           std::span<const std::size_t> identity, const RowLayout& layout);

// Rows of a source by the view's keys, a block a key, added to `out` for `table`. `columns`: the
// source's in its order, those that the view doesn't read may be null. `identities` tell rows apart
// that are equal in every other way. A row without a key or, where the source has times, without
// one of them, is left out. Returns the newest event time; kAlways: there are none.
struct RowsToPack {
  std::span<const types::Column* const> columns;
  std::span<const std::uint64_t> identities;
  std::span<const std::int64_t> numbers;   // of those that were pushed; none: of a dataset
  std::int64_t settled = kNothingSettled;  // as BlockWriter has it
};
std::int64_t pack_rows(const BoundView& view, const RowLayout& layout, const RowsToPack& rows,
                       types::Timestamp now, OnlineStore::Table table,
                       std::vector<OnlineStore::Rows>& out);

// The features as known at `as_of`: event time in (View::window_begin, as_of] and arrival time at
// most as_of. Writes view.names.size() values. Sums run in the order of event time, arrival time,
// identity, whatever the order of arrival.
void read_features(const BoundView& view, const PackedRows& rows, types::Timestamp as_of,
                   std::span<Value> out);

// What was seen of the key by `as_of`: of the row that read_features() gives, or the newest in its
// windows.
Sight sight_of(const BoundView& view, const PackedRows& rows, types::Timestamp as_of);

}  // namespace slipway::features
