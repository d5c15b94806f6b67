#include "api/predict/invocation_scorer.h"

#include "api/predict/answer.h"
#include "api/predict/call.h"
#include "api/predict/invocation_body.h"
#include "api/predict/sagemaker_errors.h"
#include "base/json.h"

namespace slipway::api::predict {

Result<std::string> InvocationScorer::score(const invocations::Question& question) {
  const BodyType type = TRY(body_type(question.content_type));
  const std::string endpoint(question.endpoint);
  ParsedRequest parsed =
      TRY(read_invocation(type, question.body, model_inputs(endpoints_, endpoint)));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const serving::Prediction prediction =
      TRY(endpoints_.predict({.endpoint = endpoint,
                              .id = question.id,
                              .event_time = question.event_time,
                              .params = parsed.params,
                              .deadline = question.deadline,
                              .batch = std::move(parsed.batch)}));
  return "{\"predictions\":" + rows_answer(prediction, NonFinite::kBare) + "}";
}

std::string InvocationScorer::failure(const Error& error) {
  return base::to_text(model_error(error));
}

}  // namespace slipway::api::predict
