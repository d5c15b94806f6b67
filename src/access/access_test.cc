#include "access/access.h"

#include <gtest/gtest.h>

#include "access/password.h"
#include "base/hash.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::access {
namespace {

constexpr const char* kPassword = "correct horse battery";

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base::to_base64(user + ":" + password);
}

TEST(Decide, WhoMayWhat) {
  using enum Permission;
  const auto grants = [](std::vector<Grants::Entry> entries) {
    Grants made;
    for (const auto& entry : entries) made.set(entry.type, entry.id, entry.permission);
    return made;
  };
  const struct {
    const char* name;
    bool is_admin;
    std::vector<Grants::Entry> direct, role;
    Permission otherwise, expected;
  } cases[] = {
      {"nothing given: the default", false, {}, {}, kRead, kRead},
      {"nothing given, nothing by default", false, {}, {}, kNone, kNone},
      {"an administrator", true, {{"experiment", "1", kNone}}, {}, kNone, kManage},
      {"by name above the default", false, {{"experiment", "1", kEdit}}, {}, kRead, kEdit},
      {"by name below the default", false, {{"experiment", "1", kNone}}, {}, kRead, kNone},
      {"of another experiment", false, {{"experiment", "2", kEdit}}, {}, kRead, kRead},
      {"of a model of that name", false, {{"registered_model", "1", kEdit}}, {}, kRead, kRead},
      {"all of the type", false, {{"experiment", "*", kEdit}}, {}, kRead, kEdit},
      {"one and all: the higher",
       false,
       {{"experiment", "*", kEdit}, {"experiment", "1", kRead}},
       {},
       kNone,
       kEdit},
      {"through a role", false, {}, {{"experiment", "1", kEdit}}, kRead, kEdit},
      {"through a role for all", false, {}, {{"experiment", "*", kUse}}, kRead, kUse},
      {"through the workspace", false, {}, {{"workspace", "*", kManage}}, kRead, kManage},
      {"a role below the default", false, {}, {{"experiment", "1", kRead}}, kEdit, kRead},
      {"a role that says nothing", false, {}, {{"experiment", "1", kNone}}, kRead, kRead},
      {"by name and role: the higher",
       false,
       {{"experiment", "1", kRead}},
       {{"experiment", "1", kEdit}},
       kNone,
       kEdit},
      {"a role lifts what by name was none",
       false,
       {{"experiment", "1", kNone}},
       {{"experiment", "*", kRead}},
       kNone,
       kRead},
      {"denied by name",
       false,
       {{"experiment", "1", kDeny}},
       {{"workspace", "*", kManage}},
       kRead,
       kDeny},
      {"denied through a role",
       false,
       {{"experiment", "1", kManage}},
       {{"experiment", "*", kDeny}},
       kRead,
       kDeny},
      {"an administrator is not denied", true, {{"experiment", "1", kDeny}}, {}, kRead, kManage},
  };
  for (const auto& c : cases) {
    const Grants direct = grants(c.direct), role = grants(c.role);
    EXPECT_EQ(decide({.is_admin = c.is_admin, .direct = &direct, .roles = {&role}}, "experiment",
                     "1", c.otherwise),
              c.expected)
        << c.name;
  }
}

TEST(Password, HashesAreSaltedAndVerified) {
  base::SystemRandom random;
  const std::string one = hash_password(kPassword, random), two = hash_password(kPassword, random);
  EXPECT_NE(one, two);
  EXPECT_TRUE(one.starts_with("scrypt$15$8$1$"));
  EXPECT_TRUE(verify_password(kPassword, one));
  EXPECT_FALSE(verify_password("correct horse batterx", one));
  EXPECT_FALSE(verify_password("", one));
  for (const char* broken : {"", "scrypt", "scrypt$99$8$1$AA==$AA==", "scrypt$15$8$1$AAAA$AAAA",
                             "pbkdf2$15$8$1$AAAA$AAAA", "scrypt$15$8$1$!$!"}) {
    EXPECT_FALSE(verify_password(kPassword, broken)) << broken;
  }
  EXPECT_TRUE(check_password(std::string(12, 'x')));
  EXPECT_FALSE(check_password(std::string(11, 'x')));
  EXPECT_TRUE(check_password(std::string(1024, 'x')));
  EXPECT_FALSE(check_password(std::string(1025, 'x')));
}

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() : db_(open_db()), access_(make()) {}

  std::unique_ptr<store::Db> open_db() {
    auto db = store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
    MUST(db->migrate({migrations()}));
    return db;
  }
  std::unique_ptr<Access> make(Permission otherwise = Permission::kRead) {
    auto access = std::make_unique<Access>(*db_, clock_, random_, metrics_, Options{otherwise});
    MUST(access->open());
    return access;
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> kinds;
    const std::vector<store::Event> events = store::list_events(*db_, {}).value();
    for (const store::Event& event : events) kinds.push_back(event.kind + " by " + event.actor);
    return kinds;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SystemRandom random_;
  base::Metrics metrics_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Access> access_;
};

