// Feast's remote registry, read only: what slipway.yaml declares, as the messages that Feast's SDK
// asks for with `registry: {registry_type: remote}`. The bytes of gRPC's calls are carried by
// api/grpc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

inline constexpr std::string_view kRegistryService = "feast.registry.RegistryServer";

// Safe to use from several threads. `features` must outlive it.
class Registry {
 public:
  // `project`: the name of the project; empty while none is applied. May block.
  using ProjectName = std::function<Result<std::string>()>;
  Registry(const features::FeatureStore& features, ProjectName project)
      : features_(features), project_(std::move(project)) {}

  // The answer to one call of `method` ("ListFeatureViews"), in bytes. Nothing: there is no such
  // method here. An error's message is Feast's envelope; kNotFound: no such object or project;
  // kFailedPrecondition: the method would change something.
  std::optional<Result<std::string>> call(std::string_view method, std::string_view request) const;

 private:
  const features::FeatureStore& features_;
  const ProjectName project_;
};

}  // namespace slipway::api::feast
