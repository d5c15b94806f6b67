#include "serving/onnx/runtime_model.h"

#include <algorithm>
#include <cstring>

#include "serving/half.h"

namespace slipway::serving::onnx {
namespace {

// Calls `act` with an example of the numbers that a tensor of `type` holds; false: texts, or no
// numbers of C++.
template <typename Act>
bool with_number(ElementType type, Act act) {
  switch (type) {
    case ElementType::kFloat:
      act(float{});
      return true;
    case ElementType::kDouble:
      act(double{});
      return true;
    case ElementType::kInt64:
      act(std::int64_t{});
      return true;
    case ElementType::kInt32:
      act(std::int32_t{});
      return true;
    case ElementType::kInt16:
      act(std::int16_t{});
      return true;
    case ElementType::kInt8:
      act(std::int8_t{});
      return true;
    case ElementType::kUint64:
      act(std::uint64_t{});
      return true;
    case ElementType::kUint32:
      act(std::uint32_t{});
      return true;
    case ElementType::kUint16:
      act(std::uint16_t{});
      return true;
    case ElementType::kUint8:
    case ElementType::kBool:
      act(std::uint8_t{});
      return true;
    case ElementType::kUndefined:
    case ElementType::kString:
    case ElementType::kFloat16:
      break;
  }
  return false;
}

template <typename T>
std::vector<T>& values_of(Output& output) {
  if (!std::holds_alternative<std::vector<T>>(output.values)) output.values = std::vector<T>();
  return std::get<std::vector<T>>(output.values);
}

// How many scores a map of them has: the labels of the ZipMap that makes it; -1: not known.
std::int64_t scores_in(const Graph& graph, std::string_view output) {
  for (const Node& node : graph.nodes) {
    if (node.op_type != "ZipMap" || node.outputs.empty() || node.outputs[0] != output) continue;
    const Attribute *integers = node.find("classlabels_int64s"),
                    *texts = node.find("classlabels_strings");
    if (integers != nullptr && !integers->integers.empty())
      return static_cast<std::int64_t>(integers->integers.size());
    if (texts != nullptr) return static_cast<std::int64_t>(texts->texts.size());
  }
  return -1;
}

// Keeps the shape of the first row's answer; those of others must be the same.
Result<void> keep_row_shape(Output& output, std::size_t row, std::vector<std::int64_t> shape) {
  if (row == 0) output.row_shape = std::move(shape);
  if (row == 0 || output.row_shape == shape) return {};
  return base::error(Code::kInvalidArgument,
                     "output {} has another shape in row {}: [{}], and [{}] before", output.name,
                     row, fmt::join(shape, ","), fmt::join(output.row_shape, ","));
}

// Who writes an answer counts on it.
Result<void> check_sizes(const Output& output, std::size_t rows) {
  std::size_t count = rows;
  for (const std::int64_t dim : output.row_shape) count *= static_cast<std::size_t>(dim);
  const std::size_t given = std::visit([](const auto& all) { return all.size(); }, output.values);
  if (given == count) return {};
  return base::error(Code::kInternal, "output {} has {} of {} values", output.name, given, count);
}

Result<OutputSpec> read_output(const Graph& graph, const ValueInfo& info) {
  OutputSpec spec{.name = info.name};
  if (info.kind == ValueInfo::Kind::kSequence) {
    spec.row_shape = {scores_in(graph, info.name)};
    return spec;
  }
  if (info.kind != ValueInfo::Kind::kTensor)
    return base::error(Code::kInvalidArgument,
                       "the model's graph can't be served: output {} is no "
                       "tensor",
                       info.name);
  spec.type = TRY(datatype_of(info.element));
  if (!info.has_shape) {
    spec.row_shape = {-1};
  } else if (std::any_of(info.dims.begin() + (info.dims.empty() ? 0 : 1), info.dims.end(),
                         [](std::int64_t dim) { return dim != 1; })) {
    spec.row_shape.assign(info.dims.begin() + 1, info.dims.end());
  }
  return spec;
}

}  // namespace

class RuntimeModel::Held {
 public:
  Held(const Library& library, OrtValue* value) : library_(&library), value_(value) {}
  Held(Held&& other) noexcept
      : library_(other.library_), value_(std::exchange(other.value_, nullptr)) {}
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (value_ != nullptr) library_->ReleaseValue(value_);
  }
  OrtValue* get() const { return value_; }

