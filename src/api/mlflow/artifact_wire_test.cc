#include "api/mlflow/artifact_wire.h"

#include <gtest/gtest.h>

namespace slipway::api::mlflow {
namespace {

TEST(ContentDisposition, AsBrowsersReadIt) {
  for (const auto& [path, header] : std::vector<std::pair<const char*, const char*>>{
           {"a/b.txt", "attachment; filename=b.txt"},
           {"dog+step+20.png", "attachment; filename=dog+step+20.png"},
           {"a b.txt", "attachment; filename=\"a b.txt\""},
           {"a\"b", "attachment; filename=\"a\\\"b\""},
           {"\xc3\xbc.txt", "attachment; filename=.txt; filename*=UTF-8''%C3%BC.txt"},
           {"\xe6\x97\xa5", "attachment; filename=\"download\"; filename*=UTF-8''%E6%97%A5"}})
    EXPECT_EQ(content_disposition(path), header) << path;
}

TEST(SwitchedOff, SaysWhichRouteAndWhy) {
  const http::Response response = no_proxy("/api/2.0/mlflow-artifacts/artifacts/{path*}")({});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(
      response.body,
      "Endpoint: /api/2.0/mlflow-artifacts/artifacts/<path:artifact_path> disabled due to the "
      "mlflow server running with `--no-serve-artifacts`. To enable artifacts server "
      "functionality, run `mlflow server` with `--serve-artifacts`");
  EXPECT_NE(artifacts_only("/api/2.0/mlflow/runs/create")({}).body.find(
                "in `--artifacts-only` mode. To enable tracking server functionality"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::api::mlflow
