#include "api/predict/json_batch.h"

#include <algorithm>
#include <bitset>

#include "base/json.h"
#include "base/json_document.h"

namespace slipway::api::predict {
namespace {

using base::JsonDocument;
using base::JsonMembers;
using base::JsonNode;
using base::JsonValue;
using base::JsonValues;
using serving::Batch;
using serving::Cell;

constexpr std::int64_t kRowsMax = 1 << 24;
constexpr int kNestingMax = 4;  // of tensor data
constexpr double kTimeoutUsMax = 1e12;

template <typename... Args>
Error invalid(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

Result<std::string_view> find_text(JsonValue parent, std::string_view key) {
  const auto found = parent.find(key);
  if (!found) return std::string_view();
  if (!found->is_text()) return invalid("{} must be a text", key);
  return found->text();
}

Result<JsonValues> array_of(const std::optional<JsonValue>& found, std::string_view key) {
  if (!found) return invalid("{} is missing", key);
  if (!found->is_array()) return invalid("{} must be a list", key);
  return found->values();
}

Result<JsonValues> get_array(JsonValue parent, std::string_view key) {
  return array_of(parent.find(key), key);
}

Result<Cell> read_cell(JsonValue value, std::string_view column) {
  switch (value.kind()) {
    case JsonNode::Kind::kNumber:
    case JsonNode::Kind::kBool:
      return Cell(value.number());
    case JsonNode::Kind::kText:
      return Cell(value.text());
    case JsonNode::Kind::kNull:
      return Cell();
    case JsonNode::Kind::kArray:
    case JsonNode::Kind::kObject:
      break;
  }
  return invalid("a value must be a number, a text, true, false or null: input={}", column);
}

// Tensor data may be flat or nested; either way the elements are in row-major order.
Result<void> flatten(JsonValues list, std::string_view name, int depth, std::vector<Cell>& cells) {
  for (const JsonValue value : list) {
    if (value.kind() == JsonNode::Kind::kNumber) {
      cells.emplace_back(value.number());
    } else if (value.is_array()) {
      if (depth >= kNestingMax) return invalid("data is nested too deeply: input={}", name);
      TRY(flatten(value.values(), name, depth + 1, cells));
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

Result<Tensor> read_tensor(JsonValue input, std::vector<Cell>& cells) {
  Tensor tensor;
  std::optional<JsonValue> shape_given, data;
  std::string_view datatype;
  for (const auto& [key, value] : input.members()) {  // one pass: there may be hundreds of inputs
    if (value.is_null()) continue;
    if (key == "name" || key == "datatype") {
      if (!value.is_text()) return invalid("{} must be a text", key);
      (key == "name" ? tensor.name : datatype) = value.text();
    } else if (key == "shape") {
      shape_given = value;
    } else if (key == "data") {
      data = value;
    }
  }
  if (tensor.name.empty()) return invalid("an input has no name");
  const TensorKind kind = TRY(kind_of(datatype, tensor.name));
  const JsonValues shape = TRY(array_of(shape_given, "shape"));
  std::size_t* const sizes[] = {&tensor.rows, &tensor.width};
  if (shape.empty() || shape.size() > std::size(sizes))
    return invalid("shape must be [rows] or [rows, columns]: input={}", tensor.name);
  std::size_t dimension = 0;
  for (const JsonValue size : shape) {
    if (!size.is_whole() || size.number() < 0 || size.number() > kRowsMax)
      return invalid("shape must be whole numbers up to {}: input={}", kRowsMax, tensor.name);
    *sizes[dimension++] = static_cast<std::size_t>(size.number());
  }
  const std::size_t before = cells.size();
  TRY(flatten(TRY(array_of(data, "data")), tensor.name, 0, cells));
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

// Says of nearly every new name at once that it is new (a Bloom filter), so that hundreds of inputs
// needn't be compared with each other.
class SeenNames {
 public:
  // False: perhaps added before.
  bool add(std::string_view name) {
    auto bit = bits_[std::hash<std::string_view>()(name) % bits_.size()];
    const bool is_new = !bit;
    bit = true;
    return is_new;
  }

 private:
  std::bitset<4096> bits_;
};

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

Result<Batch> from_records(JsonValues records, std::string_view what) {
  std::vector<std::string_view> names;
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const JsonValue record : records) {
    if (!record.is_object()) return invalid("{}: row {} must be an object of columns", what, row);
    if (row == 0) {
      for (const auto& [name, value] : record.members()) {
        if (std::find(names.begin(), names.end(), name) != names.end())
          return invalid("{}: row {} has a column twice: column={}", what, row, name);
        names.push_back(name);
      }
    } else if (record.size() != names.size()) {
      return invalid("{}: row {} has other columns than row 0", what, row);
    }
    auto next = record.members().begin();  // nearly always in the order of the first row
    for (const std::string_view name : names) {
      const JsonMembers members = record.members();
      if (next == members.end() || (*next).key != name) {
        next = members.begin();
        while (next != members.end() && (*next).key != name) ++next;
        if (next == members.end()) return invalid("{}: row {} lacks column {}", what, row, name);
      }
      cells.push_back(TRY(read_cell((*next).value, name)));
      ++next;
    }
    ++row;
  }
  return from_rows(cells, names.size(), names);
}

Result<Batch> from_lists(JsonValues rows, std::vector<std::string_view> names,
                         std::string_view what) {
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const JsonValue item : rows) {
    if (!item.is_array()) return invalid("{}: row {} must be a list", what, row);
    const std::size_t before = cells.size();
    for (const JsonValue value : item.values())
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
Result<Batch> from_columns(JsonValue columns, std::string_view what) {
  Batch batch;
  for (const auto& [name, value] : columns.members()) {
    if (batch.find(name)) return invalid("{}: a column comes twice: column={}", what, name);
    const std::size_t before = batch.cells.size();
    if (value.is_array()) {
      TRY(flatten(value.values(), name, 0, batch.cells));
    } else {
      batch.cells.push_back(TRY(read_cell(value, name)));
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

Result<Batch> from_instances(JsonValue given, const std::vector<std::string>& features,
                             std::string_view what) {
  if (given.is_object()) return from_columns(given, what);
  if (!given.is_array()) return invalid("{} must be a list or an object", what);
  const JsonValues list = given.values();
  if (list.empty()) return invalid("{} is empty", what);
  if (list.front().is_object()) return from_records(list, what);
  if (list.front().is_array()) return from_lists(list, {features.begin(), features.end()}, what);
  std::vector<Cell> cells;
  TRY(flatten(list, what, 0, cells));
  return matrix(cells, features.size() == 1 ? 1 : cells.size(), features, what);
}

// What the protocol and we have no use for is the model's.
std::string model_params(JsonValue parameters) {
  static constexpr std::string_view kTaken[] = {"event_time", "route_key", "traffic", "timeout"};
  std::string params;
  for (const auto& [key, value] : parameters.members()) {
    if (std::find(std::begin(kTaken), std::end(kTaken), key) != std::end(kTaken)) continue;
    params += params.empty() ? "{" : ",";
    params += base::to_text(Json(key));
    params.push_back(':');
    base::append_json(params, value);
  }
  if (!params.empty()) params.push_back('}');
  return params;
}

}  // namespace

struct JsonReader::Impl {
  JsonDocument document;

  Result<JsonValue> parse(std::string_view body) {
    const JsonValue top = TRY(document.parse(body));
    if (!top.is_object()) return invalid("the body must be a JSON object");
    return top;
  }
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

Result<ParsedRequest> JsonReader::read_v2(std::string_view body, const FeatureNames& features) {
  const JsonValue top = TRY(impl_->parse(body));
  ParsedRequest request;
  request.id = TRY(find_text(top, "id"));
  if (const auto parameters = top.find("parameters")) {
    if (!parameters->is_object()) return invalid("parameters must be an object");
    request.event_time = TRY(find_text(*parameters, "event_time"));
    request.route_key = TRY(find_text(*parameters, "route_key"));
    request.traffic = TRY(find_text(*parameters, "traffic"));
    if (const auto timeout = parameters->find("timeout")) {
      if (!timeout->is_whole() || timeout->number() < 0 || timeout->number() > kTimeoutUsMax)
        return invalid("timeout is a whole number of microseconds");
      request.timeout_us = static_cast<std::int64_t>(timeout->number());
    }
    request.params = model_params(*parameters);
  }
  Batch& batch = request.batch;
  const JsonValues inputs = TRY(get_array(top, "inputs"));
  if (inputs.empty()) return invalid("inputs is empty");
  SeenNames seen;
  batch.names.reserve(inputs.size());
  batch.cells.reserve(inputs.size());
  for (const JsonValue item : inputs) {
    if (!item.is_object()) return invalid("an input must be an object");
    const Tensor tensor = TRY(read_tensor(item, batch.cells));
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
    if (!seen.add(tensor.name) && batch.find(tensor.name))
      return invalid("an input comes twice: input={}", tensor.name);
    batch.rows = tensor.rows;
    batch.names.push_back(tensor.name);
  }
  return request;
}

Result<ParsedRequest> JsonReader::read_invocation(std::string_view body,
                                                  const FeatureNames& features) {
  const JsonValue top = TRY(impl_->parse(body));
  ParsedRequest request;
  if (const auto params = top.find("params")) {
    if (!params->is_object()) return invalid("params must be an object");
    base::append_json(request.params, *params);
  }
  if (const auto split = top.find("dataframe_split")) {
    if (!split->is_object()) return invalid("dataframe_split must be an object");
    std::vector<std::string_view> names;
    for (const JsonValue name : TRY(get_array(*split, "columns"))) {
      if (!name.is_text()) return invalid("dataframe_split: columns must be texts");
      names.push_back(name.text());
    }
    request.batch =
        TRY(from_lists(TRY(get_array(*split, "data")), std::move(names), "dataframe_split"));
  } else if (const auto records = top.find("dataframe_records")) {
    if (!records->is_array()) return invalid("dataframe_records must be a list");
    request.batch = TRY(from_records(records->values(), "dataframe_records"));
  } else if (const auto instances = top.find("instances")) {
    request.feature_names = TRY(features());
    request.batch = TRY(from_instances(*instances, request.feature_names, "instances"));
  } else if (const auto inputs = top.find("inputs")) {
    request.feature_names = TRY(features());
    request.batch = TRY(from_instances(*inputs, request.feature_names, "inputs"));
  } else {
    return invalid(
        "expected one of dataframe_split, dataframe_records, instances or inputs in the body");
  }
  return request;
}

}  // namespace slipway::api::predict
