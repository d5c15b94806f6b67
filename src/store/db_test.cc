// The promises every store behind Db must keep: atomic, durable, grouped, and a chain that finds a
// changed byte.
#include "store/db.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

class DbTest : public ::testing::Test {
 protected:
  std::unique_ptr<Db> open() {
    return MUST(open_sqlite({.file = folder_.path() / "slipway.db"}, clock_, random_));
  }
  static std::vector<RoomMigrations> tables() {
    return {{"things",
             {{1, "CREATE TABLE things(id INTEGER PRIMARY KEY, name TEXT UNIQUE, size REAL)"}}}};
  }
  static std::int64_t count(Db& db) {
    return MUST(db.read([](Reader& reader) {
             return reader.find("SELECT COUNT(*) FROM things", {},
                                [](const Row& row) { return row.int64(0); });
           }))
        .value();
  }

  testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
};

TEST_F(DbTest, WritesReadsAndUndoesOnError) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  const auto id = db->write([](Tx& tx) -> Result<std::int64_t> {
    return TRY(tx.find("INSERT INTO things(name, size) VALUES(?, ?) RETURNING id", {"a", 1.5},
                       [](const Row& row) { return row.int64(0); }))
        .value();
  });
  EXPECT_EQ(id.value(), 1);
  const Result<void> failed = db->write([](Tx& tx) -> Result<void> {
    TRY(tx.execute("INSERT INTO things(name) VALUES(?)", {"b"}));
    return base::error(Code::kFailedPrecondition, "changed my mind");
  });
  EXPECT_EQ(failed.error().message, "changed my mind");
  EXPECT_EQ(count(*db), 1);
  const Result<void> twice = db->write([](Tx& tx) -> Result<void> {
    TRY(tx.execute("INSERT INTO things(name) VALUES(?)", {"a"}));
    return {};
  });
  EXPECT_EQ(twice.error().code, Code::kAlreadyExists);
}

TEST_F(DbTest, OneFailingWriteInAGroupLeavesTheOthers) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const Result<void> done = db->write([&](Tx& tx) -> Result<void> {
          TRY(tx.execute("INSERT INTO things(name) VALUES(?)", {fmt::format("{}-{}", t, i)}));
          if (i % 5 == 0) return base::error(Code::kConflict, "no");
          return {};
        });
        if (done) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 40);
  EXPECT_EQ(count(*db), 16 * 40);
}

TEST_F(DbTest, RefusesAFileOfANewerBuild) {
  ASSERT_TRUE(open()->migrate({{"things", {{1, "CREATE TABLE a(x)"}, {2, "CREATE TABLE b(x)"}}}}));
  EXPECT_EQ(open()->migrate(tables()).error().code, Code::kFailedPrecondition);
}

TEST_F(DbTest, RefusesAFileThatIsNoDatabase) {
  FILE* file = std::fopen((folder_.path() / "slipway.db").c_str(), "w");
  std::fputs(std::string(4096, 'x').c_str(), file);
  std::fclose(file);
  EXPECT_EQ(open_sqlite({.file = folder_.path() / "slipway.db"}, clock_, random_).error().code,
            Code::kCorruption);
}

// A process is killed while it writes; what it had acknowledged (told us through the pipe) is there
// afterwards.
TEST_F(DbTest, WhatWasAcknowledgedSurvivesAKill) {
  ASSERT_TRUE(open()->migrate(tables()));
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto db = open();
    for (int i = 0;; ++i) {
      const Result<void> done = db->write([&](Tx& tx) -> Result<void> {
        TRY(tx.execute("INSERT INTO things(id, name) VALUES(?, ?)", {i, std::to_string(i)}));
        TRY(tx.append_event({.kind = "thing.created", .subject = fmt::format("things/{}", i)}));
        return {};
      });
      if (!done || ::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
  }
  int last = -1;
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(::read(pipe_ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[1]);
  for (int next; ::read(pipe_ends[0], &next, sizeof next) == sizeof next;) last = next;
  ::close(pipe_ends[0]);
  auto db = open();
  EXPECT_GE(count(*db), last + 1);
  ASSERT_TRUE(seal_events(*db, clock_));
  EXPECT_EQ(verify_chain(*db).value().events, count(*db));
}

TEST_F(DbTest, TheEventChainFindsChangedHistory) {
  auto db = open();
  ASSERT_TRUE(db->migrate({}));
  const auto append = [&](const std::string& subject) {
    MUST(db->write([&](Tx& tx) {
      return tx.append_event({.kind = "thing.changed", .subject = subject, .payload = {{"x", 1}}});
    }));
  };
  append("things/a");
  append("things/b");
  EXPECT_EQ(seal_events(*db, clock_).value(), 2);
  append("other");
  EXPECT_EQ(seal_events(*db, clock_).value(), 1);
  EXPECT_EQ(seal_events(*db, clock_).value(), 0);
  EXPECT_EQ(verify_chain(*db).value().sealed, 3);
  EXPECT_EQ(list_events(*db, {.subject = "things/"}).value().size(), 2u);
  EXPECT_EQ(list_events(*db, {.subject = "things/b"}).value().size(), 1u);
  EXPECT_EQ(list_events(*db, {.newest_first = true}).value().front().subject, "other");

  const auto tamper = [&](const char* sql) {
    MUST(db->write([&](Tx& tx) { return tx.execute(sql); }));
    const auto report = verify_chain(*db);
    return report ? std::string() : report.error().message;
  };
  EXPECT_EQ(tamper("UPDATE events SET payload = '' , salt = '' WHERE sequence = 1"),
            "");  // erasure keeps the chain whole
  EXPECT_EQ(tamper("UPDATE events SET payload = '{\"x\":2}' WHERE sequence = 2"),
            "event chain: the payload was changed: sequence=2");
  EXPECT_NE(tamper("UPDATE events SET payload = '{\"x\":1}', actor = 'eve' WHERE sequence = 2"),
            "");
  EXPECT_NE(tamper("DELETE FROM events WHERE sequence = 2"), "");
}

}  // namespace
}  // namespace slipway::store
