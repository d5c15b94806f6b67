#include "api/predict/json_batch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <deque>

#include "api/predict/json_elements.h"
#include "api/predict/rows_batch.h"
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
using serving::DataType;
using serving::InputSpec;
using serving::Tensor;

constexpr double kPriorityMax = 1e9;  // as 0: beyond every level

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

bool is_integer(DataType type) { return type < DataType::kFp16 && type != DataType::kBool; }

// The elements of a tensor that becomes columns.
Result<void> read_cells(JsonValues data, std::string_view name, DataType type,
                        std::vector<Cell>& cells) {
  const std::size_t before = cells.size();
  const auto refuse = [&](const char* what) {
    return invalid("element {} of input {} is {}", cells.size() - before, name, what);
  };
  auto use = [&](JsonValue value) -> Result<void> {
    switch (value.kind()) {
      case JsonNode::Kind::kNumber:
        if (type == DataType::kBytes) return refuse("no text, but its datatype is BYTES");
        if (value.is_large() && is_integer(type))
          return refuse("beyond 2^53, and a column would round it");
        cells.emplace_back(value.number());
        return {};
      case JsonNode::Kind::kBool:
        if (type == DataType::kBytes) return refuse("no text, but its datatype is BYTES");
        cells.emplace_back(value.number());
        return {};
      case JsonNode::Kind::kText:
        if (type != DataType::kBytes) return refuse("a text, but its datatype is a number's");
        cells.emplace_back(value.text());
        return {};
      case JsonNode::Kind::kNull:
        cells.emplace_back();
        return {};
      case JsonNode::Kind::kArray:
      case JsonNode::Kind::kObject:
        break;
    }
    return refuse("no number, text, true, false or null");
  };
  return each_element(data, name, 0, use);
}

// One of a request's inputs, as it stands in the JSON. One is used for all inputs of a request, of
// which there may be hundreds.
struct SentInput {
  std::string_view name, datatype;
  DataType type =
      DataType::kFp32;  // of `datatype`, which is nearly always that of the input before
  std::array<std::int64_t, kDimensionsMax> sizes;
  std::size_t dimensions = 0;
  std::size_t count = 0;  // of elements
  std::optional<JsonValue> data;
  std::optional<std::size_t> binary_bytes;

  std::span<const std::int64_t> shape() const { return {sizes.data(), dimensions}; }
  SentTensor tensor() const { return {.name = name, .type = type, .shape = shape()}; }
};

Result<bool> flag_of(JsonValue parameters, std::string_view key) {
  const auto found = parameters.find(key);
  if (!found) return false;
  if (found->kind() != JsonNode::Kind::kBool) return invalid("{} must be true or false", key);
  return found->number() != 0;
}

Result<void> read_parameters(JsonValue parameters, SentInput& input) {
  if (!parameters.is_object()) return invalid("parameters must be an object: input={}", input.name);
  if (const auto bytes = parameters.find("binary_data_size")) {
    if (!bytes->is_whole() || bytes->number() < 0 || bytes->is_large())
      return invalid("binary_data_size must be a whole number: input={}", input.name);
    input.binary_bytes = static_cast<std::size_t>(bytes->number());
  }
  if (parameters.find("shared_memory_region"))
    return invalid("shared memory is not offered here: input={}", input.name);
  return {};
}

