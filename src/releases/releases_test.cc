// The release ledger through its public face, and going on after a restart.
#include "releases/releases.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/hash.h"
#include "releases/tables.h"
#include "releases/testing/fakes.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::releases {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

class ReleasesTest : public ::testing::Test {
 protected:
  ReleasesTest() { open(); }

  void open() {
    releases_.reset();
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "slipway.db"}, wall_, random_));
    MUST(db_->migrate({migrations()}));
    releases_ = std::make_unique<Releases>(*db_, clock_, wall_,
                                           Releases::Ports{plane_, catalog_, facts_}, metrics_);
  }
  void apply(const std::string& more = "") {
    MUST(releases_->apply(MUST(parse_endpoints(fmt::format(R"(endpoints:
  e:
    model: models:/m@champion
    features: f
    shadow: {{frozen: models:/m/1}}
    release: {{delay: 6h, steps: [10, 50, 100], hold: 24h, guard: {{error_rate: 0.01, calibration_bias: 0.1}}}}
{})",
                                                           more))),
                          "test"));
  }
  void move_alias(std::int64_t version) {
    catalog_.aliases["models:/m@champion"] = version;
    receipts_ = MUST(releases_->alias_moved("m", "champion", version, "pipeline:train"));
  }
  // Walks the event clock there through everything due.
  std::vector<std::string> walk_to(const char* text) {
    std::vector<std::string> lines;
    while (true) {
      const auto due = MUST(releases_->next_due());
      if (!due || *due > at(text)) break;
      clock_.set(std::max(clock_.now(), *due));
      for (const RolloutStep& step : MUST(releases_->advance(clock_.now()))) {
        lines.push_back(
            fmt::format("{} revision {}", types::to_rfc3339(clock_.now()), step.revision));
      }
    }
    clock_.set(at(text));
    return lines;
  }
  std::string live() {
    std::string text;
    for (const Variant* variant : plane_.active.at("e").live()) {
      text += fmt::format("{}:v{}:{} ", variant->name, variant->version, variant->weight());
    }
    return text;
  }

  store::testing::TempFolder folder_;
  base::ManualClock wall_{{1'700'000'000'000'000}}, clock_{at("2013-06-01T00:00:00Z")};
  base::SeededRandom random_{5};
  base::Metrics metrics_;
  testing::FakeDataPlane plane_;
  testing::FakeCatalog catalog_;
  testing::FakeFacts facts_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Releases> releases_;
  std::vector<ProposalReceipt> receipts_;
};

TEST_F(ReleasesTest, TheFirstModelTakesChargeAtOnceTheNextOneByDeclaredSteps) {
  apply();
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "empty");
  EXPECT_FALSE(MUST(releases_->next_due()));
  move_alias(1);
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(plane_.active.at("e").find_variant("frozen")->role, Role::kShadow);
  EXPECT_EQ(plane_.active.at("e").features, "f");

  clock_.set(at("2013-07-01T00:00:00Z"));
  move_alias(2);
  ASSERT_EQ(receipts_.size(), 1u);
  EXPECT_TRUE(receipts_[0].accepted);
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "proposed");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(walk_to("2013-07-01T12:00:00Z"),
            (std::vector<std::string>{"2013-07-01T06:00:00Z revision 2"}));
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "canary");
  EXPECT_EQ(walk_to("2013-07-10T00:00:00Z"),
            (std::vector<std::string>{"2013-07-02T06:00:00Z revision 3",
                                      "2013-07-03T06:00:00Z revision 4"}));
  EXPECT_EQ(live(), "live:v2:10000 ");
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "steady");
  EXPECT_EQ(MUST(releases_->status("e")).last_good, 1);
  EXPECT_EQ(plane_.kept.at("e"), 1);

  const auto revisions = MUST(releases_->revisions("e"));
  ASSERT_EQ(revisions.size(), 4u);
  EXPECT_EQ(kind_name(revisions[0].kind), "promote");
  EXPECT_EQ(kind_name(revisions[1].kind), "canary-step");
  EXPECT_EQ(kind_name(revisions[3].kind), "deploy");
  EXPECT_EQ(revisions[2].actor, "pipeline:train");
  EXPECT_EQ(revisions[2].previous, 1);
  EXPECT_EQ(revisions[2].arrival_time, wall_.now());
  // From workspace and name alone, so that a replay splits its requests as the first time.
  EXPECT_EQ(revisions[0].salt, base::sha256_hex("default/e").substr(0, 16));
  EXPECT_EQ(revisions[0].salt, revisions[3].salt);
  EXPECT_EQ(MUST(releases_->revisions("e", 3, 1)).at(0).number, 2);
  EXPECT_EQ(releases_->revisions("other").error().code, Code::kNotFound);
  EXPECT_EQ(releases_->revision("e", 9).error().code, Code::kNotFound);

  std::vector<std::string> kinds;
  for (const store::Event& event : MUST(store::list_events(*db_, {.subject = "endpoints/e"})))
    kinds.push_back(event.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"endpoint.created", "endpoint.deployed",
                                             "endpoint.proposed", "endpoint.canary_step",
                                             "endpoint.canary_step", "endpoint.promoted"}));
}

