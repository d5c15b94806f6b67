#include "types/yaml_tree.h"

#include <gtest/gtest.h>

namespace slipway::types {
namespace {

std::string dumped(std::string_view text) {
  const auto tree = YamlTree::parse(text);
  return tree ? (*tree)->dump((*tree)->roots()[0]) : tree.error().message;
}

std::string mistake(std::string_view text) {
  const auto tree = YamlTree::parse(text);
  EXPECT_FALSE(tree) << text;
  return tree ? "" : tree.error().message;
}

TEST(YamlTree, WritesWhatItHasReadInTheSameStyle) {
  for (const std::string text : {
           "a: 1\nb: '1'\nc: \"x\\ty\"\n",
           "steps:\n- name: train\n  command: [python, train.py]\n  env: {A: b}\n",
           "script: |\n  one\n  two\n",
           "none: ~\ntext: 'null'\nempty: ''\n",
           "tagged: !!str 5\n",
           "umlaut: äöü\nurl: http://host:5000/x\n",
       }) {
    EXPECT_EQ(dumped(text), text);
  }
  EXPECT_EQ(dumped("a: &x {b: 1}\nc: *x\n"), "a: {b: 1}\nc: {b: 1}\n");
  EXPECT_EQ(dumped("# nothing\n"), dumped(""));
}

TEST(YamlTree, PlacesAreWhereThingsBegin) {
  const auto tree = YamlTree::parse("a:\n  - ü: x\n    b: [1,\n        2]\n").value();
  const YamlItem& list = tree->item(tree->children(tree->item(tree->roots()[0]))[1]);
  EXPECT_EQ(list.place.text(), "line 2, column 3");
  const YamlItem& map = tree->item(tree->children(list)[0]);
  EXPECT_EQ(map.place.text(), "line 2, column 5");
  EXPECT_EQ(tree->item(tree->children(map)[1]).place.text(), "line 2, column 8");
  const YamlItem& numbers = tree->item(tree->children(map)[3]);
  EXPECT_EQ(tree->item(tree->children(numbers)[1]).place.text(), "line 4, column 9");
}

TEST(YamlTree, MistakesAreToldWithTheirPlace) {
  EXPECT_EQ(mistake("a: 1\nb: c: d\n"),
            "line 2, column 5: not valid YAML: mapping values are not allowed in this context");
  EXPECT_EQ(mistake("a: 1\nb\xff: 2\n"),
            "line 2, column 2: not valid YAML: invalid leading UTF-8 octet");
  EXPECT_EQ(mistake("{"), "line 1, column 2: not valid YAML: did not find expected node content");
  EXPECT_EQ(mistake("a: *b\n"), "line 1, column 4: not valid YAML: no such anchor: name=b");
  EXPECT_EQ(mistake("a: &b [*b]\n"),
            "line 1, column 8: not valid YAML: an alias of what it is part of: name=b");
  EXPECT_NE(mistake(std::string(100'000, '[')).find("nested too deep: nesting_max=256"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::types
