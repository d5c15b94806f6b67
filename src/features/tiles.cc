#include "features/tiles.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace slipway::features {
namespace {

constexpr std::size_t kHeader = 40;
constexpr std::size_t kTimes = 16;  // of a tile: its end, its newest event
constexpr std::size_t kOrder = 24;  // in front of a first or last value
constexpr std::uint64_t kMissingText = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

std::size_t slot_bytes(Fold fold) {
  switch (fold) {
    case Fold::kNone:
      return 0;
    case Fold::kCount:
    case Fold::kLeast:
    case Fold::kGreatest:
      return 8;
    case Fold::kSum:
      return 24;
    case Fold::kFirst:
    case Fold::kLast:
      return kOrder + 8;
  }
  return 0;
}

bool has_order(Fold fold) { return fold == Fold::kFirst || fold == Fold::kLast; }
bool is_compared(Fold fold) { return fold == Fold::kLeast || fold == Fold::kGreatest; }

Error damaged() { return base::error(Code::kCorruption, "stored feature tiles are damaged"); }

bool is_missing(CellKind kind, std::uint64_t bits) {
  switch (kind) {
    case CellKind::kNumber:
      return std::isnan(std::bit_cast<double>(bits));
    case CellKind::kText:
      return bits == kMissingText;
    case CellKind::kTime:
      return std::bit_cast<std::int64_t>(bits) == kMissingTime;
  }
  return true;
}

std::uint64_t missing(CellKind kind) {
  switch (kind) {
    case CellKind::kNumber:
      return std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN());
    case CellKind::kText:
      return kMissingText;
    case CellKind::kTime:
      return std::bit_cast<std::uint64_t>(kMissingTime);
  }
  return 0;
}

}  // namespace

std::int64_t bucket_end(std::int64_t event, std::int64_t resolution) {
  const std::int64_t after = event % resolution, begin = event - after;
  if (after <= 0) return begin;
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  return begin > kLast - resolution ? kLast : begin + resolution;
}

std::int64_t bucket_begin(std::int64_t moment, std::int64_t resolution) {
  const std::int64_t after = moment % resolution, end = moment - after;
  if (after >= 0) return end;
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  return end < kFirst + resolution ? kFirst : end - resolution;
}

Result<Tiles> Tiles::open(std::string_view bytes) {
  if (bytes.size() < kHeader || !begin_with(bytes) || bytes[1] != 0) return damaged();
  Tiles tiles;
  const std::size_t cells = load<std::uint16_t>(bytes.data() + 2);
  tiles.size_ = load<std::uint32_t>(bytes.data() + 4);
  const std::size_t rest = load<std::uint32_t>(bytes.data() + 8);
  tiles.resolution_ = load<std::int64_t>(bytes.data() + 16);
  tiles.until_ = load<std::int64_t>(bytes.data() + 24);
  tiles.settled_ = load<std::int64_t>(bytes.data() + 32);
  const std::size_t begin = kHeader + 2 * padded(cells);
  if (begin > bytes.size() || tiles.resolution_ <= 0) return damaged();
  const char* const kinds = bytes.data() + kHeader;
  const char* const folds = kinds + padded(cells);
  tiles.stride_ = kTimes;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const auto kind = static_cast<std::uint8_t>(kinds[cell]),
               fold = static_cast<std::uint8_t>(folds[cell]);
    if (kind > 2 || fold >= kFolds) return damaged();
    tiles.kinds_.push_back(CellKind{kind});
    tiles.folds_.push_back(Fold{fold});
    if (tiles.folds_.back() == Fold::kSum && tiles.kinds_.back() != CellKind::kNumber)
      return damaged();
    tiles.slots_.push_back(tiles.stride_);
    tiles.stride_ += slot_bytes(tiles.folds_.back());
  }
  // 2^32 tiles of 2^16 cells fit into 64 bits.
  const std::size_t end = begin + tiles.size_ * tiles.stride_;
  tiles.bytes_ = end + padded(rest);
  if (tiles.bytes_ > bytes.size()) return damaged();
  tiles.first_ = bytes.data() + begin;
  tiles.rest_ = bytes.substr(end, rest);
  if (!tiles.is_sound()) return damaged();
  return tiles;
}

