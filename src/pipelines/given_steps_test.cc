// Steps on other servers: how they end when a server or the database goes.
#include "pipelines/given_steps.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipelines/server_table.h"
#include "pipelines/tables.h"
#include "pipelines/testing/away_db.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::pipelines {
namespace {

Wish go_on() { return Wish::kGoOn; }

class GivenStepsTest : public ::testing::Test {
 protected:
  GivenStepsTest()
      : store_(MUST(store::open_sqlite({.file = folder_.path() / "db"}, clock_, random_))) {
    MUST(db_.migrate({migrations()}));
    for (const std::string name : {"one", "two"})
      MUST(servers_.add({.id = name + "#1", .name = name, .url = "u", .leads = name == "one"}));
  }
  static Command command(const std::string& job) {
    return {.text = "train",
            .folder = "/project",
            .environment = {},
            .log = "/runs/log",
            .names = {.run = "r", .step = job, .job = job, .server = "two#1"}};
  }
  Exit::Kind kind_of(const std::string& job) {
    return MUST(given_.run(command(job), "one#1", go_on)).kind;
  }
  void wait_for_state(const std::string& job, const std::string& state) {
    for (;;) {
      const auto states = MUST(tasks_.states());
      const auto found = states.find(job);
      if (found != states.end() && found->second.state == state) return;
      std::this_thread::yield();
    }
  }

  store::testing::TempFolder folder_;
  base::SystemClock clock_;
  base::SeededRandom random_{4};
  std::unique_ptr<store::Db> store_;
  AwayDb db_{*store_};
  ServerTable servers_{*store_};
  TaskTable tasks_{*store_};
  GivenSteps given_{db_};
};

TEST_F(GivenStepsTest, GivingWaitsUntilTheDatabaseIsBack) {
  db_.is_away = true;
  Result<Exit> exit = Exit{};
  std::thread leader([&] { exit = given_.run(command("job"), "one#1", go_on); });
  while (db_.refused < 3) std::this_thread::yield();
  db_.is_away = false;
  wait_for_state("job", "given");
  EXPECT_TRUE(MUST(tasks_.take("job", "two#1")));
  MUST(tasks_.save_end("job", "two#1", Exit{.code = 3}));
  leader.join();
  EXPECT_EQ(MUST(std::move(exit)).code, 3);
}

// Its steps are killed before its row is gone, and how they ended says nothing of them.
TEST_F(GivenStepsTest, WhoIsReplacedDoesNotSayHowStepsEnd) {
  std::thread leader([&] { EXPECT_EQ(kind_of("job"), Exit::Kind::kLost); });
  wait_for_state("job", "given");
  EXPECT_TRUE(MUST(tasks_.take("job", "two#1")));
  const ServerRecord two = MUST(servers_.all()).back();
  ASSERT_EQ(two.id, "two#1");
  EXPECT_TRUE(MUST(servers_.beat(two)));
  MUST(servers_.fence(two.name));
  MUST(tasks_.save_end("job", "two#1", Exit{.code = 137}));
  EXPECT_EQ(MUST(tasks_.states()).at("job").state, "taken");
  EXPECT_FALSE(MUST(servers_.beat(two)));
  MUST(servers_.remove("two#1"));
  leader.join();
}

TEST_F(GivenStepsTest, WhatItsServerNeverTookHasNotBegun) {
  std::thread leader([&] { EXPECT_EQ(kind_of("given"), Exit::Kind::kNotBegun); });
  wait_for_state("given", "given");
  std::thread other([&] { EXPECT_EQ(kind_of("taken"), Exit::Kind::kLost); });
  wait_for_state("taken", "given");
  EXPECT_TRUE(MUST(tasks_.take("taken", "two#1")));
  MUST(servers_.remove("two#1"));
  leader.join();
  other.join();
  EXPECT_EQ(kind_of("late"), Exit::Kind::kNotBegun);
  EXPECT_FALSE(MUST(tasks_.states()).contains("late"));
}

TEST_F(GivenStepsTest, WhoDoesNotLeadGivesNothing) {
  MUST(servers_.add({.id = "three#1", .name = "three", .url = "u", .leads = true}));
  EXPECT_EQ(kind_of("job"), Exit::Kind::kNotBegun);
  EXPECT_TRUE(MUST(tasks_.states()).empty());
}

// A leader that ran it itself, or one that ended before it gave it.
TEST_F(GivenStepsTest, WhatIsFollowedAndWasNotGivenIsLost) {
  Command followed = command("job");
  followed.is_followed = true;
  StepWorker worker(*store_, [](Command, const std::function<Wish()>&) {
    ADD_FAILURE() << "it may run already";
    return Result<Exit>(Exit{});
  });
  worker.start("two#1");
  EXPECT_EQ(MUST(given_.run(followed, "one#1", go_on)).kind, Exit::Kind::kLost);
  followed.names.job = "another";
  followed.names.server = "zero#1";  // gone
  EXPECT_EQ(MUST(given_.run(followed, "one#1", go_on)).kind, Exit::Kind::kLost);
}

// The database went away while it was taken, or while its end was kept.
TEST_F(GivenStepsTest, ATakenTaskThatNobodyRunsIsLost) {
  EXPECT_TRUE(MUST(tasks_.give(command("job"), "one#1")));
  EXPECT_TRUE(MUST(tasks_.take("job", "two#1")));
  StepWorker worker(*store_, [](Command, const std::function<Wish()>&) {
    ADD_FAILURE() << "it may run already";
    return Result<Exit>(Exit{});
  });
  worker.start("two#1");
  EXPECT_EQ(kind_of("job"), Exit::Kind::kLost);
}

TEST_F(GivenStepsTest, ATaskThatCannotBeReadFailsAlone) {
  MUST(store_->write([](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO pipeline_tasks(id, run, step, server, state, command, shall_end, "
                   "result) VALUES('a', 'r', 'a', 'two#1', 'given', '{\"text\": 1}', 0, '')"));
    return {};
  }));
  StepWorker worker(
      *store_, [](Command, const std::function<Wish()>&) { return Result<Exit>(Exit{.code = 5}); });
  worker.start("two#1");
  EXPECT_EQ(MUST(given_.run(command("b"), "one#1", go_on)).code, 5);
  wait_for_state("a", "ended");
  EXPECT_FALSE(MUST(tasks_.states()).at("a").exit);
}

TEST_F(GivenStepsTest, WhatIsLostEndsWithoutPatience) {
  const auto begun = folder_.path() / "begun";
  const Result<Exit> exit = ProcessExecutor().run(
      {.text = "trap 'echo > bye' TERM; echo > begun; while :; do sleep 0.02; done",
       .folder = folder_.path(),
       .environment = {},
       .log = folder_.path() / "log"},
      [&] { return std::filesystem::exists(begun) ? Wish::kEndAtOnce : Wish::kGoOn; });
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->kind, Exit::Kind::kStopped);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "bye"));
}

}  // namespace
}  // namespace slipway::pipelines
