#include "store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "store/event_chain.h"
#include "store/file_system.h"
#include "store/foreign_db.h"
#include "store/migrations.h"
#include "store/write_queue.h"

namespace slipway::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
// How long scrub() waits for readers that began before it.
constexpr std::chrono::seconds kReadersWait{30};

Error sqlite_error(sqlite3* db, int code, std::string_view what) {
  Code mapped = Code::kInternal;
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT: {
      const int extended = sqlite3_extended_errcode(db);
      mapped = extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY
                   ? Code::kAlreadyExists
                   : Code::kFailedPrecondition;
      break;
    }
    case SQLITE_FULL:
      mapped = Code::kStorageFull;
      break;
    case SQLITE_NOMEM:
      mapped = Code::kResourceExhausted;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      mapped = Code::kUnavailable;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      mapped = Code::kCorruption;
      break;
    case SQLITE_READONLY:
      if (sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK)
        return base::error(Code::kFailedPrecondition,
                           "the database was left in the middle of a change: start its own server "
                           "once, so that it repairs it");
      [[fallthrough]];
    case SQLITE_PERM:
      mapped = Code::kPermissionDenied;
      break;
    default:
      break;
  }
  return base::error(mapped, "database: cannot {}: {}", what, sqlite3_errmsg(db));
}

class StatementRow final : public Row {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t int64(int column) const override { return sqlite3_column_int64(statement_, column); }
  double real(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view text(int column) const override {
    const void* data = sqlite3_column_blob(statement_, column);
    const int bytes = sqlite3_column_bytes(statement_, column);
    return data == nullptr
               ? std::string_view()
               : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
  }

 private:
  sqlite3_stmt* statement_;
};

// One connection with its prepared statements. One thread at a time.
class Connection {
 public:
  ~Connection() {
    for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }

  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file) {
    auto connection = std::make_unique<Connection>();
    const int code =
        sqlite3_open_v2(file.c_str(), &connection->db_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) return sqlite_error(connection->db_, code, "open " + file.string());
    sqlite3_busy_timeout(connection->db_, kBusyTimeoutMs);
    // Of a new file: what deletes free can go back to the file system (give_back_space).
    TRY(connection->run("PRAGMA auto_vacuum=INCREMENTAL"));
    TRY(connection->run("PRAGMA journal_mode=WAL"));
    TRY(connection->commit_durably(Durable::kNow));
    TRY(connection->run("PRAGMA foreign_keys=ON"));
    TRY(connection->run("PRAGMA cache_size=-16000"));
    // A page that many commits change goes into the file once; 16 MB of log.
    TRY(connection->run("PRAGMA wal_autocheckpoint=4000"));
    TRY(connection->run("PRAGMA journal_size_limit=67108864"));
    return connection;
  }

