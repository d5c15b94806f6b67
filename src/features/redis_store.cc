#include "features/redis_store.h"

#include <hiredis/hiredis.h>

#include <charconv>
#include <set>

#include "base/http_client.h"
#include "base/mutex.h"
#include "base/text.h"
#include "features/packed_rows.h"

namespace slipway::features {
namespace {

using Table = OnlineStore::Table;
using Command = std::vector<std::string_view>;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

bool is_text(const redisReply& reply, std::string_view text) {
  return reply.type == REDIS_REPLY_STRING && text_of(reply) == text;
}

timeval timeval_of(std::chrono::milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

Error unavailable(std::string_view what) {
  return base::error(Code::kUnavailable, "the online store (Redis) does not answer: {}", what);
}

// One connection; used by one thread at a time. After an error it is of no use.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const RedisOptions& options) {
    const RedisAddress& address = options.address;
    std::unique_ptr<Connection> connection(new Connection());
    connection->context_.reset(
        redisConnectWithTimeout(address.host.c_str(), address.port, timeval_of(options.timeout)));
    redisContext* context = connection->context_.get();
    if (context == nullptr) return unavailable("out of memory");
    if (context->err != 0) return unavailable(context->errstr);
    redisSetTimeout(context, timeval_of(options.timeout));
    redisEnableKeepAlive(context);
    std::vector<Command> greeting;
    if (!address.password.empty()) {
      greeting.push_back(address.user.empty() ? Command{"AUTH", address.password}
                                              : Command{"AUTH", address.user, address.password});
    }
    const std::string database = std::to_string(address.database);
    if (address.database != 0) greeting.push_back({"SELECT", database});
    TRY(connection->ask(greeting));
    connection->run_ = TRY(connection->info("server", "run_id"));
    return connection;
  }

  // Which start of which server this one leads to; empty: it doesn't say.
  const std::string& run() const { return run_; }

  // A field of INFO; empty: who we are may not ask, or there is none.
  Result<std::string> info(std::string_view section, std::string_view field) {
    const Command command = {"INFO", section};
    const std::vector<Reply> replies = TRY(ask({&command, 1}, Refusal::kIsAnAnswer));
    if (replies[0]->type == REDIS_REPLY_ERROR) return std::string();
    const std::string_view lines = text_of(*replies[0]);
    const std::string mark = fmt::format("\n{}:", field);
    const std::size_t at = lines.find(mark);
    if (at == std::string_view::npos) return std::string();
    const std::string_view rest = lines.substr(at + mark.size());
    return std::string(rest.substr(0, rest.find_first_of("\r\n")));
  }

  // Sends all, then reads all answers. An answer that is an error is an error of all.
  enum class Refusal { kIsAnError, kIsAnAnswer };
  Result<std::vector<Reply>> ask(std::span<const Command> commands,
                                 Refusal refusal = Refusal::kIsAnError) {
    std::vector<const char*> words;
    std::vector<std::size_t> lengths;
    for (const Command& command : commands) {
      words.clear();
      lengths.clear();
      for (const std::string_view word : command) {
        words.push_back(word.data());
        lengths.push_back(word.size());
      }
      if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(),
                                 lengths.data()) != REDIS_OK)
        return broken();
    }
    std::vector<Reply> replies;
    std::optional<std::string> refused;
    for (std::size_t i = 0; i < commands.size(); ++i) {
      void* reply = nullptr;
      if (redisGetReply(context_.get(), &reply) != REDIS_OK) return broken();
      replies.emplace_back(static_cast<redisReply*>(reply));
      // "NOAUTH ...", "OOM ...", "READONLY ...", "MISCONF ...": somebody has to do something.
      if (replies.back()->type == REDIS_REPLY_ERROR && !refused)
        refused = std::string(text_of(*replies.back()));
    }
    if (refused && refusal == Refusal::kIsAnError) return unavailable(*refused);
    return replies;
  }

  bool has_closed() const { return context_->err == REDIS_ERR_EOF; }

 private:
  Connection() = default;
  Error broken() const {
    const bool is_late = context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    return unavailable(is_late ? "it took longer than online-store-timeout-ms"
                               : std::string_view(context_->errstr));
  }

  std::unique_ptr<redisContext, FreeContext> context_;
  std::string run_;
};

class RedisStore final : public OnlineStore {
 public:
  RedisStore(RedisOptions options, base::Random& random)
      : options_(std::move(options)),
        random_(random),
        token_key_(options_.prefix + ":token"),
        tables_key_(options_.prefix + ":tables") {}

