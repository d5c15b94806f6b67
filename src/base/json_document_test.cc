// The one-pass reader sees what the DOM of the rest of the server sees.
#include "base/json_document.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/json.h"
#include "base/utf8.h"

namespace slipway::base {
namespace {

Json to_dom(JsonValue value) {
  switch (value.kind()) {
    case JsonNode::Kind::kNull:
      return nullptr;
    case JsonNode::Kind::kBool:
      return value.number() != 0;
    case JsonNode::Kind::kNumber:
      return value.is_whole() ? Json(static_cast<std::int64_t>(value.number()))
                              : Json(value.number());
    case JsonNode::Kind::kText:
      return Json(value.text());
    case JsonNode::Kind::kArray: {
      JsonArray array;
      for (const JsonValue each : value.values()) array.push_back(to_dom(each));
      EXPECT_EQ(array.size(), value.size());
      return array;
    }
    case JsonNode::Kind::kObject: {
      JsonObject object;
      for (const auto& [key, each] : value.members()) object[key] = to_dom(each);
      return object;
    }
  }
  return nullptr;
}

TEST(JsonDocument, ReadsWhatTheDomReads) {
  JsonDocument document;
  for (const char* text : {"{}",
                           "[]",
                           " [ ] ",
                           "null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "12",
                           "-1.5",
                           "1e3",
                           "1E+2",
                           "2.5e-3",
                           R"("")",
                           R"("a b")",
                           R"({"a":1,"b":[1,2.5,null,{"c":"d"}],"e":{}})",
                           R"(["\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00", "plain"])",
                           "\"\xC3\xA4\xE2\x82\xAC\"",
                           "[[[[[[]]]],[]]]",
                           "\t\r\n{\"a\" : \"b\"\n,\"c\":\t[1 , 2]}\n",
                           R"({"a":1,"a":2})"}) {
    const auto parsed = document.parse(text);
    ASSERT_TRUE(parsed) << text << parsed.error().message;
    EXPECT_EQ(to_dom(*parsed), base::parse_json(text).value()) << text;
  }
}

TEST(JsonDocument, RefusesWhatTheDomRefuses) {
  JsonDocument document;
  const std::string deep(JsonDocument::kDepthMax + 1, '[');
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "[",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,]",
                                      "[1 2]",
                                      "{,}",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      R"({a:1})",
                                      "tru",
                                      "nul",
                                      "NaN",
                                      "Infinity",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "\"",
                                      "\"a",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\udc00\"",
                                      "\"\n\"",
                                      "\"\x80\"",
                                      "\"\xC0\xAF\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xF4\x90\x80\x80\"",
                                      "\"\xE2\x82\"",
                                      "\"\\n\xFF\"",
                                      "1 1",
                                      "{}x",
                                      "'a'",
                                      deep.c_str(),
                                      "/**/1"}) {
    EXPECT_FALSE(base::parse_json(text) && text != deep) << text;
    const auto parsed = document.parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find("at byte"), std::string::npos);
  }
}

TEST(JsonDocument, WholeNumbersBeyondADoubleStayExact) {
  struct Case {
    const char* text;
    bool is_large;
    std::optional<std::uint64_t> magnitude;
  };
  const Case cases[] = {{"9007199254740992", false, 9007199254740992u},
                        {"9007199254740993", true, 9007199254740993u},
                        {"-9007199254740993", true, 9007199254740993u},
                        {"-7", false, 7u},
                        {"9223372036854775807", true, 9223372036854775807u},
                        {"18446744073709551615", true, 18446744073709551615u},
                        {"18446744073709551616", true, std::nullopt}};
  JsonDocument document;
  for (const Case& c : cases) {
    const std::string list = fmt::format("[{},{{\"a\":{}}},1]", c.text, c.text);
    const auto parsed = document.parse(list);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->values().front().is_large(), c.is_large) << c.text;
    EXPECT_EQ(parsed->values().front().magnitude(), c.magnitude) << c.text;
    EXPECT_EQ(to_dom(*parsed).as_array().back(), Json(1)) << c.text;
  }
}

