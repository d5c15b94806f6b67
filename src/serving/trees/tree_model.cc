#include "serving/trees/tree_model.h"

#include <algorithm>
#include <limits>

namespace slipway::serving::trees {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TreeModel::TreeModel(Ensemble ensemble) : ensemble_(std::move(ensemble)) {
  codes_.resize(ensemble_.feature_count());
  const DataType number = ensemble_.is_double() ? DataType::kFp64 : DataType::kFp32;
  for (std::size_t f = 0; f < ensemble_.feature_count(); ++f) {
    const Categories& names = ensemble_.categories()[f];
    for (std::size_t code = 0; code < names.size(); ++code)
      codes_[f].emplace_back(names[code], static_cast<double>(code));
    std::sort(codes_[f].begin(), codes_[f].end());
    shape_.inputs.push_back(
        {.name = ensemble_.feature_names()[f], .type = names.empty() ? number : DataType::kBytes});
  }
  OutputSpec output{.name = "predict", .type = number};
  if (ensemble_.output_count() != 1)
    output.row_shape = {static_cast<std::int64_t>(ensemble_.output_count())};
  shape_.outputs.push_back(std::move(output));
}

double TreeModel::code_of(std::size_t feature, std::string_view name) const {
  const auto& codes = codes_[feature];
  const auto found =
      std::lower_bound(codes.begin(), codes.end(), name,
                       [](const auto& code, std::string_view text) { return code.first < text; });
  return found == codes.end() || found->first != name ? kMissing : found->second;
}

Rows<double> TreeModel::rows_of(const ModelCall& call) const {
  const std::size_t features = call.inputs.size();
  thread_local std::vector<const double*> columns;
  thread_local std::vector<std::vector<double>> codes;
  columns.resize(features);
  if (codes.size() < features) codes.resize(features);
  for (std::size_t f = 0; f < features; ++f) {
    columns[f] = call.inputs[f].numbers;
    if (columns[f] != nullptr) continue;
    codes[f].resize(call.rows);
    for (std::size_t r = 0; r < call.rows; ++r) {
      const std::string_view name = call.inputs[f].texts[r];
      codes[f][r] = name.data() == nullptr ? kMissing : code_of(f, name);
    }
    columns[f] = codes[f].data();
  }
  return {.count = call.rows, .columns = columns.data()};
}

Result<void> TreeModel::explain(const ModelCall& call, Explanation& explanation) const {
  TRY(can_explain());
  const std::size_t width = ensemble_.feature_count() + 1;
  std::vector<double>& values = explanation.values;
  explanation.sums = ensemble_.sum_count();
  if (call.rows > call.explained_max / (explanation.sums * width)) {
    return base::error(Code::kInvalidArgument,
                       "an explanation of so many rows has too many numbers: rows={} sums={} "
                       "inputs={} explained-values-max={}; ask about fewer rows at a time",
                       call.rows, explanation.sums, width - 1, call.explained_max);
  }
  values.resize(call.rows * explanation.sums * width);
  ensemble_.explain(rows_of(call), values);
  // What is expected stands behind the features of each sum: once is enough.
  explanation.expected.clear();
  for (std::size_t s = 0; s < explanation.sums && call.rows > 0; ++s)
    explanation.expected.push_back(values[s * width + width - 1]);
  auto to = values.begin();
  for (std::size_t from = 0; from < values.size(); from += width)
    to = std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(from), width - 1, to);
  values.erase(to, values.end());
  return {};
}

Result<void> TreeModel::predict(const ModelCall& call, std::vector<Output>& outputs) const {
  outputs.resize(1);
  Output& output = outputs.front();
  const OutputSpec& spec = shape_.outputs.front();
  output.name = spec.name;
  output.type = spec.type;
  output.row_shape = spec.row_shape;
  const Rows<double> rows = rows_of(call);
  const auto answer = [&]<typename Number>(Number) {
    using Numbers = std::vector<Number>;
    if (!std::holds_alternative<Numbers>(output.values)) output.values = Numbers();
    auto& answers = std::get<Numbers>(output.values);
    answers.resize(call.rows * ensemble_.output_count());
    ensemble_.predict(rows, std::span(answers));
  };
  ensemble_.is_double() ? answer(double{}) : answer(float{});
  return {};
}

}  // namespace slipway::serving::trees
