#include "registry/registry.h"

#include <gtest/gtest.h>

#include "registry/testing/fake_places.h"
#include "store/events.h"
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
  testing::FakePlaces places_;
  Registry registry_{*db_, clock_, places_};
};

TEST_F(RegistryTest, VersionNumbersNeverComeBack) {
  EXPECT_EQ(add_version(), 1);
  EXPECT_EQ(add_version(), 2);
  ASSERT_TRUE(registry_.delete_version("m", 2));
  EXPECT_EQ(add_version(), 3);
  EXPECT_EQ(registry_.get_version("m", 2).error().code, Code::kNotFound);
  EXPECT_EQ(registry_.create_version({.model = "nope", .source = "s3://b/m"}).error().code,
            Code::kNotFound);
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
  ASSERT_TRUE(registry_.delete_version("m", 2, {.actor = "eve"}));
  EXPECT_EQ(registry_.version_by_alias("m", "champion").error().code, Code::kInvalidArgument);
  EXPECT_EQ(registry_.alias_history("m", "champion")->front().actor, "eve");
  EXPECT_EQ(registry_.alias_history("m", "champion")->front().to, std::nullopt);
  EXPECT_TRUE(registry_.alias_history("m", "other")->empty());
  EXPECT_EQ(recorder_.moves.size(), 3u);
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

TEST_F(RegistryTest, AnAliasWithApproversNeedsOneOfThem) {
  add_version();
  add_version();
  const Change alice{.actor = "alice", .reason = "looks good", .proven = true};
  const Change claims_alice{.actor = "alice"};
  const Change bob{.actor = "bob", .proven = true};
  ASSERT_TRUE(registry_.set_approvers("m", "champion", {"alice", "carol"}, bob));

  const auto refused = registry_.set_alias("m", "champion", 1, bob);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("alice, carol may move it"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(registry_.set_alias("m", "champion", 1, claims_alice).error().code,
            Code::kPermissionDenied);
  // A gate's verdict is no approval.
  EXPECT_EQ(registry_.promote("m", "champion", 1, "{}", bob).error().code, Code::kPermissionDenied);
  ASSERT_TRUE(registry_.set_alias("m", "champion", 1, alice));

  EXPECT_EQ(registry_.approve("m", "champion", 2, bob).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.approve("m", "champion", 9, alice).error().code, Code::kNotFound);
  EXPECT_EQ(registry_.approve("m", "other", 2, alice).error().code, Code::kNotFound);
  ASSERT_TRUE(registry_.approve("m", "champion", 2, alice));
  ASSERT_EQ(registry_.protections("m")->at(0).approvals.size(), 1u);
  ASSERT_TRUE(registry_.set_alias("m", "champion", 2, bob));
  // The approval is used up by the move.
  EXPECT_TRUE(registry_.protections("m")->at(0).approvals.empty());
  ASSERT_TRUE(registry_.set_alias("m", "champion", 1, alice));
  EXPECT_EQ(registry_.set_alias("m", "champion", 2, bob).error().code, Code::kPermissionDenied);

  // Deleting is no way around it.
  EXPECT_EQ(registry_.delete_alias("m", "champion", bob).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.delete_version("m", 1, bob).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.delete_model("m", bob).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.set_approvers("m", "champion", {"bob"}, bob).error().code,
            Code::kPermissionDenied);
  EXPECT_EQ(registry_.unprotect_alias("m", "champion", bob).error().code, Code::kPermissionDenied);
  EXPECT_TRUE(registry_.delete_version("m", 2, bob));

  // An approval ends with its approver.
  add_version();
  ASSERT_TRUE(registry_.approve("m", "champion", 3, alice));
  ASSERT_TRUE(registry_.set_approvers("m", "champion", {"carol"}, alice));
  EXPECT_EQ(registry_.set_alias("m", "champion", 3, bob).error().code, Code::kPermissionDenied);
  ASSERT_TRUE(registry_.unprotect_alias("m", "champion", {.actor = "carol", .proven = true}));
  EXPECT_TRUE(registry_.set_alias("m", "champion", 3, bob));
}

TEST_F(RegistryTest, AGatedAliasWithApproversNeedsBoth) {
  add_version();
  const Change alice{.actor = "alice", .proven = true};
  ASSERT_TRUE(registry_.protect_alias("m", "champion"));
  ASSERT_TRUE(registry_.set_approvers("m", "champion", {"alice"}, alice));
  EXPECT_EQ(registry_.set_alias("m", "champion", 1, alice).error().code, Code::kPermissionDenied);
  EXPECT_EQ(registry_.promote("m", "champion", 1, "{}", {.actor = "pipeline"}).error().code,
            Code::kPermissionDenied);
  ASSERT_TRUE(registry_.approve("m", "champion", 1, alice));
  EXPECT_TRUE(registry_.promote("m", "champion", 1, "{}", {.actor = "pipeline"}));
}

TEST_F(RegistryTest, ReferencesAreFollowed) {
  places_.models["m-1"] = {.place = "mlflow-artifacts:/0/models/m-1/artifacts", .run_id = "r1"};
  const auto first = registry_.create_version({.model = "m", .source = "models:/m-1"}, {}).value();
  EXPECT_EQ(first.model_id, "m-1");
  EXPECT_EQ(first.run_id, "r1");
  EXPECT_EQ(first.place(), "mlflow-artifacts:/0/models/m-1/artifacts");
  EXPECT_EQ(places_.made, std::vector<std::string>{"m-1 m 1"});

  ASSERT_TRUE(registry_.set_alias("m", "champion", 1, {}));
  ASSERT_TRUE(registry_.create_model("copy", "", {}));
  for (const char* source :
       {"models:/m@champion", "models:/m/1", "models:/m/None", "models:/m/latest"}) {
    const auto copy = registry_.create_version({.model = "copy", .source = source});
    ASSERT_TRUE(copy) << source;
    EXPECT_EQ(copy->source, "models:/m/1");
    EXPECT_EQ(copy->place(), first.place());
    EXPECT_EQ(copy->run_id, "r1");
  }
  struct Case {
    ModelVersion draft;
    Code code;
  };
  for (const Case& c : std::initializer_list<Case>{
           {{.model = "m", .source = "models:/m/7"}, Code::kNotFound},
           {{.model = "m", .source = "models:/m@none"}, Code::kInvalidArgument},
           {{.model = "m", .run_id = "r2", .source = "models:/m/1"}, Code::kInvalidArgument},
           {{.model = "m", .model_id = "m-2", .source = "models:/m-1"}, Code::kInvalidArgument},
           {{.model = "m", .source = "/etc"}, Code::kInvalidArgument},
           {{.model = "m", .run_id = "nope", .source = "/etc"}, Code::kNotFound},
           {{.model = "m", .source = "s3://b/../c"}, Code::kInvalidArgument}}) {
    const auto made = registry_.create_version(c.draft);
    ASSERT_FALSE(made) << c.draft.source;
    EXPECT_EQ(made.error().code, c.code) << c.draft.source << ": " << made.error().message;
  }
}

TEST_F(RegistryTest, PromptsAndModelsShareTheirNames) {
  const std::vector<KeyValue> prompt{{std::string(kPromptTag), "true"}};
  ASSERT_TRUE(registry_.create_model("p", "", prompt));
  EXPECT_EQ(registry_.create_model("p", "", prompt).error().message,
            "Prompt (name=p) already exists.");
  EXPECT_EQ(registry_.create_model("m", "", {}).error().message,
            "Registered Model (name=m) already exists.");
  EXPECT_TRUE(registry_.create_model("p", "", {})
                  .error()
                  .message.starts_with("Tried to create a registered model with name 'p', but the "
                                       "name is already taken by a "
                                       "prompt."));
  EXPECT_TRUE(
      registry_.create_version({.model = "p", .source = "prompt-template", .tags = prompt}));
  EXPECT_FALSE(registry_.create_version({.model = "p", .source = "/etc/passwd", .tags = prompt}));
  EXPECT_FALSE(registry_.create_version({.model = "m", .source = "models:/p/1"}));
}

TEST_F(RegistryTest, EveryChangeLeavesAnEvent) {
  add_version();
  ASSERT_TRUE(registry_.set_model_tag("m", {"a", "1"}, {.actor = "ann"}));
  ASSERT_TRUE(registry_.delete_model_tag("m", "a"));
  ASSERT_TRUE(registry_.delete_model_tag("m", "a"));  // nothing to delete, no event
  ASSERT_TRUE(registry_.set_version_tag("m", 1, {"a", "1"}));
  ASSERT_TRUE(registry_.delete_version_tag("m", 1, "a"));
  ASSERT_TRUE(registry_.update_model("m", "d"));
  ASSERT_TRUE(registry_.update_version("m", 1, "d"));
  ASSERT_TRUE(registry_.set_alias("m", "x", 1, {}));
  ASSERT_TRUE(registry_.delete_model("m"));
  std::vector<std::string> kinds;
  const auto events = store::list_events(*db_, {}).value();
  for (const store::Event& event : events) kinds.push_back(event.kind);
  EXPECT_EQ(kinds,
            (std::vector<std::string>{
                "model.created", "model_version.created", "model.tag_set", "model.tag_deleted",
                "model_version.tag_set", "model_version.tag_deleted", "model.updated",
                "model_version.updated", "alias.moved", "alias.moved", "model.deleted"}));
}

TEST_F(RegistryTest, TagsAreChecked) {
  add_version();
  for (const KeyValue& tag : std::initializer_list<KeyValue>{{"a?b", "x"},
                                                             {"..", "x"},
                                                             {std::string(251, 'a'), "x"},
                                                             {"a", std::string(100'001, 'x')}}) {
    EXPECT_EQ(registry_.set_model_tag("m", tag).error().code, Code::kInvalidArgument) << tag.key;
    EXPECT_EQ(registry_.set_version_tag("m", 1, tag).error().code, Code::kInvalidArgument);
    EXPECT_EQ(registry_.create_model("n", "", {tag}).error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(registry_.set_model_tag("m", {std::string(250, 'a'), std::string(100'000, 'x')}));
}

TEST_F(RegistryTest, StagesAndRenames) {
  add_version();
  add_version();
  EXPECT_EQ(registry_.set_stage("m", 1, "production", false)->stage, "Production");
  EXPECT_EQ(registry_.set_stage("m", 2, "PRODUCTION", true)->stage, "Production");
  EXPECT_EQ(registry_.get_version("m", 1)->stage, "Archived");
  EXPECT_FALSE(registry_.set_stage("m", 1, "live", false));
  EXPECT_FALSE(registry_.set_stage("m", 1, "none", true));
  EXPECT_EQ(registry_.latest_versions("m", {"PRODUCTION"})->at(0).version, 2);
  EXPECT_EQ(registry_.latest_versions("m", {})->size(), 2u);
  EXPECT_EQ(registry_.version_by_alias("m", "latest")->version, 2);
  ASSERT_TRUE(registry_.set_alias("m", "champion", 2, {}));
  ASSERT_TRUE(registry_.rename_model("m", "n"));
  EXPECT_EQ(registry_.version_by_alias("n", "champion")->version, 2);
  EXPECT_EQ(registry_.get_model("m").error().code, Code::kNotFound);
  EXPECT_EQ(registry_.alias_history("n")->size(), 1u);
}

// A new model of the old name would have had the alias without its protection.
TEST_F(RegistryTest, AProtectedModelKeepsItsName) {
  add_version();
  ASSERT_TRUE(registry_.protect_alias("m", "champion", {}));
  EXPECT_EQ(registry_.rename_model("m", "n").error().code, Code::kPermissionDenied);
  EXPECT_TRUE(registry_.rename_model("m", "m"));
  EXPECT_EQ(registry_.set_alias("m", "champion", 1, {}).error().code, Code::kPermissionDenied);
  ASSERT_TRUE(registry_.unprotect_alias("m", "champion", {}));
  EXPECT_TRUE(registry_.rename_model("m", "n"));
}

}  // namespace
}  // namespace slipway::registry
