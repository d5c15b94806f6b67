#include "types/yaml_reader.h"

#include <gtest/gtest.h>

namespace slipway::types {
namespace {

Result<double> weight_of(std::string_view text) {
  YamlMap root = TRY(TRY(YamlNode::parse(text)).map("thing"));
  const double weight = TRY(TRY(root.get("weight")).number());
  TRY(root.find_integer("count", 1, 5));
  TRY(root.find_integer("least", 0));
  if (auto hold = root.find("hold")) TRY(hold->duration());
  if (auto names = root.find("names")) {
    for (const YamlNode& name : TRY(names->list())) TRY(name.text());
  }
  TRY(root.finish());
  return weight;
}

TEST(YamlReader, ReadsWhatIsDeclared) {
  EXPECT_EQ(weight_of("weight: 1.5\nhold: 24h\nnames: [a, b]\n").value(), 1.5);
  EXPECT_EQ(weight_of("{weight: 2, hold: }").value(), 2);
  EXPECT_EQ(weight_of("{weight: 2, count: 5, least: 0}").value(), 2);
}

TEST(YamlReader, TellsWhereTheMistakeIs) {
  const std::pair<const char*, const char*> cases[] = {
      {"weight: [1", "not valid YAML"},
      {"weight: 1\nhold: a: b\n", "line 2, column"},
      {"weight: heavy\n", "line 1, column 9: expected a number: text=heavy"},
      {"weight: nan\n", "line 1, column 9: expected a number"},
      {"weight: 1\ncount: 0\n", "line 2, column 8: count must be from 1 to 5: got=0"},
      {"weight: 1\ncount: 6\n", "count must be from 1 to 5: got=6"},
      {"weight: 1\ncount: 1.5\n", "expected a whole number: text=1.5"},
      {"weight: 1\nleast: -1\n", "least must be at least 0: got=-1"},
      {"weight: 1\nhold: soon\n", "line 2, column 7: not a duration"},
      {"weight: 1\nhold: 3000000d\n", "line 2, column 7: not a duration"},
      {"weight: 1\nhold: [1h]\n", "line 2, column 7: expected text"},
      {"weight: 1\nnames: a\n", "line 2, column 8: expected a list"},
      {"hold: 1h\n", "line 1, column 1: thing needs a key: key=weight"},
      {"weight: 1\n  \nwieght: 2\n",
       "line 3, column 1: thing has no such key: key=wieght known=weight, count, least, hold, "
       "names"},
      {"weight: 1\nweight: 2\n", "line 2, column 1: the key comes twice: key=weight"},
      {"- weight\n", "line 1, column 1: thing must be a mapping"},
      {"", "thing must be a mapping"},
      {"weight: 1\n---\nweight: 2\n", "line 3, column 1: one document is expected"},
  };
  for (const auto& [text, message] : cases) {
    const Result<double> got = weight_of(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, Code::kInvalidArgument);
    EXPECT_NE(got.error().message.find(message), std::string::npos) << got.error().message;
  }
}

TEST(YamlReader, AliasesThatGrowEndAtALimit) {
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 30; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j > 0 ? "," : "", i - 1);
    bomb += "]\n";
  }
  const auto parsed = YamlNode::parse(bomb);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  EXPECT_NE(parsed.error().message.find("aliases stand for too much"), std::string::npos);
}

}  // namespace
}  // namespace slipway::types
