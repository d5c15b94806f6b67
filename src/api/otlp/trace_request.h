// Reads OpenTelemetry's ExportTraceServiceRequest, in both of its encodings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "traces/traces.h"

namespace slipway::api::otlp {

struct TraceRequest {
  std::vector<traces::SpanGroup> groups;
  std::size_t spans = 0;           // that are in `groups`
  std::size_t rejected_spans = 0;  // that are not
  std::string why_rejected;        // the first one
};

// kInvalidArgument: these bytes are no such request, or it has no resource. A span without valid
// ids is rejected by itself.
Result<TraceRequest> parse_protobuf(std::string_view body);
// Ids are in hex, as OTLP has them in JSON, and members in camel or snake case.
Result<TraceRequest> parse_json(std::string_view body);

}  // namespace slipway::api::otlp
