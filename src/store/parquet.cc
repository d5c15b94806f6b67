#include "store/parquet.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/util/bitmap_builders.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <set>

#include "store/arrow_columns.h"
#include "store/file_system.h"

namespace slipway::store {
namespace {

using types::Column;
using types::ColumnType;

Error arrow_error(const arrow::Status& status, Code code, const std::filesystem::path& file) {
  if (status.IsIOError() && status.ToString().find("No space left") != std::string::npos)
    code = Code::kStorageFull;
  if (status.IsOutOfMemory()) code = Code::kResourceExhausted;
  return base::error(code, "parquet: {}: file={}", status.message(), file.string());
}

Error too_much(const std::filesystem::path& file) {
  return base::error(Code::kResourceExhausted,
                     "parquet: its values take more than they may: file={}", file.string());
}

// A file that is open for reading, with Arrow's exceptions turned into errors.
class ParquetReader {
 public:
  static Result<ParquetReader> open(const std::filesystem::path& file,
                                    std::optional<std::int64_t> memory_max = std::nullopt,
                                    ParquetAccess access = ParquetAccess::kMapped) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(file, ec))
      return base::error(Code::kNotFound, "no such file: file={}", file.string());
    const auto open_as = [&](auto opened) -> Result<ParquetReader> {
      if (!opened.ok()) return arrow_error(opened.status(), Code::kCorruption, file);
      return open_input(std::move(*opened), file, memory_max, access);
    };
    return access == ParquetAccess::kRead ? open_as(arrow::io::ReadableFile::Open(file.string()))
                                          : open_as(arrow::io::MemoryMappedFile::Open(
                                                file.string(), arrow::io::FileMode::READ));
  }
  static Result<ParquetReader> open(const ParquetBytes& bytes) {
    ParquetReader opened = TRY(open_input(
        std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(bytes.bytes)),
        bytes.name, std::nullopt));
    opened.values_left_ = bytes.values_max;
    return opened;
  }

  const arrow::Schema& schema() const { return *schema_; }
  parquet::arrow::FileReader& file() { return *reader_; }
  std::int64_t rows() const { return reader_->parquet_reader()->metadata()->num_rows(); }

  // Row group by row group: what was decoded is copied while it is in the cache, and its memory is
  // there for the next one.
  Result<void> read_column(int index, Column& out, const std::filesystem::path& file) {
    try {
      // A few bytes can name any number of rows, and one text of a dictionary stand in all of them.
      constexpr auto kLeast = static_cast<std::int64_t>(sizeof(std::int64_t));
      if (rows() > values_left_ / kLeast) return too_much(file);
      out.reserve(static_cast<std::size_t>(rows()));
      for (int group = 0; group < reader_->num_row_groups(); ++group) {
        std::shared_ptr<arrow::ChunkedArray> data;
        const arrow::Status status = reader_->RowGroup(group)->Column(index)->Read(&data);
        if (!status.ok()) return arrow_error(status, Code::kCorruption, file);
        for (const auto& chunk : data->chunks()) {
          values_left_ -= arrow_value_bytes(*chunk, 0, chunk->length());
          if (values_left_ < 0) return too_much(file);
          TRY(append_arrow_chunk(*chunk, out));
        }
      }
      return {};
    } catch (const std::exception& e) {
      return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
    }
  }

 private:
  static Result<ParquetReader> open_input(std::shared_ptr<arrow::io::RandomAccessFile> input,
                                          const std::filesystem::path& file,
                                          std::optional<std::int64_t> memory_max,
                                          ParquetAccess access = ParquetAccess::kMapped) {
    try {
      ParquetReader opened;
      arrow::MemoryPool* pool = arrow::default_memory_pool();
      if (memory_max) {
        opened.pool_ = std::make_unique<arrow::CappedMemoryPool>(pool, *memory_max);
        pool = opened.pool_.get();
      }
      parquet::arrow::FileReaderBuilder builder;
      arrow::Status status = builder.Open(std::move(input), parquet::ReaderProperties(pool));
      if (!status.ok()) return arrow_error(status, Code::kCorruption, file);
      parquet::ArrowReaderProperties arrow_properties;
      // Arrow reads ahead all that was asked for: of a mapped file that is nothing, of another all
      // of its row groups.
      arrow_properties.set_pre_buffer(access == ParquetAccess::kMapped);
      auto reader = builder.memory_pool(pool)->properties(arrow_properties)->Build();
      if (!reader.ok()) return arrow_error(reader.status(), Code::kCorruption, file);
      opened.reader_ = std::move(*reader);
      status = opened.reader_->GetSchema(&opened.schema_);
      if (!status.ok()) return arrow_error(status, Code::kCorruption, file);
      return opened;
    } catch (const std::exception& e) {
      return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
    }
  }

  std::int64_t values_left_ = std::numeric_limits<std::int64_t>::max();
  std::unique_ptr<arrow::CappedMemoryPool> pool_;  // outlives what is read
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

