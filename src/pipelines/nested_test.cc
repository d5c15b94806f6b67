// Steps that run other pipelines: what may be written, what passes up and down, crashes, retries.
#include "pipelines/nested.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/old_outputs.h"
#include "pipelines/testing/pipelines_fixture.h"
#include "store/file_system.h"

namespace slipway::pipelines {
namespace {

TEST(Nested, MistakesCarryLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"{name: s, pipeline: nowhere}", "isn't declared here: step=s pipeline=nowhere"},
      {"{name: s, pipeline: p}", "in a circle: p -> p"},
      {"{name: s, pipeline: up}", "in a circle: p -> up -> p"},
      {"{name: s, pipeline: q, parameters: {rat: 1}}",
       "no such parameter: step=s pipeline=q parameter=rat known=rate"},
      {"{name: s, pipeline: q, parameters: {rate: '{x}'}}", "parameter=rate reference={x}"},
      {"{name: s, pipeline: q, parameters: {rate: '{x/f#a}'}}", "reference={x/f#a}"},
      {"{name: s, pipeline: q, parameters: {rate: '{s}'}}", "need each other in a circle"},
      {"{name: s, pipeline: q, outputs: [x]}", "the rest is of that pipeline's steps"},
      {"{name: s, pipeline: q, each: [1]}", "the rest is of that pipeline's steps"},
      {"{name: s, pipeline: q, run: x}", "one thing"},
      {"{name: s, run: x, parameters: {rate: 1}}", "parameters are of a step with pipeline"},
      {"{name: s, pipeline: d1}", "too deep: p -> d1 -> d2"},
  };
  std::string others =
      "  q:\n    params: {rate: 1}\n    steps: [{name: a, run: 'x {rate}'}]\n"
      "  up:\n    steps: [{name: a, pipeline: p}]\n";
  for (std::size_t i = 1; i < kNestingMax; ++i)
    others += fmt::format("  d{}:\n    steps: [{{name: a, pipeline: {}}}]\n", i,
                          i + 1 == kNestingMax ? "q" : fmt::format("d{}", i + 1));
  for (const auto& [step, says] : cases) {
    const std::string up =
        std::string(step).find("up") == std::string::npos
            ? others.substr(0, others.find("  up")) + others.substr(others.find("  d1"))
            : others;
    const auto parsed =
        parse_pipelines(fmt::format("pipelines:\n  p:\n    steps:\n      - {}\n{}", step, up));
    ASSERT_FALSE(parsed) << step;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line "), std::string::npos) << parsed.error().message;
  }
  const auto deep = parse_pipelines("pipelines:\n" + others.substr(0, others.find("  up")) +
                                    others.substr(others.find("  d1")));
  EXPECT_TRUE(deep) << deep.error().message;
}

