// What MLflow's file store writes, and what no MLflow wrote.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "api/mlflow_source/local_folder.h"
#include "api/mlflow_source/metric_file.h"
#include "api/mlflow_source/source.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::mlflow_source {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(MetricFile, Lines) {
  const auto points = MUST(parse_metric_file(
      "1 0.5 0\n2 nan 1\r\n\n3 inf -2\n4 -inf 3\n5 1e-05\n6 7 8 rows abc\n7 1.5 9", "loss"));
  ASSERT_EQ(points.size(), 7u);
  EXPECT_TRUE(std::isnan(points[1].value));
  EXPECT_EQ(points[2].step, -2);
  EXPECT_EQ(points[2].value, INFINITY);
  EXPECT_EQ(points[4].value, 1e-5);
  EXPECT_EQ(points[4].step, 0);
  EXPECT_EQ(points[5].step, 8);
  EXPECT_EQ(points[6].timestamp_ms, 7);
  EXPECT_TRUE(MUST(parse_metric_file("", "loss")).empty());
}

TEST(MetricFile, BrokenLinesAreNamed) {
  for (const std::string line :
       {"1", "1 x 0", "x 1 0", "1 1 1.5", "1 1 0 rows", "1 1 0 rows abc more", " 1 1 0", "1  1 0",
        "99999999999999999999 1 0"}) {
    SCOPED_TRACE(line);
    const auto points = parse_metric_file("1 1 1\n" + line + "\n", "loss");
    ASSERT_FALSE(points);
    EXPECT_EQ(points.error().code, Code::kInvalidArgument);
    EXPECT_NE(points.error().message.find("line=2"), std::string::npos) << points.error().message;
  }
}

TEST(LocalPath, Schemes) {
  EXPECT_EQ(local_path("/a/b"), "/a/b");
  EXPECT_EQ(local_path("./mlruns/0"), "./mlruns/0");
  EXPECT_EQ(local_path("file:///a%20b/c"), "/a b/c");
  EXPECT_EQ(local_path("file:/a"), "/a");
  EXPECT_EQ(local_path("s3://bucket/a"), std::nullopt);
  EXPECT_EQ(local_path("mlflow-artifacts:/0/a"), std::nullopt);
  EXPECT_EQ(local_path(""), std::nullopt);
  EXPECT_TRUE(is_remote("s3://bucket/a"));
  EXPECT_FALSE(is_remote("mlflow-artifacts:/0/a"));
}

class FolderSource : public ::testing::Test {
 protected:
  FolderSource() {
    write(root_ / "3/meta.yaml",
          "experiment_id: '3'\nname: churn\nlifecycle_stage: active\n"
          "artifact_location: /moved/3\ncreation_time: 5\n");
    write(root_ / "3/abc/meta.yaml",
          "run_id: abc\nrun_name: one\nuser_id: ann\nstatus: 3\nstart_time: 10\nend_time: null\n"
          "lifecycle_stage: deleted\nartifact_uri: /moved/3/abc/artifacts\n");
    write(root_ / "3/abc/metrics/val/loss", "1 0.5 0\n");
    write(root_ / "3/abc/params/lr", "0.1\n");
    write(root_ / "3/abc/artifacts/a/b.txt", "hello");
    write(root_ / "3/tags/team", "growth");
    write(root_ / "3/datasets/no-run/meta.yaml", "name: d\n");
  }
  std::vector<tracking::ImportedRun> read(Source& source) {
    std::vector<tracking::ImportedRun> found;
    MUST(source.runs("3", [&](tracking::ImportedRun run) -> Result<void> {
      found.push_back(std::move(run));
      return {};
    }));
    return found;
  }

  store::testing::TempFolder folder_;
  const std::filesystem::path root_ = folder_.path() / "mlruns";
};

TEST_F(FolderSource, ReadsWhatIsThere) {
  const auto source = MUST(open_source(root_.string(), {}));
  EXPECT_EQ(MUST(source->experiments()).front().tags.front().value, "growth");
  const auto runs = read(*source);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].run.stage, tracking::Stage::kDeleted);
  EXPECT_EQ(runs[0].run.end_ms, std::nullopt);
  EXPECT_EQ(runs[0].points.front().key, "val/loss");
  EXPECT_EQ(runs[0].run.params.front().value, "0.1\n");  // as it was logged
  // The folder was moved: what lies in it counts, not what its URIs say.
  const auto artifacts = MUST(source->artifacts("/moved/3/abc/artifacts"));
  ASSERT_NE(artifacts, nullptr);
  EXPECT_EQ(MUST(artifacts->files()).front().path, "a/b.txt");
}

TEST_F(FolderSource, ABrokenFileIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"run_id: [", "meta.yaml"},
      {"run_id: abc\nstatus: 9\n", "no such run status"},
      {"- a\n- b\n", "must be a mapping"}};
  for (const auto& [text, expected] : cases) {
    SCOPED_TRACE(text);
    write(root_ / "3/abc/meta.yaml", text);
    const auto source = MUST(open_source(root_.string(), {}));
    const auto read = source->runs("3", [](tracking::ImportedRun) { return Result<void>(); });
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find(expected), std::string::npos) << read.error().message;
  }
}

TEST_F(FolderSource, WhatIsNoMlflowIsRefused) {
  const std::vector<std::pair<std::string, Code>> cases = {
      {folder_.path() / "nowhere", Code::kNotFound},
      {folder_.path().string(), Code::kInvalidArgument},
      {"sqlite:///" + (folder_.path() / "nowhere.db").string(), Code::kNotFound},
      {"sqlite:///" + (root_ / "3/meta.yaml").string(), Code::kCorruption},
      {"mysql://host/db", Code::kInvalidArgument}};
  for (const auto& [source, code] : cases) {
    SCOPED_TRACE(source);
    const auto opened = open_source(source, {});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
  }
}

}  // namespace
}  // namespace slipway::api::mlflow_source