// What a tile refers to is there, and tiles are in order.
bool Tiles::is_sound() const {
  for (std::size_t tile = 0; tile < size_; ++tile) {
    if (end(tile) % resolution_ != 0 || end(tile) > until_ || newest_event(tile) > end(tile) ||
        (tile > 0 && end(tile) <= end(tile - 1)))
      return false;
  }
  const auto is_inside = [&](const char* reference) {
    return std::uint64_t{load<std::uint32_t>(reference)} + load<std::uint32_t>(reference + 4) <=
           rest_.size();
  };
  for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
    const bool is_sum = folds_[cell] == Fold::kSum;
    const bool is_text =
        kinds_[cell] == CellKind::kText && (has_order(folds_[cell]) || is_compared(folds_[cell]));
    if (!is_sum && !is_text) continue;
    for (std::size_t tile = 0; tile < size_; ++tile) {
      const char* const value = value_at(tile, cell);
      if (is_text) {
        if (load<std::uint64_t>(value) != kMissingText && !is_inside(value)) return false;
      } else if (std::isnan(load<double>(value))) {
        ExactSum sum;
        if (!is_inside(value + 8) || !sum.add_kept(rest(value + 8))) return false;
      } else if (!std::isfinite(load<double>(value)) || !std::isfinite(load<double>(value + 8))) {
        return false;
      }
    }
  }
  return true;
}

bool Tiles::is_of(std::int64_t resolution, const std::vector<CellKind>& cells,
                  const std::vector<Fold>& folds) const {
  return bytes_ == 0 || (resolution == resolution_ && cells == kinds_ && folds == folds_);
}

std::size_t Tiles::first_after(std::int64_t time) const {
  std::size_t low = 0, left = size_;
  while (left > 0) {
    const std::size_t half = (left + 1) / 2;
    low += end(low + half - 1) <= time ? half : 0;
    left -= half;
  }
  return low;
}

// Behind the count of a sum, or the order of a first or last value.
const char* Tiles::value_at(std::size_t tile, std::size_t cell) const {
  const Fold fold = folds_[cell];
  return slot(tile, cell) + (fold == Fold::kSum ? 8 : has_order(fold) ? kOrder : 0);
}

std::string_view Tiles::rest(const char* reference) const {
  return rest_.substr(load<std::uint32_t>(reference), load<std::uint32_t>(reference + 4));
}

void Tiles::add_sum(std::size_t tile, std::size_t cell, ExactSum& sum) const {
  const char* const value = value_at(tile, cell);
  if (const auto high = load<double>(value); !std::isnan(high)) {
    sum.add(high);
    sum.add(load<double>(value + 8));
  } else {
    CHECK(sum.add_kept(rest(value + 8)));  // is_sound()
  }
}

std::optional<std::int64_t> Tiles::time(std::size_t tile, std::size_t cell) const {
  const auto micros = load<std::int64_t>(value_at(tile, cell));
  return micros == kMissingTime ? std::nullopt : std::optional(micros);
}

std::optional<std::string_view> Tiles::text(std::size_t tile, std::size_t cell) const {
  const char* const value = value_at(tile, cell);
  return load<std::uint64_t>(value) == kMissingText ? std::nullopt : std::optional(rest(value));
}

bool Tiles::has_value(std::size_t tile, std::size_t cell) const {
  return !is_missing(kinds_[cell], load<std::uint64_t>(value_at(tile, cell)));
}

RowOrder Tiles::order(std::size_t tile, std::size_t cell) const {
  const char* const from = slot(tile, cell);
  return {load<std::int64_t>(from), load<std::int64_t>(from + 8), load<std::uint64_t>(from + 16)};
}

TileSet::TileSet(std::int64_t resolution, std::vector<CellKind> kinds, std::vector<Fold> folds)
    : resolution_(resolution), kinds_(std::move(kinds)), folds_(std::move(folds)) {}

TileSet::Tile& TileSet::tile_at(std::int64_t end, std::int64_t newest_event) {
  const auto [found, is_new] = tiles_.try_emplace(end);
  Tile& tile = found->second;
  tile.newest_event = is_new ? newest_event : std::max(tile.newest_event, newest_event);
  if (is_new) {
    tile.cells = std::vector<OfCell>(folds_.size());
    for (std::size_t cell = 0; cell < folds_.size(); ++cell)
      tile.cells[cell].bits = missing(kinds_[cell]);
  }
  return tile;
}

// A value that is there may take the place of the one before.
void TileSet::offer(std::size_t cell, OfCell& to, const RowOrder& order, std::uint64_t bits,
                    std::string_view text) const {
  const auto is_less = [&](const OfCell& a, std::uint64_t b, std::string_view b_text) {
    switch (kinds_[cell]) {
      case CellKind::kNumber:
        return std::bit_cast<double>(a.bits) < std::bit_cast<double>(b);
      case CellKind::kText:
        return a.text < b_text;
      case CellKind::kTime:
        return std::bit_cast<std::int64_t>(a.bits) < std::bit_cast<std::int64_t>(b);
    }
    return false;
  };
  bool is_better = is_missing(kinds_[cell], to.bits);
  if (!is_better) {
    switch (folds_[cell]) {
      case Fold::kNone:
      case Fold::kCount:
      case Fold::kSum:
        return;
      case Fold::kLeast: {
        OfCell other;
        other.bits = bits;
        other.text = text;
        is_better = is_less(other, to.bits, to.text);
        break;
      }
      case Fold::kGreatest:
        is_better = is_less(to, bits, text);
        break;
      case Fold::kFirst:
        is_better = order < to.order;
        break;
      case Fold::kLast:
        is_better = order > to.order;
        break;
    }
  }
  if (!is_better) return;
  to.order = order;
  to.bits = bits;
  to.text = text;
}

