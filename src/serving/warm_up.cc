#include "serving/warm_up.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <limits>

namespace slipway::serving {

std::size_t values_per_row(const InputSpec& input) {
  std::size_t count = 1;
  for (const std::int64_t size : input.row_shape)
    count *= static_cast<std::size_t>(std::max<std::int64_t>(1, size));  // -1: any
  return count;
}

double fastest_call_us(const Model& model, std::size_t rows) {
  constexpr int kTries = 5;
  const std::vector<double> missing(rows, std::numeric_limits<double>::quiet_NaN()), nothing(rows);
  std::deque<std::vector<std::string_view>> column_texts;
  std::vector<std::byte> zeros;
  std::vector<std::string_view> texts;
  std::deque<Tensor> tensors;
  for (const InputSpec& input : model.shape().inputs) {
    if (input.is_column()) continue;
    Tensor& tensor = tensors.emplace_back(Tensor{.name = input.name, .type = input.type});
    tensor.shape.push_back(static_cast<std::int64_t>(rows));
    for (const std::int64_t size : input.row_shape)
      tensor.shape.push_back(std::max<std::int64_t>(1, size));
    const std::size_t count = rows * values_per_row(input);
    zeros.resize(std::max(zeros.size(), count * datatype_bytes(input.type)));
    if (input.is_text()) texts.resize(std::max(texts.size(), count), "");
  }
  std::vector<InputView> inputs;
  auto tensor = tensors.begin();
  for (const InputSpec& input : model.shape().inputs) {
    if (!input.is_column()) {
      const std::size_t count = rows * values_per_row(input);
      tensor->bytes = std::span(zeros).first(count * datatype_bytes(input.type));
      if (input.is_text()) tensor->texts = std::span(texts).first(count);
      inputs.push_back({.tensor = &*tensor++});
    } else if (input.is_text()) {
      const std::string_view sample = input.sample;
      inputs.push_back(
          {.texts = column_texts.emplace_back(rows, sample.empty() ? std::string_view() : sample)
                        .data()});
    } else {
      const bool may_miss = input.type == DataType::kFp32 || input.type == DataType::kFp64;
      inputs.push_back({.numbers = may_miss ? missing.data() : nothing.data()});
    }
  }
  std::vector<Output> outputs;
  double fastest_us = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!model.predict({.rows = rows, .inputs = inputs, .params = {}}, outputs)) break;
    if (i > 0)
      fastest_us = std::min(fastest_us, std::chrono::duration<double, std::micro>(
                                            std::chrono::steady_clock::now() - start)
                                            .count());
  }
  return fastest_us;
}

double warm_up(const Model& model) {
  constexpr std::size_t kRowsMax = 16, kValuesMax = 1 << 20;
  std::size_t widest = 1;
  for (const InputSpec& input : model.shape().inputs)
    widest = std::max(widest, values_per_row(input));
  const std::size_t rows = std::clamp<std::size_t>(kValuesMax / widest, 1, kRowsMax);
  return fastest_call_us(model, rows) / static_cast<double>(rows);
}

}  // namespace slipway::serving
