// ONNX graphs: what is evaluated here answers any rows, one by one as together.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz.h"
#include "serving/onnx/graph_model.h"

namespace {

using slipway::Code;
namespace serving = slipway::serving;

constexpr std::size_t kRows = 5;
constexpr double kNumbers[] = {0, 1, -3, std::numeric_limits<double>::quiet_NaN(), 1e18, 0.5};
constexpr std::string_view kTexts[] = {"", "a", "S", "7", "female", "no such category"};

std::size_t row_width(const serving::InputSpec& input) {
  std::size_t width = 1;
  for (const std::int64_t dim : input.row_shape) width *= static_cast<std::size_t>(dim);
  return width;
}

// Columns and tensors of some rows; which one a row is decides about its values.
struct Rows {
  std::size_t count;
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::string_view>> texts;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<serving::Tensor> tensors;
  std::vector<serving::InputView> views;

  Rows(const serving::ModelShape& shape, const std::vector<std::size_t>& rows)
      : count(rows.size()) {
    const std::size_t inputs = shape.inputs.size();
    numbers.resize(inputs);
    texts.resize(inputs);
    bytes.resize(inputs);
    tensors.resize(inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      const serving::InputSpec& input = shape.inputs[i];
      const std::size_t width = row_width(input);
      for (const std::size_t row : rows) {
        for (std::size_t v = row * width; v < (row + 1) * width; ++v) add(input, i, v);
      }
      serving::InputView view;
      if (!input.is_column()) {
        tensors[i] = {.name = input.name,
                      .type = input.type,
                      .shape = {static_cast<std::int64_t>(count)},
                      .bytes = bytes[i],
                      .texts = texts[i]};
        tensors[i].shape.insert(tensors[i].shape.end(), input.row_shape.begin(),
                                input.row_shape.end());
        view.tensor = &tensors[i];
      } else if (input.is_text()) {
        view.texts = texts[i].data();
      } else {
        view.numbers = numbers[i].data();
      }
      views.push_back(view);
    }
  }

  bool ask(const serving::Model& model, std::vector<serving::Output>& answer) const {
    return bool(model.predict({.rows = count, .inputs = views, .params = {}}, answer));
  }

 private:
  // Value `v` of all rows of input `i`.
  void add(const serving::InputSpec& input, std::size_t i, std::size_t v) {
    const bool is_float =
        input.type == serving::DataType::kFp32 || input.type == serving::DataType::kFp64;
    const double number =
        is_float ? kNumbers[(v + i) % std::size(kNumbers)] : static_cast<double>(v % 3);
    numbers[i].push_back(number);
    texts[i].push_back(kTexts[(v + i) % std::size(kTexts)]);
    const std::size_t at = bytes[i].size();
    bytes[i].resize(at + slipway::serving::datatype_bytes(input.type));
    if (input.type == serving::DataType::kFp32) {
      const auto single = static_cast<float>(number);
      std::memcpy(&bytes[i][at], &single, sizeof single);
    } else if (input.type == serving::DataType::kFp64) {
      std::memcpy(&bytes[i][at], &number, sizeof number);
    } else if (at != bytes[i].size()) {
      bytes[i][at] = static_cast<std::byte>(v % 3);
    }
  }
};

// What depends on sums of products: one row is added up in another order than several are, which
// may round differently, and may then decide differently.
std::set<std::string_view> rounded(const serving::onnx::Graph& graph) {
  std::set<std::string_view> found;
  for (const serving::onnx::Node& node : graph.nodes) {
    if (node.op_type == "MatMul" || node.op_type == "Gemm" || node.op_type == "LinearRegressor" ||
        node.op_type == "LinearClassifier" ||
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](const std::string& name) { return found.contains(name); }))
      found.insert(node.outputs.begin(), node.outputs.end());
  }
  return found;
}

// Whether row `a_row` of `a` has the values of row `b_row` of `b`.
bool same(const serving::Output& a, std::size_t a_row, const serving::Output& b,
          std::size_t b_row) {
  std::size_t width = 1;
  for (const std::int64_t dim : a.row_shape) width *= static_cast<std::size_t>(dim);
  return std::visit(
      [&](const auto& left) {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b.values);
        for (std::size_t v = 0; v < width; ++v) {
          const auto &x = left[a_row * width + v], &y = right[b_row * width + v];
          if (x != y && (x == x || y == y)) return false;  // NaN is what NaN is
        }
        return true;
      },
      a.values);
}

void check_sizes(const std::vector<serving::Output>& answer, std::size_t rows) {
  for (const serving::Output& output : answer) {
    std::size_t count = rows;
    for (const std::int64_t dim : output.row_shape) count *= static_cast<std::size_t>(dim);
    CHECK(std::visit([](const auto& all) { return all.size(); }, output.values) == count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model = serving::onnx::parse_model(slipway::fuzz::text_of(data, size));
  if (!model) {
    CHECK(model.error().code == Code::kCorruption);
    return 0;
  }
  auto interface = serving::onnx::interface_of(model->graph, nullptr);
  if (!interface) return 0;
  const auto loaded = serving::onnx::GraphModel::load(*model, std::move(*interface));
  if (!loaded) {
    const Code code = loaded.error().code;
    CHECK(code == Code::kCorruption || code == Code::kInvalidArgument ||
          code == Code::kResourceExhausted);
    return 0;
  }
  const serving::ModelShape& shape = (*loaded)->shape();
  CHECK(!shape.outputs.empty());
  std::size_t width = 0;
  for (const serving::InputSpec& input : shape.inputs) width += row_width(input);
  if (width > 100'000) return 0;  // slow to ask, and nothing new
  const std::set<std::string_view> are_rounded = rounded(model->graph);
  std::vector<serving::Output> together, alone, doubled;
  const bool answered = Rows(shape, {0, 1, 2, 3, 4}).ask(**loaded, together);
  if (answered) check_sizes(together, kRows);
  bool all_answered = true;
  for (std::size_t r = 0; r < kRows; ++r) {
    const bool is_alone = Rows(shape, {r}).ask(**loaded, alone),
               is_doubled = Rows(shape, {r, r}).ask(**loaded, doubled);
    if (is_alone) check_sizes(alone, 1);
    if (is_doubled) check_sizes(doubled, 2);
    all_answered = all_answered && is_alone && is_doubled;
    CHECK(is_alone == is_doubled || !are_rounded.empty());
    if (!answered) continue;
    CHECK(is_alone || is_doubled);
    for (std::size_t o = 0; o < together.size(); ++o) {
      // Of many rows the last may make a block of its own.
      const bool is_as_alone = is_alone && same(together[o], r, alone[o], 0),
                 is_as_doubled = is_doubled && same(together[o], r, doubled[o], 0);
      CHECK(is_as_alone || is_as_doubled);
      CHECK((is_as_alone && is_as_doubled) || are_rounded.contains(together[o].name));
    }
  }
  CHECK(answered || !all_answered);
  return 0;
}
