#include "features/packed_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

#include "base/check.h"
#include "features/corrections.h"

namespace slipway::features {
namespace {

constexpr std::size_t kHeader = 24;
constexpr std::uint8_t kHasKinds = 1;       // flag: not all cells are numbers
constexpr std::uint8_t kHasResolution = 2;  // flag: what tiles are made of follows the kinds
constexpr std::uint8_t kIsCorrected = 4;    // flag: the last two cells say what corrects what
constexpr std::size_t kTimes = PackedRows::kTimes;

// A block in the bytes that it was read from.
struct Block {
  std::uint32_t keep_seconds = 0, rows = 0, text_bytes = 0;
  std::int64_t written = 0;  // when
  std::size_t cells = 0;
  const CellKind* kinds = nullptr;
  std::int64_t resolution = 0, settled = kNothingSettled;
  const Fold* folds = nullptr;
  bool is_corrected = false;
  const char* first = nullptr;
  const char* texts = nullptr;
  std::size_t bytes = 0;

  std::size_t stride() const { return kTimes + 8 * cells; }
  const char* row(std::size_t i) const { return first + i * stride(); }
  // With a resolution.
  std::int64_t number_of(const char* row) const { return load<std::int64_t>(row + stride() - 8); }
  // Where rows correct others.
  std::int64_t until_of(const char* row) const { return load<std::int64_t>(row + stride() - 8); }
  std::int64_t key_of(const char* row) const { return load<std::int64_t>(row + stride() - 16); }
};

Error damaged() { return base::error(Code::kCorruption, "stored feature rows are damaged"); }

Result<Block> read_block(std::string_view bytes) {
  if (bytes.size() < kHeader || static_cast<std::uint8_t>(bytes[0]) != kPackedRowsVersion)
    return damaged();
  Block block;
  const auto flags = static_cast<std::uint8_t>(bytes[1]);
  block.cells = load<std::uint16_t>(bytes.data() + 2);
  block.rows = load<std::uint32_t>(bytes.data() + 4);
  block.text_bytes = load<std::uint32_t>(bytes.data() + 8);
  block.keep_seconds = load<std::uint32_t>(bytes.data() + 12);
  block.written = load<std::int64_t>(bytes.data() + 16);
  if (flags > (kHasKinds | kHasResolution | kIsCorrected)) return damaged();
  const std::size_t kinds = (flags & kHasKinds) != 0 ? padded(block.cells) : 0;
  const std::size_t folds = (flags & kHasResolution) != 0 ? 16 + padded(block.cells) : 0;
  // 2^32 rows of 2^16 cells fit into 64 bits.
  block.bytes = kHeader + kinds + folds + block.rows * block.stride() + padded(block.text_bytes);
  if (block.bytes > bytes.size()) return damaged();
  const char* at = bytes.data() + kHeader;
  if (kinds > 0) {
    block.kinds = reinterpret_cast<const CellKind*>(at);
    for (std::size_t cell = 0; cell < block.cells; ++cell) {
      if (static_cast<std::uint8_t>(block.kinds[cell]) > 2) return damaged();
    }
  }
  at += kinds;
  if (folds > 0) {
    block.resolution = load<std::int64_t>(at);
    block.settled = load<std::int64_t>(at + 8);
    block.folds = reinterpret_cast<const Fold*>(at + 16);
    if (block.resolution <= 0 || block.kinds == nullptr || block.cells == 0 ||
        block.kinds[block.cells - 1] != CellKind::kTime ||
        block.folds[block.cells - 1] != Fold::kNone)
      return damaged();
    for (std::size_t cell = 0; cell < block.cells; ++cell) {
      const Fold fold = block.folds[cell];
      if (static_cast<std::uint8_t>(fold) >= kFolds ||
          (fold == Fold::kSum && block.kinds[cell] != CellKind::kNumber))
        return damaged();
    }
  }
  block.is_corrected = (flags & kIsCorrected) != 0;
  if (block.is_corrected && (folds > 0 || block.kinds == nullptr || block.cells < 2 ||
                             block.kinds[block.cells - 1] != CellKind::kTime ||
                             block.kinds[block.cells - 2] != CellKind::kTime))
    return damaged();
  block.first = at + folds;
  block.texts = block.first + block.rows * block.stride();
  return block;
}

bool is_alike(const Block& a, const Block& b) {
  return a.cells == b.cells && (a.kinds == nullptr) == (b.kinds == nullptr) &&
         (a.kinds == nullptr || std::equal(a.kinds, a.kinds + a.cells, b.kinds)) &&
         a.resolution == b.resolution && a.is_corrected == b.is_corrected &&
         (a.folds == nullptr || std::equal(a.folds, a.folds + a.cells, b.folds));
}

std::vector<CellKind> kinds_of(const Block& block) {
  if (block.kinds == nullptr) return std::vector<CellKind>(block.cells, CellKind::kNumber);
  return {block.kinds, block.kinds + block.cells};
}

std::vector<Fold> folds_of(const Block& block) {
  if (block.folds == nullptr) return {};
  return {block.folds, block.folds + block.cells};
}

// Tiles that stand before the first block; none do: of nothing.
Result<Tiles> tiles_before(std::string_view bytes) {
  if (!Tiles::begin_with(bytes)) return Tiles();
  return Tiles::open(bytes);
}

RowOrder order_of(const char* row) {
  return {load<std::int64_t>(row), load<std::int64_t>(row + 8), load<std::uint64_t>(row + 16)};
}

// Texts of rows lie within the block's.
bool are_texts_inside(const Block& block) {
  for (std::size_t cell = 0; block.kinds != nullptr && cell < block.cells; ++cell) {
    if (block.kinds[cell] != CellKind::kText) continue;
    for (std::size_t row = 0; row < block.rows; ++row) {
      const char* place = block.row(row) + kTimes + 8 * cell;
      if (load<std::uint64_t>(place) == PackedRows::kMissingText) continue;
      const std::uint64_t end =
          std::uint64_t{load<std::uint32_t>(place)} + load<std::uint32_t>(place + 4);
      if (end > block.text_bytes) return false;
    }
  }
  return true;
}

struct RowAt {
  const char* row;
  const Block* block;
  std::int64_t number = 0;            // with a resolution; of rows that are the same the greatest
  std::int64_t until = kStillCounts;  // when it counts no longer

