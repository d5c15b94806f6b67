#include "api/grpc/inference_wire.h"

#include <algorithm>
#include <cstring>

#include "api/predict/answer.h"
#include "base/json.h"

namespace slipway::api::grpc {
namespace {

using predict::ParsedRequest;
using predict::SentTensor;
using predict::WantedOutput;
using serving::DataType;

template <typename... Args>
Error invalid(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

template <typename Field>
std::span<const std::byte> bytes_of(const Field& field) {
  return std::as_bytes(std::span(field.data(), static_cast<std::size_t>(field.size())));
}

// Small integers come in wider fields.
template <typename Element, typename Field>
Result<void> narrow(const Field& field, std::string_view name, std::vector<std::byte>& bytes) {
  bytes.reserve(static_cast<std::size_t>(field.size()) * sizeof(Element));
  for (const auto value : field) {
    if (!std::in_range<Element>(value))
      return invalid("an element of input {} is beyond its datatype: got={}", name, value);
    const auto element = static_cast<Element>(value);
    const auto* const from = reinterpret_cast<const std::byte*>(&element);
    bytes.insert(bytes.end(), from, from + sizeof element);
  }
  return {};
}

Result<std::string_view> text_of(const inference::InferParameter& value, std::string_view name) {
  if (value.parameter_choice_case() != inference::InferParameter::kStringParam)
    return invalid("parameter {} must be a string", name);
  return std::string_view(value.string_param());
}

Result<std::int64_t> priority_of(const inference::InferParameter& value) {
  if (value.parameter_choice_case() == inference::InferParameter::kUint64Param &&
      std::in_range<std::int64_t>(value.uint64_param()))
    return static_cast<std::int64_t>(value.uint64_param());
  if (value.parameter_choice_case() == inference::InferParameter::kInt64Param &&
      value.int64_param() >= 0)
    return value.int64_param();
  return invalid("priority is a whole number, 0 for the default");
}

Json to_json(const inference::InferParameter& value) {
  switch (value.parameter_choice_case()) {
    case inference::InferParameter::kBoolParam:
      return value.bool_param();
    case inference::InferParameter::kInt64Param:
      return value.int64_param();
    case inference::InferParameter::kStringParam:
      return Json(value.string_param());
    case inference::InferParameter::kDoubleParam:
      return base::number_or_null(value.double_param());
    case inference::InferParameter::kUint64Param:
      return value.uint64_param();
    case inference::InferParameter::PARAMETER_CHOICE_NOT_SET:
      break;
  }
  return nullptr;
}

// What the protocol and we have no use for is the model's.
Result<void> read_parameters(const inference::ModelInferRequest& request, ParsedRequest& parsed) {
  static constexpr std::string_view kIgnored[] = {
      "binary_data_output", "sequence_id", "sequence_start",
      "sequence_end",       "headers",     "triton_enable_empty_final_response"};
  JsonObject params;
  for (const auto& [name, value] : request.parameters()) {
    if (name == "event_time") {
      parsed.event_time = TRY(text_of(value, name));
    } else if (name == "route_key") {
      parsed.route_key = TRY(text_of(value, name));
    } else if (name == "traffic") {
      parsed.traffic = TRY(text_of(value, name));
    } else if (name == "timeout") {
      if (value.parameter_choice_case() != inference::InferParameter::kInt64Param ||
          value.int64_param() < 0 || value.int64_param() > predict::kTimeoutUsMax)
        return invalid("timeout is a whole number of microseconds, at most {}",
                       predict::kTimeoutUsMax);
      parsed.timeout_us = value.int64_param();
    } else if (name == "priority") {
      parsed.priority = TRY(priority_of(value));
    } else if (std::find(std::begin(kIgnored), std::end(kIgnored), name) == std::end(kIgnored)) {
      params[name] = to_json(value);
    }
  }
  if (!params.empty()) parsed.params = base::to_text(params);
  return {};
}

Result<void> refuse_shared_memory(
    const google::protobuf::Map<std::string, inference::InferParameter>& parameters,
    std::string_view name) {
  if (parameters.empty()) return {};
  if (parameters.contains("shared_memory_region"))
    return invalid("shared memory is not offered here: tensor={}", name);
  if (parameters.contains("classification"))
    return invalid("classification is not offered here: output={}", name);
  return {};
}

template <typename Specs, typename Described>
void describe(const Specs& specs, Described& described) {
  for (const auto& spec : specs) {
    auto& out = *described.Add();
    out.set_name(spec.name);
    out.set_datatype(std::string(serving::datatype_name(spec.type)));
    out.add_shape(-1);
    for (const std::int64_t size : spec.row_shape) out.add_shape(size);
  }
}

void set(inference::StatisticDuration* duration, std::uint64_t count, std::uint64_t ns) {
  duration->set_count(count);
  duration->set_ns(ns);
}

}  // namespace

Result<void> InferenceReader::fill(const inference::ModelInferRequest& request, int at,
                                   SentTensor& tensor) {
  const auto& input = request.inputs(at);
  const std::size_t count = TRY(predict::element_count(tensor.name, tensor.shape));
  if (request.raw_input_contents_size() > 0) {
    if (input.has_contents())
      return invalid("an input has contents, but others are raw_input_contents: input={}",
                     tensor.name);
    const std::string& raw = request.raw_input_contents(at);
    if (tensor.type == DataType::kBytes) {
      auto& texts = texts_.emplace_back();
      TRY(predict::split_texts(tensor.name, raw, count, texts));
      tensor.texts = texts;
    } else {
      tensor.bytes = std::as_bytes(std::span(raw));
    }
    return {};
  }
  const inference::InferTensorContents& contents = input.contents();
  const auto narrowed = [&]<typename Element>(Element, const auto& field) -> Result<void> {
    auto& bytes = bytes_.emplace_back();
    TRY(narrow<Element>(field, tensor.name, bytes));
    tensor.bytes = bytes;
    return {};
  };
  switch (tensor.type) {
    case DataType::kBool:
      static_assert(sizeof(bool) == 1);
      tensor.bytes = bytes_of(contents.bool_contents());
      return {};
    case DataType::kUint8:
      return narrowed(std::uint8_t(), contents.uint_contents());
    case DataType::kUint16:
      return narrowed(std::uint16_t(), contents.uint_contents());
    case DataType::kUint32:
      tensor.bytes = bytes_of(contents.uint_contents());
      return {};
    case DataType::kUint64:
      tensor.bytes = bytes_of(contents.uint64_contents());
      return {};
    case DataType::kInt8:
      return narrowed(std::int8_t(), contents.int_contents());
    case DataType::kInt16:
      return narrowed(std::int16_t(), contents.int_contents());
    case DataType::kInt32:
      tensor.bytes = bytes_of(contents.int_contents());
      return {};
    case DataType::kInt64:
      tensor.bytes = bytes_of(contents.int64_contents());
      return {};
    case DataType::kFp16:
      return invalid("FP16 comes in raw_input_contents only: input={}", tensor.name);
    case DataType::kFp32:
      tensor.bytes = bytes_of(contents.fp32_contents());
      return {};
    case DataType::kFp64:
      tensor.bytes = bytes_of(contents.fp64_contents());
      return {};
    case DataType::kBytes: {
      auto& texts = texts_.emplace_back();
      for (const std::string& text : contents.bytes_contents()) texts.push_back(text);
      tensor.texts = texts;
      return {};
    }
  }
  return {};
}

Result<ParsedRequest> InferenceReader::read(const inference::ModelInferRequest& request,
                                            const predict::ModelInputs& model) {
  bytes_.clear();
  texts_.clear();
  ParsedRequest parsed;
  parsed.id = request.id();
  TRY(read_parameters(request, parsed));
  if (request.inputs().empty()) return invalid("inputs is empty");
  if (request.raw_input_contents_size() != 0 &&
      request.raw_input_contents_size() != request.inputs_size()) {
    return invalid("raw_input_contents must have one for each input: got={} inputs={}",
                   request.raw_input_contents_size(), request.inputs_size());
  }
  for (const auto& output : request.outputs()) {
    TRY(refuse_shared_memory(output.parameters(), output.name()));
    parsed.outputs.push_back({.name = output.name(), .is_binary = true});
  }
  DataType type = DataType::kFp32;
  predict::TensorBatch tensors(static_cast<std::size_t>(request.inputs_size()), model);
  for (int i = 0; i < request.inputs_size(); ++i) {
    const auto& input = request.inputs(i);
    SentTensor tensor{
        .name = input.name(),
        .type = type,
        .shape = {input.shape().data(), static_cast<std::size_t>(input.shape_size())}};
    if (tensor.name.empty()) return invalid("an input has no name");
    // Nearly always the type of the input before.
    if (input.datatype() != serving::datatype_name(tensor.type) &&
        !serving::parse_datatype(input.datatype(), tensor.type)) {
      return invalid("datatype is none of the protocol's: input={} datatype={}", tensor.name,
                     input.datatype());
    }
    TRY(refuse_shared_memory(input.parameters(), tensor.name));
    TRY(fill(request, i, tensor));
    TRY(tensors.add(tensor));
    type = tensor.type;
  }
  parsed.batch = TRY(tensors.finish(parsed.inputs));
  return parsed;
}

Result<void> write_answer(const inference::ModelInferRequest& request,
                          const serving::Prediction& prediction,
                          const std::vector<WantedOutput>& wanted,
                          inference::ModelInferResponse& response) {
  const auto chosen = TRY(predict::choose_outputs(prediction, wanted, true));
  response.set_model_name(request.model_name());
  response.set_model_version(std::to_string(prediction.model_version));
  response.set_id(prediction.id);
  auto& parameters = *response.mutable_parameters();
  parameters["revision"].set_int64_param(prediction.revision);
  parameters["variant"].set_string_param(prediction.variant);
  for (const auto& [output, is_binary] : chosen) {
    auto& out = *response.add_outputs();
    out.set_name(output->name);
    out.set_datatype(std::string(serving::datatype_name(output->type)));
    out.add_shape(static_cast<std::int64_t>(prediction.rows));
    for (const std::int64_t size : output->row_shape) out.add_shape(size);
    predict::append_binary(*response.add_raw_output_contents(), *output);
  }
  return {};
}

void write_metadata(const serving::EndpointShape& shape,
                    inference::ModelMetadataResponse& response) {
  response.set_name(shape.endpoint);
  for (const std::int64_t version : shape.versions) response.add_versions(std::to_string(version));
  response.set_platform(shape.platform);
  describe(shape.inputs, *response.mutable_inputs());
  describe(shape.outputs, *response.mutable_outputs());
}

void write_statistics(const serving::VersionStatistics& of, inference::ModelStatistics& out) {
  out.set_name(of.endpoint);
  out.set_version(std::to_string(of.version));
  out.set_last_inference(static_cast<std::uint64_t>(of.last_request.millis()));
  out.set_inference_count(of.rows);
  out.set_execution_count(of.calls);
  auto& stats = *out.mutable_inference_stats();
  set(stats.mutable_success(), of.requests, of.total_ns);
  set(stats.mutable_fail(), of.failures, of.failure_ns);
  set(stats.mutable_queue(), of.requests, of.queue_ns);
  set(stats.mutable_compute_input(), of.requests, of.gather_ns);
  set(stats.mutable_compute_infer(), of.requests, of.score_ns);
  set(stats.mutable_compute_output(), of.requests, of.rest_ns());
  for (const serving::BatchStatistics& batch : of.batches) {
    auto& one = *out.add_batch_stats();
    one.set_batch_size(batch.rows);
    set(one.mutable_compute_input(), batch.calls, batch.gather_ns);
    set(one.mutable_compute_infer(), batch.calls, batch.score_ns);
    set(one.mutable_compute_output(), batch.calls, batch.rest_ns);
  }
}

}  // namespace slipway::api::grpc
