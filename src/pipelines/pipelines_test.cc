// Real commands in a temporary folder: order, cache, refusal, timeouts, and going on after a crash.
#include "pipelines/pipelines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "store/file_system.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

class NoInputs final : public InputDigests {
 public:
  Result<Input> resolve(const std::string& kind, const std::string& name) override {
    if (kind != "dataset") return base::error(Code::kInvalidArgument, "no such kind: {}", kind);
    return Input{.digest = digest, .revision = name};
  }
  Result<bool> has_object(const std::string&) override { return false; }
  std::string digest = "d1";
};

std::unique_ptr<store::Db> open_db(const std::filesystem::path& file, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = file}, clock, random));
}

class PipelinesTest : public ::testing::Test {
 protected:
  PipelinesTest() { MUST(db_->migrate({migrations()})); }

  std::unique_ptr<Pipelines> open(std::size_t workers = 0) {
    auto pipelines = std::make_unique<Pipelines>(*db_, event_clock_, clock_, random_, executor_,
                                                 inputs_, secrets_, trial_runs_);
    MUST(pipelines->start(
        {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = workers}));
    return pipelines;
  }
  void apply(Pipelines& pipelines, const std::string& steps) {
    const auto parsed =
        parse_pipelines("pipelines:\n  p:\n    params: {word: hello}\n    steps:\n" + steps);
    ASSERT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines.apply(*parsed, folder_.path(), "ann"));
  }
  RunRecord run(Pipelines& pipelines, std::map<std::string, std::string> params = {}) {
    const RunRecord started = MUST(pipelines.start_run("p", params, {}));
    pipelines.run_queued();
    return MUST(pipelines.find_run(started.id));
  }
  static std::string states(const RunRecord& run) {
    std::string text = run.state + ":";
    for (const StepRecord& step : run.steps) text += " " + step.state;
    return text;
  }
  void write(const char* name, const char* text) { std::ofstream(folder_.path() / name) << text; }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::ManualClock event_clock_{{1'370'044'800'000'000}};
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {{"KEY", "hunter22"}}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns trial_runs_;
  std::unique_ptr<store::Db> db_ = open_db(folder_.path() / "db", clock_, random_);
};

constexpr const char* kTwoSteps =
    "      - {name: make, run: 'cat code.txt > {out}/a; echo {word} $SLIPWAY_URL >> {out}/a', "
    "code: "
    "[code.txt], inputs: ['dataset:d'], outputs: [a]}\n"
    "      - {name: use, run: 'wc -l < {make}/a > {out}/n', outputs: [n]}\n";

TEST_F(PipelinesTest, AnswersFromCacheUntilSomethingChanges) {
  auto pipelines = open();
  write("code.txt", "1\n");
  apply(*pipelines, kTwoSteps);
  const RunRecord first = run(*pipelines);
  EXPECT_EQ(states(first), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(first.steps[0].folder + "/a")), "1\nhello http://here\n");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: cached cached");
  write("code.txt", "2\n");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: succeeded succeeded");
  inputs_.digest = "d2";  // the same output all the same: what reads it need not run
  EXPECT_EQ(states(run(*pipelines)), "succeeded: succeeded cached");
  EXPECT_EQ(states(run(*pipelines, {{"word", "bye"}})), "succeeded: succeeded succeeded");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "runs")) {
    if (entry.path().filename() == "n") std::ofstream(entry.path()) << "damaged";
  }
  EXPECT_EQ(states(run(*pipelines)), "succeeded: cached succeeded");
}

