#include "api/predict/answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/json.h"
#include "serving/half.h"

namespace slipway::api::predict {
namespace {

using serving::Output;

template <typename Number>
void append_number(std::string& out, Number value, [[maybe_unused]] NonFinite non_finite) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) {
      out += non_finite == NonFinite::kNull ? "null"
             : std::isnan(value)            ? "NaN"
             : value > 0                    ? "Infinity"
                                            : "-Infinity";
      return;
    }
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  out.append(text, end.ptr);
}

void append_value(std::string& out, const Output& output, std::size_t at, NonFinite non_finite) {
  std::visit(
      [&](const auto& values) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>) {
          if (output.type == serving::DataType::kBool) {
            out += values[at] != 0 ? "true" : "false";
          } else {
            append_number(out, values[at], non_finite);
          }
        } else {
          append_text(out, values[at]);
        }
      },
      output.values);
}

template <typename Element, typename Value>
void append_element(std::string& out, Value value) {
  const auto element = static_cast<Element>(value);
  out.append(reinterpret_cast<const char*>(&element), sizeof element);
}

template <typename Value>
void append_number_as(std::string& out, serving::DataType type, Value value) {
  using serving::DataType;
  switch (type) {
    case DataType::kBool:
      return append_element<std::uint8_t>(out, value != 0);
    case DataType::kUint8:
      return append_element<std::uint8_t>(out, value);
    case DataType::kUint16:
      return append_element<std::uint16_t>(out, value);
    case DataType::kUint32:
      return append_element<std::uint32_t>(out, value);
    case DataType::kUint64:
      return append_element<std::uint64_t>(out, value);
    case DataType::kInt8:
      return append_element<std::int8_t>(out, value);
    case DataType::kInt16:
      return append_element<std::int16_t>(out, value);
    case DataType::kInt32:
      return append_element<std::int32_t>(out, value);
    case DataType::kInt64:
      return append_element<std::int64_t>(out, value);
    case DataType::kFp16:
      return append_element<std::uint16_t>(out, serving::to_half(static_cast<float>(value)));
    case DataType::kFp32:
      return append_element<float>(out, value);
    case DataType::kFp64:
      return append_element<double>(out, value);
    case DataType::kBytes:
      return;
  }
}

// Whether the values lie in memory as the protocol has them.
template <typename Value>
bool is_same(serving::DataType type) {
  using serving::DataType;
  return (type == DataType::kFp32 && std::is_same_v<Value, float>) ||
         (type == DataType::kFp64 && std::is_same_v<Value, double>) ||
         (type == DataType::kInt64 && std::is_same_v<Value, std::int64_t>);
}

// The values of one row from `at`, nested as its shape says.
void append_row(std::string& out, const Output& output, std::size_t dimension, std::size_t& at,
                NonFinite non_finite) {
  if (dimension == output.row_shape.size()) {
    append_value(out, output, at++, non_finite);
    return;
  }
  out.push_back('[');
  for (std::int64_t i = 0; i < output.row_shape[dimension]; ++i) {
    if (i > 0) out.push_back(',');
    append_row(out, output, dimension + 1, at, non_finite);
  }
  out.push_back(']');
}

}  // namespace

std::size_t values_per_row(const Output& output) {
  std::size_t count = 1;
  for (const std::int64_t size : output.row_shape) count *= static_cast<std::size_t>(size);
  return count;
}

void append_binary(std::string& out, const Output& output) {
  std::visit(
      [&](const auto& values) {
        using Value = std::decay_t<decltype(values.front())>;
        if constexpr (std::is_arithmetic_v<Value>) {
          if (is_same<Value>(output.type)) {
            out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
            return;
          }
          for (const Value value : values) append_number_as(out, output.type, value);
        } else {
          for (const std::string& text : values) {
            append_element<std::uint32_t>(out, text.size());
            out += text;
          }
        }
      },
      output.values);
}

Result<std::vector<ChosenOutput>> choose_outputs(const serving::Prediction& prediction,
                                                 std::span<const WantedOutput> wanted,
                                                 bool are_binary) {
  std::vector<ChosenOutput> chosen;
  if (wanted.empty()) {
    for (const Output& output : prediction.outputs) chosen.push_back({&output, are_binary});
    return chosen;
  }
  for (const WantedOutput& want : wanted) {
    const auto found = std::find_if(prediction.outputs.begin(), prediction.outputs.end(),
                                    [&](const Output& output) { return output.name == want.name; });
    if (found == prediction.outputs.end()) {
      std::vector<std::string_view> names;
      for (const Output& output : prediction.outputs) names.push_back(output.name);
      return base::error(Code::kInvalidArgument, "unexpected output {}: this endpoint gives {}",
                         want.name, fmt::join(names, ", "));
    }
    chosen.push_back({&*found, want.is_binary});
  }
  return chosen;
}

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