TEST_F(AccessTest, ALoginIsRememberedUntilThePasswordChanges) {
  MUST(access_->create_user("ada", kPassword, false));
  const std::string header = basic("ada", kPassword);
  EXPECT_FALSE(access_->recognize(header));
  EXPECT_EQ(access_->login(header).value(), "ada");
  EXPECT_EQ(access_->recognize(header), "ada");

  MUST(access_->set_password("ada", "another password"));
  EXPECT_FALSE(access_->recognize(header));
  EXPECT_EQ(access_->login(header).error().code, Code::kUnauthenticated);
  EXPECT_EQ(access_->login(basic("ada", "another password")).value(), "ada");

  MUST(access_->delete_user("ada"));
  EXPECT_FALSE(access_->recognize(basic("ada", "another password")));
  EXPECT_FALSE(access_->login(basic("ada", "another password")));
}

TEST_F(AccessTest, WhatIsNoLoginIsRefused) {
  MUST(access_->create_user("ada", kPassword, false));
  for (const std::string& header :
       {std::string(), std::string("Basic"), std::string("Basic !"),
        "Basic " + base::to_base64("ada"), basic("ada", "wrong password"), basic("bob", kPassword),
        basic("", ""), std::string("Bearer slipway_00"), std::string("Digest x"),
        std::string("Bearer ")}) {
    EXPECT_FALSE(access_->recognize(header)) << header;
    const auto login = access_->login(header);
    ASSERT_FALSE(login) << header;
    EXPECT_EQ(login.error().code, Code::kUnauthenticated) << header;
  }
}

TEST_F(AccessTest, AWrongPasswordIsTriedAgainLater) {
  const std::string header = basic("ada", kPassword);
  EXPECT_FALSE(access_->login(header));
  MUST(access_->create_user("ada", kPassword, false));  // forgets what was refused
  EXPECT_TRUE(access_->login(header));
}

TEST_F(AccessTest, UsersHaveNamesAndPasswordsThatCanBeSent) {
  EXPECT_EQ(access_->create_user("", kPassword, false).error().message,
            "Username cannot be empty.");
  EXPECT_FALSE(access_->create_user("pipeline:x", kPassword, false));
  EXPECT_FALSE(access_->create_user("a\nb", kPassword, false));
  EXPECT_EQ(access_->create_user("ada", "short", false).error().message,
            "Password must be a string longer than 12 characters.");
  MUST(access_->create_user("ada", kPassword, false));
  EXPECT_EQ(access_->create_user("ada", kPassword, false).error().code, Code::kAlreadyExists);
  EXPECT_EQ(access_->get_user("bob").error().message, "User with username=bob not found");
}

TEST_F(AccessTest, TokensWorkUntilTheyExpireOrAreRevoked) {
  MUST(access_->create_user("ada", kPassword, false));
  const auto forever = access_->create_token("ada", "laptop", std::nullopt).value();
  const auto brief =
      access_->create_token("ada", "job", clock_.now() + base::Duration::seconds(60)).value();
  EXPECT_EQ(access_->recognize("Bearer " + forever.text), "ada");
  EXPECT_EQ(access_->recognize("bearer  " + brief.text), "ada");
  clock_.advance(base::Duration::seconds(60));
  EXPECT_FALSE(access_->recognize("Bearer " + brief.text));
  EXPECT_EQ(access_->list_tokens("ada").size(), 2U);
  EXPECT_TRUE(access_->list_tokens("bob").empty());
  MUST(access_->revoke_token(forever.token.id));
  EXPECT_FALSE(access_->recognize("Bearer " + forever.text));
  EXPECT_EQ(access_->revoke_token(forever.token.id).error().code, Code::kNotFound);
  EXPECT_EQ(access_->create_token("bob", "x", std::nullopt).error().code, Code::kNotFound);
}

