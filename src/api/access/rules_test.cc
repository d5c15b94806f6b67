#include "api/access/rules.h"

#include <gtest/gtest.h>

#include "api/access/guard.h"
#include "base/hash.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::access {
namespace {

namespace sa = slipway::access;

TEST(Rules, WhoMayAskARoute) {
  store::testing::TempFolder folder;
  base::ManualClock clock;
  base::SystemRandom random;
  base::Metrics metrics;
  const auto db = store::open_sqlite({.file = folder.path() / "t.db"}, clock, random).value();
  MUST(db->migrate({sa::migrations()}));
  sa::Access access(*db, clock, random, metrics, {});
  MUST(access.open());
  MUST(access.create_user("root", "password for root", true));
  MUST(access.create_user("ada", "password for ada", false));
  MUST(access.create_user("bob", "password for bob", false));
  MUST(access.set_grant("ada", sa::kRegisteredModel, "late", sa::Permission::kEdit));
  MUST(access.set_grant("ada", sa::kExperiment, "7", sa::Permission::kEdit));
  MUST(access.set_grant("bob", sa::kExperiment, "7", sa::Permission::kNone));
  MUST(access.set_grant("ada", sa::kWorkspace, "*", sa::Permission::kUse));

  const Rule open{http::Method::kGet, "/x", About::kAnybody};
  const Rule user{http::Method::kGet, "/x", About::kUser};
  const Rule read{http::Method::kGet, "/x", About::kProject, sa::Permission::kRead};
  const Rule use{http::Method::kGet, "/x", About::kProject, sa::Permission::kUse};
  const Rule edit{http::Method::kGet, "/x", About::kProject, sa::Permission::kEdit};
  const Rule model{http::Method::kGet, "/x", About::kModel, sa::Permission::kEdit};
  const Rule experiment{http::Method::kGet, "/x", About::kExperiment, sa::Permission::kRead};
  const Rule run{http::Method::kGet, "/x", About::kRun, sa::Permission::kEdit};
  const Rule run_read{http::Method::kGet, "/x", About::kRun, sa::Permission::kRead};
  const auto experiment_of_run = [](const std::string& id) -> Result<std::optional<std::string>> {
    if (id == "broken") return base::error(Code::kUnavailable, "no database");
    return id == "r1" ? std::optional<std::string>("7") : std::nullopt;
  };
  const Rule admin{http::Method::kGet, "/x", About::kAdministrator};
  const struct {
    const char* name;
    const Rule* rule;
    const char* user;
    bool may;
    const char* run = "r1";
  } cases[] = {
      {"anybody", &open, "", true},
      {"a user", &user, "bob", true},
      {"reads", &read, "bob", true},
      {"uses", &use, "ada", true},
      {"may not use", &use, "bob", false},
      {"may not edit", &edit, "ada", false},
      {"edits", &edit, "root", true},
      {"edits the model", &model, "ada", true},
      {"not bob", &model, "bob", false},
      {"reads the experiment", &experiment, "ada", true, "7"},
      {"not bob's experiment", &experiment, "bob", false, "7"},
      {"edits the run", &run, "ada", true},
      {"not bob's run", &run, "bob", false},
      {"nor may bob read it", &run_read, "bob", false},
      {"no run is for the handler", &run_read, "bob", true, "nothing"},
      {"a failed lookup refuses", &run_read, "ada", false, "broken"},
      {"a service edits", &edit, "pipeline:train", true},
      {"administers", &admin, "root", true},
      {"does not", &admin, "ada", false},
      {"nor does a service", &admin, "pipeline:train", false},
      {"without a rule", nullptr, "ada", false},
      {"without a rule", nullptr, "root", true},
      {"a deleted user", &read, "gone", false},
  };
  for (const auto& c : cases) {
    http::Route route{.method = http::Method::kGet, .pattern = "/x", .tag = "slipway"};
    apply_rule(c.rule, access, experiment_of_run, route);
    http::Request request{.user = c.user};
    request.path_params.add("name") = "late";
    request.path_params.add("id") = c.run;
    const auto refusal = route.permit ? route.permit(request) : std::nullopt;
    EXPECT_EQ(!refusal, c.may) << c.name;
    if (refusal) {
      EXPECT_EQ(refusal->status, 403) << c.name;
    }
    EXPECT_EQ(route.is_open, c.rule == &open) << c.name;
  }
}

TEST(Rules, ARouteIsFoundByMethodAndPattern) {
  const Rule rules[] = {{http::Method::kGet, "/a", About::kUser},
                        {http::Method::kPost, "/a", About::kAdministrator}};
  EXPECT_EQ(find_rule(rules, {.method = http::Method::kPost, .pattern = "/a"}), &rules[1]);
  EXPECT_EQ(find_rule(rules, {.method = http::Method::kPut, .pattern = "/a"}), nullptr);
  EXPECT_EQ(find_rule(rules, {.method = http::Method::kGet, .pattern = "/b"}), nullptr);
}

TEST(LoginGuard, ChallengesInTheProtocolsWords) {
  const http::Response mlflow = unauthenticated("mlflow");
  EXPECT_EQ(mlflow.status, 401);
  EXPECT_TRUE(mlflow.body.starts_with("You are not authenticated."));
  EXPECT_EQ(mlflow.headers.at(0).first, "WWW-Authenticate");
  EXPECT_NE(unauthenticated("slipway").body.find("\"unauthenticated\""), std::string::npos);
  EXPECT_EQ(forbidden("mlflow").body, "Permission denied");
}

}  // namespace
}  // namespace slipway::api::access
