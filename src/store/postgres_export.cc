#include "store/postgres_export.h"

#include <libpq-fe.h>

#include <memory>

#include "store/postgres_url.h"

namespace slipway::store {
namespace {

using types::ColumnType;

constexpr const char* kConnectTimeoutSeconds = "10";
// A server that is gone is noticed within two minutes, asked or not.
constexpr const char* kIdleSeconds = "30";
constexpr const char* kBetweenProbesSeconds = "10";
constexpr const char* kProbes = "6";
constexpr const char* kUnacknowledgedMilliseconds = "90000";

struct CloseLink {
  void operator()(PGconn* link) const { PQfinish(link); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Link = std::unique_ptr<PGconn, CloseLink>;
using Answer = std::unique_ptr<PGresult, ClearResult>;

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_blank = c == '\n' || c == '\t' || c == ' ';
    if (!is_blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
Error error_of(const PGconn* link, const PGresult* result) {
  const char* field = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? std::string_view() : field;
  const std::string message =
      one_line(result == nullptr ? PQerrorMessage(link) : PQresultErrorMessage(result));
  const Code code = state.empty() || state.starts_with("08") || state.starts_with("57P")
                        ? Code::kUnavailable
                    : state == "57014"                                  ? Code::kDeadlineExceeded
                    : state == "42501" || state.starts_with("28")       ? Code::kPermissionDenied
                    : state.starts_with("42") || state.starts_with("2") ? Code::kInvalidArgument
                                                                        : Code::kFailedPrecondition;
  return base::error(code, "postgres: {}", message);
}

Result<Answer> ask(PGconn* link, const std::string& sql, ExecStatusType wanted) {
  Answer answer(PQexec(link, sql.c_str()));
  if (PQresultStatus(answer.get()) != wanted) return error_of(link, answer.get());
  return answer;
}

std::string sql_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// From pg_type; nothing for arrays, bytes, intervals...
std::optional<ColumnType> column_type(Oid type) {
  switch (type) {
    case 16:  // bool
      return ColumnType::kBool;
    case 20:  // int8
    case 21:  // int2
    case 23:  // int4
    case 26:  // oid
      return ColumnType::kInt64;
    case 700:   // float4
    case 701:   // float8
    case 1700:  // numeric
      return ColumnType::kDouble;
    case 18:    // "char"
    case 19:    // name
    case 25:    // text
    case 114:   // json
    case 1042:  // bpchar
    case 1043:  // varchar
    case 2950:  // uuid
    case 3802:  // jsonb
      return ColumnType::kString;
    case 1082:  // date
    case 1114:  // timestamp
    case 1184:  // timestamptz
      return ColumnType::kTimestamp;
    default:
      return std::nullopt;
  }
}

Result<Link> connect(std::string_view url, int seconds_max) {
  const std::string address = TRY(parse_postgres_url(url));
  const std::string options = fmt::format(
      "-c default_transaction_read_only=on -c statement_timeout={}s -c datestyle=ISO -c "
      "timezone=UTC",
      seconds_max);
  const char* const names[] = {"connect_timeout",
                               "fallback_application_name",
                               "dbname",
                               "client_encoding",
                               "options",
                               "keepalives_idle",
                               "keepalives_interval",
                               "keepalives_count",
                               "tcp_user_timeout",
                               nullptr};
  const char* const values[] = {kConnectTimeoutSeconds,
                                "slipway",
                                address.c_str(),
                                "UTF8",
                                options.c_str(),
                                kIdleSeconds,
                                kBetweenProbesSeconds,
                                kProbes,
                                kUnacknowledgedMilliseconds,
                                nullptr};
  Link link(PQconnectdbParams(names, values, /*expand_dbname=*/1));
  if (link == nullptr) return base::error(Code::kResourceExhausted, "postgres: out of memory");
  if (PQstatus(link.get()) != CONNECTION_OK) return error_of(link.get(), nullptr);
  PQsetNoticeProcessor(
      link.get(), [](void*, const char*) {}, nullptr);
  return link;
}

}  // namespace

std::string postgres_table_name(std::string_view table) {
  std::string out;
  for (std::size_t from = 0; from <= table.size();) {
    const std::size_t dot = std::min(table.size(), table.find('.', from));
    out += (out.empty() ? "" : ".") + sql_name(table.substr(from, dot - from));
    from = dot + 1;
  }
  return out;
}

Result<PostgresExport> export_postgres(std::string_view url, std::string_view query,
                                       const PostgresExportLimits& limits) {
  std::string select(query);
  while (!select.empty() && (select.back() == ';' || select.back() == '\n' || select.back() == ' '))
    select.pop_back();
  const Link link = TRY(connect(url, limits.seconds));
  TRY(ask(link.get(), "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", PGRES_COMMAND_OK));
  PostgresExport found;
  // A prepared statement is one statement: what is smuggled behind a ';' is refused.
  Answer prepared(PQprepare(link.get(), "rows", select.c_str(), 0, nullptr));
  if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK)
    return error_of(link.get(), prepared.get());
  const Answer shape(PQdescribePrepared(link.get(), "rows"));
  if (PQresultStatus(shape.get()) != PGRES_COMMAND_OK) return error_of(link.get(), shape.get());
  std::string names;
  for (int i = 0; i < PQnfields(shape.get()); ++i) {
    const std::string name = PQfname(shape.get(), i);
    const Oid oid = PQftype(shape.get(), i);
    if (const auto type = column_type(oid)) {
      found.columns.emplace_back(name, *type);
      names += (names.empty() ? "" : ", ") + sql_name(name);
      continue;
    }
    const Answer type =
        TRY(ask(link.get(), fmt::format("SELECT {}::regtype", oid), PGRES_TUPLES_OK));
    found.left_out.emplace_back(name, PQgetvalue(type.get(), 0, 0));
  }
  if (found.columns.empty()) {
    return base::error(
        Code::kInvalidArgument,
        "postgres: the query gives no column of numbers, texts, conditions or times");
  }
  const std::string rows =
      found.left_out.empty() ? select : fmt::format("SELECT {} FROM ({}\n) AS rows", names, select);
  TRY(ask(link.get(), fmt::format("COPY ({}\n) TO STDOUT (FORMAT csv)", rows), PGRES_COPY_OUT));
  while (true) {
    char* piece = nullptr;
    const int bytes = PQgetCopyData(link.get(), &piece, /*async=*/0);
    if (bytes < 0) {
      if (bytes == -2) return error_of(link.get(), nullptr);
      break;
    }
    found.csv.append(piece, static_cast<std::size_t>(bytes));
    PQfreemem(piece);
    if (static_cast<std::int64_t>(found.csv.size()) > limits.bytes) {
      return base::error(Code::kResourceExhausted,
                         "postgres: the query gives more than may be read at once: bytes_max={}",
                         limits.bytes);
    }
  }
  const Answer end(PQgetResult(link.get()));
  if (PQresultStatus(end.get()) != PGRES_COMMAND_OK) return error_of(link.get(), end.get());
  return found;
}

}  // namespace slipway::store
