// What a model goes by, now and in its reference: mean SHAP values of its inputs. Plain values and
// pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::monitor {

// By input: mean absolute SHAP value, over a sample of rows.
struct Attributions {
  std::map<std::string, double> inputs;
  std::int64_t rows = 0;
};

// Below it SageMaker Clarify speaks of drift.
inline constexpr double kAttributionNdcgMin = 0.9;

struct AttributionDrift {
  struct Input {
    std::string name;
    double now = 0, reference = 0;
    std::int64_t rank = 0, reference_rank = 0;  // 1: the largest
  };
  std::int64_t rows = 0, reference_rows = 0;  // behind the means
  double ndcg = 0;
  std::vector<Input> inputs;  // the most important of the reference first

  // Inputs that both have, as SageMaker Clarify compares them: the discounted gain of the
  // reference's attributions in the order of now, of what it is in their own. 1: the same order.
  // NaN without inputs, or where nothing had to do with the answers.
  static AttributionDrift between(const Attributions& reference, const Attributions& now);

  JsonObject to_json() const;
  static Result<AttributionDrift> from_json(const JsonObject& object);
};

}  // namespace slipway::monitor