Result<V2Answer> v2_answer(std::string_view model, const serving::Prediction& prediction,
                           std::span<const WantedOutput> wanted, bool are_binary) {
  const std::vector<ChosenOutput> chosen = TRY(choose_outputs(prediction, wanted, are_binary));
  std::string out;
  std::size_t values = 0;
  for (const ChosenOutput& choice : chosen)
    values += prediction.rows * values_per_row(*choice.output);
  out.reserve(256 + values * 12);
  out += "{\"model_name\":";
  append_text(out, model);
  out += fmt::format(",\"model_version\":\"{}\",\"id\":", prediction.model_version);
  append_text(out, prediction.id);
  out += fmt::format(",\"parameters\":{{\"revision\":{},\"variant\":", prediction.revision);
  append_text(out, prediction.variant);
  out += "},\"outputs\":[";
  std::string binary;
  bool any_binary = false;
  for (const auto& [output, is_binary] : chosen) {
    if (out.back() != '[') out.push_back(',');
    out += "{\"name\":";
    append_text(out, output->name);
    out += fmt::format(",\"shape\":[{}", prediction.rows);
    for (const std::int64_t size : output->row_shape) out += fmt::format(",{}", size);
    out += "],\"datatype\":\"";
    out += serving::datatype_name(output->type);
    if (is_binary) {
      any_binary = true;
      const std::size_t before = binary.size();
      append_binary(binary, *output);
      out += fmt::format("\",\"parameters\":{{\"binary_data_size\":{}}}}}", binary.size() - before);
      continue;
    }
    out += "\",\"data\":[";
    const std::size_t count = prediction.rows * values_per_row(*output);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out.push_back(',');
      append_value(out, *output, i, NonFinite::kNull);
    }
    out += "]}";
  }
  out += "]}";
  const std::size_t json_bytes = out.size();
  out += binary;
  return V2Answer{.body = std::move(out), .json_bytes = any_binary ? json_bytes : 0};
}

std::string rows_answer(const serving::Prediction& prediction, NonFinite non_finite) {
  std::string out = "[";
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
      append_row(out, prediction.outputs[i], 0, at[i], non_finite);
    }
    if (named) out.push_back('}');
  }
  out += "]";
  return out;
}

std::string row_answer(const serving::Prediction& prediction, std::size_t row,
                       NonFinite non_finite) {
  std::string out = "{";
  for (const Output& output : prediction.outputs) {
    if (out.size() > 1) out.push_back(',');
    append_text(out, output.name);
    out.push_back(':');
    std::size_t at = row * values_per_row(output);
    append_row(out, output, 0, at, non_finite);
  }
  out.push_back('}');
  return out;
}

std::string explanation_answer(const serving::Explained& explained) {
  const serving::Explanation& explanation = explained.explanation;
  const std::size_t rows = explained.prediction.rows, inputs = explained.inputs.size(),
                    sums = explanation.sums;
  const auto value = [&](std::size_t row, std::size_t sum, std::size_t input) {
    return explanation.values[(row * sums + sum) * inputs + input];
  };
  std::string out;
  out.reserve(1024 + explanation.values.size() * 22);
  const auto list = [&](std::size_t count, auto&& append) {
    out.push_back('[');
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out.push_back(',');
      append(i);
    }
    out.push_back(']');
  };
  const auto number = [&](double v) { append_number(out, v, NonFinite::kNull); };
  out +=
      "{\"meta\":{\"name\":\"TreeShap\",\"type\":[\"whitebox\"],\"task\":null,"
      "\"explanations\":[\"local\",\"global\"],\"params\":{\"model_output\":\"raw\","
      "\"algorithm\":\"tree_path_dependent\",\"link\":\"identity\"},\"version\":null},"
      "\"data\":{\"shap_values\":";
  list(sums, [&](std::size_t s) {
    list(rows,
         [&](std::size_t r) { list(inputs, [&](std::size_t f) { number(value(r, s, f)); }); });
  });
  out += ",\"expected_value\":";
  list(sums, [&](std::size_t s) { number(explanation.expected[s]); });
  out += ",\"categorical_names\":{},\"feature_names\":";
  list(inputs, [&](std::size_t f) { append_text(out, explained.inputs[f]); });
  out += ",\"raw\":{\"raw_prediction\":";
  list(rows, [&](std::size_t r) {
    const auto sum = [&](std::size_t s) {
      double total = explanation.expected[s];
      for (std::size_t f = 0; f < inputs; ++f) total += value(r, s, f);
      number(total);
    };
    sums == 1 ? sum(0) : list(sums, sum);
  });
  out += ",\"prediction\":" + rows_answer(explained.prediction, NonFinite::kNull);
  // How much inputs matter for these rows, the most first: of each sum, and of all together.
  out += ",\"importances\":{";
  std::vector<double> effects(inputs), together(inputs);
  std::vector<std::size_t> order(inputs);
  const auto ranked = [&](std::string_view name, const std::vector<double>& of) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return of[a] > of[b]; });
    out += fmt::format("\"{}\":{{\"ranked_effect\":", name);
    list(inputs, [&](std::size_t i) { number(of[order[i]]); });
    out += ",\"names\":";
    list(inputs, [&](std::size_t i) { append_text(out, explained.inputs[order[i]]); });
    out.push_back('}');
  };
  for (std::size_t s = 0; s < sums; ++s) {
    for (std::size_t f = 0; f < inputs; ++f) {
      double total = 0;
      for (std::size_t r = 0; r < rows; ++r) total += std::fabs(value(r, s, f));
      effects[f] = total / static_cast<double>(rows);
      together[f] += effects[f];
    }
    ranked(fmt::format("{}", s), effects);
    out.push_back(',');
  }
  ranked("aggregated", together);
  out += "}}},\"predictions\":" + rows_answer(explained.prediction, NonFinite::kNull) + "}";
  return out;
}

}  // namespace slipway::api::predict
