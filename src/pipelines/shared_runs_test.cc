// Runs whose steps are on several servers, and a database that goes away.
#include <gtest/gtest.h>

#include "pipelines/pipelines.h"
#include "pipelines/tables.h"
#include "pipelines/testing/away_db.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "pipelines/testing/no_inputs.h"
#include "pipelines/testing/told_executor.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

class SharedRunsTest : public ::testing::Test {
 protected:
  SharedRunsTest()
      : store_(MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_))) {
    MUST(db_.migrate({migrations()}));
  }

  void open(const std::string& server) {
    pipelines_ = std::make_unique<Pipelines>(db_, clock_, clock_, random_, executor_, inputs_,
                                             secrets_, trial_runs_);
    MUST(pipelines_->start({.folder = folder_.path() / "runs",
                            .url = "http://here",
                            .runs_parallel_max = 1,
                            .steps_parallel_max = 1,
                            .capacity = {.cpu_millis = 2000, .memory_bytes = 1000},
                            .server = server}));
  }
  std::string start(const std::string& steps) {
    const auto parsed = parse_pipelines("pipelines:\n  p:\n    steps:\n" + steps);
    EXPECT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines_->apply(*parsed, folder_.path(), "ann"));
    return MUST(pipelines_->start_run("p", {}, {})).id;
  }
  RunRecord end_of(const std::string& id) {
    for (;; std::this_thread::yield()) {
      RunRecord run = MUST(pipelines_->find_run(id));
      if (run.is_over()) return run;
    }
  }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ToldExecutor executor_;
  FakeTrialRuns trial_runs_;
  std::unique_ptr<store::Db> store_;
  AwayDb db_{*store_};
  std::unique_ptr<Pipelines> pipelines_;
};

TEST_F(SharedRunsTest, StepsThatEndWhileTheDatabaseIsAwayAreKept) {
  executor_.of_step = [&](const Command& command, const auto&) -> Result<Exit> {
    if (command.names.step == "a") db_.is_away = true;
    return Exit{};
  };
  open("");
  const std::string id =
      start("      - {name: a, run: x}\n      - {name: b, run: x, after: [a]}\n");
  while (db_.refused < 5) std::this_thread::yield();
  db_.is_away = false;
  const RunRecord run = end_of(id);
  EXPECT_EQ(run.state, "succeeded") << run.reason;
  EXPECT_EQ(executor_.commands("a").size(), 1u);
  EXPECT_EQ(executor_.commands("b").size(), 1u);
}

TEST_F(SharedRunsTest, AStopWhileTheDatabaseIsAwayFailsNothing) {
  executor_.of_step = [&](const Command&, const auto&) -> Result<Exit> {
    db_.is_away = executor_.commands("a").size() == 1;
    return Exit{};
  };
  open("");
  const std::string id = start("      - {name: a, run: x}\n");
  while (db_.refused < 2) std::this_thread::yield();
  pipelines_.reset();
  db_.is_away = false;
  open("");
  EXPECT_EQ(end_of(id).state, "succeeded");
  EXPECT_EQ(executor_.commands("a").size(), 2u);
}

