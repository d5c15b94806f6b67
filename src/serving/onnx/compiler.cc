#include "serving/onnx/compiler.h"

#include <algorithm>
#include <set>

#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

// What a damaged or hostile file may make us hold: registers of one model, and values that are
// worked out while it is loaded.
constexpr std::size_t kRegistersMax = 1 << 20, kFoldedMax = 1 << 20;
// Bytes of its program: so many, and so many for each byte of the file.
constexpr std::size_t kProgramBytesMax = 256 << 20, kProgramBytesPerByte = 8;
constexpr std::size_t kNodesMax = 100'000;

// That the columns of what a node makes are those of its shape: what reads them counts on it.
Result<void> check_shape(const Node& node, const Value& value) {
  const std::vector<std::int64_t>& dims = value.dims;
  if (dims.size() > kRankMax)
    return base::error(Code::kInvalidArgument,
                       "ONNX: {} {}: more than {} dimensions are not known here", node.op_type,
                       node.name, kRankMax);
  if (dims.size() > 1 && std::find(dims.begin(), dims.end(), 0) != dims.end())
    return base::error(Code::kInvalidArgument,
                       "ONNX: {} {}: values without any columns are not known here", node.op_type,
                       node.name);
  if (value.columns.size() != column_count(dims))
    return base::error(Code::kInvalidArgument,
                       "ONNX: {} {}: {} columns for a shape of {} are not known here", node.op_type,
                       node.name, value.columns.size(), column_count(dims));
  return {};
}

}  // namespace

Result<std::vector<const Node*>> needed_nodes(const Graph& graph) {
  if (graph.nodes.size() > kNodesMax)
    return base::error(Code::kResourceExhausted, "ONNX: a graph of more than {} nodes", kNodesMax);
  std::set<std::string_view> wanted;
  for (const ValueInfo& output : graph.outputs) wanted.insert(output.name);
  std::vector<const Node*> nodes;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool is_needed = std::any_of(
        node->outputs.begin(), node->outputs.end(),
        [&](const std::string& name) { return !name.empty() && wanted.contains(name); });
    if (!is_needed) continue;
    wanted.insert(node->inputs.begin(), node->inputs.end());
    nodes.push_back(&*node);
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

std::string_view element_name(ElementType type) {
  static constexpr std::string_view kNames[] = {"undefined", "float",  "uint8",  "int8",   "uint16",
                                                "int16",     "int32",  "int64",  "string", "bool",
                                                "float16",   "double", "uint32", "uint64"};
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(kNames) ? kNames[at] : "another type";
}

bool is_known(ElementType type) {
  return type == ElementType::kFloat || type == ElementType::kDouble ||
         type == ElementType::kInt64 || type == ElementType::kInt32 || type == ElementType::kBool ||
         type == ElementType::kString;
}

std::size_t column_count(std::span<const std::int64_t> dims) {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim == kRows) continue;
    // Every dimension was checked when it came; this only keeps the product from wrapping.
    if (dim != 0 && count > (std::size_t{1} << 40) / static_cast<std::size_t>(dim))
      return std::size_t{1} << 40;
    count *= static_cast<std::size_t>(dim);
  }
  return count;
}

std::optional<std::size_t> row_axis(const Value& value) {
  const auto at = std::find(value.dims.begin(), value.dims.end(), kRows);
  if (at == value.dims.end()) return std::nullopt;
  return static_cast<std::size_t>(at - value.dims.begin());
}

Result<std::vector<Register>> Compiler::registers(ElementType type, std::size_t count) {
  const std::size_t bank = with_type(type, []<typename T>(T) { return bank_of<T>(); });
  std::uint32_t& used = program_.registers[bank];
  if (count > kRegistersMax || used + count > kRegistersMax)
    return base::error(Code::kResourceExhausted,
                       "ONNX: the model calculates more than {} values a row", kRegistersMax);
  std::vector<Register> registers(count);
  for (Register& one : registers) one = used++;
  return registers;
}

std::string_view Compiler::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

Program Compiler::take() {
  program_.texts = std::move(texts_);
  return std::move(program_);
}

