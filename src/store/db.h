// The metadata database: tables, transactions, and the events that every change leaves behind.
//
// One seam; SQLite (the embedded default) and PostgreSQL stand behind it and pass the same tests.
// SQL is what both understand: `?` placeholders, ON CONFLICT, RETURNING for a new row's number, no
// dialect functions, no order but ORDER BY. Times are INTEGER microseconds. Tables are declared
// with SQLite's types (INTEGER, REAL, TEXT, BLOB, INTEGER PRIMARY KEY for a number that counts up);
// the PostgreSQL store translates them.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/actor.h"
#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::store {

// A blob parameter; text parameters are std::string_view.
struct Bytes {
  std::string_view bytes;
};

// One bound parameter. Views must live until the call returns.
class Param {
 public:
  Param(std::nullptr_t) {}                           // NOLINT: implicit on purpose, all of these
  Param(std::int64_t value) : value_(value) {}       // NOLINT
  Param(int value) : value_(std::int64_t{value}) {}  // NOLINT
  Param(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}  // NOLINT
  Param(bool value) : value_(std::int64_t{value}) {}                      // NOLINT
  Param(double value) : value_(value) {}                                  // NOLINT
  Param(std::string_view value) : value_(value) {}                        // NOLINT
  Param(const std::string& value) : value_(std::string_view(value)) {}    // NOLINT
  Param(const char* value) : value_(std::string_view(value)) {}           // NOLINT
  Param(Bytes value) : value_(value) {}                                   // NOLINT
  Param(base::Timestamp value) : value_(value.micros) {}                  // NOLINT
  template <typename T>
  Param(const std::optional<T>& value) {  // NOLINT
    if (value) *this = Param(*value);
  }

  using Value = std::variant<std::monostate, std::int64_t, double, std::string_view, Bytes>;
  const Value& value() const { return value_; }

 private:
  Value value_;
};
using Params = std::initializer_list<Param>;

// One row of a result; valid inside the callback. Columns count from 0. A NULL reads as 0, 0.0 or
// "".
class Row {
 public:
  virtual ~Row() = default;
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t int64(int column) const = 0;
  virtual double real(int column) const = 0;
  virtual std::string_view text(int column) const = 0;
  std::string string(int column) const { return std::string(text(column)); }
  base::Timestamp time(int column) const { return {int64(column)}; }
  std::optional<std::int64_t> maybe_int64(int column) const;
  std::optional<std::string> maybe_string(int column) const;
};

// Reads from one consistent snapshot. One thread at a time.
class Reader {
 public:
  virtual ~Reader() = default;

  // Calls `each` for every row in order. Rows arrive while the statement runs, so `each` must not
  // use the reader again.
  Result<void> query(std::string_view sql, Params params,
                     const std::function<void(const Row&)>& each) {
    return query_span(sql, {params.begin(), params.size()}, each);
  }
  virtual Result<void> query_span(std::string_view sql, std::span<const Param> params,
                                  const std::function<void(const Row&)>& each) = 0;

  // Like query, for a caller that can wait for the rows until settle(): several questions then cost
  // one round trip where the database is another process. `each` is called by any later call, so
  // what it refers to must live until settle(), or until a call has failed.
  Result<void> ask(std::string_view sql, Params params, std::function<void(const Row&)> each) {
    return ask_span(sql, {params.begin(), params.size()}, std::move(each));
  }
  virtual Result<void> ask_span(std::string_view sql, std::span<const Param> params,
                                std::function<void(const Row&)> each) {
    return query_span(sql, params, each);
  }
  virtual Result<void> settle() { return {}; }

  // The first row through `map`, or nothing when there is none.
  template <typename Map>
  auto find(std::string_view sql, Params params, Map&& map)
      -> Result<std::optional<std::invoke_result_t<Map, const Row&>>> {
    std::optional<std::invoke_result_t<Map, const Row&>> found;
    TRY(query(sql, params, [&](const Row& row) {
      if (!found) found = map(row);
    }));
    return found;
  }
};

// What happened, as a caller tells it; see docs/formats/events.md.
struct EventDraft {
  std::string kind;     // "endpoint.deployed": noun, then what happened to it
  std::string subject;  // "endpoints/flight-delay"
  // User, "pipeline:..." or "system".
  std::string actor = base::acting_user_or("system");
  JsonObject payload;
  std::optional<base::Timestamp> event_time;  // when it was true; arrival time when left out
  std::string workspace = "default";
};

struct Event {
  std::int64_t sequence = 0;
  base::Timestamp event_time;
  base::Timestamp arrival_time;  // stamped by the database's clock
  std::string workspace, actor, kind, subject, payload;
};

// A transaction that may write. After a statement has failed the body must return an error.
class Tx : public Reader {
 public:
  // Number of rows changed. A violated UNIQUE or PRIMARY KEY is kAlreadyExists, another constraint
  // kFailedPrecondition.
  Result<std::int64_t> execute(std::string_view sql, Params params = {}) {
    return execute_span(sql, {params.begin(), params.size()});
  }
  virtual Result<std::int64_t> execute_span(std::string_view sql,
                                            std::span<const Param> params) = 0;

  // Inserts one row: the number that `column`, the counting primary key, was given. Nothing: the
  // row was left out (ON CONFLICT DO NOTHING). SQLite takes half the time of INSERT ... RETURNING,
  // whose results it keeps in a table of their own.
  Result<std::optional<std::int64_t>> insert(std::string_view sql, std::string_view column,
                                             Params params) {
    return insert_span(sql, column, {params.begin(), params.size()});
  }
  virtual Result<std::optional<std::int64_t>> insert_span(std::string_view sql,
                                                          std::string_view column,
                                                          std::span<const Param> params) = 0;