Result<void> read_input(JsonValue item, SentInput& input) {
  if (!item.is_object()) return invalid("an input must be an object");
  input.name = {};
  input.data.reset();
  input.binary_bytes.reset();
  std::optional<JsonValue> shape_given, parameters;
  std::string_view datatype;
  for (const auto& [key, value] : item.members()) {  // one pass
    if (value.is_null()) continue;
    if (key == "name" || key == "datatype") {
      if (!value.is_text()) return invalid("{} must be a text", key);
      (key == "name" ? input.name : datatype) = value.text();
    } else if (key == "shape") {
      shape_given = value;
    } else if (key == "data") {
      input.data = value;
    } else if (key == "parameters") {
      parameters = value;
    }
  }
  if (input.name.empty()) return invalid("an input has no name");
  if (datatype != input.datatype || datatype.empty()) {
    if (!serving::parse_datatype(datatype, input.type)) {
      return invalid("datatype is none of the protocol's: input={} datatype={}", input.name,
                     datatype);
    }
    input.datatype = datatype;
  }
  input.dimensions = 0;
  for (const JsonValue size : TRY(array_of(shape_given, "shape"))) {
    if (!size.is_whole() || size.number() < 0 || size.number() > kRowsMax)
      return invalid("shape must be whole numbers up to {}: input={}", kRowsMax, input.name);
    if (input.dimensions == kDimensionsMax)
      return invalid("shape has more than {} dimensions: input={}", kDimensionsMax, input.name);
    input.sizes[input.dimensions++] = static_cast<std::int64_t>(size.number());
  }
  input.count = TRY(element_count(input.name, input.shape()));
  if (parameters) TRY(read_parameters(*parameters, input));
  return {};
}

Result<void> add_binary(const SentInput& input, std::string_view& behind, TensorBatch& tensors,
                        Kept& kept) {
  if (input.data) {
    return invalid("an input has both data and binary_data_size: input={}", input.name);
  }
  if (behind.size() < *input.binary_bytes) {
    return invalid("the body ends inside the binary data of an input: input={} bytes={} of {}",
                   input.name, behind.size(), *input.binary_bytes);
  }
  const std::string_view bytes = behind.substr(0, *input.binary_bytes);
  behind.remove_prefix(bytes.size());
  SentTensor tensor = input.tensor();
  if (tensor.type == DataType::kBytes) {
    auto& texts = kept.texts.emplace_back();
    TRY(split_texts(input.name, bytes, input.count, texts));
    tensor.texts = texts;
  } else {
    tensor.bytes = std::as_bytes(std::span(bytes));
  }
  return tensors.add(tensor);
}

Result<void> add_json(const SentInput& input, TensorBatch& tensors, Kept& kept) {
  const JsonValues data = TRY(array_of(input.data, "data"));
  std::size_t given = 0;
  if (TRY(tensors.next(input.name, input.shape())) == TensorBatch::Place::kCells) {
    const std::size_t before = tensors.cells().size();
    TRY(read_cells(data, input.name, input.type, tensors.cells()));
    given = tensors.cells().size() - before;
  } else {
    Tensor tensor = input.tensor().whole();
    TRY(read_whole(data, tensor, kept));
    given = tensor.type == DataType::kBytes
                ? tensor.texts.size()
                : tensor.bytes.size() / serving::datatype_bytes(tensor.type);
    tensors.add_whole(std::move(tensor));
  }
  if (given != input.count) {
    return invalid("data has {} values but shape says {}: input={}", given, input.count,
                   input.name);
  }
  return {};
}

Result<void> read_outputs(JsonValues outputs, ParsedRequest& request) {
  for (const JsonValue item : outputs) {
    if (!item.is_object()) return invalid("an output must be an object");
    WantedOutput wanted{.name = TRY(find_text(item, "name")),
                        .is_binary = request.are_outputs_binary};
    if (wanted.name.empty()) return invalid("an output has no name");
    if (const auto parameters = item.find("parameters")) {
      if (!parameters->is_object())
        return invalid("parameters must be an object: output={}", wanted.name);
      if (parameters->find("binary_data"))
        wanted.is_binary = TRY(flag_of(*parameters, "binary_data"));
      if (parameters->find("classification"))
        return invalid("classification is not offered here: output={}", wanted.name);
      if (parameters->find("shared_memory_region"))
        return invalid("shared memory is not offered here: output={}", wanted.name);
    }
    request.outputs.push_back(wanted);
  }
  return {};
}

