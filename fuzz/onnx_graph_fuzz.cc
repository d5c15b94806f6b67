// ONNX graphs: what is evaluated here answers any rows, one by one as together.
#include <cmath>
#include <cstring>
#include <limits>
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

// Columns and tensors of some rows from `first` on.
struct Rows {
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::string_view>> texts;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<serving::Tensor> tensors;
  std::vector<serving::InputView> views;

  Rows(const serving::ModelShape& shape, std::size_t first, std::size_t rows) {
    const std::size_t inputs = shape.inputs.size();
    numbers.resize(inputs);
    texts.resize(inputs);
    bytes.resize(inputs);
    tensors.resize(inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      const serving::InputSpec& input = shape.inputs[i];
      std::size_t width = 1;
      for (const std::int64_t dim : input.row_shape) width *= static_cast<std::size_t>(dim);
      const bool is_whole = input.is_column() && input.type != serving::DataType::kFp32 &&
                            input.type != serving::DataType::kFp64;
      for (std::size_t v = first * width; v < (first + rows) * width; ++v) {
        numbers[i].push_back(is_whole ? static_cast<double>(v % 3)
                                      : kNumbers[(v + i) % std::size(kNumbers)]);
        texts[i].push_back(kTexts[(v + i) % std::size(kTexts)]);
      }
      serving::InputView view;
      if (!input.is_column()) {
        bytes[i].assign(rows * width * slipway::serving::datatype_bytes(input.type),
                        std::byte{static_cast<unsigned char>(first)});
        tensors[i] = {.name = input.name, .type = input.type, .bytes = bytes[i], .texts = texts[i]};
        view.tensor = &tensors[i];
      } else if (input.is_text()) {
        view.texts = texts[i].data();
      } else {
        view.numbers = numbers[i].data();
      }
      views.push_back(view);
    }
  }
};

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
  for (const serving::InputSpec& input : shape.inputs) {
    std::size_t own = 1;
    for (const std::int64_t dim : input.row_shape) own *= static_cast<std::size_t>(dim);
    width += own;
  }
  if (width > 100'000) return 0;  // slow to ask, and nothing new
  const Rows all(shape, 0, kRows);
  std::vector<serving::Output> together, alone;
  const auto answered =
      (*loaded)->predict({.rows = kRows, .inputs = all.views, .params = {}}, together);
  for (std::size_t r = 0; r < kRows; ++r) {
    const Rows one(shape, r, 1);
    if (!(*loaded)->predict({.rows = 1, .inputs = one.views, .params = {}}, alone)) {
      CHECK(!answered);
      continue;
    }
    for (std::size_t o = 0; answered && o < alone.size(); ++o) {
      std::visit(
          [&](const auto& values) {
            using List = std::decay_t<decltype(values)>;
            const auto& of_all = std::get<List>(together[o].values);
            CHECK(of_all.size() == kRows * values.size());
          },
          alone[o].values);
    }
  }
  return 0;
}
