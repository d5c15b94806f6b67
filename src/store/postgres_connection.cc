#include "store/postgres_connection.h"

#include <charconv>

#include "store/postgres_dialect.h"

namespace slipway::store {
namespace {

constexpr int kOldestVersion = 130'000;
constexpr const char* kConnectTimeoutSeconds = "5";
// A peer that vanished without a word is noticed after this long.
constexpr const char* kUnansweredTimeoutMs = "30000";
constexpr std::size_t kSqlShownMax = 60;

// libpq's messages come in several lines.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == '\n' || c == '\t' || c == ' ';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : text;
}

// From SQLSTATE, https://www.postgresql.org/docs/15/errcodes-appendix.html.
Code code_of(std::string_view sqlstate) {
  static constexpr std::pair<std::string_view, Code> kStates[] = {
      {"23505", Code::kAlreadyExists},     // unique_violation
      {"23", Code::kFailedPrecondition},   // other constraints
      {"22", Code::kInvalidArgument},      // values that don't fit: encoding, range
      {"25006", Code::kUnavailable},       // read_only_sql_transaction: a standby
      {"28", Code::kPermissionDenied},     // who may connect
      {"42501", Code::kPermissionDenied},  // insufficient_privilege
      {"40", Code::kUnavailable},          // serialization_failure, deadlock_detected
      {"53100", Code::kStorageFull},       // disk_full
      {"53300", Code::kUnavailable},       // too_many_connections
      {"53", Code::kResourceExhausted},    // memory, limits
      {"55P03", Code::kUnavailable},       // lock_not_available
      {"57014", Code::kDeadlineExceeded},  // query_canceled
      {"57", Code::kUnavailable},          // shutting down, starting up
      {"08", Code::kUnavailable},          // connection exceptions
      {"58030", Code::kInternal},          // io_error
      {"XX001", Code::kCorruption},        // data_corrupted
      {"XX002", Code::kCorruption},        // index_corrupted
  };
  for (const auto& [prefix, code] : kStates)
    if (sqlstate.starts_with(prefix)) return code;
  return Code::kInternal;
}

std::int64_t rows_changed(PGresult* result) {
  const std::string_view text = PQcmdTuples(result);
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(Options options) {
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection(std::move(options)));
  TRY(connection->connect());
  return connection;
}

PostgresConnection::~PostgresConnection() { PQfinish(link_); }

Result<void> PostgresConnection::reconnect() {
  PQfinish(link_);
  link_ = nullptr;
  lost_ = true;  // until it is open again
  prepared_.clear();
  failure_.reset();
  under_way_.clear();
  sync_points_ = 0;
  in_callback_ = false;
  return connect();
}

Result<void> PostgresConnection::connect() {
  // Those before the URL are defaults, those behind it are not to be changed.
  const char* const names[] = {"connect_timeout", "fallback_application_name", "tcp_user_timeout",
                               "dbname",          "client_encoding",           nullptr};
  const char* const values[] = {kConnectTimeoutSeconds, "slipway", kUnansweredTimeoutMs,
                                options_.url.c_str(),   "UTF8",    nullptr};
  link_ = PQconnectdbParams(names, values, /*expand_dbname=*/1);
  if (link_ == nullptr) return base::error(Code::kResourceExhausted, "database: out of memory");
  if (PQstatus(link_) != CONNECTION_OK) {
    lost_ = true;
    return base::error(Code::kUnavailable, "database: PostgreSQL cannot be reached: why={}",
                       one_line(PQerrorMessage(link_)));
  }
  PQsetNoticeProcessor(
      link_, [](void*, const char*) {}, nullptr);
  if (PQserverVersion(link_) < kOldestVersion) {
    return base::error(Code::kFailedPrecondition,
                       "database: PostgreSQL 13 or newer is needed: the server has {}.{}",
                       PQserverVersion(link_) / 10'000, PQserverVersion(link_) % 10'000);
  }
  const char* encoding = PQparameterStatus(link_, "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) != "UTF8") {
    return base::error(
        Code::kFailedPrecondition,
        "database: it must be in UTF-8 (CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE "
        "template0): encoding={}",
        encoding);
  }
  CHECK(PQenterPipelineMode(link_) == 1);
  lost_ = false;
  for (const std::string& statement : options_.session) TRY(send(statement));
  return finish();
}

Result<void> PostgresConnection::send(std::string_view sql, std::span<const Param> params,
                                      EachRow each) {
  Result<void> sent = try_send(sql, params, std::move(each));
  if (!sent) forget_rows();
  return sent;
}

Result<void> PostgresConnection::try_send(std::string_view sql, std::span<const Param> params,
                                          EachRow each) {
  CHECK(!in_callback_);
  if (lost_) return note_loss();
  if (under_way_.size() >= kUnderWayMax) TRY(finish());
  int sent = 0;
  if (statement_kind(sql) == StatementKind::kCommand) {
    CHECK(params.empty());
    sent = PQsendQueryParams(link_, to_postgres(sql).c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                             /*resultFormat=*/1);
  } else {
    const Prepared* prepared = TRY(prepare(sql));
    TRY(encoded_.encode(params, prepared->types));
    sent = PQsendQueryPrepared(link_, prepared->name.c_str(), encoded_.count(), encoded_.values(),
                               encoded_.lengths(), encoded_.formats(), /*resultFormat=*/1);
  }
  if (sent != 1) return note_loss();
  under_way_.push_back(std::move(each));
  return {};
}

Result<std::int64_t> PostgresConnection::run(std::string_view sql, std::span<const Param> params,
                                             const EachRow* each) {
  if (each == nullptr) {
    TRY(send(sql, params));
  } else {
    TRY(send(sql, params, [each](const Row& row) { (*each)(row); }));
  }
  return collect(sql);
}

void PostgresConnection::forget_rows() {
  for (EachRow& each : under_way_) each = nullptr;
}

Result<void> PostgresConnection::finish() {
  if (under_way_.empty()) return {};
  TRY(collect("go on"));
  return {};
}

void PostgresConnection::flush() {
  if (lost_ || under_way_.empty()) return;
  if (PQpipelineSync(link_) != 1) {
    lost_ = true;
    return;
  }
  ++sync_points_;
}

Result<const PostgresConnection::Prepared*> PostgresConnection::prepare(std::string_view sql) {
  if (const auto found = prepared_.find(sql); found != prepared_.end()) return &found->second;
  TRY(finish());
  if (prepared_.size() >= kPreparedMax) {
    TRY(run("DEALLOCATE ALL"));
    prepared_.clear();
  }
  Prepared prepared{.name = fmt::format("s{}", ++prepared_ever_)};
  described_.clear();
  if (PQsendPrepare(link_, prepared.name.c_str(), to_postgres(sql).c_str(), 0, nullptr) != 1 ||
      PQsendDescribePrepared(link_, prepared.name.c_str()) != 1) {
    return note_loss();
  }
  under_way_.resize(2);
  TRY(collect(sql));
  prepared.types = described_;
  return &prepared_.emplace(std::string(sql), std::move(prepared)).first->second;
}

Result<std::int64_t> PostgresConnection::collect(std::string_view sql) {
  if (PQpipelineSync(link_) == 1) {
    ++sync_points_;
  } else {
    note_failure(nullptr, sql);
  }
  std::int64_t changed = 0;
  for (std::size_t done = 0; sync_points_ > 0 && !lost_;) {
    const bool is_last = done + 1 == under_way_.size();
    const EachRow* each =
        done < under_way_.size() && under_way_[done] ? &under_way_[done] : nullptr;
    if (each != nullptr) PQsetSingleRowMode(link_);
    PGresult* result = PQgetResult(link_);
    if (result == nullptr) {  // behind the results of each statement
      if (++done > under_way_.size() || PQstatus(link_) != CONNECTION_OK)
        note_failure(nullptr, sql);
      continue;
    }
    switch (PQresultStatus(result)) {
      case PGRES_SINGLE_TUPLE:
      case PGRES_TUPLES_OK:
        if (each != nullptr) give_rows(result, *each);
        changed = rows_changed(result);
        break;
      case PGRES_COMMAND_OK:
        changed = rows_changed(result);
        if (const int count = PQnparams(result); count > 0) {
          for (int i = 0; i < count; ++i) described_.push_back(PQparamtype(result, i));
        }
        break;
      case PGRES_PIPELINE_SYNC:
        --sync_points_;
        break;
      case PGRES_PIPELINE_ABORTED:  // something before it has failed
        break;
      default:
        note_failure(result, is_last ? sql : "go on");
        forget_rows();
        break;
    }
    PQclear(result);
  }
  under_way_.clear();
  sync_points_ = 0;
  if (!failure_) {
    sqlstate_.clear();
    return changed;
  }
  Error error = std::move(*failure_);
  failure_.reset();
  return error;
}

void PostgresConnection::give_rows(const PGresult* result, const EachRow& each) {
  in_callback_ = true;
  for (int row = 0; row < PQntuples(result); ++row) each(ResultRow(result, row));
  in_callback_ = false;
}

bool PostgresConnection::is_last_error_transient() const {
  return sqlstate_ == "40001" || sqlstate_ == "40P01";
}

void PostgresConnection::note_failure(const PGresult* result, std::string_view sql) {
  const std::string state(field(result, PG_DIAG_SQLSTATE));
  const std::string_view severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const std::string_view message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state.empty() || severity == "FATAL" || severity == "PANIC" ||
      PQstatus(link_) != CONNECTION_OK) {
    lost_ = true;
  }
  // Our idea of what is prepared is wrong: the tables were changed, or a pooler sits between.
  if (state == "26000" || (state == "0A000" && message.starts_with("cached plan"))) lost_ = true;
  if (failure_) return;
  sqlstate_ = state;
  if (state.empty()) {
    failure_ = base::error(Code::kUnavailable, "database: the connection to PostgreSQL broke: {}",
                           one_line(PQerrorMessage(link_)));
  } else {
    failure_ = base::error(code_of(state), "database: cannot {}: {} ({})",
                           one_line(sql.substr(0, kSqlShownMax)), message, state);
  }
}

Error PostgresConnection::note_loss() {
  lost_ = true;
  sqlstate_.clear();
  return base::error(Code::kUnavailable, "database: the connection to PostgreSQL broke: {}",
                     one_line(PQerrorMessage(link_)));
}

}  // namespace slipway::store