// The least and the greatest of a column of 64 bits, by the statistics of its row groups.
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(const parquet::FileMetaData& metadata,
                                                              int column) {
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
  for (int group = 0; group < metadata.num_row_groups(); ++group) {
    const auto statistics = metadata.RowGroup(group)->ColumnChunk(column)->statistics();
    if (statistics == nullptr || !statistics->HasMinMax() ||
        statistics->physical_type() != parquet::Type::INT64)
      return std::nullopt;
    const auto& typed = static_cast<const parquet::Int64Statistics&>(*statistics);
    if (!range) range = {typed.min(), typed.max()};
    range = {std::min(range->first, typed.min()), std::max(range->second, typed.max())};
  }
  return range;
}

// What is in the lists of a column of numbers' lists, else null.
std::shared_ptr<arrow::Field> listed_numbers(const arrow::Field& field) {
  const arrow::Type::type kind = field.type()->id();
  if (kind != arrow::Type::LIST && kind != arrow::Type::LARGE_LIST &&
      kind != arrow::Type::FIXED_SIZE_LIST) {
    return nullptr;
  }
  auto values = field.type()->field(0);
  const auto type = arrow_column_type(*values);
  const bool numbers = type && (*type == ColumnType::kDouble || *type == ColumnType::kInt64);
  return numbers ? values : nullptr;
}

// Appends the lists of an array to a column per place. `visited` rows came before.
template <typename Lists>
Result<void> append_lists(const Lists& lists, const Column& values, const std::string& name,
                          std::vector<Column>& places, std::int64_t visited) {
  for (std::int64_t i = 0; i < lists.length(); ++i) {
    const bool is_there = lists.IsValid(i);
    if (is_there && places.empty()) {
      for (std::int64_t place = 0; place < lists.value_length(i); ++place) {
        Column& made = places.emplace_back(
            Column::of_type(fmt::format("{}[{}]", name, place), ColumnType::kDouble));
        for (std::int64_t row = 0; row < visited + i; ++row) made.append_null();
      }
    }
    if (is_there && lists.value_length(i) != static_cast<std::int64_t>(places.size())) {
      return base::error(Code::kInvalidArgument,
                         "lists of different lengths: column={} row={} length={} before={}", name,
                         visited + i, static_cast<std::int64_t>(lists.value_length(i)),
                         places.size());
    }
    for (std::size_t place = 0; place < places.size(); ++place) {
      const double value =
          is_there ? values.number(static_cast<std::size_t>(lists.value_offset(i)) + place)
                   : std::numeric_limits<double>::quiet_NaN();
      if (std::isnan(value)) {
        places[place].append_null();
      } else {
        places[place].append_double(value);
      }
    }
  }
  return {};
}

bool is_of_micros(const arrow::Field& field) {
  return field.type()->id() == arrow::Type::TIMESTAMP &&
         static_cast<const arrow::TimestampType&>(*field.type()).unit() == arrow::TimeUnit::MICRO;
}

}  // namespace

