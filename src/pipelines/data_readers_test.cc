#include "pipelines/data_readers.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "pipelines/tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

using Steps = std::map<std::string, std::set<std::string>>;

class DataReadersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "slipway.db"}, clock_, random_));
    MUST(db_->migrate({migrations()}));
  }

  void add_run(const std::string& id, const std::string& parent = "",
               const std::string& parent_step = "") {
    MUST(db_->write([&](store::Tx& tx) -> Result<void> {
      TRY(
          tx.execute("INSERT INTO pipeline_runs(id, pipeline, state, reason, actor, params, text, "
                     "project, source, now, created_at, parent_run, parent_step) "
                     "VALUES(?, 'train', 'succeeded', '', '', '{}', '', '', '{}', 0, 0, ?, ?)",
                     {id, parent, parent_step}));
      return {};
    }));
    position_ = 0;
  }

  // Of the run added last. `parts`: of its key; none: it never began.
  void add_step(const std::string& run, const std::string& name,
                const std::vector<std::pair<std::string, std::string>>& parts,
                const std::string& command = "true", std::optional<std::int64_t> parent = {}) {
    JsonObject digests;
    for (const auto& [part, digest] : parts) digests[part] = digest;
    const std::string document =
        parts.empty() ? "" : base::to_text(JsonObject{{"command", command}, {"parts", digests}});
    MUST(db_->write([&](store::Tx& tx) -> Result<void> {
      TRY(
          tx.execute("INSERT INTO pipeline_steps(run, position, name, state, key_document, parent) "
                     "VALUES(?, ?, ?, 'succeeded', ?, ?)",
                     {run, position_++, name, document, parent}));
      return {};
    }));
  }

  std::map<std::string, Steps> found(std::vector<std::string> words = {}) {
    std::map<std::string, Steps> steps;
    for (const DataReader& reader : MUST(find_data_readers(*db_, "visits", std::move(words)))) {
      EXPECT_EQ(reader.pipeline, "train");
      steps[reader.run] = reader.steps;
    }
    return steps;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_;
  int position_ = 0;
};

TEST_F(DataReadersTest, StepsThatReadWhatWasMadeOfItCount) {
  add_run("r");
  add_step("r", "rows", {{"input/dataset:visits", "d1"}, {"input/dataset:other", "x"}});
  add_step("r", "apart", {{"code/a.py", "c"}});
  add_step("r", "train", {{"step/rows", "m"}});
  add_step("r", "check", {{"step/train", "m"}, {"input/dataset:visits", "d2..d3"}});
  add_step("r", "late", {});
  add_run("other");
  add_step("other", "rows", {{"input/dataset:visits-2", "d1"}, {"step/none", "m"}});
  const Steps expected = {{"rows", {"d1"}}, {"train", {"d1"}}, {"check", {"d1", "d2..d3"}}};
  EXPECT_EQ(found(), (std::map<std::string, Steps>{{"r", expected}}));
}

TEST_F(DataReadersTest, AStepHasReadWhatItsItemsHave) {
  add_run("r");
  add_step("r", "each", {});
  add_step("r", "best", {{"step/each", "m"}});
  add_step("r", "each[0]", {{"input/dataset:visits", "d1"}}, "true", 0);
  EXPECT_EQ(found()["r"], (Steps{{"each", {"d1"}}, {"best", {"d1"}}, {"each[0]", {"d1"}}}));
}

TEST_F(DataReadersTest, ARunHasReadWhatRunsThatAreItsStepsHave) {
  add_run("outer");
  add_step("outer", "inner", {});
  add_step("outer", "train", {{"step/inner", "m"}});
  add_step("outer", "apart", {{"code/a.py", "c"}});
  add_run("nested", "outer", "inner");
  add_step("nested", "rows", {{"input/dataset:visits", "d1"}});
  EXPECT_EQ(found()["outer"], (Steps{{"inner", {"d1"}}, {"train", {"d1"}}}));
}

TEST_F(DataReadersTest, WhatACommandAloneNamesIsOfNoKnownVersion) {
  add_run("r");
  add_step("r", "one", {{"code/a.py", "c"}},
           "slipway features history s --entities dataset:visits");
  add_step("r", "two", {{"code/a.py", "c"}}, "slipway features history triage --entities rows");
  add_step("r", "three", {{"code/a.py", "c"}}, "slipway features history triage-2 --entities rows");
  add_step("r", "four", {{"input/dataset:visits", "d1"}}, "read dataset:visits");
  EXPECT_EQ(found()["r"], (Steps{{"one", {""}}, {"four", {"d1"}}}));
  EXPECT_EQ(found({"features history triage"})["r"],
            (Steps{{"one", {""}}, {"two", {""}}, {"four", {"d1"}}}));
}

TEST_F(DataReadersTest, NamesThatBeginOrEndAlikeAreOthers) {
  add_run("r");
  for (const char* name : {"dataset:visits.eu", "old-dataset:visits", "dataset:visits_2"})
    add_step("r", name, {{"code/a.py", "c"}}, fmt::format("read {}", name));
  for (const char* name : {"dataset:visits.", "'dataset:visits'", "dataset:visits@3"})
    add_step("r", name, {{"code/a.py", "c"}}, fmt::format("read {}", name));
  EXPECT_EQ(
      found()["r"],
      (Steps{{"'dataset:visits'", {""}}, {"dataset:visits.", {""}}, {"dataset:visits@3", {""}}}));
}

// What many runs that are its steps have read comes to a run, and to the run that it is a step of,
// whichever is looked at first.
TEST_F(DataReadersTest, RunsAreLookedAtAgainWhenMoreIsKnown) {
  add_run("b");
  add_step("b", "inner", {});
  add_run("c", "b", "inner");
  add_step("c", "each", {});
  add_step("c", "own", {{"input/dataset:visits", "d0"}});
  for (const char* id : {"a", "d"}) {
    add_run(id, "c", "each");
    add_step(id, "rows", {{"input/dataset:visits", id}});
  }
  EXPECT_EQ(found()["c"], (Steps{{"each", {"a", "d"}}, {"own", {"d0"}}}));
  EXPECT_EQ(found()["b"], (Steps{{"inner", {"a", "d", "d0"}}}));
}

}  // namespace
}  // namespace slipway::pipelines