TEST_F(ReleasesTest, ARemovedEndpointAnswersNothingAndItsLedgerGoesOnWhenItIsDeclaredAgain) {
  apply();
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/2", "new", "ann"));
  MUST(releases_->remove("e", "ann"));
  EXPECT_TRUE(plane_.active.empty());
  EXPECT_EQ(releases_->status("e").error().code, Code::kNotFound);
  EXPECT_EQ(releases_->remove("e", "ann").error().code, Code::kNotFound);
  open();
  EXPECT_TRUE(plane_.active.empty());
  apply();
  EXPECT_EQ(live(), "live:v1:10000 ") << "the alias' version takes charge as the first";
  const auto revisions = MUST(releases_->revisions("e"));
  ASSERT_EQ(revisions.size(), 3u);
  EXPECT_EQ(revisions[0].number, 3);
  EXPECT_EQ(revisions[0].previous, std::nullopt);
}

TEST_F(ReleasesTest, AnAlertActsOnceOnWhatItWasDecidedAbout) {
  apply();
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/2", "new", "ann"));
  const Releases::Automatic back{.change = AutomaticChange::kRollback,
                                 .cause = "alerts/1/actions/m/7",
                                 .about = 2,
                                 .reason = "alert bias of monitor m",
                                 .actor = "monitor:m"};
  const Revision done = MUST(releases_->act("e", back));
  EXPECT_EQ(done.number, 3);
  EXPECT_EQ(done.restores, 1);
  EXPECT_EQ(done.cause, "alerts/1/actions/m/7");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_TRUE(MUST(releases_->status("e")).endpoint.state.held);
  // As after a crash: the same cause again is the same revision, whatever happened since.
  open();
  EXPECT_EQ(MUST(releases_->act("e", back)).number, 3);
  MUST(releases_->deploy("e", "models:/m/2", "it was not the model", "ann"));
  EXPECT_EQ(MUST(releases_->act("e", back)).number, 3);
  EXPECT_EQ(live(), "live:v2:10000 ");
  EXPECT_EQ(MUST(releases_->revisions("e")).size(), 4u);
}

TEST_F(ReleasesTest, WhoChangedTheEndpointMeanwhileWins) {
  apply();
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/2", "new", "ann"));
  Releases::Automatic wanted{.change = AutomaticChange::kRollback,
                             .cause = "alerts/1/actions/m/7",
                             .about = 2,
                             .reason = "alert",
                             .actor = "monitor:m"};
  MUST(releases_->deploy("e", "models:/m/3", "hotfix", "ann"));
  const auto refused = releases_->act("e", wanted);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("about revision 2, and 3 (deploy by ann) is in charge"),
            std::string::npos)
      << refused.error().message;
  EXPECT_EQ(live(), "live:v3:10000 ");
  // A canary has its own guard; only a hold ends it.
  move_alias(2);
  walk_to("2013-06-01T07:00:00Z");
  wanted.cause = "alerts/1/actions/m/8";
  wanted.about = 4;
  EXPECT_EQ(releases_->act("e", wanted).error().message,
            "a canary is under way: its guard decides");
  EXPECT_EQ(MUST(releases_->find_precedence("e", AutomaticChange::kRollback, "")),
            "a canary is under way: its guard decides");
  wanted.change = AutomaticChange::kHold;
  EXPECT_EQ(kind_name(MUST(releases_->act("e", wanted)).kind), "hold");
  EXPECT_EQ(live(), "live:v3:10000 ");
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "steady");
}

