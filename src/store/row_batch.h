// Many rows or keys in few statements.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "store/db.h"

namespace slipway::store {

// "?, ?, ?"
std::string placeholders(std::size_t count);

// How many of so many things the next statement takes: a power of two, so that a few texts, each
// prepared once, do for any number.
std::size_t next_chunk(std::size_t count);

// Rows of one table on their way. One thread at a time.
class RowBatch {
 public:
  // `insert` is "INSERT INTO table(columns)", `after` what follows the values; both outlive it.
  explicit RowBatch(std::string_view insert, std::string_view after = {})
      : insert_(insert), after_(after) {}

  // Views in `row` must live until send(). All rows have the same number of values.
  void add(Params row);
  // Sends what was added; the batch is then empty.
  Result<void> send(Tx& tx);

 private:
  const std::string_view insert_, after_;
  std::size_t width_ = 0;
  std::vector<Param> values_;
};

// Asks `select`, which ends in "IN ", for all of `keys`. A key may be asked for twice, so `each`
// may get its rows twice.
template <typename Key>
Result<void> ask_in(Reader& reader, std::string_view select, std::span<const Key> keys,
                    const std::function<void(const Row&)>& each) {
  while (!keys.empty()) {
    // Padded to the next power of two with its last key.
    const std::size_t whole = std::min<std::size_t>(keys.size(), next_chunk(~std::size_t{0}));
    std::size_t padded = next_chunk(whole);
    if (padded < whole) padded *= 2;
    std::vector<Param> params(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(whole));
    params.resize(padded, params.back());
    TRY(reader.ask_span(fmt::format("{}({})", select, placeholders(padded)), params, each));
    keys = keys.subspan(whole);
  }
  return {};
}

}  // namespace slipway::store
