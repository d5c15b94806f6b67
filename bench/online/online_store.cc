// Reads of online stores without HTTP, beside a bare client of Redis that pipelines the same GETs:
// what the layers above the network cost. One line of JSON.
//
// online_store_bench REDIS_URL FOLDER [KEYS] [COLUMNS]
#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdio>
#include <numeric>

#include "base/random.h"
#include "features/feature_store.h"
#include "features/redis_store.h"
#include "features/rocksdb_store.h"
#include "features/testing/memory_tables.h"
#include "store/sqlite.h"

namespace slipway::features {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kKeysPerRead = 50;

testing::MemoryTables make_tables(std::int64_t keys, int columns) {
  base::SeededRandom random(1);
  testing::MemoryTables tables;
  auto& table = tables.tables["rows"];
  types::Column key = types::Column::of_type("key", types::ColumnType::kInt64),
                at = types::Column::of_type("at", types::ColumnType::kTimestamp);
  for (std::int64_t k = 0; k < keys; ++k) {
    key.append_int(k);
    at.append_int(k);
  }
  MUST(table.frame.add(std::move(key)));
  MUST(table.frame.add(std::move(at)));
  for (int c = 0; c < columns; ++c) {
    types::Column column =
        types::Column::of_type(fmt::format("f{}", c), types::ColumnType::kDouble);
    for (std::int64_t k = 0; k < keys; ++k)
      column.append_double(static_cast<double>(random.next_u64() % 1'000'000) / 1e3);
    MUST(table.frame.add(std::move(column)));
  }
  table.key = {"key"};
  table.arrival = "at";
  return tables;
}

std::string yaml_of(int columns) {
  std::string names;
  for (int c = 0; c < columns; ++c) names += fmt::format("{}f{}: f{}", c == 0 ? "" : ", ", c, c);
  return "features:\n  sources: {rows: {dataset: rows, event_time: at, arrival_time: at}}\n"
         "  views:\n    wide: {source: rows, keys: [key], columns: {" +
         names + "}}\n";
}

// Microseconds a call, at the median of many rounds.
template <typename Call>
double time_of(Call call) {
  std::vector<double> rounds;
  for (int round = 0; round < 30; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < 100; ++i) call();
    rounds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / 100);
  }
  std::ranges::nth_element(rounds, rounds.begin() + 15);
  return rounds[15];
}

double bare_client(const RedisAddress& address, const std::string& prefix, std::int64_t keys) {
  redisContext* redis = redisConnect(address.host.c_str(), address.port);
  CHECK(redis != nullptr && redis->err == 0);
  freeReplyObject(redisCommand(redis, "SELECT %d", address.database));
  base::SeededRandom random(2);
  // What a client would write who knows what is there: the values, and the numbers in them.
  const double micros = time_of([&] {
    for (std::size_t i = 0; i < kKeysPerRead; ++i) {
      const std::string text = std::to_string(random.next_u64() % static_cast<std::uint64_t>(keys));
      const auto length = static_cast<std::uint32_t>(text.size());
      std::string key = prefix + ":2:" + text;
      key.append(reinterpret_cast<const char*>(&length), 4);
      const char* words[] = {"GET", key.data()};
      const std::size_t lengths[] = {3, key.size()};
      redisAppendCommandArgv(redis, 2, words, lengths);
    }
    for (std::size_t i = 0; i < kKeysPerRead; ++i) {
      void* reply = nullptr;
      CHECK(redisGetReply(redis, &reply) == REDIS_OK);
      CHECK(static_cast<redisReply*>(reply)->type == REDIS_REPLY_STRING);
      freeReplyObject(reply);
    }
  });
  redisFree(redis);
  return micros;
}

int run(const std::string& url, const std::filesystem::path& folder, std::int64_t keys,
        int columns) {
  testing::MemoryTables tables = make_tables(keys, columns);
  const base::ManualClock clock{{1'000'000'000}};
  base::SystemRandom random;
  const RedisAddress address = MUST(parse_redis_url(url));
  const std::string prefix = "bench:" + random.hex(4);
  JsonObject out{{"keys", keys}, {"columns", columns}, {"keys_a_read", kKeysPerRead}};
  for (const std::string kind : {"memory", "rocksdb", "redis"}) {
    auto db = MUST(store::open_sqlite({.file = folder / (kind + ".db")}, clock, random));
    MUST(db->migrate({migrations()}));
    std::unique_ptr<OnlineStore> online =
        kind == "memory"    ? open_memory_store()
        : kind == "rocksdb" ? MUST(open_rocksdb_store({.folder = folder / "rocksdb"}))
                            : make_redis_store({.address = address, .prefix = prefix}, random);
    FeatureStore store(*db, tables, clock, std::move(online), FeatureStore::Options());
    MUST(store.set_definitions(MUST(parse_definitions(yaml_of(columns)))));
    const auto begin = Clock::now();
    MUST(store.materialize({.as_of = {keys}}));
    const double loaded = std::chrono::duration<double>(Clock::now() - begin).count();
    base::SeededRandom picks(2);
    std::vector<Value> inputs(kKeysPerRead);
    const std::vector<types::Timestamp> times(kKeysPerRead, {2'000'000});
    const double micros = time_of([&] {
      for (Value& key : inputs)
        key = static_cast<double>(picks.next_u64() % static_cast<std::uint64_t>(keys));
      CHECK(MUST(store.read_rows("wide", inputs, times)).sights[0].seen == Sight::Seen::kRecent);
    });
    const OnlineStore::Size size = store.online().size();
    out[kind] = JsonObject{{"read_us", micros},
                           {"rows_loaded_a_second", static_cast<double>(keys) / loaded},
                           {"memory_bytes", size.memory_bytes},
                           {"disk_bytes", size.disk_bytes}};
    if (kind != "redis") continue;
    // The table of the materialization comes after that of the definitions.
    const double bare = bare_client(address, prefix, keys);
    out["bare client of redis"] = JsonObject{{"read_us", bare}};
    out["redis by bare"] = micros / bare;
  }
  std::puts(base::to_text(out).c_str());
  return 0;
}

}  // namespace
}  // namespace slipway::features

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("online_store_bench REDIS_URL FOLDER [KEYS] [COLUMNS]\n", stderr);
    return 2;
  }
  return slipway::features::run(argv[1], argv[2], argc > 3 ? std::stoll(argv[3]) : 100'000,
                                argc > 4 ? std::stoi(argv[4]) : 50);
}