  std::int64_t event() const { return load<std::int64_t>(row); }
  std::int64_t arrival() const { return load<std::int64_t>(row + 8); }
};

// Before this moment nothing is asked any more but for what was the newest then.
std::int64_t cut_of(std::int64_t newest, std::uint32_t keep_seconds) {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::min();
  const std::int64_t keep = std::int64_t{keep_seconds} * 1'000'000;
  const bool keeps_all = keep_seconds == std::numeric_limits<std::uint32_t>::max();
  return keeps_all || newest < kNever + keep ? kNever : newest - keep;
}

// The newest moment by which a row had happened and was known, or the one when rows were written,
// if that is earlier: rows of the future, told early or by a wrong clock, push nothing out.
std::int64_t newest_of(std::span<const RowAt> rows, std::int64_t written) {
  std::int64_t newest = std::numeric_limits<std::int64_t>::min();
  for (const RowAt& at : rows) newest = std::max(newest, std::min(at.event(), at.arrival()));
  return std::min(newest, written);
}

// The first of the rows that stay: the newest one known at the cut, and all after it.
std::size_t first_kept(std::span<const RowAt> rows, std::int64_t cut) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < rows.size() && rows[i].event() <= cut; ++i) {
    if (rows[i].arrival() <= cut) first = i;
  }
  return first;
}

// Leaves out what is kept for no read. What corrects others is kept as long as what it corrects may
// be: a correction that happened long ago may have arrived just now.
void drop_old(std::vector<RowAt>& rows, bool is_corrected, std::int64_t cut) {
  if (!is_corrected) {
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first_kept(rows, cut)));
    return;
  }
  const char* newest = nullptr;  // that counted at the cut
  for (const RowAt& at : rows) {
    if (at.event() <= cut && at.arrival() <= cut && cut < at.until) newest = at.row;
  }
  std::erase_if(rows, [&](const RowAt& at) {
    return at.row != newest && std::max(at.event(), at.arrival()) < cut;
  });
}

