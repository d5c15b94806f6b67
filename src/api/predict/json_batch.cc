#include "api/predict/json_batch.h"

#include <algorithm>
#include <boost/json.hpp>

namespace slipway::api::predict {
namespace {

using serving::Batch;
using serving::Cell;

constexpr std::int64_t kRowsMax = 1 << 24;
constexpr int kNestingMax = 4;  // of tensor data
constexpr std::size_t kBufferBytes =
    65536;  // of parsed values; larger bodies take more from the heap

template <typename... Args>
Error invalid(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

const Json* member(const JsonObject& parent, std::string_view key) {
  const Json* found = parent.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Result<std::string_view> find_text(const JsonObject& parent, std::string_view key) {
  const Json* found = member(parent, key);
  if (found == nullptr) return std::string_view();
  if (!found->is_string()) return invalid("{} must be a text", key);
  return std::string_view(found->get_string());
}

Result<const JsonArray*> get_array(const JsonObject& parent, std::string_view key) {
  const Json* found = member(parent, key);
  if (found == nullptr) return invalid("{} is missing", key);
  if (!found->is_array()) return invalid("{} must be a list", key);
  return &found->get_array();
}

Result<Cell> read_cell(const Json& value, std::string_view column) {
  switch (value.kind()) {
    case boost::json::kind::double_:
      return Cell(value.get_double());
    case boost::json::kind::int64:
      return Cell(static_cast<double>(value.get_int64()));
    case boost::json::kind::uint64:
      return Cell(static_cast<double>(value.get_uint64()));
    case boost::json::kind::bool_:
      return Cell(value.get_bool() ? 1.0 : 0.0);
    case boost::json::kind::string:
      return Cell(std::string_view(value.get_string()));
    case boost::json::kind::null:
      return Cell();
    case boost::json::kind::array:
    case boost::json::kind::object:
      break;
  }
  return invalid("a value must be a number, a text, true, false or null: input={}", column);
}

// Tensor data may be flat or nested; either way the elements are in row-major order.
Result<void> flatten(const JsonArray& list, std::string_view name, int depth,
                     std::vector<Cell>& cells) {
  for (const Json& value : list) {
    if (value.is_array()) {
      if (depth >= kNestingMax) return invalid("data is nested too deeply: input={}", name);
      TRY(flatten(value.get_array(), name, depth + 1, cells));
    } else {
      cells.push_back(TRY(read_cell(value, name)));
    }
  }
  return {};
}

enum class TensorKind { kNumber, kBool, kBytes };

Result<TensorKind> kind_of(std::string_view datatype, std::string_view name) {
  static constexpr std::string_view numbers[] = {"FP64",   "FP32",   "FP16", "INT64",
                                                 "INT32",  "INT16",  "INT8", "UINT64",
                                                 "UINT32", "UINT16", "UINT8"};
  if (datatype == "BYTES") return TensorKind::kBytes;
  if (datatype == "BOOL") return TensorKind::kBool;
  if (std::find(std::begin(numbers), std::end(numbers), datatype) != std::end(numbers))
    return TensorKind::kNumber;
  return invalid("datatype is none of the protocol's: input={} datatype={}", name, datatype);
}

struct Tensor {
  std::string_view name;
  std::size_t rows = 0, width = 1;
};

Result<Tensor> read_tensor(const JsonObject& input, std::vector<Cell>& cells) {
  Tensor tensor{.name = TRY(find_text(input, "name"))};
  if (tensor.name.empty()) return invalid("an input has no name");
  const TensorKind kind = TRY(kind_of(TRY(find_text(input, "datatype")), tensor.name));
  std::vector<std::uint64_t> shape;
  for (const Json& size : *TRY(get_array(input, "shape"))) {
    if (!size.is_int64() || size.get_int64() < 0 || size.get_int64() > kRowsMax)
      return invalid("shape must be whole numbers up to {}: input={}", kRowsMax, tensor.name);
    shape.push_back(static_cast<std::uint64_t>(size.get_int64()));
  }
  if (shape.empty() || shape.size() > 2)
    return invalid("shape must be [rows] or [rows, columns]: input={}", tensor.name);
  tensor.rows = shape[0];
  if (shape.size() == 2) tensor.width = shape[1];
  const std::size_t before = cells.size();
  TRY(flatten(*TRY(get_array(input, "data")), tensor.name, 0, cells));
  if (cells.size() - before != tensor.rows * tensor.width) {
    return invalid("data has {} values but shape says {}: input={}", cells.size() - before,
                   tensor.rows * tensor.width, tensor.name);
  }
  for (std::size_t i = before; i < cells.size(); ++i) {
    const bool is_text = std::holds_alternative<std::string_view>(cells[i]);
    if (std::holds_alternative<std::monostate>(cells[i]) || is_text == (kind == TensorKind::kBytes))
      continue;
    return invalid(
        "element {} of input {} is {}", i - before, tensor.name,
        is_text ? "a text, but its datatype is a number's" : "no text, but its datatype is BYTES");
  }
  return tensor;
}

// Turns row-major cells of `width` columns into a batch.
Batch from_rows(const std::vector<Cell>& cells, std::size_t width,
                std::vector<std::string_view> names) {
  Batch batch{.rows = width == 0 ? 0 : cells.size() / width, .names = std::move(names)};
  batch.cells.resize(cells.size());
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < width; ++c)
      batch.cells[c * batch.rows + row] = cells[row * width + c];
  }
  return batch;
}

Result<Batch> matrix(const std::vector<Cell>& cells, std::size_t width,
                     const std::vector<std::string>& features, std::string_view what) {
  if (width != features.size() || width == 0) {
    return invalid("{} has {} columns without names, but the model has {} features", what, width,
                   features.size());
  }
  return from_rows(cells, width, {features.begin(), features.end()});
}

Result<Batch> from_records(const JsonArray& records, std::string_view what) {
  std::vector<std::string_view> names;
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const Json& item : records) {
    if (!item.is_object()) return invalid("{}: row {} must be an object of columns", what, row);
    const JsonObject& record = item.get_object();
    if (row == 0) {
      for (const auto& field : record) names.push_back(field.key());
    } else if (record.size() != names.size()) {
      return invalid("{}: row {} has other columns than row 0", what, row);
    }
    for (const std::string_view name : names) {
      const Json* value = record.if_contains(name);
      if (value == nullptr) return invalid("{}: row {} lacks column {}", what, row, name);
      cells.push_back(TRY(read_cell(*value, name)));
    }
    ++row;
  }
  return from_rows(cells, names.size(), names);
}

Result<Batch> from_lists(const JsonArray& rows, std::vector<std::string_view> names,
                         std::string_view what) {
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const Json& item : rows) {
    if (!item.is_array()) return invalid("{}: row {} must be a list", what, row);
    const std::size_t before = cells.size();
    for (const Json& value : item.get_array())
      cells.push_back(TRY(read_cell(
          value, cells.size() - before < names.size() ? names[cells.size() - before] : what)));
    if (cells.size() - before != names.size()) {
      return invalid("{}: row {} has {} values for {} columns", what, row, cells.size() - before,
                     names.size());
    }
    ++row;
  }
  const std::size_t width = names.size();
  return from_rows(cells, width, std::move(names));
}

