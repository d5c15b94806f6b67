// slipway.yaml as `slipway ci` declares it: data, features and pipelines, and nothing that serves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/ci/review.h"

namespace slipway::cli {

struct CiProject {
  std::string yaml;
  std::vector<std::string> datasets;
  std::vector<CiPipeline> pipelines;  // those to run, with the params that they have
};

// `only`: names of pipelines; empty: those of the policy, or all. Of a pipeline with `until` only
// those steps and what they need are kept. kInvalidArgument: no project; kNotFound: it has no such
// pipeline or step. Missing: what the base doesn't have yet may be left out. VersionChecks: those
// of datasets, left out where versions come that were judged in their time.
enum class Missing { kError, kLeftOut };
enum class VersionChecks { kKept, kLeftOut };
Result<CiProject> ci_project(std::string_view yaml, const CiPolicy& policy,
                             const std::vector<std::string>& only, Missing missing,
                             VersionChecks checks = VersionChecks::kKept);

}  // namespace slipway::cli
