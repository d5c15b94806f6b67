// Rules of an endpoint's inputs over columns: which rows break which, what becomes of them, what is
// counted.
#include "serving/input_policy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::serving {
namespace {

using types::OnViolation;

types::InputRules rules_of(const std::string& yaml) {
  return MUST(types::read_input_rules(MUST(types::YamlNode::parse(yaml))));
}

class InputPolicyTest : public ::testing::Test {
 protected:
  Result<std::shared_ptr<const InputPolicy>> make(const std::string& yaml) {
    return InputPolicy::make("late", rules_of(yaml), schema_, tally_, metrics_);
  }
  OnViolation check(const InputPolicy& policy) {
    policy.check(3, views_, found_);
    return policy.judge(found_, 3, verdicts_);
  }
  // Row r was asked r seconds after the epoch.
  void count(const InputPolicy& policy) {
    policy.count(
        found_, verdicts_, views_,
        [](std::size_t row) { return base::Timestamp{static_cast<std::int64_t>(row) * 1'000'000}; },
        [](std::size_t row) { return std::to_string(row); });
  }
  const LogSchema schema_ = {{"distance", false}, {"carrier", true}, {"request.flight", true}};
  const std::vector<double> distance_ = {100, 9e6, std::nan("")};
  const std::vector<std::string_view> carrier_ = {"AA", "XX", {}}, flight_ = {"1", "2", "3"};
  const std::vector<InputView> views_ = {
      {.numbers = distance_.data()}, {.texts = carrier_.data()}, {.texts = flight_.data()}};
  std::shared_ptr<InputTally> tally_ = std::make_shared<InputTally>();
  base::Metrics metrics_;
  std::vector<InputViolation> found_;
  std::vector<RowVerdict> verdicts_;
};

TEST_F(InputPolicyTest, NothingIsCheckedWithoutRules) {
  EXPECT_EQ(MUST(InputPolicy::make("late", {}, schema_, tally_, metrics_)), nullptr);
}

TEST_F(InputPolicyTest, TheGravestRuleOfARowSaysWhatBecomesOfIt) {
  const auto policy = MUST(make(R"(
on_violation: flag
columns:
  distance: {min: 0, max: 6000, required: true}
  carrier: {in: [AA, B6], on_violation: quarantine}
  flight: {in: ["1", "2", "3"]}
  elsewhere: {required: true, on_violation: reject}
)"));
  EXPECT_EQ(check(*policy), OnViolation::kQuarantine);
  EXPECT_FALSE(verdicts_[0].is_violated);
  EXPECT_EQ(verdicts_[1].broken, R"({"distance":"max","carrier":"in"})");
  EXPECT_EQ(verdicts_[1].on_violation, OnViolation::kQuarantine);
  EXPECT_EQ(verdicts_[2].broken, R"({"distance":"required"})");
  EXPECT_EQ(verdicts_[2].on_violation, OnViolation::kFlag);

  count(*policy);
  const InputTally::Counts counts = tally_->read();
  EXPECT_EQ(counts.quarantined, 1);
  EXPECT_EQ(counts.flagged, 1);
  ASSERT_EQ(counts.violations.size(), 3u);
  EXPECT_EQ(counts.violations[0].column, "carrier");
  EXPECT_EQ(counts.violations[0].last.back().value, "XX");
  EXPECT_EQ(counts.violations[0].last.back().request_id, "1");
  EXPECT_EQ(counts.violations[0].last.back().event_time.micros, 1'000'000);
  EXPECT_EQ(counts.violations[2].rule, "required");
  EXPECT_EQ(counts.violations[2].last.back().value, "");
  const std::string text = metrics_.prometheus_text();
  EXPECT_NE(text.find(R"(slipway_endpoint_violations_total{column="carrier",endpoint="late",)"
                      R"(on_violation="quarantine",rule="in"} 1)"),
            std::string::npos)
      << text;
}

TEST_F(InputPolicyTest, OneRowThatIsRejectedRefusesAll) {
  const auto policy = MUST(make(R"(
columns:
  distance: {max: 6000, on_violation: reject}
  carrier: {required: true}
)"));
  EXPECT_EQ(check(*policy), OnViolation::kReject);
  EXPECT_EQ(verdicts_[2].on_violation, OnViolation::kReject);
  const Error error = policy->refusal(found_, views_, 3);
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_NE(error.message.find("row 1"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("input distance"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("got=9000000 rule=\"max: 6000\""), std::string::npos)
      << error.message;
}

TEST_F(InputPolicyTest, ARuleThatCanNeverHoldIsRefused) {
  EXPECT_FALSE(make("columns: {distance: {in: [x]}}"));
  EXPECT_FALSE(make("columns: {carrier: {max: 3}}"));
  EXPECT_TRUE(make("columns: {distance: {in: [1, 2]}}"));
  EXPECT_TRUE(make("columns: {carrier: {in: [1, 2]}}"));
}

TEST_F(InputPolicyTest, OnlyTheLastExamplesAreKeptOverRequests) {
  const auto policy =
      MUST(make("{on_violation: flag, columns: {distance: {max: 50, required: true}}}"));
  check(*policy);  // rows 0 and 1 are above
  for (int request = 0; request < 3; ++request) count(*policy);
  const auto counts = tally_->read();
  ASSERT_EQ(counts.violations.size(), 2u);
  const ViolationCount& above = counts.violations[0];
  EXPECT_EQ(above.rule, "max");
  EXPECT_EQ(above.values, 6);
  std::string rows;
  for (const ViolationExample& example : above.last) rows += example.request_id;
  EXPECT_EQ(rows, "10101");
  EXPECT_EQ(counts.violations[1].values, 3);
}

}  // namespace
}  // namespace slipway::serving
