// Conditions of Kubeflow's compiler, as ours say them.
#include "kubeflow/cel.h"

#include <gtest/gtest.h>

namespace slipway::kubeflow {
namespace {

Result<ConditionInput> input_of(const std::string& name) {
  if (name == "flip") return ConditionInput{ParameterType::kText, "{flip/f#a}"};
  if (name == "n") return ConditionInput{ParameterType::kInteger, "{n}"};
  if (name == "x") return ConditionInput{ParameterType::kNumber, "{x}"};
  if (name == "b") return ConditionInput{ParameterType::kBoolean, "{b}"};
  if (name == "list") return ConditionInput{ParameterType::kList, "{list}"};
  return base::error(Code::kInvalidArgument, "no such input: {}", name);
}

TEST(Cel, IsTranslated) {
  const struct {
    const char *cel, *ours;
  } cases[] = {
      {"inputs.parameter_values['flip'] == 'heads'", "{flip/f#a} is 'heads'"},
      {"inputs.parameter_values['flip'] != \"it's\"", "not ({flip/f#a} is \"it's\")"},
      {"'\\'' == inputs.parameter_values['flip']", "\"'\" is {flip/f#a}"},
      {"int(inputs.parameter_values['n']) >= 5", "{n} >= 5"},
      {"inputs.parameter_values['x'] < -0.5", "{x} < -0.5"},
      {"double(inputs.parameter_values['n']) > inputs.parameter_values['x']", "{n} > {x}"},
      {"inputs.parameter_values['b'] == true", "{b} == true"},
      {"!(inputs.parameter_values['flip'] == 'a') && inputs.parameter_values['flip'] == 'b'",
       "(not ({flip/f#a} is 'a') and {flip/f#a} is 'b')"},
      {"inputs.parameter_values['n'] == 1 || inputs.parameter_values['n'] == 2\n && true == false",
       "({n} == 1 or ({n} == 2 and true == false))"},
      {"!(!(1 == 1) && !(2 == 2))", "not ((not (1 == 1) and not (2 == 2)))"},
  };
  for (const auto& [cel, ours] : cases) {
    const auto translated = translate_condition(cel, input_of);
    ASSERT_TRUE(translated) << cel << ": " << translated.error().message;
    EXPECT_EQ(*translated, ours) << cel;
  }
}

TEST(Cel, WhatOursCanNotSayIsRefused) {
  const struct {
    const char *cel, *says;
  } cases[] = {
      {"", "expected a value"},
      {"inputs.parameter_values['n']", "expected =="},
      {"inputs.parameter_values['none'] == 1", "no such input: none"},
      {"inputs.parameter_values['flip'] == 1", "STRING and NUMBER_INTEGER can't be compared"},
      {"inputs.parameter_values['flip'] < 'b'", "has an order of numbers only"},
      {"inputs.parameter_values['list'] == inputs.parameter_values['list']", "can't be compared"},
      {"int(inputs.parameter_values['x']) == 1", "can't be made NUMBER_INTEGER"},
      {"1 == 1 extra", "expected &&"},
      {"(1 == 1", "expected )"},
      {"'a == 1", "doesn't end"},
      {"'a\\x' == 'b'", "an escape"},
      {"'\\'\"' == 'b'", "quotes of both kinds"},
      {"size(inputs.parameter_values['list']) == 1", "expected a value"},
      {"1 == inf", "expected a value"},
  };
  for (const auto& [cel, says] : cases) {
    const auto translated = translate_condition(cel, input_of);
    ASSERT_FALSE(translated) << cel << " gave " << *translated;
    EXPECT_NE(translated.error().message.find(says), std::string::npos)
        << cel << ": " << translated.error().message;
  }
  const std::string opened(200, '('), closed(200, ')');
  EXPECT_FALSE(translate_condition(fmt::format("{}1 == 1{}", opened, closed), input_of));
}

}  // namespace
}  // namespace slipway::kubeflow
