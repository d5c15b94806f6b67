// Imported models keep numbers, times and aliases; what was decided here stays.
#include "registry/import.h"

#include <gtest/gtest.h>

#include "registry/testing/fake_places.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::registry {
namespace {

base::Timestamp at(std::int64_t ms) { return base::Timestamp::from_millis(ms); }

ImportedModel sample() {
  ImportedModel imported;
  imported.model.name = "churn";
  imported.model.description = "what it is";
  imported.model.created = at(10);
  imported.model.updated = at(20);
  imported.model.tags = {{"owner", "ann"}};
  imported.model.aliases = {{"champion", 2}};
  for (const std::int64_t number : {1, 2, 4}) {
    ModelVersion version;
    version.model = "churn";
    version.version = number;
    version.created = at(10 + number);
    version.updated = at(20);
    version.stage = number == 1 ? "Archived" : "None";
    version.source = "runs:/abc/model";
    version.run_id = "abc";
    version.tags = {{"n", std::to_string(number)}};
    imported.versions.push_back(version);
  }
  imported.last_version = 5;  // a deleted one
  return imported;
}

class ModelImportTest : public ::testing::Test {
 protected:
  ModelImportTest() { MUST(db_->migrate({migrations()})); }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "r.db"}, clock_, random_).value();
  testing::FakePlaces places_;
  Registry registry_{*db_, clock_, places_};
  ModelImport import_{*db_, clock_, registry_};
};

TEST_F(ModelImportTest, NumbersAndTimesStayAndNoneComesBack) {
  const ImportedModel here = MUST(import_.put(sample()));
  ASSERT_EQ(here.versions.size(), 3u);
  EXPECT_EQ(here.versions[2].version, 4);
  EXPECT_EQ(here.versions[0].stage, "Archived");
  EXPECT_EQ(here.versions[0].created, at(11));
  EXPECT_EQ(here.model.updated, at(20));
  EXPECT_EQ(here.last_version, 5);
  EXPECT_EQ(MUST(registry_.version_by_alias("churn", "champion")).version, 2);
  EXPECT_EQ(MUST(registry_.create_version({.model = "churn", .source = "s3://x/m"})).version, 6);
}

TEST_F(ModelImportTest, TwiceIsOnce) {
  MUST(import_.put(sample()));
  const auto moves = MUST(registry_.alias_history("churn")).size();
  MUST(import_.put(sample()));
  EXPECT_EQ(MUST(registry_.alias_history("churn")).size(), moves);
  EXPECT_EQ(MUST(registry_.search_versions({.filter = "name = 'churn'"})).items.size(), 3u);
}

TEST_F(ModelImportTest, WhatWentOnAtTheSourceIsTaken) {
  MUST(import_.put(sample()));
  ImportedModel later = sample();
  later.model.aliases[0].version = 4;
  later.model.updated = later.versions[2].updated = at(30);
  later.versions[2].description = "better";
  const ImportedModel here = MUST(import_.put(later));
  EXPECT_EQ(here.versions[2].description, "better");
  EXPECT_EQ(here.model.aliases[0].version, 4);
}

TEST_F(ModelImportTest, AnAliasThatWasMovedHereStays) {
  MUST(import_.put(sample()));
  MUST(registry_.set_alias("churn", "champion", 1, {.actor = "ann"}));
  EXPECT_EQ(MUST(import_.put(sample())).model.aliases[0].version, 1);
}

TEST_F(ModelImportTest, AnotherModelOfTheSameNameIsNotTouched) {
  clock_.set({77'000'000});
  MUST(registry_.create_model("churn", "ours", {}));
  const ImportedModel here = MUST(import_.put(sample()));
  EXPECT_TRUE(here.versions.empty());
  EXPECT_EQ(here.model.description, "ours");
  EXPECT_TRUE(here.model.tags.empty());
}

}  // namespace
}  // namespace slipway::registry
