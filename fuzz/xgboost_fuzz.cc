// Model files of XGBoost, JSON and UBJSON: what loads also scores, whatever it is asked.
#include <cmath>
#include <limits>

#include "base/check.h"
#include "fuzz.h"
#include "serving/trees/ensemble.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::Code;
  const auto ensemble =
      slipway::serving::trees::Ensemble::from_xgboost(slipway::fuzz::text_of(data, size));
  if (!ensemble) {
    const Code code = ensemble.error().code;
    CHECK(code == Code::kCorruption || code == Code::kInvalidArgument);
    return 0;
  }
  CHECK(ensemble->categories().size() == ensemble->feature_count());
  CHECK(ensemble->output_count() > 0);
  CHECK(ensemble->memory_bytes() >= ensemble->tree_count());
  std::vector<float> out(ensemble->output_count());
  std::vector<float> row(ensemble->feature_count());
  for (const float value : {0.0f, 1.0f, -1.0f, 63.0f, 1e30f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    std::fill(row.begin(), row.end(), value);
    ensemble->predict(row, out);
  }
  return 0;
}
