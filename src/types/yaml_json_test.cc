#include "types/yaml_json.h"

#include <gtest/gtest.h>

namespace slipway::types {
namespace {

TEST(YamlJson, WhatIsQuotedIsTextAndTheRestIsWhatItLooksLike) {
  const struct {
    const char *yaml, *json;
  } cases[] = {
      {"a: 1\nb: '1'\nc: 1.0\nd: \"true\"\ne: true\nf: null\ng: ~\nh:\n",
       R"({"a":1,"b":"1","c":1E0,"d":"true","e":true,"f":null,"g":null,"h":null})"},
      {"- yes\n- 0.3.1\n- +5\n- -2e3\n- e5\n- 10s\n", R"(["yes","0.3.1",5,-2E3,"e5","10s"])"},
      {"text: |\n  12\nfolded: >-\n  true\n", R"({"text":"12\n","folded":"true"})"},
      {R"({"a":{"b":[1,"2",{"c":null}]},"d":"\u00e4\n"})",
       "{\"a\":{\"b\":[1,\"2\",{\"c\":null}]},\"d\":\"ä\\n\"}"},
      {"a: &x [1]\nb: *x\n", R"({"a":[1],"b":[1]})"},
  };
  for (const auto& [yaml, json] : cases) {
    const auto documents = yaml_as_json(yaml);
    ASSERT_TRUE(documents) << yaml << documents.error().message;
    ASSERT_EQ(documents->size(), 1u) << yaml;
    EXPECT_EQ(base::to_text(documents->front()), json) << yaml;
  }
}

// As ruamel.yaml 0.19 loads them, with which DVC reads.
TEST(YamlJson, NumbersAreThoseOfPython) {
  const struct {
    const char *text, *json;
  } cases[] = {
      {"0x0b11", "2833"},
      {"0x1F", "31"},
      {"0b11", "3"},
      {"0b1_1", "3"},
      {"0b12", "\"0b12\""},
      {"0o17", "15"},
      {"017", "17"},
      {"_1", "\"_1\""},
      {"1_000", "1000"},
      {"1_", "1"},
      {"+1_0", "10"},
      {"-_1", "-1"},
      {"1_000.5", "1.0005E3"},
      {"1_0.5_0", "1.05E1"},
      {"_1.5", "\"_1.5\""},
      {"-_1.5", "\"-_1.5\""},
      {"._5", "5E-1"},
      {"1._5", "1.5E0"},
      {"1_e3", "1E3"},
      {"1e1_0", "\"1e1_0\""},
      {"1.5e+1_0", "\"1.5e+1_0\""},
      {"+.5", "5E-1"},
      {"1.", "1E0"},
      {"1_000e-3", "1E0"},
  };
  for (const auto& [text, json] : cases) {
    const auto documents = yaml_as_json(text, {.python_numbers = true});
    ASSERT_TRUE(documents) << text << documents.error().message;
    EXPECT_EQ(base::to_text(documents->front()), json) << text;
  }
}

TEST(YamlJson, EachDocumentIsOne) {
  const auto documents = yaml_as_json("a: 1\n---\nb: 2\n---\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(base::to_text(documents->back()), R"({"b":2})");
  EXPECT_TRUE(yaml_as_json("")->empty());
}

TEST(YamlJson, MistakesAreToldWithTheirPlace) {
  const struct {
    const char *yaml, *says;
  } cases[] = {
      {"a: [1", "not valid YAML"},
      {"a: 1\na: 2", "line 2, column 1: the key comes twice: key=a"},
      {"[1]: 2", "a key must be text"},
      {"a: !thing 1", "a tag that has no meaning here"},
      {"a: .nan", "JSON has no such number"},
  };
  for (const auto& [yaml, says] : cases) {
    const auto documents = yaml_as_json(yaml);
    ASSERT_FALSE(documents) << yaml;
    EXPECT_EQ(documents.error().code, Code::kInvalidArgument) << yaml;
    EXPECT_NE(documents.error().message.find(says), std::string::npos)
        << yaml << ": " << documents.error().message;
  }
}

TEST(YamlJson, AliasesThatGrowEndAtALimit) {
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j ? "," : "", i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(yaml_as_json(bomb).error().code, Code::kResourceExhausted);
  EXPECT_EQ(yaml_as_json("[[[1]]]", {.nesting_max = 2}).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(yaml_as_json("[[1]]", {.nesting_max = 2}));
  const std::string long_text = fmt::format("a: &a {}\nb: [*a, *a, *a]\n", std::string(100, 'x'));
  EXPECT_TRUE(yaml_as_json(long_text, {.bytes_max = 402}));
  EXPECT_EQ(yaml_as_json(long_text, {.bytes_max = 401}).error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace slipway::types
