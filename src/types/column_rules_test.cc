// Rules of columns: read, kept, asked of values, and made from values that are right.
#include "types/column_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace slipway::types {
namespace {

InputRules read(const std::string& yaml) {
  const auto rules = read_input_rules(MUST(YamlNode::parse(yaml)));
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? *rules : InputRules();
}

std::string refused(const std::string& yaml) {
  const auto rules = read_input_rules(MUST(YamlNode::parse(yaml)));
  EXPECT_FALSE(rules) << yaml;
  return rules ? "" : rules.error().message;
}

std::string broken(const char* rule) { return rule == nullptr ? "" : rule; }

TEST(ColumnRules, WhatIsReadIsKeptAndReadBack) {
  const InputRules rules = read(R"(
on_violation: quarantine
columns:
  distance: {type: double, min: 0, max: 6000, required: true, on_violation: reject}
  carrier: {in: [AA, B6]}
  seats: {}
  tail: {pattern: '^N\d{1,3}["A-Z: #]{0,2}$'}
)");
  EXPECT_EQ(rules.on_violation, OnViolation::kQuarantine);
  ASSERT_EQ(rules.columns.size(), 4u);
  EXPECT_EQ(rules.columns[0].on_violation, OnViolation::kReject);
  EXPECT_EQ(rules.columns[1].on_violation, std::nullopt);
  EXPECT_EQ(read(base::to_text(rules.to_json())), rules);
  const std::string yaml = rules.to_yaml();
  const auto part = MUST(MUST(YamlNode::parse(yaml)).map("")).find("inputs");
  ASSERT_TRUE(part) << yaml;
  EXPECT_EQ(MUST(read_input_rules(*part)), rules) << yaml;
}

TEST(ColumnRules, MistakesAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"columns: {a: {min: 3, max: 1}}", "max is less than min"},
      {"columns: {a: {min: x}}", "line 1"},
      {"columns: {a: {type: float}}", "line 1, column"},
      {"columns: {a: {minimum: 3}}", "minimum"},
      {"columns: {a: {on_violation: drop}}", "quarantine, reject or flag: got=drop"},
      {"{on_violation: refuse, columns: {}}", "got=refuse"},
      {"on_violation: flag", "columns"},
      {"columns: {a: {min: 1, in: [x]}}", "can't be both"},
      {"columns: {a: {type: string, max: 1}}", "can't be both"},
      {"columns: {a: {pattern: x, max: 1}}", "can't be both"},
      {"columns: {a: {pattern: 'é[a-'}}", "line 1, column"},
      {"columns: {a: {pattern: 'é[a-'}}", "missing ]: [a- at character 2"},
      {"columns: {a: {pattern: 'x(?=y)'}}", "at character"},
      {"columns: {a: {pattern: 'x)'}}", "no regular expression"},
  };
  for (const auto& [yaml, expected] : cases)
    EXPECT_NE(refused(yaml).find(expected), std::string::npos) << yaml << "\n" << refused(yaml);
}

