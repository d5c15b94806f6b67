// Feast's feature server over gRPC, as messages: GrpcFeatureServer (`feast listen`) and
// feast.serving.ServingService. The bytes of gRPC's calls are carried by api/grpc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

inline constexpr std::string_view kFeatureServer = "GrpcFeatureServer";
inline constexpr std::string_view kServingService = "feast.serving.ServingService";

// Safe to use from several threads. `features` must outlive it.
class Serving {
 public:
  // `values_max`: features times rows of one read.
  Serving(features::FeatureStore& features, std::size_t values_max, std::string version)
      : features_(features), values_max_(values_max), version_(std::move(version)) {}

  // The answer to one call, in bytes. Nothing: there is no such service or method. What is pushed
  // is durable on return. kInvalidArgument also: no such push source, as in Feast; kNotFound: no
  // such view or service.
  std::optional<Result<std::string>> call(std::string_view service, std::string_view method,
                                          std::string_view request) const;

 private:
  features::FeatureStore& features_;
  const std::size_t values_max_;
  const std::string version_;
};

}  // namespace slipway::api::feast
