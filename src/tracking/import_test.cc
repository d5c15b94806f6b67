// Imported runs keep what they were; again is no change; what was changed here is not overwritten.
#include "tracking/import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tracking/tables.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

ImportedRun sample(const std::string& id, std::size_t points) {
  ImportedRun imported;
  Run& run = imported.run;
  run.id = id;
  run.experiment_id = "7";
  run.name = "first";
  run.user = "ann";
  run.status = RunStatus::kFailed;
  run.start_ms = 1000;
  run.end_ms = 2000;
  run.artifact_uri = "s3://bucket/" + id;
  run.params = {{"lr", "0.1"}, {"empty", ""}};
  run.tags = {{"mlflow.runName", "first"}, {"team", "täxt\n'quoted'"}};
  run.datasets = {{"rows", "abc", "local", "{}", "", "", {{"context", "training"}}}};
  run.model_inputs = {"m-1"};
  run.model_outputs = {{"m-2", 3}};
  for (std::size_t i = 0; i < points; ++i)
    imported.points.push_back({"loss", 1.0 / static_cast<double>(i + 1),
                               static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)});
  imported.points.push_back({"odd", std::nan(""), 1, 0});
  imported.points.push_back({"odd", -INFINITY, 2, -1});
  return imported;
}

class ImportTest : public testing::TrackingFixture {
 protected:
  ImportTest() {
    MUST(db_->migrate({import_migrations()}));
    opened_ = MUST(import_.open("file:///mlruns", "ann"));
    MUST(import_.put_experiment(opened_.id, {.id = "7", .name = "churn"}));
  }
  Import::Change put(const ImportedRun& run) {
    return MUST(import_.put_runs(opened_.id, {run})).front();
  }
  RunContent content(const std::string& id) { return MUST(import_.contents({id})).at(id); }

  Import import_{*db_, keys_, clock_, random_, runs_, models_};
  Import::Opened opened_;
};

TEST_F(ImportTest, ARunIsWhatItWas) {
  for (const std::size_t points :
       {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{513}, std::size_t{2000}}) {
    SCOPED_TRACE(points);
    const ImportedRun run = sample(fmt::format("{:032x}", points), points);
    EXPECT_EQ(put(run), Import::Change::kCreated);
    EXPECT_EQ(content(run.run.id), content_of(run.run, run.points));
    EXPECT_EQ(content(run.run.id).points, static_cast<std::int64_t>(points) + 2);
    const tracking::Run stored = MUST(runs_.get(run.run.id));
    EXPECT_EQ(stored.start_ms, 1000);
    EXPECT_EQ(stored.status, RunStatus::kFailed);
    // The latest point is the one of the highest step.
    if (points == 0) continue;
    EXPECT_EQ(stored.metrics.front().step, static_cast<std::int64_t>(points) - 1);
  }
}

TEST_F(ImportTest, TwiceIsOnce) {
  const ImportedRun run = sample("a", 600);
  EXPECT_EQ(put(run), Import::Change::kCreated);
  EXPECT_EQ(put(run), Import::Change::kUnchanged);
  ImportedRun shuffled = run;
  std::reverse(shuffled.points.begin(), shuffled.points.end());
  std::reverse(shuffled.run.tags.begin(), shuffled.run.tags.end());
  shuffled.points.push_back(shuffled.points.front());  // logged twice: one point
  EXPECT_EQ(put(shuffled), Import::Change::kUnchanged);
  EXPECT_TRUE(MUST(import_.open("file:///mlruns", "ann")).resumed);
  EXPECT_FALSE(MUST(import_.open("file:///other", "ann")).resumed);
}

TEST_F(ImportTest, WhatWentOnAtTheSourceIsTaken) {
  ImportedRun run = sample("a", 10);
  put(run);
  run.points.push_back({"loss", 0.5, 99, 99});
  run.run.status = RunStatus::kFinished;
  EXPECT_EQ(put(run), Import::Change::kReplaced);
  EXPECT_EQ(content("a"), content_of(run.run, run.points));
}