  std::string_view name() const override { return "redis"; }
  bool may_wait() const override { return true; }

  // A token says that Redis has what was written: it goes with everything else when Redis starts
  // empty, is flushed or hands over to a copy that has nothing. Which run of which server it was
  // says whether it may have come back with what it had earlier.
  Result<bool> attach() override {
    const std::string fresh = random_.hex(16);
    const std::unique_ptr<Connection> connection = TRY(Connection::open(options_));
    TRY(check_eviction(*connection));
    const std::vector<Command> commands = {{"SET", token_key_, fresh, "NX"}, {"GET", token_key_}};
    const std::vector<Reply> replies = TRY(connection->ask(commands));
    std::string token(text_of(*replies[1]));
    const base::MutexLock lock(mutex_);
    const bool has_all = token_.empty() || (token == token_ && connection->run() == run_);
    idle_.clear();
    token_ = std::move(token);
    run_ = connection->run();
    return has_all;
  }

  Result<void> write(const Batch& batch) override {
    const std::string token = TRY(attached());
    std::vector<std::string> keys;
    std::set<Table> tables;
    for (const Rows& rows : batch.rows) {
      keys.push_back(key_in(rows.table, rows.key));
      tables.insert(rows.table);
    }
    std::vector<std::string> words;  // that commands refer to
    for (const Table table : tables) words.push_back(std::to_string(table));
    for (const auto& [name, text] : batch.notes) words.push_back(note_key(name));
    std::vector<Command> commands = {{"MULTI"}, {"GET", token_key_}};
    for (std::size_t i = 0; i < keys.size(); ++i)
      commands.push_back({"APPEND", keys[i], batch.rows[i].block});
    if (!tables.empty()) {
      commands.push_back({"SADD", tables_key_});
      for (std::size_t i = 0; i < tables.size(); ++i) commands.back().push_back(words[i]);
    }
    for (std::size_t i = 0; i < batch.notes.size(); ++i)
      commands.push_back({"SET", words[tables.size() + i], batch.notes[i].second});
    commands.push_back({"EXEC"});
    const std::vector<Reply> replies = TRY(ask(commands));
    const redisReply& done = *replies.back();
    if (done.type != REDIS_REPLY_ARRAY || done.elements != commands.size() - 2)
      return unavailable("EXEC was refused");
    for (std::size_t i = 0; i < done.elements; ++i) {
      if (done.element[i]->type == REDIS_REPLY_ERROR) return unavailable(text_of(*done.element[i]));
    }
    if (!is_text(*done.element[0], token)) return lost();
    std::vector<std::string_view> ragged;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto length = static_cast<std::size_t>(done.element[i + 1]->integer);
      // One append in so many, so that a key has at most about that many blocks.
      const std::size_t before = length - batch.rows[i].block.size();
      const std::size_t step = kAppendsPerMerge * batch.rows[i].block.size();
      if (length / step != before / step) ragged.push_back(keys[i]);
    }
    if (!ragged.empty()) merge(ragged);
    return {};
  }

  Result<void> read(std::span<const Place> places, const Each& each) const override {
    const std::string token = TRY(attached());
    std::vector<std::string> keys;
    for (const Place& place : places) keys.push_back(key_in(place.table, place.key));
    Command command = {"MGET", token_key_};
    command.insert(command.end(), keys.begin(), keys.end());
    const std::vector<Reply> replies = TRY(ask({&command, 1}));
    const redisReply& values = *replies[0];
    if (values.type != REDIS_REPLY_ARRAY || values.elements != places.size() + 1)
      return unavailable("MGET was answered with something else");
    if (!is_text(*values.element[0], token)) return lost();
    for (std::size_t i = 0; i < places.size(); ++i) {
      const redisReply& value = *values.element[i + 1];
      each(i, value.type == REDIS_REPLY_STRING ? text_of(value) : std::string_view());
    }
    return {};
  }

  Result<std::optional<std::string>> note(const std::string& name) const override {
    const std::string token = TRY(attached()), key = note_key(name);
    const Command command = {"MGET", token_key_, key};
    const std::vector<Reply> replies = TRY(ask({&command, 1}));
    const redisReply& values = *replies[0];
    if (values.type != REDIS_REPLY_ARRAY || values.elements != 2 ||
        !is_text(*values.element[0], token))
      return lost();
    if (values.element[1]->type != REDIS_REPLY_STRING) return std::optional<std::string>();
    return std::optional(std::string(text_of(*values.element[1])));
  }

  Result<std::vector<Table>> tables() const override {
    const Command command = {"SMEMBERS", tables_key_};
    const std::vector<Reply> replies = TRY(ask({&command, 1}));
    std::vector<Table> tables;
    for (std::size_t i = 0; i < replies[0]->elements; ++i) {
      const std::string_view text = text_of(*replies[0]->element[i]);
      Table table = 0;
      std::from_chars(text.data(), text.data() + text.size(), table);
      tables.push_back(table);
    }
    return tables;
  }

  Result<std::string> scrub() override {
    return std::string(
        "files of Redis, where it keeps any, until it writes them anew (BGSAVE, "
        "BGREWRITEAOF)");
  }
  Result<void> drop(Table table) override {
    TRY(each_key(table, [&](std::span<const std::string_view> keys) -> Result<void> {
      Command unlink = {"UNLINK"};
      unlink.insert(unlink.end(), keys.begin(), keys.end());
      TRY(ask({&unlink, 1}));
      return {};
    }));
    const std::string number = std::to_string(table);
    const Command forget = {"SREM", tables_key_, number};
    TRY(ask({&forget, 1}));
    return {};
  }

  Result<void> settle(Table table, std::string_view block) override {
    if (block.empty()) return {};
    return each_key(table, [&](std::span<const std::string_view> keys) -> Result<void> {
      std::vector<Command> ask_lengths;
      for (const std::string_view key : keys) ask_lengths.push_back({"STRLEN", key});
      const std::vector<Reply> lengths = TRY(ask(ask_lengths));
      std::vector<std::string_view> long_ones;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (lengths[i]->integer >= static_cast<long long>(kSettledBytesMin))
          long_ones.push_back(keys[i]);
      }
      merge(long_ones, block);
      return {};
    });
  }

 private:
  static constexpr std::uint64_t kAppendsPerMerge = 16;
  static constexpr std::size_t kIdleMax = 64;

  static Error lost() {
    return base::error(Code::kUnavailable,
                       "the online store (Redis) has lost rows: they are loaded again");
  }
  static std::string glob_quoted(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (std::string_view("*?[]\\^-").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  }
  // Rows that Redis puts out to make room would be missing without a word.
  static Result<void> check_eviction(Connection& connection) {
    const std::string policy = TRY(connection.info("memory", "maxmemory_policy"));
    const std::string limit = TRY(connection.info("memory", "maxmemory"));
    if (!policy.starts_with("allkeys-") || limit.empty() || limit == "0") return {};
    return base::error(Code::kUnavailable,
                       "the online store (Redis) would throw rows away when its memory is full: "
                       "maxmemory-policy is {}, set it to noeviction or volatile-lru",
                       policy);
  }
  std::string key_in(Table table, std::string_view key) const {
    return fmt::format("{}:{}:{}", options_.prefix, table, key);
  }
  std::string note_key(const std::string& name) const { return options_.prefix + ":note:" + name; }

  // Calls `visit` with keys of a table, as Redis has them; with some perhaps twice.
  Result<void> each_key(
      Table table,
      const std::function<Result<void>(std::span<const std::string_view>)>& visit) const {
    const std::string pattern = glob_quoted(options_.prefix) + fmt::format(":{}:*", table);
    std::string cursor = "0";
    do {
      const Command scan = {"SCAN", cursor, "MATCH", pattern, "COUNT", "10000"};
      const std::vector<Reply> replies = TRY(ask({&scan, 1}));
      if (replies[0]->type != REDIS_REPLY_ARRAY || replies[0]->elements != 2)
        return unavailable("SCAN was answered with something else");
      const redisReply& found = *replies[0]->element[1];
      std::vector<std::string_view> keys;
      for (std::size_t i = 0; i < found.elements; ++i) keys.push_back(text_of(*found.element[i]));
      if (!keys.empty()) TRY(visit(keys));
      cursor = text_of(*replies[0]->element[0]);
    } while (cursor != "0");
    return {};
  }

  Result<std::string> attached() const {
    const base::MutexLock lock(mutex_);
    if (token_.empty()) return unavailable("nobody has connected yet");
    return token_;
  }

  // Blocks of a key, and one more, become one, unless somebody adds to it meanwhile: then it's for
  // another time.
  void merge(std::span<const std::string_view> keys, std::string_view more = {}) const {
    for (const std::string_view key : keys) {
      const Result<void> done = on_connection([&](Connection& connection) -> Result<void> {
        const std::vector<Command> look = {{"WATCH", key}, {"GET", key}};
        const std::vector<Reply> replies = TRY(connection.ask(look));
        Result<std::string> merged =
            replies[1]->type == REDIS_REPLY_STRING
                ? merge_rows(std::string(text_of(*replies[1])).append(more))
                : Result<std::string>(std::string());
        if (!merged || merged->empty() || merged->size() == replies[1]->len) {
          const Command leave = {"UNWATCH"};
          TRY(connection.ask({&leave, 1}));
          return {};
        }
        const std::vector<Command> replace = {{"MULTI"}, {"SET", key, *merged}, {"EXEC"}};
        TRY(connection.ask(replace));
        return {};
      });
      if (!done) return;
    }
  }

  Result<std::vector<Reply>> ask(std::span<const Command> commands) const {
    std::vector<Reply> replies;
    TRY(on_connection([&](Connection& connection) -> Result<void> {
      replies = TRY(connection.ask(commands));
      return {};
    }));
    return replies;
  }

  // All that is done on a connection may be done again. One that has waited may have been closed
  // meanwhile: then a new one has to say.
  template <typename Body>
  Result<void> on_connection(Body body) const {
    for (bool is_first = true;; is_first = false) {
      std::unique_ptr<Connection> connection;
      if (is_first) {
        const base::MutexLock lock(mutex_);
        if (!idle_.empty()) {
          connection = std::move(idle_.back());
          idle_.pop_back();
        }
      }
      const bool has_waited = connection != nullptr;
      if (!has_waited) {
        connection = TRY(Connection::open(options_));
        const base::MutexLock lock(mutex_);
        if (connection->run() != run_) return lost();
      }
      Result<void> done = body(*connection);
      if (!done && has_waited && connection->has_closed()) {
        const base::MutexLock lock(mutex_);
        idle_.clear();  // the others will be too
        continue;
      }
      if (done) {
        const base::MutexLock lock(mutex_);
        if (idle_.size() < kIdleMax && connection->run() == run_)
          idle_.push_back(std::move(connection));
      }
      return done;
    }
  }

  const RedisOptions options_;
  base::Random& random_;
  const std::string token_key_, tables_key_;
  mutable base::Mutex mutex_;
  mutable std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);
  std::string token_, run_ GUARDED_BY(mutex_);
};

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view url) {
  const auto wrong = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument,
                       "expected redis://USER:PASSWORD@HOST:PORT/DATABASE: {}", why);
  };
  constexpr std::string_view kScheme = "redis://";
  if (url.starts_with("rediss://")) return wrong("TLS is not spoken");
  if (!url.starts_with(kScheme)) return wrong("it begins otherwise");
  url.remove_prefix(kScheme.size());
  RedisAddress address;
  const auto number = [&](std::string_view text, int high, int& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && out >= 0 && out <= high;
  };
  // A password may have any of the characters that part the rest.
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    const std::size_t colon = std::min(who.find(':'), who.size());
    const auto user = base::percent_decode(who.substr(0, colon));
    const auto password = base::percent_decode(who.substr(std::min(colon + 1, who.size())));
    if (!user || !password) return wrong("a % in user or password is written %25");
    address.user = *user;
    address.password = *password;
    url.remove_prefix(at + 1);
  }
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() && !number(database, 1'000'000, address.database))
      return wrong("the database is no number");
    url = url.substr(0, slash);
  }
  // [::1]:6379
  const std::size_t host_end = url.starts_with('[') ? url.find(']') : 0;
  if (host_end == std::string_view::npos) return wrong("the host's bracket is not closed");
  if (const std::size_t colon = url.find(':', host_end); colon != std::string_view::npos) {
    if (!number(url.substr(colon + 1), 65535, address.port)) return wrong("the port is no number");
    url = url.substr(0, colon);
  }
  if (url.starts_with('[')) url = url.substr(1, url.size() - 2);
  if (url.empty()) return wrong("the host is missing");
  address.host = url;
  return address;
}

std::string shown(const RedisAddress& address) {
  std::string who = base::percent_encode(address.user);
  if (!address.password.empty()) who += ":***";
  const bool is_bracketed = address.host.find(':') != std::string::npos;
  return fmt::format("redis://{}{}{}{}{}:{}/{}", who, who.empty() ? "" : "@",
                     is_bracketed ? "[" : "", address.host, is_bracketed ? "]" : "", address.port,
                     address.database);
}

std::unique_ptr<OnlineStore> make_redis_store(RedisOptions options, base::Random& random) {
  return std::make_unique<RedisStore>(std::move(options), random);
}

}  // namespace slipway::features
