#include "serving/onnx/interface.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <type_traits>

#include "serving/half.h"

namespace slipway::serving::onnx {
namespace {

constexpr std::size_t kInputsMax = 100'000;  // of a model, and values of a row of one

Error misfit(std::string_view input, std::string_view what) {
  return base::error(Code::kInvalidArgument, "the model's graph can't be served: input {} {}",
                     input, what);
}

bool is_one_value(const GraphInput& input) {
  return std::all_of(input.row_dims.begin(), input.row_dims.end(),
                     [](std::int64_t dim) { return dim == 1; });
}

std::size_t width_of(const std::vector<std::int64_t>& row_dims) {
  std::size_t width = 1;
  for (const std::int64_t dim : row_dims)
    width *= static_cast<std::size_t>(std::max<std::int64_t>(1, dim));
  return width;
}

Result<GraphInput> read_input(const ValueInfo& info) {
  if (info.kind != ValueInfo::Kind::kTensor) return misfit(info.name, "is no tensor");
  if (!info.has_shape || info.dims.empty()) return misfit(info.name, "has no dimension for rows");
  if (info.dims.size() > kRankMax)
    return misfit(info.name, fmt::format("has more than {} dimensions", kRankMax));
  GraphInput input{.name = info.name, .type = info.element, .row_dims = {}, .from = {}};
  if (info.dims[0] >= 0 && info.dims[0] != 1) {
    return misfit(info.name, fmt::format("takes exactly {} rows: export it with a first dimension "
                                         "that is open",
                                         info.dims[0]));
  }
  input.one_row = info.dims[0] == 1;
  input.row_dims.assign(info.dims.begin() + 1, info.dims.end());
  std::size_t width = 1;
  for (const std::int64_t dim : input.row_dims) {
    if (dim == 0 || dim < -1 || dim > (1 << 24))
      return misfit(info.name, "has a size out of range");
    width *= static_cast<std::size_t>(std::max<std::int64_t>(1, dim));
    if (width > (1 << 24)) return misfit(info.name, "has too many values a row");
  }
  return input;
}

InputSpec spec_of(const GraphInput& input, DataType type) {
  InputSpec spec{.name = input.name, .type = type, .row_shape = {}};
  if (!is_one_value(input)) spec.row_shape = input.row_dims;
  return spec;
}

// Named columns, all of them in one input.
Result<void> spread_columns(const ModelShape& signature, Interface& interface) {
  GraphInput& input = interface.graph.front();
  const std::size_t columns = signature.inputs.size();
  const bool is_row = input.row_dims.size() == 1 || (input.row_dims.empty() && columns == 1);
  if (!is_row || columns > kInputsMax)
    return misfit(input.name, "has rows of another shape than the columns of the signature");
  if (!input.row_dims.empty() && input.row_dims[0] == -1)
    input.row_dims[0] = static_cast<std::int64_t>(columns);
  if (width_of(input.row_dims) != columns) {
    return misfit(input.name, fmt::format("reads {} columns, the model's signature has {}",
                                          width_of(input.row_dims), columns));
  }
  for (const InputSpec& column : signature.inputs) {
    if (column.is_text() != (input.type == ElementType::kString)) {
      return misfit(input.name, fmt::format("and column {} of the signature are not both text or "
                                            "both numbers",
                                            column.name));
    }
    input.from.push_back(interface.inputs.size());
    interface.inputs.push_back(column);
  }
  return {};
}

Result<void> use_signature(const ModelShape& signature, Interface& interface) {
  const bool are_columns = std::all_of(signature.inputs.begin(), signature.inputs.end(),
                                       [](const InputSpec& input) { return input.is_column(); });
  if (interface.graph.size() == 1 && are_columns) return spread_columns(signature, interface);
  for (GraphInput& input : interface.graph) {
    const auto found =
        interface.graph.size() == 1
            ? signature.inputs.begin()
            : std::find_if(signature.inputs.begin(), signature.inputs.end(),
                           [&](const InputSpec& one) { return one.name == input.name; });
    if (found == signature.inputs.end() || signature.inputs.size() < interface.graph.size())
      return misfit(input.name, "is not in the model's signature");
    if (found->is_text() != (input.type == ElementType::kString))
      return misfit(input.name, "is not the same in the model's signature: text or numbers");
    InputSpec spec = spec_of(input, found->type);
    if (!spec.is_column() && !found->is_column()) {
      if (found->row_shape.size() != input.row_dims.size())
        return misfit(input.name, "has another shape in the model's signature");
      for (std::size_t d = 0; d < input.row_dims.size(); ++d) {
        if (input.row_dims[d] == -1) input.row_dims[d] = found->row_shape[d];
        if (found->row_shape[d] != -1 && found->row_shape[d] != input.row_dims[d])
          return misfit(input.name, "has another shape in the model's signature");
      }
      spec = spec_of(input, found->type);
    }
    spec.required = found->required;
    input.from = {interface.inputs.size()};
    interface.inputs.push_back(std::move(spec));
  }
  return {};
}

template <typename T, typename From>
T number_as(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<T>) {
    // What does not fit becomes the smallest number, as processors do it.
    return value >= From(-9.2e18) && value <= From(9.2e18)
               ? static_cast<T>(static_cast<std::int64_t>(value))
               : std::numeric_limits<T>::min();
  } else {
    return static_cast<T>(value);
  }
}

template <typename From, typename T>
void spread(const std::byte* bytes, std::size_t from_step, std::size_t rows, T* out,
            std::size_t step) {
  for (std::size_t r = 0; r < rows; ++r) {
    From value;
    std::memcpy(&value, bytes + r * from_step * sizeof(From), sizeof(From));
    out[r * step] = number_as<T>(value);
  }
}

template <typename T>
void read_tensor(const serving::Tensor& tensor, std::size_t at, std::size_t width, std::size_t rows,
                 T* out, std::size_t step) {
  const std::byte* bytes = tensor.bytes.data() + at * datatype_bytes(tensor.type);
  switch (tensor.type) {
    case DataType::kBool:
    case DataType::kUint8:
      return spread<std::uint8_t>(bytes, width, rows, out, step);
    case DataType::kUint16:
      return spread<std::uint16_t>(bytes, width, rows, out, step);
    case DataType::kUint32:
      return spread<std::uint32_t>(bytes, width, rows, out, step);
    case DataType::kUint64:
      return spread<std::uint64_t>(bytes, width, rows, out, step);
    case DataType::kInt8:
      return spread<std::int8_t>(bytes, width, rows, out, step);
    case DataType::kInt16:
      return spread<std::int16_t>(bytes, width, rows, out, step);
    case DataType::kInt32:
      return spread<std::int32_t>(bytes, width, rows, out, step);
    case DataType::kInt64:
      return spread<std::int64_t>(bytes, width, rows, out, step);
    case DataType::kFp32:
      return spread<float>(bytes, width, rows, out, step);
    case DataType::kFp64:
      return spread<double>(bytes, width, rows, out, step);
    case DataType::kFp16:
      for (std::size_t r = 0; r < rows; ++r) {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes + r * width * sizeof half, sizeof half);
        out[r * step] = number_as<T>(from_half(half));
      }
      return;
    case DataType::kBytes:
      return;
  }
}

}  // namespace

