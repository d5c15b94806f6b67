// Searches with real commands: their trials, what becomes of them, and going on after a stop.
#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/pipelines.h"
#include "pipelines/search/search_runner.h"
#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "pipelines/testing/no_inputs.h"
#include "store/file_system.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

std::unique_ptr<store::Db> open_db(const std::filesystem::path& file, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = file}, clock, random));
}

class SearchRunTest : public ::testing::Test {
 protected:
  SearchRunTest() { MUST(db_->migrate({migrations()})); }

  std::unique_ptr<Pipelines> open(std::size_t workers = 0, std::size_t items_max = 1000) {
    auto pipelines = std::make_unique<Pipelines>(*db_, clock_, clock_, random_, executor_, inputs_,
                                                 secrets_, tracked_);
    MUST(pipelines->start({.folder = folder_.path() / "runs",
                           .url = "http://here",
                           .runs_parallel_max = workers,
                           .items_max = items_max}));
    return pipelines;
  }
  // A step that searches with this command, and one that uses what it found.
  RunRecord run(Pipelines& pipelines, const std::string& command, const std::string& search) {
    start(pipelines, command, search);
    pipelines.run_queued();
    return MUST(pipelines.find_run(id_));
  }
  void start(Pipelines& pipelines, const std::string& command, const std::string& search) {
    const auto parsed = parse_pipelines(
        "pipelines:\n  p:\n    steps:\n      - name: train\n        run: >-\n          " + command +
        "\n        outputs: [m.json]\n        search: {metric: m.json#v, goal: minimize, " +
        search +
        "}\n      - {name: use, run: 'cat {train}/m.json {train}/best.json > {out}/used', outputs: "
        "[used]}\n");
    ASSERT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines.apply(*parsed, folder_.path(), "ann"));
    id_ = MUST(pipelines.start_run("p", {}, {})).id;
  }
  static std::string states(const RunRecord& run) {
    std::string text = run.state + ":";
    for (const StepRecord& step : run.steps) text += " " + step.state;
    return text;
  }
  std::string used() { return MUST(store::read_file(folder_.path() / "runs" / id_ / "use/used")); }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns tracked_;
  std::unique_ptr<store::Db> db_ = open_db(folder_.path() / "db", clock_, random_);
  std::string id_;
};

constexpr const char* kGrid = "method: grid, parallel: 2, space: {x: {choices: [3, 1, 2]}}";
constexpr const char* kWrite = "echo $MLFLOW_RUN_ID >> began; echo '{\"v\":{x}}' > {out}/m.json";

TEST_F(SearchRunTest, TheBestTrialsOutputsAreTheSteps) {
  auto pipelines = open();
  const RunRecord first = run(*pipelines, kWrite, kGrid);
  EXPECT_EQ(states(first), "succeeded: succeeded succeeded succeeded succeeded succeeded");
  EXPECT_EQ(first.steps[0].reason, "best of 3 trials: train[1] with v=1");
  EXPECT_EQ(first.steps[0].score, 1);
  EXPECT_EQ(used(),
            "{\"v\":1}\n{\"trial\":1,\"state\":\"complete\",\"value\":1E0,\"params\":{\"x\":1},"
            "\"metric\":\"m.json#v\"}\n");
  EXPECT_EQ(first.steps[3].value, "{\"x\":1}");

  // Each is tracked below the search.
  const auto tracked = tracked_.active();
  ASSERT_EQ(tracked.size(), 4u);
  const auto& search = tracked.at(first.steps[0].tracked_run);
  EXPECT_EQ(search.end + " " + search.run.name + " " + search.run.experiment, "finished train p");
  const auto& trial = tracked.at(first.steps[3].tracked_run);
  EXPECT_EQ(trial.run.parent, search.run.id);
  EXPECT_EQ(trial.run.params.at("x"), "1");
  EXPECT_EQ(trial.metrics.at("v"), 1);

  // The same again comes from the cache, and is tracked as well.
  const RunRecord second = run(*pipelines, kWrite, kGrid);
  EXPECT_EQ(states(second), "succeeded: cached cached cached cached cached");
  EXPECT_EQ(tracked_.active().size(), 8u);
  EXPECT_EQ(tracked_.active().at(second.steps[3].tracked_run).metrics.at("v"), 1);

  // Another trial more needs that one alone.
  const RunRecord third =
      run(*pipelines, kWrite, "method: grid, space: {x: {choices: [3, 1, 2, 0]}}");
  EXPECT_EQ(states(third), "succeeded: succeeded succeeded cached cached cached succeeded");
  EXPECT_EQ(third.steps[0].reason, "best of 4 trials: train[3] with v=0");
}

