// CSV as pandas writes it, as a batch: a header, then rows.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/batch.h"

namespace slipway::api::predict {

// Reads RFC 4180 and what pandas.DataFrame.to_csv() makes of it; one thread at a time. What read()
// gives is valid until the next call, as long as the body is.
class CsvReader {
 public:
  // A column that `inputs` know is read as they say; another one as numbers where a cell is one.
  // Cells that pandas reads as missing are missing (empty, NaN, NA, null, None, N/A...).
  // kInvalidArgument naming row and column.
  Result<serving::Batch> read(std::string_view body, const std::vector<serving::InputSpec>& inputs);

 private:
  // One field at `rest`; `ends_row` when it was the last of its row.
  Result<std::string_view> take_field(std::string_view& rest, bool& ends_row);

  std::deque<std::string> unquoted_;  // fields that had doubled quotes
};

}  // namespace slipway::api::predict
