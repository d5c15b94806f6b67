#include "features/view_history.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "features/keyed_rows.h"
#include "features/row_set.h"

namespace slipway::features {
namespace {

using types::Column;

constexpr std::uint32_t kNothing = 0xffffffff;
// Rows that are kept lie there as they came and by key.
constexpr std::size_t kCopies = 2;

std::int64_t look_back(const View& view) {
  return std::max(view.ttl.value_or(types::Duration()), view.reach()).micros;
}

// The cells of `rows`; kNothing gives a missing one.
Column gathered(const Column& from, const std::vector<std::uint32_t>& rows) {
  Column to = Column::of_type("", from.type);
  if (from.type == types::ColumnType::kDouble) {
    to.doubles.resize(rows.size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] != kNothing) to.doubles[i] = from.doubles[rows[i]];
    }
    return as_values(std::move(to));
  }
  to.reserve(rows.size());
  for (const std::uint32_t row : rows)
    row == kNothing ? to.append_null() : to.append_from(from, row);
  return to;
}

void append(Column& to, const Column& from) {
  std::vector<std::size_t> all(from.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  to.append_rows(from, all);
}

std::size_t bytes_of(const types::Frame& frame) {
  std::size_t bytes = 0;
  for (const Column& column : frame.columns()) {
    bytes += column.size() * 8 + column.valid.size();
    for (const std::string& text : column.strings) bytes += sizeof text + text.capacity();
  }
  return bytes;
}

}  // namespace

ViewHistory::ViewHistory(const FeatureStore::State& state, std::size_t view, types::Timestamp as_of,
                         std::uint64_t memory_bytes)
    : state_(state),
      bound_(state.views[view]),
      source_(static_cast<std::size_t>(state.definitions.find_source(bound_.view.source) -
                                       state.definitions.sources.data())),
      as_of_(as_of),
      memory_bytes_(memory_bytes),
      needs_rows_(!bound_.collected.empty() || !bound_.deduplication_key.empty()) {
  for (const std::size_t column : bound_.columns())
    names_.push_back(state.source_columns[source_][column].name);
}

Result<ViewHistory> ViewHistory::open(TableSource& tables, const FeatureStore::State& state,
                                      std::size_t view, types::Timestamp as_of,
                                      std::uint64_t memory_bytes) {
  ViewHistory opened(state, view, as_of, memory_bytes);
  opened.table_ = TRY(tables.open(state.definitions.sources[opened.source_].dataset));
  return opened;
}

ViewHistory::BytesPerRow ViewHistory::bytes_per_row(const BoundView& bound) {
  return {.answer = bound.names.size() * 3 * sizeof(double),
          .reading = bound.view.is_windowed() ? WindowPass::bytes_per_row(bound.view)
                                              : 4 * sizeof(std::uint64_t)};
}

ViewHistory::Columns ViewHistory::columns_of(const types::Frame& frame) const {
  Columns columns;
  for (const NamedColumn& column : state_.source_columns[source_])
    columns.push_back(frame.find(column.name));
  return columns;
}

// The pieces that may have rows for these times; all when the source has none. What corrects a row
// in a window may itself have happened at any time.
std::optional<Table::TimeRange> ViewHistory::range_of(std::span<const std::int64_t> times) const {
  if (!bound_.event_time || times.empty()) return std::nullopt;
  const auto [first, last] = std::ranges::minmax(times);
  const std::int64_t back = look_back(bound_.view);
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  if (!bound_.deduplication_key.empty())
    return Table::TimeRange{.column = state_.source_columns[source_][*bound_.arrival_time].name,
                            .first = kLeast,
                            .last = last};
  return Table::TimeRange{.column = state_.source_columns[source_][*bound_.event_time].name,
                          .first = back == 0 || first < kLeast + back ? kLeast : first - back,
                          .last = last};
}

Result<void> ViewHistory::scan(const std::optional<Table::TimeRange>& range,
                               const std::function<Result<void>(const SourcePiece&)>& visit) const {
  return table_->scan(
      names_, range, [&](const types::Frame& piece, std::size_t first_row) -> Result<void> {
        const Columns columns = columns_of(piece);
        return visit({.columns = columns, .rows = piece.rows(), .first_row = first_row});
      });
}