TEST_F(ReleasesTest, AFallbackTakesChargeAndIsHeldUntilSomebodyFollows) {
  apply();
  move_alias(2);
  Releases::Automatic wanted{.change = AutomaticChange::kFallback,
                             .model = "models:/m/1",
                             .cause = "alerts/1/actions/m/1",
                             .about = 1,
                             .reason = "alert",
                             .actor = "monitor:m"};
  EXPECT_EQ(kind_name(MUST(releases_->act("e", wanted)).kind), "fallback");
  EXPECT_EQ(live(), "live:v1:10000 ");
  move_alias(3);
  EXPECT_FALSE(receipts_.at(0).accepted);
  MUST(releases_->follow("e", "fine again", "ann"));
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "proposed") << "the alias' version comes back";
  EXPECT_EQ(MUST(store::list_events(*db_, {.kind = "endpoint.fell_back"})).size(), 1u);
}

TEST_F(ReleasesTest, TheGuardTakesACanaryAwayAndTheAliasDoesNotBringItBack) {
  apply();
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T07:00:00Z");
  facts_.next = {.requests = 90, .errors = 40};
  EXPECT_EQ(walk_to("2013-06-02T00:00:00Z"),
            (std::vector<std::string>{"2013-06-01T12:00:00Z revision 3"}));
  EXPECT_EQ(facts_.asked.back(), std::pair(at("2013-06-01T06:00:00Z"), at("2013-06-01T12:00:00Z")));
  EXPECT_EQ(live(), "live:v1:10000 ");
  const Revision newest = MUST(releases_->revisions("e"))[0];
  EXPECT_EQ(kind_name(newest.kind), "rollback");
  EXPECT_EQ(newest.actor, "guard");
  EXPECT_NE(newest.reason.find("40 of 90 requests failed"), std::string::npos);
  EXPECT_FALSE(MUST(releases_->status("e")).endpoint.state.held) << "the guard doesn't hold";
  move_alias(2);
  EXPECT_FALSE(receipts_[0].accepted);
  EXPECT_NE(receipts_[0].reason.find("taken away before"), std::string::npos);
  move_alias(3);
  EXPECT_TRUE(receipts_[0].accepted);
}

constexpr ExperimentFacts kBetter{.live_rows = 500,
                                  .challenger_rows = 500,
                                  .live_value = 0.5,
                                  .challenger_value = 0.4,
                                  .low = -0.15,
                                  .high = -0.05};

TEST_F(ReleasesTest, AnExperimentRunsUntilItsMetricDecides) {
  apply();
  const ExperimentDraft draft{.model = "models:/m/4", .percent = 30, .metric = "log_loss"};
  EXPECT_EQ(releases_->start_experiment("e", draft, "", "ann").error().code,
            Code::kFailedPrecondition)
      << "nothing to challenge";
  move_alias(1);
  MUST(releases_->start_experiment("e", draft, "is 4 better?", "ann"));
  EXPECT_EQ(live(), "live:v1:7000 challenger:v4:3000 ");
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "experiment");
  EXPECT_EQ(MUST(releases_->experiment("e")).verdict.kind, Verdict::Kind::kOpen);
  EXPECT_EQ(releases_->start_experiment("e", draft, "", "ann").error().code,
            Code::kFailedPrecondition);

  move_alias(2);  // waits for the end
  EXPECT_TRUE(receipts_[0].accepted);
  EXPECT_TRUE(walk_to("2013-06-02T12:30:00Z").empty());
  EXPECT_EQ(live(), "live:v1:7000 challenger:v4:3000 ");
  facts_.experiment = kBetter;
  EXPECT_EQ(walk_to("2013-06-02T13:30:00Z"),
            (std::vector<std::string>{"2013-06-02T13:00:00Z revision 3",
                                      "2013-06-02T13:00:00Z revision 4"}));
  const Revision ended = MUST(releases_->revision("e", 3));
  EXPECT_EQ(kind_name(ended.kind), "conclude") << "a winner takes charge only when that was asked";
  EXPECT_NE(ended.reason.find("version 4 is better"), std::string::npos);
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ") << "the alias' move came after it";
}