TEST_F(PipelinesTest, WhatChangesWhileAStepRunsIsInNobodysCache) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: copy, run: 'echo 2 > in.txt; cat in.txt > {out}/o', inputs: [in.txt], "
        "outputs: [o]}\n"
        "      - {name: read, run: 'cat {copy}/o > {out}/o', outputs: [o]}\n");
  write("in.txt", "1\n");
  const RunRecord first = run(*pipelines);
  EXPECT_EQ(states(first), "succeeded: succeeded succeeded");
  EXPECT_EQ(first.steps[0].reason,
            "input/in.txt changed while it ran: no other run takes what it made");
  write("in.txt", "1\n");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: succeeded cached");
  const RunRecord same = run(*pipelines);  // the step leaves it as it is now
  EXPECT_EQ(states(same), "succeeded: succeeded cached");
  EXPECT_EQ(same.steps[0].reason, "");
  EXPECT_EQ(MUST(pipelines->why(same.id, "copy")).substr(0, 9), "since run");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: cached cached");
  apply(*pipelines,
        "      - {name: copy, run: 'mv in.txt {out}/o', inputs: [in.txt], outputs: [o]}\n");
  const RunRecord moved = run(*pipelines);
  EXPECT_EQ(states(moved), "succeeded: succeeded");
  EXPECT_EQ(moved.steps[0].reason, first.steps[0].reason);
  write("in.txt", "2\n");
  const RunRecord anew = run(*pipelines);
  EXPECT_EQ(states(anew), "succeeded: succeeded");
  const std::string why = MUST(pipelines->why(anew.id, "copy"));
  EXPECT_NE(why.find("input/in.txt changed"), std::string::npos) << why << anew.steps[0].reason;
  // A step whose result nobody is given says nothing; a fan-out says it of its items.
  write("in.txt", "1\n");
  apply(*pipelines,
        "      - {name: a, run: 'echo 3 > in.txt', inputs: [in.txt]}\n"
        "      - {name: b, each: [1, 2], run: 'echo {item} > in.txt; cp in.txt {out}/o', inputs: "
        "[in.txt], outputs: [o], after: [a]}\n");
  const RunRecord many = run(*pipelines);
  EXPECT_EQ(many.steps[0].reason, "");
  EXPECT_NE(many.steps[1].reason.find("items: input/in.txt changed while it ran"),
            std::string::npos)
      << many.steps[1].reason;
}

TEST_F(PipelinesTest, ARunMayTakeNothingFromTheCache) {
  auto pipelines = open();
  write("code.txt", "1\n");
  apply(*pipelines, kTwoSteps);
  run(*pipelines);
  const RunRecord again = MUST(pipelines->start_run("p", {}, {.no_cache = true}));
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(again.id))), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(pipelines->why(again.id, "make")), "the run takes nothing from the cache");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: cached cached");
}

TEST_F(PipelinesTest, AGateThatSaysNoIsNoFailure) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: gate, run: 'exit 3'}\n      - {name: then, run: 'true', after: [gate]}\n");
  const RunRecord refused = run(*pipelines);
  EXPECT_EQ(states(refused), "refused: refused skipped");
  apply(*pipelines, "      - {name: gate, run: 'echo why; exit 4'}\n");
  const RunRecord failed = run(*pipelines);
  EXPECT_EQ(states(failed), "failed: failed");
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(failed.id, "gate")))), "why\n");
  EXPECT_FALSE(pipelines->log(failed.id, "nothing"));
}

TEST_F(PipelinesTest, SecretsAreInTheStepThatNamesThemAndInNoLog) {
  auto pipelines = open();
  const std::string steps =
      "      - {name: a, run: 'printf hunt; printf er22; printf $KEY > key', secrets: [KEY]}\n"
      "      - {name: b, run: 'echo $KEY; test -z $KEY', after: [a]}\n";
  apply(*pipelines, steps);
  const RunRecord good = run(*pipelines);
  EXPECT_EQ(states(good), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "key")), "hunter22");
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(good.id, "a")))), "***");
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(good.id, "b")))), "\n");
  apply(*pipelines,
        "      - {name: a, run: 'true', secrets: [OTHER], retry: {times: 1, after: 1ms}}\n");
  const RunRecord lacks = run(*pipelines);
  EXPECT_EQ(states(lacks), "failed: failed");
  EXPECT_NE(lacks.reason.find("no such secret: secret=OTHER"), std::string::npos) << lacks.reason;
}

TEST_F(PipelinesTest, AStepThatTakesMoreMemoryThanItSaysIsEnded) {
  auto pipelines = open();
  // Doubles until somebody ends it; in the background, so that it is the group that counts.
  apply(*pipelines,
        "      - {name: a, run: 'sh -c \"x=x; while :; do x=\\$x\\$x; done\" & wait', resources: "
        "{memory: 64Mi}, retry: {times: 1, after: 1ms}}\n");
  const RunRecord ended = run(*pipelines);
  ASSERT_EQ(states(ended), "failed: failed");
  const StepRecord& step = ended.steps[0];
  EXPECT_THAT(step.reason, ::testing::StartsWith("OOMKilled: step a used "));
  EXPECT_THAT(step.reason, ::testing::EndsWith("more than its 64 MiB; raise resources.memory"));
  EXPECT_EQ(step.exit_code, 137);
  EXPECT_EQ(step.tries, 2);
  EXPECT_GT(step.usage.peak_memory_bytes.value_or(0), 64 << 20);
}

