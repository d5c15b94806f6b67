// When outputs of old runs go, and when they don't.
#include "pipelines/old_outputs.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/pipelines.h"
#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "pipelines/testing/no_inputs.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

std::unique_ptr<store::Db> open_db(const std::filesystem::path& file, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = file}, clock, random));
}

class OldOutputsTest : public ::testing::Test {
 protected:
  OldOutputsTest() {
    MUST(db_->migrate({migrations()}));
    MUST(pipelines_.start(
        {.folder = folder_.path() / "runs", .url = "http://here", .runs_parallel_max = 0}));
    const auto parsed = parse_pipelines(
        "pipelines:\n  p:\n    steps:\n      - {name: make, run: 'echo 12345 > {out}/a', outputs: "
        "[a]}\n      - {name: use, run: 'cat {make}/a && test -f go'}\n");
    MUST(pipelines_.apply(*parsed, folder_.path(), "ann"));
  }
  RunRecord finish(const std::string& id) {
    pipelines_.run_queued();
    return MUST(pipelines_.find_run(id));
  }
  RunRecord run() { return finish(MUST(pipelines_.start_run("p", {}, {})).id); }
  std::string outputs_of(const std::string& run) { return MUST(pipelines_.find_run(run)).outputs; }
  bool has_folder(const std::string& run) {
    return std::filesystem::exists(folder_.path() / "runs" / run);
  }
  void pass_days(int days) { clock_.advance(base::Duration::days(days)); }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns trial_runs_;
  base::Metrics metrics_;
  std::unique_ptr<store::Db> db_ = open_db(folder_.path() / "db", clock_, random_);
  Pipelines pipelines_{*db_, clock_, clock_, random_, executor_, inputs_, secrets_, trial_runs_};
  OldOutputs old_{*db_, clock_, metrics_, {.folder = folder_.path() / "runs"}};
};

TEST_F(OldOutputsTest, GoAfterTheRetentionAndTheRecordStays) {
  const RunRecord first = run();
  EXPECT_EQ(first.state, "failed");  // there is no file `go`
  pass_days(89);
  EXPECT_EQ(MUST(old_.pass()), 0);
  EXPECT_EQ(outputs_of(first.id), "kept");
  pass_days(2);
  EXPECT_EQ(MUST(old_.pass()), 0);  // no longer in the cache, still there
  EXPECT_EQ(outputs_of(first.id), "leaving");
  EXPECT_TRUE(has_folder(first.id));
  const RunRecord second = run();
  EXPECT_EQ(second.steps[0].state, "succeeded");
  EXPECT_GE(MUST(old_.pass()), 6);  // and the log
  EXPECT_EQ(outputs_of(first.id), "gone");
  EXPECT_FALSE(has_folder(first.id));
  EXPECT_TRUE(has_folder(second.id));
  EXPECT_EQ(MUST(pipelines_.find_run(first.id)).steps[0].manifest, first.steps[0].manifest);
  const auto log = pipelines_.log(first.id, "use");
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("no longer kept"), std::string::npos) << log.error().message;
}

TEST_F(OldOutputsTest, StayWhileALaterRunIsAnsweredWithThem) {
  const RunRecord first = run();
  pass_days(60);
  const RunRecord second = run();
  ASSERT_EQ(second.steps[0].state, "cached");
  pass_days(40);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(MUST(old_.pass()), 0);
  EXPECT_EQ(outputs_of(first.id), "kept");
  pass_days(60);
  for (int i = 0; i < 4; ++i) MUST(old_.pass());
  EXPECT_EQ(outputs_of(first.id), "gone");
  EXPECT_EQ(outputs_of(second.id), "gone");
}

TEST_F(OldOutputsTest, ARunThatIsTriedAgainMakesThemAnew) {
  const RunRecord first = run();
  pass_days(91);
  MUST(old_.pass());
  std::ofstream(folder_.path() / "go") << "";
  MUST(pipelines_.try_again(first.id, "ann"));  // at the last moment
  EXPECT_EQ(MUST(old_.pass()), 0);
  const RunRecord again = finish(first.id);
  EXPECT_EQ(again.state, "succeeded");
  EXPECT_EQ(again.steps[0].tries, 1);
  EXPECT_EQ(outputs_of(first.id), "kept");
}

// A kill between the mark and the end of the removal left the rest to nobody.
TEST_F(OldOutputsTest, AKillIsMadeGoodByTheNextPass) {
  const RunRecord first = run();
  pass_days(91);
  MUST(db_->write([&](store::Tx& tx) {
    return tx.execute("UPDATE pipeline_runs SET outputs = 'removing' WHERE id = ?", {first.id});
  }));
  const auto refused = pipelines_.try_again(first.id, "ann");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  std::filesystem::remove(folder_.path() / "runs" / first.id / "make" / "a");
  EXPECT_GT(MUST(old_.pass()), 0);
  EXPECT_EQ(outputs_of(first.id), "gone");
  EXPECT_EQ(MUST(old_.pass()), 0);
}

}  // namespace
}  // namespace slipway::pipelines