TEST_F(ReleasesTest, AnExperimentsWinnerTakesChargeAndItsLoserGoes) {
  apply();
  move_alias(1);
  ExperimentDraft draft{.model = "models:/m/4", .metric = "log_loss", .promote_winner = true};
  facts_.experiment = kBetter;
  MUST(releases_->start_experiment("e", draft, "", "ann"));
  walk_to("2013-06-01T02:00:00Z");
  EXPECT_EQ(live(), "live:v4:10000 ");
  EXPECT_EQ(MUST(releases_->status("e")).last_good, 1);

  draft.model = "models:/m/5";
  std::swap(facts_.experiment.live_value, facts_.experiment.challenger_value);
  facts_.experiment.low = 0.05;
  facts_.experiment.high = 0.15;
  MUST(releases_->start_experiment("e", draft, "", "ann"));
  walk_to("2013-06-01T04:00:00Z");
  EXPECT_EQ(live(), "live:v4:10000 ");
  move_alias(5);
  EXPECT_FALSE(receipts_[0].accepted) << "it was taken away";
}

TEST_F(ReleasesTest, AnExperimentEndsByHarmByTimeByHandOrByAnotherChange) {
  apply();
  move_alias(1);
  const ExperimentDraft draft{.model = "models:/m/4", .metric = "label", .higher_is_better = true};
  MUST(releases_->start_experiment("e", draft, "", "ann"));
  facts_.next = {.requests = 90, .errors = 40};
  walk_to("2013-06-01T01:00:00Z");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_NE(MUST(releases_->revisions("e"))[0].reason.find("requests failed"), std::string::npos);

  facts_.next = {.requests = 90};
  MUST(releases_->start_experiment("e", draft, "", "ann"));
  walk_to("2013-06-16T00:00:00Z");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_NE(MUST(releases_->revisions("e"))[0].reason.find("time is over"), std::string::npos);

  MUST(releases_->start_experiment("e", draft, "", "ann"));
  MUST(releases_->stop_experiment("e", "enough", "bob"));
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(releases_->stop_experiment("e", "", "bob").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(releases_->experiment("e").error().code, Code::kFailedPrecondition);

  MUST(releases_->start_experiment("e", draft, "", "ann"));
  MUST(releases_->rollback("e", "smells", "bob"));
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_FALSE(MUST(releases_->next_due()));
}

TEST_F(ReleasesTest, AnExperimentThatMakesNoSenseIsRefused) {
  apply();
  move_alias(1);
  const auto code = [&](ExperimentDraft draft) {
    const auto started = releases_->start_experiment("e", draft, "", "ann");
    return started ? Code::kInternal : started.error().code;
  };
  const auto kBad = Code::kInvalidArgument;
  EXPECT_EQ(code({.model = "models:/m/4", .percent = 0, .metric = "log_loss"}), kBad);
  EXPECT_EQ(code({.model = "models:/m/4", .percent = 100, .metric = "log_loss"}), kBad);
  EXPECT_EQ(code({.model = "models:/m/4", .metric = "fame"}), kBad);
  EXPECT_EQ(code({.model = "models:/m/4", .metric = "label"}), kBad) << "better is not said";
  EXPECT_EQ(code({.model = "models:/m/4", .metric = "log_loss", .confidence = 1}), kBad);
  EXPECT_EQ(code({.model = "models:/m/1", .metric = "log_loss"}), kBad) << "is in charge";
  EXPECT_EQ(code({.model = "models:/m/99", .metric = "log_loss"}), Code::kNotFound);
}

TEST_F(ReleasesTest, ARollbackHoldsUntilFollowed) {
  apply();
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/4", "a bad idea", "ann"));
  EXPECT_EQ(live(), "live:v4:10000 ");
  const std::size_t loads = plane_.prepared.size();
  const Revision back = MUST(releases_->rollback("e", "it's bad", "bob")).revision;
  EXPECT_EQ(back.restores, 1);
  EXPECT_EQ(back.actor, "bob");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(plane_.prepared.size(), loads + 2);
  EXPECT_TRUE(MUST(releases_->status("e")).endpoint.state.held);
  EXPECT_EQ(releases_->rollback("e", "again", "bob").error().code, Code::kFailedPrecondition);

  move_alias(5);
  EXPECT_FALSE(receipts_[0].accepted);
  EXPECT_NE(receipts_[0].reason.find("held: rolled back: it's bad"), std::string::npos);
  EXPECT_FALSE(MUST(releases_->next_due()));
  EXPECT_EQ(releases_->hold("e", "x", "bob").error().code, Code::kFailedPrecondition);
  MUST(releases_->follow("e", "fixed", "bob"));
  EXPECT_EQ(releases_->follow("e", "again", "bob").error().code, Code::kFailedPrecondition);
  const EndpointStatus status = MUST(releases_->status("e"));
  EXPECT_EQ(status.phase(), "proposed");
  EXPECT_EQ(status.endpoint.state.proposal->model.version, 5);
  EXPECT_EQ(releases_->rollback("other", "x", "bob").error().code, Code::kNotFound);
}

// It was loaded that way and stays loaded, so that going back is a pointer swap.
TEST_F(ReleasesTest, ARollbackRunsTheModelAsItRan) {
  const auto declare = [this](int workers) {
    MUST(releases_->apply(
        MUST(parse_endpoints(fmt::format(
            "endpoints: {{e: {{model: models:/m@champion, python: {{workers: {}}}}}}}", workers))),
        "test"));
  };
  const auto workers = [this] { return plane_.active.at("e").running.python.workers; };
  declare(1);
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/4", "needs more", "ann"));
  declare(8);
  EXPECT_EQ(workers(), 8);
  MUST(releases_->rollback("e", "it's bad", "bob"));
  EXPECT_EQ(workers(), 1);
  MUST(releases_->follow("e", "fixed", "bob"));
  EXPECT_EQ(workers(), 1) << "what answers stays as it is";
}

TEST_F(ReleasesTest, ARollbackInACanaryGoesBackToTheVersionBeside) {
  apply();
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T07:00:00Z");
  MUST(releases_->rollback("e", "smells", "bob"));
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_FALSE(MUST(releases_->next_due()));
}

TEST_F(ReleasesTest, HoldingEndsACanary) {
  apply();
  EXPECT_EQ(releases_->hold("e", "x", "bob").error().code, Code::kFailedPrecondition)
      << "nothing to hold";
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T07:00:00Z");
  MUST(releases_->hold("e", "frozen for the weekend", "bob"));
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_FALSE(MUST(releases_->next_due()));
}

TEST_F(ReleasesTest, AModelThatDoesNotLoadChangesNothing) {
  apply();
  move_alias(1);
  plane_.broken.insert("models:/m/4");
  const auto refused = releases_->deploy("e", "models:/m/4", "try", "ann");
  EXPECT_EQ(refused.error().code, Code::kCorruption);
  EXPECT_NE(refused.error().message.find("nothing changed"), std::string::npos);
  EXPECT_EQ(MUST(releases_->revisions("e")).size(), 1u);
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(releases_->deploy("e", "models:/m/99", "try", "ann").error().code, Code::kNotFound);

  move_alias(4);  // by the alias: given up when its time comes, once
  EXPECT_TRUE(walk_to("2013-06-03T00:00:00Z").empty());
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "steady");
  const auto events = MUST(store::list_events(*db_, {.kind = "endpoint.release_refused"}));
  EXPECT_EQ(events.size(), 1u);
}

