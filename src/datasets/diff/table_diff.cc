#include "datasets/diff/table_diff.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <thread>

#include "datasets/diff/table_files.h"
#include "datasets/diff/table_pass.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

// A part's records of both versions are in memory at a time, once a thread: an eighth of what may
// be, but no more than fits into a processor's cache.
constexpr std::int64_t kPartBytesMin = 1 << 10, kPartBytesMax = 4 << 20;
constexpr std::size_t kPartsMax = 4096;

std::string names_of(const TableFiles& table) {
  std::string names;
  for (const auto& column : table.columns()) names += (names.empty() ? "" : ",") + column.name;
  return names;
}

Result<void> check_key(const TableFiles& table, const std::vector<std::string>& key) {
  for (const std::string& name : key) {
    if (std::ranges::count(key, name) > 1)
      return base::error(Code::kInvalidArgument, "a key column is named twice: column={}", name);
    if (table.find(name) == nullptr) {
      return base::error(Code::kInvalidArgument,
                         "the key's column is missing: column={} table={} columns={}", name,
                         table.name(), names_of(table));
    }
  }
  return {};
}

// What columns say about the difference; cells of CSV become what the other version's are.
void compare_schemas(TableFiles& before, TableFiles& after, TableDiff& diff) {
  for (const auto& column : after.columns()) {
    if (before.find(column.name) == nullptr)
      diff.columns_added.emplace_back(column.name, column.type);
  }
  const auto gives_way = [](const TableFiles& table, const TableFiles::Column& mine,
                            const TableFiles::Column& other) {
    return table.is_csv() &&
           ((other.type == ColumnType::kString && other.has_values) || !mine.has_values);
  };
  for (const auto& old_column : std::vector(before.columns())) {
    if (after.find(old_column.name) == nullptr) {
      diff.columns_removed.emplace_back(old_column.name, old_column.type);
      continue;
    }
    const auto new_column = *after.find(old_column.name);
    if (old_column.type == new_column.type) continue;
    const bool has_both = old_column.has_values && new_column.has_values;
    bool is_read_so = true;
    if (gives_way(before, old_column, new_column)) {
      before.read_as(old_column.name, new_column.type);
    } else if (gives_way(after, new_column, old_column)) {
      after.read_as(old_column.name, old_column.type);
    } else {
      is_read_so = false;
    }
    // A text that two files of CSV disagree about is a change; CSV beside Parquet has no types.
    if (!is_read_so || (has_both && before.is_csv() && after.is_csv())) {
      diff.types_changed.push_back(
          {.column = old_column.name, .before = old_column.type, .after = new_column.type});
    }
  }
}

bool is_number(ColumnType type) {
  return type == ColumnType::kDouble || type == ColumnType::kInt64 || type == ColumnType::kBool;
}

std::vector<SharedColumn> shared_columns(const TableFiles& before, const TableFiles& after,
                                         const std::vector<std::string>& key) {
  std::vector<SharedColumn> shared;
  for (const auto& column : before.columns()) {
    const TableFiles::Column* const other = after.find(column.name);
    if (other == nullptr) continue;
    const bool by_value =
        column.type == other->type || (is_number(column.type) && is_number(other->type));
    shared.push_back({.name = column.name,
                      .as = by_value ? CompareAs::kValue : CompareAs::kText,
                      .is_key = std::ranges::find(key, column.name) != key.end()});
  }
  return shared;
}

// Calls `work` with 0 to count-1 in `threads` threads; the first error of the lowest of them.
Result<void> in_threads(std::size_t count, std::size_t threads,
                        const std::function<Result<void>(std::size_t thread)>& work) {
  std::vector<Result<void>> results(count);
  const auto run = [&](std::size_t first) {
    for (std::size_t i = first; i < count; i += threads) results[i] = work(i);
  };
  threads = std::min(std::max<std::size_t>(threads, 1), count);
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(run, i);
  run(0);
  for (std::thread& other : others) other.join();
  for (Result<void>& result : results) TRY(std::move(result));
  return {};
}