Result<ParquetInfo> parquet_info(const std::filesystem::path& file, ParquetLists lists) {
  ParquetReader reader = TRY(ParquetReader::open(file));
  ParquetInfo info;
  info.rows = reader.rows();
  const auto metadata = reader.file().parquet_reader()->metadata();
  for (int group = 0; group < metadata->num_row_groups(); ++group)
    info.row_groups.push_back(metadata->RowGroup(group)->num_rows());
  for (const auto& field : reader.schema().fields()) {
    if (lists == ParquetLists::kNamed && listed_numbers(*field) != nullptr) {
      info.lists.push_back(field->name());
    } else if (lists == ParquetLists::kLeftOut && !arrow_column_type(*field)) {
      info.others.emplace_back(field->name(), field->type()->ToString());
    } else {
      info.columns.emplace_back(field->name(), TRY(arrow_column_type(*field)));
    }
  }
  try {
    for (int i = 0; i < reader.schema().num_fields(); ++i) {
      const arrow::Field& field = *reader.schema().field(i);
      if (!is_of_micros(field)) continue;
      if (const auto range = range_of(*metadata, i)) info.times[field.name()] = *range;
    }
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
  }
  return info;
}

Result<ParquetColumns> parquet_columns(const ParquetBytes& bytes) {
  const ParquetReader reader = TRY(ParquetReader::open(bytes));
  ParquetColumns columns;
  for (const auto& field : reader.schema().fields()) {
    if (arrow_column_type(*field)) {
      columns.held.push_back(field->name());
      if (arrow::is_decimal(field->type()->id()))
        columns.decimals.emplace_back(field->name(), field->type()->ToString());
      if (field->type()->id() == arrow::Type::BINARY) columns.bytes.insert(field->name());
    } else {
      columns.others.emplace_back(field->name(), field->type()->ToString());
    }
  }
  return columns;
}

