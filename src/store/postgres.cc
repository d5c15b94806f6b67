#include "store/postgres.h"

#include <atomic>

#include "base/hash.h"
#include "base/log.h"
#include "base/mutex.h"
#include "store/event_chain.h"
#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/postgres_dialect.h"
#include "store/postgres_url.h"
#include "store/write_queue.h"

namespace slipway::store {
namespace {

constexpr int kAttemptsMax = 5;  // of a group of writes
// How long a group waits for other servers' commits, and how long a server that stands still may
// hold up the others.
constexpr const char* kLockTimeout = "30s";
constexpr const char* kIdleTransactionTimeout = "60s";

class PostgresTx final : public Tx {
 public:
  PostgresTx(PostgresConnection& connection, const base::Clock& clock, base::Random& random)
      : connection_(connection), clock_(clock), random_(random) {}

  Result<void> query_span(std::string_view sql, std::span<const Param> params,
                          const std::function<void(const Row&)>& each) override {
    if (statement_kind(sql) != StatementKind::kQuery) wrote_ = true;
    TRY(connection_.run(sql, params, &each));
    return {};
  }
  Result<void> ask_span(std::string_view sql, std::span<const Param> params,
                        std::function<void(const Row&)> each) override {
    if (statement_kind(sql) != StatementKind::kQuery) wrote_ = true;
    return connection_.send(sql, params, std::move(each));
  }
  Result<void> settle() override { return connection_.finish(); }
  Result<std::int64_t> execute_span(std::string_view sql, std::span<const Param> params) override {
    wrote_ = true;
    return connection_.run(sql, params);
  }
  Result<std::optional<std::int64_t>> insert_span(std::string_view sql, std::string_view column,
                                                  std::span<const Param> params) override {
    std::optional<std::int64_t> number;
    TRY(query_span(fmt::format("{} RETURNING {}", sql, column), params,
                   [&](const Row& row) { number = row.int64(0); }));
    return number;
  }
  Result<void> send_span(std::string_view sql, std::span<const Param> params) override {
    wrote_ = true;
    return connection_.send(sql, params);
  }
  Result<void> count_on_from(std::string_view table, std::string_view column) override {
    // Never back: a number that is gone does not return.
    return query(fmt::format("SELECT setval('{0}_{1}_seq', GREATEST((SELECT MAX({1}) FROM {0}), "
                             "(SELECT last_value FROM {0}_{1}_seq)))",
                             table, column),
                 {}, [](const Row&) {});
  }
  Result<void> append_event(const EventDraft& draft) override {
    return insert_event(*this, draft, clock_.now(), random_);
  }

  // Whether anything but reading was asked for since the last call.
  bool take_wrote() { return std::exchange(wrote_, false); }

 private:
  PostgresConnection& connection_;
  const base::Clock& clock_;
  base::Random& random_;
  bool wrote_ = false;
};

// The snapshot is taken by the first query, which brings the BEGIN with it.
class PostgresReader final : public Reader {
 public:
  explicit PostgresReader(PostgresConnection& connection) : connection_(connection) {}

  Result<void> query_span(std::string_view sql, std::span<const Param> params,
                          const std::function<void(const Row&)>& each) override {
    if (begun_) {
      TRY(connection_.run(sql, params, &each));
      return {};
    }
    bool given = false;
    const std::function<void(const Row&)> first = [&](const Row& row) {
      given = true;
      each(row);
    };
    begun_ = true;
    Result<void> outcome = begin_and_run(sql, params, first);
    // A connection that lay idle while the server was restarted: nobody has seen anything yet.
    if (!outcome && connection_.is_lost() && !given && connection_.reconnect())
      outcome = begin_and_run(sql, params, first);
    return outcome;
  }

  // The first question is asked as a query, which can begin again.
  Result<void> ask_span(std::string_view sql, std::span<const Param> params,
                        std::function<void(const Row&)> each) override {
    if (!begun_) return query_span(sql, params, each);
    return connection_.send(sql, params, std::move(each));
  }
  Result<void> settle() override { return connection_.finish(); }

  // Ends the snapshot, without waiting for the server to say so.
  void end() {
    if (!begun_ || connection_.is_lost()) return;
    connection_.forget_rows();
    if (connection_.send("COMMIT")) connection_.flush();
  }

 private:
  Result<void> begin_and_run(std::string_view sql, std::span<const Param> params,
                             const std::function<void(const Row&)>& each) {
    TRY(connection_.send("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    TRY(connection_.run(sql, params, &each));
    return {};
  }

  PostgresConnection& connection_;
  bool begun_ = false;
};

// Readers' connections, opened when needed, up to a number.
class ReaderPool {
 public:
  ReaderPool(PostgresConnection::Options options, std::size_t most)
      : options_(std::move(options)), most_(most) {}

  // Gives the connection back, unless it is lost, when destroyed.
  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<PostgresConnection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (connection_) pool_.give_back(std::move(connection_));
    }
    PostgresConnection& operator*() { return *connection_; }

   private:
    ReaderPool& pool_;
    std::unique_ptr<PostgresConnection> connection_;
  };

