// The promises every store behind Db must keep: atomic, durable, grouped, and a chain that finds a
// changed byte.
#include "store/db.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/hash.h"
#include "store/events.h"
#include "store/postgres.h"
#include "store/row_batch.h"
#include "store/sqlite.h"
#include "store/testing/postgres_server.h"
#include "store/testing/temp_folder.h"

// Stands in for the C library's in this process.
static std::atomic<int> synced = 0;
extern "C" int fdatasync(int fd) {
  const long done = ::syscall(SYS_fdatasync, fd);
  ++synced;
  return static_cast<int>(done);
}

namespace slipway::store {
namespace {

enum class Store { kSqlite, kPostgres };

class DbTest : public ::testing::TestWithParam<Store> {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<Db> open() {
    if (GetParam() == Store::kSqlite)
      return MUST(open_sqlite({.file = folder_.path() / "slipway.db"}, clock_, random_));
    // The name of its folder is unlike any other.
    std::string schema = "t" + base::sha256_hex(folder_.path().string()).substr(0, 12);
    return MUST(
        open_postgres({.url = server_->url(), .schema = std::move(schema)}, clock_, random_));
  }
  static std::vector<RoomMigrations> tables() {
    return {{"things",
             {{1,
               "CREATE TABLE things(id INTEGER PRIMARY KEY, name TEXT UNIQUE, size REAL, body "
               "BLOB)"}}}};
  }
  static std::int64_t count(Db& db) {
    return MUST(db.read([](Reader& reader) {
             return reader.find("SELECT COUNT(*) FROM things", {},
                                [](const Row& row) { return row.int64(0); });
           }))
        .value();
  }
  static Result<void> add(Db& db, std::string_view name) {
    return db.write([&](Tx& tx) { return tx.send("INSERT INTO things(name) VALUES(?)", {name}); });
  }

  static inline std::unique_ptr<testing::PostgresServer> server_;
  testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
};

// Rows are moved from page to page as others come and go, and are longer than a page.
TEST_P(DbTest, WhatWasDeletedIsInNoFileOnceItIsScrubbed) {
  if (GetParam() == Store::kPostgres) {  // its files are its own; what is left to do is told
    EXPECT_NE(MUST(open()->scrub()).find("VACUUM"), std::string::npos);
    return;
  }
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  const auto name_of = [](int i) {
    return fmt::format("{}-{}-{}", i % 10 == 0 ? "zebulon" : "somebody", i * 7919 % 3000,
                       std::string(i % 7 == 0 ? 9000 : i % 300, 'x'));
  };
  for (int from = 0; from < 3000; from += 500) {
    MUST(db->write([&](Tx& tx) -> Result<void> {
      for (int i = from; i < from + 500; ++i)
        TRY(tx.execute("INSERT INTO things(name) VALUES(?)", {name_of(i)}));
      TRY(tx.execute("DELETE FROM things WHERE id % 3 = 1 AND id < ?", {from}));
      return {};
    }));
  }
  MUST(db->write(
      [](Tx& tx) { return tx.execute("DELETE FROM things WHERE name LIKE 'zebulon%'"); }));
  const std::int64_t left = count(*db);
  ASSERT_GT(left, 1000);
  const auto has = [&](std::string_view text) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  };
  ASSERT_TRUE(has("zebulon"));

  // Others write meanwhile.
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) MUST(add(*db, fmt::format("meanwhile {}", i)));
  });
  EXPECT_EQ(MUST(db->scrub()), "");
  writer.join();
  EXPECT_FALSE(has("zebulon"));
  EXPECT_TRUE(has("somebody"));
  EXPECT_EQ(count(*db), left + 50);
  db.reset();
  EXPECT_FALSE(has("zebulon"));
  EXPECT_EQ(count(*open()), left + 50);
}

