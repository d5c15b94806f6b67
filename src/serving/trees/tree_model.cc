#include "serving/trees/tree_model.h"

#include <algorithm>
#include <limits>

namespace slipway::serving::trees {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TreeModel::TreeModel(Ensemble ensemble) : ensemble_(std::move(ensemble)) {
  codes_.resize(ensemble_.feature_count());
  for (std::size_t f = 0; f < ensemble_.feature_count(); ++f) {
    const Categories& names = ensemble_.categories()[f];
    for (std::size_t code = 0; code < names.size(); ++code)
      codes_[f].emplace_back(names[code], static_cast<float>(code));
    std::sort(codes_[f].begin(), codes_[f].end());
    shape_.inputs.push_back({.name = ensemble_.feature_names()[f],
                             .type = names.empty() ? DataType::kFp32 : DataType::kBytes});
  }
  OutputSpec output{.name = "predict"};
  if (ensemble_.output_count() != 1)
    output.row_shape = {static_cast<std::int64_t>(ensemble_.output_count())};
  shape_.outputs.push_back(std::move(output));
}

float TreeModel::code_of(std::size_t feature, std::string_view name) const {
  const auto& codes = codes_[feature];
  const auto found =
      std::lower_bound(codes.begin(), codes.end(), name,
                       [](const auto& code, std::string_view text) { return code.first < text; });
  return found == codes.end() || found->first != name ? kMissing : found->second;
}

Result<void> TreeModel::predict(const ModelCall& call, std::vector<Output>& outputs) const {
  const std::size_t rows = call.rows;
  const std::span<const InputView> inputs = call.inputs;
  const std::size_t features = inputs.size(), width = ensemble_.output_count();
  outputs.resize(1);
  Output& output = outputs.front();
  const OutputSpec& spec = shape_.outputs.front();
  output.name = spec.name;
  output.type = spec.type;
  output.row_shape = spec.row_shape;
  if (!std::holds_alternative<std::vector<float>>(output.values))
    output.values = std::vector<float>();
  auto& answers = std::get<std::vector<float>>(output.values);
  answers.resize(rows * width);

  thread_local std::vector<float> row;
  row.resize(features);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t f = 0; f < features; ++f) {
      if (inputs[f].numbers != nullptr) {
        row[f] = static_cast<float>(inputs[f].numbers[r]);
      } else {
        const std::string_view name = inputs[f].texts[r];
        row[f] = name.data() == nullptr ? kMissing : code_of(f, name);
      }
    }
    ensemble_.predict(row, std::span(answers).subspan(r * width, width));
  }
  return {};
}

}  // namespace slipway::serving::trees
