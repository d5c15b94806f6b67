// Endpoints whose models are this project's own trees: models:/m/1 is logistic, models:/m/2 counts.
#pragma once

#include "api/predict/call.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "serving/endpoints.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::predict::testing {

class TreeFiles final : public serving::ModelSource {
 public:
  Result<std::filesystem::path> locate(const std::string& uri) override {
    return std::filesystem::path(SLIPWAY_TREES_TESTDATA) /
           (uri == "models:/m/2" ? "poisson.json" : "logistic.ubj");
  }
};

class ServedTrees {
 public:
  explicit ServedTrees(serving::Endpoints::Options options = {})
      : ServedTrees(no_features_, options) {}
  // `features` must outlive it.
  explicit ServedTrees(serving::FeatureLookup& features, serving::Endpoints::Options options = {})
      : endpoints_(models_, features, log_, clock_, clock_, random_, metrics_, {}, options) {}

  serving::Endpoints& endpoints() { return endpoints_; }
  serving::RequestLog& log() { return log_; }

  // Revision 5 of an endpoint with one output, `p`; keys whose slot is at least `canary_from` are
  // answered by the second model.
  void deploy(const std::string& endpoint, int canary_from = serving::kSlots,
              const std::string& features = "") {
    serving::EndpointSpec spec{
        .endpoint = endpoint, .revision = 5, .features = features, .output = "p", .salt = "salt"};
    spec.variants.push_back(
        {.name = "live", .uri = "models:/m/1", .model_version = 1, .slots = {{0, canary_from}}});
    if (canary_from < serving::kSlots) {
      spec.variants.push_back({.name = "canary",
                               .uri = "models:/m/2",
                               .model_version = 2,
                               .slots = {{canary_from, serving::kSlots}}});
    }
    const auto prepared = endpoints_.prepare(spec);
    CHECK(prepared.has_value());
    endpoints_.activate(spec, nullptr);
  }

 private:
  store::testing::TempFolder folder_;
  base::Metrics metrics_;
  base::SeededRandom random_{1};
  base::ManualClock clock_{{1'000'000}};
  TreeFiles models_;
  serving::NoFeatures no_features_;
  serving::RequestLog log_{{.folder = folder_.path()}, metrics_};
  serving::Endpoints endpoints_;
};

}  // namespace slipway::api::predict::testing