// Until when each counts, of rows in their order. What was known of that before stays: the row that
// has corrected one may be gone.
void find_corrections(std::vector<RowAt>& rows) {
  std::vector<Correctable> all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int64_t key = rows[i].block->key_of(rows[i].row);
    if (key != PackedRows::kMissingTime)
      all.push_back({static_cast<std::uint64_t>(key), rows[i].arrival(), i});
  }
  for_corrected(all, [&](std::size_t row, std::int64_t until) {
    rows[row].until = std::min(rows[row].until, until);
  });
}

// What was true and known by then is for tiles.
std::int64_t tiles_until(std::int64_t newest, std::int64_t resolution) {
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  return newest < kFirst + resolution ? kFirst : bucket_begin(newest - resolution, resolution);
}

std::string write_rows(const Block& like, std::span<const RowAt> rows, std::uint32_t keep_seconds,
                       std::int64_t written, std::int64_t settled) {
  const std::size_t kinds = like.kinds != nullptr ? padded(like.cells) : 0;
  const std::size_t folds = like.folds != nullptr ? 16 + padded(like.cells) : 0;
  std::string out(kHeader + kinds + folds + rows.size() * like.stride(), '\0');
  out[0] = static_cast<char>(kPackedRowsVersion);
  out[1] = static_cast<char>((kinds > 0 ? kHasKinds : 0) | (folds > 0 ? kHasResolution : 0) |
                             (like.is_corrected ? kIsCorrected : 0));
  const auto cells = static_cast<std::uint16_t>(like.cells);
  const auto count = static_cast<std::uint32_t>(rows.size());
  std::memcpy(out.data() + 2, &cells, 2);
  std::memcpy(out.data() + 4, &count, 4);
  char* to = out.data() + kHeader;
  if (kinds > 0) std::memcpy(to, like.kinds, like.cells);
  to += kinds;
  if (folds > 0) {
    std::memcpy(to, &like.resolution, 8);
    std::memcpy(to + 8, &settled, 8);
    std::memcpy(to + 16, like.folds, like.cells);
  }
  to += folds;
  std::string texts;
  for (const RowAt& at : rows) {
    std::memcpy(to, at.row, like.stride());
    for (std::size_t cell = 0; like.kinds != nullptr && cell < like.cells; ++cell) {
      char* place = to + kTimes + 8 * cell;
      if (like.kinds[cell] != CellKind::kText ||
          load<std::uint64_t>(place) == PackedRows::kMissingText)
        continue;
      const auto begin = static_cast<std::uint32_t>(texts.size());
      texts.append(at.block->texts + load<std::uint32_t>(place), load<std::uint32_t>(place + 4));
      std::memcpy(place, &begin, 4);
    }
    to += like.stride();
    if (folds > 0) std::memcpy(to - 8, &at.number, 8);
    if (like.is_corrected) std::memcpy(to - 8, &at.until, 8);
  }
  const auto text_bytes = static_cast<std::uint32_t>(texts.size());
  std::memcpy(out.data() + 8, &text_bytes, 4);
  std::memcpy(out.data() + 12, &keep_seconds, 4);
  std::memcpy(out.data() + 16, &written, 8);
  texts.resize(padded(texts.size()));
  out += texts;
  return out;
}

bool may_fold(const RowAt& at, std::int64_t until, std::int64_t settled) {
  return std::max(at.event(), at.arrival()) <= until && at.number <= settled &&
         bucket_end(at.event(), at.block->resolution) <= until;
}

// In their order, each once.
void sort_rows(std::vector<RowAt>& rows) {
  const auto is_before = [](const RowAt& a, const RowAt& b) {
    return order_of(a.row) < order_of(b.row);
  };
  if (!std::ranges::is_sorted(rows, is_before)) std::ranges::stable_sort(rows, is_before);
  std::size_t kept = 0;
  for (const RowAt& at : rows) {
    if (kept > 0 && order_of(rows[kept - 1].row) == order_of(at.row)) {
      rows[kept - 1].number = std::max(rows[kept - 1].number, at.number);
      rows[kept - 1].until = std::min(rows[kept - 1].until, at.until);
    } else {
      rows[kept++] = at;
    }
  }
  rows.resize(kept);
}

