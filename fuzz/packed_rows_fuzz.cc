// Bytes of an online store: they are refused, or merging what was merged changes nothing, and all
// of it can be read.
#include "base/check.h"
#include "features/packed_rows.h"
#include "fuzz.h"

namespace {

using namespace slipway;
using namespace slipway::features;

void read_all(const RowLayout& layout, std::string_view bytes) {
  std::string scratch;
  const auto rows = PackedRows::open(layout, bytes, scratch);
  if (!rows) return;
  std::vector<std::string_view> texts;
  std::size_t known = 0;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    for (std::size_t cell = 0; cell < layout.cells.size(); ++cell) {
      rows->number(row, cell);
      if (layout.cells[cell] == CellKind::kText) rows->collect(row, cell, texts);
    }
    known += rows->is_known(row, rows->arrival(row)) ? 1 : 0;
  }
  std::size_t characters = 0;
  for (const std::string_view text : texts) {
    for (const char c : text) characters += c == 'x' ? 1 : 0;
  }
  CHECK(characters <= bytes.size() * (rows->size() + 1));
  CHECK(layout.is_corrected || known == rows->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto merged = merge_rows(bytes);
  if (!merged) {
    CHECK(merged.error().code == Code::kCorruption);
    return 0;
  }
  CHECK(merge_rows(*merged).value() == *merged);
  if (Tiles::begin_with(*merged)) {
    const Tiles tiles = Tiles::open(*merged).value();
    std::size_t values = 0;
    for (std::size_t tile = 0; tile < tiles.size(); ++tile) {
      for (std::size_t cell = 0; cell < tiles.cells(); ++cell)
        values += tiles.fold(cell) >= Fold::kLeast && tiles.has_value(tile, cell) ? 1 : 0;
    }
    CHECK(values <= bytes.size());
  }
  read_all({.cells = {CellKind::kNumber, CellKind::kText, CellKind::kTime}}, bytes);
  read_all({.cells = {CellKind::kText, CellKind::kTime, CellKind::kTime}, .is_corrected = true},
           bytes);
  return 0;
}
