// Searches that stop trials early, with real commands.
#include "pipelines/search/early_stop.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/pipelines.h"
#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "pipelines/testing/no_inputs.h"
#include "pipelines/testing/told_executor.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

std::unique_ptr<store::Db> open_db(const std::filesystem::path& file, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = file}, clock, random));
}

class EarlyStopTest : public ::testing::Test {
 protected:
  EarlyStopTest() {
    MUST(db_->migrate({migrations()}));
    tracked_.reports_folder = folder_.path() / "reports";
    std::filesystem::create_directories(tracked_.reports_folder);
  }

  std::unique_ptr<Pipelines> open(std::size_t workers = 0) {
    auto pipelines = std::make_unique<Pipelines>(*db_, clock_, clock_, random_, executor_, inputs_,
                                                 secrets_, tracked_);
    MUST(pipelines->start(
        {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = workers}));
    return pipelines;
  }
  // Trials report x three times, and then wait to be stopped unless there is a file go-x.
  std::string start(Pipelines& pipelines, const std::string& choices, const std::string& more = "",
                    const std::string& metric = "v") {
    const auto parsed = parse_pipelines(
        "pipelines:\n  p:\n    steps:\n      - name: t\n        run: >-\n          echo {x} {x} "
        "{x} >> reports/$MLFLOW_RUN_ID; until test -f go-{x}; do sleep 0.02; done; echo '{\"v\": "
        "{x}}' > {out}/m.json\n        outputs: [m.json]\n        search: {method: grid, metric: "
        "m.json#v, goal: maximize, space: {x: {choices: [" +
        choices + "]}}, stop_early: {method: asha, max: 9, metric: " + metric + "}" + more + "}\n");
    EXPECT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines.apply(*parsed, folder_.path(), "ann"));
    return MUST(pipelines.start_run("p", {}, {})).id;
  }
  void let_go(const char* x) { std::ofstream(folder_.path() / (std::string("go-") + x)) << ""; }
  static std::string states(const RunRecord& run) {
    std::string text = run.state + ":";
    for (const StepRecord& step : run.steps) text += " " + step.state;
    return text;
  }
  std::vector<double> at_rung(const std::string& run, std::int64_t rung) {
    std::vector<double> values;
    MUST(db_->read([&](store::Reader& reader) {
      return reader.query(
          "SELECT value FROM pipeline_rungs WHERE run = ? AND rung = ? ORDER BY trial", {run, rung},
          [&](const store::Row& row) { values.push_back(row.real(0)); });
    }));
    return values;
  }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns tracked_;
  std::unique_ptr<store::Db> db_ = open_db(folder_.path() / "db", clock_, random_);
};

TEST_F(EarlyStopTest, WhatIsNotAmongTheBestIsStoppedAndAgainWithoutRunning) {
  auto pipelines = open();
  for (const char* x : {"5", "9"}) let_go(x);
  const std::string first_id = start(*pipelines, "5, 1, 4, 9");
  pipelines->run_queued();
  const RunRecord first = MUST(pipelines->find_run(first_id));
  EXPECT_EQ(states(first), "succeeded: succeeded succeeded stopped stopped succeeded");
  EXPECT_EQ(first.steps[0].reason, "best of 4 trials: t[3] with v=9; 2 stopped early");
  EXPECT_EQ(first.steps[2].reason, "stopped early: v=1 at step 1 is not among the best of 2");
  EXPECT_EQ(first.steps[2].score, 1);
  EXPECT_EQ(first.steps[2].reached, 3);
  EXPECT_EQ(tracked_.active().at(first.steps[2].tracked_run).end, "killed");
  EXPECT_EQ(at_rung(first_id, 1), (std::vector<double>{5, 1, 4, 9}));
  EXPECT_EQ(at_rung(first_id, 3), (std::vector<double>{5, 9}));

  const std::string second_id = start(*pipelines, "5, 1, 4, 9");
  pipelines->run_queued();
  const RunRecord second = MUST(pipelines->find_run(second_id));
  EXPECT_EQ(states(second), "succeeded: cached cached stopped stopped cached");
  EXPECT_EQ(second.steps[2].reason, "stopped early as in run " + first_id);
  EXPECT_EQ(at_rung(second_id, 1), at_rung(first_id, 1));

  // Another seed is another search, whose trials may be stopped or not.
  let_go("1");
  let_go("4");
  const std::string third_id = start(*pipelines, "1, 5, 4, 9", ", seed: 2");
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(third_id))).substr(0, 37),
            "succeeded: succeeded succeeded cached");
}

TEST_F(EarlyStopTest, WhatAnotherSearchStoppedOrReportedDoesNotCountForThisOne) {
  auto pipelines = open();
  let_go("9");
  start(*pipelines, "9, 1, 4");
  pipelines->run_queued();
  // Without the 9 nobody has said that 1 and 4 are bad.
  let_go("1");
  let_go("4");
  const std::string narrow = start(*pipelines, "4, 1");
  pipelines->run_queued();
  const RunRecord over = MUST(pipelines->find_run(narrow));
  EXPECT_EQ(states(over).substr(0, 30), "succeeded: succeeded succeeded");
  EXPECT_EQ(over.steps[2].tries, 1);
  // Of another metric the cached trial has reported nothing.
  const std::string other = start(*pipelines, "9", "", "w");
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(other))), "succeeded: cached cached");
  EXPECT_TRUE(at_rung(other, 1).empty());
}

// It ended where it ran, before this server had asked for it.
TEST_F(EarlyStopTest, WhatAServerBeforeThisOneEndedIsDecidedAnew) {
  ToldExecutor executor;
  executor.of_step = [&](const Command& command, const auto&) -> Result<Exit> {
    const std::string x = command.text.substr(5, 1);
    const bool is_first = executor.commands(command.names.step).size() == 1;
    if (x == "9" && is_first) return Exit{.kind = Exit::Kind::kStopped};
    std::ofstream(tracked_.reports_folder / command.environment.at("MLFLOW_RUN_ID")) << x;
    if (x == "1") return Exit{.kind = Exit::Kind::kStopped};
    std::ofstream(command.environment.at("SLIPWAY_OUT") + "/m.json") << "{\"v\": " << x << "}";
    return Exit{};
  };
  Pipelines pipelines(*db_, clock_, clock_, random_, executor, inputs_, secrets_, tracked_);
  MUST(pipelines.start(
      {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = 0}));
  const std::string id = start(pipelines, "5, 1, 9");
  pipelines.run_queued();
  const RunRecord run = MUST(pipelines.find_run(id));
  EXPECT_EQ(states(run), "succeeded: succeeded succeeded stopped succeeded");
  EXPECT_EQ(run.steps[2].reason, "stopped early: v=1 at step 1 is not among the best of 2");
  EXPECT_EQ(run.steps[3].earlier_tries.size(), 1u);
}

TEST_F(EarlyStopTest, ATrialThatRunsAgainLeavesItsRungsAnew) {
  auto pipelines = open(1);
  const std::string id = start(*pipelines, "5, 1");
  while (at_rung(id, 3).empty()) std::this_thread::yield();
  pipelines.reset();  // in the middle of t[0]
  let_go("5");
  pipelines = open();
  pipelines->run_queued();
  const RunRecord over = MUST(pipelines->find_run(id));
  EXPECT_EQ(states(over), "succeeded: succeeded succeeded stopped");
  EXPECT_EQ(at_rung(id, 1), (std::vector<double>{5, 1}));
  EXPECT_EQ(tracked_.active().size(), 3u);
}

}  // namespace
}  // namespace slipway::pipelines