  // Like execute, for a caller that doesn't need the count: the statement may still be under way
  // when this returns. Its error is then the outcome of a later call, or of the whole write. Saves
  // a round trip each where the database is another process.
  Result<void> send(std::string_view sql, Params params = {}) {
    return send_span(sql, {params.begin(), params.size()});
  }
  virtual Result<void> send_span(std::string_view sql, std::span<const Param> params) = 0;

  // After rows of `table` were written with numbers of the caller's own in `column`, its counting
  // primary key: numbers that the database gives out itself are greater than all of them.
  virtual Result<void> count_on_from(std::string_view table, std::string_view column) = 0;

  // Commits or vanishes with the transaction.
  virtual Result<void> append_event(const EventDraft& draft) = 0;
};

// What one caller brings to a write that is done for many at once; a kind derives from it.
struct JointItem {
  Result<void> outcome;  // of this item alone, when the write itself has succeeded
};

// A kind of write that is done for many callers at once: where each alone would read and write a
// few rows, one body does it for all of them with a few statements.
class JointWrite {
 public:
  virtual ~JointWrite() = default;
  // As the body of Db::write, and it may run more than once just so, with fresh outcomes. It acts
  // for nobody. `items` is not empty. What is wrong with one item goes into its outcome, and
  // nothing of that item is written; an error undoes the work of all and is everybody's outcome.
  virtual Result<void> run(Tx& tx, std::span<JointItem* const> items) = 0;
};

// One step forward of a room's tables. Numbers count from 1 per room, without gaps; a released one
// never changes.
struct Migration {
  int number = 0;
  std::string_view sql;  // statements separated by ';'
};
struct RoomMigrations {
  std::string_view room;
  std::vector<Migration> steps;
};

// When a write is safe from a power failure. A kill takes nothing back once the call has returned;
// a failure before that also takes events that were shown, and gives their sequences again.
enum class Durable {
  kNow,   // when the call returns
  kSoon,  // within milliseconds: for what is done again when the machine has failed
};

// Safe to use from several threads.
class Db {
 public:
  virtual ~Db() = default;

  // Runs `body` in a transaction and returns when its effects are as durable as is asked. An error
  // from `body` undoes what it did.
  //
  // Writes happen one after the other, as if nobody else wrote, also where several servers share
  // the database. They are grouped: many bodies run under a single commit. A body may
  // run more than once (the connection broke, a neighbour failed), so it must have no side effects
  // outside the transaction but values that it sets anew, must not call back into the Db, and must
  // be quick. On whatever thread it runs, it acts for the caller's user.
  template <typename Body>
  auto write(Body&& body, Durable durable = Durable::kNow) -> std::invoke_result_t<Body, Tx&> {
    using R = std::invoke_result_t<Body, Tx&>;
    using T = typename R::value_type;
    const std::string_view user = base::acting_user();
    if constexpr (std::is_void_v<T>) {
      return run_write(
          [&](Tx& tx) -> Result<void> {
            const base::ActingAs acting(user);
            return body(tx);
          },
          durable);
    } else {
      std::optional<T> value;
      Result<void> done = run_write(
          [&](Tx& tx) -> Result<void> {
            const base::ActingAs acting(user);
            R result = body(tx);
            if (!result) return std::move(result).error();
            value = std::move(result).value();
            return {};
          },
          durable);
      if (!done) return std::move(done).error();
      return std::move(*value);
    }
  }

  // Has `joint` do `item`, together with others of its kind that wait at the same time. Returns
  // when it is durable.
  Result<void> write_jointly(JointWrite& joint, JointItem& item) {
    TRY(run_joint_write(joint, item));
    return std::move(item.outcome);
  }

  // Runs `body` against one snapshot; sees everything committed before the call.
  template <typename Body>
  auto read(Body&& body) -> std::invoke_result_t<Body, Reader&> {
    using R = std::invoke_result_t<Body, Reader&>;
    std::optional<R> result;
    Result<void> done = run_read([&](Reader& reader) -> Result<void> {
      result = body(reader);
      return {};
    });
    if (!done) return std::move(done).error();
    return std::move(*result);
  }

  // Whether this Db is the one, of those that share the database, for work that only one may do.
  // The first to ask is, until it is destroyed; asking again may change a no, never a yes.
  virtual Result<bool> lead() { return true; }

  // Brings every room's tables to the newest step, each room in one transaction.
  // kFailedPrecondition: the database was written by a newer build.
  virtual Result<void> migrate(const std::vector<RoomMigrations>& rooms) = 0;

  struct Space {
    std::int64_t given_back_bytes = 0;  // to the file system, by this call
    std::int64_t free_bytes = 0;        // that new rows will take first
  };
  // Gives pages that deletes have freed back, at most so many bytes, a little at a time between
  // other writes. Zeros where the database does that by itself.
  virtual Result<Space> give_back_space(std::int64_t /*bytes_max*/) { return Space(); }

  // After rows were deleted for good: sees to it that no file of the database has their bytes any
  // more, also not where they lay before, and not its log. Slow; other writes wait meanwhile.
  // Returns where there may be some all the same and until when, in words; empty: nowhere.
  // kStorageFull, kUnavailable: there may be, and the rows are deleted none the less.
  virtual Result<std::string> scrub() = 0;

 protected:
  virtual Result<void> run_write(const std::function<Result<void>(Tx&)>& body, Durable durable) = 0;
  virtual Result<void> run_joint_write(JointWrite& joint, JointItem& item) = 0;
  virtual Result<void> run_read(const std::function<Result<void>(Reader&)>& body) = 0;
};

}  // namespace slipway::store
