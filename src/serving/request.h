// What an endpoint is asked, and what it answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "serving/batch.h"
#include "serving/model.h"
#include "serving/tensor.h"

namespace slipway::serving {

// What becomes of inputs that neither the models nor their feature service read.
enum class UnknownInputs { kIgnored, kRefused };

// What a row brings of its own where it is no part of a request: a message of a stream.
struct RowOrigin {
  std::string_view id;
  base::Timestamp event_time;
};

struct PredictRequest {
  std::string_view endpoint;
  std::string_view id;                        // empty: one is made
  std::string_view route_key;                 // empty: the id
  std::string_view traffic;                   // empty: real; anything else is logged and not judged
  std::optional<std::int64_t> version;        // only this one may answer; empty: the slots decide
  std::string_view variant;                   // the same, by name; empty: the slots decide
  std::optional<base::Timestamp> event_time;  // empty: now by the event clock
  std::string_view params;                    // of the model: a JSON object; empty: none
  // By then it is answered or refused.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::int64_t priority = 0;  // 1 goes before 2 where requests wait; 0: the endpoint's default
  UnknownInputs unknown_inputs = UnknownInputs::kIgnored;
  Batch batch;
  // One a row, or none: rows are then of this request. With them, rows that were not answered
  // because the model failed are asked again later, and are not logged.
  std::span<const RowOrigin> origins;
};

struct Prediction {
  std::string id, variant;
  std::int64_t revision = 0, model_version = 0;
  std::size_t rows = 0;
  std::vector<Output> outputs;
};

// An answer, and what each input had to do with it; or why nobody can say that of such a model, and
// nothing else.
struct Explained {
  std::optional<Error> refusal;
  Prediction prediction;
  std::vector<std::string> inputs;  // of the model, in its order
  Explanation explanation;
};

}  // namespace slipway::serving