  // Waits for one when all are in use.
  Result<Lease> take() {
    {
      base::MutexLock lock(mutex_);
      while (idle_.empty() && open_ >= most_) free_.wait(mutex_);
      if (!idle_.empty()) {
        Lease lease(*this, std::move(idle_.back()));
        idle_.pop_back();
        return lease;
      }
      ++open_;
    }
    auto connection = PostgresConnection::open(options_);
    if (connection) return Lease(*this, std::move(connection).value());
    base::MutexLock lock(mutex_);
    --open_;
    free_.notify_one();
    return std::move(connection).error();
  }

 private:
  void give_back(std::unique_ptr<PostgresConnection> connection) {
    base::MutexLock lock(mutex_);
    if (connection->is_lost()) {
      --open_;
    } else {
      idle_.push_back(std::move(connection));
    }
    free_.notify_one();
  }

  const PostgresConnection::Options options_;
  const std::size_t most_;
  base::Mutex mutex_;
  base::CondVar free_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_ GUARDED_BY(mutex_);
  std::size_t open_ GUARDED_BY(mutex_) = 0;
};

// Servers that use the same schema take turns on the same number.
std::int64_t lock_number(const std::string& schema) {
  const std::string hex = base::sha256_hex("slipway writes to " + schema);
  return static_cast<std::int64_t>(std::stoull(hex.substr(0, 15), nullptr, 16));
}

PostgresConnection::Options reader_options(const PostgresOptions& options) {
  return {.url = options.url, .session = {"SET search_path TO " + options.schema}};
}

PostgresConnection::Options writer_options(const PostgresOptions& options) {
  return {.url = options.url,
          .session = {"SET search_path TO " + options.schema,
                      fmt::format("SET lock_timeout TO '{}'", kLockTimeout),
                      fmt::format("SET idle_in_transaction_session_timeout TO '{}'",
                                  kIdleTransactionTimeout),
                      // Writes look single rows up by their keys. A plan is kept for long, and one
                      // made while a table was small must not read all of it.
                      "SET enable_seqscan TO off", "SET enable_hashjoin TO off",
                      "SET enable_mergejoin TO off", "SET jit TO off",
                      // A server whose machine vanished does not lead for hours.
                      "SET tcp_keepalives_idle TO 10", "SET tcp_keepalives_interval TO 5",
                      "SET tcp_keepalives_count TO 3",
                      // What is acknowledged must be on disk, whatever the server's default says.
                      "SELECT set_config('synchronous_commit', 'on', false) WHERE "
                      "current_setting('synchronous_commit') = 'off'"}};
}

class PostgresDb final : public Db {
 public:
  PostgresDb(PostgresOptions options, const base::Clock& clock, base::Random& random)
      : options_(std::move(options)),
        lock_number_(lock_number(options_.schema)),
        clock_(clock),
        random_(random),
        readers_(reader_options(options_), options_.readers) {}

  Result<void> open() {
    writer_ = TRY(PostgresConnection::open(writer_options(options_)));
    TRY(prepare_schema());
    TRY(check_durability());
    writes_ = std::make_unique<WriteQueue>(
        WriteQueue::Limits{.group_writes_max = options_.group_writes_max,
                           .queue_length_max = options_.queue_length_max},
        [this](WriteGroup group) { commit_group(group); });
    return {};
  }

  // The lock belongs to the writer's session, so it is free as soon as the server has ended.
  Result<bool> lead() override {
    bool leads = false;
    TRY(write([&](Tx&) -> Result<void> {
      leads = TRY(try_to_lead());
      return {};
    }));
    leads_ = leads;
    return leads;
  }

  Result<void> migrate(const std::vector<RoomMigrations>& rooms) override {
    return run_migrations(rooms, [this](const auto& body) { return write(body); });
  }

  // VACUUM would not overwrite them either, and its files and copies are its administrator's.
  Result<std::string> scrub() override {
    return std::string(
        "files of PostgreSQL: deleted rows until VACUUM FULL, its write-ahead log until it is "
        "written over, replicas and copies");
  }

 protected:
  Result<void> run_write(const std::function<Result<void>(Tx&)>& body, Durable) override {
    return writes_->run(body, Durable::kNow);
  }
  Result<void> run_joint_write(JointWrite& joint, JointItem& item) override {
    return writes_->run(joint, item);
  }