// {"column": [values] or value, ...}
Result<Batch> from_columns(const JsonObject& columns, std::string_view what) {
  Batch batch;
  for (const auto& field : columns) {
    const std::string_view name = field.key();
    const std::size_t before = batch.cells.size();
    if (field.value().is_array()) {
      TRY(flatten(field.value().get_array(), name, 0, batch.cells));
    } else {
      batch.cells.push_back(TRY(read_cell(field.value(), name)));
    }
    const std::size_t rows = batch.cells.size() - before;
    if (!batch.names.empty() && rows != batch.rows) {
      return invalid("{}: column {} has {} rows, others have {}", what, name, rows, batch.rows);
    }
    batch.rows = rows;
    batch.names.push_back(name);
  }
  return batch;
}

Result<Batch> from_instances(const Json& given, const std::vector<std::string>& features,
                             std::string_view what) {
  if (given.is_object()) return from_columns(given.get_object(), what);
  if (!given.is_array()) return invalid("{} must be a list or an object", what);
  const JsonArray& list = given.get_array();
  if (list.empty()) return invalid("{} is empty", what);
  if (list.at(0).is_object()) return from_records(list, what);
  if (list.at(0).is_array()) return from_lists(list, {features.begin(), features.end()}, what);
  std::vector<Cell> cells;
  TRY(flatten(list, what, 0, cells));
  return matrix(cells, features.size() == 1 ? 1 : cells.size(), features, what);
}

}  // namespace