 private:
  const Library* library_;
  OrtValue* value_;
};

Result<std::shared_ptr<const serving::Model>> RuntimeModel::load(
    std::shared_ptr<const Library> library, const std::filesystem::path& file,
    const onnx::Model& model, Interface interface, std::size_t threads) {
  std::shared_ptr<RuntimeModel> made(new RuntimeModel(std::move(library)));
  const Library& use = *made->library_;
  for (const ValueInfo& info : model.graph.outputs)
    made->shape_.outputs.push_back(TRY(read_output(model.graph, info)));
  if (made->shape_.outputs.empty())
    return base::error(Code::kCorruption, "ONNX: the graph has no outputs");
  made->shape_.inputs = interface.inputs;
  made->interface_ = std::move(interface);
  for (const GraphInput& input : made->interface_.graph) {
    made->input_names_.push_back(input.name.c_str());
    made->one_row_ = made->one_row_ || input.one_row;
  }
  for (const OutputSpec& output : made->shape_.outputs)
    made->output_names_.push_back(output.name.c_str());

  OrtSessionOptions* options = nullptr;
  TRY(use.check(use.CreateSessionOptions(&options), Code::kInternal));
  const auto create = [&]() -> Result<void> {
    TRY(use.check(use.SetIntraOpNumThreads(options, static_cast<int>(threads)), Code::kInternal));
    TRY(use.check(use.SetInterOpNumThreads(options, 1), Code::kInternal));
    return use.check(use.CreateSession(use.environment(), file.c_str(), options, &made->session_),
                     Code::kInvalidArgument);
  };
  Result<void> created = create();
  use.ReleaseSessionOptions(options);
  if (!created) {
    return std::move(created).error().with_context("ONNX Runtime " + use.version() +
                                                   " can't load the model");
  }
  made->bytes_ = model.bytes;
  return std::shared_ptr<const serving::Model>(std::move(made));
}

RuntimeModel::~RuntimeModel() {
  if (session_ != nullptr) library_->ReleaseSession(session_);
}

Result<RuntimeModel::Held> RuntimeModel::make_input(const ModelCall& call, const GraphInput& input,
                                                    std::size_t first, std::size_t rows,
                                                    std::vector<std::byte>& room) const {
  std::vector<std::int64_t> dims{static_cast<std::int64_t>(rows)};
  std::size_t width = 1;
  const serving::Tensor* sent =
      input.from.size() == 1 ? call.inputs[input.from[0]].tensor : nullptr;
  for (std::size_t d = 0; d < input.row_dims.size(); ++d) {
    // Open dimensions are as they were sent.
    const std::int64_t dim = input.row_dims[d] >= 0                          ? input.row_dims[d]
                             : sent != nullptr && d + 1 < sent->shape.size() ? sent->shape[d + 1]
                                                                             : 1;
    dims.push_back(dim);
    width *= static_cast<std::size_t>(dim);
  }
  OrtValue* value = nullptr;
  GraphInput closed = input;
  closed.row_dims.assign(dims.begin() + 1, dims.end());
  if (input.type == ElementType::kString) {
    std::vector<std::string_view> views(rows * width);
    for (std::size_t e = 0; e < width; ++e)
      read_texts(call, closed, e, first, rows, views.data() + e, width);
    const std::vector<std::string> texts(views.begin(), views.end());  // each with a zero behind it
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    TRY(library_->check(
        library_->CreateTensorAsOrtValue(library_->allocator(), dims.data(), dims.size(),
                                         static_cast<int>(input.type), &value),
        Code::kInternal));
    Held held(*library_, value);
    TRY(library_->check(library_->FillStringTensor(value, pointers.data(), pointers.size()),
                        Code::kInternal));
    return held;
  }
  Result<void> read;
  const bool is_number = with_number(input.type, [&]<typename T>(T) {
    room.resize(std::max<std::size_t>(1, rows * width) * sizeof(T));
    T* to = reinterpret_cast<T*>(room.data());
    for (std::size_t e = 0; e < width && read; ++e)
      read = read_numbers(call, interface_, closed, e, first, rows, to + e, width);
    if (input.type == ElementType::kBool) {
      for (std::size_t i = 0; i < rows * width; ++i) to[i] = to[i] != T{0} ? T{1} : T{0};
    }
  });
  if (!is_number) {  // half precision: what was sent as float, rounded
    if (input.type != ElementType::kFloat16)
      return base::error(Code::kInvalidArgument, "input {} has a type that can't be served",
                         input.name);
    std::vector<float> numbers(rows * width);
    for (std::size_t e = 0; e < width && read; ++e)
      read = read_numbers(call, interface_, closed, e, first, rows, numbers.data() + e, width);
    room.resize(std::max<std::size_t>(1, numbers.size()) * sizeof(std::uint16_t));
    std::transform(numbers.begin(), numbers.end(), reinterpret_cast<std::uint16_t*>(room.data()),
                   to_half);
  }
  TRY(std::move(read));
  TRY(library_->check(library_->CreateTensorWithDataAsOrtValue(
                          library_->memory(), room.data(), room.size(), dims.data(), dims.size(),
                          static_cast<int>(input.type), &value),
                      Code::kInternal));
  return Held(*library_, value);
}

