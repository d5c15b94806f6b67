#include "features/packed_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/hash.h"
#include "base/json.h"
#include "features/corrections.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

CellKind kind_of(ValueType type) {
  switch (type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      return CellKind::kNumber;
    case ValueType::kText:
      return CellKind::kText;
    case ValueType::kTime:
      return CellKind::kTime;
  }
  return CellKind::kNumber;
}

Value cell_value(const PackedRows& rows, std::size_t row, std::size_t cell, CellKind kind) {
  switch (kind) {
    case CellKind::kNumber: {
      const double number = rows.number_cell(row, cell);
      return std::isnan(number) ? Value() : Value(number);
    }
    case CellKind::kText:
      return rows.has_text(row, cell) ? Value(std::string(rows.text_cell(row, cell))) : Value();
    case CellKind::kTime: {
      const std::int64_t micros = rows.time_cell(row, cell);
      return micros == PackedRows::kMissingTime ? Value() : Value(types::Timestamp{micros});
    }
  }
  return {};
}

// What is kept of an aggregate's cells in tiles.
Fold fold_of(AggregateFunction function) {
  switch (function) {
    case AggregateFunction::kCount:
      return Fold::kCount;
    case AggregateFunction::kSum:
    case AggregateFunction::kMean:
      return Fold::kSum;
    case AggregateFunction::kMin:
      return Fold::kLeast;
    case AggregateFunction::kMax:
      return Fold::kGreatest;
    case AggregateFunction::kFirst:
      return Fold::kFirst;
    case AggregateFunction::kLast:
      return Fold::kLast;
    case AggregateFunction::kVariance:
    case AggregateFunction::kStddev:
    case AggregateFunction::kDistinct:
    case AggregateFunction::kTopK:
    case AggregateFunction::kMode:
    case AggregateFunction::kQuantile:
      return Fold::kValues;
  }
  return Fold::kNone;
}

// Rows of one key while they are packed.
struct RowToPack {
  std::int64_t event, arrival;
  std::uint64_t identity;
  std::size_t row;
  std::int64_t until = kStillCounts;  // when it counts no longer

  auto order() const { return std::tie(event, arrival, identity); }
};

// Deduplication keys of rows as numbers; kMissingTime: it has none.
std::vector<std::int64_t> deduplication_keys(const BoundView& view,
                                             std::span<const types::Column* const> columns,
                                             std::size_t rows) {
  std::vector<std::int64_t> keys(rows, PackedRows::kMissingTime);
  std::vector<Value> cells(view.deduplication_key.size());
  std::vector<std::size_t> positions(cells.size());
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      cells[i] = cell_of(*columns[view.deduplication_key[i]], row);
    if (const auto text = key_of(cells, positions))
      keys[row] = static_cast<std::int64_t>(base::hash64(*text) >> 1);
  }
  return keys;
}

// Of rows in their order, each once.
void find_corrections(std::vector<RowToPack>& rows, const std::vector<std::int64_t>& keys) {
  std::vector<Correctable> all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (const std::int64_t key = keys[rows[i].row]; key != PackedRows::kMissingTime)
      all.push_back({static_cast<std::uint64_t>(key), rows[i].arrival, i});
  }
  for_corrected(all, [&](std::size_t row, std::int64_t until) { rows[row].until = until; });
}

}  // namespace

RowLayout layout_of(const BoundView& view, std::optional<types::Duration> history) {
  RowLayout layout;
  for (const Expression& input : view.inputs) layout.cells.push_back(kind_of(input.type()));
  if (view.view.resolution) {
    layout.resolution = view.view.resolution->micros;
    for (const Aggregate& aggregate : view.view.aggregates)
      layout.folds.push_back(fold_of(aggregate.function));
    layout.cells.push_back(CellKind::kTime);  // the row's number
    layout.folds.push_back(Fold::kNone);
  }
  layout.is_corrected = !view.deduplication_key.empty();
  if (layout.is_corrected)  // the deduplication key, and until when the row counts
    layout.cells.insert(layout.cells.end(), 2, CellKind::kTime);
  if (!history) return layout;
  constexpr std::int64_t kSecond = 1'000'000;
  std::int64_t reach = view.view.reach().micros;
  // A correction brings back the row that was the newest before.
  if (layout.is_corrected && view.view.ttl) reach = std::max(reach, view.view.ttl->micros);
  const std::int64_t seconds = (reach + history->micros + kSecond - 1) / kSecond;
  layout.keep_seconds =
      static_cast<std::uint32_t>(std::min<std::int64_t>(seconds, layout.keep_seconds));
  return layout;
}

std::string fingerprint_of(const BoundView& view, const Source& source,
                           const std::vector<NamedColumn>& columns,
                           std::span<const std::size_t> identity, const RowLayout& layout) {
  const auto described = [&](const std::vector<std::size_t>& positions) {
    JsonArray all;
    for (const std::size_t column : positions) {
      all.push_back(JsonArray{columns[column].name, value_type_name(columns[column].type),
                              columns[column].is_whole});
    }
    return all;
  };
  std::vector<std::size_t> apart(identity.begin(), identity.end());
  for (std::size_t i = 0; identity.empty() && i < columns.size(); ++i) apart.push_back(i);
  // What is computed of a row; windows and names come in only when it is read.
  JsonArray cells;
  for (const Aggregate& aggregate : view.view.aggregates)
    cells.push_back(Json(aggregate.expression));
  for (const ViewColumn& column : view.view.columns) cells.push_back(Json(column.expression));
  JsonArray keys;
  for (const std::string& key : view.view.keys) keys.push_back(Json(key));
  JsonObject all{{"version", kPackedRowsVersion},   {"keep_seconds", layout.keep_seconds},
                 {"source", source.name},           {"dataset", source.dataset},
                 {"event_time", source.event_time}, {"arrival_time", source.arrival_time},
                 {"identity", described(apart)},    {"columns", described(view.columns())},
                 {"keys", std::move(keys)},         {"cells", std::move(cells)}};
  if (layout.resolution > 0) {
    JsonArray folds;
    for (const Fold fold : layout.folds) folds.push_back(static_cast<int>(fold));
    all["tiles"] = JsonArray{kTilesVersion, layout.resolution, std::move(folds)};
  }
  if (layout.is_corrected) all["deduplication_key"] = described(view.deduplication_key);
  return base::sha256_hex(base::to_text(all)).substr(0, 32);
}

