#include "datasets/diff/table_files.h"

#include <algorithm>

#include "base/text.h"
#include "datasets/csv_pieces.h"

namespace slipway::datasets {
namespace {

using types::ColumnType;
using types::Frame;

constexpr std::int64_t kRowsPerPiece = 16 * 1024;

bool is_number(ColumnType type) {
  return type == ColumnType::kDouble || type == ColumnType::kInt64;
}

std::string names_of(const std::vector<TableFiles::Column>& columns) {
  std::string names;
  for (const TableFiles::Column& column : columns)
    names += (names.empty() ? "" : ", ") + column.name;
  return names;
}

// As `type`: whole numbers as doubles, or nothing but missing values.
Result<void> convert(types::Column& column, ColumnType type, const std::string& file) {
  if (column.type == type) return {};
  const bool has_values = column.null_count() < column.size();
  if (has_values && !(is_number(column.type) && type == ColumnType::kDouble)) {
    return base::error(Code::kInvalidArgument,
                       "a column has another type than in the files before: file={} column={} "
                       "type={} expected={}",
                       file, column.name, types::type_name(column.type), types::type_name(type));
  }
  types::Column converted = types::Column::of_type(column.name, type);
  converted.reserve(column.size());
  for (std::size_t row = 0; row < column.size(); ++row)
    column.is_valid(row) ? converted.append_double(column.number(row)) : converted.append_null();
  column = std::move(converted);
  return {};
}

}  // namespace

Result<TableFiles> TableFiles::open(std::string name, std::vector<RowFile> files,
                                    const CsvOptions& csv) {
  CHECK(!files.empty());
  TableFiles table;
  table.name_ = std::move(name);
  table.format_ = files.front().format;
  table.csv_ = csv;
  table.partitions_ = TRY(partition_columns(files, {}));
  std::map<std::string, TypeInference> inferences;
  for (std::size_t i = 0; i < files.size(); ++i) {
    TRY(table.is_csv() ? table.open_csv(std::move(files[i]), i == 0, inferences)
                       : table.open_parquet(std::move(files[i]), i == 0));
  }
  for (Column& column : table.columns_) {
    if (!table.is_csv()) break;
    column.type = inferences[column.name].type();
    column.has_values = inferences[column.name].has_seen();
  }
  for (const types::Column& partition : table.partitions_) {
    if (table.find(partition.name) != nullptr) {
      return base::error(Code::kInvalidArgument,
                         "a column is in the file and in the folder's name: file={} column={}",
                         table.parts_.front().file.name, partition.name);
    }
    table.columns_.push_back({.name = partition.name, .type = partition.type});
  }
  return table;
}

const TableFiles::Column* TableFiles::find(const std::string& column) const {
  const auto at = std::ranges::find(columns_, column, &Column::name);
  return at == columns_.end() ? nullptr : &*at;
}

void TableFiles::read_as(const std::string& column, ColumnType type) {
  std::ranges::find(columns_, column, &Column::name)->type = type;
}

Result<void> TableFiles::take_columns(const RowFile& file, const std::vector<Column>& columns,
                                      bool is_first) {
  if (is_first) {
    columns_ = columns;
    return {};
  }
  for (const Column& column : columns) {
    if (find(column.name) == nullptr) {
      return base::error(Code::kInvalidArgument,
                         "a column that {} does not have: file={} column={} columns={}",
                         parts_.front().file.name, file.name, column.name, names_of(columns_));
    }
  }
  for (Column& column : columns_) {
    const auto found = std::ranges::find(columns, column.name, &Column::name);
    if (found == columns.end()) {
      return base::error(Code::kInvalidArgument, "a column of {} is missing: file={} column={}",
                         parts_.front().file.name, file.name, column.name);
    }
    if (is_number(column.type) && is_number(found->type) && column.type != found->type) {
      column.type = ColumnType::kDouble;
    } else if (column.type == ColumnType::kDouble) {
      column.type = found->type;  // it may have missing values alone: convert() tells
    }
  }
  return {};
}

Result<void> TableFiles::open_parquet(RowFile file, bool is_first) {
  const store::ParquetInfo info =
      TRY(store::parquet_info(file.file, store::ParquetLists::kLeftOut));
  for (const auto& [column, type] : info.others) {
    if (!is_first) break;
    notes_.push_back(fmt::format("{}: {} is left out: a {} is no number, text, condition or time",
                                 name_, column, type));
  }
  std::vector<Column> columns;
  for (const auto& [column, type] : info.columns) columns.push_back({.name = column, .type = type});
  if (columns.empty()) {
    return base::error(Code::kInvalidArgument,
                       "parquet: no column is a number, text, condition or time: file={}",
                       file.name);
  }
  TRY(take_columns(file, columns, is_first));
  parts_.push_back({.file = std::move(file),
                    .first_row = rows_,
                    .rows = info.rows,
                    .row_groups = info.row_groups});
  rows_ += info.rows;
  return {};
}

Result<void> TableFiles::open_csv(RowFile file, bool is_first,
                                  std::map<std::string, TypeInference>& inferences) {
  CsvPieces pieces = TRY(CsvPieces::open(file.file, file.name, delimiter(file)));
  Part part{.file = std::move(file), .first_row = rows_};
  std::vector<Column> columns;
  for (;;) {
    const std::optional<CsvFile> piece = TRY(pieces.next());
    if (!piece) break;
    if (columns.empty()) {
      for (const std::string& column : piece->columns()) columns.push_back({.name = column});
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      TypeInference& inference = inferences[columns[i].name];
      for (std::size_t row = 0; row < piece->rows(); ++row)
        inference.see(piece->cell(row, i), csv_.missing);
    }
    part.rows += static_cast<std::int64_t>(piece->rows());
  }
  TRY(take_columns(part.file, columns, is_first));
  rows_ += part.rows;
  parts_.push_back(std::move(part));
  return {};
}

char TableFiles::delimiter(const RowFile& file) const {
  return base::lowered(file.file.extension().string()) == ".tsv" && csv_.delimiter == ','
             ? '\t'
             : csv_.delimiter;
}

std::vector<std::string> TableFiles::names_in_files() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  names.resize(names.size() - partitions_.size());
  return names;
}

