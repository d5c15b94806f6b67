#include "serving/gather.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "types/timestamp.h"

namespace slipway::serving {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

// What a column of whole numbers can hold; doubles are exact up to 2^53.
struct WholeRange {
  double low, high;
  bool has(double value) const {
    return value >= low && value <= high && std::trunc(value) == value;
  }
};

// Null: numbers of that type may have fractions.
const WholeRange* whole_range(DataType type) {
  static constexpr double kExact = 9007199254740992.0;
  static constexpr WholeRange kRanges[] = {
      {0, 1},           {0, 255},    {0, 65535},      {0, 4294967295.0},
      {0, kExact},      {-128, 127}, {-32768, 32767}, {-2147483648.0, 2147483647.0},
      {-kExact, kExact}};  // as DataType has them
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(kRanges) ? &kRanges[at] : nullptr;
}

// Whether rows of a sent tensor are what the model reads.
Result<void> check_tensor(const Tensor& sent, const InputSpec& wanted) {
  std::vector<std::int64_t> expected = wanted.row_shape;
  expected.insert(expected.begin(), -1);
  bool fits = sent.shape.size() == expected.size();
  for (std::size_t d = 1; fits && d < expected.size(); ++d)
    fits = expected[d] < 0 || expected[d] == sent.shape[d];
  if (!fits || sent.type != wanted.type) {
    return base::error(Code::kInvalidArgument,
                       "input {} must be {} of shape {}: got {} of shape {}", wanted.name,
                       datatype_name(wanted.type), shape_text(expected), datatype_name(sent.type),
                       shape_text(sent.shape));
  }
  return {};
}

Result<void> gather_column(const Serving& serving, const Batch& batch, std::size_t column,
                           std::size_t input, Scratch& scratch) {
  const InputSpec& spec = serving.inputs[input];
  const Cell* cells = batch.cells.data() + column * batch.rows;
  const WholeRange* range = whole_range(spec.type);
  const auto refused = [&](std::size_t row, std::string value, Error error) {
    scratch.mistyped = {.column = spec.name, .row = row, .value = std::move(value)};
    return batch.rows > 1 ? std::move(error).with_context(fmt::format("row {}", row)) : error;
  };
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const auto* number = std::get_if<double>(&cells[row]);
    const auto* text = std::get_if<std::string_view>(&cells[row]);
    if (spec.is_text()) {
      if (number != nullptr) {
        return refused(row, fmt::format("{}", *number),
                       base::error(Code::kInvalidArgument, "feature {} must be a text: got={}",
                                   spec.name, *number));
      }
      scratch.texts[input * batch.rows + row] = text == nullptr ? std::string_view() : *text;
    } else {
      if (range != nullptr && number != nullptr && !range->has(*number)) {
        return refused(
            row, fmt::format("{}", *number),
            base::error(Code::kInvalidArgument,
                        "feature {} must be {}, which holds whole numbers from {} to {}: "
                        "got={}",
                        spec.name, datatype_name(spec.type), range->low, range->high, *number));
      }
      if (text != nullptr) {
        return refused(row, std::string(*text),
                       base::error(Code::kInvalidArgument,
                                   "feature {} must be a number: got=\"{}\"", spec.name, *text));
      }
      scratch.numbers[input * batch.rows + row] =
          number == nullptr ? std::numeric_limits<double>::quiet_NaN() : *number;
    }
  }
  return {};
}

void fill_missing(const Serving& serving, std::size_t input, std::size_t rows, Scratch& scratch) {
  const std::size_t from = input * rows;
  if (serving.inputs[input].is_text()) {
    std::fill_n(scratch.texts.data() + from, rows, std::string_view());
  } else {
    std::fill_n(scratch.numbers.data() + from, rows, std::numeric_limits<double>::quiet_NaN());
  }
}

Result<void> look_up(const Serving& serving, const PredictRequest& request, base::Timestamp as_of,
                     FeatureLookup& features, Scratch& scratch) {
  const Batch& batch = request.batch;
  std::vector<Cell> cells;
  std::vector<base::Timestamp> times;
  cells.reserve(batch.rows * batch.names.size());
  times.reserve(batch.rows);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < batch.names.size(); ++c) cells.push_back(batch.cell(c, row));
    times.push_back(request.origins.empty() ? as_of : request.origins[row].event_time);
  }
  std::vector<FeatureValue> found =
      TRY(features.look_up(serving.spec.features, serving.wanted, batch.names, cells, times));
  for (std::size_t row = 0; row < batch.rows; ++row) {
    FeatureValue* of_row = found.data() + row * serving.wanted.size();
    for (std::size_t i = 0; i < scratch.sent.size(); ++i) {
      if (scratch.sent[i] >= 0 || serving.lookup_positions[i] < 0) continue;
      FeatureValue& value = of_row[serving.lookup_positions[i]];
      const bool is_text = serving.inputs[i].is_text();
      const std::size_t at = i * batch.rows + row;
      if (auto* text = std::get_if<std::string>(&value)) {
        if (!is_text) {
          return base::error(
              Code::kFailedPrecondition,
              "the feature service gives a text where the model reads a number: feature={} "
              "service={}",
              serving.inputs[i].name, serving.spec.features);
        }
        scratch.texts[at] = scratch.kept.emplace_back(std::move(*text));
      } else if (is_text) {
        scratch.texts[at] = {};
      } else {
        const auto* number = std::get_if<double>(&value);
        scratch.numbers[at] =
            number == nullptr ? std::numeric_limits<double>::quiet_NaN() : *number;
      }
    }
  }
  return {};
}

