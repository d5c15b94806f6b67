// What `when` may say, and what it means.
#include "pipelines/condition.h"

#include <gtest/gtest.h>

#include <map>

namespace slipway::pipelines {
namespace {

const std::map<std::string, std::string> kParams = {{"n", "3"}, {"country", "US"}};
const std::map<std::string, std::string> kOutputs = {{"{m/f#auc}", "0.61"}, {"{m/f}", "1e1"}};

const ConditionSources kSources = {
    .params = kParams,
    .output = [](const ConditionOperand& operand) -> Result<std::string> {
      const auto found = kOutputs.find(operand.text);
      if (found == kOutputs.end()) return base::error(Code::kNotFound, "no {}", operand.text);
      return found->second;
    },
    .run_state = [] { return std::string("failed"); }};

TEST(Condition, Holds) {
  const std::pair<const char*, bool> cases[] = {
      {"1 < 2", true},
      {"2 <= 1", false},
      {"{n} == 3.0", true},
      {"{n} != 3", false},
      {"{n} == '3'", true},
      {"{country} == 'US'", true},
      {"{country} != \"US\"", false},
      {"'a' == 'b'", false},
      {"true == 'true'", true},
      {"{n} is '3'", true},
      {"{n} is '3.0'", false},
      {"not ({country} is 'US') or {n} is 3", true},
      {"{m/f#auc} > 0.7", false},
      {"{m/f} >= 10", true},
      {"{run.state} == 'failed'", true},
      {"not 1 == 2", true},
      {"not not 1 == 2", false},
      {"1 == 1 or {m/none} == 1 and 1 == 2", true},  // and binds closer; the rest isn't asked for
      {"(1 == 1 or {m/none} == 1) and 1 == 2", false},
      {"1 == 2 and {m/none} == 1", false},
      {"1 == 2 or -1 < 1e-3", true},
      {"\t1==1\nand\n2>1 ", true},
  };
  for (const auto& [text, holds] : cases) {
    const auto condition = Condition::parse(text);
    ASSERT_TRUE(condition) << condition.error().message;
    const auto outcome = condition->evaluate(kSources);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->holds, holds) << text;
  }
}

TEST(Condition, SaysWhatItCompared) {
  const auto outcome =
      Condition::parse("{country} == 'US' and {m/f#auc} > 0.7")->evaluate(kSources);
  EXPECT_EQ(outcome->why, "{country} (US) == US, {m/f#auc} (0.61) > 0.7");
}

TEST(Condition, WhatCanNotBeTold) {
  const std::pair<const char*, const char*> cases[] = {{"{m/none} == 1", "no {m/none}"},
                                                       {"{country} < 1", "needs two numbers"}};
  for (const auto& [text, says] : cases) {
    const auto outcome = Condition::parse(text)->evaluate(kSources);
    ASSERT_FALSE(outcome) << text;
    EXPECT_NE(outcome.error().message.find(says), std::string::npos) << outcome.error().message;
  }
}

TEST(Condition, MistakesHaveTheirPlace) {
  std::string many = "1 == 1";
  for (int i = 0; i < 100; ++i) many += " or 1 == 1";
  const std::pair<std::string, const char*> cases[] = {
      {many, "too many comparisons"},
      {"", "expected a value at position 1"},
      {"1", "expected =="},
      {"1 == ", "expected a value at position 6"},
      {"1 = 1", "expected =="},
      {"1 island", "expected =="},
      {"1 == 1 2", "expected and, or, or the end at position 8"},
      {"(1 == 1", "expected ) at position 8"},
      {"US == 1", "a text in quotes"},
      {"'US == 1", "doesn't end at position 1"},
      {"{a == 1", "doesn't end"},
      {"{a/../b} == 1", "below the step's outputs"},
      {"{a//etc} == 1", "below the step's outputs"},
      {"{a/} == 1", "below the step's outputs"},
      {"{a/f#} == 1", "no member"},
      {"nan == 1", "expected a number"},
      {std::string(60, '('), "too many parentheses"},
  };
  for (const auto& [text, says] : cases) {
    const auto parsed = Condition::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
  }
}

TEST(JsonValue, ReadsWhatIsOneValue) {
  const std::string_view document = R"({"a": {"b": 0.5, "c": [1]}, "d": true, "e": "x", "f": 7})";
  const std::pair<const char*, const char*> good[] = {
      {"a.b", "0.5"}, {"d", "true"}, {"e", "x"}, {"f", "7"}};
  for (const auto& [member, value] : good) EXPECT_EQ(*json_value(document, member), value);
  for (const char* member : {"a", "a.c", "g", "a.g", "d.x", ""})
    EXPECT_FALSE(json_value(document, member)) << member;
  EXPECT_FALSE(json_value("no", "a"));
}

}  // namespace
}  // namespace slipway::pipelines
