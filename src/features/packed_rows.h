// Rows of one key of one view as bytes: what stores keep and what reads are answered from, in
// place. The layout is docs/formats/online_rows.md.
//
// Bytes are one block or several, one after the other: who adds rows appends a block. Within a
// block rows stand in the order of event time, arrival time and identity, each once; merge_rows()
// makes one block of several. Where the layout has a resolution, tiles (tiles.h) stand before it,
// made of rows that were known a while ago.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "features/packed_bytes.h"
#include "features/row_layout.h"
#include "features/tiles.h"
#include "types/timestamp.h"

namespace slipway::features {

inline constexpr std::uint8_t kPackedRowsVersion = 1;

// Until when rows are there, whoever pushed them: for tiles.
inline constexpr std::int64_t kNothingSettled = -1;

// Writes one block. Rows must come in their order, each with a cell for each of the layout's.
class BlockWriter {
 public:
  // `settled`: when the block is there, so are all pushed rows up to this number, and all of the
  // datasets'. Rows behind it go into no tile, since they may come again.
  BlockWriter(const RowLayout& layout, std::size_t rows, types::Timestamp now,
              std::int64_t settled = kNothingSettled);
  void row(std::int64_t event, std::int64_t arrival, std::uint64_t identity);
  void number(double cell);  // NaN: missing
  void text(std::string_view cell);
  void time(std::int64_t micros);
  void missing(CellKind kind);
  std::string finish();

 private:
  void put(std::uint64_t bits);

  std::string out_, texts_;
  std::uint32_t rows_ = 0;
};

// One block of all rows of `bytes`: of rows that are equal in both times and identity the first
// stays; those that are kept for no read are gone, those that are old enough in tiles, once they
// are as many as the others or a block without rows asks for it. kCorruption.
Result<std::string> merge_rows(std::string_view bytes);
// The same of blocks that stand behind others, which are not known: no tiles are made.
Result<std::string> merge_part(std::string_view bytes);
// Adds a block to one that is there (or to nothing), as merge_rows() would of both. Quick when the
// rows are newer than all that are there.
Result<void> add_block(std::string& bytes, std::string_view block);
// How many rows there are beside the tiles. kCorruption.
Result<std::size_t> count_rows(std::string_view bytes);

// Reads rows in place, as window_reader.h wants them. What it was opened with must outlive it.
class PackedRows {
 public:
  // `scratch` is used when there are several blocks. kCorruption: the bytes are no rows of this
  // layout. No bytes are no rows.
  static Result<PackedRows> open(const RowLayout& layout, std::string_view bytes,
                                 std::string& scratch);

  std::size_t size() const { return size_; }
  const Tiles& tiles() const { return tiles_; }
  std::int64_t event(std::size_t row) const { return load<std::int64_t>(at(row)); }
  std::int64_t arrival(std::size_t row) const { return load<std::int64_t>(at(row) + 8); }
  std::uint64_t identity(std::size_t row) const { return load<std::uint64_t>(at(row) + 16); }
  bool is_known(std::size_t row, std::int64_t moment) const {
    return arrival(row) <= moment &&
           (!is_corrected_ || moment < load<std::int64_t>(at(row) + stride_ - 8));
  }

  double number_cell(std::size_t row, std::size_t cell) const {  // NaN: missing
    return load<double>(at(row) + kTimes + 8 * cell);
  }
  bool has_text(std::size_t row, std::size_t cell) const {
    return load<std::uint64_t>(at(row) + kTimes + 8 * cell) != kMissingText;
  }
  std::string_view text_cell(std::size_t row, std::size_t cell) const {  // has_text() says whether
    const char* place = at(row) + kTimes + 8 * cell;
    return {texts_ + load<std::uint32_t>(place), load<std::uint32_t>(place + 4)};
  }
  static constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();
  std::int64_t time_cell(std::size_t row, std::size_t cell) const {
    return load<std::int64_t>(at(row) + kTimes + 8 * cell);
  }

  // What aggregates read: a text or time that is there is 1.
  double number(std::size_t row, std::size_t cell) const {
    if (kinds_ == nullptr || kinds_[cell] == CellKind::kNumber) return number_cell(row, cell);
    const bool is_there = kinds_[cell] == CellKind::kText ? has_text(row, cell)
                                                          : time_cell(row, cell) != kMissingTime;
    return is_there ? 1 : std::numeric_limits<double>::quiet_NaN();
  }
  template <typename T>
  void collect(std::size_t row, std::size_t cell, std::vector<T>& values) const {
    if constexpr (std::is_same_v<T, std::string_view>) {
      if (has_text(row, cell)) values.push_back(text_cell(row, cell));
    } else if constexpr (std::is_same_v<T, types::Timestamp>) {
      if (const std::int64_t micros = time_cell(row, cell); micros != kMissingTime)
        values.push_back({micros});
    } else {
      if (const double number = number_cell(row, cell); number == number) values.push_back(number);
    }
  }

  static constexpr std::size_t kTimes = 24;  // bytes in front of a row's cells
  static constexpr std::uint64_t kMissingText = std::numeric_limits<std::uint64_t>::max();

 private:
  const char* at(std::size_t row) const { return rows_ + row * stride_; }

  Tiles tiles_;
  const char* rows_ = nullptr;
  const char* texts_ = nullptr;
  const CellKind* kinds_ = nullptr;  // null: all are numbers
  std::size_t size_ = 0, stride_ = 0;
  bool is_corrected_ = false;
};

}  // namespace slipway::features
