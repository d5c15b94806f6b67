// Bodies of prediction requests as batches: JSON of the Open Inference Protocol v2 and of MLflow's
// scoring server. Texts are not copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/batch.h"

namespace slipway::api::predict {

struct ParsedRequest {
  std::string_view id, event_time, route_key, traffic;  // empty: not given
  std::string params;                                   // of the model: a JSON object; empty: none
  std::optional<std::int64_t> timeout_us;               // Triton's `timeout`
  serving::Batch batch;
  std::vector<std::string> feature_names;  // what `batch` names, where the body named nothing
};

// The model's features in order; asked for only when a matrix comes without names.
using FeatureNames = std::function<Result<std::vector<std::string>>()>;

// Reuses its buffers from request to request. One thread at a time; what parse gives is valid until
// the next call. Errors are kInvalidArgument, naming
// input and element.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();

  // https://github.com/kserve/open-inference-protocol: inference request, "inputs" of tensors.
  Result<ParsedRequest> read_v2(std::string_view body, const FeatureNames& features);
  // dataframe_split, dataframe_records, instances or inputs, as MLflow's /invocations takes them.
  Result<ParsedRequest> read_invocation(std::string_view body, const FeatureNames& features);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::api::predict
