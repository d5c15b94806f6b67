// Where secrets come from, and what is refused.
#include "pipelines/secrets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

TEST(Secrets, ComeFromTheEnvironmentOrAFile) {
  const store::testing::TempFolder folder;
  const auto write = [&](const char* name, std::string_view text, mode_t mode) {
    std::ofstream(folder.path() / name) << text;
    ASSERT_EQ(::chmod((folder.path() / name).c_str(), mode), 0);
  };
  write("FILE", "from a file\r\n", 0600);
  write("GROUP", "of a group", 0440);
  write("BOTH", "of the file", 0600);
  write("OPEN", "for all", 0644);
  write("WRITABLE", "by a group", 0660);
  write("SHORT", "abc\n", 0600);
  write("LARGE", std::string(1 << 17, 'x'), 0600);
  write("NUL", std::string_view("ab\0cd", 5), 0600);
  std::filesystem::create_directory(folder.path() / "FOLDER");
  const Secrets secrets({.values = {{"BOTH", "of the environment"}}, .folder = folder.path()});
  EXPECT_EQ(MUST(secrets.find("FILE")), "from a file");
  EXPECT_EQ(MUST(secrets.find("GROUP")), "of a group");
  EXPECT_EQ(MUST(secrets.find("BOTH")), "of the environment");
  write("FILE", "another", 0600);
  EXPECT_EQ(MUST(secrets.find("FILE")), "another");
  const std::pair<const char*, Code> refused[] = {
      {"OPEN", Code::kFailedPrecondition},   {"WRITABLE", Code::kFailedPrecondition},
      {"SHORT", Code::kInvalidArgument},     {"LARGE", Code::kInvalidArgument},
      {"NUL", Code::kInvalidArgument},       {"NOTHING", Code::kNotFound},
      {"FOLDER", Code::kFailedPrecondition},
  };
  for (const auto& [name, code] : refused) {
    const auto found = secrets.find(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, code) << name;
    EXPECT_NE(found.error().message.find(name), std::string::npos) << found.error().message;
    EXPECT_EQ(found.error().message.find("for all"), std::string::npos);
  }
  EXPECT_EQ(Secrets({.values = {}, .folder = {}}).find("FILE").error().code, Code::kNotFound);
}

TEST(Secrets, LeaveTheEnvironment) {
  ::setenv("SLIPWAY_SECRET_KEY", "a=b", 1);
  ::setenv("SLIPWAY_SECRETS_DIR", "/stays", 1);
  const auto taken = Secrets::take_from_environment();
  EXPECT_EQ(taken, (std::map<std::string, std::string>{{"KEY", "a=b"}}));
  EXPECT_EQ(std::getenv("SLIPWAY_SECRET_KEY"), nullptr);
  EXPECT_STREQ(std::getenv("SLIPWAY_SECRETS_DIR"), "/stays");
  ::unsetenv("SLIPWAY_SECRETS_DIR");
}

}  // namespace
}  // namespace slipway::pipelines
