// A view bound to the columns it reads: what training sets (KeyedRows) and online reads
// (PackedRows) share. Both read through window_reader.h, so that they agree to the bit.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "features/definition.h"
#include "features/expression.h"
#include "features/value.h"

namespace slipway::features {

// A view bound to the columns of its source (or, on demand, of the request).
struct BoundView {
  View view;
  std::vector<std::size_t> keys;   // positions among the source's columns
  std::vector<Expression> inputs;  // one per aggregate (count() has a constant) or per column
  std::vector<std::string> names;  // of the features
  std::vector<ValueType> types;    // of the features
  std::vector<bool> are_whole;     // of the features: counts, and columns of integers as they are
  // Positions of aggregates: of numbers that one pass over a window adds up, and of those that need
  // its values together (window_values.h).
  std::vector<std::size_t> running, collected;
  std::optional<std::size_t> event_time, arrival_time;  // positions; none: always known
  std::vector<std::size_t> deduplication_key;           // positions; none: every row counts

  // kInvalidArgument naming view and column when something isn't there.
  static Result<BoundView> bind(const View& view, const Source* source,
                                const std::vector<NamedColumn>& columns);
  // Positions of all that it reads, ascending.
  std::vector<std::size_t> columns() const;
};

// What is known of a key at a moment, whatever its values are.
struct Sight {
  enum class Seen {
    kNever,   // no row of the key has arrived
    kTooOld,  // the newest one is past the ttl, or before all windows
    kRecent
  };
  Seen seen = Seen::kNever;
  // Of the newest row. None: the source has no times, or the row was dropped as too old.
  std::optional<types::Timestamp> event_time;
};

// The key of a row: its key cells as one text; whole numbers of 64 bits are exact, however they are
// held, and texts of their digits are the same key. Nothing when one of the cells is missing.
std::optional<std::string> key_of(std::span<const Value> row, std::span<const std::size_t> columns);

}  // namespace slipway::features