Result<std::vector<std::int64_t>> RuntimeModel::dims_of(OrtValue* value, ElementType& type) const {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  TRY(library_->check(library_->GetTensorTypeAndShape(value, &info), Code::kInternal));
  std::size_t rank = 0;
  int element = 0;
  std::vector<std::int64_t> dims;
  const auto ask = [&]() -> Result<void> {
    TRY(library_->check(library_->GetTensorElementType(info, &element), Code::kInternal));
    TRY(library_->check(library_->GetDimensionsCount(info, &rank), Code::kInternal));
    if (rank > kRankMax) return base::error(Code::kInternal, "an output has too many dimensions");
    dims.resize(rank);
    return library_->check(library_->GetDimensions(info, dims.data(), rank), Code::kInternal);
  };
  Result<void> asked = ask();
  library_->ReleaseTensorTypeAndShapeInfo(info);
  TRY(std::move(asked));
  type = static_cast<ElementType>(element);
  return dims;
}

Result<std::vector<std::string>> RuntimeModel::texts_of(OrtValue* value, std::size_t count) const {
  std::size_t bytes = 0;
  TRY(library_->check(library_->GetStringTensorDataLength(value, &bytes), Code::kInternal));
  std::string all(bytes, '\0');
  std::vector<std::size_t> offsets(count);
  TRY(library_->check(
      library_->GetStringTensorContent(value, all.data(), bytes, offsets.data(), count),
      Code::kInternal));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets[i + 1] : bytes;
    texts.push_back(all.substr(offsets[i], end - offsets[i]));
  }
  return texts;
}

// A map of scores for each row: a list of them, in the order of their keys.
Result<void> RuntimeModel::take_maps(OrtValue* value, std::size_t first, std::size_t rows,
                                     Output& output) const {
  std::size_t count = 0;
  TRY(library_->check(library_->GetValueCount(value, &count), Code::kInternal));
  if (count != rows)
    return base::error(Code::kInternal, "output {} has {} of {} rows", output.name, count, rows);
  auto& scores = values_of<float>(output);
  for (std::size_t r = 0; r < rows; ++r) {
    OrtValue *map = nullptr, *numbers = nullptr;
    TRY(library_->check(library_->GetValue(value, static_cast<int>(r), library_->allocator(), &map),
                        Code::kInternal));
    const Held held_map(*library_, map);
    TRY(library_->check(library_->GetValue(map, 1, library_->allocator(), &numbers),
                        Code::kInternal));
    const Held held_numbers(*library_, numbers);
    ElementType type = ElementType::kUndefined;
    const std::vector<std::int64_t> dims = TRY(dims_of(numbers, type));
    if (type != ElementType::kFloat || dims.size() != 1)
      return base::error(Code::kInternal, "output {} has values that can't be served", output.name);
    void* data = nullptr;
    TRY(library_->check(library_->GetTensorMutableData(numbers, &data), Code::kInternal));
    TRY(keep_row_shape(output, first + r, dims));
    const auto* numbers_begin = static_cast<const float*>(data);
    scores.insert(scores.end(), numbers_begin, numbers_begin + dims[0]);
  }
  return {};
}

