#include <gtest/gtest.h>

#include <algorithm>

#include "api/dvc/dvc_routes.h"
#include "api/dvc/rules.h"
#include "base/hash.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::dvc {
namespace {

using http::Method;
using http::Request;
using http::Response;

class DvcTest : public ::testing::Test {
 protected:
  DvcTest() { std::filesystem::create_directory(folder_.path() / "scratch"); }

  static std::string path_of(std::string_view content) {
    const std::string md5 = base::md5_hex(content);
    return fmt::format("files/md5/{}/{}", md5.substr(0, 2), md5.substr(2));
  }
  const http::Route& route(Method method) const {
    return *std::ranges::find_if(routes_, [&](const http::Route& r) { return r.method == method; });
  }
  static Request request(Method method, std::string_view remote, std::string_view path) {
    Request request;
    request.method = method;
    request.path_params.add("remote") = remote;
    request.path_params.add("path") = path;
    return request;
  }
  Response put(std::string_view remote, std::string_view path, std::string_view content) {
    Request asked = request(Method::kPost, remote, path);
    auto sink = route(Method::kPost).open_sink(asked);
    if (!sink) return http::error_response(sink.error());
    asked.body_sink = std::move(*sink);
    if (const auto written = asked.body_sink->write(content); !written)
      return http::error_response(written.error());
    return route(Method::kPost).handler(asked);
  }
  Response get(std::string_view path, std::string_view range = "", Method method = Method::kGet) {
    Request asked = request(method, "data", path);
    if (!range.empty()) asked.headers = {{"Range", range}};
    return route(Method::kGet).handler(asked);
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  store::testing::TempFolder folder_;
  std::unique_ptr<store::ObjectStore> objects_ =
      store::open_folder_objects(folder_.path() / "root");
  base::SeededRandom random_{1};
  datasets::Remotes remotes_{*objects_, random_, folder_.path() / "scratch"};
  std::vector<http::Route> routes_ = dvc_routes(remotes_, {});
};

TEST_F(DvcTest, AFileComesAndGoes) {
  EXPECT_EQ(get(path_of("content")).status, 404);
  EXPECT_EQ(put("data", path_of("content"), "content").status, 201);
  EXPECT_EQ(put("data", path_of("content"), "content").status, 200);

  const Response whole = get(path_of("content"));
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.file->bytes, 7u);
  EXPECT_EQ(header(whole, "ETag"), '"' + base::md5_hex("content") + '"');
  const Response part = get(path_of("content"), "bytes=2-3");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.file->offset, 2u);
  EXPECT_EQ(part.file->bytes, 2u);
  EXPECT_EQ(header(part, "Content-Range"), "bytes 2-3/7");
  EXPECT_EQ(get(path_of("content"), "bytes=7-").status, 416);

  const Response head = get(path_of("content"), "", Method::kHead);
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.file);  // nothing is opened
  EXPECT_EQ(head.stream->bytes, 7u);

  Request gone = request(Method::kDelete, "data", path_of("content"));
  EXPECT_EQ(route(Method::kDelete).handler(gone).body, R"({"files":1,"bytes":7})");
  EXPECT_EQ(route(Method::kDelete).handler(gone).status, 404);
  EXPECT_EQ(get(path_of("content")).status, 404);
}

TEST_F(DvcTest, WhatIsRefusedSaysWhy) {
  const Response wrong = put("data", path_of("content"), "other");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("the content is not what its name says"), std::string::npos);
  EXPECT_EQ(put("..", path_of("content"), "content").status, 400);
  EXPECT_EQ(put("data", "files/md5/../../../x", "content").status, 400);
  EXPECT_EQ(get("files/md5").status, 404);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "root"));
}

TEST_F(DvcTest, EveryRouteHasARule) {
  for (const http::Route& one : routes_)
    EXPECT_NE(access::find_rule(rules(), one), nullptr) << http::method_name(one.method);
}

}  // namespace
}  // namespace slipway::api::dvc
