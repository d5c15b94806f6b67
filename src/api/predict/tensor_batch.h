// The tensors of one request as a batch: as columns where the model reads one value a row, spread
// over the columns of a columnar model, or whole.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/batch.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

// What is wrong with what was sent.
template <typename... Args>
Error invalid(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

using Inputs = serving::Endpoints::Inputs;
// What the model reads; asked for only when a tensor has several dimensions, or a matrix comes
// without names.
using ModelInputs = std::function<Result<Inputs>()>;

inline constexpr std::int64_t kRowsMax = 1 << 24;
inline constexpr std::size_t kDimensionsMax = 8;
inline constexpr std::size_t kColumnsMax = 100'000;  // of a request, tensors among them

// A request's names, of which there are kColumnsMax at most and none twice; kInvalidArgument says
// which. `what` has them: "inputs".
Result<void> check_names(std::vector<std::string_view> names, std::string_view what);

// A whole tensor's elements, as many as its shape says, or an error that names it.
Result<std::size_t> element_count(std::string_view name, std::span<const std::int64_t> shape);

// Turns row-major cells of `width` columns into a batch.
serving::Batch from_rows(const std::vector<serving::Cell>& cells, std::size_t width,
                         std::vector<std::string_view> names);
// The names of the columns among `inputs`; they point into it.
std::vector<std::string_view> column_names(const std::vector<serving::InputSpec>& inputs);
// The input of that name that has a shape; nullptr: there is none, or it is a column.
const serving::InputSpec* find_tensor(const std::vector<serving::InputSpec>& inputs,
                                      std::string_view name);

// A tensor as it was sent; its elements are in memory as the protocol's binary form has them, and
// in `texts` when they are BYTES.
struct SentTensor {
  std::string_view name;
  serving::DataType type = serving::DataType::kFp32;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::span<const std::string_view> texts;

  serving::Tensor whole() const {
    return {.name = name,
            .type = type,
            .shape = {shape.begin(), shape.end()},
            .bytes = bytes,
            .texts = texts};
  }
};

// Collects the tensors of one request; one thread at a time. What add() is given must outlive the
// batch.
class TensorBatch {
 public:
  // `tensors`: how many will come. `model` must outlive it.
  TensorBatch(std::size_t tensors, const ModelInputs& model);

  // Where the elements of the next tensor go. kCells: the caller appends them to cells(),
  // row-major. kWhole: the caller gives them to add_whole().
  enum class Place { kCells, kWhole };
  Result<Place> next(std::string_view name, std::span<const std::int64_t> shape);

  std::vector<serving::Cell>& cells() { return batch_.cells; }
  void add_whole(serving::Tensor tensor) { batch_.tensors.push_back(std::move(tensor)); }
  Result<void> add(const SentTensor& tensor);

  // All tensors have been added. `inputs` keeps alive what the batch names.
  Result<serving::Batch> finish(Inputs& inputs);

 private:
  Result<Place> place_of(std::string_view name, std::span<const std::int64_t> shape);

  const std::size_t tensors_;
  const ModelInputs& model_;
  serving::Batch batch_;
  bool has_rows_ = false;
  std::size_t matrix_width_ = 0;  // of the only tensor, when it is spread
  Inputs inputs_;
  // Says of nearly every new name at once that it is new (a Bloom filter), so that few requests
  // have their names compared with each other.
  std::bitset<4096> seen_;
  bool may_come_twice_ = false;
};

// The elements of a binary tensor of BYTES: each a length of four bytes, little-endian, and so many
// bytes. kInvalidArgument naming the tensor.
Result<void> split_texts(std::string_view name, std::string_view bytes, std::size_t count,
                         std::vector<std::string_view>& texts);

}  // namespace slipway::api::predict
