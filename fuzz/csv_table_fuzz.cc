// A dataset's CSV file: it is refused, or every row has the header's cells, and written again it
// reads as the same table.
#include "base/check.h"
#include "datasets/csv_table.h"
#include "fuzz.h"

namespace {

using slipway::datasets::CsvFile;

// One row a line, every cell quoted.
std::string written(const CsvFile& file) {
  std::string out;
  const auto add = [&](std::string_view text, bool is_last) {
    out += '"';
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += is_last ? "\"\n" : "\",";
  };
  const std::size_t columns = file.columns().size();
  for (std::size_t c = 0; c < columns; ++c) add(file.columns()[c], c + 1 == columns);
  for (std::size_t row = 0; row < file.rows(); ++row) {
    for (std::size_t c = 0; c < columns; ++c) add(file.cell(row, c).text, c + 1 == columns);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  if (size == 0) return 0;
  constexpr char kDelimiters[] = {',', ';', '\t', '|'};
  const char delimiter = kDelimiters[data[0] % sizeof kDelimiters];
  auto file = CsvFile::parse("f", std::string(fuzz::text_of(data + 1, size - 1)), delimiter);
  if (!file) {
    CHECK(file.error().code == Code::kInvalidArgument);
    return 0;
  }
  const auto again = CsvFile::parse("f", written(*file), ',');
  CHECK(again && again->columns() == file->columns() && again->rows() == file->rows());
  for (std::size_t row = 0; row < file->rows(); ++row) {
    for (std::size_t c = 0; c < file->columns().size(); ++c)
      CHECK(again->cell(row, c).text == file->cell(row, c).text);
  }
  const std::size_t rows = file->rows(), columns = file->columns().size();
  std::vector<CsvFile> files;
  files.push_back(std::move(*file));
  const auto frame = datasets::read_csv(files, {}, {"NA"});
  CHECK(frame && frame->columns().size() == columns);
  for (const types::Column& column : frame->columns()) {
    CHECK(column.size() == rows);
    // What all cells were seen to be can be told, too.
    CHECK(datasets::read_csv(files, {{column.name, column.type}}, {"NA"}));
  }
  return 0;
}
