#include "store/row_batch.h"

#include <bit>

namespace slipway::store {
namespace {

constexpr std::size_t kRowsMax = 64;  // in one statement

}  // namespace

std::string placeholders(std::size_t count) {
  std::string out;
  out.reserve(3 * count);
  for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ", ?";
  return out;
}

std::size_t next_chunk(std::size_t count) { return std::bit_floor(std::min(count, kRowsMax)); }

void RowBatch::add(Params row) {
  CHECK(values_.empty() || row.size() == width_);
  width_ = row.size();
  values_.insert(values_.end(), row.begin(), row.end());
}

Result<void> RowBatch::send(Tx& tx) {
  const std::string row = fmt::format("({})", placeholders(width_));
  std::span<const Param> left = values_;
  while (!left.empty()) {
    const std::size_t rows = next_chunk(left.size() / width_);
    std::string sql(insert_);
    for (std::size_t i = 0; i < rows; ++i) sql.append(i == 0 ? " VALUES" : ", ").append(row);
    TRY(tx.send_span(sql.append(after_), left.first(rows * width_)));
    left = left.subspan(rows * width_);
  }
  values_.clear();
  return {};
}

}  // namespace slipway::store
