// What only PostgreSQL can do to us: go away, come back, refuse, and be shared by two servers.
#include "store/postgres.h"

#include <gtest/gtest.h>

#include <csignal>

#include "store/events.h"
#include "store/testing/postgres_server.h"

namespace slipway::store {
namespace {

class PostgresTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<Db> open() {
    auto db = MUST(open_postgres({.url = server_->url(), .schema = schema_}, clock_, random_));
    MUST(db->migrate({{"things", {{1, "CREATE TABLE things(name TEXT PRIMARY KEY, n INTEGER)"}}}}));
    return db;
  }
  static Result<void> add(Db& db, std::string_view name) {
    return db.write(
        [&](Tx& tx) { return tx.send("INSERT INTO things(name, n) VALUES(?, 0)", {name}); });
  }
  static Result<std::int64_t> ask(Db& db, std::string_view sql) {
    const auto found = TRY(db.read([&](Reader& reader) {
      return reader.find(sql, {}, [](const Row& row) { return row.int64(0); });
    }));
    return found.value_or(-1);
  }

  static inline std::unique_ptr<testing::PostgresServer> server_;
  static inline int tests_ = 0;
  const std::string schema_ = fmt::format("test_{}", ++tests_);
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
};

TEST_F(PostgresTest, SaysWhatIsWrongWhenItCannotBeReached) {
  const auto db = open_postgres({.url = "postgresql://u:secret@127.0.0.1:1/d"}, clock_, random_);
  EXPECT_EQ(db.error().code, Code::kUnavailable);
  EXPECT_NE(db.error().message.find("127.0.0.1"), std::string::npos) << db.error().message;
  EXPECT_EQ(db.error().message.find("secret"), std::string::npos) << db.error().message;
}

TEST_F(PostgresTest, IsBackWhenTheServerIsBack) {
  auto db = open();
  ASSERT_TRUE(add(*db, "a"));
  ASSERT_EQ(ask(*db, "SELECT COUNT(*) FROM things").value(), 1);
  server_->stop(SIGQUIT);
  EXPECT_EQ(add(*db, "b").error().code, Code::kUnavailable);
  EXPECT_EQ(ask(*db, "SELECT COUNT(*) FROM things").error().code, Code::kUnavailable);
  server_->start();
  EXPECT_EQ(ask(*db, "SELECT COUNT(*) FROM things").value(), 1);
  EXPECT_TRUE(add(*db, "b"));
  // Connections that lay idle over a restart are no reason for an error.
  server_->stop(SIGINT);
  server_->start();
  EXPECT_EQ(ask(*db, "SELECT COUNT(*) FROM things").value(), 2);
  EXPECT_TRUE(add(*db, "c"));
}

TEST_F(PostgresTest, ABodyRunsAgainWhenItsTransactionIsLost) {
  auto db = open();
  for (const char* accident :
       {"SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'deadlock_detected'; END $$"}) {
    int runs = 0;
    const Result<void> done = db->write([&](Tx& tx) -> Result<void> {
      TRY(tx.send("INSERT INTO things(name, n) VALUES(?, 1)", {accident}));
      if (++runs == 1) TRY(tx.execute(accident));
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(runs, 2);
  }
  EXPECT_EQ(ask(*db, "SELECT COUNT(*) FROM things").value(), 3);
  int runs = 0;
  const Result<void> never = db->write([&](Tx& tx) -> Result<void> {
    ++runs;
    TRY(tx.execute("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"));
    return {};
  });
  EXPECT_EQ(never.error().code, Code::kUnavailable);
  EXPECT_GT(runs, 1);
}

// The connection breaks inside COMMIT, once: the server knows that nothing was written.
TEST_F(PostgresTest, ACommitThatBrokeIsLookedUp) {
  auto db = open();
  ASSERT_TRUE(db->write([&](Tx& tx) -> Result<void> {
    TRY(tx.execute("CREATE SEQUENCE accidents"));
    TRY(
        tx.execute("CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
                   "nextval('accidents') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                   "END IF; RETURN NULL; END $$"));
    TRY(
        tx.execute("CREATE CONSTRAINT TRIGGER stumbles AFTER INSERT ON things DEFERRABLE INITIALLY "
                   "DEFERRED FOR EACH ROW EXECUTE FUNCTION stumble()"));
    return {};
  }));
  const Result<void> done = add(*db, "a");
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask(*db, "SELECT COUNT(*) FROM things").value(), 1);
  EXPECT_EQ(ask(*db, "SELECT last_value FROM accidents").value(), 2);
}

TEST_F(PostgresTest, RefusesWhatItCannotStore) {
  auto db = open();
  EXPECT_EQ(add(*db, std::string_view("a\0b", 3)).error().code, Code::kInvalidArgument);
  EXPECT_EQ(add(*db, "\xff").error().code, Code::kInvalidArgument);
  EXPECT_TRUE(add(*db, "good"));
}

TEST_F(PostgresTest, OneServerLeads) {
  auto first = open(), second = open();
  EXPECT_TRUE(first->lead().value());
  EXPECT_TRUE(first->lead().value());
  EXPECT_FALSE(second->lead().value());
  server_->stop(SIGINT);
  server_->start();
  ASSERT_TRUE(add(*first, "a"));  // connects again, and leads again
  EXPECT_FALSE(second->lead().value());
  first.reset();
  bool leads = false;  // PostgreSQL takes a moment to notice
  for (int i = 0; i < 100 && !leads; ++i) {
    leads = second->lead().value();
    if (!leads) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(leads);
}

// Two servers: increments are never lost, the same thing is made once, and every event is sealed,
// in order, whichever server seals.
TEST_F(PostgresTest, TwoServersShareOneDatabase) {
  std::unique_ptr<Db> servers[] = {open(), open()};
  ASSERT_TRUE(add(*servers[0], "counter"));
  std::atomic<int> made = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> writers, sealers;
  for (int t = 0; t < 8; ++t) {
    writers.emplace_back([&, t] {
      Db& db = *servers[t % 2];
      for (int i = 0; i < 25; ++i) {
        if (add(db, fmt::format("thing-{}", i))) ++made;
        MUST(db.write([&](Tx& tx) -> Result<void> {
          std::int64_t n = 0;
          TRY(tx.query("SELECT n FROM things WHERE name = 'counter'", {},
                       [&](const Row& row) { n = row.int64(0); }));
          TRY(tx.send("UPDATE things SET n = ? WHERE name = 'counter'", {n + 1}));
          return tx.append_event({.kind = "thing.counted", .subject = "things/counter"});
        }));
      }
    });
  }
  for (const auto& db : servers) {
    sealers.emplace_back([&] {
      while (!over) MUST(seal_events(*db, clock_));
    });
  }
  for (std::thread& thread : writers) thread.join();
  over = true;
  for (std::thread& thread : sealers) thread.join();
  MUST(seal_events(*servers[0], clock_));
  EXPECT_EQ(ask(*servers[1], "SELECT n FROM things WHERE name = 'counter'").value(), 200);
  EXPECT_EQ(made, 25);
  const ChainReport report = verify_chain(*servers[1]).value();
  EXPECT_EQ(report.events, 200);
  EXPECT_EQ(report.sealed, 200);
}

}  // namespace
}  // namespace slipway::store
