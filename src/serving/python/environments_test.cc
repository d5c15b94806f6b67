// Environments are made once, by what they hold; what pip can't install is refused with its words.
#include "serving/python/environments.h"

#include <gtest/gtest.h>

#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::serving::python {
namespace {

namespace fs = std::filesystem;

class EnvironmentsTest : public ::testing::Test {
 protected:
  fs::path model(const std::string& name, std::string_view requirements,
                 std::string_view python_env = "") {
    const fs::path folder = folder_.path() / name;
    EXPECT_TRUE(store::make_folders(folder));
    EXPECT_TRUE(store::write_file(folder / "requirements.txt", requirements));
    if (!python_env.empty()) {
      EXPECT_TRUE(store::write_file(folder / "python_env.yaml", python_env));
    }
    return folder;
  }
  Environments::Options options() const {
    return {.folder = folder_.path() / "environments",
            .python_path = fs::path(SLIPWAY_TEST_PYTHON).parent_path(),
            .environments_max = 1};
  }

  store::testing::TempFolder folder_;
};

TEST_F(EnvironmentsTest, OneForAListAndTheUnusedGo) {
  Environments environments(options());
  const fs::path one = model("one", "# nothing\n"), same = model("same", "# nothing\n");
  auto first = environments.interpreter_for(one);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(fs::exists(**first));
  const auto made = fs::last_write_time((*first)->parent_path() / "pip");
  auto second = environments.interpreter_for(same);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(**first, **second);
  EXPECT_EQ(fs::last_write_time((*first)->parent_path() / "pip"), made);

  // In use it stays although there is room for one only; then it goes.
  const fs::path interpreter = **first;
  auto other = environments.interpreter_for(model("other", "# something else\n"));
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_TRUE(fs::exists(interpreter));
  first = second = base::error(Code::kNotFound, "let go");
  ASSERT_TRUE(environments.interpreter_for(model("other", "# something else\n")));
  EXPECT_FALSE(fs::exists(interpreter));
}

TEST_F(EnvironmentsTest, TheUnusedAreTakenAwayWhenAsked) {
  Environments environments(options());
  auto one = environments.interpreter_for(model("one", "# nothing\n"));
  ASSERT_TRUE(one) << one.error().message;
  const fs::path interpreter = **one;
  using DryRun = Environments::DryRun;
  const std::chrono::seconds now(0);
  EXPECT_EQ(environments.remove_unused(now, DryRun::kNo).environments, 0u) << "in use";
  one = base::error(Code::kNotFound, "let go");
  EXPECT_EQ(environments.remove_unused(std::chrono::hours(1), DryRun::kNo).environments, 0u);
  const auto would = environments.remove_unused(now, DryRun::kYes);
  EXPECT_EQ(would.environments, 1u);
  EXPECT_GT(would.bytes, 0u);
  EXPECT_TRUE(fs::exists(interpreter));
  EXPECT_EQ(environments.remove_unused(now, DryRun::kNo).bytes, would.bytes);
  EXPECT_FALSE(fs::exists(interpreter));
}

TEST_F(EnvironmentsTest, WhatCannotBeMadeIsRefusedWithTheReason) {
  Environments environments(options());
  const auto none = environments.interpreter_for(folder_.path());
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_NE(none.error().message.find("no requirements.txt"), std::string::npos);
  const auto old = environments.interpreter_for(model("old", "", "python: 2.4.1\n"));
  EXPECT_EQ(old.error().code, Code::kFailedPrecondition);
  EXPECT_NE(old.error().message.find("needs Python 2.4"), std::string::npos);
  const auto bad = environments.interpreter_for(model("bad", "./no-such-package\n"));
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_NE(bad.error().message.find("no-such-package"), std::string::npos) << bad.error().message;
  using DryRun = Environments::DryRun;
  EXPECT_EQ(environments.remove_unused(std::chrono::hours(1), DryRun::kNo).environments, 0u);
  EXPECT_EQ(environments.remove_unused(std::chrono::seconds(0), DryRun::kNo).environments, 1u)
      << "half of one is nobody's";
  const auto flag =
      environments.interpreter_for(model("flag", "", "build_dependencies: [--target=/tmp/x]\n"));
  EXPECT_NE(flag.error().message.find("not a package"), std::string::npos);
}

TEST_F(EnvironmentsTest, AGivenInterpreterServesAll) {
  Environments::Options given = options();
  given.interpreter = SLIPWAY_TEST_PYTHON;
  EXPECT_EQ(*Environments(given).interpreter_for(folder_.path()).value(), SLIPWAY_TEST_PYTHON);
  given.interpreter = "/no/such/python";
  EXPECT_EQ(Environments(given).interpreter_for(folder_.path()).error().code,
            Code::kFailedPrecondition);
}

}  // namespace
}  // namespace slipway::serving::python