TEST_F(PipelinesTest, WhatAStepUsedIsOnRecordAndNoPartOfItsKey) {
  auto pipelines = open();
  const std::string step =
      "      - {name: a, run: 'x=x; until test ${#x} -gt 4000000; do x=$x$x; done; sleep 0.3; "
      "echo > {out}/a', outputs: [a]";
  apply(*pipelines, step + "}\n");
  const RunRecord first = run(*pipelines);
  ASSERT_EQ(states(first), "succeeded: succeeded") << first.reason;
  EXPECT_GT(first.steps[0].usage.peak_memory_bytes.value_or(0), 4 << 20);
  EXPECT_GT(first.steps[0].usage.cpu_seconds.value_or(0), 0);
  apply(*pipelines, step + ", resources: {memory: 1Gi, cpu: 100m}}\n");
  const RunRecord second = run(*pipelines);
  EXPECT_EQ(states(second), "succeeded: cached");
  EXPECT_FALSE(second.steps[0].usage.cpu_seconds);
}

// More than a pipe holds, from a command that leaves something behind, which holds the pipe open.
TEST_F(PipelinesTest, AMaskedLogIsWholeAndHasAnEnd) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'setsid sleep 1000 & seq 100000; echo $KEY; kill $!', secrets: "
        "[KEY]}\n");
  const RunRecord good = run(*pipelines);
  const std::string log = MUST(store::read_file(MUST(pipelines->log(good.id, "a"))));
  EXPECT_EQ(log.size(), 588'895u + 4);
  EXPECT_TRUE(log.ends_with("100000\n***\n"));
}

TEST_F(PipelinesTest, MissingOutputsAndLateStepsFail) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: a, run: 'true', outputs: [x]}\n");
  EXPECT_NE(run(*pipelines).steps[0].reason.find("output=x"), std::string::npos);
  apply(*pipelines, "      - {name: a, run: 'sleep 100', timeout: 1s}\n");
  EXPECT_NE(run(*pipelines).reason.find("timeout"), std::string::npos);
  apply(*pipelines, "      - {name: a, run: 'true', code: [nowhere.py]}\n");
  EXPECT_NE(run(*pipelines).reason.find("nowhere.py"), std::string::npos);
}

TEST_F(PipelinesTest, TheSameTriggerIsTheSameRun) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: a, run: 'true'}\n");
  const auto one = MUST(pipelines->start_run("p", {}, {.id = "alert-1"}));
  EXPECT_EQ(MUST(pipelines->start_run("p", {}, {.id = "alert-1"})).id, one.id);
  EXPECT_NE(MUST(pipelines->start_run("p", {}, {})).id, one.id);
  EXPECT_EQ(pipelines->start_run("q", {}, {}).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(pipelines->active_runs()).size(), 2u);
}

TEST_F(PipelinesTest, AStepWaitsForAPersonAlsoAfterAStop) {
  auto pipelines = open(1);
  apply(*pipelines,
        "      - {name: ask, approve: 'Is it good?'}\n"
        "      - {name: go, run: 'true', after: [ask]}\n"
        "      - {name: beside, run: 'until test -f end; do sleep 0.01; done'}\n");
  const auto state_of = [&](const RunRecord& run) {
    return states(MUST(pipelines->find_run(run.id)));
  };
  const RunRecord one = MUST(pipelines->start_run("p", {}, {}));
  while (state_of(one) != "running: waiting pending running") std::this_thread::yield();
  EXPECT_EQ(pipelines->answer(one.id, "go", true, "ann", "").error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(pipelines->answer(one.id, "nothing", true, "ann", "").error().code, Code::kNotFound);
  // While the run is at work, and to a run that does nothing but wait.
  MUST(pipelines->answer(one.id, "ask", true, "ann", "it is"));
  while (state_of(one) != "running: succeeded succeeded running") std::this_thread::yield();
  write("end", "");
  while (state_of(one) != "succeeded: succeeded succeeded succeeded") std::this_thread::yield();
  EXPECT_EQ(MUST(pipelines->find_run(one.id)).steps[0].reason, "approved by ann: it is");
  const RunRecord two = MUST(pipelines->start_run("p", {}, {}));
  while (state_of(two) != "running: waiting pending succeeded") std::this_thread::yield();
  pipelines.reset();
  pipelines = open(1);
  MUST(pipelines->answer(two.id, "ask", false, "bob", ""));
  while (state_of(two) != "refused: refused skipped succeeded") std::this_thread::yield();
}

TEST_F(PipelinesTest, AStepIsTriedAgainWhileAnotherRuns) {
  auto pipelines = open(1);
  apply(*pipelines,
        "      - {name: a, run: 'test -f tried || { touch tried; exit 1; }', retry: {times: 1, "
        "after: 1ms}}\n"
        "      - {name: end, run: 'touch end', after: [a]}\n"
        "      - {name: beside, run: 'until test -f end; do sleep 0.01; done'}\n");
  const RunRecord one = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(one.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(one.id))), "succeeded: succeeded succeeded succeeded");
}