TEST_F(SearchRunTest, FailuresAreToldAndEndItOnlyWhenThereAreMoreThanMay) {
  auto pipelines = open();
  const char* kSome = "test {x} -gt 2 && exit 4; echo '{\"v\":{x}}' > {out}/m.json";
  const RunRecord some = run(*pipelines, kSome, kGrid);
  EXPECT_EQ(states(some), "succeeded: succeeded succeeded failed succeeded succeeded");
  EXPECT_EQ(some.steps[0].reason, "best of 3 trials: train[1] with v=1; 1 failed");
  EXPECT_EQ(tracked_.active().at(some.steps[2].tracked_run).end, "failed");

  const RunRecord more = run(*pipelines, "exit 4; echo {x}",
                             "method: grid, max_failed: 1, space: {x: {low: 1, high: 9}}");
  EXPECT_EQ(states(more), "failed: failed skipped failed failed");
  EXPECT_EQ(more.steps[0].reason,
            "2 of 2 trials failed, of which 1 may (max_failed): train[0]: exit code 4: see the "
            "step's log");

  const RunRecord none = run(*pipelines, "echo '{\"w\":{x}}' > {out}/m.json", kGrid);
  EXPECT_EQ(states(none), "failed: failed skipped failed failed failed");
  EXPECT_NE(none.steps[0].reason.find("none of 3 trials has a value"), std::string::npos);
  const RunRecord text = run(*pipelines, "echo '{\"v\":\"{x}a\"}' > {out}/m.json", kGrid);
  EXPECT_NE(text.steps[2].reason.find("its metric is no number"), std::string::npos);
  const RunRecord refused = run(*pipelines, "exit 3; echo {x}", kGrid);
  EXPECT_EQ(states(refused), "refused: refused skipped refused refused refused");

  // What failed runs again, what did not doesn't.
  MUST(pipelines->try_again(none.id, "ann"));
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(none.id))),
            "failed: failed skipped failed failed failed");
  EXPECT_EQ(MUST(pipelines->find_run(none.id)).steps[2].earlier_tries.size(), 1u);
}

TEST_F(SearchRunTest, TryingAgainWhatCameAfterItLeavesItsFailedTrialsAlone) {
  auto pipelines = open();
  const auto parsed = parse_pipelines(
      "pipelines:\n  p:\n    steps:\n      - name: train\n        run: test {x} -gt 2 && exit 4; "
      "echo "
      "'{\"v\":{x}}' > {out}/m.json\n        outputs: [m.json]\n        search: {metric: m.json#v, "
      "goal: minimize, " +
      std::string(kGrid) +
      "}\n      - {name: use, run: 'cat {train}/m.json && test -f go && touch {out}/used', "
      "outputs: "
      "[used]}\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  MUST(pipelines->apply(*parsed, folder_.path(), "ann"));
  id_ = MUST(pipelines->start_run("p", {}, {})).id;
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(id_))),
            "failed: succeeded failed failed succeeded succeeded");
  std::ofstream(folder_.path() / "go") << "";
  MUST(pipelines->try_again(id_, "ann"));
  pipelines->run_queued();
  const RunRecord over = MUST(pipelines->find_run(id_));
  EXPECT_EQ(states(over), "succeeded: succeeded succeeded failed succeeded succeeded");
  EXPECT_EQ(over.steps[2].reason, "exit code 4: see the step's log");
}

