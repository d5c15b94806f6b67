// A dataset's CSV file: it is refused, or every row has the header's cells, and written again it
// reads as the same table. In pieces it is the same rows and lines, or the same mistake.
#include "base/check.h"
#include "datasets/csv_table.h"
#include "fuzz.h"

namespace {

using slipway::Result;
using slipway::datasets::CsvFile;

void check_pieces(const std::string& text, char delimiter, const Result<CsvFile>& whole) {
  CsvFile::Place place;
  std::size_t begin = 0, row = 0, bytes = 1;
  while (!place.is_last) {
    place.is_last = text.size() - begin <= bytes;
    const auto piece = CsvFile::parse_piece("f", text.substr(begin, bytes), delimiter, place);
    if (!piece) {
      CHECK(!whole && piece.error() == whole.error());
      return;
    }
    for (std::size_t i = 0; whole && i < piece->rows(); ++i, ++row) {
      CHECK(row < whole->rows() && piece->line(i) == whole->line(row));
      for (std::size_t c = 0; c < whole->columns().size(); ++c)
        CHECK(piece->cell(i, c).text == whole->cell(row, c).text);
    }
    begin += piece->bytes();
    bytes = piece->bytes() == 0 ? 2 * bytes : 1 + bytes / 2;
    if (!piece->columns().empty()) place.columns = piece->columns();
    place.line = piece->next_line();
  }
  CHECK(whole && row == whole->rows());
}

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
  check_pieces(std::string(fuzz::text_of(data + 1, size - 1)), delimiter, file);
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