// What the protocol and we have no use for is the model's.
std::string model_params(JsonValue parameters) {
  static constexpr std::string_view kTaken[] = {
      "event_time", "route_key",   "traffic",        "timeout",      "binary_data_output",
      "priority",   "sequence_id", "sequence_start", "sequence_end", "headers"};
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

Result<void> read_request_parameters(JsonValue parameters, ParsedRequest& request) {
  if (!parameters.is_object()) return invalid("parameters must be an object");
  request.event_time = TRY(find_text(parameters, "event_time"));
  request.route_key = TRY(find_text(parameters, "route_key"));
  request.traffic = TRY(find_text(parameters, "traffic"));
  request.are_outputs_binary = TRY(flag_of(parameters, "binary_data_output"));
  if (const auto timeout = parameters.find("timeout")) {
    if (!timeout->is_whole() || timeout->number() < 0 || timeout->number() > kTimeoutUsMax)
      return invalid("timeout is a whole number of microseconds, at most {}", kTimeoutUsMax);
    request.timeout_us = static_cast<std::int64_t>(timeout->number());
  }
  if (const auto priority = parameters.find("priority")) {
    if (!priority->is_whole() || priority->number() < 0 || priority->number() > kPriorityMax)
      return invalid("priority is a whole number, 0 for the default");
    request.priority = static_cast<std::int64_t>(priority->number());
  }
  request.params = model_params(parameters);
  return {};
}

Result<void> read_params(JsonValue top, std::string_view key, ParsedRequest& request) {
  const auto params = top.find(key);
  if (!params) return {};
  if (!params->is_object()) return invalid("{} must be an object", key);
  base::append_json(request.params, *params);
  return {};
}

}  // namespace

struct JsonReader::Impl {
  JsonDocument document;
  Kept kept;