Result<Frame> TableFiles::completed(std::size_t part, Frame piece) const {
  Frame whole;
  const std::size_t rows = piece.rows();
  for (std::size_t i = 0; i + partitions_.size() < columns_.size(); ++i) {
    types::Column& column = *piece.find(columns_[i].name);
    TRY(convert(column, columns_[i].type, parts_[part].file.name));
    TRY(whole.add(std::move(column)));
  }
  for (const types::Column& partition : partitions_)
    TRY(whole.add(partition.take(std::vector<std::size_t>(rows, part))));
  return whole;
}

Result<void> TableFiles::scan_csv(std::size_t at, const Take& take) const {
  const Part& part = parts_[at];
  std::map<std::string, ColumnType> types;
  for (const Column& column : columns_) types[column.name] = column.type;
  CsvPieces pieces = TRY(CsvPieces::open(part.file.file, part.file.name, delimiter(part.file)));
  for (std::int64_t first_row = part.first_row;;) {
    std::optional<CsvFile> piece = TRY(pieces.next());
    if (!piece) return {};
    std::vector<CsvFile> alone;
    alone.push_back(std::move(*piece));
    const Frame frame = TRY(completed(at, TRY(read_csv(alone, types, csv_.missing))));
    if (!TRY(take(frame, first_row))) return {};
    first_row += static_cast<std::int64_t>(frame.rows());
  }
}

Result<void> TableFiles::scan(const store::ParquetVisit& visit) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (is_csv()) {
      TRY(scan_csv(i, [&](const Frame& piece, std::int64_t first_row) -> Result<bool> {
        TRY(visit(piece, first_row));
        return true;
      }));
      continue;
    }
    TRY(store::scan_parquet(
        part.file.file, names_in_files(), kRowsPerPiece, std::nullopt,
        [&](const Frame& piece, std::int64_t row) -> Result<void> {
          const auto is_typed = [](const types::Column& a, const Column& b) {
            return a.type == b.type;
          };
          if (std::ranges::equal(piece.columns(), columns_, is_typed))
            return visit(piece, part.first_row + row);
          return visit(TRY(completed(i, piece)), part.first_row + row);
        },
        std::nullopt, store::ParquetAccess::kRead));
  }
  return {};
}

Result<void> TableFiles::take_groups(std::size_t at, const std::vector<std::int64_t>& places,
                                     const Take& take) const {
  const Part& part = parts_[at];
  std::int64_t first_row = part.first_row;
  for (std::size_t group = 0; group < part.row_groups.size(); ++group) {
    const std::int64_t end = first_row + part.row_groups[group];
    const auto next = std::ranges::lower_bound(places, first_row);
    if (next == places.end() || *next >= end) {
      first_row = end;
      continue;
    }
    const std::int64_t last = *std::prev(std::ranges::lower_bound(places, end));
    auto pieces = TRY(store::ParquetPieces::open(part.file.file, names_in_files(),
                                                 {static_cast<int>(group)}, kRowsPerPiece));
    for (std::int64_t row = first_row; row <= last;) {
      std::optional<Frame> piece = TRY(pieces.next());
      if (!piece) break;
      const Frame frame = TRY(completed(at, std::move(*piece)));
      TRY(take(frame, row));
      row += static_cast<std::int64_t>(frame.rows());
    }
    first_row = end;
  }
  return {};
}

Result<Frame> TableFiles::rows(const std::vector<std::int64_t>& places) const {
  std::vector<std::int64_t> sorted = places;
  std::ranges::sort(sorted);
  Frame found;  // in the order of `sorted`
  for (const Column& column : columns_)
    TRY(found.add(types::Column::of_type(column.name, column.type)));
  auto next = sorted.begin();
  const Take take = [&](const Frame& piece, std::int64_t first_row) -> Result<bool> {
    std::vector<std::size_t> taken;
    for (; next != sorted.end() && *next < first_row + static_cast<std::int64_t>(piece.rows());
         ++next) {
      taken.push_back(static_cast<std::size_t>(*next - first_row));
    }
    for (std::size_t i = 0; i < columns_.size(); ++i)
      found.columns()[i].append_rows(piece.columns()[i], taken);
    return next != sorted.end();
  };
  for (std::size_t i = 0; i < parts_.size() && next != sorted.end(); ++i) {
    if (*next >= parts_[i].first_row + parts_[i].rows) continue;
    TRY(is_csv() ? scan_csv(i, take) : take_groups(i, sorted, take));
  }
  if (next != sorted.end()) {
    return base::error(Code::kCorruption, "a file has fewer rows than before: table={} row={}",
                       name_, *next);
  }
  std::vector<std::size_t> order;
  for (const std::int64_t place : places)
    order.push_back(
        static_cast<std::size_t>(std::ranges::lower_bound(sorted, place) - sorted.begin()));
  return found.take(order);
}

}  // namespace slipway::datasets
