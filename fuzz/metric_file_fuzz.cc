// One metric of MLflow's file store: every line is a point or is refused.
#include "api/mlflow_source/metric_file.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::api::mlflow_source;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  const auto points = parse_metric_file(text, "key");
  if (points) {
    CHECK(points->size() <=
          1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  } else {
    CHECK(points.error().code == slipway::Code::kInvalidArgument);
  }
  return 0;
}
