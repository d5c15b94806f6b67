// Bodies of prediction requests, in both protocols: a plain one, one with tensors in binary behind
// the JSON (which ends at the first byte 0), and a raw one. One reader for all inputs, as in the
// server: what one body leaves behind must not show in the next.
#include "api/predict/answer.h"
#include "api/predict/json_batch.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using slipway::api::predict::Inputs;
using slipway::api::predict::ModelInputs;
using slipway::api::predict::ParsedRequest;
using slipway::serving::DataType;
using slipway::serving::InputSpec;

std::size_t touch(std::string_view text) {
  std::size_t sum = text.size();
  for (const char c : text) sum += static_cast<unsigned char>(c);
  return sum;
}

// Reads every byte that the request points to, for the sanitizer's sake.
void check(const slipway::Result<ParsedRequest>& request) {
  if (!request) {
    CHECK(request.error().code == slipway::Code::kInvalidArgument);
    return;
  }
  const auto& batch = request->batch;
  CHECK(batch.cells.size() == batch.names.size() * batch.rows);
  volatile std::size_t sum = touch(request->id) + touch(request->event_time) +
                             touch(request->route_key) + touch(request->traffic);
  for (std::size_t c = 0; c < batch.names.size(); ++c) {
    sum = sum + touch(batch.names[c]);
    CHECK(batch.find(batch.names[c]).has_value());
    for (std::size_t row = 0; row < batch.rows; ++row) {
      if (const auto* text = std::get_if<std::string_view>(&batch.cell(c, row)))
        sum = sum + touch(*text);
    }
  }
  for (const auto& tensor : batch.tensors) {
    CHECK(static_cast<std::size_t>(tensor.shape.front()) == batch.rows);
    std::size_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= static_cast<std::size_t>(size);
    sum = sum + touch(tensor.name);
    if (tensor.type == DataType::kBytes) {
      CHECK(tensor.texts.size() == count);
      for (const std::string_view text : tensor.texts) sum = sum + touch(text);
    } else {
      CHECK(tensor.bytes.size() == count * slipway::serving::datatype_bytes(tensor.type));
      for (const std::byte byte : tensor.bytes) sum = sum + static_cast<std::size_t>(byte);
    }
  }
  for (const auto& output : request->outputs) sum = sum + touch(output.name);
}

ModelInputs model_of(std::vector<InputSpec> inputs) {
  auto shared = std::make_shared<const std::vector<InputSpec>>(std::move(inputs));
  return [shared]() -> slipway::Result<Inputs> { return shared; };
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static slipway::api::predict::JsonReader reader;
  static const ModelInputs columns =
      model_of({{.name = "distance"}, {.name = "a feature with a name beyond the short string"}});
  static const ModelInputs tensors =
      model_of({{.name = "distance", .type = DataType::kInt64, .row_shape = {-1, 2}},
                {.name = "x", .type = DataType::kBytes, .row_shape = {-1}}});
  static const ModelInputs single =
      model_of({{.name = "image", .type = DataType::kFp16, .row_shape = {-1, 2}}});
  const std::string_view body = slipway::fuzz::text_of(data, size);
  const std::size_t json_bytes = std::min(body.find('\0'), body.size());
  for (const ModelInputs* model : {&columns, &tensors}) {
    check(reader.read_v2(body, std::nullopt, *model));
    check(reader.read_v2(body, json_bytes, *model));
    check(reader.read_invocation(body, *model));
    check(reader.read_instances(body, *model));
    check(reader.read_score(body, *model));
  }
  check(reader.read_raw(body, single));
  return 0;
}
