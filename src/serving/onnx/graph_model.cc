#include "serving/onnx/graph_model.h"

#include <algorithm>

#include "serving/onnx/compiler.h"

namespace slipway::serving::onnx {
namespace {

// A block's columns stay in the second-level cache; more rows than that gain nothing.
constexpr std::size_t kBlockBytes = 256 << 10, kBlockRowsMax = 1024;

std::size_t block_rows(const Program& program) {
  const auto& registers = program.registers;
  const std::size_t row_bytes = registers[0] * sizeof(float) + registers[1] * sizeof(double) +
                                registers[2] * sizeof(std::int64_t) +
                                registers[3] * sizeof(std::string_view);
  return std::clamp<std::size_t>(kBlockBytes / std::max<std::size_t>(1, row_bytes), 1,
                                 kBlockRowsMax);
}

template <typename Held, typename T>
void store(Frame& frame, const std::vector<Register>& from, std::size_t first, std::size_t rows,
           Output& output) {
  if (!std::holds_alternative<std::vector<Held>>(output.values))
    output.values = std::vector<Held>();
  auto& values = std::get<std::vector<Held>>(output.values);
  const std::size_t width = from.size();
  values.resize(std::max(values.size(), (first + rows) * width));
  for (std::size_t c = 0; c < width; ++c) {
    const T* column = frame.column<T>(from[c]);
    for (std::size_t r = 0; r < rows; ++r) values[(first + r) * width + c] = Held(column[r]);
  }
}

}  // namespace

Result<std::shared_ptr<const serving::Model>> GraphModel::load(const onnx::Model& model,
                                                               Interface interface) {
  if (!model.functions.empty())
    return base::error(Code::kInvalidArgument, "ONNX: functions of a model are not known here");
  std::shared_ptr<GraphModel> made(new GraphModel());
  Compiler compiler;
  std::map<std::string, Value, std::less<>> values;
  for (std::size_t i = 0; i < interface.graph.size(); ++i) {
    const GraphInput& input = interface.graph[i];
    Value value{.type = input.type, .dims = {kRows}, .columns = {}};
    value.dims.insert(value.dims.end(), input.row_dims.begin(), input.row_dims.end());
    if (std::count(value.dims.begin(), value.dims.end(), kRows) != 1)
      return base::error(Code::kInvalidArgument, "ONNX: the width of input {} is not known",
                         input.name);
    if (!is_known(input.type))
      return base::error(Code::kInvalidArgument, "ONNX: inputs of {} are not known here: input={}",
                         element_name(input.type), input.name);
    value.columns = TRY(compiler.registers(value.type, column_count(value.dims)));
    for (std::size_t e = 0; e < value.columns.size(); ++e)
      made->loads_.push_back({.input = i, .element = e, .to = value.columns[e]});
    values.emplace(input.name, std::move(value));
  }
  if (model.graph.outputs.empty())
    return base::error(Code::kCorruption, "ONNX: the graph has no outputs");
  TRY(compiler.compile(model, values));
  for (const ValueInfo& info : model.graph.outputs) {
    const std::string& name = info.name;
    const auto found = values.find(name);
    if (found == values.end())
      return base::error(Code::kCorruption, "ONNX: no node makes the output {}", name);
    Value& value = found->second;
    const auto rows = row_axis(value);
    if (!rows)
      return base::error(Code::kInvalidArgument,
                         "ONNX: an output that is not one of each row is not known here: output={}",
                         name);
    OutputSpec spec{.name = name, .type = TRY(datatype_of(value.type))};
    const bool is_one_value = column_count(value.dims) == 1;
    if (!is_one_value && *rows != 0)
      return base::error(Code::kInvalidArgument,
                         "ONNX: an output whose first dimension is not the rows is not known here: "
                         "output={}",
                         name);
    // [rows, 1] is one value a row.
    if (!is_one_value) spec.row_shape.assign(value.dims.begin() + 1, value.dims.end());
    made->shape_.outputs.push_back(std::move(spec));
    made->stores_.push_back({.type = value.type, .from = value.columns});
  }
  for (const Load& load : made->loads_) {
    const GraphInput& input = interface.graph[load.input];
    if (input.type == ElementType::kString)
      interface.inputs[input.from[input.from.size() == 1 ? 0 : load.element]].sample =
          compiler.expected_text(load.to);
  }
  made->program_ = compiler.take();
  made->block_rows_ = block_rows(made->program_);
  made->shape_.inputs = interface.inputs;
  made->interface_ = std::move(interface);
  return std::shared_ptr<const serving::Model>(std::move(made));
}

Result<void> GraphModel::predict(const ModelCall& call, std::vector<Output>& outputs) const {
  thread_local Frame frame;
  outputs.resize(stores_.size());
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    outputs[o].name = shape_.outputs[o].name;
    outputs[o].type = shape_.outputs[o].type;
    outputs[o].row_shape = shape_.outputs[o].row_shape;
    std::visit([](auto& values) { values.clear(); }, outputs[o].values);
  }
  for (std::size_t first = 0; first < call.rows; first += block_rows_) {
    const std::size_t rows = std::min(block_rows_, call.rows - first);
    frame.start(program_.registers, rows);
    for (const Load& load : loads_) {
      const GraphInput& input = interface_.graph[load.input];
      if (input.type == ElementType::kString) {
        read_texts(call, input, load.element, first, rows, frame.column<std::string_view>(load.to));
      } else if (input.type == ElementType::kFloat) {
        TRY(read_numbers(call, interface_, input, load.element, first, rows,
                         frame.column<float>(load.to)));
      } else if (input.type == ElementType::kDouble) {
        TRY(read_numbers(call, interface_, input, load.element, first, rows,
                         frame.column<double>(load.to)));
      } else {
        TRY(read_numbers(call, interface_, input, load.element, first, rows,
                         frame.column<std::int64_t>(load.to)));
      }
    }
    program_.run(frame);
    if (frame.has_failed()) return frame.take_error();
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const Store& from = stores_[o];
      if (from.type == ElementType::kFloat) {
        store<float, float>(frame, from.from, first, rows, outputs[o]);
      } else if (from.type == ElementType::kDouble) {
        store<double, double>(frame, from.from, first, rows, outputs[o]);
      } else if (from.type == ElementType::kString) {
        store<std::string, std::string_view>(frame, from.from, first, rows, outputs[o]);
      } else {
        store<std::int64_t, std::int64_t>(frame, from.from, first, rows, outputs[o]);
      }
    }
  }
  return {};
}

}  // namespace slipway::serving::onnx