Result<RowMatches> match(const RowRecords& before, const RowRecords& after, MatchBy by,
                         std::size_t cells, const TableDiffOptions& options) {
  const std::size_t threads = std::max<std::size_t>(options.threads, 1);
  std::vector<RowMatches> found(threads, RowMatches(cells, options.examples_max));
  TRY(in_threads(threads, threads, [&](std::size_t thread) -> Result<void> {
    RowRecords::Part olds, news;
    for (std::size_t part = thread; part < before.parts(); part += threads) {
      const std::int64_t rows = before.size(part) + after.size(part);
      const auto bytes = rows * RowRecords::record_bytes(cells);
      if (bytes > std::max(options.memory_max, 2 * kPartBytesMax)) {
        return base::error(
            Code::kResourceExhausted,
            "too many rows have the same key to be matched in memory: choose another "
            "key or more memory: rows={} bytes={} memory-max={}",
            rows, bytes, options.memory_max);
      }
      TRY(before.read(part, olds));
      TRY(after.read(part, news));
      match_rows(olds, news, by, found[thread]);
    }
    return {};
  }));
  for (std::size_t i = 1; i < found.size(); ++i) found[0].add(found[i]);
  return std::move(found[0]);
}

// JSON has no number for NaN and the infinities, and null is a missing value.
Json cell_json(const Column& column, std::size_t row) {
  if (!column.is_valid(row)) return nullptr;
  switch (column.type) {
    case ColumnType::kDouble:
      if (std::isfinite(column.doubles[row])) return column.doubles[row];
      return std::isnan(column.doubles[row]) ? Json("NaN")
             : column.doubles[row] > 0       ? Json("Infinity")
                                             : Json("-Infinity");
    case ColumnType::kInt64:
      return column.ints[row];
    case ColumnType::kBool:
      return column.ints[row] != 0;
    case ColumnType::kString:
      return Json(column.strings[row]);
    case ColumnType::kTimestamp:
      return Json(types::to_rfc3339({column.ints[row]}));
  }
  return nullptr;
}

JsonObject row_json(const Frame& frame, std::size_t row, const std::vector<std::string>& columns) {
  JsonObject object;
  for (const std::string& name : columns) object[name] = cell_json(*frame.find(name), row);
  return object;
}

std::vector<JsonObject> rows_json(const Frame& frame, const std::vector<std::string>& only = {}) {
  std::vector<std::string> columns = only;
  for (const Column& column : frame.columns()) {
    if (only.empty()) columns.push_back(column.name);
  }
  std::vector<JsonObject> rows;
  for (std::size_t row = 0; row < frame.rows(); ++row)
    rows.push_back(row_json(frame, row, columns));
  return rows;
}

std::vector<std::int64_t> places(const std::vector<RowPair>& pairs, std::int64_t RowPair::*side) {
  std::vector<std::int64_t> found;
  for (const RowPair& pair : pairs) {
    if (pair.*side >= 0) found.push_back(pair.*side);
  }
  return found;
}

Result<void> add_changed_examples(const TableFiles& before, const TableFiles& after,
                                  const std::vector<SharedColumn>& shared,
                                  const std::vector<RowPair>& pairs, TableDiff& diff) {
  const Frame olds = TRY(before.rows(places(pairs, &RowPair::before))),
              news = TRY(after.rows(places(pairs, &RowPair::after)));
  for (std::size_t row = 0; row < pairs.size(); ++row)
    diff.changed_examples.push_back({.key = row_json(news, row, diff.key), .cells = {}});
  std::vector<std::uint64_t> old_hashes, new_hashes;
  for (const SharedColumn& column : shared) {
    if (column.is_key) continue;
    const Column& old_cells = *olds.find(column.name);
    const Column& new_cells = *news.find(column.name);
    hash_cells(old_cells, column.as, 0, old_hashes);
    hash_cells(new_cells, column.as, 0, new_hashes);
    for (std::size_t row = 0; row < pairs.size(); ++row) {
      if (old_hashes[row] == new_hashes[row]) continue;
      diff.changed_examples[row].cells.push_back({.column = column.name,
                                                  .before = cell_json(old_cells, row),
                                                  .after = cell_json(new_cells, row)});
    }
  }
  return {};
}

Result<void> add_examples(const TableFiles& before, const TableFiles& after,
                          const std::vector<SharedColumn>& shared, const RowMatches& matches,
                          TableDiff& diff) {
  if (const auto pairs = matches.changed.sorted(); !pairs.empty())
    TRY(add_changed_examples(before, after, shared, pairs, diff));
  if (const auto rows = places(matches.added.sorted(), &RowPair::after); !rows.empty())
    diff.added_examples = rows_json(TRY(after.rows(rows)));
  if (const auto rows = places(matches.removed.sorted(), &RowPair::before); !rows.empty())
    diff.removed_examples = rows_json(TRY(before.rows(rows)));
  const auto duplicates = matches.duplicates.sorted();
  if (const auto rows = places(duplicates, &RowPair::after); !rows.empty())
    diff.duplicate_examples = rows_json(TRY(after.rows(rows)), diff.key);
  if (const auto rows = places(duplicates, &RowPair::before); !rows.empty()) {
    for (JsonObject& key : rows_json(TRY(before.rows(rows)), diff.key))
      diff.duplicate_examples.push_back(std::move(key));
  }
  return {};
}

