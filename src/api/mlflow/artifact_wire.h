// How MLflow writes what its artifact routes answer.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"

namespace slipway::api::mlflow {

// The header that makes a browser save a file instead of showing it, for the file's name in `path`
// (RFC 6266; names beyond ASCII also as RFC 5987 has them).
std::string content_disposition(std::string_view path);

JsonObject to_json(const std::vector<std::pair<std::string, std::string>>& headers);

// 501 in words by which clients know that they must go through the proxy: "Multipart upload is not
// supported for the current artifact repository".
http::Response unsupported(std::string_view what);

// 503: this route belongs to a part that --no-serve-artifacts, or --artifacts-only, switches off.
http::Handler no_proxy(const std::string& pattern);
http::Handler artifacts_only(const std::string& pattern);

}  // namespace slipway::api::mlflow