Result<void> refuse_unknown(const Serving& serving, const Batch& batch) {
  const auto& asked = serving.lookup_request;
  const auto check = [&](std::string_view name, bool is_column) -> Result<void> {
    const std::size_t at = position_of(serving.inputs, name);
    if (at < serving.inputs.size() && serving.inputs[at].is_column() == is_column) return {};
    if (is_column && std::find(asked.begin(), asked.end(), name) != asked.end()) return {};
    std::vector<std::string_view> known(asked.begin(), asked.end());
    for (const InputSpec& input : serving.inputs) {
      if (std::find(known.begin(), known.end(), input.name) == known.end())
        known.push_back(input.name);
    }
    if (at < serving.inputs.size()) {
      std::vector<std::int64_t> expected = serving.inputs[at].row_shape;
      expected.insert(expected.begin(), -1);
      return base::error(Code::kInvalidArgument, "input {} must be {} of shape {}", name,
                         datatype_name(serving.inputs[at].type), shape_text(expected));
    }
    return base::error(Code::kInvalidArgument, "unexpected input {}: this endpoint reads {}", name,
                       fmt::join(known, ", "));
  };
  for (const std::string_view name : batch.names) TRY(check(name, true));
  for (const Tensor& tensor : batch.tensors) TRY(check(tensor.name, false));
  return {};
}

}  // namespace

Result<void> gather(const Serving& serving, const PredictRequest& request, base::Timestamp as_of,
                    FeatureLookup& features, Scratch& scratch) {
  const Batch& batch = request.batch;
  const std::size_t columns = serving.schema->size();
  bool needs_lookup = false;
  std::size_t used = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    if (const auto column = batch.find(serving.inputs[i].name, i)) {
      scratch.sent[i] = static_cast<int>(*column);
      ++used;
    } else if (serving.lookup_positions[i] >= 0) {
      needs_lookup = true;
    } else if (serving.inputs[i].required) {
      return base::error(Code::kInvalidArgument,
                         "input {} is missing: it is a feature of the model and no feature service "
                         "provides it",
                         serving.inputs[i].name);
    }
  }
  if (needs_lookup) {
    for (const std::string& name : serving.lookup_request) {
      if (!batch.find(name)) {
        return base::error(
            Code::kInvalidArgument,
            "input {} is missing: the feature service {} asks for it (null says it is unknown)",
            name, serving.spec.features);
      }
    }
  }
  for (std::size_t i = 0; i < columns; ++i) {
    if (scratch.sent[i] >= 0) {
      TRY(gather_column(serving, batch, static_cast<std::size_t>(scratch.sent[i]), i, scratch));
    } else if (serving.lookup_positions[i] < 0) {  // optional and not sent
      fill_missing(serving, i, batch.rows, scratch);
    }
  }
  for (std::size_t i = columns; i < serving.inputs.size(); ++i) {
    const InputSpec& wanted = serving.inputs[i];
    const auto tensor = std::find_if(batch.tensors.begin(), batch.tensors.end(),
                                     [&](const Tensor& sent) { return sent.name == wanted.name; });
    if (tensor != batch.tensors.end()) {
      TRY(check_tensor(*tensor, wanted));
      scratch.views[i].tensor = &*tensor;
      ++used;
    } else if (wanted.required) {
      std::vector<std::int64_t> expected = wanted.row_shape;
      expected.insert(expected.begin(), -1);
      return base::error(Code::kInvalidArgument, "input {} {}: the model reads {} of shape {}",
                         wanted.name,
                         batch.find(wanted.name) ? "has one value a row" : "is missing",
                         datatype_name(wanted.type), shape_text(expected));
    }
  }
  if (request.unknown_inputs == UnknownInputs::kRefused &&
      used < batch.names.size() + batch.tensors.size())
    TRY(refuse_unknown(serving, batch));
  if (!needs_lookup) return {};
  Result<void> found = look_up(serving, request, as_of, features, scratch);
  if (!found) {
    for (std::size_t i = 0; i < columns; ++i) {
      if (scratch.sent[i] < 0) fill_missing(serving, i, batch.rows, scratch);
    }
  }
  return found;
}

void gather_logged(const Serving& serving, const Batch& batch, Scratch& scratch) {
  scratch.logged_views.assign(scratch.views.begin(),
                              scratch.views.begin() + std::ssize(*serving.schema));
  const std::size_t cells = serving.kept.size() * batch.rows;
  scratch.kept_numbers.assign(cells, std::numeric_limits<double>::quiet_NaN());
  scratch.kept_texts.assign(cells, {});
  for (std::size_t i = 0; i < serving.kept.size(); ++i) {
    const auto& [name, type] = serving.kept[i];
    double* numbers = scratch.kept_numbers.data() + i * batch.rows;
    std::string_view* texts = scratch.kept_texts.data() + i * batch.rows;
    const bool is_text = is_logged_as_text(type);
    scratch.logged_views.push_back(is_text ? InputView{.texts = texts}
                                           : InputView{.numbers = numbers});
    const auto column = batch.find(name);
    if (!column) continue;
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const Cell cell = batch.cell(*column, row);
      const auto* text = std::get_if<std::string_view>(&cell);
      if (is_text) {
        if (text != nullptr) {
          texts[row] = *text;
        } else if (const auto* number = std::get_if<double>(&cell);
                   number != nullptr && std::abs(*number) <= 0x1p53) {
          texts[row] = scratch.kept.emplace_back(fmt::format("{}", *number));
        }
      } else if (const auto* number = std::get_if<double>(&cell)) {
        numbers[row] = *number;
      } else if (text != nullptr && type == FeatureLookup::RequestType::kTime) {
        const auto time = types::parse_rfc3339(*text);
        if (time) numbers[row] = static_cast<double>(time->micros);
      }
    }
  }
}

}  // namespace slipway::serving
