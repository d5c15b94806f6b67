#include "registry/sources.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "store/testing/temp_folder.h"

namespace slipway::registry {
namespace {

TEST(Sources, PlainPlacesPass) {
  for (const char* source :
       {"s3://bucket/path/to/model", "mlflow-artifacts:/models", "mlflow-artifacts:/models/",
        "mlflow-artifacts:/models///", "mlflow-artifacts:/models/foo///bar",
        "mlflow-artifacts://host:9000/models", "mlflow-artifacts://host:9000/m/artifact/..../",
        "runs:/abc/model", "models:/m-1", "models:/name@alias", "https://host/a%20b"}) {
    EXPECT_TRUE(check_plain_source(source)) << source;
  }
}

TEST(Sources, NoRelativePathHoweverItIsWritten) {
  for (const char* source :
       {"mlflow-artifacts://host:9000/models/../../../", "http://host:9000/models/../../../",
        "s3a://bucket/a/../../", "ftp://host:8888/a/..", "mlflow-artifacts:/a/./b",
        "mlflow-artifacts://host:9000/models/..%2f..%2fartifacts", "mlflow-artifacts:/a/%2e%2e/b",
        "mlflow-artifacts:/a/%252e%252e/b", "mlflow-artifacts:/a/%25252e%25252e%25252fb",
        "mlflow-artifacts:/a%2", "mlflow-artifacts:/%2e%2", "dbfs:/x/artifacts/a%3f/../../../",
        "mlflow-artifacts:/a%00", "mlflow-artifacts:/a%2500", "s3://bucket",
        "mlflow-artifacts:models"}) {
    const auto checked = check_plain_source(source);
    if (std::string_view(source).ends_with("%2")) {
      EXPECT_TRUE(checked) << source;  // a broken escape is no escape
      continue;
    }
    ASSERT_FALSE(checked) << source;
    EXPECT_TRUE(checked.error().message.starts_with("Invalid model version source: ")) << source;
  }
}

TEST(Sources, LocalPaths) {
  EXPECT_TRUE(is_local_source("/tmp/model").value());
  EXPECT_TRUE(is_local_source("model").value());
  EXPECT_TRUE(is_local_source("file:///tmp/model").value());
  EXPECT_TRUE(is_local_source("file://localhost/tmp/model").value());
  EXPECT_FALSE(is_local_source("s3://bucket/model").value());
  EXPECT_FALSE(is_local_source("mlflow-artifacts:/model").value());
  EXPECT_FALSE(is_local_source("file://123.456.789.123/path"));
}

TEST(Sources, OnlyWithinTheFolder) {
  const store::testing::TempFolder folder;
  const std::filesystem::path run = folder.path() / "run" / "artifacts";
  std::filesystem::create_directories(run / "model");
  std::filesystem::create_directories(folder.path() / "secret");
  std::filesystem::create_directory_symlink(folder.path() / "secret", run / "link");
  const std::string root = "file://" + run.string();
  for (const std::string& inside :
       {run.string(), root, root + "/model", root + "/.", root + "/model/..", root + "/later/on"})
    EXPECT_TRUE(lies_within(inside, root)) << inside;
  for (const std::string& outside :
       {std::string("/"), std::string("/tmp"), root + "/..", root + "/../other", root + "-too",
        root + "/link", root + "/%2e%2e/x", run.string() + "/%2e%2e/x",
        run.string() + "/%252e%252e/x", run.string() + "/a%00"})
    EXPECT_FALSE(lies_within(outside, root)) << outside;
}

TEST(Sources, ModelReferences) {
  EXPECT_EQ(parse_model_reference("models:/m-4711")->model_id, "m-4711");
  EXPECT_EQ(parse_model_reference("models:/name/3")->version, 3);
  EXPECT_EQ(parse_model_reference("models:/name@champion")->alias, "champion");
  EXPECT_EQ(parse_model_reference("models:/name/Production")->stage, "Production");
  EXPECT_EQ(parse_model_reference("models:/name/latest")->model, "name");
  EXPECT_EQ(parse_model_reference("models:/name/latest")->stage, "");
  for (const char* wrong : {"models:/", "models:/a/b/c", "models:/name/", "models:/@a",
                            "models:/a@", "models://host/a/1", "models:a"})
    EXPECT_FALSE(parse_model_reference(wrong)) << wrong;
}

TEST(Sources, ThePattern) {
  const auto pattern = SourcePattern::compile("^mlflow-artifacts:/.*$").value();
  EXPECT_TRUE(pattern.allows("mlflow-artifacts:/models"));
  EXPECT_FALSE(pattern.allows("s3://bucket/model"));
  EXPECT_FALSE(pattern.allows("mlflow-artifacts:/" + std::string(5'000, 'a')));
  std::string almost(60, 'a');
  almost.push_back('b');
  // Of Python's syntax, and no pattern holds the server up.
  EXPECT_FALSE(SourcePattern::compile("(?<=s3://)private").value().allows("s3://public"));
  EXPECT_FALSE(SourcePattern::compile("^(a+)+$").value().allows(almost));
  EXPECT_EQ(SourcePattern::compile("(").error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::registry