TEST_F(ReleasesTest, AReleaseWhoseModelIsAwayWaitsForIt) {
  apply();
  move_alias(1);
  move_alias(2);
  plane_.away.insert("models:/m/2");
  clock_.set(at("2013-06-01T06:00:00Z"));
  EXPECT_EQ(releases_->advance(clock_.now()).error().code, Code::kUnavailable);
  open();
  EndpointStatus status = MUST(releases_->status("e"));
  EXPECT_EQ(status.phase(), "proposed");
  EXPECT_NE(status.endpoint.state.proposal->waits_for.find("the store is away"), std::string::npos);
  EXPECT_EQ(MUST(releases_->next_due()), at("2013-06-01T12:00:00Z")) << "a check later";
  EXPECT_TRUE(MUST(store::list_events(*db_, {.kind = "endpoint.release_refused"})).empty());
  // Heard of again, as after a crash: nothing changes.
  move_alias(2);
  EXPECT_EQ(receipts_[0].takes_over_at, at("2013-06-01T12:00:00Z"));
  EXPECT_EQ(MUST(releases_->next_due()), at("2013-06-01T12:00:00Z"));
  plane_.away.clear();
  walk_to("2013-06-01T12:00:00Z");
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
}

TEST_F(ReleasesTest, AFirstModelThatIsAwayTakesChargeWhenItIsBack) {
  apply();
  plane_.away.insert("models:/m/1");
  move_alias(1);
  EXPECT_TRUE(receipts_[0].accepted);
  EXPECT_NE(receipts_[0].reason.find("tried again"), std::string::npos);
  EXPECT_EQ(receipts_[0].takes_over_at, at("2013-06-01T06:00:00Z"));
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "empty");
  clock_.set(at("2013-06-01T06:00:00Z"));
  EXPECT_FALSE(releases_->advance(clock_.now()));
  plane_.away.clear();
  walk_to("2013-06-01T12:00:00Z");
  EXPECT_EQ(live(), "live:v1:10000 ");
  // One that is broken is given up.
  MUST(releases_->remove("e", "ann"));
  plane_.away.insert("models:/m/1");
  apply();
  plane_.away.clear();
  plane_.broken.insert("models:/m/1");
  walk_to("2013-06-02T12:00:00Z");
  EXPECT_FALSE(MUST(releases_->next_due()));
  EXPECT_EQ(MUST(store::list_events(*db_, {.kind = "endpoint.release_refused"})).size(), 1u);
}

