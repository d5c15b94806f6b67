#include "api/predict/tensor_batch.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "base/json_document.h"
#include "serving/half.h"

namespace slipway::api::predict {
namespace {

using serving::Batch;
using serving::Cell;
using serving::DataType;
using serving::InputSpec;
using serving::Tensor;

constexpr std::size_t kElementsMax = std::size_t{1} << 36;
constexpr std::int64_t kExactMax = std::int64_t{1} << 53;

const InputSpec* find_spec(const std::vector<InputSpec>& inputs, std::string_view name) {
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](const InputSpec& known) { return known.name == name; });
  return found == inputs.end() ? nullptr : &*found;
}

std::size_t column_count(const std::vector<InputSpec>& inputs) {
  return static_cast<std::size_t>(std::count_if(inputs.begin(), inputs.end(),
                                                [](const InputSpec& i) { return i.is_column(); }));
}

// Calls `use` with each element of a tensor of numbers.
template <typename Element, typename Use>
Result<void> each(const SentTensor& tensor, Use use) {
  const std::size_t count = tensor.bytes.size() / sizeof(Element);
  for (std::size_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, tensor.bytes.data() + i * sizeof(Element), sizeof(Element));
    TRY(use(i, element));
  }
  return {};
}

template <typename Element>
Result<void> append_numbers(const SentTensor& tensor, std::vector<Cell>& cells) {
  return each<Element>(tensor, [&](std::size_t at, Element element) -> Result<void> {
    if constexpr (sizeof(Element) == 8 && std::is_integral_v<Element>) {
      if (std::cmp_greater(element, kExactMax) || std::cmp_less(element, -kExactMax)) {
        return invalid("element {} of input {} is beyond 2^53, and a column would round it: got={}",
                       at, tensor.name, element);
      }
    }
    cells.emplace_back(static_cast<double>(element));
    return {};
  });
}

Result<void> append_cells(const SentTensor& tensor, std::vector<Cell>& cells) {
  switch (tensor.type) {
    case DataType::kBool:
      return each<std::uint8_t>(tensor, [&](std::size_t at, std::uint8_t value) -> Result<void> {
        if (value > 1)
          return invalid("element {} of input {} is no BOOL, which is 0 or 1: got={}", at,
                         tensor.name, value);
        cells.emplace_back(static_cast<double>(value));
        return {};
      });
    case DataType::kUint8:
      return append_numbers<std::uint8_t>(tensor, cells);
    case DataType::kUint16:
      return append_numbers<std::uint16_t>(tensor, cells);
    case DataType::kUint32:
      return append_numbers<std::uint32_t>(tensor, cells);
    case DataType::kUint64:
      return append_numbers<std::uint64_t>(tensor, cells);
    case DataType::kInt8:
      return append_numbers<std::int8_t>(tensor, cells);
    case DataType::kInt16:
      return append_numbers<std::int16_t>(tensor, cells);
    case DataType::kInt32:
      return append_numbers<std::int32_t>(tensor, cells);
    case DataType::kInt64:
      return append_numbers<std::int64_t>(tensor, cells);
    case DataType::kFp16:
      return each<std::uint16_t>(tensor, [&](std::size_t, std::uint16_t half) -> Result<void> {
        cells.emplace_back(static_cast<double>(serving::from_half(half)));
        return {};
      });
    case DataType::kFp32:
      return append_numbers<float>(tensor, cells);
    case DataType::kFp64:
      return append_numbers<double>(tensor, cells);
    case DataType::kBytes:
      for (const std::string_view text : tensor.texts) {
        if (!base::is_utf8(text))
          return invalid("input {} is a column of texts, and one is not UTF-8", tensor.name);
        cells.emplace_back(text.data() == nullptr ? std::string_view("") : text);
      }
      return {};
  }
  return {};
}

}  // namespace

// Sorts: hashes of names that were made to be alike would be no help.
Result<void> check_names(std::vector<std::string_view> names, std::string_view what) {
  if (names.size() > kColumnsMax) {
    return invalid("{}: there are more than {} columns: got={}", what, kColumnsMax, names.size());
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return invalid("{}: a column comes twice: column={}", what, *twice);
  return {};
}

Result<std::size_t> element_count(std::string_view name, std::span<const std::int64_t> shape) {
  if (shape.empty() || shape.size() > kDimensionsMax) {
    return invalid("shape must have 1 to {} dimensions, the first are the rows: input={}",
                   kDimensionsMax, name);
  }
  std::size_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || size > kRowsMax)
      return invalid("shape must be whole numbers up to {}: input={}", kRowsMax, name);
    count *= static_cast<std::size_t>(size);
    if (count > kElementsMax) return invalid("shape has too many elements: input={}", name);
  }
  return count;
}

const InputSpec* find_tensor(const std::vector<InputSpec>& inputs, std::string_view name) {
  const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const InputSpec& input) {
    return input.name == name && !input.is_column();
  });
  return found == inputs.end() ? nullptr : &*found;
}

