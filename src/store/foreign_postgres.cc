#include "store/foreign_db.h"
#include "store/postgres_connection.h"
#include "store/postgres_url.h"

namespace slipway::store {
namespace {

class ForeignReader final : public Reader {
 public:
  explicit ForeignReader(PostgresConnection& connection) : connection_(connection) {}
  Result<void> query_span(std::string_view sql, std::span<const Param> params,
                          const std::function<void(const Row&)>& each) override {
    TRY(connection_.run(sql, params, &each));
    return {};
  }

 private:
  PostgresConnection& connection_;
};

class ForeignPostgres final : public ForeignDb {
 public:
  explicit ForeignPostgres(std::unique_ptr<PostgresConnection> connection)
      : connection_(std::move(connection)) {}

  Result<void> read(const std::function<Result<void>(Reader&)>& body) override {
    if (connection_->is_lost()) TRY(connection_->reconnect());
    TRY(connection_->run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    ForeignReader reader(*connection_);
    Result<void> outcome = body(reader);
    const Result<std::int64_t> end = connection_->run(outcome ? "COMMIT" : "ROLLBACK");
    if (outcome && !end) return end.error();
    return outcome;
  }

 private:
  std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace

Result<std::unique_ptr<ForeignDb>> open_foreign_postgres(std::string_view url) {
  PostgresConnection::Options options;
  options.url = TRY(parse_postgres_url(url));
  options.session = {"SET default_transaction_read_only TO on"};
  return std::unique_ptr<ForeignDb>(
      std::make_unique<ForeignPostgres>(TRY(PostgresConnection::open(std::move(options)))));
}

}  // namespace slipway::store