// Whether one of a block's rows was there before.
bool tiles_may_have(const Tiles& tiles, const Block& block) {
  for (std::size_t i = 0; tiles.bytes() > 0 && i < block.rows; ++i) {
    const RowAt at{block.row(i), &block};
    if (tiles.have(at.event(), at.arrival(), block.number_of(at.row))) return true;
  }
  return false;
}

// Whether rows that are there tell of an event that added ones tell of, too.
bool are_corrected(const Block& there, const Block& added) {
  std::vector<std::int64_t> keys;
  for (std::size_t i = 0; there.is_corrected && i < added.rows; ++i) {
    const std::int64_t key = added.key_of(added.row(i));
    if (key != PackedRows::kMissingTime) keys.push_back(key);
  }
  if (keys.empty()) return false;
  std::ranges::sort(keys);
  for (std::size_t row = 0; row < there.rows; ++row) {
    if (std::ranges::binary_search(keys, there.key_of(there.row(row)))) return true;
  }
  return false;
}

// Puts what may go into tiles there, and takes it out of `rows`. Returns the tiles' bytes.
Result<std::string> fold(std::vector<RowAt>& rows, const Tiles& before, std::int64_t until,
                         std::int64_t settled, std::int64_t cut) {
  const Block& like = *rows.front().block;
  TileSet tiles(like.resolution, kinds_of(like), folds_of(like), before);
  std::erase_if(rows, [&](const RowAt& at) {
    if (!may_fold(at, until, settled)) return false;
    tiles.add_row(order_of(at.row), at.row + kTimes, at.block->texts);
    return true;
  });
  tiles.drop_until(cut);
  return tiles.finish(until, settled);
}

enum class Behind { kNothing, kOthers };

Result<std::string> merge(std::string_view bytes, Behind behind) {
  const Tiles tiles = TRY(tiles_before(bytes));
  std::vector<Block> blocks;
  for (std::string_view left = bytes.substr(tiles.bytes()); !left.empty();
       left.remove_prefix(blocks.back().bytes)) {
    blocks.push_back(TRY(read_block(left)));
    if (!is_alike(blocks.front(), blocks.back()) || !are_texts_inside(blocks.back()))
      return damaged();
  }
  if (blocks.empty()) return bytes.empty() ? Result<std::string>(std::string()) : damaged();
  const Block& like = blocks.front();
  const bool has_tiles = like.resolution > 0;
  if (tiles.bytes() > 0 &&
      !(has_tiles && tiles.is_of(like.resolution, kinds_of(like), folds_of(like))))
    return damaged();
  std::vector<RowAt> rows;
  std::uint64_t text_bytes = 0;
  std::uint32_t keep_seconds = 0;
  std::int64_t written = like.written, settled = tiles.bytes() > 0 ? tiles.settled() : like.settled;
  bool is_asked = false;  // to make tiles
  for (const Block& block : blocks) {
    text_bytes += block.text_bytes;
    keep_seconds = std::max(keep_seconds, block.keep_seconds);
    written = std::max(written, block.written);
    settled = std::max(settled, block.settled);
    is_asked = is_asked || block.rows == 0;
    for (std::size_t i = 0; i < block.rows; ++i) {
      RowAt at{block.row(i), &block};
      if (has_tiles) at.number = block.number_of(at.row);
      if (like.is_corrected) at.until = block.until_of(at.row);
      if (!tiles.have(at.event(), at.arrival(), at.number)) rows.push_back(at);
    }
  }
  if (rows.empty() && !has_tiles) return std::string();
  if (text_bytes > std::numeric_limits<std::uint32_t>::max() ||
      rows.size() > std::numeric_limits<std::uint32_t>::max())
    return base::error(Code::kResourceExhausted, "a key has too many rows: rows={}", rows.size());
  sort_rows(rows);
  if (like.is_corrected) find_corrections(rows);

  const std::int64_t newest = newest_of(rows, written), cut = cut_of(newest, keep_seconds);
  // Who stands before may have what these rows correct.
  if (!like.is_corrected || behind == Behind::kNothing) drop_old(rows, like.is_corrected, cut);
  std::string of_tiles(bytes.substr(0, tiles.bytes()));
  if (has_tiles && behind == Behind::kNothing && !rows.empty()) {
    const std::int64_t until = std::max(tiles_until(newest, like.resolution), tiles.until());
    const auto old = static_cast<std::size_t>(
        std::ranges::count_if(rows, [&](const RowAt& at) { return may_fold(at, until, settled); }));
    if (old > 0 && (is_asked || 2 * old >= rows.size()))
      of_tiles = TRY(fold(rows, tiles, until, settled, cut));
  }
  std::string merged = of_tiles + write_rows(like, rows, keep_seconds, written, settled);
  // Who stands before may have rows that tiles are asked for of.
  if (has_tiles && is_asked && behind == Behind::kOthers)
    merged += write_rows(like, {}, keep_seconds, written, settled);
  return merged;
}

}  // namespace

