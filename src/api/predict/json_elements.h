// Values of JSON bodies as cells and as elements of tensors.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "api/predict/tensor_batch.h"
#include "base/json_document.h"
#include "base/result.h"
#include "serving/batch.h"

namespace slipway::api::predict {

// What a request's batch points to, where that is not its body.
struct Kept {
  std::deque<std::vector<std::byte>> bytes;
  std::deque<std::vector<std::string_view>> texts;
  std::deque<std::string> decoded;

  void clear() {
    bytes.clear();
    texts.clear();
    decoded.clear();
  }
};

// A text: as it stands, or {"b64": "..."}, which is how JSON carries bytes. kInvalidArgument: it is
// neither.
Result<std::string_view> read_text(base::JsonValue value, std::string_view name, Kept& kept);

// kInvalidArgument: neither number, text, true, false nor null; a whole number that a column would
// round; bytes that are no UTF-8.
Result<serving::Cell> read_cell(base::JsonValue value, std::string_view column, Kept& kept);

// Calls `use` with each element; data may be flat or nested, either way it is in row-major order.
template <typename Use>
Result<void> each_element(base::JsonValues list, std::string_view name, std::size_t depth,
                          Use& use) {
  for (const base::JsonValue value : list) {
    if (!value.is_array()) {
      TRY(use(value));
    } else if (depth + 1 >= kDimensionsMax) {
      return base::error(Code::kInvalidArgument, "data is nested too deeply: input={}", name);
    } else {
      TRY(each_element(value.values(), name, depth + 1, use));
    }
  }
  return {};
}

// Appends the element in the protocol's binary form; false: the type can't hold it.
bool append_element(base::JsonValue value, serving::DataType type, std::vector<std::byte>& bytes);

// Sets the tensor's bytes or texts to the elements of `data`; its name and type are set.
Result<void> read_whole(base::JsonValues data, serving::Tensor& tensor, Kept& kept);

}  // namespace slipway::api::predict
