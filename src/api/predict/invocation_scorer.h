// Asynchronous invocations, scored as InvokeEndpoint scores.
#pragma once

#include "invocations/ports.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

// Safe to use from several threads. `endpoints` must outlive it.
class InvocationScorer final : public invocations::Scorer {
 public:
  explicit InvocationScorer(serving::Endpoints& endpoints) : endpoints_(endpoints) {}

  Result<void> ready(std::string_view endpoint) override { return endpoints_.wake(endpoint); }
  Result<std::string> score(const invocations::Question& question) override;
  // As the body of a ModelError.
  std::string failure(const Error& error) override;

 private:
  serving::Endpoints& endpoints_;
};

}  // namespace slipway::api::predict