// Rows come with clocks that go ahead, and replays push a day before the clock is moved.
constexpr types::Duration kAhead = types::Duration::days(1);

std::int64_t pack_rows(const BoundView& view, const RowLayout& layout, const RowsToPack& packed,
                       types::Timestamp now, OnlineStore::Table table,
                       std::vector<OnlineStore::Rows>& out) {
  const auto& [columns, identities, numbers, settled] = packed;
  std::int64_t newest = kAlways;
  std::unordered_map<std::string, std::vector<RowToPack>> by_key;
  std::vector<Value> key(view.keys.size());
  std::vector<std::size_t> positions(view.keys.size());
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  for (std::size_t row = 0; row < identities.size(); ++row) {
    RowToPack at{kAlways, kAlways, identities[row], row};
    if (view.event_time) {
      const types::Column& event = *columns[*view.event_time];
      const types::Column& arrival = *columns[*view.arrival_time];
      if (!event.is_valid(row) || !arrival.is_valid(row)) continue;
      at.event = event.ints[row];
      at.arrival = arrival.ints[row];
    }
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = cell_of(*columns[view.keys[i]], row);
    std::optional<std::string> text = key_of(key, positions);
    if (!text) continue;
    // Rows of the future, told early or by a wrong clock, make nothing fresh.
    const std::int64_t known = std::min(at.event, at.arrival);
    if (known <= now.micros + kAhead.micros) newest = std::max(newest, known);
    by_key[std::move(*text)].push_back(at);
  }
  if (by_key.empty()) return newest;
  std::vector<types::Column> cells;
  for (const Expression& input : view.inputs)
    cells.push_back(input.evaluate(columns, identities.size()));
  std::vector<std::int64_t> keys;
  if (layout.is_corrected) keys = deduplication_keys(view, columns, identities.size());

  out.reserve(out.size() + by_key.size());
  for (auto& [text, rows] : by_key) {
    const auto is_before = [](const RowToPack& a, const RowToPack& b) {
      return a.order() < b.order();
    };
    const auto is_same = [](const RowToPack& a, const RowToPack& b) {
      return a.order() == b.order();
    };
    std::ranges::stable_sort(rows, is_before);
    rows.erase(std::ranges::unique(rows, is_same).begin(), rows.end());
    if (layout.is_corrected) find_corrections(rows, keys);
    BlockWriter block(layout, rows.size(), now, settled);
    for (const RowToPack& at : rows) {
      block.row(at.event, at.arrival, at.identity);
      for (std::size_t cell = 0; cell < cells.size(); ++cell) {
        const types::Column& column = cells[cell];
        if (!column.is_valid(at.row)) {
          block.missing(layout.cells[cell]);
        } else if (layout.cells[cell] == CellKind::kNumber) {
          block.number(column.doubles[at.row]);
        } else if (layout.cells[cell] == CellKind::kText) {
          block.text(column.strings[at.row]);
        } else {
          block.time(column.ints[at.row]);
        }
      }
      if (layout.resolution > 0) block.time(numbers.empty() ? 0 : numbers[at.row]);
      if (!layout.is_corrected) continue;
      block.time(keys[at.row]);
      block.time(at.until);
    }
    out.push_back({table, text, block.finish()});
  }
  return newest;
}

void read_features(const BoundView& view, const PackedRows& rows, types::Timestamp as_of,
                   std::span<Value> out) {
  if (view.view.is_windowed()) {
    std::array<double, 64> fixed;
    std::vector<double> many(out.size() > fixed.size() ? out.size() : 0);
    const std::span<double> numbers(many.empty() ? fixed.data() : many.data(), out.size());
    read_windows(view, rows, as_of, numbers);
    std::ranges::transform(numbers, out.begin(),
                           [](double x) { return std::isnan(x) ? Value() : Value(x); });
    WindowValues values;
    for_collected(view, [&](std::size_t at, std::size_t aggregate, const Window& window) {
      out[at] = read_collected(view, rows, as_of, aggregate, window, values);
    });
  } else if (const auto latest = find_latest(view.view, rows, as_of)) {
    for (std::size_t cell = 0; cell < out.size(); ++cell)
      out[cell] = cell_value(rows, *latest, cell, kind_of(view.inputs[cell].type()));
  } else {
    std::ranges::fill(out, Value());
  }
}

Sight sight_of(const BoundView& view, const PackedRows& rows, types::Timestamp as_of) {
  std::optional<std::int64_t> event;
  if (const auto newest = find_newest(rows, as_of)) event = rows.event(*newest);
  if (const std::size_t tiles = rows.tiles().first_after(as_of.micros); tiles > 0) {
    const std::int64_t newest = rows.tiles().newest_event(tiles - 1);
    event = std::max(event.value_or(newest), newest);
  }
  if (!event) return {};
  if (*event == kAlways) return {.seen = Sight::Seen::kRecent};
  const bool is_old = is_too_old(view.view, *event, as_of);
  return {.seen = is_old ? Sight::Seen::kTooOld : Sight::Seen::kRecent,
          .event_time = types::Timestamp{*event}};
}

}  // namespace slipway::features