  Result<void> run_read(const std::function<Result<void>(Reader&)>& body) override {
    ReaderPool::Lease connection = TRY(readers_.take());
    PostgresReader reader(*connection);
    Result<void> outcome = body(reader);
    reader.end();
    return outcome;
  }

 private:
  // How bodies that share a commit are kept apart.
  enum class Savepoints {
    kNone,  // not at all: an error that leaves something to undo undoes the group
    kEach,  // each can be undone alone
  };
  enum class End {
    kDone,             // every outcome is final
    kNeedsSavepoints,  // a body has to be undone alone; nothing was written
    kAgain,            // nothing was written, through nobody's fault
  };

  Result<void> prepare_schema() {
    bool exists = false;
    const PostgresConnection::EachRow found = [&](const Row&) { exists = true; };
    const Param schema[] = {options_.schema};
    TRY(writer_->run("SELECT 1 FROM pg_namespace WHERE nspname = ?", schema, &found));
    if (exists) return {};
    TRY(refuse_mlflow());
    TRY(begin());
    const Result<void> made =
        writer_->send(fmt::format("CREATE SCHEMA IF NOT EXISTS {}", options_.schema));
    if (made) TRY(writer_->send("COMMIT"));
    if (Result<void> done = writer_->finish(); !done) {
      TRY(writer_->run("ROLLBACK"));
      return std::move(done).error().with_context(fmt::format(
          "the schema {} is missing and cannot be made (GRANT CREATE ON DATABASE to the user, or "
          "CREATE SCHEMA {} AUTHORIZATION it)",
          options_.schema, options_.schema));
    }
    return {};
  }

  // A database that MLflow has used, and nobody has made a schema for us in: starting empty beside
  // its runs would look as if they were lost.
  Result<void> refuse_mlflow() {
    std::string found;
    const PostgresConnection::EachRow read = [&](const Row& row) { found = row.string(0); };
    TRY(writer_->run(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
        "c.relname = 'alembic_version' AND EXISTS(SELECT 1 FROM pg_class e WHERE e.relnamespace = "
        "n.oid AND e.relname = 'experiment_tags')",
        {}, &read));
    if (found.empty()) return {};
    return base::error(
        Code::kFailedPrecondition,
        "the database holds an MLflow store, which Slipway never alters: schema={0} (CREATE SCHEMA "
        "{1}; lets the server start beside it, and `slipway import mlflow` brings its runs over)",
        found, options_.schema);
  }

  Result<void> check_durability() {
    std::string fsync;
    const PostgresConnection::EachRow read = [&](const Row& row) { fsync = row.string(0); };
    TRY(writer_->run("SELECT current_setting('fsync')", {}, &read));
    if (fsync != "on") {
      base::log_warning("store",
                        "PostgreSQL runs with fsync=off: what is acknowledged may be lost when its "
                        "machine stops");
    }
    return {};
  }

  Result<bool> try_to_lead() {
    bool leads = false;
    const PostgresConnection::EachRow read = [&](const Row& row) { leads = row.int64(0) != 0; };
    const Param lock[] = {lock_number_ + 1};
    TRY(writer_->run("SELECT pg_try_advisory_lock(?)", lock, &read));
    return leads;
  }

  Result<void> reconnect() {
    TRY(writer_->reconnect());
    if (!leads_) return {};
    if (!TRY(try_to_lead())) {
      base::log_warning("store", "another server leads since the connection to PostgreSQL broke");
    }
    return {};
  }

  // Opens a transaction that nobody else writes beside. Its number is in `number` after the next
  // call that waits, unless that has failed.
  Result<void> send_begin(std::string& number) {
    TRY(writer_->send("BEGIN"));
    const Param lock[] = {lock_number_};
    return writer_->send(
        "SELECT CAST(pg_current_xact_id() AS TEXT) FROM pg_advisory_xact_lock(?) AS locked", lock,
        [&number](const Row& row) { number = row.string(0); });
  }
  Result<void> begin() {
    std::string number;
    TRY(send_begin(number));
    return writer_->finish();
  }

  void commit_group(WriteGroup group) {
    Savepoints savepoints = Savepoints::kNone;
    Error last;
    for (int attempt = 1; attempt <= kAttemptsMax; ++attempt) {
      for (QueuedWrite* write : group) write->outcome = {};
      const Result<End> end = try_group(group, savepoints, last);
      if (!end) return fail_group(group, end.error());
      switch (*end) {
        case End::kDone:
          return;
        case End::kNeedsSavepoints:
          savepoints = Savepoints::kEach;
          break;
        case End::kAgain:
          break;
      }
    }
    fail_group(group, last);
  }

