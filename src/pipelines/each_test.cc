// Items of steps with `each`: what they are and what a command says of them.
#include "pipelines/each.h"

#include <gtest/gtest.h>

namespace slipway::pipelines {
namespace {

TEST(Each, YamlBecomesJson) {
  const std::pair<const char*, const char*> cases[] = {
      {"[1, 0.5, -3]", "1 0.5 -3"},
      {"[true, no, null]", "true \"no\" null"},
      {"[007, 1e3, 0.10, 1.5.2]",
       "\"007\" \"1e3\" \"0.10\" \"1.5.2\""},  // stay as they are written
      {"['a b', \"it's\", '[1]']", "\"a b\" \"it's\" \"[1]\""},
      {"[{lr: 2, on: [a, 1]}, [1, 2]]", "{\"lr\":2,\"on\":[\"a\",1]} [1,2]"},
      {"[]", ""},
  };
  for (const auto& [yaml, items] : cases) {
    const auto each = read_each(MUST(types::YamlNode::parse(yaml)));
    ASSERT_TRUE(each) << yaml << each.error().message;
    std::string text;
    for (const std::string& item : each->items) text += (text.empty() ? "" : " ") + item;
    EXPECT_EQ(text, items) << yaml;
  }
  EXPECT_EQ(read_each(MUST(types::YamlNode::parse("'{list/files.json#a.b}'")))->source->member,
            "a.b");
  EXPECT_EQ(read_each(MUST(types::YamlNode::parse("'{rates}'")))->source->name, "rates");
  for (const char* wrong : {"{a: 1}", "word", "'{a} {b}'", "'{run.state}'", "'{a'", "'{s/../x}'"})
    EXPECT_FALSE(read_each(MUST(types::YamlNode::parse(wrong)))) << wrong;
}

TEST(Each, ListsAreFoundInDocuments) {
  EXPECT_EQ(MUST(items_of("[1, \"a\", {\"b\": 2}]", "")),
            (std::vector<std::string>{"1", "\"a\"", "{\"b\":2}"}));
  EXPECT_EQ(MUST(items_of("{\"a\": {\"b\": [3]}}", "a.b")), std::vector<std::string>{"3"});
  EXPECT_TRUE(MUST(items_of("[]", "")).empty());
  EXPECT_EQ(items_of("{\"a\": 1}", "a").error().code, Code::kInvalidArgument);
  EXPECT_EQ(items_of("{\"a\": 1}", "b").error().code, Code::kNotFound);
  EXPECT_EQ(items_of("a.csv\nb.csv\n", "").error().code, Code::kInvalidArgument);
}

TEST(Each, ACommandNamesTheItemAndItsMembers) {
  const auto render = [](std::string_view command, const std::string& item) -> std::string {
    const auto pieces = parse_command(command, Items::kAllowed);
    const auto texts = item_texts(pieces, item);
    if (!texts) return texts.error().message;
    return render_command(pieces, [&](const std::string& name) { return texts->at(name); });
  };
  EXPECT_EQ(render("echo {item}", "0.1"), "echo 0.1");
  EXPECT_EQ(render("echo {item}", "\"it's\""), "echo 'it'\\''s'");
  EXPECT_EQ(render("echo {item}", "{\"a\":1}"), "echo '{\"a\":1}'");
  EXPECT_EQ(render("echo {item.lr} {item.of.x} {{item.lr}}", "{\"lr\":1e-4,\"of\":{\"x\":true}}"),
            "echo 0.0001 true {item.lr}");
  EXPECT_NE(render("echo {item.lr}", "3").find("no such member: {item.lr} item=3"),
            std::string::npos);
  EXPECT_NE(render("echo {item}", "\"a\\u0000b\"").find("NUL"), std::string::npos);
  // Where there are no items, the braces are the shell's.
  EXPECT_TRUE(references(parse_command("awk {item.lr}")).empty());
}

}  // namespace
}  // namespace slipway::pipelines
