#include "api/predict/answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>

#include "base/json.h"

namespace slipway::api::predict {
namespace {

using serving::Output;

template <typename Number>
void append_number(std::string& out, Number value) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  out.append(text, end.ptr);
}

void append_value(std::string& out, const Output& output, std::size_t at) {
  std::visit(
      [&](const auto& values) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
          if (output.type == serving::DataType::kBool) {
            out += values[at] != 0 ? "true" : "false";
          } else {
            append_number(out, values[at]);
          }
        } else {
          append_text(out, values[at]);
        }
      },
      output.values);
}

std::size_t values_per_row(const Output& output) {
  std::size_t count = 1;
  for (const std::int64_t size : output.row_shape) count *= static_cast<std::size_t>(size);
  return count;
}

// The values of one row from `at`, nested as its shape says.
void append_row(std::string& out, const Output& output, std::size_t dimension, std::size_t& at) {
  if (dimension == output.row_shape.size()) {
    append_value(out, output, at++);
    return;
  }
  out.push_back('[');
  for (std::int64_t i = 0; i < output.row_shape[dimension]; ++i) {
    if (i > 0) out.push_back(',');
    append_row(out, output, dimension + 1, at);
  }
  out.push_back(']');
}

}  // namespace

void append_text(std::string& out, std::string_view text) {
  bool plain = true;
  for (const char c : text) plain = plain && c >= ' ' && c != '"' && c != '\\';
  if (plain) {
    out.push_back('"');
    out += text;
    out.push_back('"');
  } else {
    out += base::to_text(Json(text));
  }
}

std::string v2_answer(std::string_view model, const serving::Prediction& prediction) {
  std::string out;
  std::size_t values = 0;
  for (const Output& output : prediction.outputs)
    values += prediction.rows * values_per_row(output);
  out.reserve(256 + values * 12);
  out += "{\"model_name\":";
  append_text(out, model);
  out += fmt::format(",\"model_version\":\"{}\",\"id\":", prediction.model_version);
  append_text(out, prediction.id);
  out += fmt::format(",\"parameters\":{{\"revision\":{},\"variant\":", prediction.revision);
  append_text(out, prediction.variant);
  out += "},\"outputs\":[";
  for (const Output& output : prediction.outputs) {
    if (&output != &prediction.outputs.front()) out.push_back(',');
    out += "{\"name\":";
    append_text(out, output.name);
    out += fmt::format(",\"shape\":[{}", prediction.rows);
    for (const std::int64_t size : output.row_shape) out += fmt::format(",{}", size);
    out += "],\"datatype\":\"";
    out += serving::datatype_name(output.type);
    out += "\",\"data\":[";
    const std::size_t count = prediction.rows * values_per_row(output);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out.push_back(',');
      append_value(out, output, i);
    }
    out += "]}";
  }
  out += "]}";
  return out;
}

std::string invocation_answer(const serving::Prediction& prediction) {
  std::string out = "{\"predictions\":[";
  const bool named = prediction.outputs.size() > 1;
  std::vector<std::size_t> at(prediction.outputs.size());
  for (std::size_t row = 0; row < prediction.rows; ++row) {
    if (row > 0) out.push_back(',');
    if (named) out.push_back('{');
    for (std::size_t i = 0; i < prediction.outputs.size(); ++i) {
      if (named) {
        if (i > 0) out.push_back(',');
        append_text(out, prediction.outputs[i].name);
        out.push_back(':');
      }
      append_row(out, prediction.outputs[i], 0, at[i]);
    }
    if (named) out.push_back('}');
  }
  out += "]}";
  return out;
}

}  // namespace slipway::api::predict
