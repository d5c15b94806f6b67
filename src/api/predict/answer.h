// Predictions as bodies: the Open Inference Protocol's and MLflow's scoring server's.
#pragma once

#include <string>
#include <string_view>

#include "serving/endpoints.h"

namespace slipway::api::predict {

void append_text(std::string& out, std::string_view text);  // a JSON string, quoted

// {"model_name":...,"outputs":[...]}.
std::string v2_answer(std::string_view model, const serving::Prediction& prediction);
// {"predictions":[...]}: values or lists of them; with several outputs, objects of them.
std::string invocation_answer(const serving::Prediction& prediction);

}  // namespace slipway::api::predict