  // An error: the group can't be written now. `last` is why it has to be tried again.
  Result<End> try_group(WriteGroup group, Savepoints savepoints, Error& last) {
    if (writer_->is_lost()) TRY(reconnect());
    std::string number;
    if (const Result<void> sent = send_begin(number); !sent) return give_up(sent.error(), last);
    PostgresTx tx(*writer_, clock_, random_);
    for (QueuedWrite* write : group) {
      if (savepoints == Savepoints::kEach) {
        // The turn to write comes to all of them or to none.
        if (const Result<void> begun = writer_->finish(); number.empty())
          return give_up(begun.error(), last);
        if (const Result<void> done = run_apart(*write, tx); !done)
          return give_up(done.error(), last);
        continue;
      }
      tx.take_wrote();
      run_body(*write, tx);  // its first question takes the BEGIN with it
      if (number.empty()) {
        Result<void> begun = writer_->finish();
        if (!begun && write->outcome) write->outcome = std::move(begun);
      }
      writer_->forget_rows();
      const bool broken = writer_->is_lost() || writer_->is_transaction_broken();
      if (write->outcome && !broken) continue;
      if (!write->outcome && !broken && !tx.take_wrote()) continue;  // nothing to undo
      if (write->outcome) write->outcome = base::error(Code::kInternal, "a failure was ignored");
      if (broken && number.empty()) return give_up(write->outcome.error(), last);  // never begun
      return undo(group, write->outcome.error(), last);
    }
    const Result<void> sent = writer_->send("COMMIT");
    const Result<void> done = sent ? writer_->finish() : sent;
    if (done) return End::kDone;
    if (!writer_->is_lost()) return undo(group, done.error(), last);
    return find_out(number, done.error(), last);
  }

  // Runs a body so that it alone is undone when it fails. An error: the whole transaction is of no
  // use any more.
  Result<void> run_apart(QueuedWrite& write, PostgresTx& tx) {
    TRY(writer_->send("SAVEPOINT one"));
    run_body(write, tx);
    writer_->forget_rows();
    if (Result<void> done = writer_->finish(); !done && write.outcome)
      write.outcome = std::move(done).error();
    if (write.outcome) return writer_->send("RELEASE one");
    if (writer_->is_lost() || writer_->is_last_error_transient()) return write.outcome.error();
    TRY(writer_->send("ROLLBACK TO one"));
    TRY(writer_->send("RELEASE one"));
    return writer_->finish();
  }

  // A group without savepoints can't be committed: `error` stopped it.
  Result<End> undo(WriteGroup group, const Error& error, Error& last) {
    if (writer_->is_lost() || writer_->is_last_error_transient()) return give_up(error, last);
    TRY(writer_->run("ROLLBACK"));
    if (group.size() > 1) return End::kNeedsSavepoints;
    group.front()->outcome = error;
    return End::kDone;
  }

  // Whether a transaction that stopped with `error` before its commit may be tried again.
  Result<End> give_up(const Error& error, Error& last) {
    last = error;
    if (writer_->is_lost()) return End::kAgain;
    const bool again = writer_->is_last_error_transient();
    TRY(writer_->run("ROLLBACK"));
    if (again) return End::kAgain;
    return error;
  }

  // The connection broke while committing: asks the server what came of transaction `number`.
  Result<End> find_out(const std::string& number, const Error& error, Error& last) {
    const Error unknown =
        base::error(error.code, "{}: it is not known whether the write happened", error.message);
    if (!reconnect()) return unknown;
    // The lock is free when the old transaction has ended.
    if (!begin()) return unknown;
    std::string status;
    const PostgresConnection::EachRow read = [&](const Row& row) { status = row.string(0); };
    const Param params[] = {number};
    const auto asked = writer_->run(
        "SELECT COALESCE(pg_xact_status(CAST(CAST(? AS TEXT) AS xid8)), 'unknown')", params, &read);
    if (!asked || !writer_->run("ROLLBACK") || (status != "committed" && status != "aborted"))
      return unknown;
    if (status == "committed") return End::kDone;
    last = error;
    return End::kAgain;
  }

  const PostgresOptions options_;
  const std::int64_t lock_number_;
  const base::Clock& clock_;
  base::Random& random_;
  ReaderPool readers_;
  std::atomic<bool> leads_ = false;
  std::unique_ptr<PostgresConnection> writer_;  // used by the queue only
  std::unique_ptr<WriteQueue> writes_;          // last, so that it ends before what it uses
};

}  // namespace

Result<std::unique_ptr<Db>> open_postgres(PostgresOptions options, const base::Clock& clock,
                                          base::Random& random) {
  TRY(check_schema_name(options.schema));
  auto db = std::make_unique<PostgresDb>(std::move(options), clock, random);
  TRY(db->open());
  return std::unique_ptr<Db>(std::move(db));
}

}  // namespace slipway::store