namespace {

// Positions of `columns`; of all when there are none.
Result<std::vector<int>> positions_of(const arrow::Schema& schema,
                                      const std::vector<std::string>& columns,
                                      const std::filesystem::path& file) {
  std::vector<int> wanted;
  if (columns.empty()) {
    for (int i = 0; i < schema.num_fields(); ++i) wanted.push_back(i);
  }
  for (const std::string& name : columns) {
    const int index = schema.GetFieldIndex(name);
    if (index < 0)
      return base::error(Code::kNotFound, "no such column: column={} file={}", name, file.string());
    wanted.push_back(index);
  }
  return wanted;
}

// Where the values of these columns are among those of all columns and their parts.
std::vector<int> leaves_of(ParquetReader& reader, const std::vector<int>& positions) {
  std::vector<int> leaves;
  for (const int position : positions) {
    leaves.push_back(
        reader.file().manifest().schema_fields[static_cast<std::size_t>(position)].column_index);
  }
  return leaves;
}

Result<types::Frame> read_lists(ParquetReader& reader, const std::filesystem::path& file,
                                const std::string& column) {
  const std::vector<int> position = TRY(positions_of(reader.schema(), {column}, file));
  const auto field = listed_numbers(*reader.schema().field(position.front()));
  if (field == nullptr) {
    return base::error(Code::kInvalidArgument,
                       "the column has no lists of numbers: column={} file={}", column,
                       file.string());
  }
  std::shared_ptr<arrow::ChunkedArray> data;
  const arrow::Status status = reader.file().ReadColumn(position.front(), &data);
  if (!status.ok()) return arrow_error(status, Code::kCorruption, file);
  std::vector<Column> places;
  std::int64_t visited = 0;
  const ColumnType type = TRY(arrow_column_type(*field));
  for (const auto& chunk : data->chunks()) {
    Column values = Column::of_type(column, type);
    if (chunk->type_id() == arrow::Type::FIXED_SIZE_LIST) {
      const auto& lists = static_cast<const arrow::FixedSizeListArray&>(*chunk);
      TRY(append_arrow_chunk(*lists.values(), values));
      TRY(append_lists(lists, values, column, places, visited));
    } else if (chunk->type_id() == arrow::Type::LARGE_LIST) {
      const auto& lists = static_cast<const arrow::LargeListArray&>(*chunk);
      TRY(append_arrow_chunk(*lists.values(), values));
      TRY(append_lists(lists, values, column, places, visited));
    } else {
      const auto& lists = static_cast<const arrow::ListArray&>(*chunk);
      TRY(append_arrow_chunk(*lists.values(), values));
      TRY(append_lists(lists, values, column, places, visited));
    }
    visited += chunk->length();
  }
  types::Frame frame;
  for (Column& place : places) TRY(frame.add(std::move(place)));
  return frame;
}

constexpr std::int64_t kRowsPerGroup = 128 * 1024;
constexpr std::size_t kSampledValues = 256;

template <typename Key>
bool repeats(std::size_t size, const Key& key) {
  const std::size_t step = std::max<std::size_t>(1, size / kSampledValues);
  std::set<std::decay_t<decltype(key(0))>> distinct;
  std::size_t sampled = 0;
  for (std::size_t i = 0; i < size; i += step, ++sampled) distinct.insert(key(i));
  return 2 * distinct.size() <= sampled;
}

// Whether a dictionary pays: where most values differ, it is built for nothing.
bool repeats(const Column& column) {
  switch (column.type) {
    case ColumnType::kDouble:
      return repeats(column.size(), [&](std::size_t i) {
        return std::bit_cast<std::uint64_t>(column.doubles[i]);  // NaN has no order
      });
    case ColumnType::kString:
      return repeats(column.size(),
                     [&](std::size_t i) { return std::string_view(column.strings[i]); });
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      return repeats(column.size(), [&](std::size_t i) { return column.ints[i]; });
  }
  return true;
}

// How many of ten thousand bytes a general compressor would leave of numbers that don't repeat:
// what the entropy of each of their eight bytes says.
int left_by_compression(const std::vector<double>& numbers) {
  constexpr std::size_t kSampled = 4096;
  const std::size_t step = std::max<std::size_t>(1, numbers.size() / kSampled);
  double bits = 0;
  std::size_t sampled = 0;
  for (int byte = 0; byte < 8; ++byte) {
    std::array<int, 256> counts{};
    sampled = 0;
    for (std::size_t i = 0; i < numbers.size(); i += step, ++sampled)
      ++counts[std::bit_cast<std::uint64_t>(numbers[i]) >> (8 * byte) & 0xff];
    for (const int count : counts) {
      const double share = static_cast<double>(count) / static_cast<double>(sampled);
      if (count > 0) bits -= share * std::log2(share);
    }
  }
  return static_cast<int>(10'000 * bits / 64);
}

// What is not compressed costs a reader a third. Small columns are: their entropy is not known.
constexpr int kWorthCompressing = 8'500;
constexpr std::size_t kSmallColumn = 8 * 1024;

std::shared_ptr<parquet::WriterProperties> properties_for(const types::Frame& frame) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD);
  for (const Column& column : frame.columns()) {
    if (repeats(column)) continue;
    builder.disable_dictionary(column.name);
    if (column.type == ColumnType::kDouble) {
      if (column.size() < kSmallColumn || left_by_compression(column.doubles) < kWorthCompressing) {
        builder.encoding(column.name, parquet::Encoding::BYTE_STREAM_SPLIT);
      } else {
        builder.compression(column.name, parquet::Compression::UNCOMPRESSED);
      }
    }
    if (column.type == ColumnType::kInt64 || column.type == ColumnType::kTimestamp) {
      builder.encoding(column.name, parquet::Encoding::DELTA_BINARY_PACKED);
      // Packed by bits, nothing repeats that a compressor could see.
      if (column.size() >= kSmallColumn)
        builder.compression(column.name, parquet::Compression::UNCOMPRESSED);
    }
  }
  return builder.build();
}

}  // namespace

namespace {

Result<types::Frame> read_all(ParquetReader reader, const std::filesystem::path& file,
                              const std::vector<std::string>& columns) {
  types::Frame frame;
  for (int index : TRY(positions_of(reader.schema(), columns, file))) {
    const arrow::Field& field = *reader.schema().field(index);
    Column column = Column::of_type(field.name(), TRY(arrow_column_type(field)));
    TRY(reader.read_column(index, column, file));
    TRY(frame.add(std::move(column)));
  }
  return frame;
}

}  // namespace

Result<types::Frame> read_parquet_lists(const std::filesystem::path& file,
                                        const std::string& column) {
  ParquetReader reader = TRY(ParquetReader::open(file));
  try {
    return read_lists(reader, file, column);
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
  }
}

Result<types::Frame> read_parquet(const std::filesystem::path& file,
                                  const std::vector<std::string>& columns) {
  return read_all(TRY(ParquetReader::open(file)), file, columns);
}