  // For reading what somebody else owns: nothing is written beside the file either.
  static Result<std::unique_ptr<Connection>> open_foreign(const std::filesystem::path& file) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(file, ec))
      return base::error(Code::kNotFound, "no such database: file={}", file.string());
    // Reading a WAL takes a shared-memory file. When there is no log, the file alone is all there
    // is, and `immutable` reads it without one.
    const bool has_log = std::filesystem::exists(file.string() + "-wal", ec) ||
                         std::filesystem::exists(file.string() + "-journal", ec);
    const bool is_wal = TRY(has_wal_format(file));
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(file).string())
      uri += c == '?' || c == '#' || c == '%'
                 ? fmt::format("%{:02X}", static_cast<unsigned char>(c))
                 : std::string(1, c);
    uri += is_wal && !has_log ? "?mode=ro&immutable=1" : "?mode=ro";
    auto connection = std::make_unique<Connection>();
    const int code =
        sqlite3_open_v2(uri.c_str(), &connection->db_,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) return sqlite_error(connection->db_, code, "open " + file.string());
    sqlite3_busy_timeout(connection->db_, kBusyTimeoutMs);
    return connection;
  }

  Result<void> run(const std::string& sql) {
    const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return sqlite_error(db_, code, sql.substr(0, 60));
    return {};
  }

  Result<void> step_through(std::string_view sql, std::span<const Param> params,
                            const std::function<void(const Row&)>* each) {
    sqlite3_stmt* statement = TRY(prepare(sql));
    bind(statement, params);
    const StatementRow row(statement);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (each != nullptr) (*each)(row);
    }
    Result<void> outcome;
    if (code != SQLITE_DONE) outcome = sqlite_error(db_, code, sql.substr(0, 60));
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return outcome;
  }

  // FULL: every commit is on disk before it is acknowledged, also after a power failure. NORMAL:
  // the log is written, and the disk isn't waited for.
  Result<void> commit_durably(Durable durable) {
    if (durable_ == durable) return {};
    TRY(run(durable == Durable::kNow ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    durable_ = durable;
    return {};
  }

  sqlite3* handle() const { return db_; }

 private:
  // https://www.sqlite.org/fileformat.html: bytes 18 and 19 are 2 in WAL mode.
  static Result<bool> has_wal_format(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    char header[20] = {};
    in.read(header, sizeof header);
    if (in.gcount() > 0 && std::string_view(header, 15) != "SQLite format 3")
      return base::error(Code::kCorruption, "not an SQLite database: file={}", file.string());
    return header[18] == 2;
  }

  Result<sqlite3_stmt*> prepare(std::string_view sql) {
    if (auto found = statements_.find(sql); found != statements_.end()) {
      // A nested use of the same text (inside a callback) gets a statement of its own.
      if (!sqlite3_stmt_busy(found->second)) return found->second;
    }
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return sqlite_error(db_, code, sql.substr(0, 60));
    CHECK(statement != nullptr);
    if (statements_.size() >= kStatementsMax) {
      for (auto it = statements_.begin(); it != statements_.end();) {
        if (sqlite3_stmt_busy(it->second)) {
          ++it;
        } else {
          sqlite3_finalize(it->second);
          it = statements_.erase(it);
        }
      }
    }
    statements_.emplace(std::string(sql), statement);
    return statement;
  }

  static void bind(sqlite3_stmt* statement, std::span<const Param> params) {
    CHECK(sqlite3_bind_parameter_count(statement) == static_cast<int>(params.size()));
    int at = 0;
    for (const Param& param : params) {
      ++at;
      if (const auto* number = std::get_if<std::int64_t>(&param.value())) {
        sqlite3_bind_int64(statement, at, *number);
      } else if (const auto* real = std::get_if<double>(&param.value())) {
        sqlite3_bind_double(statement, at, *real);
      } else if (const auto* text = std::get_if<std::string_view>(&param.value())) {
        sqlite3_bind_text64(statement, at, text->empty() ? "" : text->data(), text->size(),
                            SQLITE_STATIC, SQLITE_UTF8);
      } else if (const auto* bytes = std::get_if<Bytes>(&param.value())) {
        sqlite3_bind_blob64(statement, at, bytes->bytes.empty() ? "" : bytes->bytes.data(),
                            bytes->bytes.size(), SQLITE_STATIC);
      } else {
        sqlite3_bind_null(statement, at);
      }
    }
  }

  static constexpr std::size_t kStatementsMax = 256;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  sqlite3* db_ = nullptr;
  std::optional<Durable> durable_;  // nothing: as SQLite was built
  std::unordered_multimap<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements_;
};

class SqliteTx final : public Tx {
 public:
  SqliteTx(Connection& connection, const base::Clock& clock, base::Random& random)
      : connection_(connection), clock_(clock), random_(random) {}

  Result<void> query_span(std::string_view sql, std::span<const Param> params,
                          const std::function<void(const Row&)>& each) override {
    return connection_.step_through(sql, params, &each);
  }
  Result<std::int64_t> execute_span(std::string_view sql, std::span<const Param> params) override {
    TRY(connection_.step_through(sql, params, nullptr));
    return sqlite3_changes64(connection_.handle());
  }
  Result<std::optional<std::int64_t>> insert_span(std::string_view sql, std::string_view,
                                                  std::span<const Param> params) override {
    TRY(connection_.step_through(sql, params, nullptr));
    if (sqlite3_changes64(connection_.handle()) == 0) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(sqlite3_last_insert_rowid(connection_.handle()));
  }
  Result<void> send_span(std::string_view sql, std::span<const Param> params) override {
    return connection_.step_through(sql, params, nullptr);
  }
  Result<void> count_on_from(std::string_view, std::string_view) override {
    return {};  // it counts from what is in the table
  }
  Result<void> append_event(const EventDraft& draft) override {
    return insert_event(*this, draft, clock_.now(), random_);
  }

 private:
  Connection& connection_;
  const base::Clock& clock_;
  base::Random& random_;
};

class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(Connection& connection) : connection_(connection) {}
  Result<void> query_span(std::string_view sql, std::span<const Param> params,
                          const std::function<void(const Row&)>& each) override {
    return connection_.step_through(sql, params, &each);
  }

 private:
  Connection& connection_;
};

