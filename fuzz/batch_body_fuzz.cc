// The quick reader of metric batches beside the general one: what the quick one takes, the general
// one takes too, and reads the same.
#include <cmath>

#include "api/mlflow/batch_body.h"
#include "api/mlflow/wire.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using namespace slipway;
using namespace slipway::api::mlflow;

void compare(const tracking::Metric& quick, const tracking::Metric& general) {
  CHECK(quick.key == general.key);
  CHECK(quick.timestamp_ms == general.timestamp_ms);
  CHECK(quick.step == general.step);
  CHECK(quick.model_id == general.model_id);
  CHECK(quick.dataset_name == general.dataset_name);
  CHECK(quick.dataset_digest == general.dataset_digest);
  // The DOM rounds its doubles roughly.
  CHECK((std::isnan(quick.value) && std::isnan(general.value)) || quick.value == general.value ||
        std::abs(quick.value - general.value) <= 1e-12 * std::abs(general.value) + 1e-300);
}

void compare(const std::vector<tracking::KeyValue>& quick,
             const std::vector<tracking::KeyValue>& general) {
  CHECK(quick.size() == general.size());
  for (std::size_t i = 0; i < quick.size(); ++i)
    CHECK(quick[i].key == general[i].key && quick[i].value == general[i].value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  http::Request request;
  request.method = http::Method::kPost;
  request.body = body;
  if (const std::optional<BatchBody> batch = read_batch_body(body)) {
    const Fields fields(request);
    CHECK(fields.run_id().value() == batch->run_id);
    const std::vector<JsonObject> metrics = fields.objects("metrics");
    CHECK(metrics.size() == batch->metrics.size());
    for (std::size_t i = 0; i < metrics.size(); ++i)
      compare(batch->metrics[i], read_metric(metrics[i], "").value());
    compare(batch->params, read_pairs(fields.objects("params")));
    compare(batch->tags, read_pairs(fields.objects("tags")));
  }
  if (const std::optional<BatchBody> one = read_metric_body(body)) {
    const Fields fields(request);
    CHECK(fields.run_id().value() == one->run_id);
    compare(one->metrics[0], read_metric(fields.body(), "").value());
  }
  return 0;
}
