// Tiles of one key as bytes: what is kept of rows that are not kept singly any more, by buckets of
// time. The layout is docs/formats/online_rows.md.
//
// Whether a row is in the tiles can be told without keeping it: it is when it was true and known by
// until(), and its number is at most settled(). So a row that is brought again counts once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "features/exact_sum.h"
#include "features/packed_bytes.h"
#include "features/row_layout.h"
#include "types/timestamp.h"

namespace slipway::features {

inline constexpr std::uint8_t kTilesVersion = 2;  // the first byte; rows have another

// Event time, arrival time, identity.
using RowOrder = std::tuple<std::int64_t, std::int64_t, std::uint64_t>;

// Reads tiles in place. What it was opened with must outlive it.
class Tiles {
 public:
  // None at all, of any layout: no row is in them.
  Tiles() = default;
  // Those that `bytes` begin with. kCorruption.
  static Result<Tiles> open(std::string_view bytes);
  // The same of bytes that were looked through before: what a tile holds is taken for granted.
  static Result<Tiles> open_again(std::string_view bytes);
  static bool begin_with(std::string_view bytes) {
    return !bytes.empty() && static_cast<std::uint8_t>(bytes[0]) == kTilesVersion;
  }

  std::size_t bytes() const { return bytes_; }  // that they take
  std::size_t cells() const { return folds_.size(); }
  Fold fold(std::size_t cell) const { return folds_[cell]; }
  bool is_of(std::int64_t resolution, const std::vector<CellKind>& cells,
             const std::vector<Fold>& folds) const;
  std::int64_t resolution() const { return resolution_; }
  std::int64_t until() const { return until_; }
  std::int64_t settled() const { return settled_; }
  bool have(std::int64_t event, std::int64_t arrival, std::int64_t number) const {
    return bytes_ > 0 && std::max(event, arrival) <= until_ && number <= settled_;
  }

  std::size_t size() const { return size_; }  // ascending by time
  std::int64_t end(std::size_t tile) const { return load<std::int64_t>(at(tile)); }
  std::int64_t newest_event(std::size_t tile) const { return load<std::int64_t>(at(tile) + 8); }
  // How many tiles end at or before `time`.
  std::size_t first_after(std::int64_t time) const;

  // Of a cell that is folded so; count() also of sums.
  std::uint64_t count(std::size_t tile, std::size_t cell) const {
    return load<std::uint64_t>(slot(tile, cell));
  }
  void add_sum(std::size_t tile, std::size_t cell, ExactSum& sum) const;
  // NaN, kMissingTime or no text: no row had a value. For kFirst and kLast order() says where.
  double number(std::size_t tile, std::size_t cell) const {
    return load<double>(value_at(tile, cell));
  }
  std::optional<std::int64_t> time(std::size_t tile, std::size_t cell) const;
  std::optional<std::string_view> text(std::size_t tile, std::size_t cell) const;
  bool has_value(std::size_t tile, std::size_t cell) const;
  RowOrder order(std::size_t tile, std::size_t cell) const;

  // Of a cell that is folded to values: calls visit(value, times) for each, ascending. As a double,
  // a text, or a time.
  template <typename T, typename Visit>
  void each_value(std::size_t tile, std::size_t cell, Visit visit) const;

  // Adds the value to those of its type, when there is one.
  void collect(std::size_t tile, std::size_t cell, std::vector<double>& values) const {
    if (has_value(tile, cell)) values.push_back(number(tile, cell));
  }
  void collect(std::size_t tile, std::size_t cell, std::vector<std::string_view>& values) const {
    if (const auto found = text(tile, cell)) values.push_back(*found);
  }
  void collect(std::size_t tile, std::size_t cell, std::vector<types::Timestamp>& values) const {
    if (const auto found = time(tile, cell)) values.push_back({*found});
  }

 private:
  friend class TileSet;

  const char* at(std::size_t tile) const { return first_ + tile * stride_; }
  const char* slot(std::size_t tile, std::size_t cell) const { return at(tile) + slots_[cell]; }
  const char* value_at(std::size_t tile, std::size_t cell) const;
  std::string_view rest(const char* reference) const;  // that an offset and a length point to
  bool is_sound() const;
  bool are_values(std::string_view bytes, CellKind kind) const;

  std::int64_t resolution_ = 0, until_ = 0, settled_ = 0;
  std::vector<CellKind> kinds_;
  std::vector<Fold> folds_;
  std::vector<std::size_t> slots_;  // by cell: where in a tile
  const char* first_ = nullptr;
  std::string_view rest_;  // texts, and sums that two numbers don't hold
  std::size_t size_ = 0, stride_ = 0, bytes_ = 0;
};

// Values in the rest: 8 bytes and how often, or of texts how often, the length (4 bytes) and the
// text.
template <typename T, typename Visit>
void Tiles::each_value(std::size_t tile, std::size_t cell, Visit visit) const {
  std::string_view left = rest(slot(tile, cell));
  while (!left.empty()) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      const auto length = load<std::uint32_t>(left.data() + 8);
      visit(left.substr(12, length), load<std::uint64_t>(left.data()));
      left.remove_prefix(12 + length);
    } else {
      visit(load<T>(left.data()), load<std::uint64_t>(left.data() + 8));
      left.remove_prefix(16);
    }
  }
}

// Tiles that rows are added to. What was added must outlive it.
class TileSet {
 public:
  TileSet(std::int64_t resolution, std::vector<CellKind> kinds, std::vector<Fold> folds,
          const Tiles& before);

  // `cells`: 8 bytes each, as rows have them; texts lie in `texts`.
  void add_row(const RowOrder& order, const char* cells, const char* texts);
  // All that end at or before `time` go, but for the newest of them.
  void drop_until(std::int64_t time);
  Result<std::string> finish(std::int64_t until, std::int64_t settled) const;

 private:
  // A value: a number, a time or a text.
  struct Key {
    std::uint64_t bits = 0;
    std::string_view text;
  };
  struct LessKey {
    CellKind kind = CellKind::kNumber;
    bool operator()(const Key& a, const Key& b) const;
  };
  struct OfCell {
    std::uint64_t count = 0;
    ExactSum sum;
    RowOrder order;
    Key key;  // the least, greatest, first or last
    std::map<Key, std::uint64_t, LessKey> values;
  };
  struct Tile {
    std::int64_t newest_event = 0;
    std::vector<OfCell> cells;
  };
  Tile& tile_at(std::int64_t end, std::int64_t newest_event);
  Tile read(std::size_t before) const;
  void offer(std::size_t cell, OfCell& to, const RowOrder& order, const Key& key) const;

  const std::int64_t resolution_;
  const std::vector<CellKind> kinds_;
  const std::vector<Fold> folds_;
  const Tiles& before_;
  std::map<std::int64_t, Tile> tiles_;  // by end: those that rows were added to
  std::int64_t dropped_until_ = std::numeric_limits<std::int64_t>::min();
};

// The end of the bucket that an event lies in: the first multiple of the resolution at or after it.
std::int64_t bucket_end(std::int64_t event, std::int64_t resolution);
// The last multiple at or before a moment.
std::int64_t bucket_begin(std::int64_t moment, std::int64_t resolution);

}  // namespace slipway::features