TEST_F(ReleasesTest, AFirstModelThatDoesNotLoadIsToldInTheReceipt) {
  apply();
  plane_.broken.insert("models:/m/1");
  move_alias(1);
  ASSERT_EQ(receipts_.size(), 1u);
  EXPECT_FALSE(receipts_[0].accepted);
  EXPECT_NE(receipts_[0].reason.find("cut short"), std::string::npos);
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "empty");
  EXPECT_TRUE(releases_->require("e"));
  EXPECT_EQ(releases_->require("other").error().code, Code::kNotFound);
}

TEST_F(ReleasesTest, ANewProposalReplacesACanary) {
  apply();
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T07:00:00Z");
  move_alias(3);
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  walk_to("2013-06-01T13:00:00Z");
  EXPECT_EQ(live(), "live:v1:9000 canary:v3:1000 ");
  walk_to("2013-06-04T00:00:00Z");
  EXPECT_EQ(live(), "live:v3:10000 ");
}

TEST_F(ReleasesTest, ACanaryWithoutTrafficWaits) {
  apply();
  move_alias(1);
  move_alias(2);
  facts_.next = {.requests = 3};
  walk_to("2013-06-05T00:00:00Z");
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  facts_.next = {.requests = 300};
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(live(), "live:v1:5000 canary:v2:5000 ");
}

TEST_F(ReleasesTest, AReleaseThatCannotBeDecidedHoldsUpNoOther) {
  const std::string release = "release: {steps: [50, 100], hold: 4h}";
  MUST(releases_->apply(
      MUST(parse_endpoints(fmt::format("endpoints: {{a: {{model: models:/m@champion, {}}}, e: "
                                       "{{model: models:/m@champion, {}}}}}",
                                       release, release))),
      "test"));
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T00:00:00Z");
  EXPECT_EQ(live(), "live:v1:5000 canary:v2:5000 ");
  facts_.unknown = {"a"};
  clock_.set(at("2013-06-01T04:00:00Z"));
  const auto failed = releases_->advance(clock_.now());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "endpoint a: the request log can't be read");
  EXPECT_EQ(live(), "live:v2:10000 ") << "the other one goes on";
  const EndpointStatus status = MUST(releases_->status("a"));
  EXPECT_EQ(status.endpoint.state.canary->waits_for, "the request log can't be read");
  EXPECT_EQ(MUST(releases_->next_due()), at("2013-06-01T05:00:00Z")) << "at the next check";
  facts_.unknown.clear();
  walk_to("2013-06-01T05:00:00Z");
  EXPECT_EQ(MUST(releases_->status("a")).phase(), "steady");
}