Batch from_rows(const std::vector<Cell>& cells, std::size_t width,
                std::vector<std::string_view> names) {
  Batch batch{.rows = width == 0 ? 0 : cells.size() / width, .names = std::move(names)};
  batch.cells.resize(cells.size());
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < width; ++c)
      batch.cells[c * batch.rows + row] = cells[row * width + c];
  }
  return batch;
}

std::vector<std::string_view> column_names(const std::vector<InputSpec>& inputs) {
  std::vector<std::string_view> names;
  for (const InputSpec& input : inputs) {
    if (input.is_column()) names.push_back(input.name);
  }
  return names;
}

TensorBatch::TensorBatch(std::size_t tensors, const ModelInputs& model)
    : tensors_(tensors), model_(model) {
  batch_.names.reserve(tensors);
  batch_.cells.reserve(tensors);
}

Result<TensorBatch::Place> TensorBatch::next(std::string_view name,
                                             std::span<const std::int64_t> shape) {
  const auto rows = static_cast<std::size_t>(shape.front());
  if (has_rows_ && rows != batch_.rows) {
    return invalid("inputs differ in rows: input={} rows={} others={}", name, rows, batch_.rows);
  }
  auto bit = seen_[std::hash<std::string_view>()(name) % seen_.size()];
  may_come_twice_ = may_come_twice_ || bit;
  bit = true;
  batch_.rows = rows;
  has_rows_ = true;
  const Place place = shape.size() == 1 ? Place::kCells : TRY(place_of(name, shape));
  if (place == Place::kCells) batch_.names.push_back(name);
  return place;
}

Result<TensorBatch::Place> TensorBatch::place_of(std::string_view name,
                                                 std::span<const std::int64_t> shape) {
  if (inputs_ == nullptr) inputs_ = TRY(model_());
  const InputSpec* spec = find_spec(*inputs_, name);
  if (spec != nullptr && !spec->is_column()) return Place::kWhole;
  std::size_t width = 1;
  for (const std::int64_t size : shape.subspan(1)) width *= static_cast<std::size_t>(size);
  if (width == 1) return Place::kCells;
  if (spec != nullptr) {
    return invalid("input {} has one value a row: expected shape [{}] or [{},1], got [{}]", name,
                   shape.front(), shape.front(), fmt::join(shape, ","));
  }
  if (tensors_ != 1)
    return invalid("an input with several columns must be the only one: input={}", name);
  const std::size_t columns = column_count(*inputs_);
  if (shape.size() > 2 || columns != inputs_->size()) {
    std::vector<std::string_view> names;
    for (const InputSpec& input : *inputs_) names.push_back(input.name);
    return invalid("unexpected input {}: this endpoint reads {}", name, fmt::join(names, ", "));
  }
  if (width != columns) {
    return invalid("input {} has {} columns without names, but the model has {} features", name,
                   width, columns);
  }
  matrix_width_ = width;
  return Place::kCells;
}

Result<void> TensorBatch::add(const SentTensor& tensor) {
  const std::size_t count = TRY(element_count(tensor.name, tensor.shape));
  const bool is_text = tensor.type == DataType::kBytes;
  const std::size_t width = serving::datatype_bytes(tensor.type);
  const std::size_t given = is_text ? tensor.texts.size() : tensor.bytes.size();
  const std::size_t wanted = is_text ? count : count * width;
  if (given != wanted) {
    return invalid("input {} has {} {}, but its shape and datatype make {}: datatype={}",
                   tensor.name, given, is_text ? "elements" : "bytes", wanted,
                   serving::datatype_name(tensor.type));
  }
  if (TRY(next(tensor.name, tensor.shape)) == Place::kCells)
    return append_cells(tensor, batch_.cells);
  batch_.tensors.push_back(tensor.whole());
  return {};
}

Result<Batch> TensorBatch::finish(Inputs& inputs) {
  if (may_come_twice_ || tensors_ > kColumnsMax) {
    std::vector<std::string_view> names = batch_.names;
    for (const Tensor& tensor : batch_.tensors) names.push_back(tensor.name);
    TRY(check_names(std::move(names), "inputs"));
  }
  if (matrix_width_ != 0) batch_ = from_rows(batch_.cells, matrix_width_, column_names(*inputs_));
  inputs = std::move(inputs_);
  return std::move(batch_);
}

Result<void> split_texts(std::string_view name, std::string_view bytes, std::size_t count,
                         std::vector<std::string_view>& texts) {
  while (texts.size() < count) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length)
      return invalid("input {} ends before element {} of {}", name, texts.size(), count);
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    if (bytes.size() < length)
      return invalid("input {} ends inside element {} of {}", name, texts.size(), count);
    texts.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty())
    return invalid("input {} has {} bytes behind its {} elements", name, bytes.size(), count);
  return {};
}

}  // namespace slipway::api::predict