Result<types::Frame> ViewHistory::gather(const std::vector<std::string>& columns,
                                         const RowSet& rows,
                                         const std::optional<Table::TimeRange>& range) const {
  types::Frame found;
  TRY(table_->scan(columns, range,
                   [&](const types::Frame& piece, std::size_t first_row) -> Result<void> {
                     const std::vector<std::size_t> some = rows.in(first_row, piece.rows());
                     for (const Column& column : piece.columns()) {
                       if (found.find(column.name) == nullptr)
                         TRY(found.add(Column::of_type(column.name, column.type)));
                     }
                     for (std::size_t c = 0; c < piece.columns().size(); ++c)
                       found.columns()[c].append_rows(piece.columns()[c], some);
                     return {};
                   }));
  return found;
}

Result<std::vector<std::uint64_t>> ViewHistory::identities(
    const RowSet& rows, const std::optional<Table::TimeRange>& range) const {
  const std::vector<NamedColumn>& columns = state_.source_columns[source_];
  std::vector<std::string> names;
  for (const std::size_t key : state_.source_keys[source_]) names.push_back(columns[key].name);
  const types::Frame cells = TRY(gather(names, rows, range));
  const Columns found = columns_of(cells);
  std::vector<std::uint64_t> identities;
  std::vector<Value> values(columns.size());
  for (std::size_t row = 0; row < cells.rows(); ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (found[column] != nullptr) values[column] = cell_of(*found[column], row);
    }
    identities.push_back(FeatureStore::identity_of(state_, source_, values));
  }
  return identities;
}

Result<std::vector<Column>> ViewHistory::read(const EntityRows& entities, const Columns& keys,
                                              std::span<const std::int64_t> times) {
  const std::optional<Table::TimeRange> range = range_of(times);
  if (!bound_.view.is_windowed() && !needs_rows_) return read_newest(entities, range);
  if (!needs_rows_) {
    WindowPass pass(bound_, entities, as_of_);
    TRY(scan(range, [&](const SourcePiece& piece) -> Result<void> {
      needs_rows_ = needs_rows_ || !pass.add(piece);
      return {};
    }));
    if (!needs_rows_) {
      if (auto answered = pass.finish()) return std::move(*answered);
      needs_rows_ = true;
    }
  }
  return read_keyed(entities, keys, times);
}

Result<std::vector<Column>> ViewHistory::read_newest(
    const EntityRows& entities, const std::optional<Table::TimeRange>& range) const {
  std::vector<std::uint64_t> newest;
  {
    NewestPass pass(bound_, entities, as_of_);
    TRY(scan(range, [&](const SourcePiece& piece) -> Result<void> {
      pass.add(piece);
      return {};
    }));
    const std::vector<std::uint64_t> ties = pass.ties();
    RowSet tied;
    for (const std::uint64_t row : ties) tied.add(row);
    tied.finish();
    std::vector<std::uint64_t> identities;
    if (!ties.empty()) identities = TRY(this->identities(tied, range));
    newest = pass.finish(ties, identities);
  }
  // Only what was found is read and evaluated, each row once: usually far fewer than the source
  // has.
  RowSet found;
  for (const std::uint64_t row : newest) {
    if (row != NewestPass::kNothing) found.add(row);
  }
  found.finish();
  std::vector<std::uint32_t> numbers;
  numbers.reserve(newest.size());
  for (const std::uint64_t row : newest)
    numbers.push_back(row == NewestPass::kNothing ? kNothing : found.number(row));
  newest = {};

  std::vector<std::size_t> read;
  for (const Expression& input : bound_.inputs) {
    for (const std::size_t column : input.columns()) read.push_back(column);
  }
  std::ranges::sort(read);
  read.erase(std::unique(read.begin(), read.end()), read.end());
  std::vector<std::string> names;
  for (const std::size_t column : read)
    names.push_back(state_.source_columns[source_][column].name);
  types::Frame cells;
  if (!names.empty() && found.size() > 0) cells = TRY(gather(names, found, range));
  const Columns columns = columns_of(cells);
  std::vector<Column> out;
  for (std::size_t i = 0; i < bound_.inputs.size(); ++i) {
    Column values = Column::of_type("", column_type(bound_.types[i]));
    if (found.size() > 0) values = bound_.inputs[i].evaluate(columns, found.size());
    out.push_back(gathered(values, numbers));
  }
  return out;
}