void add_columns(const TableFiles& before, const TableFiles& after,
                 const std::vector<SharedColumn>& shared, const TablePass& old_pass,
                 const TablePass& new_pass, const RowCounts& counts, TableDiff& diff) {
  const std::uint64_t up_to = std::min(old_pass.sample().hash_max(), new_pass.sample().hash_max());
  const Frame olds = old_pass.sample().rows(up_to), news = new_pass.sample().rows(up_to);
  diff.sample_rows = static_cast<std::int64_t>(std::max(olds.rows(), news.rows()));
  const auto add = [&](const std::string& name) {
    ColumnDifference& column = diff.columns.emplace_back();
    column.name = name;
    std::size_t cell = 0;
    for (const SharedColumn& one : shared) {
      if (diff.key.empty() || one.is_key) continue;
      if (one.name == name) column.changed_cells = counts.changed_cells[cell];
      ++cell;
    }
    const auto summary = [&](const TableFiles& table, const TablePass& pass, const Frame& sample,
                             std::optional<JsonObject>& out) -> const TableFiles::Column* {
      const TableFiles::Column* const found = table.find(name);
      if (found == nullptr) return nullptr;
      const auto at = static_cast<std::size_t>(found - table.columns().data());
      const Column* const cells = sample.find(name);
      out = summary_json(pass.summaries()[at],
                         cells != nullptr ? *cells : Column::of_type(name, found->type));
      return found;
    };
    summary(before, old_pass, olds, column.before);
    summary(after, new_pass, news, column.after);
    const Column *const old_cells = olds.find(name), *const new_cells = news.find(name);
    if (old_cells != nullptr && new_cells != nullptr) column.drift = drift(*old_cells, *new_cells);
  };
  for (const auto& column : after.columns()) add(column.name);
  for (const auto& [name, type] : diff.columns_removed) add(name);
}

}  // namespace

Result<TableDiff> diff_tables(TableVersion old_version, TableVersion new_version,
                              const TableDiffOptions& options) {
  TableDiff diff;
  diff.before = old_version.name;
  diff.after = new_version.name;
  diff.key = options.key;
  TableFiles before =
      TRY(TableFiles::open(old_version.name, std::move(old_version.files), options.csv));
  TableFiles after =
      TRY(TableFiles::open(new_version.name, std::move(new_version.files), options.csv));
  TRY(check_key(before, options.key));
  TRY(check_key(after, options.key));
  compare_schemas(before, after, diff);
  diff.rows_before = before.rows();
  diff.rows_after = after.rows();
  diff.notes = before.notes();
  for (const std::string& note : after.notes()) diff.notes.push_back(note);

  const std::vector<SharedColumn> shared = shared_columns(before, after, options.key);
  if (shared.empty()) {
    return base::error(Code::kInvalidArgument,
                       "the two versions have no column in common: before={} after={}",
                       names_of(before), names_of(after));
  }
  const std::size_t cells = options.key.empty() ? 0 : shared.size() - options.key.size();
  RowRecords::Options records{.cells = cells,
                              .memory_max = static_cast<std::size_t>(options.memory_max / 2),
                              .folder = options.scratch};
  const auto bytes = (before.rows() + after.rows()) * RowRecords::record_bytes(cells);
  const std::int64_t part_bytes = std::clamp(options.memory_max / 8, kPartBytesMin, kPartBytesMax);
  records.parts =
      std::min(std::bit_ceil(static_cast<std::size_t>(bytes / part_bytes) + 1), kPartsMax);
  TablePass old_pass(before, shared, records), new_pass(after, shared, records);
  TRY(in_threads(2, options.threads,
                 [&](std::size_t side) { return (side == 0 ? old_pass : new_pass).run(); }));
  const RowMatches matches =
      TRY(match(old_pass.records(), new_pass.records(),
                options.key.empty() ? MatchBy::kContent : MatchBy::kKey, cells, options));
  diff.rows = matches.counts;
  diff.bytes_in_files = old_pass.records().bytes_in_file() + new_pass.records().bytes_in_file();
  add_columns(before, after, shared, old_pass, new_pass, matches.counts, diff);
  TRY(add_examples(before, after, shared, matches, diff));
  return diff;
}

bool TableDiff::is_same() const {
  return columns_added.empty() && columns_removed.empty() && types_changed.empty() &&
         rows.added == 0 && rows.removed == 0 && rows.changed == 0;
}

}  // namespace slipway::datasets