TEST_F(ReleasesTest, AReopenedLedgerGoesOnExactly) {
  apply();
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T20:00:00Z");
  const std::string before = base::to_text(MUST(releases_->status("e")).to_json());
  plane_.active.clear();
  open();
  EXPECT_EQ(base::to_text(MUST(releases_->status("e")).to_json()), before);
  EXPECT_EQ(MUST(releases_->reinstall()), 1u);
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  EXPECT_EQ(walk_to("2013-06-09T00:00:00Z"),
            (std::vector<std::string>{"2013-06-02T06:00:00Z revision 3",
                                      "2013-06-03T06:00:00Z revision 4"}));
}

TEST_F(ReleasesTest, AStartLoadsNothing) {
  apply("  other: {model: models:/m/2}\n  empty: {model: models:/nobody/99}\n");
  move_alias(1);
  plane_.prepared.clear();
  plane_.active.clear();
  open();
  EXPECT_EQ(MUST(releases_->reinstall()), 2u);
  EXPECT_TRUE(plane_.prepared.empty());
  EXPECT_EQ(plane_.active.at("other").variants.at(0).uri, "models:/m/2");
}

TEST_F(ReleasesTest, ARollbackWinsAgainstADeployThatLoads) {
  apply();
  move_alias(1);
  MUST(releases_->deploy("e", "models:/m/2", "fine", "ann"));
  plane_.while_preparing = [&](const Revision&) { MUST(releases_->rollback("e", "now", "bob")); };
  const auto late = releases_->deploy("e", "models:/m/3", "slow to load", "ann");
  EXPECT_EQ(late.error().code, Code::kConflict);
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(MUST(releases_->revisions("e")).size(), 3u);
}

TEST_F(ReleasesTest, ChangesFromManyThreadsLeaveALedgerWithoutGaps) {
  apply();
  move_alias(1);
  std::vector<std::thread> threads;
  std::atomic<int> written = 0;
  // The fakes are not made for threads, so only rows are written here: proposals, next to holds and
  // follows by one thread.
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        written += releases_->propose("e", fmt::format("models:/m/{}", 2 + (t + i) % 7), "r", "a")
                       .has_value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(written, 20);
  EXPECT_EQ(MUST(releases_->status("e")).phase(), "proposed");
}

TEST_F(ReleasesTest, AChangedDeclarationIsARevision) {
  apply();
  move_alias(1);
  auto definitions =
      MUST(parse_endpoints("endpoints: {e: {model: models:/m@champion, features: g, shadow: {a: "
                           "models:/m/2, b: models:/m/77}}}"));
  EXPECT_EQ(MUST(releases_->plan(definitions))[0].change, "updated");
  EXPECT_EQ(MUST(releases_->apply(definitions, "test"))[0].change, "updated");
  const Revision newest = MUST(releases_->revisions("e"))[0];
  EXPECT_EQ(kind_name(newest.kind), "threshold");
  EXPECT_EQ(newest.features, "g");
  EXPECT_NE(newest.find_variant("a"), nullptr);
  EXPECT_EQ(newest.find_variant("b"), nullptr) << "a shadow that doesn't exist yet is left out";
  EXPECT_EQ(newest.find_variant("frozen"), nullptr);
  EXPECT_EQ(MUST(releases_->apply(definitions, "test"))[0].change, "unchanged");
  EXPECT_EQ(MUST(releases_->revisions("e")).size(), 2u);

  definitions[0].model = "models:/m/3";
  MUST(releases_->apply(definitions, "test"));
  EXPECT_EQ(MUST(releases_->status("e")).endpoint.state.proposal->model.version, 3);
}

TEST_F(ReleasesTest, ADeclaredModelThatExistsTakesChargeWhenApplied) {
  catalog_.aliases["models:/m@champion"] = 2;
  apply();
  EXPECT_EQ(live(), "live:v2:10000 ");
  move_alias(2);
  EXPECT_EQ(receipts_[0].reason, "version 2 is in charge already");
  EXPECT_EQ(MUST(releases_->alias_moved("m", "staging", 3, "a")).size(), 0u);
  EXPECT_EQ(MUST(releases_->statuses()).size(), 1u);
}

