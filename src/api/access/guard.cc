#include "api/access/guard.h"

namespace slipway::api::access {
namespace {

// Browsers keep a login per realm, and MLflow's pages know this one.
constexpr const char* kChallenge = "Basic realm=\"mlflow\"";

}  // namespace

bool LoginGuard::recognize(http::Request& request) {
  const std::string_view authorization = request.header("Authorization");
  if (authorization.empty()) return false;
  std::optional<std::string> user = access_.recognize(authorization);
  if (!user) return false;
  request.user = std::move(*user);
  return true;
}

std::optional<http::Response> LoginGuard::check(const http::Route* route, http::Request& request) {
  const std::string_view authorization = request.header("Authorization");
  const bool is_mlflows = route != nullptr ? route->tag == "mlflow"
                                           : request.path.starts_with("/api/") ||
                                                 request.path.starts_with("/ajax-api/");
  const std::string_view protocol = is_mlflows ? "mlflow" : "slipway";
  if (authorization.empty()) return unauthenticated(protocol);
  Result<std::string> user = access_.login(authorization);
  if (!user && user.error().code == Code::kUnauthenticated) return unauthenticated(protocol);
  if (!user) return http::error_response(user.error());
  request.user = std::move(*user);
  return std::nullopt;
}

http::Response unauthenticated(std::string_view protocol) {
  http::Response response =
      protocol == "mlflow"
          ? http::Response::text(
                "You are not authenticated. Please see "
                "https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow "
                "on how to authenticate.",
                401)
          : http::error_response(
                base::error(Code::kUnauthenticated,
                            "You are not authenticated: send a token (SLIPWAY_TOKEN) or a user's "
                            "name and password"));
  response.headers.emplace_back("WWW-Authenticate", kChallenge);
  return response;
}

http::Response forbidden(std::string_view protocol) {
  if (protocol == "mlflow") return http::Response::text("Permission denied", 403);
  return http::error_response(base::error(Code::kPermissionDenied, "Permission denied"));
}

}  // namespace slipway::api::access