class NestedTest : public PipelinesTest<> {
 protected:
  NestedTest() : PipelinesTest({1'370'044'800'000'000}) {}

  void apply(const std::string& outer, const std::string& inner) {
    const auto parsed =
        parse_pipelines("pipelines:\n  outer:\n    params: {word: hello}\n    steps:\n" + outer +
                        "  inner:\n    params: {word: none, n: 0}\n    steps:\n" + inner);
    ASSERT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines_->apply(*parsed, folder_.path(), "ann"));
  }
  RunRecord start(void (Pipelines::*how)() = &Pipelines::run_queued) {
    run_ = MUST(pipelines_->start_run("outer", {}, {.actor = "ann", .priority = 7})).id;
    return go_on(how);
  }
  RunRecord go_on(void (Pipelines::*how)() = &Pipelines::run_queued) {
    (*pipelines_.*how)();
    return MUST(pipelines_->find_run(run_));
  }
  RunRecord inner(const RunRecord& run) {
    return MUST(pipelines_->find_run(run.steps[0].nested_run));
  }
  void write(const char* name) { std::ofstream(folder_.path() / name) << "x"; }
};

TEST_F(NestedTest, ParametersGoInAndOutputsComeOut) {
  apply(
      "      - {name: sub, pipeline: inner, parameters: {word: '{word} you', n: "
      "'{make/n.json#n}'}}\n"
      "      - {name: make, run: 'echo \"{\\\"n\\\": 3}\" > {out}/n.json', outputs: [n.json]}\n"
      "      - {name: use, run: 'cp {sub}/say/text {out}/text', outputs: [text]}\n"
      "      - {name: maybe, run: 'true', when: \"{sub/say/text} == 'hello you 3'\"}\n",
      "      - {name: say, run: 'echo {word} {n} > {out}/text', outputs: [text]}\n");
  RunRecord run = start();
  EXPECT_EQ(states_of(run), "succeeded: succeeded succeeded succeeded succeeded");
  EXPECT_EQ(run.steps[0].name, "make");
  const StepRecord& sub = run.steps[1];
  EXPECT_EQ(MUST(store::read_file(run.steps[2].folder + "/text")), "hello you 3\n");
  const RunRecord nested = MUST(pipelines_->find_run(sub.nested_run));
  EXPECT_EQ(nested.parent_run, run.id);
  EXPECT_EQ(nested.parent_step, "sub");
  EXPECT_EQ(nested.actor, "ann");
  EXPECT_EQ(nested.priority, 7);
  EXPECT_EQ(nested.pipeline, "inner");
  EXPECT_EQ(MUST(pipelines_->runs({.pipeline = "inner"})).front().parent_run, run.id);
  EXPECT_EQ(MUST(pipelines_->why(run.id, "sub")), "run " + nested.id + " of inner");
  // The cache works inside, and for what reads it.
  run = start();
  EXPECT_EQ(states_of(run), "succeeded: cached succeeded cached succeeded");
  EXPECT_EQ(states_of(MUST(pipelines_->find_run(run.steps[1].nested_run))), "succeeded: cached");
  const auto told = MUST(pipelines_->explain_run("outer", {}));
  EXPECT_EQ(told[1].verdict, "cached");
  EXPECT_EQ(told[1].items.front().step, "sub/say");
}

TEST_F(NestedTest, FailuresPassUpAndRetriesGoDown) {
  apply(
      "      - {name: sub, pipeline: inner}\n"
      "      - {name: after, run: 'true', after: [sub]}\n",
      "      - {name: good, run: 'echo x >> good'}\n"
      "      - {name: bad, run: 'test -f mended', after: [good]}\n");
  RunRecord run = start();
  EXPECT_EQ(states_of(run), "failed: failed skipped");
  const std::string nested = run.steps[0].nested_run;
  EXPECT_EQ(run.steps[0].reason,
            "run " + nested + " of inner failed: step bad: exit code 1: see the step's log");
  write("mended");
  MUST(pipelines_->try_again(run.id, "ann"));
  run = go_on();
  EXPECT_EQ(states_of(run), "succeeded: succeeded succeeded");
  EXPECT_EQ(run.steps[0].nested_run, nested);
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "good")), "x\n");  // it was good already

  // Somebody mends the inner run alone: the outer one takes what it has.
  std::filesystem::remove(folder_.path() / "mended");
  run = start();
  write("mended");
  MUST(pipelines_->try_again(run.steps[0].nested_run, "bob"));
  pipelines_->run_queued();
  EXPECT_EQ(states_of(MUST(pipelines_->find_run(run.id))), "failed: failed skipped");
  MUST(pipelines_->try_again(run.id, "ann"));
  EXPECT_EQ(states_of(go_on()), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "good")), "x\nx\n");
}

TEST_F(NestedTest, AStepsOwnRetryGoesOnInside) {
  apply("      - {name: sub, pipeline: inner, retry: {times: 1, after: 1ms}}\n",
        "      - {name: bad, run: 'test -f tried || { touch tried; exit 1; }'}\n");
  start();
  while (!MUST(pipelines_->find_run(run_)).is_over()) pipelines_->run_queued();
  const RunRecord run = go_on();
  EXPECT_EQ(states_of(run), "succeeded: succeeded");
  EXPECT_EQ(run.steps[0].tries, 2);
  EXPECT_EQ(MUST(pipelines_->runs({.pipeline = "inner"})).size(), 1u);
}

TEST_F(NestedTest, AGateInsideSaysNoForAll) {
  apply("      - {name: sub, pipeline: inner}\n", "      - {name: gate, run: 'exit 3'}\n");
  EXPECT_EQ(states_of(start()), "refused: refused");
}