TEST_F(AccessTest, AServiceMayEverythingButIsNoAdministrator) {
  const std::string token = access_->lend_token("train");
  const std::optional<std::string> user = access_->recognize("Bearer " + token);
  EXPECT_EQ(user, "pipeline:train");
  EXPECT_TRUE(access_->may(*user, kExperiment, "1", Permission::kManage));
  EXPECT_FALSE(access_->is_admin(*user));
  EXPECT_TRUE(access_->list_tokens("").empty());
  access_->take_back_token(token);
  EXPECT_FALSE(access_->recognize("Bearer " + token));
  access_->lend_token_again("train", token);  // after a restart
  EXPECT_EQ(access_->recognize("Bearer " + token), "pipeline:train");
}

TEST_F(AccessTest, GrantsFollowTheirResourceAndTheirUser) {
  MUST(access_->create_user("ada", kPassword, false));
  MUST(access_->create_user("bob", kPassword, false));
  MUST(access_->create_grant("ada", kRegisteredModel, "late", Permission::kManage));
  EXPECT_EQ(access_->create_grant("ada", kRegisteredModel, "late", Permission::kRead).error().code,
            Code::kAlreadyExists);
  MUST(access_->set_grant("bob", kRegisteredModel, "later", Permission::kManage));
  EXPECT_TRUE(access_->may("ada", kRegisteredModel, "late", Permission::kManage));

  MUST(access_->rename_resource(kRegisteredModel, "late", "later"));
  EXPECT_TRUE(access_->may("ada", kRegisteredModel, "later", Permission::kManage));
  EXPECT_EQ(access_->permission("ada", kRegisteredModel, "late"), Permission::kRead);
  EXPECT_EQ(access_->permission("bob", kRegisteredModel, "later"), Permission::kRead)
      << "a permission on an earlier model of that name";

  MUST(access_->forget_resource(kRegisteredModel, "later"));
  EXPECT_EQ(access_->permission("ada", kRegisteredModel, "later"), Permission::kRead);
  EXPECT_FALSE(access_->remove_grant("ada", kRegisteredModel, "later").value());

  MUST(access_->create_grant("ada", kExperiment, "1", Permission::kEdit));
  MUST(access_->delete_user("ada"));
  MUST(access_->create_user("ada", kPassword, false));
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kRead);
  EXPECT_EQ(access_->permission("nobody", kExperiment, "1"), Permission::kNone);
}

TEST_F(AccessTest, EverythingIsKept) {
  MUST(access_->create_user("root", kPassword, true));
  MUST(access_->create_user("ada", kPassword, false));
  MUST(access_->create_grant("ada", kExperiment, "1", Permission::kNone));
  const Role role = access_->create_role("default", "editors", std::nullopt).value();
  MUST(access_->add_role_permission(role.id, "experiment", "2", Permission::kEdit));
  MUST(access_->assign_role("ada", role.id));
  const std::string token = access_->create_token("ada", "t", std::nullopt).value().text;

  access_ = make();
  EXPECT_TRUE(access_->is_admin("root"));
  EXPECT_TRUE(access_->login(basic("ada", kPassword)));
  EXPECT_EQ(access_->recognize("Bearer " + token), "ada");
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kNone);
  EXPECT_EQ(access_->permission("ada", kExperiment, "2"), Permission::kEdit);
  EXPECT_FALSE(access_->list_roles("default").at(0).description.has_value());

  access_ = make(Permission::kNone);
  EXPECT_EQ(access_->permission("ada", kExperiment, "3"), Permission::kNone);
}

TEST_F(AccessTest, WhatAnotherServerChangedIsFollowed) {
  MUST(access_->create_user("ada", kPassword, false));
  MUST(access_->create_user("bob", kPassword, false));
  const std::string service = access_->lend_token("train");
  const auto other = make();
  ASSERT_TRUE(access_->login(basic("ada", kPassword)));
  ASSERT_TRUE(access_->login(basic("bob", kPassword)));
  MUST(other->set_password("ada", "a password of hers"));
  MUST(other->create_user("eve", kPassword, false));
  MUST(other->create_grant("bob", kExperiment, "1", Permission::kManage));
  const std::string token = other->create_token("bob", "t", std::nullopt).value().text;
  EXPECT_TRUE(access_->recognize(basic("ada", kPassword)));  // it hasn't looked yet

  ASSERT_TRUE(access_->follow());
  EXPECT_FALSE(access_->recognize(basic("ada", kPassword)));
  EXPECT_FALSE(access_->login(basic("ada", kPassword)));
  EXPECT_TRUE(access_->login(basic("ada", "a password of hers")));
  EXPECT_EQ(access_->recognize(basic("bob", kPassword)), "bob");  // remembered: nothing changed
  EXPECT_TRUE(access_->login(basic("eve", kPassword)));
  EXPECT_EQ(access_->permission("bob", kExperiment, "1"), Permission::kManage);
  EXPECT_EQ(access_->recognize("Bearer " + token), "bob");
  EXPECT_TRUE(access_->recognize("Bearer " + service));  // lent by this server, known to no other

  MUST(other->revoke_token(other->list_tokens("bob").at(0).id));
  MUST(other->delete_user("ada"));
  MUST(other->create_user("ada", kPassword, false));  // another one of that name
  ASSERT_TRUE(access_->follow());
  EXPECT_FALSE(access_->recognize("Bearer " + token));
  EXPECT_FALSE(access_->recognize(basic("ada", "a password of hers")));
}

