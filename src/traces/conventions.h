// Spans of programs that know nothing of MLflow: what they say in OpenTelemetry's GenAI, in
// OpenInference's or in Traceloop's words is said again in MLflow's, so that pages and searches
// have one word for it.
#pragma once

#include "traces/values.h"

namespace slipway::traces {

// Adds type, inputs, outputs, token usage, model and provider where the span has none in MLflow's
// words. What the span came with stays.
void translate_conventions(Span& span);

}  // namespace slipway::traces
