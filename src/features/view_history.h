// A view's part of a training set: what it says of entity rows, each as known at its own time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "features/entity_rows.h"
#include "features/feature_store.h"
#include "features/window_pass.h"

namespace slipway::features {

class RowSet;

// Reads a view's source for one batch of entity rows after the other. Sources are read a piece at a
// time: newest rows, and windows of running aggregates, in one pass (source_pass.h, window_pass.h).
// Where windows need the rows themselves, rows come in no order, or correct others, those of the
// keys that are asked for are kept, of as many keys at a time as the memory allows, and the source
// is read again for the next ones. One thread at a time; what is given to open() must outlive it.
class ViewHistory {
 public:
  using Columns = std::vector<const types::Column*>;

  // kNotFound: the source's dataset is gone.
  static Result<ViewHistory> open(TableSource& tables, const FeatureStore::State& state,
                                  std::size_t view, types::Timestamp as_of,
                                  std::uint64_t memory_bytes);

  // The features in order, one row per entity row (`keys`: its key columns). kResourceExhausted:
  // one key's rows alone take more than the memory allows.
  Result<std::vector<types::Column>> read(const EntityRows& entities, const Columns& keys,
                                          std::span<const std::int64_t> times);

  // About what an entity row takes of memory: its answer, and all else while it is read.
  struct BytesPerRow {
    std::size_t answer = 0, reading = 0;
  };
  static BytesPerRow bytes_per_row(const BoundView& bound);

 private:
  ViewHistory(const FeatureStore::State& state, std::size_t view, types::Timestamp as_of,
              std::uint64_t memory_bytes);

  // What is said of some of the entity rows; of all when `rows` is empty.
  struct Part {
    std::vector<std::size_t> rows;
    std::vector<types::Column> columns;
  };

  // Where rows for these times may be; everywhere: none.
  std::optional<Table::TimeRange> range_of(std::span<const std::int64_t> times) const;
  Result<void> scan(const std::optional<Table::TimeRange>& range,
                    const std::function<Result<void>(const SourcePiece&)>& visit) const;
  // Columns of some rows in that range.
  Result<types::Frame> gather(const std::vector<std::string>& columns, const RowSet& rows,
                              const std::optional<Table::TimeRange>& range) const;
  // What tells these rows apart.
  Result<std::vector<std::uint64_t>> identities(const RowSet& rows,
                                                const std::optional<Table::TimeRange>& range) const;
  Result<std::vector<types::Column>> read_newest(
      const EntityRows& entities, const std::optional<Table::TimeRange>& range) const;
  Result<std::vector<types::Column>> read_keyed(const EntityRows& entities, const Columns& keys,
                                                std::span<const std::int64_t> times) const;
  // Of the keys whose number divided by `parts` leaves `part`; nothing when their rows take too
  // much memory.
  Result<std::optional<Part>> read_part(const EntityRows& entities, const Columns& keys,
                                        std::span<const std::int64_t> times, std::uint32_t part,
                                        std::uint32_t parts) const;
  types::Column empty_column(const std::string& name) const;
  Columns columns_of(const types::Frame& frame) const;

  const FeatureStore::State& state_;
  const BoundView& bound_;
  const std::size_t source_;
  const types::Timestamp as_of_;
  const std::uint64_t memory_bytes_;
  std::unique_ptr<Table> table_;
  std::vector<std::string> names_;  // of the columns that the view reads
  bool needs_rows_;                 // one pass doesn't do
};

}  // namespace slipway::features