TEST_F(ReleasesTest, ACanaryIsComparedOnTheRequestsOfTheVersionInCharge) {
  const auto declare = [this](const char* more) {
    MUST(releases_->apply(
        MUST(parse_endpoints(fmt::format(
            "endpoints: {{e: {{model: models:/m@champion, {}release: {{steps: [10, 100], hold: 1h, "
            "guard: {{quality: {{metric: log_loss}}}}}}}}}}",
            more))),
        "test"));
  };
  const auto shadow = [this] { return plane_.active.at("e").find_variant("canary-shadow"); };
  declare("");
  move_alias(1);
  EXPECT_EQ(shadow(), nullptr);
  clock_.set(at("2013-07-01T00:00:00Z"));
  move_alias(2);
  walk_to("2013-07-01T00:00:00Z");
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  ASSERT_NE(shadow(), nullptr);
  EXPECT_EQ(shadow()->role, Role::kShadow);
  EXPECT_EQ(shadow()->version, 2);
  declare("output: other, ");
  EXPECT_NE(shadow(), nullptr) << "a declaration changes, the comparison goes on";
  EXPECT_EQ(shadow()->slots, plane_.active.at("e").find_variant("live")->slots)
      << "the canary's own requests are its own already";

  // Nobody knows labels yet: it is held, and says why.
  walk_to("2013-07-01T05:00:00Z");
  EXPECT_EQ(live(), "live:v1:9000 canary:v2:1000 ");
  open();
  EXPECT_EQ(MUST(releases_->status("e")).endpoint.state.canary->waits_for,
            "log_loss is known for only 0 requests of the 30 asked for");
  EXPECT_EQ(facts_.compared.metric, "log_loss");
  EXPECT_EQ(facts_.compared.live, "live");
  EXPECT_EQ(facts_.compared.challenger, "canary-shadow");
  EXPECT_EQ(facts_.compared.alpha, kGuardAlpha);
  EXPECT_EQ(facts_.compared.since, at("2013-07-01T00:00:00Z")) << "the start of the canary";
  EXPECT_EQ(facts_.compared.until, at("2013-07-01T05:00:00Z"));

  facts_.experiment = {.live_rows = 50,
                       .challenger_rows = 50,
                       .live_value = 0.4,
                       .challenger_value = 0.6,
                       .low = 0.1,
                       .high = 0.3};
  walk_to("2013-07-01T06:00:00Z");
  EXPECT_EQ(live(), "live:v1:10000 ");
  EXPECT_EQ(shadow(), nullptr);
  EXPECT_EQ(MUST(releases_->status("e")).current->actor, "guard");
}

TEST_F(ReleasesTest, ACanarysShadowIsThereAsLongAsItsCanaryAndTheQualityAskedFor) {
  const auto declare = [this](const std::string& steps, const std::string& guard) {
    MUST(
        releases_->apply(MUST(parse_endpoints(fmt::format(
                             "endpoints: {{e: {{model: models:/m@champion, shadow: {{frozen: "
                             "models:/m/1}}, release: {{steps: [{}], hold: 1h, guard: {{{}}}}}}}}}",
                             steps, guard))),
                         "test"));
  };
  const auto names = [this] {
    std::string names;
    for (const Variant& variant : plane_.active.at("e").variants) names += variant.name + " ";
    return names;
  };
  const std::string quality = "quality: {metric: brier}";
  declare("10, 50, 100", "error_rate: 0.1");
  move_alias(1);
  move_alias(2);
  walk_to("2013-06-01T00:00:00Z");
  EXPECT_EQ(names(), "live canary frozen ");
  declare("10, 50, 100", quality);
  EXPECT_EQ(names(), "live canary canary-shadow frozen ");
  declare("10, 50, 100", "error_rate: 0.1");
  EXPECT_EQ(names(), "live canary frozen ");

  walk_to("2013-06-01T01:00:00Z");
  EXPECT_EQ(live(), "live:v1:5000 canary:v2:5000 ");
  declare("20, 100", quality);  // cut shorter: a canary's slots only grow
  EXPECT_EQ(live(), "live:v1:5000 canary:v2:5000 ");
  EXPECT_EQ(names(), "live canary canary-shadow frozen ");
  MUST(releases_->hold("e", "frozen for the weekend", "bob"));
  EXPECT_EQ(names(), "live frozen ");
  MUST(releases_->follow("e", "on", "bob"));
  EXPECT_EQ(names(), "live frozen ");
}

}  // namespace
}  // namespace slipway::releases