void TileSet::add(const Tiles& tiles) {
  for (std::size_t at = 0; at < tiles.size(); ++at) {
    Tile& tile = tile_at(tiles.end(at), tiles.newest_event(at));
    for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
      OfCell& to = tile.cells[cell];
      const Fold fold = folds_[cell];
      if (fold == Fold::kNone) continue;
      if (fold == Fold::kCount || fold == Fold::kSum) {
        to.count += tiles.count(at, cell);
        if (fold == Fold::kSum) tiles.add_sum(at, cell, to.sum);
      } else if (tiles.has_value(at, cell)) {
        offer(cell, to, has_order(fold) ? tiles.order(at, cell) : RowOrder(),
              load<std::uint64_t>(tiles.value_at(at, cell)),
              kinds_[cell] == CellKind::kText ? *tiles.text(at, cell) : std::string_view());
      }
    }
  }
}

void TileSet::add_row(const RowOrder& order, const char* cells, const char* texts) {
  const std::int64_t event = std::get<0>(order);
  Tile& tile = tile_at(bucket_end(event, resolution_), event);
  for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
    const char* const place = cells + 8 * cell;
    const auto bits = load<std::uint64_t>(place);
    if (folds_[cell] == Fold::kNone || is_missing(kinds_[cell], bits)) continue;
    OfCell& to = tile.cells[cell];
    ++to.count;
    if (folds_[cell] == Fold::kSum) {
      to.sum.add(std::bit_cast<double>(bits));
    } else if (folds_[cell] != Fold::kCount) {
      const std::string_view text =
          kinds_[cell] == CellKind::kText
              ? std::string_view(texts + load<std::uint32_t>(place), load<std::uint32_t>(place + 4))
              : std::string_view();
      offer(cell, to, order, bits, text);
    }
  }
}

void TileSet::drop_until(std::int64_t time) {
  auto first = tiles_.upper_bound(time);
  if (first != tiles_.begin()) tiles_.erase(tiles_.begin(), --first);
}

Result<std::string> TileSet::finish(std::int64_t until, std::int64_t settled) const {
  const std::size_t cells = folds_.size();
  std::string out(kHeader + 2 * padded(cells), '\0'), rest;
  const auto put = [&](auto value) {
    static_assert(sizeof value == 8);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto refer = [&](std::string_view bytes) {
    put(std::uint64_t{rest.size()} | std::uint64_t{bytes.size()} << 32);
    rest += bytes;
  };
  out[0] = static_cast<char>(kTilesVersion);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    out[kHeader + cell] = static_cast<char>(kinds_[cell]);
    out[kHeader + padded(cells) + cell] = static_cast<char>(folds_[cell]);
  }
  for (const auto& [end, tile] : tiles_) {
    put(end);
    put(tile.newest_event);
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const OfCell& of = tile.cells[cell];
      const Fold fold = folds_[cell];
      if (fold == Fold::kNone) continue;
      if (fold == Fold::kCount || fold == Fold::kSum) put(of.count);
      if (fold == Fold::kCount) continue;
      if (fold == Fold::kSum) {
        if (const auto narrow = of.sum.narrow()) {
          put(narrow->high);
          put(narrow->low);
        } else {
          put(std::numeric_limits<double>::quiet_NaN());
          refer(of.sum.wide());
        }
        continue;
      }
      if (has_order(fold)) {
        const auto& [event, arrival, identity] = of.order;
        put(event);
        put(arrival);
        put(identity);
      }
      const bool is_text = kinds_[cell] == CellKind::kText && !is_missing(kinds_[cell], of.bits);
      is_text ? refer(of.text) : put(of.bits);
    }
  }
  if (rest.size() > std::numeric_limits<std::uint32_t>::max() || tiles_.size() > (1u << 31))
    return base::error(Code::kResourceExhausted, "a key has too many tiles: tiles={} bytes={}",
                       tiles_.size(), rest.size());
  const auto count16 = static_cast<std::uint16_t>(cells);
  const auto tiles32 = static_cast<std::uint32_t>(tiles_.size()),
             rest32 = static_cast<std::uint32_t>(rest.size());
  std::memcpy(out.data() + 2, &count16, 2);
  std::memcpy(out.data() + 4, &tiles32, 4);
  std::memcpy(out.data() + 8, &rest32, 4);
  std::memcpy(out.data() + 16, &resolution_, 8);
  std::memcpy(out.data() + 24, &until, 8);
  std::memcpy(out.data() + 32, &settled, 8);
  rest.resize(padded(rest.size()));
  out += rest;
  return out;
}

}  // namespace slipway::features