TEST_F(PipelinesTest, AnAnswerMayComeTooLate) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: ask, approve: 'Is it good?', timeout: 20ms}\n");
  const RunRecord late = run(*pipelines);
  EXPECT_EQ(states(late), "refused: refused");
  EXPECT_EQ(late.steps[0].reason, "nobody answered in time");
}

TEST_F(PipelinesTest, RunsAreListedByWhatTheyAre) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: a, run: 'test {word} = hello'}\n");
  run(*pipelines);
  run(*pipelines, {{"word", "bye"}});
  const RunRecord last = run(*pipelines);
  const auto listed = MUST(pipelines->runs({.pipeline = "p", .limit = 2}));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].id, last.id);
  EXPECT_EQ(listed[0].params.at("word"), "hello");
  const auto count = [&](const RunFilter& filter) { return MUST(pipelines->runs(filter)).size(); };
  EXPECT_EQ(count({.state = "failed"}), 1u);
  EXPECT_EQ(count({.pipeline = "p", .state = "succeeded"}), 2u);
  EXPECT_EQ(count({.pipeline = "q"}), 0u);
  EXPECT_EQ(pipelines->runs({.state = "good"}).error().code, Code::kInvalidArgument);
  const std::string by_ann = MUST(pipelines->start_run("p", {}, {.actor = "ann"})).id;
  EXPECT_EQ(count({.actor = "ann"}), 1u);
  EXPECT_EQ(count({.state = "failed", .actor = "ann"}), 0u);
  // Each once, in pages; times and the rest of the filter hold in each.
  std::vector<std::string> ids;
  for (RunFilter page{.pipeline = "p", .limit = 1};; page.after = ids.back()) {
    const auto found = MUST(pipelines->runs(page));
    if (found.empty()) break;
    ids.push_back(found.front().id);
  }
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_EQ(ids[0], by_ann);
  EXPECT_EQ(ids[1], last.id);
  EXPECT_EQ(count({.after = last.id}), 2u);
  EXPECT_EQ(count({.state = "failed", .after = last.id}), 1u);
  EXPECT_EQ(count({.from = last.created}), 2u);
  EXPECT_EQ(count({.until = last.created}), 2u);
  EXPECT_EQ(count({.from = last.created, .until = last.created}), 0u);
  EXPECT_EQ(pipelines->runs({.after = "none"}).error().code, Code::kNotFound);
}

// Waits until the running step has made `file`.
void wait_for(const std::filesystem::path& file) {
  while (!std::filesystem::exists(file)) std::this_thread::yield();
}

TEST_F(PipelinesTest, GoesOnAfterAStopWithTheStepThatWasInterrupted) {
  auto pipelines = open(1);
  apply(*pipelines,
        "      - {name: first, run: 'echo x >> count; touch {out}/a', outputs: [a]}\n"
        "      - {name: second, run: 'touch begun; test -f go || sleep 100', after: [first]}\n");
  const RunRecord started = MUST(pipelines->start_run("p", {}, {}));
  wait_for(folder_.path() / "begun");
  pipelines.reset();
  write("go", "");
  pipelines = open(0);
  EXPECT_EQ(MUST(pipelines->find_run(started.id)).state, "running");
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(started.id))), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "count")), "x\n");
}

// It stood in line twice, two workers ran it side by side, and the server ended itself.
TEST_F(PipelinesTest, ARunThatIsBegunWhileTheServerStartsRunsOnce) {
  auto before = open();
  apply(*before, "      - {name: a, run: 'echo begun >> said; sleep 0.2'}\n");
  before.reset();
  Pipelines pipelines(*db_, event_clock_, clock_, random_, executor_, inputs_, secrets_,
                      trial_runs_);
  const std::string id = MUST(pipelines.start_run("p", {}, {})).id;
  MUST(pipelines.start(
      {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = 2}));
  while (!MUST(pipelines.find_run(id)).is_over())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(states(MUST(pipelines.find_run(id))), "succeeded: succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "said")), "begun\n");
}

TEST_F(PipelinesTest, StepsThatDoNotNeedEachOtherRunAtTheSameTime) {
  auto pipelines = open(1);
  // Each waits for the other's file: one after the other they would never end.
  apply(*pipelines,
        "      - {name: a, run: 'touch here-a; until test -f here-b; do sleep 0.01; done'}\n"
        "      - {name: b, run: 'touch here-b; until test -f here-a; do sleep 0.01; done'}\n");
  const RunRecord started = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(started.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(started.id))), "succeeded: succeeded succeeded");
}

