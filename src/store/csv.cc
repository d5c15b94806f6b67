#include "store/csv.h"

#include <arrow/api.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>

#include "store/arrow_columns.h"

namespace slipway::store {
namespace {

Error csv_error(const arrow::Status& status, const std::filesystem::path& file) {
  return base::error(Code::kCorruption, "csv: {}: file={}", status.message(), file.string());
}

}  // namespace

Result<types::Frame> read_csv(const std::filesystem::path& file,
                              const std::vector<std::string>& columns) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(file, ec))
    return base::error(Code::kNotFound, "no such file: file={}", file.string());
  try {
    auto input = arrow::io::ReadableFile::Open(file.string());
    if (!input.ok()) return csv_error(input.status(), file);
    auto convert = arrow::csv::ConvertOptions::Defaults();
    convert.include_columns = columns;
    convert.strings_can_be_null = true;
    auto read = arrow::csv::ReadOptions::Defaults();
    read.use_threads = false;
    auto reader = arrow::csv::TableReader::Make(arrow::io::default_io_context(), *input, read,
                                                arrow::csv::ParseOptions::Defaults(), convert);
    if (!reader.ok()) return csv_error(reader.status(), file);
    auto table = (*reader)->Read();
    if (table.status().IsKeyError()) {
      return base::error(Code::kNotFound, "{}: file={}", table.status().message(), file.string());
    }
    if (!table.ok()) return csv_error(table.status(), file);
    types::Frame frame;
    for (int i = 0; i < (*table)->num_columns(); ++i) {
      const arrow::Field& field = *(*table)->schema()->field(i);
      const types::ColumnType type = TRY(arrow_column_type(field));
      types::Column column = types::Column::of_type(field.name(), type);
      column.reserve(static_cast<std::size_t>((*table)->num_rows()));
      for (const auto& chunk : (*table)->column(i)->chunks())
        TRY(append_arrow_chunk(*chunk, column));
      TRY(frame.add(std::move(column)));
    }
    return frame;
  } catch (const std::exception& e) {
    return base::error(Code::kCorruption, "csv: {}: file={}", e.what(), file.string());
  }
}

}  // namespace slipway::store