TEST(JsonDocument, NumbersAreTheNearestDoubles) {
  JsonDocument document;
  for (const char* text :
       {"0.1", "-0.3", "123456.789012", "9007199254740993", "9007199254740992.5", "1e22", "1e23",
        "8.5e-23", "1.7976931348623157e308", "4.9e-324", "2.2250738585072011e-308", "1e-400",
        "0.00000000000000000000000000000000000000000000000000001", "123456789012345678901234567890",
        "3.141592653589793238462643383279502884197", "0.1234567890123456789012345678901234567890e5",
        "-1e-400", "18446744073709551615"}) {
    const auto parsed = document.parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->number(), std::strtod(text, nullptr)) << text;
    EXPECT_EQ(std::signbit(parsed->number()), text[0] == '-') << text;
  }
  const std::string nines(400, '9'), point = nines + ".0";
  for (const std::string_view text : {"1e309", "-1e400", nines.c_str(), point.c_str()})
    EXPECT_FALSE(document.parse(text)) << text;
}

TEST(JsonDocument, ExponentsGoAsFarAsTheDomTakesThem) {
  JsonDocument document;
  for (const std::string_view text :
       {"0e2147483647", "1e-2147483647", "0e-2147483647", "0.5e-2147483647", "1e0000000000001"}) {
    EXPECT_TRUE(document.parse(text)) << text;
    EXPECT_TRUE(parse_json(text)) << text;
  }
  for (const std::string_view text :
       {"0e37854775807", "1e-37854775807", "0e2147483648", "1e-2147483648", "0.25e-2147483647"}) {
    EXPECT_FALSE(document.parse(text)) << text;
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(JsonDocument, TextsEndWhereTheyEndAtEveryLength) {
  JsonDocument document;
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string plain(length, 'x');
    for (const std::string& inside : {plain, plain + "\xC3\xA4", "\xC3\xA4" + plain}) {
      for (const std::string& behind : {std::string(), std::string(", \"an other text\"")}) {
        const std::string text = "[\"" + inside + "\"" + behind + "]";
        const auto parsed = document.parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->values().front().text(), inside);
        // The same bytes, broken at the end of the text.
        std::string broken = text;
        broken[1 + inside.size()] = '\xFF';
        EXPECT_FALSE(document.parse(broken)) << broken;
        broken[1 + inside.size()] = '\n';
        EXPECT_FALSE(document.parse(broken)) << broken;
      }
    }
  }
}

TEST(JsonDocument, FindGivesTheLastMemberThatIsThere) {
  JsonDocument document;
  const std::string text = R"({"a":1,"b":null,"a":3})";
  const JsonValue value = document.parse(text).value();
  EXPECT_EQ(value.find("a")->number(), 3);
  EXPECT_FALSE(value.find("b"));
  EXPECT_FALSE(value.find("c"));
}

TEST(JsonDocument, AppendsAsTextAgain) {
  JsonDocument document;
  const std::string text =
      R"( {"a": [1, -2.5, 1e300, 1.0, true, null, "q\"\\\n\u00e4"], "e": {}, "f": [], "g": {"h": false}} )";
  std::string out;
  append_json(out, document.parse(text).value());
  EXPECT_EQ(out,
            "{\"a\":[1,-2.5,1e+300,1,true,null,\"q\\\"\\\\\\u000a\xC3\xA4\"],\"e\":{},\"f\":[],"
            "\"g\":{\"h\":"
            "false}}");
}

TEST(ValidUtf8, EveryByteThatIsNoCharacterIsReplaced) {
  EXPECT_EQ(valid_utf8("caf\xC3\xA9 \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(valid_utf8("a\xFF\xC3z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(valid_utf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(is_utf8(valid_utf8("\x80\xF5\xF0\x80\x80\x80\n")));
}

}  // namespace
}  // namespace slipway::base