TEST_F(AccessTest, WhoeverMayAllNeedsNotBeAskedAboutOne) {
  MUST(access_->create_user("root", kPassword, true));
  MUST(access_->create_user("ada", kPassword, false));
  EXPECT_TRUE(access_->may_all("root", kExperiment, Permission::kManage));
  EXPECT_TRUE(access_->may_all("ada", kExperiment, Permission::kRead));
  EXPECT_FALSE(access_->may_all("ada", kExperiment, Permission::kEdit));
  MUST(access_->create_grant("ada", kExperiment, "1", Permission::kManage));
  EXPECT_TRUE(access_->may_all("ada", kExperiment, Permission::kRead));
  MUST(access_->create_grant("ada", kExperiment, "2", Permission::kNone));
  EXPECT_FALSE(access_->may_all("ada", kExperiment, Permission::kRead));
  EXPECT_TRUE(access_->may_all("ada", kRegisteredModel, Permission::kRead));
  EXPECT_FALSE(access_->may_all("nobody", kExperiment, Permission::kRead));
}

TEST_F(AccessTest, RolesOfOtherWorkspacesDecideNothing) {
  MUST(access_->create_user("ada", kPassword, false));
  const Role here = access_->create_role("default", "r", "d").value();
  const Role there = access_->create_role("elsewhere", "r", "d").value();
  EXPECT_EQ(access_->create_role("default", "r", "d").error().code, Code::kAlreadyExists);
  MUST(access_->add_role_permission(there.id, "workspace", "*", Permission::kManage));
  MUST(access_->assign_role("ada", there.id));
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kRead);
  EXPECT_TRUE(access_->manages_workspace("ada", "elsewhere"));
  EXPECT_FALSE(access_->manages_workspace("ada", "default"));

  const RolePermission added =
      access_->add_role_permission(here.id, "experiment", "*", Permission::kEdit).value();
  EXPECT_EQ(
      access_->add_role_permission(here.id, "experiment", "*", Permission::kEdit).error().code,
      Code::kAlreadyExists);
  EXPECT_FALSE(access_->add_role_permission(here.id, "bogus", "*", Permission::kEdit));
  EXPECT_FALSE(access_->add_role_permission(here.id, "workspace", "x", Permission::kUse));
  EXPECT_FALSE(access_->add_role_permission(999, "experiment", "*", Permission::kEdit));
  MUST(access_->assign_role("ada", here.id));
  EXPECT_EQ(access_->assign_role("ada", here.id).error().code, Code::kAlreadyExists);
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kEdit);
  MUST(access_->update_role_permission(added.id, Permission::kManage));
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kManage);
  EXPECT_EQ(access_->users_of_role(here.id).value().size(), 1U);
  MUST(access_->remove_role_permission(added.id));
  EXPECT_EQ(access_->permission("ada", kExperiment, "1"), Permission::kRead);
  MUST(access_->delete_role(here.id));
  EXPECT_EQ(access_->roles_of("ada").size(), 1U);
  EXPECT_EQ(access_->update_role(there.id, "renamed", std::nullopt).value().name, "renamed");
  EXPECT_EQ(access_->unassign_role("ada", here.id).error().code, Code::kNotFound);
}

TEST_F(AccessTest, EveryChangeLeavesAnEventWithItsActor) {
  {
    const base::ActingAs acting("root");
    MUST(access_->create_user("ada", kPassword, false));
    MUST(access_->set_grant("ada", kExperiment, "1", Permission::kEdit));
  }
  MUST(access_->set_admin("ada", true));
  EXPECT_EQ(kinds(), (std::vector<std::string>{"user.created by root", "permission.granted by root",
                                               "user.admin_changed by system"}));
}

}  // namespace
}  // namespace slipway::access