struct JsonReader::Impl {
  // Parsed values live in `buffer`, so that a usual body costs no allocation.
  std::array<unsigned char, kBufferBytes> buffer;
  std::optional<boost::json::monotonic_resource> memory;
  boost::json::parser parser;
  Json root;

  Result<const JsonObject*> parse(std::string_view body) {
    root = nullptr;
    parser.reset();
    memory.emplace(buffer.data(), buffer.size());
    parser.reset(&*memory);
    boost::system::error_code failed;
    const std::size_t read = parser.write(body.data(), body.size(), failed);
    if (failed) return invalid("the body is no JSON: {} at byte {}", failed.message(), read);
    root = parser.release();
    if (!root.is_object()) return invalid("the body must be a JSON object");
    return &root.get_object();
  }
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

Result<ParsedRequest> JsonReader::read_v2(std::string_view body, const FeatureNames& features) {
  const JsonObject& top = *TRY(impl_->parse(body));
  ParsedRequest request{.id = TRY(find_text(top, "id"))};
  if (const Json* given = member(top, "parameters")) {
    if (!given->is_object()) return invalid("parameters must be an object");
    const JsonObject& parameters = given->get_object();
    request.event_time = TRY(find_text(parameters, "event_time"));
    request.route_key = TRY(find_text(parameters, "route_key"));
    request.traffic = TRY(find_text(parameters, "traffic"));
  }
  Batch& batch = request.batch;
  const JsonArray& inputs = *TRY(get_array(top, "inputs"));
  if (inputs.empty()) return invalid("inputs is empty");
  for (const Json& item : inputs) {
    if (!item.is_object()) return invalid("an input must be an object");
    const Tensor tensor = TRY(read_tensor(item.get_object(), batch.cells));
    if (tensor.width != 1) {
      if (inputs.size() != 1) {
        return invalid("an input with several columns must be the only one: input={}", tensor.name);
      }
      request.feature_names = TRY(features());
      batch = TRY(matrix(batch.cells, tensor.width, request.feature_names,
                         "input " + std::string(tensor.name)));
      return request;
    }
    if (!batch.names.empty() && tensor.rows != batch.rows) {
      return invalid("inputs differ in rows: input={} rows={} others={}", tensor.name, tensor.rows,
                     batch.rows);
    }
    if (batch.find(tensor.name)) return invalid("an input comes twice: input={}", tensor.name);
    batch.rows = tensor.rows;
    batch.names.push_back(tensor.name);
  }
  return request;
}

Result<ParsedRequest> JsonReader::read_invocation(std::string_view body,
                                                  const FeatureNames& features) {
  const JsonObject& top = *TRY(impl_->parse(body));
  ParsedRequest request;
  if (const Json* params = member(top, "params"); params != nullptr && !params->is_object())
    return invalid("params must be an object");
  if (const Json* split = member(top, "dataframe_split")) {
    if (!split->is_object()) return invalid("dataframe_split must be an object");
    const JsonObject& frame = split->get_object();
    std::vector<std::string_view> names;
    for (const Json& name : *TRY(get_array(frame, "columns"))) {
      if (!name.is_string()) return invalid("dataframe_split: columns must be texts");
      names.push_back(name.get_string());
    }
    request.batch =
        TRY(from_lists(*TRY(get_array(frame, "data")), std::move(names), "dataframe_split"));
  } else if (const Json* records = member(top, "dataframe_records")) {
    if (!records->is_array()) return invalid("dataframe_records must be a list");
    request.batch = TRY(from_records(records->get_array(), "dataframe_records"));
  } else if (const Json* instances = member(top, "instances")) {
    request.feature_names = TRY(features());
    request.batch = TRY(from_instances(*instances, request.feature_names, "instances"));
  } else if (const Json* inputs = member(top, "inputs")) {
    request.feature_names = TRY(features());
    request.batch = TRY(from_instances(*inputs, request.feature_names, "inputs"));
  } else {
    return invalid(
        "expected one of dataframe_split, dataframe_records, instances or inputs in the body");
  }
  return request;
}

}  // namespace slipway::api::predict