TEST_F(SharedRunsTest, WhatWasLostWaitsAndWhatNeverBeganCountsForNothing) {
  executor_.of_step = [&](const Command& command, const auto&) -> Result<Exit> {
    const std::string& step = command.names.step;
    if (executor_.commands(step).size() > 1) return Exit{};
    return Exit{.kind = step == "lost" ? Exit::Kind::kLost : Exit::Kind::kNotBegun};
  };
  open("one#1");
  const std::string id = start("      - {name: lost, run: x}\n      - {name: withdrawn, run: x}\n");
  const RunRecord run = end_of(id);
  EXPECT_EQ(run.state, "succeeded");
  for (const StepRecord& step : run.steps) {
    EXPECT_EQ(step.tries, 1);
    EXPECT_EQ(executor_.commands(step.name).size(), 2u);
  }
  ASSERT_EQ(run.steps[0].earlier_tries.size(), 1u);
  EXPECT_GE(*run.steps[0].started - run.steps[0].earlier_tries[0].finished,
            base::Duration{500'000});
  EXPECT_TRUE(run.steps[1].earlier_tries.empty());
}

TEST_F(SharedRunsTest, ALeaderThatSharesNoStepsFollowsThoseOfOthers) {
  executor_.of_step = [](const Command& command, const auto& wish) -> Result<Exit> {
    while (wish() == Wish::kGoOn) std::this_thread::yield();
    return Exit{.kind = command.names.server == "two#1" ? Exit::Kind::kLeft : Exit::Kind::kStopped};
  };
  open("one#1");
  pipelines_->set_other_servers({{.server = "two#1", .places = 1, .capacity = {}}});
  const std::string id = start("      - {name: a, run: x}\n      - {name: b, run: x}\n");
  while (executor_.commands("a").empty() || executor_.commands("b").empty())
    std::this_thread::yield();
  pipelines_.reset();
  executor_.of_step = [](const Command& command, const auto&) -> Result<Exit> {
    return Exit{.kind = command.names.server == "one#1" ? Exit::Kind::kLost : Exit::Kind::kExited};
  };
  open("");
  const RunRecord run = end_of(id);
  EXPECT_EQ(run.state, "succeeded");
  const auto a = executor_.commands("a"), b = executor_.commands("b");
  ASSERT_EQ(a.size(), 3u);  // with its server it was lost
  EXPECT_EQ(a[1].names.server, "one#1");
  EXPECT_TRUE(a[1].is_followed);
  EXPECT_EQ(a[2].names.server, "");
  EXPECT_FALSE(a[2].is_followed);
  ASSERT_EQ(b.size(), 2u);
  EXPECT_EQ(b[1].names.job, b[0].names.job);
  EXPECT_TRUE(b[1].is_followed);
  EXPECT_TRUE(executor_.cleaned().empty());
}

// Before it was told to share steps, the server had a run of its own when it was killed.
TEST_F(SharedRunsTest, WhatRanOnNoServerInParticularIsFollowedByOneThatShares) {
  executor_.of_step = [&](const Command& command, const auto& wish) -> Result<Exit> {
    if (executor_.commands(command.names.step).size() > 1) return Exit{};
    while (wish() == Wish::kGoOn) std::this_thread::yield();
    return Exit{.kind = Exit::Kind::kStopped};
  };
  open("");
  const std::string id = start("      - {name: a, run: x}\n");
  while (executor_.commands("a").empty()) std::this_thread::yield();
  pipelines_.reset();
  open("one#1");
  EXPECT_EQ(end_of(id).state, "succeeded");
  const auto a = executor_.commands("a");
  ASSERT_EQ(a.size(), 2u);
  EXPECT_TRUE(a[1].is_followed);
  EXPECT_EQ(a[1].names.server, "");
  EXPECT_EQ(a[1].names.job, a[0].names.job);
}

TEST_F(SharedRunsTest, AFollowedStepEndedWhenItDidAndALostOneRunsAgainAndIsTold) {
  executor_.of_step = [&](const Command& command, const auto& wish) -> Result<Exit> {
    const std::string& step = command.names.step;
    if (command.is_followed)
      return step == "lost" ? Exit{.kind = Exit::Kind::kLost} : Exit{.ended = base::Timestamp{42}};
    if (executor_.commands(step).size() > 1) return Exit{};
    while (wish() == Wish::kGoOn) std::this_thread::yield();
    return Exit{.kind = Exit::Kind::kStopped};
  };
  std::map<std::string, RunRecord> runs;
  for (const std::string step : {"kept", "lost"}) {
    open("");
    const std::string id = start(fmt::format("      - {{name: {}, run: x}}\n", step));
    while (executor_.commands(step).empty()) std::this_thread::yield();
    pipelines_.reset();
    open("");
    runs[step] = end_of(id);
    EXPECT_EQ(runs[step].state, "succeeded");
  }
  EXPECT_EQ(runs["kept"].steps[0].finished, base::Timestamp{42});
  EXPECT_EQ(executor_.commands("kept").size(), 2u);
  EXPECT_EQ(executor_.commands("lost").size(), 3u);
  const StepRecord& lost = runs["lost"].steps[0];
  EXPECT_EQ(lost.tries, 1);
  ASSERT_EQ(lost.earlier_tries.size(), 1u);
  EXPECT_EQ(lost.earlier_tries[0].reason,
            "it was lost: its process is gone and nobody saw how it ended");
}

TEST_F(SharedRunsTest, AStepThatNoServerHasRoomForWaitsForOne) {
  executor_.of_step = [](const Command&, const auto&) -> Result<Exit> { return Exit{}; };
  open("one#1");
  const std::string id = start(
      "      - {name: large, run: x, resources: {cpu: 8}}\n"
      "      - {name: small, run: x, resources: {cpu: 1}}\n");
  RunRecord run = MUST(pipelines_->find_run(id));
  while (run.steps[1].state != "succeeded") run = MUST(pipelines_->find_run(id));
  EXPECT_EQ(run.steps[0].reason,
            "waits for a server with room for it: it needs 8 cores, and steps may have 2 (setting "
            "pipeline-cpus-max)");
  pipelines_->set_other_servers(
      {{.server = "two#1", .places = 1, .capacity = {.cpu_millis = 8000, .memory_bytes = 1000}}});
  EXPECT_EQ(end_of(id).state, "succeeded");
  EXPECT_EQ(executor_.commands("large").at(0).names.server, "two#1");
}

}  // namespace
}  // namespace slipway::pipelines