Result<types::Frame> read_parquet(const ParquetBytes& bytes,
                                  const std::vector<std::string>& columns) {
  return read_all(TRY(ParquetReader::open(bytes)), bytes.name, columns);
}

namespace {

// The rows of a batch, in columns that have room from the one before.
Result<void> fill(const arrow::RecordBatch& batch, types::Frame& frame) {
  if (frame.columns().empty()) {
    for (const auto& field : batch.schema()->fields())
      TRY(frame.add(Column::of_type(field->name(), TRY(arrow_column_type(*field)))));
  }
  for (int i = 0; i < batch.num_columns(); ++i) {
    Column& column = frame.columns()[static_cast<std::size_t>(i)];
    column.clear();
    column.reserve(static_cast<std::size_t>(batch.num_rows()));
    TRY(append_arrow_chunk(*batch.column(i), column));
  }
  return {};
}

// Columns of row groups whose values lie in the file as they do in a Column, none missing: they are
// decoded to where they belong, without an array of Arrow's in between.
class PlainColumns {
 public:
  // Nothing: some of `columns` are of another kind in some of `groups`.
  static std::optional<PlainColumns> of(ParquetReader& reader, const std::vector<int>& groups,
                                        const std::vector<int>& columns) {
    PlainColumns plain(reader, columns);
    for (const int group : groups) {
      for (const int column : columns) {
        if (!plain.is_plain(group, column)) return std::nullopt;
      }
    }
    return plain;
  }

  void open(int group) {
    const auto row_group = reader_.file().parquet_reader()->RowGroup(group);
    readers_.clear();
    for (const int column : columns_) readers_.push_back(row_group->Column(column));
  }

  // The next rows of the group that is open; it has as many.
  Result<void> read(std::int64_t rows, types::Frame& frame, const std::filesystem::path& file) {
    if (frame.columns().empty()) {
      for (const int index : columns_) {
        const arrow::Field& field = *reader_.schema().field(index);
        TRY(frame.add(Column::of_type(field.name(), TRY(arrow_column_type(field)))));
      }
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& column = frame.columns()[i];
      column.clear();
      TRY(column.type == ColumnType::kDouble
              ? read_values<parquet::DoubleReader>(*readers_[i], rows, column.doubles, file)
              : read_values<parquet::Int64Reader>(*readers_[i], rows, column.ints, file));
    }
    return {};
  }

 private:
  PlainColumns(ParquetReader& reader, const std::vector<int>& columns)
      : reader_(reader), columns_(columns) {}

  bool is_plain(int group, int column) const {
    const auto metadata = reader_.file().parquet_reader()->metadata();
    const arrow::Field& field = *reader_.schema().field(column);
    const bool lies_so = field.type()->id() == arrow::Type::DOUBLE ||
                         field.type()->id() == arrow::Type::INT64 || is_of_micros(field);
    // Columns with parts count as several.
    if (!lies_so || metadata->num_columns() != reader_.schema().num_fields()) return false;
    const auto statistics = metadata->RowGroup(group)->ColumnChunk(column)->statistics();
    return statistics != nullptr && statistics->HasNullCount() && statistics->null_count() == 0 &&
           metadata->schema()->Column(column)->max_definition_level() <= 1;
  }

  template <typename Reader, typename Value>
  Result<void> read_values(parquet::ColumnReader& reader, std::int64_t rows,
                           std::vector<Value>& values, const std::filesystem::path& file) {
    values.resize(static_cast<std::size_t>(rows));
    levels_.resize(static_cast<std::size_t>(rows));
    for (std::int64_t read = 0; read < rows;) {
      std::int64_t there = 0;
      const std::int64_t levels = static_cast<Reader&>(reader).ReadBatch(
          rows - read, levels_.data(), nullptr, values.data() + read, &there);
      if (levels == 0 || there != levels) {
        return base::error(Code::kCorruption, "parquet: fewer values than its footer says: file={}",
                           file.string());
      }
      read += levels;
    }
    return {};
  }

