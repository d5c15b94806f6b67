#include "api/page/page_routes.h"

#include <algorithm>

#include "api/page/assets.h"

namespace slipway::api::page {
namespace {

using http::Request;
using http::Response;

const Asset* find(std::string_view path) {
  const auto all = assets();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Asset& asset) { return asset.path == path; });
  return found == all.end() ? nullptr : &*found;
}

Response answer(const Request& request, std::string_view path) {
  const Asset* asset = find(path);
  // A missing file is missing; everything else is a place inside the page.
  if (asset == nullptr && !path.starts_with("assets/")) asset = find("index.html");
  if (asset == nullptr) {
    return Response::text(assets().empty() ? "This binary was built without the page: ./x build\n"
                                           : "The page has no such file.\n",
                          404);
  }
  // Names under assets/ carry a hash of their content.
  const bool is_forever = asset->path.starts_with("assets/");
  Response response{.content_type = std::string(asset->content_type)};
  response.headers = {
      {"ETag", std::string(asset->etag)},
      {"Cache-Control", is_forever ? "public, max-age=31536000, immutable" : "no-cache"},
      {"X-Content-Type-Options", "nosniff"},
      {"Content-Security-Policy",
       "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
       "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"}};
  if (request.header("If-None-Match") == asset->etag) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = asset->gzip;
  return response;
}

Response redirect(const char* where) {
  return {.status = 302, .content_type = "text/plain", .headers = {{"Location", where}}};
}

}  // namespace

std::vector<http::Route> page_routes() {
  using http::Method;
  return {
      {.method = Method::kGet,
       .pattern = "/ui",
       .summary = "Leads to the page.",
       .handler = [](const Request&) { return redirect("/ui/"); },
       .tag = "page"},
      {.method = Method::kGet,
       .pattern = "/favicon.ico",
       .summary = "The icon that browsers ask for beside any answer.",
       .handler = [](const Request&) { return redirect("/ui/icon.svg"); },
       .tag = "page"},
      {.method = Method::kGet,
       .pattern = "/ui/{path*}",
       .summary = "The page.",
       .handler = [](const Request& request) { return answer(request, request.param("path")); },
       .tag = "page"},
  };
}

http::Route root_route() {
  return {.method = http::Method::kGet,
          .pattern = "/",
          .summary = "Leads to the page.",
          .handler = [](const Request&) { return redirect("/ui/"); },
          .tag = "page"};
}

}  // namespace slipway::api::page