// A reader that began before has its log; it is told, and no write waits for it.
TEST_P(DbTest, ALogThatIsReadIsEmptiedOnceTheReaderIsDone) {
  if (GetParam() == Store::kPostgres) return;
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  MUST(add(*db, "zebulon"));
  std::atomic<bool> is_read{false}, is_written{false};
  std::thread reader([&] {
    MUST(db->read([&](Reader& snapshot) -> Result<void> {
      TRY(snapshot.query("SELECT 1 FROM things", {}, [](const Row&) {}));
      is_read = true;
      while (!is_written) std::this_thread::yield();
      return {};
    }));
  });
  while (!is_read) std::this_thread::yield();
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    MUST(add(*db, "somebody"));
    is_written = true;
  });
  EXPECT_EQ(MUST(db->scrub()), "");
  writer.join();
  reader.join();
  EXPECT_EQ(std::filesystem::file_size(folder_.path() / "slipway.db-wal"), 0u);
  EXPECT_EQ(count(*db), 2);
}

TEST_P(DbTest, WritesReadsAndUndoesOnError) {
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

TEST_P(DbTest, OneFailingWriteInAGroupLeavesTheOthers) {
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

// Adds things by name, many with one statement.
class Adding final : public JointWrite {
 public:
  struct Item : JointItem {
    std::string name;
  };
  Result<void> run(Tx& tx, std::span<JointItem* const> items) override {
    EXPECT_EQ(base::acting_user(), "") << "it writes for many";
    RowBatch rows("INSERT INTO things(name)");
    for (JointItem* item : items) {
      const auto* thing = static_cast<Item*>(item);
      if (thing->name.starts_with("no")) {
        item->outcome = base::error(Code::kInvalidArgument, "not this one");
      } else {
        rows.add({thing->name});
      }
    }
    return rows.send(tx);
  }
};

TEST_P(DbTest, WhatIsWrittenTogetherIsAnsweredOneByOne) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  Adding adding;
  std::atomic<int> good = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const base::ActingAs acting("somebody");
        Adding::Item item{{}, fmt::format("{}{}-{}", i % 10 == 0 ? "no" : "yes", t, i)};
        const Result<void> done = db->write_jointly(adding, item);
        if (done) ++good;
        if (!done && done.error().message == "not this one") ++refused;
        EXPECT_TRUE(add(*db, fmt::format("alone {}-{}", t, i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 45);
  EXPECT_EQ(refused, 16 * 5);
  EXPECT_EQ(count(*db), 16 * 45 + 16 * 50);
  Adding::Item twice{{}, "yes1-1"};
  EXPECT_EQ(db->write_jointly(adding, twice).error().code, Code::kAlreadyExists);
  EXPECT_TRUE(add(*db, "after"));
}

TEST_P(DbTest, RefusesAFileOfANewerBuild) {
  ASSERT_TRUE(open()->migrate(
      {{"things", {{1, "CREATE TABLE a(x TEXT)"}, {2, "CREATE TABLE b(x TEXT)"}}}}));
  EXPECT_EQ(open()->migrate(tables()).error().code, Code::kFailedPrecondition);
}

TEST(SqliteDb, RefusesAFileThatIsNoDatabase) {
  const testing::TempFolder folder;
  base::ManualClock clock{{1'000'000}};
  base::SeededRandom random{1};
  FILE* file = std::fopen((folder.path() / "slipway.db").c_str(), "w");
  std::fputs(std::string(4096, 'x').c_str(), file);
  std::fclose(file);
  EXPECT_EQ(open_sqlite({.file = folder.path() / "slipway.db"}, clock, random).error().code,
            Code::kCorruption);
}

// A process is killed while it writes; what it had acknowledged (told us through the pipe) is there
// afterwards.
TEST_P(DbTest, WhatWasAcknowledgedSurvivesAKill) {
  ASSERT_TRUE(open()->migrate(tables()));
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto db = open();
    for (int i = 0;; ++i) {
      const auto add_next = [&](Tx& tx) -> Result<void> {
        TRY(tx.execute("INSERT INTO things(id, name) VALUES(?, ?)", {i, std::to_string(i)}));
        TRY(tx.append_event({.kind = "thing.created", .subject = fmt::format("things/{}", i)}));
        return {};
      };
      const Result<void> done = db->write(add_next, i % 3 == 0 ? Durable::kNow : Durable::kSoon);
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

// A kill doesn't tell, as the kernel has what was written.
TEST(SqliteDb, TheDiskHasWhatWasWrittenAtOnceOrSoon) {
  const testing::TempFolder folder;
  base::ManualClock clock{{1'000'000}};
  base::SeededRandom random{1};
  auto db = MUST(open_sqlite({.file = folder.path() / "slipway.db"}, clock, random));
  const auto write = [&](Durable durable) {
    MUST(db->write([](Tx& tx) { return tx.append_event({.kind = "a", .subject = "b"}); }, durable));
  };
  MUST(db->migrate({}));
  int before = synced;
  write(Durable::kNow);
  EXPECT_GT(synced, before);
  for (int i = 0; i < 3; ++i) {
    before = synced;
    write(Durable::kSoon);
    for (int wait_ms = 0; synced == before && wait_ms < 10'000; ++wait_ms) ::usleep(1000);
    EXPECT_GT(synced, before);
  }
}

TEST_P(DbTest, TheEventChainFindsChangedHistory) {
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

// Its failure is known only later; it must be the outcome of the right write all the same.
TEST_P(DbTest, AStatementThatNeedsNoReplyFailsItsOwnWrite) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  ASSERT_TRUE(add(*db, "taken"));
  std::vector<std::thread> threads;
  std::vector<Result<void>> outcomes(64);
  for (std::size_t t = 0; t < outcomes.size(); ++t) {
    threads.emplace_back(
        [&, t] { outcomes[t] = add(*db, t % 4 == 0 ? "taken" : std::to_string(t)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < outcomes.size(); ++t) {
    EXPECT_EQ(outcomes[t].has_value(), t % 4 != 0) << t;
    if (!outcomes[t]) {
      EXPECT_EQ(outcomes[t].error().code, Code::kAlreadyExists);
    }
  }
  EXPECT_EQ(count(*db), 1 + 48);
}

TEST_P(DbTest, ManyStatementsUnderWay) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  ASSERT_TRUE(db->write([](Tx& tx) -> Result<void> {
    for (int i = 0; i < 5'000; ++i)
      TRY(tx.send("INSERT INTO things(name) VALUES(?)", {std::to_string(i)}));
    return {};
  }));
  EXPECT_EQ(count(*db), 5'000);
}

TEST_P(DbTest, AnswersComeInTheOrderOfTheQuestions) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  std::string heard;
  const auto hear = [&](const Row& row) { heard += row.string(0) + ","; };
  ASSERT_TRUE(db->write([&](Tx& tx) -> Result<void> {
    heard.clear();
    TRY(tx.ask("INSERT INTO things(name) VALUES('a') RETURNING name", {}, hear));
    TRY(tx.ask("INSERT INTO things(name) VALUES('b') RETURNING name", {}, hear));
    TRY(tx.send("INSERT INTO things(name) VALUES('c')"));
    return tx.query("SELECT name FROM things ORDER BY name DESC", {}, hear);
  }));
  EXPECT_EQ(heard, "a,b,c,b,a,");
  heard.clear();
  ASSERT_TRUE(db->read([&](Reader& reader) -> Result<void> {
    for (const char* name : {"c", "nobody", "a"})
      TRY(reader.ask("SELECT name FROM things WHERE name = ?", {name}, hear));
    return reader.settle();
  }));
  EXPECT_EQ(heard, "c,a,");
  // One that failed leaves nothing behind for the next.
  const Result<void> failed = db->write([&](Tx& tx) -> Result<void> {
    std::int64_t gone = 0;
    TRY(tx.ask("SELECT COUNT(*) FROM things", {}, [&](const Row& row) { gone = row.int64(0); }));
    return base::error(Code::kConflict, "no");
  });
  EXPECT_EQ(failed.error().message, "no");
  EXPECT_EQ(count(*db), 3);
}

TEST_P(DbTest, MoreDifferentStatementsThanAreKept) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  ASSERT_TRUE(add(*db, "a"));
  ASSERT_TRUE(db->read([](Reader& reader) -> Result<void> {
    for (int i = 0; i < 600; ++i) {
      std::int64_t got = 0;
      TRY(reader.query(fmt::format("SELECT {} FROM things WHERE name = ?", i), {"a"},
                       [&](const Row& row) { got = row.int64(0); }));
      EXPECT_EQ(got, i);
    }
    return {};
  }));
}

TEST_P(DbTest, ValuesComeBackAsTheyWent) {
  auto db = open();
  ASSERT_TRUE(db->migrate(
      {{"values",
        {{1,
          "CREATE TABLE v(n INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, CHECK(i <> "
          "7))"}}}}));
  const std::string bytes = std::string("\0\xff\x80'\\", 5);
  const auto put = [&](std::initializer_list<Param> params) {
    return db->write([&](Tx& tx) {
      return tx.find("INSERT INTO v(i, r, t, b) VALUES(?, ?, ?, ?) RETURNING n", params,
                     [](const Row& row) { return row.int64(0); });
    });
  };
  EXPECT_EQ(put({INT64_MIN, -1.5e300, "it''s \"?\" \\ \xc3\xa9", Bytes{bytes}}).value(), 1);
  EXPECT_EQ(put({INT64_MAX, 5e-324, "", Bytes{""}}).value(), 2);
  EXPECT_EQ(put({nullptr, nullptr, nullptr, nullptr}).value(), 3);
  EXPECT_EQ(put({"12", 3, "x", Bytes{"y"}}).value(), 4);  // a number as text, a whole one as real
  EXPECT_EQ(put({7, 1.0, "", Bytes{""}}).error().code, Code::kFailedPrecondition);
  std::vector<std::string> seen;
  ASSERT_TRUE(db->read([&](Reader& reader) {
    return reader.query("SELECT i, r, t, b FROM v ORDER BY n", {}, [&](const Row& row) {
      if (row.is_null(0)) {
        EXPECT_TRUE(row.is_null(1) && row.is_null(2) && row.is_null(3));
        EXPECT_EQ(row.int64(0), 0);
        EXPECT_EQ(row.real(1), 0);
      }
      seen.push_back(fmt::format("{} {} {} {}", row.int64(0), row.real(1), row.text(2),
                                 base::to_base64(row.text(3))));
    });
  }));
  EXPECT_EQ(seen, (std::vector<std::string>{fmt::format("{} -1.5e+300 it''s \"?\" \\ \xc3\xa9 {}",
                                                        INT64_MIN, base::to_base64(bytes)),
                                            fmt::format("{} 5e-324  ", INT64_MAX), "0 0  ",
                                            "12 3 x eQ=="}));
}

TEST_P(DbTest, SumsCountsAndTextsOfNumbers) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(add(*db, name));
  ASSERT_TRUE(db->read([&](Reader& reader) {
    return reader.query(
        "SELECT SUM(id), COUNT(*), MAX(id), AVG(id), 'x' || MAX(id), 3 IN (1, 3), SUM(-id) * "
        "100000 FROM things",
        {}, [&](const Row& row) {
          EXPECT_EQ(row.int64(0), 6);
          EXPECT_EQ(row.int64(1), 3);
          EXPECT_EQ(row.text(2), "3");
          EXPECT_EQ(row.real(3), 2);
          EXPECT_EQ(row.text(4), "x3");
          EXPECT_EQ(row.int64(5), 1);
          EXPECT_EQ(row.int64(6), -600000);
        });
  }));
}

// An imported experiment took the number that PostgreSQL gave out next, and the next one could not
// be made.
TEST_P(DbTest, NumbersCountOnFromThoseThatWereGiven) {
  auto db = open();
  ASSERT_TRUE(db->migrate({{"numbered",
                            {{1,
                              "CREATE TABLE numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, name "
                              "TEXT NOT NULL)"}}}}));
  const auto next = [&] {
    return MUST(db->write([](Tx& tx) {
             return tx.insert("INSERT INTO numbered(name) VALUES('x')", "id", {});
           }))
        .value();
  };
  EXPECT_EQ(next(), 1);
  MUST(db->write([](Tx& tx) -> Result<void> {
    TRY(tx.send("INSERT INTO numbered(id, name) VALUES(7, 'given')"));
    TRY(tx.send("INSERT INTO numbered(id, name) VALUES(2, 'given')"));
    return tx.count_on_from("numbered", "id");
  }));
  EXPECT_EQ(next(), 8);
  // Nor does a number come back whose row is gone.
  MUST(db->write([](Tx& tx) -> Result<void> {
    TRY(tx.send("DELETE FROM numbered WHERE id > 1"));
    return tx.count_on_from("numbered", "id");
  }));
  EXPECT_EQ(next(), 9);
}

TEST_P(DbTest, ARowThatIsLeftOutGetsNoNumber) {
  auto db = open();
  ASSERT_TRUE(db->migrate({{"numbered",
                            {{1,
                              "CREATE TABLE numbered(id INTEGER PRIMARY KEY, name TEXT NOT NULL "
                              "UNIQUE)"}}}}));
  const auto add = [&](std::string_view name) {
    return MUST(db->write([&](Tx& tx) {
      return tx.insert("INSERT INTO numbered(name) VALUES(?) ON CONFLICT DO NOTHING", "id", {name});
    }));
  };
  EXPECT_EQ(add("first"), 1);
  EXPECT_EQ(add("first"), std::nullopt);
  EXPECT_EQ(add("second").has_value(), true);
  const auto refused = db->write(
      [](Tx& tx) { return tx.insert("INSERT INTO numbered(name) VALUES('first')", "id", {}); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
}

TEST_P(DbTest, TextsAreOrderedByTheirBytes) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  for (const char* name : {"b", "B", "_", "a", "A", "\xc3\xa4", "1", "a b", "ab"})
    ASSERT_TRUE(add(*db, name));
  std::string order;
  ASSERT_TRUE(db->read([&](Reader& reader) {
    return reader.query("SELECT name FROM things WHERE name > ? ORDER BY name", {"0"},
                        [&](const Row& row) { order += row.string(0) + ","; });
  }));
  EXPECT_EQ(order, "1,A,B,_,a,a b,ab,b,\xc3\xa4,");
}

TEST_P(DbTest, AReadSeesOneMoment) {
  auto db = open();
  ASSERT_TRUE(db->migrate(tables()));
  ASSERT_TRUE(add(*db, "before"));
  ASSERT_TRUE(db->read([&](Reader& reader) -> Result<void> {
    std::int64_t first = 0, second = 0;
    TRY(reader.query("SELECT COUNT(*) FROM things", {},
                     [&](const Row& row) { first = row.int64(0); }));
    TRY(add(*db, "meanwhile"));
    TRY(reader.query("SELECT COUNT(*) FROM things", {},
                     [&](const Row& row) { second = row.int64(0); }));
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
    return {};
  }));
  EXPECT_EQ(count(*db), 2);
}

INSTANTIATE_TEST_SUITE_P(Stores, DbTest, ::testing::Values(Store::kSqlite, Store::kPostgres),
                         [](const auto& info) {
                           return info.param == Store::kSqlite ? "Sqlite" : "Postgres";
                         });

}  // namespace
}  // namespace slipway::store
