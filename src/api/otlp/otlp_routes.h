// OpenTelemetry's trace protocol over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp
// Which experiment the spans belong to stands in the header x-mlflow-experiment-id, and a run that
// they are linked to in x-mlflow-run-id.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "traces/traces.h"

namespace slipway::api::otlp {

inline constexpr std::string_view kExperimentHeader = "x-mlflow-experiment-id";
inline constexpr std::string_view kRunHeader = "x-mlflow-run-id";

// `bytes_max` bounds a body after decompression. `traces` must outlive the routes.
std::vector<http::Route> otlp_routes(traces::Traces& traces, std::size_t bytes_max);

}  // namespace slipway::api::otlp
