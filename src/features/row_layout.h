// What the rows of a view look like where they are kept, and for how long which of them are.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace slipway::features {

enum class CellKind : std::uint8_t { kNumber = 0, kText = 1, kTime = 2 };

// What is kept of a cell of many rows: the values that there are, added up or compared.
enum class Fold : std::uint8_t {
  kNone = 0,
  kCount = 1,
  kSum = 2,  // and how many
  kLeast = 3,
  kGreatest = 4,
  kFirst = 5,  // in the order of rows
  kLast = 6,
  kValues = 7  // each different value, and how often
};
inline constexpr std::uint8_t kFolds = 8;

struct RowLayout {
  std::vector<CellKind> cells;
  // A row that no read needs which asks for a moment at most so long before the newest row, or
  // before the time when a block was written, if that is earlier, goes when blocks are merged. It
  // includes the view's longest window. 2^32 - 1: nothing goes.
  std::uint32_t keep_seconds = std::numeric_limits<std::uint32_t>::max();
  // Microseconds. Not 0: rows that were known so long before the newest one are kept as tiles, one
  // for all that have an event time in (t - resolution, t], t a multiple of it. The last cell is a
  // time then, and means the row's number among those that were pushed, 0 for others.
  std::int64_t resolution = 0;
  std::vector<Fold> folds;  // by cell, with a resolution; the number's is kNone
  // Rows correct others (corrections.h). The last two cells are times then, and mean the
  // deduplication key as a number, missing where a row has none, and until when the row counts. Not
  // with a resolution. A row goes only when its arrival, too, is so old.
  bool is_corrected = false;

  bool operator==(const RowLayout&) const = default;
};

}  // namespace slipway::features