Result<DataType> datatype_of(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
      return DataType::kFp32;
    case ElementType::kUint8:
      return DataType::kUint8;
    case ElementType::kInt8:
      return DataType::kInt8;
    case ElementType::kUint16:
      return DataType::kUint16;
    case ElementType::kInt16:
      return DataType::kInt16;
    case ElementType::kInt32:
      return DataType::kInt32;
    case ElementType::kInt64:
      return DataType::kInt64;
    case ElementType::kString:
      return DataType::kBytes;
    case ElementType::kBool:
      return DataType::kBool;
    case ElementType::kFloat16:
      return DataType::kFp16;
    case ElementType::kDouble:
      return DataType::kFp64;
    case ElementType::kUint32:
      return DataType::kUint32;
    case ElementType::kUint64:
      return DataType::kUint64;
    case ElementType::kUndefined:
      break;
  }
  return base::error(Code::kInvalidArgument,
                     "the model's graph has a type that can't be served: {}",
                     static_cast<int>(type));
}

Result<Interface> interface_of(const Graph& graph, const ModelShape* signature) {
  Interface interface;
  std::set<std::string_view> initialized, names;
  for (const onnx::Tensor& tensor : graph.initializers) initialized.insert(tensor.name);
  for (const ValueInfo& info : graph.inputs) {
    if (initialized.contains(info.name)) continue;  // a constant, as old files have them
    if (!names.insert(info.name).second)
      return base::error(Code::kCorruption, "ONNX: two inputs have one name: {}", info.name);
    interface.graph.push_back(TRY(read_input(info)));
  }
  if (interface.graph.empty() || interface.graph.size() > kInputsMax)
    return base::error(Code::kInvalidArgument,
                       "the model's graph can't be served: it has {} inputs",
                       interface.graph.size());
  if (signature != nullptr) {
    TRY(use_signature(*signature, interface));
    return interface;
  }
  for (GraphInput& input : interface.graph) {
    input.from = {interface.inputs.size()};
    interface.inputs.push_back(spec_of(input, TRY(datatype_of(input.type))));
  }
  return interface;
}