TEST_F(ImportTest, WhatChangedHereStays) {
  ImportedRun run = sample("a", 10);
  put(run);
  MUST(runs_.log_batch("a", {}, {}, {{"reviewed", "yes"}}));
  EXPECT_EQ(put(run), Import::Change::kKept);
  run.points.push_back({"loss", 0.5, 99, 99});
  EXPECT_EQ(put(run), Import::Change::kKept);
  EXPECT_EQ(content("a").tags, 3);
}

TEST_F(ImportTest, ABatchIsAllOrNothing) {
  ImportedRun lost = sample("b", 1);
  lost.run.experiment_id = "99";
  EXPECT_EQ(import_.put_runs(opened_.id, {sample("a", 1), lost}).error().code, Code::kNotFound);
  EXPECT_TRUE(MUST(import_.contents({"a", "b"})).empty());
}

TEST_F(ImportTest, AnExperimentKeepsItsIdUnlessItIsTaken) {
  EXPECT_EQ(MUST(experiments_.get("7")).name, "churn");
  EXPECT_EQ(MUST(import_.put_experiment(opened_.id, {.id = "0", .name = "Default"})).id, "0");
  const Experiment moved = MUST(import_.put_experiment(opened_.id, {.id = "0", .name = "other"}));
  EXPECT_EQ(moved.id, "0");  // the same one of the source as before
  const auto second = MUST(import_.open("sqlite:///b.db", "ann"));
  EXPECT_EQ(MUST(import_.put_experiment(second.id, {.id = "7", .name = "fraud"})).id, "8");
  EXPECT_EQ(MUST(import_.put_experiment(second.id, {.id = "3", .name = "churn"})).id, "7");
}

TEST_F(ImportTest, EachPartOfTheContentCounts) {
  const ImportedRun run = sample("a", 3);
  const RunContent whole = content_of(run.run, run.points);
  const std::vector<std::pair<std::string, std::function<void(ImportedRun&)>>> changes = {
      {"value", [](ImportedRun& r) { r.points[1].value += 1e-9; }},
      {"step", [](ImportedRun& r) { r.points[1].step += 1; }},
      {"param", [](ImportedRun& r) { r.run.params[0].value = "0.2"; }},
      {"boundary",
       [](ImportedRun& r) {
         r.run.params[0] = {"lr0", ".1"};
       }},
      {"tag", [](ImportedRun& r) { r.run.tags.pop_back(); }},
      {"dataset tag", [](ImportedRun& r) { r.run.datasets[0].tags[0].value = "test"; }},
      {"output step", [](ImportedRun& r) { r.run.model_outputs[0].step = 4; }},
      {"stage", [](ImportedRun& r) { r.run.stage = Stage::kDeleted; }},
      {"end", [](ImportedRun& r) { r.run.end_ms.reset(); }}};
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    ImportedRun other = run;
    change(other);
    EXPECT_NE(content_of(other.run, other.points).digest(), whole.digest());
  }
}

TEST_F(ImportTest, ALoggedModelKeepsItsIdAndTimes) {
  LoggedModel model{.id = "m-1",
                    .experiment_id = "7",
                    .name = "net",
                    .status = "LOGGED_MODEL_READY",
                    .created = base::Timestamp::from_millis(5),
                    .updated = base::Timestamp::from_millis(6),
                    .params = {{"d", "2"}}};
  EXPECT_EQ(MUST(import_.put_logged_model(opened_.id, model)), Import::Change::kCreated);
  EXPECT_EQ(MUST(import_.put_logged_model(opened_.id, model)), Import::Change::kUnchanged);
  EXPECT_EQ(digest_of(MUST(models_.get("m-1"))), digest_of(model));
  MUST(models_.set_tags("m-1", {{"here", "yes"}}));
  EXPECT_EQ(MUST(import_.put_logged_model(opened_.id, model)), Import::Change::kKept);
}

}  // namespace
}  // namespace slipway::tracking
