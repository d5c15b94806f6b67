#include <gtest/gtest.h>

#include "api/page/assets.h"
#include "api/page/page_routes.h"

namespace slipway::api::page {
namespace {

http::Response get(const std::string& path, std::string_view etag = "") {
  http::Router router;
  router.add_all(page_routes());
  http::Request request{.target = path, .path = path};
  if (!etag.empty()) request.headers = {{"If-None-Match", etag}};
  std::vector<http::Method> allowed;
  const http::Route* route = router.match(request, allowed);
  return route == nullptr ? http::Response{.status = 404} : route->handler(request);
}

TEST(Page, RootLeadsToIt) {
  const http::Response response = get("/");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.headers.front().second, "/ui/");
}

TEST(Page, PlacesInsideItAreItAndMissingFilesAreMissing) {
  if (assets().empty()) GTEST_SKIP() << "built without the page";
  EXPECT_EQ(get("/ui/").body, get("/ui/endpoints/x/monitoring").body);
  EXPECT_EQ(get("/ui/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(get("/ui/assets/none.js").status, 404);
}

TEST(Page, KnownFileIsNotSentAgain) {
  if (assets().empty()) GTEST_SKIP() << "built without the page";
  const http::Response again =
      get("/ui/", assets().front().path == "index.html" ? assets().front().etag
                                                        : get("/ui/").headers.front().second);
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
}

}  // namespace
}  // namespace slipway::api::page