TEST_F(SearchRunTest, IsCancelledWhenNotAllOfItsTrialsCame) {
  Search search;
  search.method = Search::Method::kRandom;
  search.trials = 3;
  search.space = {{.name = "x", .low = 0, .high = 1}};
  RunRecord run;
  run.steps = {{.name = "train", .state = "running"}, {.name = "train[0]", .state = "succeeded"}};
  run.steps[0].tracked_run = "of the search";
  run.steps[1].parent = 0;
  run.steps[1].value = R"({"x":0.5})";
  run.steps[1].score = 1;
  MUST(tracked_.begin({.id = "of the search", .experiment = "p", .name = "train"}));
  MUST(SearchRunner(tracked_, random_, 10).gather(run, 0, search, folder_.path() / "out"));
  EXPECT_EQ(run.steps[0].state, "cancelled");
  EXPECT_EQ(tracked_.active().at("of the search").end, "killed");
}

TEST_F(SearchRunTest, MoreTrialsThanMayBeFailIt) {
  auto pipelines = open(0, 2);
  const RunRecord run_ = run(*pipelines, kWrite, kGrid);
  EXPECT_EQ(states(run_), "failed: failed skipped");
  EXPECT_NE(run_.steps[0].reason.find("trials=3 limit=2 (setting pipeline-items-max)"),
            std::string::npos);
}

TEST_F(SearchRunTest, GoesOnAfterAStopWithoutLosingOrDoublingATrial) {
  auto pipelines = open(1);
  start(*pipelines,
        "echo {x} >> began; test {x} != 2 || test -f go || sleep 100; echo '{\"v\":{x}}' > "
        "{out}/m.json; echo {x} >> ended",
        "method: grid, parallel: 2, space: {x: {low: 0, high: 5}}");
  const auto lines = [&](const char* file) {
    const auto text = store::read_file(folder_.path() / file);
    return text ? std::count(text->begin(), text->end(), '\n') : 0;
  };
  while (lines("ended") < 5) std::this_thread::yield();  // all but the one that waits
  pipelines.reset();
  const RunRecord stopped = MUST(open()->find_run(id_));
  EXPECT_EQ(stopped.steps[4].state, "running");
  std::ofstream(folder_.path() / "go") << "";
  pipelines = open();
  pipelines->run_queued();
  const RunRecord over = MUST(pipelines->find_run(id_));
  EXPECT_EQ(over.steps.size(), 8u);
  EXPECT_EQ(over.state, "succeeded");
  EXPECT_EQ(lines("began"), 7);
  EXPECT_EQ(lines("ended"), 6);
  EXPECT_EQ(tracked_.active().size(), 7u);  // the one of the interrupted try is deleted
  EXPECT_NE(over.steps[4].tracked_run, stopped.steps[4].tracked_run);
  for (const auto& [id, known] : tracked_.active()) EXPECT_EQ(known.end, "finished");
}

TEST_F(SearchRunTest, IsCancelledWithItsTrials) {
  auto pipelines = open(1);
  start(*pipelines, "touch begun; sleep 100; echo {x}", kGrid);
  while (!std::filesystem::exists(folder_.path() / "begun")) std::this_thread::yield();
  MUST(pipelines->cancel(id_));
  while (!MUST(pipelines->find_run(id_)).is_over()) std::this_thread::yield();
  const RunRecord over = MUST(pipelines->find_run(id_));
  EXPECT_EQ(over.state, "cancelled");
  for (const StepRecord& step : over.steps) EXPECT_EQ(step.state, "cancelled");
  for (const auto& [id, known] : tracked_.active()) EXPECT_EQ(known.end, "killed");
}

}  // namespace
}  // namespace slipway::pipelines
