// What MLflow's scoring server and SageMaker's runtime take: JSON or CSV.
#pragma once

#include <string_view>

#include "api/predict/json_batch.h"
#include "base/result.h"

namespace slipway::api::predict {

enum class BodyType { kJson, kCsv };

// Without a type it is JSON. kInvalidArgument, in MLflow's words: neither.
Result<BodyType> body_type(std::string_view content_type);

// The result points into `body` and into memory of the thread, until the next one is read.
Result<ParsedRequest> read_invocation(BodyType type, std::string_view body,
                                      const ModelInputs& model);

}  // namespace slipway::api::predict
