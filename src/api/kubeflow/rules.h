// What the routes of Kubeflow Pipelines need of the user who asks.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::kubeflow {

std::span<const access::Rule> rules();

}  // namespace slipway::api::kubeflow
