// Steps that wait for data, a model, a file or a time: what lets them go on, what is kept over a
// restart, and whether the clock of a rehearsal may move meanwhile.
#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/testing/pipelines_fixture.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

class Inputs final : public InputDigests {
 public:
  Result<Input> resolve(const std::string& kind, const std::string&) override {
    return base::error(Code::kInvalidArgument, "no such kind: {}", kind);
  }
  Result<bool> has_object(const std::string& uri) override {
    if (is_away) return base::error(Code::kUnavailable, "the storage doesn't answer");
    return uri == object;
  }
  std::string object;
  bool is_away = false;
};

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

class WaitsTest : public PipelinesTest<Inputs> {
 protected:
  WaitsTest() : PipelinesTest(at("2026-03-10T05:00:00Z")) {}

  void apply(const std::string& steps) {
    const auto parsed =
        parse_pipelines("pipelines:\n  p:\n    params: {day: 1}\n    steps:\n" + steps);
    ASSERT_TRUE(parsed) << parsed.error().message;
    MUST(pipelines_->apply(*parsed, folder_.path(), "ann"));
  }
  void start() {
    run_ = MUST(pipelines_->start_run("p", {}, {})).id;
    pipelines_->run_due();
  }
  void tell(const std::string& kind, const std::string& subject, JsonObject payload = {}) {
    MUST(db_->write([&](store::Tx& tx) {
      return tx.append_event({.kind = kind, .subject = subject, .payload = std::move(payload)});
    }));
  }
  std::string states() {
    MUST(pipelines_->tend(Pipelines::Waits::kAll));
    pipelines_->run_due();
    return states_of(MUST(pipelines_->find_run(run_)));
  }
  std::string reason() { return MUST(pipelines_->find_run(run_)).steps[0].reason; }
};

constexpr const char* kThen = "      - {name: then, run: 'true', after: [w]}\n";

std::string waiting(const std::string& rest) { return "      - {name: w, " + rest + "}\n" + kThen; }

TEST_F(WaitsTest, NewsOfADatasetCountFromTheRunsBeginOn) {
  apply(
      "      - {name: first, run: 'true'}\n"
      "      - {name: w, wait_for: {dataset: flights}, after: [first]}\n");
  tell("dataset.ingested", "datasets/flights/3");
  start();
  EXPECT_EQ(states(), "running: succeeded waiting");
  tell("dataset.ingested", "datasets/flights-old/4");
  tell("dataset.ingested", "datasets/other/4");
  EXPECT_EQ(states(), "running: succeeded waiting");
  open();
  EXPECT_EQ(states(), "running: succeeded waiting");
  tell("dataset.ingested", "datasets/flights/4");
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(pipelines_->find_run(run_)).steps[1].reason,
            "a snapshot of dataset flights came: version 4");
}

TEST_F(WaitsTest, NewsMayCountFromTheLastSuccessOn) {
  apply(waiting("wait_for: {dataset: d, newer_than: last_success}"));
  tell("dataset.ingested", "datasets/d/1");
  start();
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");  // nobody has read it yet
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  tell("dataset.ingested", "datasets/d/2");
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  start();
  EXPECT_EQ(states(), "running: waiting pending") << "that one was for the run before";
  tell("dataset.ingested", "datasets/d/3");
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  tell("dataset.ingested", "datasets/d/4");
  start();
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
}

TEST_F(WaitsTest, ModelsHaveVersionsAndAliasesThatMove) {
  apply(waiting("wait_for: {model: m}"));
  start();
  tell("model_version.created", "models/m2/1");
  EXPECT_EQ(states(), "running: waiting pending");
  tell("model_version.created", "models/m/8");
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  EXPECT_EQ(reason(), "a version of model m came: version 8");
  apply(waiting("wait_for: {model: m, alias: champion}"));
  start();
  tell("alias.moved", "models/m", {{"alias", "challenger"}, {"to", 8}});
  tell("alias.moved", "models/m", {{"alias", "champion"}, {"to", nullptr}});
  EXPECT_EQ(states(), "running: waiting pending");
  tell("alias.moved", "models/m", {{"alias", "champion"}, {"to", 8}});
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
}

TEST_F(WaitsTest, FilesAndObjectsAreLookedFor) {
  apply(waiting("wait_for: {file: 'in/{day}.csv'}"));
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  EXPECT_NE(reason().find("it waits for file in/1.csv, until 2026-03-17T05:00:00Z"),
            std::string::npos)
      << reason();
  std::filesystem::create_directories(folder_.path() / "in");
  std::ofstream(folder_.path() / "in/1.csv") << "x";
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  EXPECT_EQ(MUST(pipelines_->explain_run("p", {{"day", "2"}}))[0].why, "for file in/2.csv");
  apply(waiting("wait_for: {file: landing/}"));
  start();
  std::filesystem::create_directories(folder_.path() / "landing");
  EXPECT_EQ(states(), "running: waiting pending");
  std::ofstream(folder_.path() / "landing/part-0") << "x";
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  apply(waiting("wait_for: {file: 's3://bucket/day={day}/_SUCCESS'}"));
  inputs_.is_away = true;
  start();
  EXPECT_EQ(states(), "running: waiting pending");  // it may answer again
  inputs_.is_away = false;
  EXPECT_EQ(states(), "running: waiting pending");
  inputs_.object = "s3://bucket/day=1/_SUCCESS";
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
}

