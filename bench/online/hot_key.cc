// One key with many events: what it takes and how long a read and a push take, kept as rows and as
// tiles of a resolution. One line of JSON for each store and resolution.
//
// hot_key_bench FOLDER [REDIS_URL] [EVENTS]
#include <chrono>
#include <cstdio>

#include "base/random.h"
#include "features/feature_store.h"
#include "features/redis_store.h"
#include "features/rocksdb_store.h"
#include "features/testing/memory_tables.h"
#include "store/sqlite.h"

namespace slipway::features {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kWeek = types::Duration::days(7).micros;

testing::MemoryTables make_tables(std::int64_t events) {
  base::SeededRandom random(1);
  testing::MemoryTables tables;
  auto& table = tables.tables["clicks"];
  types::Column id = types::Column::of_type("id", types::ColumnType::kInt64),
                shop = types::Column::of_type("shop", types::ColumnType::kString),
                at = types::Column::of_type("at", types::ColumnType::kTimestamp),
                amount = types::Column::of_type("amount", types::ColumnType::kDouble);
  for (std::int64_t i = 0; i < events; ++i) {
    id.append_int(i);
    shop.append_string("hot");
    at.append_int(kWeek / events * i);
    amount.append_double(static_cast<double>(random.next_u64() % 1'000'000) / 1e3);
  }
  for (types::Column* column : {&id, &shop, &at, &amount})
    MUST(table.frame.add(std::move(*column)));
  table.key = {"id"};
  table.arrival = "at";
  return tables;
}

std::string yaml_of(std::string_view resolution) {
  return "features:\n  sources: {clicks: {dataset: clicks, event_time: at, arrival_time: at}}\n"
         "  views:\n    clicks: {source: clicks, keys: [shop], windows: [1h, 24h, 7d]" +
         (resolution.empty() ? "" : fmt::format(", resolution: {}", resolution)) +
         ", aggregates: {n: count(), sum: sum(amount), mean: mean(amount), most: max(amount)}}\n";
}

struct Times {
  double median_us, p99_us;
};
template <typename Call>
Times time_of(int calls, Call call) {
  std::vector<double> all;
  for (int i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    call(i);
    all.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::ranges::sort(all);
  return {all[all.size() / 2], all[all.size() * 99 / 100]};
}

int run(const std::filesystem::path& folder, const std::string& redis, std::int64_t events) {
  testing::MemoryTables tables = make_tables(events);
  base::SystemRandom random;
  std::vector<std::string> kinds = {"memory", "rocksdb"};
  if (!redis.empty()) kinds.emplace_back("redis");
  int number = 0;
  for (const std::string& kind : kinds) {
    for (const std::string resolution : {"", "5m", "1h"}) {
      base::ManualClock clock{{kWeek}};
      const std::string name = fmt::format("{}{}", kind, ++number);
      auto db = MUST(store::open_sqlite({.file = folder / (name + ".db")}, clock, random));
      MUST(db->migrate({migrations()}));
      std::unique_ptr<OnlineStore> online =
          kind == "memory"    ? open_memory_store()
          : kind == "rocksdb" ? MUST(open_rocksdb_store({.folder = folder / name}))
                              : make_redis_store({.address = MUST(parse_redis_url(redis)),
                                                  .prefix = "bench:" + random.hex(4)},
                                                 random);
      FeatureStore store(*db, tables, clock, std::move(online),
                         {.history = types::Duration::hours(24)});
      MUST(store.set_definitions(MUST(parse_definitions(yaml_of(resolution)))));
      MUST(store.materialize({.as_of = {kWeek}}));
      const std::vector<Value> key = {std::string("hot")};
      const auto read = [&](int) {
        const std::vector<types::Timestamp> now = {clock.now()};
        CHECK(MUST(store.read_rows("clicks", key, now)).sights[0].seen == Sight::Seen::kRecent);
      };
      const Times first = time_of(resolution.empty() ? 50 : 2'000, read);
      std::int64_t at = kWeek;
      const Times pushed = time_of(2'000, [&](int i) {
        at += kWeek / events;
        clock.set({at});
        MUST(store.push("clicks", {JsonObject{{"id", events + i},
                                              {"shop", "hot"},
                                              {"at", at},
                                              {"amount", static_cast<double>(i % 1'000) / 7}}}));
      });
      const Times last = time_of(resolution.empty() ? 50 : 2'000, read);
      std::size_t bytes = 0;
      const std::vector<std::size_t> positions = {0};
      const std::string text = *key_of(key, positions);
      const std::vector<OnlineStore::Table> kept = MUST(store.online().tables());
      for (const OnlineStore::Table table : kept) {
        const OnlineStore::Place place{table, text};
        MUST(store.online().read({&place, 1}, [&](std::size_t, std::string_view value) {
          bytes = std::max(bytes, value.size());
        }));
      }
      const JsonObject out{{"store", kind},
                           {"resolution", resolution.empty() ? "rows" : resolution},
                           {"events", events},
                           {"bytes", bytes},
                           {"read_us", first.median_us},
                           {"read_p99_us", first.p99_us},
                           {"read_after_pushes_us", last.median_us},
                           {"push_us", pushed.median_us},
                           {"push_p99_us", pushed.p99_us}};
      std::puts(base::to_text(out).c_str());
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace slipway::features

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("hot_key_bench FOLDER [REDIS_URL] [EVENTS]\n", stderr);
    return 2;
  }
  return slipway::features::run(argv[1], argc > 2 ? argv[2] : "",
                                argc > 3 ? std::stoll(argv[3]) : 1'000'000);
}
