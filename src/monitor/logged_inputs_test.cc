// The request log as a side of a drift report: a column at a time, of the live requests.
#include "monitor/logged_inputs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/testing/fakes.h"

namespace slipway::monitor {
namespace {

constexpr base::Timestamp kFrom{0}, kTo{1'000'000};

class LoggedInputsTest : public ::testing::Test {
 protected:
  void log(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = std::to_string(requests_.log.size());
      requests_.log.push_back({.id = id, .event_time = {i}, .prediction = 0.5, .x = 1.0 * i});
    }
  }
  Result<std::unique_ptr<ColumnSource>> open(std::int64_t rows_max = 1'000'000) {
    return open_inputs(requests_, "e", kFrom, kTo, rows_max);
  }

  testing::FakeRequests requests_;
};

std::vector<std::string> names_of(const ColumnSource& source) {
  std::vector<std::string> names;
  for (const auto& [name, type] : source.columns()) names.push_back(name);
  return names;
}

TEST_F(LoggedInputsTest, HasTheInputsOfLiveRequests) {
  log(250);
  requests_.log.push_back({.id = "shadowed", .event_time = {5}, .role = "shadow", .x = -1});
  requests_.log.push_back({.id = "tested", .event_time = {5}, .x = -1, .traffic = "load"});
  requests_.log.push_back({.id = "later", .event_time = kTo, .x = -1});
  const auto source = MUST(open());
  EXPECT_EQ(source->rows(), 250);
  EXPECT_EQ(names_of(*source), (std::vector<std::string>{"carrier", "prediction", "x"}));
  const types::Column x = MUST(source->read("x"));
  ASSERT_EQ(x.size(), 250u);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x.doubles[i], static_cast<double>(i));
  EXPECT_EQ(MUST(source->read("carrier")).size(), 250u);
}

TEST_F(LoggedInputsTest, ARetryCountsOnce) {
  log(250);
  for (int i = 0; i < 200; ++i) {
    requests_.log.push_back({.id = std::to_string(i), .event_time = {i}, .x = -1});
  }
  const auto source = MUST(open());
  EXPECT_EQ(source->rows(), 250);
  const types::Column x = MUST(source->read("x"));
  ASSERT_EQ(x.size(), 250u);
  EXPECT_EQ(std::count(x.doubles.begin(), x.doubles.end(), -1), 0);
}

TEST_F(LoggedInputsTest, ClassesAreWhatWasSaid) {
  for (const char* answer : {"\"cat\"", "[0.2, 0.8]", "7", "[]"})
    requests_.log.push_back({.id = answer, .prediction = std::nan(""), .answer = answer});
  const ProblemRules problem{.kind = Problem::kMulticlass, .classes = {"cat", "dog"}};
  const auto source = MUST(open_inputs(requests_, "e", kFrom, kTo, 10, problem));
  const types::Column said = MUST(source->read("prediction"));
  EXPECT_EQ(said.strings, (std::vector<std::string>{"cat", "dog", "", ""}));
  EXPECT_EQ(said.null_count(), 2u);
}

// What a request came with and the model doesn't take is no input, and no reference has it.
TEST_F(LoggedInputsTest, LeavesOutWhatTheModelDoesntTake) {
  log(10);
  requests_.kept_column = "request.campaign";
  EXPECT_EQ(names_of(*MUST(open())), (std::vector<std::string>{"carrier", "prediction", "x"}));
}

TEST_F(LoggedInputsTest, SaysHowManyAreTooMany) {
  log(200);
  EXPECT_TRUE(open(200));
  const auto refused = open(199);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("drift-rows-max=199"), std::string::npos);
  requests_.log.clear();
  EXPECT_EQ(open().error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace slipway::monitor
