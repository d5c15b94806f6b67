// Where requests run that ask for predictions: whatever scores waits in the queue of its endpoint,
// and who is not let in hears of it in the words of its protocol.
#include "api/predict/call.h"

#include <gtest/gtest.h>

#include "api/predict/container_routes.h"
#include "api/predict/predict_routes.h"
#include "api/predict/testing/served_trees.h"

namespace slipway::api::predict {
namespace {

// Its model is quick, but nothing is quick enough for the threads of sockets.
class CallTest : public ::testing::Test {
 protected:
  CallTest() {
    trees_.deploy("late");
    router_.add_all(container_routes(served_, "late", "/ping", "/predict"));
    router_.add_all(predict_routes(served_));
  }

  const http::Route& route_of(http::Request& request) {
    std::vector<http::Method> others;
    const http::Route* const route = router_.match(request, others);
    CHECK(route != nullptr);
    return *route;
  }

  testing::ServedTrees trees_{{.inline_budget_us = 0}};
  const Served served_{.endpoints = trees_.endpoints(),
                       .version = "1",
                       .rehearses = [] { return false; },
                       .body_bytes_max = 1000};
  http::Router router_;
};

TEST_F(CallTest, WhatScoresWaitsInTheQueueOfItsEndpoint) {
  for (const std::string_view path :
       {"/v2/models/late/infer", "/v1/models/late:predict", "/endpoints/late/invocations",
        "/v1/projects/p/locations/l/endpoints/late:predict",
        "/v1/projects/p/locations/l/endpoints/late:rawPredict", "/score", "/invocations",
        "/predict"}) {
    http::Request request{.method = http::Method::kPost, .target = path, .path = path};
    const http::Route& route = route_of(request);
    ASSERT_TRUE(route.choose_lane) << path;
    EXPECT_EQ(route.choose_lane(request), http::Lane::kScoring) << path;
    EXPECT_EQ(route.queue(request), "late") << path;
  }
}

TEST_F(CallTest, AFullQueueIsToldInTheWordsOfTheProtocol) {
  const Error full = base::error(Code::kResourceExhausted, "queue is full");
  struct Case {
    std::string_view path, header;
    int status;
    std::string body;
  };
  const Case cases[] = {
      {"/v2/models/late/infer", "", 429, R"({"error":"queue is full"})"},
      {"/predict", "", 429, R"({"error":"queue is full"})"},
      {"/score", "", 429, R"({"error":{"code":"resource_exhausted","message":"queue is full"}})"},
      {"/invocations", "", 429,
       R"({"error_code":"REQUEST_LIMIT_EXCEEDED","message":"queue is full"})"},
      {"/endpoints/late/invocations", "", 429,
       R"({"error_code":"REQUEST_LIMIT_EXCEEDED","message":"queue is full"})"},
      {"/endpoints/late/invocations", "X-Amz-Date", 503, R"({"Message":"queue is full"})"},
  };
  for (const Case& c : cases) {
    http::Request request{.method = http::Method::kPost, .target = c.path, .path = c.path};
    if (!c.header.empty()) request.headers.emplace_back(c.header, "20260101T000000Z");
    const http::Response reply = route_of(request).refuse(request, full);
    EXPECT_EQ(reply.status, c.status) << c.path;
    EXPECT_EQ(reply.body, c.body) << c.path;
  }
}

TEST_F(CallTest, AnEndpointThatIsNotThereIsSaidAtOnce) {
  http::Request request{.method = http::Method::kPost,
                        .target = "/endpoints/nobody/invocations",
                        .path = "/endpoints/nobody/invocations"};
  EXPECT_EQ(route_of(request).choose_lane(request), http::Lane::kInline);
}

// A service that no longer gives what the model reads.
class LostFeatures final : public serving::FeatureLookup {
 public:
  Result<Shape> shape(const std::string&) override {
    return Shape{.request = {"key"},
                 .request_types = {RequestType::kText},
                 .outputs = {"a"},
                 .is_text = {false}};
  }
  Result<std::vector<serving::FeatureValue>> look_up(const std::string&,
                                                     std::span<const std::string>,
                                                     std::span<const std::string_view>,
                                                     std::span<const serving::Cell>,
                                                     std::span<const base::Timestamp>) override {
    return base::error(Code::kFailedPrecondition, "the service gives no feature a any more");
  }
};

// 501 said that the model can't be explained, whatever the endpoint's state was.
TEST(Explain, AStateThatIsWrongIsNotThatTheModelCannotBeExplained) {
  LostFeatures features;
  testing::ServedTrees trees(features, {});
  trees.deploy("late", serving::kSlots, "service");
  const Served served{.endpoints = trees.endpoints(),
                      .version = "1",
                      .rehearses = [] { return false; },
                      .body_bytes_max = 1000};
  http::Router router;
  router.add_all(predict_routes(served));
  http::Request request{.method = http::Method::kPost,
                        .target = "/v1/models/late:explain",
                        .path = "/v1/models/late:explain",
                        .body = R"({"instances":[{"key":"k","b":1,"c":"x","d":1,"e":"k75"}]})"};
  std::vector<http::Method> others;
  const http::Route* const route = router.match(request, others);
  ASSERT_NE(route, nullptr);
  const http::Response response = route->handler(request);
  EXPECT_EQ(response.status, http::http_status(Code::kFailedPrecondition)) << response.body;
  EXPECT_NE(response.body.find("gives no feature a any more"), std::string::npos) << response.body;
}

}  // namespace
}  // namespace slipway::api::predict
