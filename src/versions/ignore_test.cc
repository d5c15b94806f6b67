#include "versions/ignore.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/testing/temp_folder.h"

namespace slipway::versions {
namespace {

TEST(Globs, AreThoseOfGit) {
  struct Case {
    const char *pattern, *text;
    bool path, name;
  };
  for (const auto& [pattern, text, path, name] :
       std::vector<Case>{{"", "", true, true},
                         {"a", "a", true, true},
                         {"a", "b", false, false},
                         {"*", "", true, true},
                         {"*", "abc", true, true},
                         {"*", "a/b", false, true},
                         {"a*c", "abbbc", true, true},
                         {"a*b*c", "axbxbxc", true, true},
                         {"a*b*c", "axbxbx", false, false},
                         {"*/b", "a/b", true, true},
                         {"*/b", "a/c/b", false, true},
                         {"**/b", "b", true, false},
                         {"**/b", "a/c/b", true, true},
                         {"**/b", "ab", false, false},
                         {"a/**/b", "a/b", true, false},
                         {"a/**/b", "a/x/y/b", true, true},
                         {"a/**/b/**/c", "a/b/b/x/c", true, true},
                         {"a/**", "a/b/c", true, true},
                         {"a/**", "a", false, false},
                         {"a**", "ab/c", false, true},
                         {"x**/b", "xa/c/b", false, true},
                         {"?", "/", false, true},
                         {"[/]", "/", false, true},
                         {"[!a]", "b", true, true},
                         {"[^a]", "a", false, false},
                         {"[]a]", "]", true, true},
                         {"[a-c]", "b", true, true},
                         {"[a-]", "-", true, true},
                         {"[c-a]", "b", false, false},
                         {"[[:digit:][:upper:]]", "7", true, true},
                         {"[[:nope:]]", "n", false, false},
                         {"[[:x]", "x", true, true},
                         {"[a", "a", false, false},
                         {"\\*", "*", true, true},
                         {"\\*", "a", false, false},
                         {"a\\", "a", false, false},
                         {"[\\]]", "]", true, true},
                         {"*a*a*a*a*a*a*a*a*b",
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false}}) {
    EXPECT_EQ(glob_matches(pattern, text, GlobOf::kPath), path) << pattern << " " << text;
    EXPECT_EQ(glob_matches(pattern, text, GlobOf::kName), name) << pattern << " " << text;
  }
}

TEST(IgnoreFiles, LinesAreReadAsByGit) {
  const auto rules = parse_ignore_file(
      "\xEF\xBB\xBF# words\n\n*.tmp  "
      "\n!keep\r\nlogs/\n/top\na\\ \n\\#x\n\\!y\n   \nx/y");
  std::string all;
  for (const IgnoreRule& rule : rules) {
    all += fmt::format("{} [{}]{}{}{}\n", rule.line, rule.pattern, rule.keeps ? " keeps" : "",
                       rule.only_folders ? " folders" : "", rule.only_names ? " names" : "");
  }
  EXPECT_EQ(all,
            "3 [*.tmp] names\n4 [keep] keeps names\n5 [logs] folders names\n6 [top]\n"
            "7 [a\\ ] names\n8 [\\#x] names\n9 [\\!y] names\n11 [x/y]\n");
}

TEST(IgnoreFiles, TheDeepestFileAndItsLastRuleDecide) {
  const store::testing::TempFolder folder;
  const std::filesystem::path top = folder.path();
  std::filesystem::create_directories(top / "a/b");
  std::ofstream(top / kIgnoreFile) << "*.x\n/a/c\nskip/\n";
  std::ofstream(top / "a" / kIgnoreFile) << "!1.x\n/b/2\n";
  struct Case {
    const char* path;
    bool is_folder;
    std::string by;
  };
  for (const auto& [path, is_folder, by] :
       std::vector<Case>{{"1.x", false, ".slipwayignore:1"},
                         {"a/1.x", false, ""},
                         {"a/b/2", false, "a/.slipwayignore:2"},
                         {"b/2", false, ""},
                         {"a/c/d", false, ".slipwayignore:2"},
                         {"skip", false, ""},
                         {"skip", true, ".slipwayignore:3"},
                         {"a/skip/1.x", false, ".slipwayignore:3"}}) {
    const auto ignored = MUST(Ignores::find_for(top, path, is_folder));
    EXPECT_EQ(ignored ? fmt::format("{}:{}", ignored->file, ignored->rule.line) : "", by) << path;
  }
  std::ofstream(top / kIgnoreFile) << std::string(2 << 20, '#');
  EXPECT_EQ(Ignores::find_for(top, "x", false).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::versions
