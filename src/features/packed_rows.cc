#include "features/packed_rows.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "base/check.h"

namespace slipway::features {
namespace {

constexpr std::size_t kHeader = 24;
constexpr std::uint8_t kHasKinds = 1;  // flag: not all cells are numbers
constexpr std::size_t kTimes = PackedRows::kTimes;

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

// A block in the bytes that it was read from.
struct Block {
  std::string_view prefix;  // what all blocks of one layout begin with, but for the counts
  std::uint32_t keep_seconds = 0, rows = 0, text_bytes = 0;
  std::int64_t written = 0;  // when
  std::size_t cells = 0;
  const CellKind* kinds = nullptr;
  const char* first = nullptr;
  const char* texts = nullptr;
  std::size_t bytes = 0;

  std::size_t stride() const { return kTimes + 8 * cells; }
  const char* row(std::size_t i) const { return first + i * stride(); }
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
  if (flags > kHasKinds) return damaged();
  const std::size_t kinds = flags == kHasKinds ? padded(block.cells) : 0;
  // 2^32 rows of 2^16 cells fit into 64 bits.
  block.bytes = kHeader + kinds + block.rows * block.stride() + padded(block.text_bytes);
  if (block.bytes > bytes.size()) return damaged();
  const char* at = bytes.data() + kHeader;
  if (flags == kHasKinds) {
    block.kinds = reinterpret_cast<const CellKind*>(at);
    for (std::size_t cell = 0; cell < block.cells; ++cell) {
      if (static_cast<std::uint8_t>(block.kinds[cell]) > 2) return damaged();
    }
  }
  block.first = at + kinds;
  block.texts = block.first + block.rows * block.stride();
  return block;
}

bool is_alike(const Block& a, const Block& b) {
  return a.cells == b.cells && (a.kinds == nullptr) == (b.kinds == nullptr) &&
         (a.kinds == nullptr || std::equal(a.kinds, a.kinds + a.cells, b.kinds));
}

std::tuple<std::int64_t, std::int64_t, std::uint64_t> order_of(const char* row) {
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
};

// Before this moment nothing is asked any more but for what was the newest then.
std::int64_t cut_of(std::int64_t newest, std::uint32_t keep_seconds) {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::min();
  const std::int64_t keep = std::int64_t{keep_seconds} * 1'000'000;
  const bool keeps_all = keep_seconds == std::numeric_limits<std::uint32_t>::max();
  return keeps_all || newest < kNever + keep ? kNever : newest - keep;
}

// When a row was true and known.
std::int64_t known_at(const char* row) {
  return std::min(load<std::int64_t>(row), load<std::int64_t>(row + 8));
}

// The first of the rows that stay: the newest one known at the cut, and all after it. Rows of the
// future, told early or by a wrong clock, push nothing out.
std::size_t first_kept(const std::vector<RowAt>& rows, std::uint32_t keep_seconds,
                       std::int64_t written) {
  std::int64_t newest = std::numeric_limits<std::int64_t>::min();
  for (const RowAt& at : rows) newest = std::max(newest, known_at(at.row));
  const std::int64_t cut = cut_of(std::min(newest, written), keep_seconds);
  std::size_t first = 0;
  for (std::size_t i = 0; i < rows.size() && load<std::int64_t>(rows[i].row) <= cut; ++i) {
    if (load<std::int64_t>(rows[i].row + 8) <= cut) first = i;
  }
  return first;
}

std::string write_rows(std::span<const RowAt> rows, std::uint32_t keep_seconds,
                       std::int64_t written) {
  const Block& like = *rows.front().block;
  const std::size_t kinds = like.kinds != nullptr ? padded(like.cells) : 0;
  std::string out(kHeader + kinds + rows.size() * like.stride(), '\0');
  out[0] = static_cast<char>(kPackedRowsVersion);
  out[1] = static_cast<char>(like.kinds != nullptr ? kHasKinds : 0);
  const auto cells = static_cast<std::uint16_t>(like.cells);
  const auto count = static_cast<std::uint32_t>(rows.size());
  std::memcpy(out.data() + 2, &cells, 2);
  std::memcpy(out.data() + 4, &count, 4);
  if (kinds > 0) std::memcpy(out.data() + kHeader, like.kinds, like.cells);
  std::string texts;
  char* to = out.data() + kHeader + kinds;
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
  }
  const auto text_bytes = static_cast<std::uint32_t>(texts.size());
  std::memcpy(out.data() + 8, &text_bytes, 4);
  std::memcpy(out.data() + 12, &keep_seconds, 4);
  std::memcpy(out.data() + 16, &written, 8);
  texts.resize(padded(texts.size()));
  out += texts;
  return out;
}

}  // namespace

