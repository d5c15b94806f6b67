// Schedules on a clock moved by hand: what is due is started once, whatever happens in between.
#include "pipelines/schedules.h"

#include <gtest/gtest.h>

#include <thread>

#include "pipelines/tables.h"
#include "pipelines/testing/fake_trial_runs.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

class NoInputs final : public InputDigests {
 public:
  Result<Input> resolve(const std::string&, const std::string&) override { return Input{}; }
  Result<bool> has_object(const std::string&) override { return false; }
};

base::Timestamp at(std::string_view text) { return MUST(types::parse_rfc3339(text)); }

constexpr const char* kPipeline =
    "pipelines:\n  p:\n    params: {day: '', v: ''}\n    steps: [{name: a, run: 'true'}]\n";

std::unique_ptr<store::Db> open_db(const std::filesystem::path& file, const base::Clock& clock,
                                   base::Random& random) {
  return MUST(store::open_sqlite({.file = file}, clock, random));
}

class SchedulesTest : public ::testing::Test {
 protected:
  SchedulesTest() {
    MUST(db_->migrate({migrations()}));
    pipelines_ = std::make_unique<Pipelines>(*db_, clock_, clock_, random_, executor_, inputs_,
                                             secrets_, trial_runs_);
    MUST(pipelines_->start({.folder = folder_.path() / "runs", .runs_parallel_max = 0}));
    MUST(pipelines_->apply(MUST(parse_pipelines(kPipeline)), folder_.path(), "ann"));
    open();
  }
  void open(Schedules::Options options = {}) {
    schedules_ = std::make_unique<Schedules>(*db_, *pipelines_, clock_, clock_, random_, options);
  }
  Result<std::vector<ScheduleChange>> apply(const std::string& schedules) {
    const auto parsed = TRY(parse_schedules(std::string(kPipeline) + "schedules:\n" + schedules,
                                            MUST(parse_pipelines(kPipeline))));
    return schedules_->apply(parsed, "ann");
  }
  void advance(std::string_view time) {
    clock_.set(at(time));
    MUST(schedules_->advance(clock_.now()));
  }
  // Day and state of what was due, oldest first.
  std::string turns(const std::string& name = "s") {
    std::string text;
    auto found = MUST(schedules_->turns(name, 100));
    for (auto turn = found.rbegin(); turn != found.rend(); ++turn)
      text += types::to_rfc3339(turn->scheduled).substr(8, 8) + " " + turn->state + "; ";
    return text;
  }
  std::size_t runs() { return MUST(pipelines_->runs({.pipeline = "p", .limit = 1000})).size(); }
  std::size_t events(const std::string& kind) {
    return MUST(store::list_events(*db_, {.kind = kind})).size();
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{at("2024-01-01T12:00:00Z")};
  base::SeededRandom random_{4};
  NoInputs inputs_;
  const Secrets secrets_{{.values = {}, .folder = {}}};
  ProcessExecutor executor_;
  FakeTrialRuns trial_runs_;
  std::unique_ptr<store::Db> db_ = open_db(folder_.path() / "db", clock_, random_);
  std::unique_ptr<Pipelines> pipelines_;
  std::unique_ptr<Schedules> schedules_;
};

TEST_F(SchedulesTest, StartsWhatIsDueOnceWithTheTimeInItsParameters) {
  MUST(apply("  s: {pipeline: p, cron: '0 2 * * *', params: {day: 'of {scheduled}'}}\n"));
  EXPECT_EQ(MUST(schedules_->next_due()), at("2024-01-02T02:00:00Z"));
  advance("2024-01-02T01:59:59Z");
  EXPECT_EQ(turns(), "");
  advance("2024-01-02T02:00:00Z");
  advance("2024-01-02T02:00:01Z");
  EXPECT_EQ(turns(), "02T02:00 started; ");
  const RunRecord run = MUST(pipelines_->runs({.pipeline = "p"})).at(0);
  EXPECT_EQ(run.params.at("day"), "of 2024-01-02T02:00:00Z");
  EXPECT_EQ(run.actor, "schedule:s");
  pipelines_->run_queued();
  advance("2024-01-03T02:00:00Z");
  EXPECT_EQ(turns(), "02T02:00 ended; 03T02:00 started; ");
  EXPECT_EQ(runs(), 2u);
  EXPECT_EQ(MUST(apply("  s: {pipeline: p, cron: '0 2 * * *', params: {day: 'of {scheduled}'}}\n"))
                .at(0)
                .change,
            "unchanged");
  EXPECT_EQ(MUST(apply("  t: {pipeline: p, every: 15m}\n")).at(1).change, "removed");
  EXPECT_EQ(MUST(schedules_->next_due()), at("2024-01-03T02:15:00Z"));
}

// A server that was killed between taking the turn and starting the run, or after.
TEST_F(SchedulesTest, AKillLosesNothingAndDoublesNothing) {
  MUST(apply("  s: {pipeline: p, every: 1h}\n"));
  advance("2024-01-01T13:00:00Z");
  ASSERT_EQ(runs(), 1u);
  MUST(db_->write([](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE pipeline_turns SET state = 'waiting', run = ''"));
    return {};
  }));
  open();
  advance("2024-01-01T13:00:01Z");
  EXPECT_EQ(turns(), "01T13:00 started; ");
  EXPECT_EQ(runs(), 1u);
  // Two that look at the same time.
  Schedules other(*db_, *pipelines_, clock_, clock_, random_, {});
  clock_.set(at("2024-01-01T14:00:00Z"));
  std::thread one([&] { MUST(schedules_->advance(clock_.now())); });
  std::thread two([&] { MUST(other.advance(clock_.now())); });
  one.join();
  two.join();
  EXPECT_EQ(runs(), 2u);
}

TEST_F(SchedulesTest, WhatWasMissedIsMadeUpForOnlyWhenAskedAndWithinALimit) {
  MUST(
      apply("  s: {pipeline: p, cron: '@daily'}\n  c: {pipeline: p, cron: '@daily', catch_up: "
            "true}\n"));
  open({.catch_up_max = 3});
  advance("2024-01-10T00:00:30Z");
  EXPECT_EQ(turns("s"), "02T00:00 missed; 10T00:00 started; ");
  EXPECT_EQ(turns("c"), "02T00:00 missed; 08T00:00 started; 09T00:00 started; 10T00:00 started; ");
  EXPECT_EQ(events("schedule.missed"), 2u);
  advance("2024-01-11T12:00:00Z");
  EXPECT_EQ(turns("s"), "02T00:00 missed; 10T00:00 started; 11T00:00 missed; ");
  EXPECT_EQ(MUST(schedules_->next_due()), at("2024-01-12T00:00:00Z"));
}

TEST_F(SchedulesTest, AnEarlierRunThatIsNotOver) {
  MUST(apply(
      "  allow: {pipeline: p, every: 1h}\n  forbid: {pipeline: p, every: 1h, overlap: forbid}\n"
      "  queue: {pipeline: p, every: 1h, overlap: queue}\n"
      "  replace: {pipeline: p, every: 1h, overlap: replace}\n"));
  advance("2024-01-01T13:00:00Z");
  advance("2024-01-01T14:00:00Z");
  EXPECT_EQ(turns("allow"), "01T13:00 started; 01T14:00 started; ");
  EXPECT_EQ(turns("forbid"), "01T13:00 started; 01T14:00 skipped; ");
  EXPECT_EQ(turns("queue"), "01T13:00 started; 01T14:00 waiting; ");
  EXPECT_EQ(turns("replace"), "01T13:00 started; 01T14:00 started; ");
  EXPECT_EQ(events("schedule.skipped"), 1u);
  const std::string replaced = MUST(schedules_->turns("replace", 9)).at(1).run;
  pipelines_->run_queued();
  EXPECT_EQ(MUST(pipelines_->find_run(replaced)).state, "cancelled");
  advance("2024-01-01T14:00:01Z");
  EXPECT_EQ(turns("queue"), "01T13:00 ended; 01T14:00 started; ");
}

TEST_F(SchedulesTest, PausedOnesAreNotMadeUpFor) {
  MUST(apply("  s: {pipeline: p, every: 1h}\n"));
  MUST(schedules_->set_paused("s", true, "ann"));
  advance("2024-01-01T15:30:00Z");
  EXPECT_EQ(MUST(schedules_->next_due()), std::nullopt);
  EXPECT_FALSE(MUST(schedules_->set_paused("s", false, "ann")).paused);
  advance("2024-01-01T16:00:00Z");
  EXPECT_EQ(turns(), "01T16:00 started; ");
  EXPECT_EQ(schedules_->set_paused("x", true, "ann").error().code, Code::kNotFound);
}

TEST_F(SchedulesTest, NewDataStartsARun) {
  MUST(
      apply("  s: {pipeline: p, when: {dataset: d}, params: {v: '{version}'}}\n"
            "  m: {pipeline: p, when: {model: m}}\n  a: {pipeline: p, when: {model: m, alias: "
            "champion}, params: {v: '{version}'}}\n"));
  advance("2024-01-01T12:00:01Z");
  const auto tell = [&](const char* kind, const char* subject, JsonObject payload = {}) {
    MUST(db_->write([&](store::Tx& tx) {
      return tx.append_event({.kind = kind, .subject = subject, .payload = payload});
    }));
  };
  tell("dataset.ingested", "datasets/other/1");
  EXPECT_EQ(MUST(schedules_->next_due()), std::nullopt);
  tell("dataset.ingested", "datasets/d/7");
  tell("model_version.created", "models/mm/1");
  tell("alias.moved", "models/m", {{"alias", "champion"}, {"to", nullptr}});
  tell("alias.moved", "models/m", {{"alias", "other"}, {"to", 3}});
  tell("alias.moved", "models/m", {{"alias", "champion"}, {"to", 4}});
  EXPECT_EQ(MUST(schedules_->next_due()), clock_.now());
  advance("2024-01-01T12:00:02Z");
  advance("2024-01-01T12:00:03Z");
  ASSERT_EQ(MUST(schedules_->turns("s", 9)).size(), 1u);
  EXPECT_EQ(MUST(schedules_->turns("s", 9))[0].version, "7");
  EXPECT_EQ(MUST(schedules_->turns("m", 9)).size(), 0u);
  ASSERT_EQ(MUST(schedules_->turns("a", 9)).size(), 1u);
  EXPECT_EQ(MUST(pipelines_->find_run(MUST(schedules_->turns("a", 9))[0].run)).params.at("v"), "4");
}

TEST_F(SchedulesTest, ABackfillRunsWhatWasNotSoManyAtATime) {
  MUST(apply("  s: {pipeline: p, cron: '@daily'}\n  e: {pipeline: p, when: {dataset: d}}\n"));
  advance("2024-01-02T00:00:00Z");
  pipelines_->run_queued();
  BackfillRequest request{.pipeline = "p",
                          .from = "2023-12-29T00:00:00Z",
                          .to = "2024-01-02T00:00:00Z",
                          .parallel = 2,
                          .dry_run = true};
  const Backfill dry = MUST(schedules_->backfill(request, "ann"));
  EXPECT_EQ(dry.times.size(), 4u);
  EXPECT_EQ(dry.done_before, 1u);
  EXPECT_EQ(runs(), 1u);
  request.dry_run = false;
  const Backfill fill = MUST(schedules_->backfill(request, "ann"));
  advance("2024-01-02T00:00:01Z");
  EXPECT_EQ(runs(), 3u);
  advance("2024-01-02T00:00:02Z");
  EXPECT_EQ(runs(), 3u);
  pipelines_->run_queued();
  advance("2024-01-02T00:00:03Z");
  EXPECT_EQ(runs(), 5u);
  pipelines_->run_queued();
  EXPECT_EQ(MUST(schedules_->backfill(request, "ann")).times.size(), 0u);
  request.from = "2023-12-01T00:00:00Z";
  const Backfill more = MUST(schedules_->backfill(request, "ann"));
  EXPECT_EQ(MUST(schedules_->cancel_backfill(more.id, "ann")), 28u);
  EXPECT_EQ(schedules_->cancel_backfill("x", "ann").error().code, Code::kNotFound);

  request.to = "2025-01-01T00:00:00Z";
  EXPECT_EQ(schedules_->backfill(request, "ann").error().code, Code::kInvalidArgument);
  request.to = types::to_rfc3339(clock_.now());
  request.schedule = "e";
  EXPECT_EQ(schedules_->backfill(request, "ann").error().code, Code::kInvalidArgument);
  request.schedule = "x";
  EXPECT_EQ(schedules_->backfill(request, "ann").error().code, Code::kNotFound);
  open({.backfill_max = 10});
  request.schedule = "s";
  EXPECT_NE(schedules_->backfill(request, "ann").error().message.find("limit=10"),
            std::string::npos);
}

TEST_F(SchedulesTest, ABackfillsDaysAreThoseOfItsClock) {
  MUST(
      apply("  s: {pipeline: p, cron: '30 20 * * *', time_zone: America/New_York}\n"
            "  a: {pipeline: p, cron: '0 0 * * *', time_zone: America/Havana}\n"));
  const auto times = [&](const std::string& schedule, const std::string& from,
                         const std::string& to) {
    std::string text;
    for (const base::Timestamp time :
         MUST(schedules_->backfill(
                  {.pipeline = "p", .schedule = schedule, .from = from, .to = to, .dry_run = true},
                  "ann"))
             .times)
      text += types::to_rfc3339(time).substr(5, 11) + " ";
    return text;
  };
  EXPECT_EQ(times("s", "2023-07-01", "2023-07-03"), "07-02T00:30 07-03T00:30 07-04T00:30 ");
  // Times are what they say.
  EXPECT_EQ(times("s", "2023-07-01T00:00:00Z", "2023-07-03T00:00:00Z"), "07-01T00:30 07-02T00:30 ");
  EXPECT_EQ(times("s", "2023-07-01", "2023-07-02T00:30:00Z"), "07-02T00:30 ");
  // Havana's clocks skip midnight on 12 March.
  EXPECT_EQ(times("a", "2023-03-12", "2023-03-12"), "03-12T05:00 ");
  EXPECT_EQ(times("a", "2023-03-11", "2023-03-11"), "03-11T05:00 ");
  // Today is not over: it is 1 January 2024, 12:00Z, where half past eight has yet to come.
  EXPECT_EQ(times("s", "2023-12-31", "2024-01-01"), "01-01T01:30 ");
  EXPECT_EQ(
      schedules_
          ->backfill({.pipeline = "p", .schedule = "s", .from = "2023-12-31", .to = "2024-01-02"},
                     "ann")
          .error()
          .code,
      Code::kInvalidArgument);
  EXPECT_NE(
      schedules_
          ->backfill({.pipeline = "p", .schedule = "s", .from = "x", .to = "2023-01-01"}, "ann")
          .error()
          .message.find("from"),
      std::string::npos);
}

TEST_F(SchedulesTest, TurnsSayHowTheirRunsEnded) {
  constexpr const char* kFlaky =
      "pipelines:\n  p:\n    params: {day: '', v: ''}\n    steps: [{name: a, run: 'case {day} in "
      "2023-01-02*) exit 1;; 2023-01-03*) exit 3;; esac'}]\n";
  MUST(pipelines_->apply(MUST(parse_pipelines(kFlaky)), folder_.path(), "ann"));
  MUST(apply("  s: {pipeline: p, cron: '@daily', params: {day: '{scheduled}'}}\n"));
  const Backfill fill = MUST(schedules_->backfill(
      {.pipeline = "p", .from = "2023-01-01", .to = "2023-01-04", .parallel = 3}, "ann"));
  const auto standings = [&] {
    std::string text;
    for (const Turn& turn : MUST(schedules_->find_backfill(fill.id)).turns)
      text += turn.standing() + " ";
    return text;
  };
  EXPECT_EQ(standings(), "waiting waiting waiting waiting ");
  advance("2024-01-01T12:00:01Z");
  EXPECT_EQ(standings(), "queued queued queued waiting ");
  EXPECT_FALSE(MUST(schedules_->find_backfill(fill.id)).to_json()["is_over"].as_bool());
  pipelines_->run_queued();
  advance("2024-01-01T12:00:02Z");
  EXPECT_EQ(standings(), "succeeded failed refused queued ");
  MUST(schedules_->cancel_backfill(fill.id, "ann"));
  pipelines_->run_queued();
  advance("2024-01-01T12:00:03Z");
  const JsonObject told = MUST(schedules_->backfills(9)).at(0).to_json();
  EXPECT_EQ(base::to_text(told.at("counts")), R"({"failed":1,"refused":1,"succeeded":2})");
  EXPECT_TRUE(told.at("is_over").as_bool());
  EXPECT_EQ(MUST(schedules_->get("s")).last->outcome, "succeeded");
  EXPECT_EQ(schedules_->find_backfill("").error().code, Code::kNotFound);
}

TEST_F(SchedulesTest, DeadlinesThatAreNotKeptAreTold) {
  MUST(apply("  s: {pipeline: p, every: 1h, start_within: 5m, finish_within: 30m}\n"));
  advance("2024-01-01T13:00:00Z");
  schedules_->start();
  const auto wait_for = [&](const std::string& kind) {
    while (events(kind) == 0) std::this_thread::yield();
  };
  clock_.set(at("2024-01-01T13:05:00Z"));
  wait_for("schedule.not_started");
  clock_.set(at("2024-01-01T13:30:00Z"));
  wait_for("schedule.late");
  EXPECT_EQ(MUST(schedules_->turns("s", 1)).at(0).late, "late");
  schedules_->stop();
  pipelines_->run_queued();
}

// Prints how late a run is against its schedule; it is right at whatever speed.
TEST_F(SchedulesTest, WakesAtTheTime) {
  base::SystemClock wall;
  Pipelines pipelines(*db_, wall, wall, random_, executor_, inputs_, secrets_, trial_runs_);
  MUST(pipelines.start({.folder = folder_.path() / "wall", .runs_parallel_max = 0}));
  Schedules schedules(*db_, pipelines, wall, wall, random_, {});
  const auto parsed =
      MUST(parse_schedules(std::string(kPipeline) + "schedules: {w: {pipeline: p, every: 1s}}",
                           MUST(parse_pipelines(kPipeline))));
  MUST(schedules.apply(parsed, "ann"));
  schedules.start();
  while (MUST(schedules.turns("w", 9)).size() < 3)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  schedules.stop();
  for (const Turn& turn : MUST(schedules.turns("w", 9))) {
    if (turn.run.empty()) continue;
    const auto late = MUST(pipelines.find_run(turn.run)).created - turn.scheduled;
    EXPECT_GE(late.micros, 0);
    std::printf("schedule to start: %.1f ms\n", static_cast<double>(late.micros) / 1e3);
  }
}

TEST_F(SchedulesTest, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"  s: {cron: '@daily'}\n", "pipeline"},
      {"  s: {pipeline: q, cron: '@daily'}\n", "a pipeline that doesn't exist"},
      {"  s: {pipeline: p}\n", "exactly one of"},
      {"  s: {pipeline: p, cron: '@daily', every: 1h}\n", "exactly one of"},
      {"  s: {pipeline: p, cron: '61 * * * *'}\n", "must be 0 to 59"},
      {"  s: {pipeline: p, cron: '@daily', time_zone: Mars/North}\n", "no such time zone"},
      {"  s: {pipeline: p, every: 1h, time_zone: Europe/Berlin}\n", "of a cron expression"},
      {"  s: {pipeline: p, every: 1ms}\n", "at least 1s"},
      {"  s: {pipeline: p, every: 3661d}\n", "at most ten years"},
      {"  s: {pipeline: p, every: 1h, params: {x: y}}\n", "parameter=x"},
      {"  s: {pipeline: p, every: 1h, overlap: maybe}\n", "allow, forbid, queue or replace"},
      {"  s: {pipeline: p, when: {alias: a}}\n", "either a dataset or a model"},
      {"  s: {pipeline: p, when: {dataset: d, alias: a}}\n", "one of a model"},
      {"  s: {pipeline: p, when: {dataset: d}, catch_up: true}\n", "never missed"},
      {"  s: {pipeline: p, every: 1h, crom: x}\n", "crom"},
      {"  's s': {pipeline: p, every: 1h}\n", "the name of a schedule"},
  };
  for (const auto& [schedules, why] : cases) {
    const auto applied = apply(schedules);
    ASSERT_FALSE(applied) << schedules;
    EXPECT_NE(applied.error().message.find(why), std::string::npos) << applied.error().message;
  }
}

}  // namespace
}  // namespace slipway::pipelines
