#include "registry/registry.h"

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::registry {
namespace {

class Recorder : public AliasObserver {
 public:
  void alias_moved(const AliasMove& move) override { moves.push_back(move); }
  std::vector<AliasMove> moves;
};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    MUST(db_->migrate({migrations()}));
    registry_.set_observer(&recorder_);
    MUST(registry_.create_model("m", "", {{"team", "a"}}));
  }
  std::int64_t add_version() {
    return MUST(registry_.create_version({.model = "m", .source = "runs:/x/model"})).version;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "r.db"}, clock_, random_).value();
  Recorder recorder_;
  Registry registry_{*db_, clock_};
};

TEST_F(RegistryTest, VersionNumbersNeverComeBack) {
  EXPECT_EQ(add_version(), 1);
  EXPECT_EQ(add_version(), 2);
  ASSERT_TRUE(registry_.delete_version("m", 2));
  EXPECT_EQ(add_version(), 3);
  EXPECT_EQ(registry_.get_version("m", 2).error().code, Code::kNotFound);
  EXPECT_EQ(registry_.create_version({.model = "nope"}).error().code, Code::kNotFound);
}

TEST_F(RegistryTest, NamesAreChecked) {
  EXPECT_EQ(registry_.create_model("m", "", {}).error().code, Code::kAlreadyExists);
  for (const char* name : {"", "a/b", "a:b", ".."})
    EXPECT_EQ(registry_.create_model(name, "", {}).error().code, Code::kInvalidArgument) << name;
  add_version();
  for (const char* alias : {"", "latest", "LATEST", "v1", "V22", "a b", "a.b"}) {
    EXPECT_EQ(registry_.set_alias("m", alias, 1, {}).error().code, Code::kInvalidArgument) << alias;
  }
  EXPECT_TRUE(registry_.set_alias("m", "v1x", 1, {}));
}

TEST_F(RegistryTest, AliasesMoveWithHistoryAndAreTold) {
  add_version();
  add_version();
  ASSERT_TRUE(registry_.set_alias("m", "champion", 1, {.actor = "ann", .reason = "first"}));
  ASSERT_TRUE(registry_.set_alias("m", "champion", 2, {.actor = "bob"}));
  ASSERT_TRUE(registry_.set_alias("m", "champion", 2, {.actor = "bob"}));  // no move
  EXPECT_EQ(registry_.version_by_alias("m", "champion")->version, 2);
  const auto history = registry_.alias_history("m").value();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].from, 1);
  EXPECT_EQ(history[1].actor, "ann");
  EXPECT_EQ(recorder_.moves.size(), 2u);
  EXPECT_EQ(registry_.set_alias("m", "champion", 9, {}).error().code, Code::kNotFound);
  ASSERT_TRUE(registry_.delete_version("m", 2));
  EXPECT_EQ(registry_.version_by_alias("m", "champion").error().code, Code::kInvalidArgument);
  EXPECT_TRUE(registry_.delete_alias("m", "nothing", {}));
}

TEST_F(RegistryTest, AProtectedAliasMovesOnlyThroughPromotion) {
  add_version();
  ASSERT_TRUE(registry_.protect_alias("m", "champion"));
  EXPECT_EQ(registry_.set_alias("m", "champion", 1, {}).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.delete_alias("m", "champion", {}).error().code, Code::kPermissionDenied);
  ASSERT_TRUE(
      registry_.promote("m", "champion", 1, R"({"verdict":"pass"})", {.actor = "pipeline"}));
  EXPECT_EQ(registry_.version_by_alias("m", "champion")->gate, R"({"verdict":"pass"})");
  EXPECT_TRUE(registry_.set_alias("m", "other", 1, {}));
}

TEST_F(RegistryTest, StagesAndRenames) {
  add_version();
  add_version();
  EXPECT_EQ(registry_.set_stage("m", 1, "production", false)->stage, "Production");
  EXPECT_EQ(registry_.set_stage("m", 2, "PRODUCTION", true)->stage, "Production");
  EXPECT_EQ(registry_.get_version("m", 1)->stage, "Archived");
  EXPECT_FALSE(registry_.set_stage("m", 1, "live", false));
  ASSERT_TRUE(registry_.set_alias("m", "champion", 2, {}));
  ASSERT_TRUE(registry_.rename_model("m", "n"));
  EXPECT_EQ(registry_.version_by_alias("n", "champion")->version, 2);
  EXPECT_EQ(registry_.get_model("m").error().code, Code::kNotFound);
  EXPECT_EQ(registry_.alias_history("n")->size(), 1u);
}

}  // namespace
}  // namespace slipway::registry
