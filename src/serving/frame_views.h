// A frame's columns as a model reads them.
#pragma once

#include <string_view>
#include <vector>

#include "serving/model.h"
#include "types/frame.h"

namespace slipway::serving {

// Of a Parquet file: the columns a Frame can hold, and those it can't, with their types.
struct FileColumns {
  const std::vector<std::pair<std::string, types::ColumnType>>& held;
  const std::vector<std::pair<std::string, std::string>>& others;
  std::string file;  // for messages
};
// kInvalidArgument: `input` is a tensor, or the file lacks it or has it as another type.
Result<void> check_column(const InputSpec& input, const FileColumns& columns);

// Keeps what has to be converted, and its memory for the next frame. One thread at a time.
class FrameViews {
 public:
  // One view per input of the shape, valid as long as the frame is and until the next call. An
  // input without a column is missing in every row.
  const std::vector<InputView>& read(const ModelShape& shape, const types::Frame& frame);
  const std::vector<InputView>& views() const { return views_; }

 private:
  std::vector<std::vector<double>> numbers_;
  std::vector<std::vector<std::string_view>> texts_;
  std::vector<InputView> views_;
};

}  // namespace slipway::serving
