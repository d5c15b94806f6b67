#include <gtest/gtest.h>

#include <fstream>

#include "api/page/assets.h"
#include "api/page/mlflow_ui.h"
#include "api/page/page_routes.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::page {
namespace {

http::Response ask(const http::Router& router, const std::string& path,
                   std::string_view etag = "") {
  http::Request request{.target = path, .path = path};
  if (!etag.empty()) request.headers = {{"If-None-Match", etag}};
  std::vector<http::Method> allowed;
  const http::Route* route = router.match(request, allowed);
  return route == nullptr ? http::Response{.status = 404} : route->handler(request);
}

http::Response get(const std::string& path, std::string_view etag = "") {
  http::Router router;
  router.add_all(page_routes());
  router.add(root_route());
  return ask(router, path, etag);
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

TEST(MlflowUi, ServesTheFilesOfItsFolderAndNoOthers) {
  const store::testing::TempFolder folder;
  const auto put = [&](const std::string& name) {
    std::filesystem::create_directories((folder.path() / name).parent_path());
    std::ofstream(folder.path() / name) << name;
  };
  EXPECT_EQ(mlflow_ui_routes(folder.path() / "build").error().code, Code::kInvalidArgument);
  put("secret.txt");
  put("build/index.html");
  put("build/static/js/main.js");
  http::Router router;
  router.add_all(mlflow_ui_routes(folder.path() / "build").value());
  EXPECT_EQ(ask(router, "/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ask(router, "/").file->file, folder.path() / "build/index.html");
  EXPECT_EQ(ask(router, "/static-files/static/js/main.js").content_type,
            "text/javascript; charset=utf-8");
  for (const char* none : {"/static-files/", "/static-files/static", "/static-files/../secret.txt",
                           "/static-files/%2e%2e/secret.txt", "/static-files//etc/passwd"})
    EXPECT_EQ(ask(router, none).status, 404) << none;
}

}  // namespace
}  // namespace slipway::api::page