TEST_F(PipelinesTest, AStepIsTriedAgain) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'echo $SLIPWAY_TRY >> tries; test $SLIPWAY_TRY = 3', "
        "retry: {times: 2, after: 20ms}}\n");
  const RunRecord good = run(*pipelines);
  EXPECT_EQ(states(good), "succeeded: succeeded");
  EXPECT_EQ(good.steps[0].tries, 3);
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "tries")), "1\n2\n3\n");
  apply(*pipelines, "      - {name: a, run: 'exit 9', retry: {times: 1, after: 20ms}}\n");
  const RunRecord bad = run(*pipelines);
  EXPECT_EQ(states(bad), "failed: failed");
  EXPECT_EQ(bad.steps[0].tries, 2);
  apply(*pipelines, "      - {name: a, run: 'exit 3', retry: 5}\n");
  EXPECT_EQ(run(*pipelines).steps[0].tries, 1);  // a gate that says no is no failure
}

TEST_F(PipelinesTest, EarlierTriesAreKept) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'test -f go && exit 0; exit 7', retry: {times: 2, after: 10ms}}\n"
        "      - {name: b, run: 'true', after: [a]}\n");
  const std::string id = MUST(pipelines->start_run("p", {}, {})).id;
  const auto tries = [&] {
    RunRecord run;
    do {
      pipelines->run_queued();
      run = MUST(pipelines->find_run(id));
    } while (!run.is_over());
    return run.steps[0];
  };
  const StepRecord failed = tries();
  EXPECT_EQ(failed.tries, 3);
  ASSERT_EQ(failed.earlier_tries.size(), 2u);  // the third is the step's own
  EXPECT_EQ(failed.earlier_tries[0].exit_code, 7);
  EXPECT_EQ(failed.earlier_tries[0].reason, "try 1 of 3 failed: exit code 7: see the step's log");
  EXPECT_LE(failed.earlier_tries[0].finished, failed.earlier_tries[1].started);
  EXPECT_LE(failed.earlier_tries[1].finished, *failed.started);
  write("go", "");
  MUST(pipelines->try_again(id, "ann"));
  const StepRecord good = tries();
  EXPECT_EQ(good.state, "succeeded");
  EXPECT_EQ(good.earlier_tries.size(), 3u);
}

// The next one begins before anything is saved of the step that waits for it.
TEST_F(PipelinesTest, ATryThatTheNextOneFollowsAtOnceIsKept) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'test $SLIPWAY_TRY = 3', retry: {times: 2, after: 0s}}\n");
  const StepRecord step = run(*pipelines).steps[0];
  EXPECT_EQ(step.state, "succeeded");
  ASSERT_EQ(step.earlier_tries.size(), 2u);
  EXPECT_EQ(step.earlier_tries[1].exit_code, 1);
  EXPECT_EQ(step.earlier_tries[1].reason, "try 2 of 3 failed: exit code 1: see the step's log");
}

TEST_F(PipelinesTest, ARunSaysWhatItsStepsNeedAndWhyTheyRan) {
  auto pipelines = open();
  write("code.txt", "1\n");
  const std::string steps = std::string(kTwoSteps) +
                            "      - {name: tell, run: 'true', after: [use, make]}\n"
                            "      - {name: never, run: 'true', when: \"{word} == 'bye'\"}\n";
  apply(*pipelines, steps);
  const RunRecord first = run(*pipelines);
  EXPECT_EQ(first.steps[0].needs, std::vector<std::string>{});
  EXPECT_EQ(first.steps[1].needs, std::vector<std::string>{"make"});
  EXPECT_EQ(first.steps[2].needs, (std::vector<std::string>{"make", "use"}));
  const auto why = [&](const RunRecord& run, const char* step) {
    return MUST(pipelines->why(run.id, step));
  };
  EXPECT_EQ(why(first, "make"), "it has not succeeded before");
  EXPECT_EQ(why(first, "tell"), "it declares no outputs, so it runs for its effect");
  EXPECT_EQ(why(first, "never"), "its condition says no: {word} (hello) == bye");
  const RunRecord second = run(*pipelines);
  const std::string unchanged = "nothing it depends on has changed since run " + first.id;
  EXPECT_EQ(why(second, "make"), unchanged);
  write("code.txt", "2\n");
  inputs_.digest = "d2";
  const RunRecord third = run(*pipelines);
  EXPECT_EQ(why(third, "make"),
            "since run " + second.id + ": code/code.txt changed; input/dataset:d changed");
  EXPECT_EQ(why(second, "make"), unchanged);  // as it was then
  EXPECT_EQ(pipelines->why(third.id, "nothing").error().code, Code::kNotFound);
  const auto listed =
      MUST(pipelines->runs({.pipeline = "p", .limit = 2}, Pipelines::Steps::kSummaries));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(states(listed[0]), states(third));
  EXPECT_EQ(states(listed[1]), "succeeded: cached cached succeeded skipped");
}

