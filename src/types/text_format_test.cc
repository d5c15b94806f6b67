#include "types/text_format.h"

#include <gtest/gtest.h>

namespace slipway::types {
namespace {

TEST(TextFormatTest, FieldsAreMembersAndRepeatedOnesLists) {
  EXPECT_EQ(base::to_text(MUST(text_format_as_json(R"(
# a comment
feature { name: "a" 'b' type: INT, int_domain < min: -1; max: 0x10 > }
feature: { name: "\x41\102\n" deprecated: true shape { } }
none: []
one: [1.5f]
many: [1, 017, 2e-3]
max: -inf
[a.b/c] { x: 1 }
)"))),
            R"({"feature":[{"name":"ab","type":"INT","int_domain":{"min":-1,"max":16}},)"
            R"({"name":"AB\n","deprecated":true,"shape":{}}],"none":[],"one":[1.5E0],)"
            R"("many":[1,15,2E-3],"max":"-inf","[a.b/c]":{"x":1}})");
}

TEST(TextFormatTest, MistakesAreSaidWithTheirPlace) {
  for (const char* text : {"a", "a:", "a {", "a: \"", "a: \"\\q\"", "a: [1", "a: [1 2]", "a 1",
                           "a: 1x", "a: }", "[a", "1: 2", "a: '\xff'", "a: 1e999", "a < b: 1 }"}) {
    const auto refused = text_format_as_json(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << text;
    EXPECT_NE(refused.error().message.find("line 1 column "), std::string::npos) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "a {";
  EXPECT_NE(text_format_as_json(deep).error().message.find("too deep"), std::string::npos);
  EXPECT_NE(text_format_as_json("a: 1\nb c").error().message.find("line 2 column 3"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::types
