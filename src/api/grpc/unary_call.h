// One call to somebody else's gRPC server, bytes in and out.
#pragma once

#include <string>

#include "base/result.h"

namespace slipway::api::grpc {

// `address`: "host:port", without TLS. `method`: "/package.Service/Method". kUnavailable: nobody
// answers there; kDeadlineExceeded; any other status as kFailedPrecondition with its words.
Result<std::string> call_unary(const std::string& address, const std::string& method,
                               const std::string& request, int timeout_ms);

}  // namespace slipway::api::grpc