TEST_F(PipelinesTest, AStepFromCacheHasTheLogOfTheOneItComesFrom) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'echo heard; echo 1 > {out}/o', outputs: [o]}\n"
        "      - {name: b, run: 'echo of {item}; echo {item} > {out}/o', each: [7, 8], outputs: "
        "[o]}\n");
  const std::string first = run(*pipelines).id;
  const RunRecord second = run(*pipelines);
  EXPECT_EQ(states(second), "succeeded: cached cached cached cached");
  EXPECT_EQ(second.steps[0].reason, "nothing it depends on has changed since run " + first);
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(second.id, "a")))), "heard\n");
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(second.id, "b[1]")))), "of 8\n");
}

TEST_F(PipelinesTest, AStepThatIsAnsweredFromCacheWhenItIsTriedAgainHasThatLog) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'cat data; grep -q good data && echo 1 > {out}/o', code: [data], "
        "outputs: [o]}\n");
  write("data", "good\n");
  ASSERT_EQ(run(*pipelines).state, "succeeded");
  write("data", "bad\n");
  const std::string failed = run(*pipelines).id;
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(failed, "a")))), "bad\n");
  write("data", "good\n");
  MUST(pipelines->try_again(failed, "ann"));
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(failed))), "succeeded: cached");
  EXPECT_EQ(MUST(store::read_file(MUST(pipelines->log(failed, "a")))), "good\n");
}

TEST_F(PipelinesTest, ARunThatIsTriedAgainSaysHowItEndedLast) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: a, run: 'test -f go || exit 7'}\n");
  const std::string failed = "monthly; step a: exit code 7: see the step's log";
  const RunRecord started = MUST(pipelines->start_run("p", {}, {.reason = "monthly"}));
  pipelines->run_queued();
  EXPECT_EQ(MUST(pipelines->find_run(started.id)).reason, failed);
  MUST(pipelines->try_again(started.id, "ann"));
  EXPECT_EQ(MUST(pipelines->find_run(started.id)).reason, "monthly");
  pipelines->run_queued();
  EXPECT_EQ(MUST(pipelines->find_run(started.id)).reason, failed);
  EXPECT_FALSE(MUST(pipelines->was_changed_since(started.id)));
  apply(*pipelines, "      - {name: a, run: 'true'}\n");
  EXPECT_TRUE(MUST(pipelines->was_changed_since(started.id)));
  write("go", "");
  MUST(pipelines->try_again(started.id, "ann"));
  pipelines->run_queued();
  EXPECT_EQ(MUST(pipelines->find_run(started.id)).reason, "monthly");
}

TEST_F(PipelinesTest, ARunThatWaitsForItsNextTryHoldsNobodyUpAndCanBeCancelled) {
  auto pipelines = open(1);
  apply(*pipelines,
        "      - {name: a, run: 'touch tried; exit 1', retry: {times: 1, after: 1h}}\n");
  const RunRecord waits = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(waits.id)).steps[0].not_before) std::this_thread::yield();
  apply(*pipelines, "      - {name: a, run: 'true'}\n");
  const RunRecord other = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(other.id)).is_over()) std::this_thread::yield();
  MUST(pipelines->cancel(waits.id));
  while (!MUST(pipelines->find_run(waits.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(waits.id))), "cancelled: cancelled");
}

// A run that somebody had cancelled went on when the server was killed before it ended.
TEST_F(PipelinesTest, ACancelledRunIsOneAfterARestartUntilItIsTriedAgain) {
  auto pipelines = open();
  apply(*pipelines, "      - {name: a, run: 'touch ran'}\n");
  const RunRecord asked = MUST(pipelines->start_run("p", {}, {}));
  EXPECT_TRUE(MUST(pipelines->cancel(asked.id)).is_cancelled);
  EXPECT_EQ(pipelines->cancel("absent").error().code, Code::kNotFound);
  pipelines = open();
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(asked.id))), "cancelled: cancelled");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "ran"));
  MUST(pipelines->try_again(asked.id, "ann"));
  pipelines = open();
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(asked.id))), "succeeded: succeeded");
}

