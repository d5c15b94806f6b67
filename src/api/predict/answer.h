// Predictions as bodies: the Open Inference Protocol's and MLflow's scoring server's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/predict/json_batch.h"
#include "base/result.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

void append_text(std::string& out, std::string_view text);  // a JSON string, quoted

// The outputs that a request wants, in its order; all, when it doesn't say. kInvalidArgument: the
// model has no such output.
struct ChosenOutput {
  const serving::Output* output;
  bool is_binary;
};
Result<std::vector<ChosenOutput>> choose_outputs(const serving::Prediction& prediction,
                                                 std::span<const WantedOutput> wanted,
                                                 bool are_binary);

// {"model_name":...,"outputs":[...]}, and behind it the outputs that are wanted in binary.
struct V2Answer {
  std::string body;
  std::size_t json_bytes = 0;  // 0: all is JSON
};
Result<V2Answer> v2_answer(std::string_view model, const serving::Prediction& prediction,
                           std::span<const WantedOutput> wanted = {}, bool are_binary = false);

std::size_t values_per_row(const serving::Output& output);
// All values in the protocol's binary form, as wide as the output's datatype.
void append_binary(std::string& out, const serving::Output& output);

// What becomes of numbers that JSON has no word for: Python's json writes and reads NaN, Infinity
// and -Infinity all the same.
enum class NonFinite { kNull, kBare };

// [...]: a value or a list of values a row; with several outputs, an object of them.
std::string rows_answer(const serving::Prediction& prediction, NonFinite non_finite);

// {"OUTPUT":value,...}: all outputs of one row.
std::string row_answer(const serving::Prediction& prediction, std::size_t row,
                       NonFinite non_finite);

// What an answer owes to each input, as Alibi's explainers of trees say it, with the answers beside
// it as KServe has them.
std::string explanation_answer(const serving::Explained& explained);

}  // namespace slipway::api::predict
