#include "serving/frame_views.h"

#include <algorithm>
#include <limits>

namespace slipway::serving {
namespace {

using types::Column;
using types::ColumnType;

InputView view_of(const Column* column, const InputSpec& spec, std::size_t rows,
                  std::vector<double>& numbers, std::vector<std::string_view>& texts) {
  if (spec.is_text()) {
    texts.assign(rows, {});
    for (std::size_t row = 0; column != nullptr && row < rows; ++row) {
      if (column->is_valid(row)) texts[row] = column->strings[row];
    }
    return {.texts = texts.data()};
  }
  if (column != nullptr && column->type == ColumnType::kDouble)
    return {.numbers = column->doubles.data()};
  numbers.assign(rows, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t row = 0; column != nullptr && row < rows; ++row) {
    if (column->is_valid(row)) numbers[row] = static_cast<double>(column->ints[row]);
  }
  return {.numbers = numbers.data()};
}

}  // namespace

Result<void> check_column(const InputSpec& input, const FileColumns& columns) {
  if (!input.is_column()) {
    return base::error(Code::kInvalidArgument, "a Parquet column can't be a tensor: input={}",
                       input.name);
  }
  const auto is_it = [&](const auto& known) { return known.first == input.name; };
  const auto found = std::find_if(columns.held.begin(), columns.held.end(), is_it);
  const auto other = std::find_if(columns.others.begin(), columns.others.end(), is_it);
  const bool is_held = found != columns.held.end();
  if (!is_held && other == columns.others.end()) {
    if (!input.required) return {};
    return base::error(Code::kInvalidArgument,
                       "a column of the model is missing: column={} file={}", input.name,
                       columns.file);
  }
  const bool is_text = is_held && found->second == ColumnType::kString;
  if (!is_held || found->second == ColumnType::kTimestamp || is_text != input.is_text()) {
    return base::error(Code::kInvalidArgument,
                       "column {} must be {} for the model, it is {}: file={}", input.name,
                       input.is_text() ? "a text" : "a number",
                       is_held ? types::type_name(found->second) : other->second, columns.file);
  }
  return {};
}

const std::vector<InputView>& FrameViews::read(const ModelShape& shape, const types::Frame& frame) {
  numbers_.resize(shape.inputs.size());
  texts_.resize(shape.inputs.size());
  views_.clear();
  for (std::size_t i = 0; i < shape.inputs.size(); ++i) {
    const InputSpec& input = shape.inputs[i];
    views_.push_back(view_of(frame.find(input.name), input, frame.rows(), numbers_[i], texts_[i]));
  }
  return views_;
}

}  // namespace slipway::serving