TEST_F(PipelinesTest, WhoWaitsForAPoolHoldsNobodyUpAndGoesByPriority) {
  auto pipelines = open(2);
  MUST(pipelines->apply_pools({{"gpu", 1}}, "ann"));
  const auto parsed = parse_pipelines(
      "pools: {gpu: 1}\npipelines:\n"
      "  p: {steps: [{name: a, run: 'until test -f go; do sleep 0.01; done', pool: gpu}]}\n"
      "  q: {steps: [{name: a, run: 'echo $SLIPWAY_RUN_ID >> order', pool: gpu}]}\n"
      "  r: {steps: [{name: a, run: 'true'}]}\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  MUST(pipelines->apply(*parsed, folder_.path(), "ann"));
  const auto start = [&](const char* name, std::optional<std::int64_t> priority = {}) {
    return MUST(pipelines->start_run(name, {}, {.priority = priority})).id;
  };
  const auto find = [&](const std::string& id) { return MUST(pipelines->find_run(id)); };
  const std::string holder = start("p");
  while (find(holder).steps[0].state != "running") std::this_thread::yield();
  const std::string low = start("q"), high = start("q", 3), other = start("r");
  for (const std::string& id : {low, high}) {
    while (find(id).steps[0].reason !=
           "waits for pool gpu: 1 of 1 slots taken by a of run " + holder)
      std::this_thread::yield();
  }
  while (!find(other).is_over()) std::this_thread::yield();
  write("go", "");
  while (!find(low).is_over() || !find(high).is_over()) std::this_thread::yield();
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "order")), high + "\n" + low + "\n");
  EXPECT_EQ(find(low).steps[0].reason, "");
  MUST(pipelines->apply_pools({{"gpu", 2}}, "ann"));
  EXPECT_EQ(pipelines->pools()[0].slots, 2);
  EXPECT_EQ(pipelines->start_run("q", {}, {.priority = 1001}).error().code, Code::kInvalidArgument);
}

TEST_F(PipelinesTest, WhatAlwaysRunsKnowsHowItWent) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'exit 5'}\n      - {name: b, run: 'true', after: [a]}\n"
        "      - {name: tell, run: 'echo $SLIPWAY_RUN_STATE $SLIPWAY_RUN_REASON > told', always: "
        "true}\n");
  EXPECT_EQ(states(run(*pipelines)), "failed: failed skipped succeeded");
  EXPECT_NE(MUST(store::read_file(folder_.path() / "told")).find("failed step a: exit code 5"),
            std::string::npos);
}

TEST_F(PipelinesTest, ARunGoesOnFromTheStepThatFailed) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'echo a >> count'}\n"
        "      - {name: b, run: 'echo b >> count; test -f go', after: [a]}\n"
        "      - {name: c, run: 'echo c >> count', after: [b]}\n");
  const RunRecord failed = run(*pipelines);
  EXPECT_EQ(states(failed), "failed: succeeded failed skipped");
  write("go", "");
  EXPECT_EQ(MUST(pipelines->try_again(failed.id, "ann")).state, "queued");
  EXPECT_EQ(pipelines->try_again(failed.id, "ann").error().code, Code::kFailedPrecondition);
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(failed.id))),
            "succeeded: succeeded succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "count")), "a\nb\nb\nc\n");
  EXPECT_EQ(pipelines->try_again(failed.id, "ann").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(pipelines->try_again("nobody", "ann").error().code, Code::kNotFound);
}

constexpr const char* kItems =
    "      - {name: list, run: 'cat list.json > {out}/list.json', inputs: [list.json], outputs: "
    "[list.json]}\n"
    "      - {name: each, run: 'echo {item.n} $SLIPWAY_ITEM_INDEX >> ran; echo {item.n} > "
    "{out}/n', "
    "each: '{list/list.json#of}', outputs: [n]}\n"
    "      - {name: all, run: 'cat {each}/*/n {each}/items.json > {out}/all', outputs: [all]}\n";

TEST_F(PipelinesTest, AStepBecomesItemsEachWithItsCache) {
  auto pipelines = open();
  apply(*pipelines, kItems);
  write("list.json", "{\"of\": [{\"n\": 7}, {\"n\": 8}]}");
  const RunRecord first = run(*pipelines);
  EXPECT_EQ(states(first), "succeeded: succeeded succeeded succeeded succeeded succeeded");
  EXPECT_EQ(first.steps[3].name, "each[0]");
  EXPECT_EQ(
      MUST(store::read_file(first.steps[2].folder + "/all")),
      "7\n8\n[{\"item\":0,\"value\":{\"n\":7},\"folder\":\"0000\"},{\"item\":1,\"value\":{\"n\":"
      "8},\"folder\":\"0001\"}]");
  EXPECT_EQ(states(run(*pipelines)), "succeeded: cached cached cached cached cached");
  // One more item: only that runs, and what reads them all.
  write("list.json", "{\"of\": [{\"n\": 7}, {\"n\": 9}, {\"n\": 8}]}");
  const RunRecord more = run(*pipelines);
  EXPECT_EQ(states(more), "succeeded: succeeded succeeded succeeded cached succeeded cached");
  EXPECT_TRUE(MUST(store::read_file(more.steps[2].folder + "/all")).starts_with("7\n9\n8\n["));
  // Those of the first run ran side by side.
  EXPECT_THAT(MUST(store::read_file(folder_.path() / "ran")),
              testing::AnyOf("7 0\n8 1\n9 1\n", "8 1\n7 0\n9 1\n"));
  write("list.json", "{\"of\": []}");
  const RunRecord none = run(*pipelines);
  EXPECT_EQ(states(none), "failed: succeeded succeeded failed");  // cat */n finds none
  EXPECT_EQ(MUST(store::read_file(none.steps[1].folder + "/items.json")), "[]");
  for (const auto& [list, says] : {std::pair("{\"of\": 3}", "no JSON list"),
                                   {"{}", "no such member: of"},
                                   {"{\"of\": [3]}", "no such member: {item.n}"}}) {
    write("list.json", list);
    const RunRecord wrong = run(*pipelines);
    EXPECT_EQ(wrong.steps[1].state, "failed") << list;
    EXPECT_NE(wrong.reason.find(says), std::string::npos) << wrong.reason;
  }
}