// A thread that has the disk keep what was committed to the log without waiting for it.
class LogSync {
 public:
  explicit LogSync(std::filesystem::path log) : log_(std::move(log)), thread_([this] { loop(); }) {}
  // After what was asked for.
  ~LogSync() {
    {
      const base::MutexLock lock(mutex_);
      is_stopping_ = true;
      wake_.notify_one();
    }
    thread_.join();
  }
  LogSync(const LogSync&) = delete;
  LogSync& operator=(const LogSync&) = delete;

  void ask() {
    const base::MutexLock lock(mutex_);
    is_asked_ = true;
    wake_.notify_one();
  }

 private:
  void loop() {
    for (;;) {
      {
        const base::MutexLock lock(mutex_);
        while (!is_asked_ && !is_stopping_) wake_.wait(mutex_);
        if (!is_asked_) return;
        is_asked_ = false;
      }
      const FileHandle log(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
      if (log.get() < 0 || ::fdatasync(log.get()) != 0)
        base::log_error("store", "the database's log can't be synced: file={} why={}",
                        log_.string(), std::strerror(errno));
    }
  }

  const std::filesystem::path log_;
  base::Mutex mutex_;
  base::CondVar wake_;
  bool is_asked_ GUARDED_BY(mutex_) = false;
  bool is_stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

class SqliteDb final : public Db {
 public:
  SqliteDb(SqliteOptions options, const base::Clock& clock, base::Random& random)
      : options_(std::move(options)), clock_(clock), random_(random) {}

  Result<void> open() {
    {
      const base::MutexLock lock(writer_mutex_);
      writer_ = TRY(Connection::open(options_.file));
    }
    base::MutexLock lock(mutex_);
    for (std::size_t i = 0; i < options_.readers; ++i)
      idle_readers_.push_back(TRY(Connection::open(options_.file)));
    writes_ = std::make_unique<WriteQueue>(
        WriteQueue::Limits{.group_writes_max = options_.group_writes_max,
                           .queue_length_max = options_.queue_length_max},
        [this](WriteGroup group) { commit_group(group); });
    return {};
  }

  Result<void> migrate(const std::vector<RoomMigrations>& rooms) override {
    return run_migrations(rooms, [this](const auto& body) { return write(body); });
  }

  Result<Space> give_back_space(std::int64_t bytes_max) override {
    constexpr std::int64_t kPagesAtOnce = 500;
    std::int64_t page_bytes = 0, free_pages = 0, mode = 0;
    const auto look = [&](Reader& reader) -> Result<void> {
      TRY(reader.query("PRAGMA page_size", {}, [&](const Row& row) { page_bytes = row.int64(0); }));
      TRY(reader.query("PRAGMA auto_vacuum", {}, [&](const Row& row) { mode = row.int64(0); }));
      return reader.query("PRAGMA freelist_count", {},
                          [&](const Row& row) { free_pages = row.int64(0); });
    };
    TRY(run_read(look));
    Space space;
    const bool can = mode == 2;  // a file that an older build made keeps its pages
    while (can && free_pages > 0 && space.given_back_bytes < bytes_max) {
      const std::int64_t before = free_pages;
      TRY(write([&](Tx& tx) -> Result<void> {
        TRY(tx.execute(fmt::format("PRAGMA incremental_vacuum({})", kPagesAtOnce)));
        return look(tx);
      }));
      if (free_pages >= before) break;
      space.given_back_bytes += (before - free_pages) * page_bytes;
    }
    space.free_bytes = free_pages * page_bytes;
    return space;
  }

  // Pages keep copies of rows that were moved to others when they were full, which secure_delete
  // does not overwrite: only a file that is made of the rows there are has none.
  Result<std::string> scrub() override {
    {
      const base::MutexLock lock(writer_mutex_);
      TRY(writer_->run("VACUUM"));
    }
    // The log goes into the file, and is emptied as soon as nobody reads what was before.
    for (const auto until = std::chrono::steady_clock::now() + kReadersWait;;) {
      if (TRY(empty_log())) return std::string();
      if (std::chrono::steady_clock::now() >= until) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return fmt::format(
        "{}-wal: somebody has been reading the database for {} seconds; the file is emptied by the "
        "next erasure, and when the server stops",
        options_.file.filename().string(), kReadersWait.count());
  }

 protected:
  Result<void> run_write(const std::function<Result<void>(Tx&)>& body, Durable durable) override {
    return writes_->run(body, durable);
  }
  Result<void> run_joint_write(JointWrite& joint, JointItem& item) override {
    return writes_->run(joint, item);
  }

  Result<void> run_read(const std::function<Result<void>(Reader&)>& body) override {
    std::unique_ptr<Connection> connection = take_reader();
    SqliteReader reader(*connection);
    Result<void> outcome = connection->run("BEGIN");
    if (outcome) {
      outcome = body(reader);
      const Result<void> end = connection->run("COMMIT");
      if (outcome && !end) outcome = end;
    }
    base::MutexLock lock(mutex_);
    idle_readers_.push_back(std::move(connection));
    reader_free_.notify_one();
    return outcome;
  }

 private:
  std::unique_ptr<Connection> take_reader() {
    base::MutexLock lock(mutex_);
    while (idle_readers_.empty()) reader_free_.wait(mutex_);
    std::unique_ptr<Connection> connection = std::move(idle_readers_.back());
    idle_readers_.pop_back();
    return connection;
  }

  // False: a reader needs what is in it.
  Result<bool> empty_log() {
    const base::MutexLock lock(writer_mutex_);
    sqlite3_busy_timeout(writer_->handle(), 0);  // nobody's write waits for a reader
    const int code = sqlite3_wal_checkpoint_v2(writer_->handle(), nullptr,
                                               SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    sqlite3_busy_timeout(writer_->handle(), kBusyTimeoutMs);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
    if (code != SQLITE_OK) return sqlite_error(writer_->handle(), code, "empty its log");
    return true;
  }

  void commit_group(WriteGroup group) {
    const base::MutexLock lock(writer_mutex_);
    SqliteTx tx(*writer_, clock_, random_);
    const bool is_soon = std::ranges::all_of(
        group, [](const QueuedWrite* write) { return write->durable == Durable::kSoon; });
    Result<void> whole = writer_->commit_durably(is_soon ? Durable::kSoon : Durable::kNow);
    if (whole) whole = writer_->run("BEGIN IMMEDIATE");
    for (QueuedWrite* write : group) {
      if (!whole) break;
      whole = writer_->run("SAVEPOINT one");
      if (!whole) break;
      run_body(*write, tx);
      whole = writer_->run(write->outcome ? "RELEASE one" : "ROLLBACK TO one; RELEASE one");
    }
    if (whole) whole = writer_->run("COMMIT");
    if (whole && is_soon) log_sync_.ask();
    if (whole) return;
    if (sqlite3_get_autocommit(writer_->handle()) == 0) {
      if (const Result<void> undone = writer_->run("ROLLBACK"); !undone) {
        base::log_error("store", "rollback failed: why={}", undone.error().message);
      }
    }
    fail_group(group, whole.error());
  }

  const SqliteOptions options_;
  const base::Clock& clock_;
  base::Random& random_;
  base::Mutex writer_mutex_;  // of the queue, one group after the other, and of scrub()
  std::unique_ptr<Connection> writer_ GUARDED_BY(writer_mutex_);

  base::Mutex mutex_;
  base::CondVar reader_free_;
  std::vector<std::unique_ptr<Connection>> idle_readers_ GUARDED_BY(mutex_);

  LogSync log_sync_{options_.file.string() + "-wal"};
  std::unique_ptr<WriteQueue> writes_;  // last, so that it ends before what it uses
};

class ForeignSqlite final : public ForeignDb {
 public:
  explicit ForeignSqlite(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  Result<void> read(const std::function<Result<void>(Reader&)>& body) override {
    TRY(connection_->run("BEGIN"));
    SqliteReader reader(*connection_);
    Result<void> outcome = body(reader);
    const Result<void> end = connection_->run("COMMIT");
    return outcome ? end : outcome;
  }

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace

Result<std::unique_ptr<ForeignDb>> open_foreign_sqlite(const std::filesystem::path& file) {
  return std::unique_ptr<ForeignDb>(
      std::make_unique<ForeignSqlite>(TRY(Connection::open_foreign(file))));
}

Result<std::unique_ptr<Db>> open_sqlite(SqliteOptions options, const base::Clock& clock,
                                        base::Random& random) {
  auto db = std::make_unique<SqliteDb>(std::move(options), clock, random);
  TRY(db->open());
  return std::unique_ptr<Db>(std::move(db));
}

}  // namespace slipway::store
