// Rows of a view by key, as they come one by one: what online reads are answered from. Training
// sets have KeyedRows; both read through window_reader.h, so that they agree to the bit.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
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

// Readers and writers must not overlap (the owner locks).
class ViewIndex {
 public:
  explicit ViewIndex(const BoundView& bound) : bound_(bound) {}

  // Adds one row of the source. `identity` tells rows apart that are equal in every other way; the
  // same row again is ignored. A row without a key or, where the source has times, without one of
  // them, is left out: false.
  bool insert(std::span<const Value> row, std::uint64_t identity);

  // The features for `key` as known at `as_of`: event time in (as_of - window, as_of] and arrival
  // time at most as_of. Writes bound.names.size() values. first() and last() follow the order of
  // event time, arrival time, identity, whatever the order of arrival; sums are exact.
  void read(const std::string& key, types::Timestamp as_of, std::span<Value> out) const;

  // What was seen of `key` by `as_of`: of the row that read() gives, or the newest in its windows.
  Sight sight(const std::string& key, types::Timestamp as_of) const;

  // Drops rows that no read at or after `watermark` can see.
  void prune(types::Timestamp watermark);
  std::size_t rows() const { return rows_; }

 private:
  struct Entry {
    std::int64_t event, arrival;
    std::uint64_t identity;
    std::vector<Value> values;
  };

  struct KeyRows;

  const BoundView bound_;
  std::unordered_map<std::string, std::vector<Entry>>
      by_key_;  // entries in the order of event, arrival, identity
  std::size_t rows_ = 0;
};

// The key of a row: its key cells as one text; whole numbers of 64 bits are exact, however they are
// held, and texts of their digits are the same key. Nothing when one of the cells is missing.
std::optional<std::string> key_of(std::span<const Value> row, std::span<const std::size_t> columns);

}  // namespace slipway::features