  ParquetReader& reader_;
  std::vector<int> columns_;
  std::vector<std::shared_ptr<parquet::ColumnReader>> readers_;
  std::vector<std::int16_t> levels_;
};

// Whether a row group may have rows in the range.
bool may_have(const parquet::FileMetaData& metadata, int group, int column,
              const ParquetRange& range) {
  const auto statistics = metadata.RowGroup(group)->ColumnChunk(column)->statistics();
  if (statistics == nullptr || !statistics->HasMinMax() ||
      statistics->physical_type() != parquet::Type::INT64)
    return true;
  const auto& typed = static_cast<const parquet::Int64Statistics&>(*statistics);
  return typed.max() >= range.first && typed.min() <= range.last;
}

}  // namespace

Result<void> scan_parquet(const std::filesystem::path& file,
                          const std::vector<std::string>& columns, std::int64_t rows_per_piece,
                          const std::optional<ParquetRange>& range, const ParquetVisit& visit,
                          std::optional<std::int64_t> memory_max, ParquetAccess access) {
  ParquetReader reader = TRY(ParquetReader::open(file, memory_max, access));
  const std::vector<int> wanted = TRY(positions_of(reader.schema(), columns, file));
  for (const int index : wanted) TRY(arrow_column_type(*reader.schema().field(index)));
  int by = range ? reader.schema().GetFieldIndex(range->column) : -1;
  if (by >= 0 && !is_of_micros(*reader.schema().field(by))) by = -1;
  types::Frame frame;
  try {
    reader.file().set_batch_size(rows_per_piece);
    const auto metadata = reader.file().parquet_reader()->metadata();
    std::int64_t first_row = 0;
    // Row groups beside each other are read as one.
    for (int group = 0; group < metadata->num_row_groups();) {
      std::vector<int> together;
      std::int64_t rows = 0;
      while (group < metadata->num_row_groups() &&
             (by < 0 || may_have(*metadata, group, by, *range))) {
        together.push_back(group);
        rows += metadata->RowGroup(group++)->num_rows();
      }
      if (together.empty()) {
        first_row += metadata->RowGroup(group++)->num_rows();
        continue;
      }
      std::int64_t at = first_row;
      first_row += rows;
      if (auto plain = PlainColumns::of(reader, together, wanted)) {
        for (const int one : together) {
          plain->open(one);
          for (std::int64_t left = metadata->RowGroup(one)->num_rows(); left > 0;) {
            const std::int64_t some = std::min(left, rows_per_piece);
            const auto bytes = some * static_cast<std::int64_t>(wanted.size() * sizeof(double));
            if (memory_max && bytes > *memory_max) return too_much(file);
            TRY(plain->read(some, frame, file));
            TRY(visit(frame, at));
            at += some;
            left -= some;
          }
        }
        continue;
      }
      auto batches = reader.file().GetRecordBatchReader(together, leaves_of(reader, wanted));
      if (!batches.ok()) return arrow_error(batches.status(), Code::kCorruption, file);
      for (;;) {
        std::shared_ptr<arrow::RecordBatch> batch;
        const arrow::Status status = (*batches)->ReadNext(&batch);
        if (!status.ok()) return arrow_error(status, Code::kCorruption, file);
        if (batch == nullptr) break;
        std::int64_t bytes = 0;
        for (const auto& column : batch->columns())
          bytes += memory_max ? arrow_value_bytes(*column, 0, column->length()) : 0;
        if (memory_max && bytes > *memory_max) return too_much(file);
        TRY(fill(*batch, frame));
        TRY(visit(frame, at));
        at += batch->num_rows();
      }
    }
    return {};
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
  }
}

Result<void> write_parquet(const types::Frame& frame, const std::filesystem::path& file) {
  try {
    const auto table = to_arrow_table(frame);
    PARQUET_ASSIGN_OR_THROW(const auto sink, arrow::io::BufferOutputStream::Create());
    PARQUET_THROW_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink,
                                                    kRowsPerGroup, properties_for(frame)));
    PARQUET_ASSIGN_OR_THROW(const auto buffer, sink->Finish());
    return write_file(file, std::string_view(*buffer));
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "parquet: {}: file={}", e.what(), file.string());
  }
}

struct ParquetPieces::Impl {
  ParquetReader reader;  // outlives `batches`
  std::filesystem::path file;
  std::unique_ptr<arrow::RecordBatchReader> batches;
};

