// The target of a request: routing, path parameters, the query, percent encoding both ways.
#include "api/http/router.h"
#include "base/check.h"
#include "base/http_client.h"
#include "fuzz.h"

namespace {

using slipway::http::Method;
using slipway::http::Request;
using slipway::http::Router;

// One route of every shape that patterns have.
Router make_router() {
  Router router;
  for (const char* pattern :
       {"/", "/health", "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer",
        "/v1/models/{name}:predict", "/files/{path*}", "/api/runs/{run}/artifacts/{path*}",
        "/{page}"}) {
    router.add({.method = Method::kGet, .pattern = pattern, .handler = [](const Request&) {
                  return slipway::http::Response();
                }});
  }
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Router router = make_router();
  Request request;
  request.target = slipway::fuzz::text_of(data, size);
  request.path = request.target.substr(0, request.target.find('?'));

  std::vector<Method> allowed;
  if (const slipway::http::Route* route = router.match(request, allowed); route != nullptr) {
    for (const auto& [name, value] : request.path_params)
      CHECK(route->pattern.find(name) != std::string::npos);
  } else {
    CHECK(router.no_route(request, allowed).status >= 400);
  }

  for (const char* name : {"name", "run_id", "", "a b"}) {
    const auto first = request.query(name);
    const auto all = request.query_all(name);
    CHECK(first.has_value() == !all.empty());
    if (first) CHECK(*first == all.front());
  }

  const std::string encoded = slipway::base::percent_encode(request.target);
  CHECK(slipway::base::percent_decode(encoded).value_or("") == request.target);
  if (const auto decoded = slipway::base::percent_decode(request.target))
    CHECK(decoded->size() <= request.target.size());
  return 0;
}
