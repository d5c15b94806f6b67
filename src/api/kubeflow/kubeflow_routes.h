// Kubeflow Pipelines' REST API (v2beta1), as `kfp.Client` speaks it.
#pragma once

#include <cstdint>
#include <vector>

#include "api/http/router.h"
#include "kubeflow/catalog.h"
#include "kubeflow/experiments.h"
#include "kubeflow/recurring_runs.h"
#include "kubeflow/runs.h"

namespace slipway::api::kubeflow {

// Must outlive the routes.
struct Services {
  slipway::kubeflow::Experiments& experiments;
  slipway::kubeflow::Catalog& catalog;
  slipway::kubeflow::Plans& plans;
  slipway::kubeflow::Runs& runs;
  slipway::kubeflow::RecurringRuns& recurring_runs;
  slipway::kubeflow::PlanRunner& runner;
  std::uint64_t package_bytes_max = 32 << 20;  // of a pipeline that is uploaded
};

std::vector<http::Route> kubeflow_routes(const Services& services);

}  // namespace slipway::api::kubeflow
