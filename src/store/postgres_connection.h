// One connection to PostgreSQL: statements prepared once, sent without waiting for replies, errors
// in our words.
#pragma once

#include <libpq-fe.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/db.h"
#include "store/postgres_values.h"

namespace slipway::store {

// One thread at a time.
class PostgresConnection {
 public:
  struct Options {
    std::string url;
    std::vector<std::string> session;  // statements that set the session up
  };
  // kUnavailable when the server can't be reached. kFailedPrecondition: too old, or the database is
  // not in UTF-8.
  static Result<std::unique_ptr<PostgresConnection>> open(Options options);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // Gets rows as they arrive; must not use the connection.
  using EachRow = std::function<void(const Row&)>;

  // Puts a statement on its way. What becomes of it is part of the outcome of the next call that
  // waits, and `each` gets its rows then. It is forgotten when a call fails.
  Result<void> send(std::string_view sql, std::span<const Param> params = {}, EachRow each = {});

  // Sends a statement and waits until everything sent is done. The number of rows that it changed,
  // or the first error.
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params = {},
                           const EachRow* each = nullptr);

  // Waits for what was sent. The first error.
  Result<void> finish();

  // Rows of what was sent are wanted no more.
  void forget_rows();

  // Lets what was sent run without waiting; the next call that waits sees its outcome.
  void flush();

  // The connection is gone, or of no more use: reconnect() or throw it away.
  bool is_lost() const { return lost_; }
  // Opens it again, with nothing prepared and no transaction.
  Result<void> reconnect();

  // A statement of the open transaction has failed; only ROLLBACK helps.
  bool is_transaction_broken() const { return PQtransactionStatus(link_) == PQTRANS_INERROR; }
  // The last error was a conflict between transactions: running everything again may help.
  bool is_last_error_transient() const;

 private:
  struct Prepared {
    std::string name;
    std::vector<Oid> types;
  };

  explicit PostgresConnection(Options options) : options_(std::move(options)) {}
  Result<void> connect();
  Result<const Prepared*> prepare(std::string_view sql);
  Result<void> try_send(std::string_view sql, std::span<const Param> params, EachRow each);
  // Reads the results of everything under way; `sql` was the last.
  Result<std::int64_t> collect(std::string_view sql);
  void give_rows(const PGresult* result, const EachRow& each);
  void note_failure(const PGresult* result, std::string_view sql);
  Error note_loss();

  static constexpr std::size_t kPreparedMax = 256;
  static constexpr std::size_t kUnderWayMax = 1'000;

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  const Options options_;
  PGconn* link_ = nullptr;
  std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> prepared_;
  std::int64_t prepared_ever_ = 0;
  EncodedParams encoded_;
  std::vector<Oid> described_;      // parameters of the statement that was described last
  std::vector<EachRow> under_way_;  // statements whose results were not read: who gets their rows
  int sync_points_ = 0;             // behind some of them
  bool in_callback_ = false;
  bool lost_ = false;
  std::optional<Error> failure_;  // the first since the last call that waited
  std::string sqlstate_;          // of the last error
};

}  // namespace slipway::store