Result<void> RuntimeModel::take(OrtValue* value, std::size_t first, std::size_t rows,
                                Output& output) const {
  ValueKind kind = ValueKind::kUnknown;
  TRY(library_->check(library_->GetValueType(value, &kind), Code::kInternal));
  if (kind == ValueKind::kSequence) return take_maps(value, first, rows, output);
  if (kind != ValueKind::kTensor)
    return base::error(Code::kInternal, "output {} has values that can't be served", output.name);
  ElementType type = ElementType::kUndefined;
  const std::vector<std::int64_t> dims = TRY(dims_of(value, type));
  std::size_t count = 1;
  for (const std::int64_t dim : dims)
    count *= static_cast<std::size_t>(std::max<std::int64_t>(0, dim));
  const bool by_rows = !dims.empty() && dims[0] == static_cast<std::int64_t>(rows);
  if (!by_rows && count != rows) {
    return base::error(Code::kInvalidArgument,
                       "output {} is not one of each row: the model answers [{}] for {} rows",
                       output.name, fmt::join(dims, ","), rows);
  }
  std::vector<std::int64_t> row_shape;
  if (count != rows) row_shape.assign(dims.begin() + 1, dims.end());
  TRY(keep_row_shape(output, first, std::move(row_shape)));
  if (type == ElementType::kString) {
    std::vector<std::string> texts = TRY(texts_of(value, count));
    auto& values = values_of<std::string>(output);
    values.insert(values.end(), std::make_move_iterator(texts.begin()),
                  std::make_move_iterator(texts.end()));
    return {};
  }
  void* data = nullptr;
  TRY(library_->check(library_->GetTensorMutableData(value, &data), Code::kInternal));
  const bool is_number = with_number(type, [&]<typename T>(T) {
    using Kept = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;
    const T* numbers = static_cast<const T*>(data);
    auto& values = values_of<Kept>(output);
    for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<Kept>(numbers[i]));
  });
  if (type == ElementType::kFloat16) {
    const auto* halves = static_cast<const std::uint16_t*>(data);
    auto& values = values_of<float>(output);
    values.reserve(values.size() + count);
    std::transform(halves, halves + count, std::back_inserter(values), from_half);
  } else if (!is_number) {
    return base::error(Code::kInternal, "output {} has values that can't be served", output.name);
  }
  return {};
}

Result<void> RuntimeModel::run(const ModelCall& call, std::size_t first, std::size_t rows,
                               std::vector<Output>& outputs) const {
  std::vector<std::vector<std::byte>> rooms(interface_.graph.size());
  std::vector<Held> inputs;
  std::vector<const OrtValue*> pointers;
  for (std::size_t i = 0; i < interface_.graph.size(); ++i) {
    inputs.push_back(TRY(make_input(call, interface_.graph[i], first, rows, rooms[i])));
    pointers.push_back(inputs.back().get());
  }
  std::vector<OrtValue*> answers(outputs.size(), nullptr);
  Result<void> ran = library_->check(
      library_->Run(session_, nullptr, input_names_.data(), pointers.data(), pointers.size(),
                    output_names_.data(), answers.size(), answers.data()),
      Code::kInvalidArgument);
  std::vector<Held> held;
  held.reserve(answers.size());
  for (OrtValue* answer : answers) held.emplace_back(*library_, answer);
  if (!ran) return std::move(ran).error().with_context("the model can't answer");
  for (std::size_t o = 0; o < outputs.size(); ++o) TRY(take(answers[o], first, rows, outputs[o]));
  return {};
}

Result<void> RuntimeModel::predict(const ModelCall& call, std::vector<Output>& outputs) const {
  outputs.resize(shape_.outputs.size());
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    outputs[o].name = shape_.outputs[o].name;
    outputs[o].type = shape_.outputs[o].type;
    outputs[o].row_shape.clear();
    std::visit([](auto& values) { values.clear(); }, outputs[o].values);
  }
  const std::size_t together = one_row_ ? 1 : call.rows;
  for (std::size_t first = 0; first < call.rows; first += together)
    TRY(run(call, first, together, outputs));
  for (const Output& output : outputs) TRY(check_sizes(output, call.rows));
  return {};
}

}  // namespace slipway::serving::onnx
