#include "api/own/batch_routes.h"

#include <algorithm>

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;
using http::Route;

constexpr std::size_t kPathsMax = 64;
constexpr std::string_view kPattern = "/slipway/v1/batch";

// Of what is quick and answers with JSON; not of itself, or it could be asked without an end.
bool may_be_asked(const Route& route) {
  const bool is_answered_here = route.lane == Lane::kData || route.lane == Lane::kControl;
  return is_answered_here && !route.choose_lane && route.pattern != kPattern;
}

// Nothing in it leads elsewhere once it is passed on to another server.
bool is_plain(std::string_view path) {
  const std::string closed = fmt::format("{}/", path);
  return closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos &&
         std::none_of(path.begin(), path.end(), [](unsigned char c) { return c <= ' '; });
}

// As the user of `outer` would be answered who asked for `path` alone.
Response answer(const http::Router& router, const Request& outer, const std::string& path) {
  Request request{.method = Method::kGet,
                  .target = path,
                  .path = std::string_view(path).substr(0, path.find('?')),
                  .headers = outer.headers,  // the login, for whom it is passed on to
                  .peer = outer.peer,
                  .user = outer.user};
  std::vector<Method> allowed;
  const Route* const route = is_plain(request.path) ? router.match(request, allowed) : nullptr;
  if (route == nullptr || may_be_asked(*route)) {
    Response response =
        route == nullptr ? router.no_route(request, allowed) : router.answer(*route, request);
    const bool is_whole = !response.file && !response.stream;
    if (is_whole && response.content_type == "application/json") return response;
    if (is_whole && response.status >= 400) {  // as MLflow refuses, in plain text or HTML
      const JsonObject told{{"error", {{"message", response.body}}}};
      return Response::json(base::to_text(told), response.status);
    }
  }
  return http::error_response(
      base::error(Code::kInvalidArgument, "{} has to be asked for alone", request.path));
}

Result<Response> batch(const http::Router& router, std::size_t bytes_max, const Request& request) {
  const std::vector<std::string> paths = request.query_all("path");
  if (paths.empty() || paths.size() > kPathsMax) {
    return base::error(Code::kInvalidArgument, "a batch has 1 to {} paths, this one has {}",
                       kPathsMax, paths.size());
  }
  std::string body = R"({"replies":[)";
  for (const std::string& path : paths) {
    const Response response =
        body.size() < bytes_max
            ? answer(router, request, path)
            : http::error_response(
                  base::error(Code::kResourceExhausted,
                              "the batch is long already, ask for it alone: bytes_max={} (setting "
                              "body-bytes-max)",
                              bytes_max));
    if (&path != &paths.front()) body += ',';
    body += fmt::format(R"({{"status":{},"body":{}}})", response.status,
                        response.body.empty() ? "null" : response.body);
  }
  return Response::json(body + "]}");
}

}  // namespace

std::vector<Route> batch_routes(const http::Router& router, std::size_t bytes_max) {
  return {{.method = Method::kGet,
           .pattern = std::string(kPattern),
           .summary = "What GET of each `path` answers (up to 64, with their queries), in their "
                      "order: status and body. Each is permitted or refused by itself.",
           .handler = answering(
               [&router, bytes_max](const Request& r) { return batch(router, bytes_max, r); }),
           .tag = "slipway"}};
}

}  // namespace slipway::api::own