Result<std::vector<Column>> ViewHistory::read_keyed(const EntityRows& entities, const Columns& keys,
                                                    std::span<const std::int64_t> times) const {
  for (std::uint32_t parts = 1; parts <= 2 * entities.keys() + 1; parts *= 2) {
    std::vector<Column> columns;
    std::vector<std::uint32_t> numbers(times.size(), kNothing);
    std::uint32_t part = 0, answered_rows = 0;
    for (; part < parts; ++part) {
      std::optional<Part> answered = TRY(read_part(entities, keys, times, part, parts));
      if (!answered) break;
      if (parts == 1) return std::move(answered->columns);
      for (const std::size_t row : answered->rows) numbers[row] = answered_rows++;
      if (columns.empty()) {
        columns = std::move(answered->columns);
        continue;
      }
      for (std::size_t c = 0; c < columns.size(); ++c) append(columns[c], answered->columns[c]);
    }
    if (part < parts) continue;
    for (Column& column : columns) column = gathered(column, numbers);
    return columns;
  }
  return base::error(Code::kResourceExhausted,
                     "the rows of one key take more memory than a training set may use: view={} "
                     "bytes={}",
                     bound_.view.name, memory_bytes_);
}

// An empty column of the source.
Column ViewHistory::empty_column(const std::string& name) const {
  const std::vector<NamedColumn>& columns = state_.source_columns[source_];
  const auto found = std::ranges::find(columns, name, &NamedColumn::name);
  return Column::of_type(name,
                         found->is_whole ? types::ColumnType::kInt64 : column_type(found->type));
}

Result<std::optional<ViewHistory::Part>> ViewHistory::read_part(const EntityRows& entities,
                                                                const Columns& keys,
                                                                std::span<const std::int64_t> times,
                                                                std::uint32_t part,
                                                                std::uint32_t parts) const {
  const std::optional<Table::TimeRange> range = range_of(times);
  types::Frame kept;
  RowSet positions;
  bool is_too_much = false;
  TRY(scan(range, [&](const SourcePiece& piece) -> Result<void> {
    if (is_too_much) return {};
    const KnownRows known(bound_, entities, piece, as_of_);
    std::vector<std::size_t> some;
    for (std::size_t row = 0; row < piece.rows; ++row) {
      if (!known.is_known(row) || known.key(row) % parts != part) continue;
      some.push_back(row);
      positions.add(piece.first_row + row);
    }
    const bool is_first = kept.columns().empty();
    for (const Column* column : piece.columns) {
      if (column != nullptr && is_first) TRY(kept.add(Column::of_type(column->name, column->type)));
    }
    for (const Column* column : piece.columns) {
      if (column != nullptr) kept.find(column->name)->append_rows(*column, some);
    }
    is_too_much = bytes_of(kept) * kCopies > memory_bytes_;
    return {};
  }));
  if (is_too_much) return std::optional<Part>();
  positions.finish();

  // What tells rows apart is read when rows are alike: seldom.
  std::optional<Result<std::vector<std::uint64_t>>> identifying;
  const auto identity = [&](std::size_t row) -> std::uint64_t {
    if (!identifying) identifying = identities(positions, range);
    return *identifying ? (**identifying)[row] : 0;
  };
  Part answered;
  std::vector<Column> cells;
  Columns asked = keys;
  std::vector<std::int64_t> asked_times(times.begin(), times.end());
  if (parts > 1) {
    const std::vector<std::uint32_t> codes = entities.find(keys);
    asked_times.clear();
    for (std::size_t row = 0; row < times.size(); ++row) {
      if (codes[row] >= KeyCodes::kUnknown || codes[row] % parts != part) continue;
      answered.rows.push_back(row);
      asked_times.push_back(times[row]);
    }
    asked.clear();
    for (const Column* key : keys) cells.push_back(key->take(answered.rows));
    for (const Column& cell : cells) asked.push_back(&cell);
  }
  if (kept.columns().empty()) {
    // Not a row in the time that is asked about: windows are empty all the same.
    for (const std::string& name : names_) TRY(kept.add(empty_column(name)));
  }
  const KeyedRows keyed(bound_, columns_of(kept), kept.rows(), as_of_, identity);
  if (identifying && !*identifying) return std::move(*identifying).error();
  answered.columns = keyed.read(asked, asked_times);
  return std::optional(std::move(answered));
}

}  // namespace slipway::features