TEST(ColumnRules, ValuesAreAskedOneByOne) {
  const ColumnCheck range({.name = "a", .type = {}, .min = 0, .max = 10, .in = {}, .required = {}});
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> numbers[] = {
      {0, ""},       {10, ""},           {-0.0, ""},         {-1e-9, "min"},
      {10.5, "max"}, {kInfinity, "max"}, {-kInfinity, "min"}};
  for (const auto& [value, expected] : numbers)
    EXPECT_EQ(broken(range.of_number(value)), expected) << value;
  EXPECT_EQ(broken(range.of_missing()), "");
  EXPECT_TRUE(range.surely_holds(std::vector<double>{0, 5, 10}));
  EXPECT_FALSE(range.surely_holds(std::vector<double>{0, 5, 10.5}));
  EXPECT_FALSE(range.surely_holds(std::vector<double>{0, std::nan("")}));
  EXPECT_EQ(broken(range.of_text("x")), "");

  const ColumnCheck whole(
      {.name = "a", .type = ColumnType::kInt64, .min = {}, .max = {}, .in = {}, .required = true});
  EXPECT_EQ(broken(whole.of_number(3)), "");
  EXPECT_EQ(broken(whole.of_number(3.5)), "type");
  EXPECT_EQ(broken(whole.of_number(kInfinity)), "type");
  EXPECT_EQ(broken(whole.of_missing()), "required");

  const ColumnCheck yes_or_no(
      {.name = "a", .type = ColumnType::kBool, .min = {}, .max = {}, .in = {}, .required = {}});
  EXPECT_EQ(broken(yes_or_no.of_number(1)), "");
  EXPECT_EQ(broken(yes_or_no.of_number(2)), "type");

  const ColumnCheck texts(
      {.name = "a", .type = {}, .min = {}, .max = {}, .in = {"AA", ""}, .required = {}});
  EXPECT_EQ(broken(texts.of_text("AA")), "");
  EXPECT_EQ(broken(texts.of_text("")), "");
  EXPECT_EQ(broken(texts.of_text("aa")), "in");

  const ColumnCheck tails({.name = "a", .in = {"N1AA", "n2"}, .pattern = "^N\\d"});
  EXPECT_EQ(broken(tails.of_text("N1AA")), "");
  EXPECT_EQ(broken(tails.of_text("N1AB")), "in");
  EXPECT_EQ(broken(tails.of_text("n2")), "pattern");
  const ColumnCheck anywhere({.name = "a", .pattern = "b.d"});
  EXPECT_EQ(broken(anywhere.of_text("abcde")), "");
  EXPECT_EQ(broken(anywhere.of_text("ab\ncde")), "pattern");
  EXPECT_EQ(broken(anywhere.of_text("")), "pattern");
  EXPECT_EQ(broken(anywhere.of_text("\xff b-d")), "");
  EXPECT_EQ(broken(anywhere.of_text("b\xff d")), "pattern") << "no text";
  EXPECT_EQ(broken(anywhere.of_missing()), "");
  const ColumnCheck slow({.name = "a", .pattern = "(a+)+$"});
  std::string text(100'000, 'a');
  text.push_back('b');
  EXPECT_EQ(broken(slow.of_text(text)), "pattern");

  const ColumnCheck numbers_in(
      {.name = "a", .type = {}, .min = {}, .max = {}, .in = {"1", "2.5"}, .required = {}});
  EXPECT_EQ(broken(numbers_in.of_number(2.5)), "");
  EXPECT_EQ(broken(numbers_in.of_number(2)), "in");
}

TEST(ColumnRules, ARuleIsMadeFromValuesThatAreRight) {
  Column distance = Column::of_type("distance", ColumnType::kDouble);
  for (const double value : {94.0, 1005.0, 4983.0}) distance.append_double(value);
  ColumnRule rule = infer_rule(distance, {});
  EXPECT_EQ(rule.min, 0);  // none was negative
  EXPECT_EQ(rule.max, 5500);
  EXPECT_TRUE(rule.required);
  distance.append_null();
  EXPECT_FALSE(infer_rule(distance, {}).required);

  Column temperature = Column::of_type("t", ColumnType::kDouble);
  for (const double value : {-0.31, 0.27}) temperature.append_double(value);
  rule = infer_rule(temperature, {});
  EXPECT_DOUBLE_EQ(*rule.min, -0.37);
  EXPECT_DOUBLE_EQ(*rule.max, 0.33);
  rule = infer_rule(temperature, {.margin = 0, .categories_max = 1});
  EXPECT_EQ(rule.min, -0.31);
  EXPECT_EQ(rule.max, 0.27);

  Column year = Column::of_type("year", ColumnType::kInt64);
  year.append_int(2013);
  year.append_int(2013);
  rule = infer_rule(year, {});
  EXPECT_EQ(rule.min, 2013);
  EXPECT_EQ(rule.max, 2013);
  EXPECT_EQ(rule.type, ColumnType::kInt64);

  Column carrier = Column::of_type("carrier", ColumnType::kString);
  for (const char* value : {"B6", "AA", "B6"}) carrier.append_string(value);
  EXPECT_EQ(infer_rule(carrier, {}).in, (std::vector<std::string>{"AA", "B6"}));
  EXPECT_TRUE(infer_rule(carrier, {.margin = 0, .categories_max = 1}).in.empty());

  Column rates = Column::of_type("rates", ColumnType::kDouble);
  for (const double value : {0.5, std::nan("")}) rates.append_double(value);
  EXPECT_FALSE(infer_rule(rates, {}).required) << "NaN is missing";
  Column tiny = Column::of_type("tiny", ColumnType::kDouble);
  for (const double value : {0.0, std::numeric_limits<double>::denorm_min()})
    tiny.append_double(value);
  EXPECT_EQ(infer_rule(tiny, {}).max, std::numeric_limits<double>::denorm_min());

  const Column nothing = Column::of_type("nothing", ColumnType::kDouble);
  rule = infer_rule(nothing, {});
  EXPECT_FALSE(rule.min || rule.max || rule.required);
}

}  // namespace
}  // namespace slipway::types