TEST_F(NestedTest, ACancelPassesDownAndUp) {
  apply("      - {name: sub, pipeline: inner}\n      - {name: then, run: x, after: [sub]}\n",
        "      - {name: ask, approve: 'Good?'}\n"
        "      - {name: tidy, run: 'echo {n} > tidied', always: true}\n");
  RunRecord run = start();
  EXPECT_EQ(states_of(run), "running: running pending");
  MUST(pipelines_->cancel(run.id));
  run = go_on();
  EXPECT_EQ(states_of(run), "cancelled: cancelled cancelled");
  EXPECT_EQ(states_of(inner(run)), "cancelled: cancelled succeeded");
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "tidied"));
  run = start();
  MUST(pipelines_->cancel(run.steps[0].nested_run));
  run = go_on();
  EXPECT_EQ(states_of(run), "cancelled: cancelled skipped");
  // Retried, it asks again.
  MUST(pipelines_->try_again(run.id, "ann"));
  run = go_on();
  EXPECT_EQ(states_of(inner(run)), "running: waiting succeeded");
  MUST(pipelines_->answer(run.steps[0].nested_run, "ask", false, "ann", ""));
  EXPECT_EQ(states_of(go_on()), "refused: refused skipped");
}

TEST_F(NestedTest, ARunThatTakesTooLongIsEnded) {
  apply("      - {name: sub, pipeline: inner, timeout: 50ms}\n",
        "      - {name: ask, approve: 'Good?'}\n");
  start();
  while (!MUST(pipelines_->find_run(run_)).is_over()) pipelines_->run_queued();
  const RunRecord run = go_on();
  EXPECT_EQ(states_of(run), "failed: failed");
  EXPECT_NE(run.reason.find("took longer than its timeout"), std::string::npos) << run.reason;
  EXPECT_EQ(states_of(inner(run)), "cancelled: cancelled");
}

TEST_F(NestedTest, ItGoesOnAfterAStopAndWaitsAsOneRun) {
  apply("      - {name: sub, pipeline: inner}\n",
        "      - {name: w, wait_for: {file: there}}\n"
        "      - {name: a, run: 'true', after: [w]}\n");
  RunRecord run = start(&Pipelines::run_due);
  EXPECT_EQ(states_of(run), "running: running");
  // A rehearsal's clock may go on: neither does anything.
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 0u);
  open();
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 2u);
  EXPECT_EQ(states_of(go_on(&Pipelines::run_due)), "running: running");
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 0u);
  write("there");
  MUST(pipelines_->tend(Pipelines::Waits::kAll));
  run = go_on(&Pipelines::run_due);
  EXPECT_EQ(states_of(run), "succeeded: succeeded");
  EXPECT_EQ(MUST(pipelines_->runs({.pipeline = "inner"})).size(), 1u);
}

// The inner run was started, and the server killed before the outer one had it on record.
TEST_F(NestedTest, ACrashStartsNoSecondRun) {
  apply("      - {name: sub, pipeline: inner}\n", "      - {name: a, run: 'echo x >> ran'}\n");
  RunRecord run = start();
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE pipeline_runs SET state = 'running', finished_at = NULL WHERE id = ?",
                   {run.id}));
    TRY(tx.execute("UPDATE pipeline_steps SET state = 'pending', nested_run = '' WHERE run = ?",
                   {run.id}));
    return {};
  }));
  open();
  run = go_on();
  EXPECT_EQ(states_of(run), "succeeded: succeeded");
  EXPECT_EQ(MUST(pipelines_->runs({.pipeline = "inner"})).size(), 1u);
  EXPECT_EQ(MUST(store::read_file(folder_.path() / "ran")), "x\n");
}

TEST_F(NestedTest, OutputsStayAsLongAsTheOuterRuns) {
  apply("      - {name: sub, pipeline: inner}\n",
        "      - {name: a, run: 'echo x > {out}/f', outputs: [f]}\n");
  const RunRecord run = start();
  base::Metrics metrics;
  base::ManualClock later{clock_.now() + base::Duration::days(91)};
  OldOutputs old(*db_, later, metrics, {.folder = folder_.path() / "runs"});
  const auto outputs_of = [&](const std::string& id) {
    return MUST(pipelines_->find_run(id)).outputs;
  };
  MUST(old.pass());
  EXPECT_EQ(outputs_of(run.id), "leaving");
  EXPECT_EQ(outputs_of(run.steps[0].nested_run), "kept");
  for (int i = 0; i < 4; ++i) MUST(old.pass());
  EXPECT_EQ(outputs_of(run.steps[0].nested_run), "gone");
  EXPECT_EQ(outputs_of(run.id), "gone");
}

}  // namespace
}  // namespace slipway::pipelines