ParquetPieces::ParquetPieces(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParquetPieces::ParquetPieces(ParquetPieces&&) noexcept = default;
ParquetPieces::~ParquetPieces() = default;

Result<ParquetPieces> ParquetPieces::open(const std::filesystem::path& file,
                                          const std::vector<std::string>& columns,
                                          const std::vector<int>& row_groups,
                                          std::int64_t rows_per_piece) {
  ParquetReader reader = TRY(ParquetReader::open(file));
  const std::vector<int> wanted = TRY(positions_of(reader.schema(), columns, file));
  for (const int index : wanted) TRY(arrow_column_type(*reader.schema().field(index)));
  auto impl = std::make_unique<Impl>(Impl{std::move(reader), file, nullptr});
  try {
    impl->reader.file().set_batch_size(rows_per_piece);
    auto batches =
        impl->reader.file().GetRecordBatchReader(row_groups, leaves_of(impl->reader, wanted));
    if (!batches.ok()) return arrow_error(batches.status(), Code::kCorruption, file);
    impl->batches = std::move(*batches);
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), file.string());
  }
  return ParquetPieces(std::move(impl));
}

Result<std::optional<types::Frame>> ParquetPieces::next() {
  try {
    std::shared_ptr<arrow::RecordBatch> batch;
    const arrow::Status status = impl_->batches->ReadNext(&batch);
    if (!status.ok()) return arrow_error(status, Code::kCorruption, impl_->file);
    if (batch == nullptr) return std::optional<types::Frame>();
    types::Frame frame;
    TRY(fill(*batch, frame));
    return std::optional(std::move(frame));
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "parquet: {}: file={}", e.what(), impl_->file.string());
  }
}

struct ParquetWriter::Impl {
  std::filesystem::path file, unfinished;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
};

ParquetWriter::ParquetWriter(std::filesystem::path file) : impl_(std::make_unique<Impl>()) {
  impl_->unfinished = file;
  impl_->unfinished += ".unfinished";
  impl_->file = std::move(file);
}

ParquetWriter::~ParquetWriter() {
  if (impl_->sink == nullptr) return;
  std::error_code ignored;
  std::filesystem::remove(impl_->unfinished, ignored);
}

Result<void> ParquetWriter::append(const types::Frame& frame) {
  try {
    const auto table = to_arrow_table(frame);
    if (impl_->writer == nullptr) {
      auto sink = arrow::io::FileOutputStream::Open(impl_->unfinished.string());
      if (!sink.ok()) return arrow_error(sink.status(), Code::kInternal, impl_->file);
      impl_->sink = std::move(*sink);
      auto writer = parquet::arrow::FileWriter::Open(*table->schema(), arrow::default_memory_pool(),
                                                     impl_->sink, properties_for(frame));
      if (!writer.ok()) return arrow_error(writer.status(), Code::kInternal, impl_->file);
      impl_->writer = std::move(*writer);
    }
    if (!impl_->writer->schema()->Equals(*table->schema(), /*check_metadata=*/false)) {
      return base::error(Code::kInvalidArgument, "parquet: other columns than before: file={}",
                         impl_->file.string());
    }
    const arrow::Status status = impl_->writer->WriteTable(
        *table, std::max<std::int64_t>(1, std::min(table->num_rows(), kRowsPerGroup)));
    return status.ok() ? Result<void>() : arrow_error(status, Code::kInternal, impl_->file);
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "parquet: {}: file={}", e.what(), impl_->file.string());
  }
}

Result<void> ParquetWriter::finish() {
  if (impl_->writer == nullptr) {
    return base::error(Code::kFailedPrecondition, "parquet: nothing to write: file={}",
                       impl_->file.string());
  }
  try {
    if (const arrow::Status status = impl_->writer->Close(); !status.ok())
      return arrow_error(status, Code::kInternal, impl_->file);
    if (const arrow::Status status = impl_->sink->Close(); !status.ok())
      return arrow_error(status, Code::kInternal, impl_->file);
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "parquet: {}: file={}", e.what(), impl_->file.string());
  }
  TRY(sync_file(impl_->unfinished));
  std::error_code failed;
  std::filesystem::rename(impl_->unfinished, impl_->file, failed);
  if (failed) return errno_error(failed.value(), "rename", impl_->file);
  impl_->sink = nullptr;
  return sync_folder(impl_->file.parent_path());
}

}  // namespace slipway::store
