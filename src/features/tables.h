// The tables of this room, and what it needs of others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "features/expression.h"
#include "features/value.h"
#include "store/db.h"
#include "types/frame.h"

namespace slipway::features {

store::RoomMigrations migrations();

// What the keys of this database's features begin with in a store that others use too; made when
// there is none.
Result<std::string> ensure_online_prefix(store::Db& db, base::Random& random);

// One version of a dataset's rows: what is read from it belongs together, whatever is ingested
// meanwhile.
class Table {
 public:
  virtual ~Table() = default;
  // These columns; all when there are none.
  virtual Result<types::Frame> rows(const std::vector<std::string>& columns) = 0;

  virtual std::int64_t row_count() const = 0;

  // Values of a column of timestamps, both inclusive.
  struct TimeRange {
    std::string column;
    std::int64_t first, last;
  };
  using Visit = std::function<Result<void>(const types::Frame& piece, std::size_t first_row)>;
  // Calls `visit` with pieces of these columns, in the order of rows; `first_row` is the position
  // of a piece's first. Pieces without a row in `range` may be left out. A frame is used again for
  // the next piece.
  virtual Result<void> scan(const std::vector<std::string>& columns,
                            const std::optional<TimeRange>& range, const Visit& visit) = 0;
  // Which version it is, without spaces: the same text, the same rows in the same order.
  virtual std::string version() const = 0;
};

// The datasets that sources read. Safe to use from several threads.
class TableSource {
 public:
  virtual ~TableSource() = default;
  // kNotFound: no such dataset, or nothing was ingested yet.
  virtual Result<std::vector<NamedColumn>> columns(const std::string& dataset) = 0;
  // The columns that tell rows apart; empty: the whole row does.
  virtual Result<std::vector<std::string>> key(const std::string& dataset) = 0;
  // The column that says when a row's outcome could be known. kFailedPrecondition: the dataset has
  // none.
  virtual Result<std::string> arrival_time(const std::string& dataset) = 0;
  // Its newest version. kNotFound.
  virtual Result<std::unique_ptr<Table>> open(const std::string& dataset) = 0;
};

}  // namespace slipway::features