Result<Value> Compiler::constant(const Tensor& tensor) {
  const std::size_t count = TRY(tensor.count());
  if (count == 0 && tensor.dims.size() > 1)
    return base::error(Code::kInvalidArgument, "ONNX: a tensor without values: tensor={}",
                       tensor.name);
  if (tensor.dims.size() > kRankMax)
    return base::error(Code::kInvalidArgument,
                       "ONNX: more than {} dimensions are not known here: tensor={}", kRankMax,
                       tensor.name);
  if (count > kColumnsMax)
    return base::error(Code::kResourceExhausted, "ONNX: a tensor of more than {} values: tensor={}",
                       kColumnsMax, tensor.name);
  if (tensor.is_external)
    return base::error(Code::kInvalidArgument,
                       "ONNX: the values of a tensor are in another file: tensor={}", tensor.name);
  switch (tensor.type) {
    case ElementType::kFloat: {
      const std::vector<double> numbers = TRY(tensor.numbers());
      return constant(tensor.type, tensor.dims, std::vector<float>(numbers.begin(), numbers.end()));
    }
    case ElementType::kDouble: {
      const std::vector<double> numbers = TRY(tensor.numbers());
      return constant(tensor.type, tensor.dims, numbers);
    }
    case ElementType::kInt32:
    case ElementType::kInt64:
    case ElementType::kBool: {
      const std::vector<std::int64_t> integers = TRY(tensor.integers());
      return constant(tensor.type, tensor.dims, integers);
    }
    case ElementType::kString: {
      if (tensor.strings.size() != count)
        return base::error(Code::kCorruption, "ONNX: a tensor has {} of {} values: tensor={}",
                           tensor.strings.size(), count, tensor.name);
      std::vector<std::string_view> texts;
      for (const std::string& text : tensor.strings) texts.push_back(keep(text));
      return constant(tensor.type, tensor.dims, texts);
    }
    case ElementType::kUndefined:
    case ElementType::kUint8:
    case ElementType::kInt8:
    case ElementType::kUint16:
    case ElementType::kInt16:
    case ElementType::kFloat16:
    case ElementType::kUint32:
    case ElementType::kUint64:
      break;
  }
  return base::error(Code::kInvalidArgument,
                     "ONNX: a tensor of {} is not calculated with here: tensor={}",
                     element_name(tensor.type), tensor.name);
}

Result<void> Compiler::expect_values(const Value& value) const {
  if (with_type(value.type, []<typename T>(T) { return bank_of<T>(); }) != bank_of<std::int64_t>())
    return {};
  for (std::size_t c = 0; value.is_constant && c < value.columns.size(); ++c) {
    if (constant_at<std::int64_t>(value, c) == kRowCount)
      return base::error(Code::kInvalidArgument,
                         "ONNX: calculating with the number of rows is not known here");
  }
  return {};
}

Result<Value> Compiler::in_registers(const Value& value) {
  if (!value.is_constant) return value;
  TRY(expect_values(value));
  Value out = value;
  out.is_constant = false;
  out.columns = TRY(registers(value.type, value.columns.size()));
  with_type(value.type, [&]<typename T>(T) {
    add(
        [at = out.columns, values = constants<T>(value)](Frame& frame) {
          for (std::size_t c = 0; c < at.size(); ++c)
            std::fill_n(frame.column<T>(at[c]), frame.rows(), values[c]);
        },
        value.columns.size() * (sizeof(T) + sizeof(Register)));
  });
  return out;
}

