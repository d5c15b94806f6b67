#include "datasets/diff/table_pass.h"

#include <algorithm>

namespace slipway::datasets {
namespace {

constexpr std::size_t kSampleRows = 16 * 1024;
constexpr std::uint64_t kSecondSeed = 1ull << 32;  // of keys' other 64 bits
constexpr std::uint64_t kOwnSeed = 1ull << 33;     // of columns that the other version doesn't have

bool has_key(const std::vector<SharedColumn>& shared) {
  return std::ranges::any_of(shared, &SharedColumn::is_key);
}

}  // namespace

TablePass::TablePass(const TableFiles& table, const std::vector<SharedColumn>& shared,
                     RowRecords::Options records)
    : table_(table),
      has_key_(has_key(shared)),
      records_(std::move(records)),
      summaries_(table.columns().size()),
      sample_(kSampleRows) {
  std::size_t cell = 0;
  std::vector<Column> of_shared;
  for (std::size_t i = 0; i < shared.size(); ++i) {
    of_shared.push_back({.seed = i,
                         .as = shared[i].as,
                         .is_shared = true,
                         .is_key = shared[i].is_key,
                         .cell = has_key_ && !shared[i].is_key ? cell++ : 0});
  }
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    const auto found = std::ranges::find(shared, table.columns()[i].name, &SharedColumn::name);
    columns_.push_back(found == shared.end()
                           ? Column{.seed = kOwnSeed + i}
                           : of_shared[static_cast<std::size_t>(found - shared.begin())]);
  }
}

Result<void> TablePass::run() {
  return table_.scan(
      [this](const types::Frame& piece, std::int64_t first_row) { return take(piece, first_row); });
}

Result<void> TablePass::take(const types::Frame& piece, std::int64_t first_row) {
  const std::size_t rows = piece.rows();
  keys_.assign(rows, {});
  contents_.assign(rows, 0);
  const std::size_t width = has_key_ ? records_.cells() : 0;
  cells_.resize(rows * width);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const types::Column& column = piece.columns()[i];
    const Column& about = columns_[i];
    hash_cells(column, about.as, about.seed, hashes_);
    summaries_[i].add(column, hashes_);
    if (!about.is_shared) continue;
    if (about.is_key || !has_key_) {
      hash_cells(column, about.as, about.seed + kSecondSeed, second_hashes_);
      for (std::size_t row = 0; row < rows; ++row) {
        keys_[row].first += hashes_[row];
        keys_[row].second += second_hashes_[row];
      }
    } else {
      for (std::size_t row = 0; row < rows; ++row) {
        contents_[row] += hashes_[row];
        cells_[row * width + about.cell] = static_cast<std::uint32_t>(hashes_[row] >> 32);
      }
    }
  }
  sort_by_part();
  order_.resize(rows);
  for (const std::uint32_t row : by_part_) {
    const std::int64_t place = first_row + static_cast<std::int64_t>(row);
    const auto cells =
        TRY(records_.add({.key = keys_[row], .content = contents_[row], .row = place}));
    std::copy_n(cells_.begin() + static_cast<std::ptrdiff_t>(row * width), width, cells.begin());
    // Rows without a key may be the same ones many times: those at the same places are the sample.
    order_[row] = has_key_ ? keys_[row].first : mix_bits(static_cast<std::uint64_t>(place));
  }
  sample_.add(piece, order_);
  return {};
}

void TablePass::sort_by_part() {
  ends_.assign(records_.parts() + 1, 0);
  for (const RowKey& key : keys_) ++ends_[records_.part_of(key) + 1];
  for (std::size_t part = 1; part < ends_.size(); ++part) ends_[part] += ends_[part - 1];
  by_part_.resize(keys_.size());
  for (std::size_t row = 0; row < keys_.size(); ++row)
    by_part_[ends_[records_.part_of(keys_[row])]++] = static_cast<std::uint32_t>(row);
}

}  // namespace slipway::datasets
