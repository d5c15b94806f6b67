#include "tracking/artifacts.h"

#include <gtest/gtest.h>

#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::tracking {
namespace {

TEST(SafePath, StaysBelowTheRoot) {
  struct Case {
    const char* path;
    const char* safe;  // nullptr: refused
  };
  for (const Case& c : std::vector<Case>{{"a/b.txt", "a/b.txt"},
                                         {"", ""},
                                         {"a//b/./c", "a/b/c"},
                                         {"a%20b", "a b"},
                                         {"..", nullptr},
                                         {"a/../b", nullptr},
                                         {"%2e%2e/x", nullptr},
                                         {"%252e%252e%252fx", nullptr},
                                         {"%25252e%25252e/x", nullptr},
                                         {"/etc/passwd", nullptr},
                                         {"%2fetc", nullptr},
                                         {"C:/x", nullptr},
                                         {"a\\b", nullptr},
                                         {"a%5cb", nullptr},
                                         {"a#b", nullptr},
                                         {"a%00b", nullptr},
                                         {"%zz", nullptr},
                                         {"..a/b..", "..a/b.."}}) {
    const auto safe = safe_path(c.path);
    EXPECT_EQ(safe.has_value(), c.safe != nullptr) << c.path;
    if (safe && c.safe != nullptr) {
      EXPECT_EQ(safe->string(), c.safe) << c.path;
    }
  }
}

TEST(Artifacts, PutsListsReadsRemoves) {
  store::testing::TempFolder folder;
  const Artifacts artifacts(folder.path() / "root");
  std::filesystem::create_directories(folder.path() / "root");
  ASSERT_TRUE(store::write_file(folder.path() / "up", "hello"));
  ASSERT_TRUE(artifacts.put("1/r/artifacts/model/MLmodel", folder.path() / "up"));
  EXPECT_EQ(store::read_file(artifacts.file("1/r/artifacts/model/MLmodel").value()).value(),
            "hello");
  const auto listed = artifacts.list("1/r/artifacts").value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_TRUE(listed[0].is_folder);
  EXPECT_EQ(artifacts.list("1/r/artifacts/model").value()[0].bytes, 5);
  EXPECT_TRUE(artifacts.list("nope").value().empty());
  ASSERT_TRUE(artifacts.remove("1/r"));
  EXPECT_EQ(artifacts.file("1/r/artifacts/model/MLmodel").error().code, Code::kNotFound);
}

TEST(Artifacts, LinksDoNotLeadOut) {
  store::testing::TempFolder folder;
  std::filesystem::create_directories(folder.path() / "root");
  ASSERT_TRUE(store::write_file(folder.path() / "secret", "x"));
  std::filesystem::create_symlink(folder.path() / "secret", folder.path() / "root" / "link");
  EXPECT_EQ(Artifacts(folder.path() / "root").file("link").error().code, Code::kInvalidArgument);
}

TEST(ProxiedPath, WithAndWithoutHost) {
  EXPECT_EQ(proxied_path("mlflow-artifacts:/1/a"), "1/a");
  EXPECT_EQ(proxied_path("mlflow-artifacts://host:5000/1/a"), "1/a");
  EXPECT_EQ(proxied_path("mlflow-artifacts://host/api/2.0/mlflow-artifacts/artifacts/1/a"), "1/a");
  EXPECT_EQ(proxied_path("s3://bucket/a"), std::nullopt);
}

}  // namespace
}  // namespace slipway::tracking