Result<void> Compiler::compile(const Model& model,
                               std::map<std::string, Value, std::less<>>& values) {
  const std::vector<const Node*> nodes = TRY(needed_nodes(model.graph));
  std::set<std::string_view> read;
  for (const ValueInfo& output : model.graph.outputs) read.insert(output.name);
  for (const Node* node : nodes) read.insert(node->inputs.begin(), node->inputs.end());
  std::size_t columns = 0;
  for (const Tensor& tensor : model.graph.initializers) {
    if (!read.contains(tensor.name)) continue;
    Value value = TRY(constant(tensor));
    columns += value.columns.size();
    values.insert_or_assign(tensor.name, std::move(value));
  }
  for (const Node* node : nodes) {
    std::vector<const Value*> inputs;
    for (const std::string& name : node->inputs) {
      const auto found = values.find(name);
      if (!name.empty() && found == values.end())
        return base::error(Code::kCorruption, "ONNX: {} {} reads what isn't there: {}",
                           node->op_type, node->name, name);
      inputs.push_back(name.empty() ? nullptr : &found->second);
    }
    const auto opset = model.opsets.find(node->domain);
    std::vector<Value> made =
        TRY(translate(*node, opset == model.opsets.end() ? 1 : opset->second, inputs));
    if (program_.bytes > kProgramBytesMax + kProgramBytesPerByte * model.bytes)
      return base::error(Code::kResourceExhausted,
                         "ONNX: the model's program needs more than {} bytes: file_bytes={}",
                         program_.bytes, model.bytes);
    for (std::size_t i = 0; i < node->outputs.size(); ++i) {
      if (node->outputs[i].empty() || !read.contains(node->outputs[i])) continue;
      if (i >= made.size())
        return base::error(Code::kInvalidArgument, "ONNX: {} {} has no output {} here",
                           node->op_type, node->name, i);
      TRY(check_shape(*node, made[i]));
      columns += made[i].columns.size();
      if (columns > kColumnsMax)
        return base::error(Code::kResourceExhausted,
                           "ONNX: the model has more than {} columns of values", kColumnsMax);
      if (!values.try_emplace(node->outputs[i], std::move(made[i])).second)
        return base::error(Code::kCorruption, "ONNX: two nodes make one value: {}",
                           node->outputs[i]);
    }
  }
  return {};
}

Result<std::vector<Value>> Compiler::translate(const Node& node, std::int64_t opset,
                                               const std::vector<const Value*>& inputs) {
  const Operator* known = TRY(operator_of(node));
  for (const Value* input : inputs) {
    if (input != nullptr && !is_known(input->type))
      return base::error(Code::kInvalidArgument,
                         "ONNX: the operator {} is not known here for values of {}", node.op_type,
                         element_name(input->type));
    if (input == nullptr || known->arranges) continue;
    if (auto expected = expect_values(*input); !expected)
      return std::move(expected).error().with_context(node.op_type + " " + node.name);
  }
  const bool is_known_now =
      !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), [](const Value* input) {
        return input == nullptr || input->is_constant;
      });
  if (is_known_now && !known->arranges) return fold(*known, node, opset, inputs);
  return known->translate({.compiler = *this, .node = node, .opset = opset, .inputs = inputs});
}

Result<std::vector<Value>> Compiler::fold(const Operator& known, const Node& node,
                                          std::int64_t opset,
                                          const std::vector<const Value*>& inputs) {
  for (const Value* input : inputs) {
    if (input == nullptr) continue;
    folded_ += input->columns.size();
  }
  const auto too_much = [&]() -> Result<void> {
    if (folded_ <= kFoldedMax) return {};
    return base::error(Code::kResourceExhausted,
                       "ONNX: more than {} constants to work out when the model is loaded",
                       kFoldedMax);
  };
  TRY(too_much());
  Program outer = std::exchange(program_, {});
  const auto work_out = [&]() -> Result<std::vector<Value>> {
    std::vector<Value> lifted;
    lifted.reserve(inputs.size());
    std::vector<const Value*> given;
    for (const Value* input : inputs) {
      if (input == nullptr) {
        given.push_back(nullptr);
        continue;
      }
      // Axes and the like are read as constants; the values themselves are calculated with.
      Value value = *input;
      if (given.empty()) value = TRY(in_registers(*input));
      lifted.push_back(std::move(value));
      given.push_back(&lifted.back());
    }
    std::vector<Value> made =
        TRY(known.translate({.compiler = *this, .node = node, .opset = opset, .inputs = given}));
    Frame frame;
    frame.start(program_.registers, 1);
    program_.run(frame);
    if (frame.has_failed()) return frame.take_error();
    for (Value& value : made) {
      folded_ += value.columns.size();
      TRY(too_much());
      if (value.is_constant) continue;
      with_type(value.type, [&]<typename T>(T) {
        std::vector<T> results;
        for (const Register at : value.columns) {
          if constexpr (std::is_same_v<T, std::string_view>) {
            results.push_back(keep(std::string(*frame.column<T>(at))));
          } else {
            results.push_back(*frame.column<T>(at));
          }
        }
        value = constant(value.type, std::move(value.dims), results);
      });
    }
    return made;
  };
  Result<std::vector<Value>> made = work_out();
  program_ = std::move(outer);
  return made;
}

}  // namespace slipway::serving::onnx
