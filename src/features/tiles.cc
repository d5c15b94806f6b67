#include "features/tiles.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "base/check.h"

namespace slipway::features {
namespace {

constexpr std::size_t kHeader = 40;
constexpr std::size_t kTimes = 16;  // of a tile: its end, its newest event
constexpr std::size_t kOrder = 24;  // in front of a first or last value
constexpr std::uint64_t kMissingText = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();

std::size_t slot_bytes(Fold fold) {
  switch (fold) {
    case Fold::kNone:
      return 0;
    case Fold::kCount:
    case Fold::kLeast:
    case Fold::kGreatest:
    case Fold::kValues:
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
  Tiles tiles = TRY(open_again(bytes));
  if (!tiles.is_sound()) return damaged();
  return tiles;
}

Result<Tiles> Tiles::open_again(std::string_view bytes) {
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
  const auto is_good = [&](std::size_t tile, std::size_t cell) {
    const char* const value = value_at(tile, cell);
    if (folds_[cell] == Fold::kValues)
      return is_inside(value) && are_values(rest(value), kinds_[cell]);
    if (folds_[cell] != Fold::kSum)
      return load<std::uint64_t>(value) == kMissingText || is_inside(value);
    if (!std::isnan(load<double>(value)))
      return std::isfinite(load<double>(value)) && std::isfinite(load<double>(value + 8));
    ExactSum sum;
    return is_inside(value + 8) && sum.add_kept(rest(value + 8));
  };
  for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
    const Fold fold = folds_[cell];
    const bool is_text = kinds_[cell] == CellKind::kText && (has_order(fold) || is_compared(fold));
    if (fold != Fold::kSum && fold != Fold::kValues && !is_text) continue;
    for (std::size_t tile = 0; tile < size_; ++tile) {
      if (!is_good(tile, cell)) return false;
    }
  }
  return true;
}

// Each there at least once, and not more often than a key has rows.
bool Tiles::are_values(std::string_view bytes, CellKind kind) const {
  const auto are_times = [](const char* place) {
    const auto times = load<std::uint64_t>(place);
    return times >= 1 && times <= std::numeric_limits<std::uint32_t>::max();
  };
  while (!bytes.empty()) {
    std::size_t length = kind == CellKind::kText ? 12 : 16;
    if (bytes.size() < length) return false;
    if (kind == CellKind::kText) {
      length += load<std::uint32_t>(bytes.data() + 8);
      if (bytes.size() < length || !are_times(bytes.data())) return false;
    } else if (is_missing(kind, load<std::uint64_t>(bytes.data())) ||
               !are_times(bytes.data() + 8)) {
      return false;
    }
    bytes.remove_prefix(length);
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

bool TileSet::LessKey::operator()(const Key& a, const Key& b) const {
  switch (kind) {
    case CellKind::kNumber:
      return std::bit_cast<double>(a.bits) < std::bit_cast<double>(b.bits);
    case CellKind::kText:
      return a.text < b.text;
    case CellKind::kTime:
      return std::bit_cast<std::int64_t>(a.bits) < std::bit_cast<std::int64_t>(b.bits);
  }
  return false;
}

TileSet::TileSet(std::int64_t resolution, std::vector<CellKind> kinds, std::vector<Fold> folds,
                 const Tiles& before)
    : resolution_(resolution),
      kinds_(std::move(kinds)),
      folds_(std::move(folds)),
      before_(before) {}

TileSet::Tile& TileSet::tile_at(std::int64_t end, std::int64_t newest_event) {
  const auto found = tiles_.find(end);
  if (found != tiles_.end()) {
    found->second.newest_event = std::max(found->second.newest_event, newest_event);
    return found->second;
  }
  const std::size_t at = before_.first_after(end);
  Tile tile = at > 0 && before_.end(at - 1) == end ? read(at - 1) : read(before_.size());
  tile.newest_event = std::max(tile.newest_event, newest_event);
  return tiles_.emplace(end, std::move(tile)).first->second;
}

// One that is there; of none an empty one.
TileSet::Tile TileSet::read(std::size_t before) const {
  Tile tile;
  const bool is_there = before < before_.size();
  tile.newest_event =
      is_there ? before_.newest_event(before) : std::numeric_limits<std::int64_t>::min();
  tile.cells = std::vector<OfCell>(folds_.size());
  for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
    OfCell& to = tile.cells[cell];
    to.key.bits = missing(kinds_[cell]);
    to.values = decltype(to.values)(LessKey{kinds_[cell]});
    if (!is_there) continue;
    const Fold fold = folds_[cell];
    switch (fold) {
      case Fold::kNone:
        break;
      case Fold::kSum:
        before_.add_sum(before, cell, to.sum);
        [[fallthrough]];
      case Fold::kCount:
        to.count = before_.count(before, cell);
        break;
      case Fold::kLeast:
      case Fold::kGreatest:
      case Fold::kFirst:
      case Fold::kLast:
        if (!before_.has_value(before, cell)) break;
        to.key.bits = load<std::uint64_t>(before_.value_at(before, cell));
        if (kinds_[cell] == CellKind::kText) to.key.text = *before_.text(before, cell);
        if (has_order(fold)) to.order = before_.order(before, cell);
        break;
      case Fold::kValues:
        if (kinds_[cell] == CellKind::kText) {
          before_.each_value<std::string_view>(before, cell,
                                               [&](std::string_view text, std::uint64_t times) {
                                                 to.values[{0, text}] += times;
                                               });
        } else {
          before_.each_value<std::uint64_t>(before, cell,
                                            [&](std::uint64_t bits, std::uint64_t times) {
                                              to.values[{bits, {}}] += times;
                                            });
        }
        break;
    }
  }
  return tile;
}

// A value that is there may take the place of the one before.
void TileSet::offer(std::size_t cell, OfCell& to, const RowOrder& order, const Key& key) const {
  const LessKey is_less{kinds_[cell]};
  bool is_better = is_missing(kinds_[cell], to.key.bits);
  switch (folds_[cell]) {
    case Fold::kNone:
    case Fold::kCount:
    case Fold::kSum:
    case Fold::kValues:
      return;
    case Fold::kLeast:
      is_better = is_better || is_less(key, to.key);
      break;
    case Fold::kGreatest:
      is_better = is_better || is_less(to.key, key);
      break;
    case Fold::kFirst:
      is_better = is_better || order < to.order;
      break;
    case Fold::kLast:
      is_better = is_better || order > to.order;
      break;
  }
  if (!is_better) return;
  to.order = order;
  to.key = key;
}

void TileSet::add_row(const RowOrder& order, const char* cells, const char* texts) {
  const std::int64_t event = std::get<0>(order);
  Tile& tile = tile_at(bucket_end(event, resolution_), event);
  for (std::size_t cell = 0; cell < folds_.size(); ++cell) {
    const char* const place = cells + 8 * cell;
    Key key{.bits = load<std::uint64_t>(place)};
    if (folds_[cell] == Fold::kNone || is_missing(kinds_[cell], key.bits)) continue;
    if (kinds_[cell] == CellKind::kText)
      key.text = {texts + load<std::uint32_t>(place), load<std::uint32_t>(place + 4)};
    OfCell& to = tile.cells[cell];
    ++to.count;
    if (folds_[cell] == Fold::kSum) to.sum.add(std::bit_cast<double>(key.bits));
    if (folds_[cell] == Fold::kValues) ++to.values[key];
    offer(cell, to, order, key);
  }
}

void TileSet::drop_until(std::int64_t time) {
  // The newest of those that end by then, among both kinds.
  std::int64_t newest = std::numeric_limits<std::int64_t>::min();
  if (const std::size_t before = before_.first_after(time); before > 0)
    newest = before_.end(before - 1);
  if (const auto after = tiles_.upper_bound(time); after != tiles_.begin())
    newest = std::max(newest, std::prev(after)->first);
  dropped_until_ = newest;  // it stays
}

Result<std::string> TileSet::finish(std::int64_t until, std::int64_t settled) const {
  const std::size_t cells = folds_.size();
  std::string out(kHeader + 2 * padded(cells), '\0'), rest;
  const auto put = [](std::string& to, auto value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto refer = [&](std::string_view bytes) {
    put(out, std::uint64_t{rest.size()} | std::uint64_t{bytes.size()} << 32);
    rest += bytes;
  };
  out[0] = static_cast<char>(kTilesVersion);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    out[kHeader + cell] = static_cast<char>(kinds_[cell]);
    out[kHeader + padded(cells) + cell] = static_cast<char>(folds_[cell]);
  }
  // As it is, but for where the rest lies.
  const auto copy = [&](std::size_t tile) {
    put(out, before_.end(tile));
    put(out, before_.newest_event(tile));
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const Fold fold = folds_[cell];
      const char* const slot = before_.slot(tile, cell);
      const std::size_t bytes = slot_bytes(fold);
      const bool is_wide = fold == Fold::kSum && std::isnan(load<double>(slot + 8));
      const bool is_text = kinds_[cell] == CellKind::kText &&
                           (has_order(fold) || is_compared(fold)) && before_.has_value(tile, cell);
      if (is_wide || is_text || fold == Fold::kValues) {
        out.append(slot, bytes - 8);
        refer(before_.rest(slot + bytes - 8));
      } else {
        out.append(slot, bytes);
      }
    }
  };
  std::string values;
  const auto write = [&](std::int64_t end, const Tile& tile) {
    put(out, end);
    put(out, tile.newest_event);
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const OfCell& of = tile.cells[cell];
      const bool is_text = kinds_[cell] == CellKind::kText;
      switch (folds_[cell]) {
        case Fold::kNone:
          break;
        case Fold::kCount:
          put(out, of.count);
          break;
        case Fold::kSum:
          put(out, of.count);
          if (const auto narrow = of.sum.narrow()) {
            put(out, narrow->high);
            put(out, narrow->low);
          } else {
            put(out, std::numeric_limits<double>::quiet_NaN());
            refer(of.sum.wide());
          }
          break;
        case Fold::kFirst:
        case Fold::kLast:
          put(out, std::get<0>(of.order));
          put(out, std::get<1>(of.order));
          put(out, std::get<2>(of.order));
          [[fallthrough]];
        case Fold::kLeast:
        case Fold::kGreatest:
          if (is_text && !is_missing(kinds_[cell], of.key.bits)) {
            refer(of.key.text);
          } else {
            put(out, of.key.bits);
          }
          break;
        case Fold::kValues:
          values.clear();
          for (const auto& [key, times] : of.values) {
            if (is_text) {
              put(values, times);
              put(values, static_cast<std::uint32_t>(key.text.size()));
              values += key.text;
            } else {
              put(values, key.bits);
              put(values, times);
            }
          }
          refer(values);
          break;
      }
    }
  };
  std::size_t tiles = 0, at = 0;
  auto changed = tiles_.begin();
  while (at < before_.size() || changed != tiles_.end()) {
    const bool is_changed =
        changed != tiles_.end() && (at == before_.size() || changed->first <= before_.end(at));
    const std::int64_t end = is_changed ? changed->first : before_.end(at);
    if (end >= dropped_until_) {
      is_changed ? write(end, changed->second) : copy(at);
      ++tiles;
    }
    if (at < before_.size() && before_.end(at) == end) ++at;
    if (is_changed) ++changed;
  }
  if (rest.size() > std::numeric_limits<std::uint32_t>::max() || tiles > (1u << 31))
    return base::error(Code::kResourceExhausted, "a key has too many tiles: tiles={} bytes={}",
                       tiles, rest.size());
  const auto cells16 = static_cast<std::uint16_t>(cells);
  const auto tiles32 = static_cast<std::uint32_t>(tiles),
             rest32 = static_cast<std::uint32_t>(rest.size());
  std::memcpy(out.data() + 2, &cells16, 2);
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