BlockWriter::BlockWriter(const RowLayout& layout, std::size_t rows, types::Timestamp now,
                         std::int64_t settled) {
  CHECK(!layout.is_corrected || layout.resolution == 0);
  const bool has_kinds =
      std::ranges::any_of(layout.cells, [](CellKind kind) { return kind != CellKind::kNumber; });
  const auto cells = static_cast<std::uint16_t>(layout.cells.size());
  CHECK(cells == layout.cells.size());
  const std::size_t kinds = has_kinds ? padded(cells) : 0;
  const std::size_t folds = layout.resolution > 0 ? 16 + padded(cells) : 0;
  out_.reserve(kHeader + kinds + folds + rows * (kTimes + 8 * cells));
  out_.resize(kHeader + kinds + folds);
  out_[0] = static_cast<char>(kPackedRowsVersion);
  out_[1] = static_cast<char>((has_kinds ? kHasKinds : 0) | (folds > 0 ? kHasResolution : 0) |
                              (layout.is_corrected ? kIsCorrected : 0));
  std::memcpy(out_.data() + 2, &cells, 2);
  std::memcpy(out_.data() + 12, &layout.keep_seconds, 4);
  std::memcpy(out_.data() + 16, &now.micros, 8);
  if (has_kinds) std::memcpy(out_.data() + kHeader, layout.cells.data(), cells);
  if (folds == 0) return;
  CHECK(layout.cells.back() == CellKind::kTime && layout.folds.size() == cells);
  char* const to = out_.data() + kHeader + kinds;
  std::memcpy(to, &layout.resolution, 8);
  std::memcpy(to + 8, &settled, 8);
  std::memcpy(to + 16, layout.folds.data(), cells);
}