TEST_F(PipelinesTest, AFailedItemFailsItsStepWhenTheOthersAreDoneAndIsTriedAgainAlone) {
  auto pipelines = open();
  apply(*pipelines,
        "      - {name: a, run: 'echo {item} >> ran; test {item} != 2 || test -f go', each: [1, 2, "
        "3], parallel: 1}\n"
        "      - {name: b, run: 'cat {a}/items.json > told', after: [a]}\n");
  const RunRecord failed = run(*pipelines);
  EXPECT_EQ(states(failed), "failed: failed skipped succeeded failed succeeded");
  EXPECT_EQ(failed.reason, "step a: 1 of 3 items failed: a[1]: exit code 1: see the step's log");
  write("go", "");
  MUST(pipelines->try_again(failed.id, "ann"));
  pipelines->run_queued();
  EXPECT_EQ(states(MUST(pipelines->find_run(failed.id))),
            "succeeded: succeeded succeeded succeeded succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "ran")), "1\n2\n3\n2\n");
}

TEST_F(PipelinesTest, ItemsRunSideBySideAndCanBeCancelled) {
  auto pipelines = open(1);
  // Each of two waits for the other's file.
  apply(*pipelines,
        "      - {name: a, run: 'touch here-{item.own}; until test -f here-{item.other}; do sleep "
        "0.01; done', each: [{own: x, other: y}, {own: y, other: x}]}\n");
  const RunRecord together = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(together.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(together.id))),
            "succeeded: succeeded succeeded succeeded");
  apply(*pipelines,
        "      - {name: a, run: 'touch begun; sleep 1000', each: [1, 2], parallel: 1}\n");
  const RunRecord ends = MUST(pipelines->start_run("p", {}, {}));
  wait_for(folder_.path() / "begun");
  MUST(pipelines->cancel(ends.id));
  while (!MUST(pipelines->find_run(ends.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(ends.id))), "cancelled: cancelled cancelled cancelled");
}

TEST_F(PipelinesTest, CancelEndsTheWholeGroup) {
  auto pipelines = open(1);
  apply(*pipelines, "      - {name: a, run: 'sleep 1000 & touch begun; wait'}\n");
  const RunRecord started = MUST(pipelines->start_run("p", {}, {}));
  wait_for(folder_.path() / "begun");
  MUST(pipelines->cancel(started.id));
  while (!MUST(pipelines->find_run(started.id)).is_over()) std::this_thread::yield();
  EXPECT_EQ(states(MUST(pipelines->find_run(started.id))), "cancelled: cancelled");
  EXPECT_EQ(pipelines->cancel(started.id).error().code, Code::kFailedPrecondition);
}

// Tables that somebody has written into: the run is shown as it is, and not gone on with.
TEST_F(PipelinesTest, AStepThatThePipelineHasNotIsNoReasonToCrash) {
  auto pipelines = open(1);
  apply(*pipelines, "      - {name: a, run: 'true'}\n");
  const RunRecord run = MUST(pipelines->start_run("p", {}, {}));
  while (!MUST(pipelines->find_run(run.id)).is_over()) std::this_thread::yield();
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO pipeline_steps(run, position, name, state, cache_key) VALUES(?, 7, "
                   "'b', 'succeeded', 'k')",
                   {run.id}));
    return {};
  }));
  pipelines = open(1);
  EXPECT_EQ(MUST(pipelines->find_run(run.id)).steps.back().name, "b");
  EXPECT_EQ(pipelines->why(run.id, "b").error().code, Code::kCorruption);
}

}  // namespace
}  // namespace slipway::pipelines