template <typename T>
Result<void> read_numbers(const ModelCall& call, const Interface& interface,
                          const GraphInput& input, std::size_t element, std::size_t first,
                          std::size_t rows, T* out, std::size_t step) {
  const std::size_t at = input.from[input.from.size() == 1 ? 0 : element];
  const InputView& view = call.inputs[at];
  if (view.tensor != nullptr) {
    const std::size_t width = width_of(input.row_dims);
    read_tensor(*view.tensor, first * width + element, width, rows, out, step);
  } else if constexpr (std::is_floating_point_v<T>) {
    for (std::size_t r = 0; r < rows; ++r) out[r * step] = static_cast<T>(view.numbers[first + r]);
  } else {
    for (std::size_t r = 0; r < rows; ++r) {
      const double number = view.numbers[first + r];
      if (!(std::abs(number) <= 9007199254740992.0) || std::trunc(number) != number) {
        return base::error(Code::kInvalidArgument,
                           "the model reads a whole number: input={} row={} got={}",
                           interface.inputs[at].name, first + r,
                           std::isnan(number) ? "nothing" : fmt::format("{}", number));
      }
      out[r * step] = static_cast<T>(static_cast<std::int64_t>(number));
    }
  }
  return {};
}
#define SLIPWAY_READS(T)                                                                       \
  template Result<void> read_numbers<T>(const ModelCall&, const Interface&, const GraphInput&, \
                                        std::size_t, std::size_t, std::size_t, T*, std::size_t);
SLIPWAY_READS(float)
SLIPWAY_READS(double)
SLIPWAY_READS(std::int64_t)
SLIPWAY_READS(std::int32_t)
SLIPWAY_READS(std::int16_t)
SLIPWAY_READS(std::int8_t)
SLIPWAY_READS(std::uint64_t)
SLIPWAY_READS(std::uint32_t)
SLIPWAY_READS(std::uint16_t)
SLIPWAY_READS(std::uint8_t)
#undef SLIPWAY_READS

void read_texts(const ModelCall& call, const GraphInput& input, std::size_t element,
                std::size_t first, std::size_t rows, std::string_view* out, std::size_t step) {
  const InputView& view = call.inputs[input.from[input.from.size() == 1 ? 0 : element]];
  const std::size_t width = view.tensor == nullptr ? 1 : width_of(input.row_dims);
  const std::string_view* texts = view.tensor == nullptr
                                      ? view.texts + first
                                      : view.tensor->texts.data() + first * width + element;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::string_view text = texts[r * width];
    out[r * step] = text.data() == nullptr ? std::string_view("") : text;
  }
}

}  // namespace slipway::serving::onnx