TEST_F(WaitsTest, ATimeIsTheEventClocks) {
  apply(waiting("wait_for: {time: '06:30', time_zone: Europe/Berlin}"));
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  EXPECT_EQ(pipelines_->next_wait(), at("2026-03-10T05:30:00Z"));
  event_clock_.advance(base::Duration::seconds(30 * 60 - 1));
  EXPECT_EQ(states(), "running: waiting pending");
  event_clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  start();  // it is later already
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  apply(waiting("wait_for: {delay: 30m}"));
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  event_clock_.advance(base::Duration::seconds(30 * 60));
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
}

TEST_F(WaitsTest, TooLateIsAFailureOrASkipAndARestartKeepsTheDeadline) {
  apply(waiting("wait_for: {dataset: d}, timeout: 2h"));
  start();
  event_clock_.advance(base::Duration::hours(1));
  open();
  EXPECT_EQ(states(), "running: waiting pending");
  EXPECT_EQ(pipelines_->next_wait(), at("2026-03-10T07:00:00Z"));
  event_clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(states(), "failed: failed skipped");
  EXPECT_EQ(reason(), "a snapshot of dataset d since the run began did not come in time");
  // What came late is there when it is tried again.
  tell("dataset.ingested", "datasets/d/1");
  MUST(pipelines_->try_again(run_, "ann"));
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");

  apply(waiting("wait_for: {dataset: d, soft_fail: true}, timeout: 2h") +
        "      - {name: anyway, run: 'true', unless_failed: [w]}\n");
  start();
  event_clock_.advance(base::Duration::hours(2));
  EXPECT_EQ(states(), "succeeded: skipped skipped succeeded");
}

TEST_F(WaitsTest, APersonLetsItPassAndACancelEndsIt) {
  apply(waiting("wait_for: {dataset: d}"));
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  MUST(pipelines_->answer(run_, "w", true, "ann", "it never comes"));
  EXPECT_EQ(states(), "succeeded: succeeded succeeded");
  start();
  EXPECT_EQ(states(), "running: waiting pending");
  MUST(pipelines_->cancel(run_));
  EXPECT_EQ(states(), "cancelled: cancelled cancelled");
  EXPECT_FALSE(pipelines_->next_wait());
}

// What is waited for may come only when a rehearsal's clock moves, which waits for busy runs.
TEST_F(WaitsTest, ARunThatDoesNothingButWaitIsNotBusy) {
  apply(waiting("wait_for: {dataset: d}") + "      - {name: ask, approve: 'Good?'}\n");
  start();
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 1u);  // a person is asked
  MUST(pipelines_->answer(run_, "ask", true, "ann", ""));
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 1u);
  pipelines_->run_due();
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 0u);
  EXPECT_EQ(MUST(pipelines_->active_runs()).size(), 1u);
  open();
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 1u);  // nobody has looked yet
  pipelines_->run_due();
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 0u);
  tell("dataset.ingested", "datasets/d/1");
  MUST(pipelines_->tend(Pipelines::Waits::kNews));
  EXPECT_EQ(MUST(pipelines_->busy_runs()).size(), 1u);  // it goes on
  EXPECT_EQ(states(), "succeeded: succeeded succeeded succeeded");
}

TEST_F(WaitsTest, ItIsExplainedBeforeAndShownMeanwhile) {
  apply(waiting("wait_for: {time: '06:30', time_zone: Europe/Berlin}"));
  const auto forecast = MUST(pipelines_->explain_run("p", {}));
  EXPECT_EQ(forecast[0].verdict, "waits");
  EXPECT_EQ(forecast[0].why, "for 06:30:00 in Europe/Berlin");
  start();
  EXPECT_EQ(MUST(pipelines_->why(run_, "w")),
            "it waits for time 2026-03-10T05:30:00Z, until 2026-03-17T05:00:00Z");
  const JsonObject shown = MUST(pipelines_->find_run(run_)).steps[0].to_json();
  EXPECT_EQ(base::to_text(shown.at("waits_for")),
            "{\"what\":\"time 2026-03-10T05:30:00Z\",\"until\":\"2026-03-17T05:00:00Z\",\"due\":"
            "\"2026-03-10T05:30:00Z\"}");
}

}  // namespace
}  // namespace slipway::pipelines
