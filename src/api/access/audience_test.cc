#include "api/access/audience.h"

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::access {
namespace {

namespace sa = slipway::access;

TEST(Audience, WhoHearsOfWhat) {
  store::testing::TempFolder folder;
  base::ManualClock clock;
  base::SystemRandom random;
  base::Metrics metrics;
  const auto db = store::open_sqlite({.file = folder.path() / "t.db"}, clock, random).value();
  MUST(db->migrate({sa::migrations()}));
  sa::Access access(*db, clock, random, metrics, {.default_permission = sa::Permission::kNone});
  MUST(access.open());
  MUST(access.create_user("root", "password for root", true));
  MUST(access.create_user("ada", "password for ada", false));
  MUST(access.create_user("bob", "password for bob", false));
  MUST(access.set_grant("ada", sa::kRegisteredModel, "late", sa::Permission::kRead));
  MUST(access.set_grant("ada", sa::kExperiment, "7", sa::Permission::kRead));
  MUST(access.set_grant("bob", sa::kWorkspace, "*", sa::Permission::kRead));
  Audience audience(access, [](const std::string& id) -> Result<std::optional<std::string>> {
    if (id == "broken") return base::error(Code::kUnavailable, "no database");
    return id == "r1" ? std::optional<std::string>("7") : std::nullopt;
  });
  const struct {
    const char *subject, *user;
    bool hears;
    const char* payload = "{}";
  } cases[] = {
      {"models/late", "ada", true},
      {"models/late/3", "ada", true},
      {"models/later", "ada", false},
      {"experiments/7", "ada", true},
      {"experiments/77", "ada", false},
      {"runs/r1", "ada", true},
      {"runs/r2", "ada", false},
      {"runs/broken", "ada", false},
      {"endpoints/sale", "ada", false},
      {"endpoints/sale", "bob", true},
      {"endpoints", "bob", true},  // of all of them
      {"pipelines/train/runs/1/steps/fit", "bob", true},
      {"users/ada", "bob", false},
      {"users/ada", "root", true},
      {"users/ada", "ada", true},
      {"webhooks/1", "bob", false},
      {"of a later version/1", "bob", false},
      {"permissions/registered_model/late", "ada", false},
      {"permissions/registered_model/late", "ada", false, R"({"user": "bob"})"},
      {"permissions/registered_model/late", "ada", true, R"({"user": "ada"})"},
      {"permissions/registered_model/late", "ada", false, ""},  // it was erased
      {"roles/3", "bob", true, R"({"user": "bob"})"},
      {"roles/3", "bob", false, R"({"name": "services"})"},
      {"alarm_budget", "bob", true},
      {"alarm_budget", "ada", false},
      {"models/late", "nobody", false},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(
        audience.may_hear(
            one.user, {.kind = "thing.changed", .subject = one.subject, .payload = one.payload}),
        one.hears)
        << one.user << " " << one.subject;
  }
}

}  // namespace
}  // namespace slipway::api::access
