// Bodies of prediction requests as batches: JSON of the Open Inference Protocol v2, with tensors in
// binary behind it, and of MLflow's scoring server. Texts are not copied.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/predict/tensor_batch.h"
#include "base/result.h"
#include "serving/batch.h"

namespace slipway::api::predict {

struct WantedOutput {
  std::string_view name;
  bool is_binary = false;
};

// As far as a `timeout` may be away: eleven days.
inline constexpr std::int64_t kTimeoutUsMax = 1'000'000'000'000;

struct ParsedRequest {
  std::string_view id, event_time, route_key, traffic;  // empty: not given
  std::string params;                                   // of the model: a JSON object; empty: none
  std::optional<std::int64_t> timeout_us;               // Triton's `timeout`
  std::int64_t priority = 0;                            // Triton's `priority`
  serving::Batch batch;
  Inputs inputs;                      // what `batch` names, where the body named nothing
  std::vector<WantedOutput> outputs;  // empty: all
  bool are_outputs_binary = false;    // where `outputs` doesn't say
};

// Reuses its buffers from request to request. One thread at a time; what parse gives is valid until
// the next call. Errors are kInvalidArgument, naming
// input and element.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();

  // https://github.com/kserve/open-inference-protocol: inference request, "inputs" of tensors.
  // `json_bytes`: where the JSON ends and tensors in binary begin; nothing: all is JSON.
  Result<ParsedRequest> read_v2(std::string_view body, std::optional<std::size_t> json_bytes,
                                const ModelInputs& model);
  // The binary extension without any JSON: the whole body is the one row of the only input.
  Result<ParsedRequest> read_raw(std::string_view body, const ModelInputs& model);
  // One of dataframe_split, dataframe_records, instances and inputs, and params: as MLflow's
  // /invocations takes them.
  Result<ParsedRequest> read_invocation(std::string_view body, const ModelInputs& model);
  // instances and parameters, as the v1 protocol and Vertex AI take them.
  Result<ParsedRequest> read_instances(std::string_view body, const ModelInputs& model);
  // input_data (columns and data, or as instances) and params: Azure ML's way with MLflow's models.
  Result<ParsedRequest> read_score(std::string_view body, const ModelInputs& model);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::api::predict
