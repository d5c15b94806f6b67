// OTLP's JSON, read into the protocol's messages.
#pragma once

#include <string_view>

#include "base/result.h"

namespace slipway::otlp {
class ExportTraceServiceRequest;
}

namespace slipway::api::otlp {

// kInvalidArgument: it is no JSON, or a member has another type than the protocol says.
Result<void> read_json(std::string_view text, slipway::otlp::ExportTraceServiceRequest& request);

}  // namespace slipway::api::otlp
