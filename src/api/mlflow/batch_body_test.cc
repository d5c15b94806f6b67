// What the quick reader takes and what it leaves to the general one.
#include "api/mlflow/batch_body.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::api::mlflow {
namespace {

TEST(BatchBody, ReadsWhatClientsSend) {
  const auto batch = read_batch_body(
      R"({"run_id": "r1", "metrics": [
          {"key": "loss", "value": 0.1, "timestamp": 1700000000000, "step": 3},
          {"key": "n", "value": "NaN", "timestamp": "12", "step": "-4", "model_id": "m-1",
           "dataset_name": "d", "dataset_digest": "x", "unknown": {"a": [1]}},
          {"key": "\u00e9", "value": "-Infinity", "timestamp": 0}],
          "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": ""}], "more": 1})");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->run_id, "r1");
  ASSERT_EQ(batch->metrics.size(), 3u);
  EXPECT_EQ(batch->metrics[0].value, 0.1);
  EXPECT_EQ(batch->metrics[0].timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(batch->metrics[0].step, 3);
  EXPECT_TRUE(std::isnan(batch->metrics[1].value));
  EXPECT_EQ(batch->metrics[1].step, -4);
  EXPECT_EQ(batch->metrics[1].model_id, "m-1");
  EXPECT_EQ(batch->metrics[1].dataset_digest, "x");
  EXPECT_EQ(batch->metrics[2].key, "\xc3\xa9");
  EXPECT_EQ(batch->metrics[2].value, -INFINITY);
  EXPECT_EQ(batch->metrics[2].step, 0);
  EXPECT_EQ(batch->params[0].value, "1");
  EXPECT_EQ(batch->tags[0].key, "t");
  const auto metric = read_metric_body(
      R"({"run_uuid": "r1", "run_id": "r1", "key": "k", "value": 1, "timestamp": 2, "step": 3})");
  ASSERT_TRUE(metric);
  EXPECT_EQ(metric->metrics[0].key, "k");
}

TEST(BatchBody, LeavesTheUnusualToOthers) {
  for (const char* body :
       {"", "[]", "{", R"({"metrics": []})", R"({"run_id": 1})", R"({"run_id": null})",
        R"({"run_uuid": "r"})", R"({"run_id": "r", "metrics": {}})",
        R"({"run_id": "r", "metrics": [1]})", R"({"run_id": "r", "metrics": [{"key": "a"}]})",
        R"({"run_id": "r", "metrics": [{"key": "a", "value": NaN, "timestamp": 1}]})",
        R"({"run_id": "r", "metrics": [{"key": "a", "value": "1", "timestamp": 1}]})",
        R"({"run_id": "r", "metrics": [{"key": "a", "value": 1, "timestamp": 1.5}]})",
        R"({"run_id": "r", "metrics": [{"key": "a", "value": 1, "timestamp": 9007199254740993}]})",
        R"({"run_id": "r", "metrics": [{"key": "", "value": 1, "timestamp": 1}]})",
        R"({"run_id": "r", "params": [{"key": "a"}]})",
        R"({"run_id": "r", "params": [{"key": "a", "value": 1}]})"}) {
    EXPECT_FALSE(read_batch_body(body)) << body;
  }
  EXPECT_FALSE(read_metric_body(R"({"run_id": "r", "key": "a", "value": 1})"));
  EXPECT_FALSE(read_metric_body(R"({"run_id": "r", "value": 1, "timestamp": 1})"));
}

}  // namespace
}  // namespace slipway::api::mlflow