  Result<JsonValue> parse(std::string_view body) {
    kept.clear();
    const JsonValue top = TRY(document.parse(body));
    if (!top.is_object()) return invalid("the body must be a JSON object");
    return top;
  }
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

Result<ParsedRequest> JsonReader::read_v2(std::string_view body,
                                          std::optional<std::size_t> json_bytes,
                                          const ModelInputs& model) {
  if (json_bytes && *json_bytes > body.size()) {
    return invalid("the JSON is said to be longer than the body: json={} body={}", *json_bytes,
                   body.size());
  }
  std::string_view behind = body.substr(json_bytes.value_or(body.size()));
  const JsonValue top = TRY(impl_->parse(body.substr(0, body.size() - behind.size())));
  ParsedRequest request;
  std::optional<JsonValue> inputs_given, outputs;
  for (const auto& [key, value] : top.members()) {
    if (value.is_null()) continue;
    if (key == "inputs") {
      inputs_given = value;
    } else if (key == "id") {
      if (!value.is_text()) return invalid("id must be a text");
      request.id = value.text();
    } else if (key == "outputs") {
      outputs = value;
    } else if (key == "parameters") {
      TRY(read_request_parameters(value, request));
    }
  }
  const JsonValues inputs = TRY(array_of(inputs_given, "inputs"));
  if (inputs.empty()) return invalid("inputs is empty");
  if (outputs) TRY(read_outputs(TRY(array_of(outputs, "outputs")), request));
  TensorBatch tensors(inputs.size(), model);
  SentInput input;
  for (const JsonValue item : inputs) {
    TRY(read_input(item, input));
    if (input.binary_bytes) {
      TRY(add_binary(input, behind, tensors, impl_->kept));
    } else {
      TRY(add_json(input, tensors, impl_->kept));
    }
  }
  if (!behind.empty())
    return invalid("there are {} bytes behind the binary data of the last input", behind.size());
  request.batch = TRY(tensors.finish(request.inputs));
  return request;
}

Result<ParsedRequest> JsonReader::read_raw(std::string_view body, const ModelInputs& model) {
  impl_->kept.clear();
  ParsedRequest request;
  request.are_outputs_binary = true;
  const Inputs inputs = TRY(model());
  if (inputs->size() != 1)
    return invalid("a raw body is the only input of a model, and this one reads {}",
                   inputs->size());
  const InputSpec& spec = inputs->front();
  SentInput input{};
  input.name = spec.name;
  input.type = spec.type;
  input.sizes[0] = 1;
  input.dimensions = 1;
  // One size may be any: it follows from the bytes.
  std::size_t known = 1;
  std::optional<std::size_t> open;
  for (const std::int64_t size : spec.row_shape) {
    if (input.dimensions == kDimensionsMax || (size < 0 && open))
      return invalid("the model's input has more than one size that may be any: input={}",
                     spec.name);
    if (size < 0) open = input.dimensions;
    known *= size < 0 ? 1 : static_cast<std::size_t>(size);
    input.sizes[input.dimensions++] = size < 0 ? 1 : size;
  }
  const std::size_t row = std::max<std::size_t>(1, known * serving::datatype_bytes(spec.type));
  if (open) input.sizes[*open] = static_cast<std::int64_t>(body.size() / row);
  SentTensor tensor = input.tensor();
  if (spec.is_text()) {
    tensor.texts = impl_->kept.texts.emplace_back(1, body);
  } else {
    tensor.bytes = std::as_bytes(std::span(body));
  }
  TensorBatch tensors(1, model);
  TRY(tensors.add(tensor));
  request.batch = TRY(tensors.finish(request.inputs));
  if (request.inputs == nullptr) request.inputs = inputs;
  return request;
}

Result<ParsedRequest> JsonReader::read_invocation(std::string_view body, const ModelInputs& model) {
  const JsonValue top = TRY(impl_->parse(body));
  Kept& kept = impl_->kept;
  ParsedRequest request;
  TRY(read_params(top, "params", request));
  std::optional<JsonValue> given;
  std::string_view what;
  for (const auto& [key, value] : top.members()) {
    if (key != "dataframe_split" && key != "dataframe_records" && key != "instances" &&
        key != "inputs")
      continue;
    if (given) {
      return invalid(
          "expected exactly one of dataframe_split, dataframe_records, instances or inputs in the "
          "body: got={}, {}",
          what, key);
    }
    given = value;
    what = key;
  }
  if (!given) {
    return invalid(
        "expected one of dataframe_split, dataframe_records, instances or inputs in the body");
  }
  request.inputs = TRY(model());
  if (what == "dataframe_split") {
    request.batch = TRY(from_split(*given, what, kept));
  } else if (what == "dataframe_records") {
    if (!given->is_array()) return invalid("dataframe_records must be a list");
    request.batch = TRY(from_records(given->values(), *request.inputs, what, kept));
  } else {
    request.batch = TRY(from_instances(*given, *request.inputs, what, kept));
  }
  return request;
}

Result<ParsedRequest> JsonReader::read_instances(std::string_view body, const ModelInputs& model) {
  const JsonValue top = TRY(impl_->parse(body));
  ParsedRequest request;
  TRY(read_params(top, "parameters", request));
  const auto instances = top.find("instances");
  if (!instances || !instances->is_array()) return invalid("instances must be a list");
  request.inputs = TRY(model());
  request.batch = TRY(from_instances(*instances, *request.inputs, "instances", impl_->kept));
  return request;
}

Result<ParsedRequest> JsonReader::read_score(std::string_view body, const ModelInputs& model) {
  const JsonValue top = TRY(impl_->parse(body));
  ParsedRequest request;
  TRY(read_params(top, "params", request));
  const auto data = top.find("input_data");
  if (!data) return invalid("input_data is missing");
  request.inputs = TRY(model());
  const bool is_split = data->is_object() && data->find("columns") && data->find("data");
  request.batch = is_split ? TRY(from_split(*data, "input_data", impl_->kept))
                           : TRY(from_instances(*data, *request.inputs, "input_data", impl_->kept));
  return request;
}

}  // namespace slipway::api::predict