void BlockWriter::put(std::uint64_t bits) {
  out_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

void BlockWriter::row(std::int64_t event, std::int64_t arrival, std::uint64_t identity) {
  put(static_cast<std::uint64_t>(event));
  put(static_cast<std::uint64_t>(arrival));
  put(identity);
  ++rows_;
}

void BlockWriter::number(double cell) { put(std::bit_cast<std::uint64_t>(cell)); }

void BlockWriter::text(std::string_view cell) {
  put(texts_.size() | (std::uint64_t{cell.size()} << 32));
  texts_ += cell;
}

void BlockWriter::time(std::int64_t micros) { put(static_cast<std::uint64_t>(micros)); }

void BlockWriter::missing(CellKind kind) {
  switch (kind) {
    case CellKind::kNumber:
      return number(std::numeric_limits<double>::quiet_NaN());
    case CellKind::kText:
      return put(PackedRows::kMissingText);
    case CellKind::kTime:
      return time(PackedRows::kMissingTime);
  }
}

std::string BlockWriter::finish() {
  const auto text_bytes = static_cast<std::uint32_t>(texts_.size());
  CHECK(text_bytes == texts_.size());
  std::memcpy(out_.data() + 4, &rows_, 4);
  std::memcpy(out_.data() + 8, &text_bytes, 4);
  texts_.resize(padded(texts_.size()));
  out_ += texts_;
  return std::move(out_);
}

Result<std::string> merge_rows(std::string_view bytes) { return merge(bytes, Behind::kNothing); }

Result<std::string> merge_part(std::string_view bytes) { return merge(bytes, Behind::kOthers); }

Result<void> add_block(std::string& bytes, std::string_view block) {
  if (bytes.empty()) {
    bytes = block;
    return {};
  }
  const Tiles tiles = Tiles::begin_with(bytes) ? TRY(Tiles::open_again(bytes)) : Tiles();
  const Block there = TRY(read_block(std::string_view(bytes).substr(tiles.bytes()))),
              added = TRY(read_block(block));
  if (tiles.bytes() + there.bytes != bytes.size() || added.bytes != block.size()) return damaged();
  if (added.rows == 0 && added.resolution == 0) return {};
  const bool is_plain = there.rows > 0 && added.rows > 0 && there.text_bytes == 0 &&
                        added.text_bytes == 0 && is_alike(there, added) &&
                        there.keep_seconds == added.keep_seconds;
  if (is_plain && order_of(there.row(there.rows - 1)) < order_of(added.first) &&
      !tiles_may_have(tiles, added) && !are_corrected(there, added) &&
      std::uint64_t{there.rows} + added.rows <= std::numeric_limits<std::uint32_t>::max()) {
    // Once half of the rows are of no use they are dropped, so that each is moved seldom.
    const std::int64_t written = std::max(there.written, added.written);
    const std::int64_t settled = std::max(there.settled, added.settled);
    const RowAt last{added.row(added.rows - 1), &added};
    const std::int64_t newest = newest_of(std::span(&last, 1), written);
    RowAt middle{there.row(there.rows / 2), &there};
    bool is_worth_it = middle.event() <= cut_of(newest, added.keep_seconds);
    if (added.resolution > 0) {
      middle.number = there.number_of(middle.row);
      is_worth_it = is_worth_it || may_fold(middle, tiles_until(newest, added.resolution), settled);
    }
    const std::uint32_t rows = there.rows + added.rows;
    const std::size_t begin = tiles.bytes();
    const auto first = static_cast<std::size_t>(there.first - bytes.data());
    bytes.append(added.first, added.rows * added.stride());
    std::memcpy(bytes.data() + begin + 4, &rows, 4);
    std::memcpy(bytes.data() + begin + 16, &written, 8);
    if (added.resolution > 0)
      std::memcpy(bytes.data() + first - padded(added.cells) - 8, &settled, 8);
    if (is_worth_it) bytes = TRY(merge_rows(bytes));
    return {};
  }
  std::string both;
  both.reserve(bytes.size() + block.size());
  both.append(bytes).append(block);
  bytes = TRY(merge_rows(both));
  return {};
}

Result<std::size_t> count_rows(std::string_view bytes) {
  std::size_t rows = 0;
  bytes.remove_prefix(TRY(tiles_before(bytes)).bytes());
  while (!bytes.empty()) {
    const Block block = TRY(read_block(bytes));
    rows += block.rows;
    bytes.remove_prefix(block.bytes);
  }
  return rows;
}

Result<PackedRows> PackedRows::open(const RowLayout& layout, std::string_view bytes,
                                    std::string& scratch) {
  PackedRows rows;
  if (bytes.empty()) return rows;
  rows.tiles_ = TRY(tiles_before(bytes));
  Block block = TRY(read_block(bytes.substr(rows.tiles_.bytes())));
  if (rows.tiles_.bytes() + block.bytes < bytes.size()) {
    scratch = TRY(merge_rows(bytes));
    rows.tiles_ = TRY(tiles_before(scratch));
    block = TRY(read_block(std::string_view(scratch).substr(rows.tiles_.bytes())));
  } else if (!are_texts_inside(block)) {
    return damaged();
  }
  if (block.cells != layout.cells.size() || block.resolution != layout.resolution ||
      block.is_corrected != layout.is_corrected || folds_of(block) != layout.folds ||
      !rows.tiles_.is_of(layout.resolution, layout.cells, layout.folds))
    return damaged();
  for (std::size_t cell = 0; cell < block.cells; ++cell) {
    const CellKind kind = block.kinds == nullptr ? CellKind::kNumber : block.kinds[cell];
    if (kind != layout.cells[cell]) return damaged();
  }
  rows.rows_ = block.first;
  rows.texts_ = block.texts;
  rows.kinds_ = block.kinds;
  rows.size_ = block.rows;
  rows.stride_ = block.stride();
  rows.is_corrected_ = block.is_corrected;
  return rows;
}

}  // namespace slipway::features