BlockWriter::BlockWriter(const RowLayout& layout, std::size_t rows, types::Timestamp now) {
  const bool has_kinds =
      std::ranges::any_of(layout.cells, [](CellKind kind) { return kind != CellKind::kNumber; });
  const auto cells = static_cast<std::uint16_t>(layout.cells.size());
  CHECK(cells == layout.cells.size());
  out_.reserve(kHeader + (has_kinds ? padded(cells) : 0) + rows * (kTimes + 8 * cells));
  out_.resize(kHeader + (has_kinds ? padded(cells) : 0));
  out_[0] = static_cast<char>(kPackedRowsVersion);
  out_[1] = static_cast<char>(has_kinds ? kHasKinds : 0);
  std::memcpy(out_.data() + 2, &cells, 2);
  std::memcpy(out_.data() + 12, &layout.keep_seconds, 4);
  std::memcpy(out_.data() + 16, &now.micros, 8);
  if (has_kinds) std::memcpy(out_.data() + kHeader, layout.cells.data(), cells);
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

Result<std::string> merge_rows(std::string_view bytes) {
  std::vector<Block> blocks;
  for (std::string_view left = bytes; !left.empty(); left.remove_prefix(blocks.back().bytes)) {
    blocks.push_back(TRY(read_block(left)));
    if (!is_alike(blocks.front(), blocks.back()) || !are_texts_inside(blocks.back()))
      return damaged();
  }
  std::vector<RowAt> rows;
  std::uint64_t text_bytes = 0;
  for (const Block& block : blocks) {
    text_bytes += block.text_bytes;
    for (std::size_t i = 0; i < block.rows; ++i) rows.push_back({block.row(i), &block});
  }
  if (rows.empty()) return std::string();
  const auto is_before = [](const RowAt& a, const RowAt& b) {
    return order_of(a.row) < order_of(b.row);
  };
  const auto is_same = [](const RowAt& a, const RowAt& b) {
    return order_of(a.row) == order_of(b.row);
  };
  if (!std::ranges::is_sorted(rows, is_before)) std::ranges::stable_sort(rows, is_before);
  rows.erase(std::ranges::unique(rows, is_same).begin(), rows.end());
  std::uint32_t keep_seconds = 0;
  std::int64_t written = blocks.front().written;
  for (const Block& block : blocks) {
    keep_seconds = std::max(keep_seconds, block.keep_seconds);
    written = std::max(written, block.written);
  }
  if (text_bytes > std::numeric_limits<std::uint32_t>::max() ||
      rows.size() > std::numeric_limits<std::uint32_t>::max())
    return base::error(Code::kResourceExhausted, "a key has too many rows: rows={}", rows.size());
  return write_rows(std::span(rows).subspan(first_kept(rows, keep_seconds, written)), keep_seconds,
                    written);
}

Result<void> add_block(std::string& bytes, std::string_view block) {
  if (bytes.empty()) {
    bytes = block;
    return {};
  }
  const Block there = TRY(read_block(bytes)), added = TRY(read_block(block));
  if (there.bytes != bytes.size() || added.bytes != block.size()) return damaged();
  if (added.rows == 0) return {};
  const bool is_plain = there.rows > 0 && there.kinds == nullptr && is_alike(there, added) &&
                        there.keep_seconds == added.keep_seconds;
  if (is_plain && order_of(there.row(there.rows - 1)) < order_of(added.first) &&
      std::uint64_t{there.rows} + added.rows <= std::numeric_limits<std::uint32_t>::max()) {
    // Once half of the rows are of no use they are dropped, so that each is moved seldom.
    const std::int64_t written = std::max(there.written, added.written);
    const std::int64_t cut =
        cut_of(std::min(known_at(added.row(added.rows - 1)), written), added.keep_seconds);
    const bool is_worth_it = load<std::int64_t>(there.row(there.rows / 2)) <= cut;
    const std::uint32_t rows = there.rows + added.rows;
    bytes.append(added.first, added.rows * added.stride());
    std::memcpy(bytes.data() + 4, &rows, 4);
    std::memcpy(bytes.data() + 16, &written, 8);
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
  Block block = TRY(read_block(bytes));
  if (block.bytes < bytes.size()) {
    scratch = TRY(merge_rows(bytes));
    block = TRY(read_block(scratch));
  } else if (!are_texts_inside(block)) {
    return damaged();
  }
  if (block.cells != layout.cells.size()) return damaged();
  for (std::size_t cell = 0; cell < block.cells; ++cell) {
    const CellKind kind = block.kinds == nullptr ? CellKind::kNumber : block.kinds[cell];
    if (kind != layout.cells[cell]) return damaged();
  }
  rows.rows_ = block.first;
  rows.texts_ = block.texts;
  rows.kinds_ = block.kinds;
  rows.size_ = block.rows;
  rows.stride_ = block.stride();
  return rows;
}

}  // namespace slipway::features
