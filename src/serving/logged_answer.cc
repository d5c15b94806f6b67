#include "serving/logged_answer.h"

#include <cmath>
#include <optional>

#include "base/json.h"

namespace slipway::serving {
namespace {

// Elements of a row.
std::size_t row_size(const Output& output) {
  std::size_t size = 1;
  for (const std::int64_t side : output.row_shape) size *= static_cast<std::size_t>(side);
  return size;
}

// A row of one output as JSON: its value, or a list of its values.
void add_values(const Output& output, std::size_t row, std::string& text) {
  const std::size_t size = row_size(output);
  if (size != 1) text += '[';
  std::visit(
      [&](const auto& values) {
        for (std::size_t i = row * size; i < (row + 1) * size; ++i) {
          if (i != row * size) text += ',';
          if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
            if (std::isfinite(static_cast<double>(values[i]))) {
              fmt::format_to(std::back_inserter(text), "{}", values[i]);
            } else {
              text += "null";
            }
          } else {
            text += base::to_text(Json(values[i]));
          }
        }
      },
      output.values);
  if (size != 1) text += ']';
}

// The place of a row's largest number, and how many there are: what is kept of a list that is too
// long. Empty: none of them is a number.
std::string largest_of(const Output& output, std::size_t row) {
  const std::size_t size = row_size(output);
  std::optional<std::size_t> at;
  std::visit(
      [&](const auto& values) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
          const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * size);
          for (std::size_t i = 0; i < size; ++i) {
            if (std::isnan(static_cast<double>(first[static_cast<std::ptrdiff_t>(i)]))) continue;
            if (!at ||
                first[static_cast<std::ptrdiff_t>(i)] > first[static_cast<std::ptrdiff_t>(*at)])
              at = i;
          }
        }
      },
      output.values);
  return at ? fmt::format(R"({{"largest_at":{},"of":{}}})", *at, size) : "";
}

}  // namespace

double logged_number(const std::vector<Output>& outputs, std::size_t row) {
  if (outputs.empty() || row_size(outputs.front()) != 1) return std::nan("");
  return std::visit(
      [&](const auto& values) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
          return static_cast<double>(values[row]);
        } else {
          return std::nan("");
        }
      },
      outputs.front().values);
}

bool is_one_number(const std::vector<Output>& outputs) {
  return outputs.size() == 1 && row_size(outputs.front()) == 1 &&
         !std::holds_alternative<std::vector<std::string>>(outputs.front().values);
}

std::string logged_values(const std::vector<Output>& outputs, std::size_t row,
                          std::size_t values_max) {
  std::size_t size = 0;
  for (const Output& output : outputs) size += row_size(output);
  if (outputs.size() > values_max) return "";
  const bool is_whole = size <= values_max;
  const auto value_of = [&](const Output& output) {
    if (!is_whole && row_size(output) != 1) return largest_of(output, row);
    std::string value;
    add_values(output, row, value);
    return value;
  };
  if (outputs.size() == 1) return value_of(outputs.front());
  std::string text;
  for (const Output& output : outputs) {
    const std::string value = value_of(output);
    if (value.empty()) continue;
    text += text.empty() ? '{' : ',';
    text += base::to_text(Json(output.name));
    text += ':';
    text += value;
  }
  if (!text.empty()) text += '}';
  return text;
}

}  // namespace slipway::serving
