// One suite for all online stores: what they keep, and what the feature store makes of them.
#include "features/online_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "features/breakable_store.h"
#include "features/feature_store.h"
#include "features/packed_rows.h"
#include "features/recomputation.h"
#include "features/redis_store.h"
#include "features/rocksdb_store.h"
#include "features/testing/redis_server.h"
#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
const RowLayout kNumbers{.cells = {CellKind::kNumber}};

testing::RedisServer& redis() {
  static testing::RedisServer server;
  return server;
}

class OnlineStoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<OnlineStore> open(std::uint64_t number = 0) {
    const std::string kind = GetParam();
    if (kind == "memory") return open_memory_store();
    if (kind == "rocksdb")
      return MUST(open_rocksdb_store({.folder = folder_.path() / fmt::format("{}", number)}));
    return make_redis_store(
        {.address = MUST(parse_redis_url(redis().url())),
         .prefix = fmt::format("{}/{}", folder_.path().filename().string(), number),
         .timeout = std::chrono::milliseconds(500)},
        random_);
  }
  bool outlives() const { return std::string_view(GetParam()) != "memory"; }

  static std::string row(std::int64_t event, double number) {
    BlockWriter block(kNumbers, 1, {event});
    block.row(event, event, 0);
    block.number(number);
    return block.finish();
  }
  static std::vector<double> numbers(OnlineStore& store, OnlineStore::Table table,
                                     std::string_view key) {
    std::vector<double> numbers;
    const OnlineStore::Place place{table, key};
    MUST(store.read({&place, 1}, [&](std::size_t, std::string_view bytes) {
      std::string scratch;
      const PackedRows rows = MUST(PackedRows::open(kNumbers, bytes, scratch));
      for (std::size_t i = 0; i < rows.size(); ++i) numbers.push_back(rows.number_cell(i, 0));
    }));
    return numbers;
  }

  store::testing::TempFolder folder_;
  base::SystemRandom random_;
};

// In RocksDB a key may be in logs, tables and manifests, of which it keeps old ones for a while.
TEST_P(OnlineStoreTest, WhatWasDroppedIsInNoFileOnceItIsScrubbed) {
  auto store = open();
  ASSERT_TRUE(store->attach());
  ASSERT_TRUE(store->write({.rows = {{1, "zebulon", row(10, 1)}}, .notes = {{"n", "one"}}}));
  ASSERT_TRUE(store->settle(1, {}));
  ASSERT_TRUE(store->write({.rows = {{1, "zebulon", row(20, 2)}, {2, "ann", row(10, 3)}}}));
  const auto has = [&](std::string_view text) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  };
  const bool has_files = std::string_view(GetParam()) == "rocksdb";
  EXPECT_EQ(has("zebulon"), has_files);
  ASSERT_TRUE(store->drop(1));
  EXPECT_EQ(has("zebulon"), has_files);
  const std::string left = MUST(store->scrub());
  EXPECT_EQ(left.empty(), std::string_view(GetParam()) != "redis");
  EXPECT_FALSE(has("zebulon"));
  EXPECT_EQ(has("ann"), has_files);
  EXPECT_EQ(numbers(*store, 2, "ann"), std::vector<double>{3});
  if (!outlives()) return;
  store.reset();
  store = open();
  ASSERT_TRUE(store->attach());
  EXPECT_FALSE(has("zebulon"));
  EXPECT_EQ(numbers(*store, 2, "ann"), std::vector<double>{3});
  EXPECT_EQ(MUST(store->note("n")), "one");
}

TEST_P(OnlineStoreTest, RowsAreAddedByTableAndKey) {
  auto store = open();
  ASSERT_TRUE(store->attach());
  const std::string odd("a\0:*\xff", 5);
  ASSERT_TRUE(
      store->write({.rows = {{1, "a", row(10, 1)}, {1, odd, row(10, 2)}, {2, "a", row(10, 3)}},
                    .notes = {{"n", "one"}, {"m", ""}}}));
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(store->write({.rows = {{1, "a", row(200 - i, i)}}, .notes = {{"n", "two"}}}));
  const auto many = numbers(*store, 1, "a");
  ASSERT_EQ(many.size(), 101u);
  EXPECT_EQ(many.front(), 1);
  EXPECT_EQ(many[1], 99);
  EXPECT_EQ(many.back(), 0);
  EXPECT_EQ(numbers(*store, 1, odd), std::vector<double>{2});
  EXPECT_EQ(numbers(*store, 2, "a"), std::vector<double>{3});
  EXPECT_EQ(numbers(*store, 2, "b"), std::vector<double>{});
  EXPECT_EQ(store->note("n").value(), "two");
  EXPECT_EQ(store->note("m").value(), "");
  EXPECT_EQ(store->note("o").value(), std::nullopt);

  std::vector<std::string> keys;
  OnlineStore::Batch batch;
  for (int i = 0; i < 1'000; ++i) {
    keys.push_back(std::to_string(i));
    batch.rows.push_back({3, keys.back(), row(1, i)});
  }
  ASSERT_TRUE(store->write(batch));
  std::vector<OnlineStore::Place> places;
  for (const std::string& key : keys) places.push_back({3, key});
  places.push_back({3, "none"});
  std::size_t seen = 0, empty = 0;
  ASSERT_TRUE(store->read(places, [&](std::size_t place, std::string_view bytes) {
    std::string scratch;
    const auto rows = PackedRows::open(kNumbers, bytes, scratch).value();
    bytes.empty() ? ++empty : ++seen;
    EXPECT_TRUE(bytes.empty() || rows.number_cell(0, 0) == static_cast<double>(place));
  }));
  EXPECT_EQ(seen, 1'000u);
  EXPECT_EQ(empty, 1u);

  auto tables = store->tables().value();
  std::ranges::sort(tables);
  EXPECT_EQ(tables, (std::vector<OnlineStore::Table>{1, 2, 3}));
  ASSERT_TRUE(store->drop(1));
  EXPECT_TRUE(numbers(*store, 1, "a").empty());
  EXPECT_TRUE(numbers(*store, 1, odd).empty());
  EXPECT_EQ(numbers(*store, 2, "a"), std::vector<double>{3});
  EXPECT_EQ(numbers(*store, 3, "7"), std::vector<double>{7});

  if (!outlives()) return;
  store.reset();
  store = open();
  ASSERT_TRUE(store->attach());
  EXPECT_TRUE(numbers(*store, 1, "a").empty());
  EXPECT_EQ(numbers(*store, 2, "a"), std::vector<double>{3});
  EXPECT_EQ(store->note("n").value(), "two");
}

TEST_P(OnlineStoreTest, ManyWritersLoseNothingWhileTheyAreRead) {
  auto store = open();
  ASSERT_TRUE(store->attach());
  std::atomic<bool> is_over = false;
  std::thread reader([&] {
    for (std::size_t before = 0; !is_over;) {
      const std::size_t now = numbers(*store, 1, "k").size();
      EXPECT_GE(now, before);
      before = now;
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 200; ++i)
        EXPECT_TRUE(store->write({.rows = {{1, "k", row(4 * i + w, 1)}}, .notes = {}}));
    });
  }
  for (std::thread& writer : writers) writer.join();
  is_over = true;
  reader.join();
  EXPECT_EQ(numbers(*store, 1, "k").size(), 800u);
}

// A feature store over the online store, beside one over memory that is never opened again.
class OnlineFeaturesTest : public OnlineStoreTest {
 protected:
  struct Features {
    Features(testing::MemoryTables& tables, const base::Clock& clock,
             const std::filesystem::path& file, base::Random& random)
        : tables_(tables),
          clock_(clock),
          db_(MUST(store::open_sqlite({.file = file}, clock, random))) {
      MUST(db_->migrate({migrations()}));
    }
    void open(std::unique_ptr<OnlineStore> online, FeatureStore::Options options,
              std::string_view yaml = testing::kTripsYaml) {
      store = std::make_unique<FeatureStore>(*db_, tables_, clock_, std::move(online), options);
      MUST(store->set_definitions(MUST(parse_definitions(yaml))));
    }
    testing::MemoryTables& tables_;
    const base::Clock& clock_;
    std::unique_ptr<store::Db> db_;
    std::unique_ptr<FeatureStore> store;
  };

  // One that is under way, and has done some rows.
  static void stop_a_load(FeatureStore& store) {
    const auto has_some = [&] {
      const MaterializationProgress progress = store.progress();
      return progress.is_running && progress.rows_done >= 300;
    };
    while (!has_some()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    store.stop();
  }
  static std::vector<std::pair<std::string, Value>> request(std::int64_t carrier,
                                                            std::int64_t minute) {
    return {{"carrier", std::string(1, static_cast<char>('A' + carrier))},
            {"place", std::string("X")},
            {"asked_at", types::Timestamp{minute * kMinute}}};
  }
};

// Random histories: rows that are late, come twice, or again with another delay and arrival; pushed
// and materialized, all and little by little; the server starts anew in between. From seed 7 on
// rows correct others.
TEST_P(OnlineFeaturesTest, AnswersAsMemoryDoesWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const bool is_corrected = seed > 6;
    const std::string yaml = is_corrected
                                 ? testing::with_corrections(std::string(testing::kTripsYaml))
                                 : std::string(testing::kTripsYaml);
    SCOPED_TRACE(seed);
    store::testing::TempFolder folder;
    base::SeededRandom random(seed);
    const auto below = [&](std::uint64_t n) {
      return static_cast<std::int64_t>(random.next_u64() % n);
    };
    testing::MemoryTables tables = testing::random_trips(seed, 300);
    if (is_corrected) testing::correct_some(tables, seed);
    const types::Frame all = tables.tables["trips"].frame;
    base::ManualClock clock{{100'000 * kMinute}};
    Features kept(tables, clock, folder.path() / "a.db", random_),
        oracle(tables, clock, folder.path() / "b.db", random_);
    // Reads are exact for so long before the newest row.
    const std::int64_t history_minutes = seed % 2 == 0 ? 2'000 : 10'000;
    const FeatureStore::Options options{.history = types::Duration{history_minutes * kMinute}};
    kept.open(open(seed), options, yaml);
    oracle.open(open_memory_store(), FeatureStore::Options(), yaml);
    std::int64_t moment = 0;
    int id = 10'000;
    JsonArray before;
    for (int step = 0; step < 25; ++step) {
      const auto what = below(8);
      if (what < 5) {
        JsonArray rows;
        for (std::int64_t n = 1 + below(30); n-- > 0;) {
          if (!before.empty() && below(4) == 0) {
            JsonObject again = before[static_cast<std::size_t>(below(before.size()))].get_object();
            if (below(2) == 0) {
              again["delay"] = below(100);
              again["known_at"] = again["known_at"].to_number<std::int64_t>() + kMinute;
              if (is_corrected && below(2) == 0) {
                again["landed_at"] =
                    again["landed_at"].to_number<std::int64_t>() + (below(400) - 200) * kMinute;
              }
            }
            rows.push_back(again);
          } else {
            const std::int64_t event = moment + below(300) - (below(5) == 0 ? 1'000 : 0);
            JsonObject row{{"id", ++id},
                           {"carrier", std::string(1, static_cast<char>('A' + below(3)))},
                           {"place", std::string(1, static_cast<char>('X' + below(3)))},
                           {"landed_at", event * kMinute},
                           {"known_at", (event + (below(3) == 0 ? below(500) : 0)) * kMinute}};
            if (below(10) > 0) row["delay"] = static_cast<double>(below(1'000)) / 7 - 20;
            // Of the dataset's trips, of one that was told of before, or a new one.
            if (is_corrected) row["trip"] = below(3) == 0 ? below(300) : id - below(3);
            rows.push_back(row);
          }
          before.push_back(rows.back());
        }
        const auto pushed = kept.store->push("landings", rows);
        ASSERT_TRUE(pushed) << pushed.error().message;
        EXPECT_EQ(*pushed, oracle.store->push("landings", rows).value());
        moment += below(200);
      } else if (what == 5) {
        const types::Timestamp until{moment * kMinute};
        ASSERT_TRUE(kept.store->materialize({.as_of = until}));
        ASSERT_TRUE(oracle.store->materialize({.as_of = until}));
      } else if (what == 6) {
        // The dataset has grown by what had arrived; memory loads all of it anew.
        const types::Timestamp until{moment * kMinute};
        if (kept.store->materialized().value().value_or(until) <= until) {
          ASSERT_TRUE(kept.store->materialize({.as_of = until, .is_incremental = true}));
          ASSERT_TRUE(oracle.store->materialize({.as_of = until}));
        }
      } else if (outlives()) {
        kept.store.reset();  // two can't have a folder
        kept.open(open(seed), options, yaml);
      }
      for (int i = 0; i < 20; ++i) {
        const std::int64_t minute = std::max<std::int64_t>(0, moment + 300 - below(1'500)),
                           carrier = below(3);
        const auto ours = kept.store->lookup("trips", request(carrier, minute), std::nullopt);
        ASSERT_TRUE(ours) << ours.error().message;
        const auto theirs =
            oracle.store->lookup("trips", request(carrier, minute), std::nullopt).value();
        ASSERT_EQ(*ours, theirs) << "step " << step << " minute " << minute;
        const std::vector<Value> key = {std::string(1, static_cast<char>('A' + carrier))};
        const std::vector<types::Timestamp> at = {{minute * kMinute}};
        for (const char* view : {"carrier", "newest"}) {
          const auto seen = kept.store->read_rows(view, key, at).value().sights[0],
                     right = oracle.store->read_rows(view, key, at).value().sights[0];
          ASSERT_EQ(seen.seen, right.seen);
          ASSERT_EQ(seen.event_time, right.event_time);
        }
      }
    }
  }
}

// Tiles of `values` keep each different value and how often it is there; those of `tiled` don't.
constexpr std::string_view kTiledYaml = R"yaml(
features:
  sources:
    landings: {dataset: trips, event_time: landed_at, arrival_time: known_at}
  views:
    tiled:
      source: landings
      keys: [carrier]
      windows: [1h, 24h]
      resolution: 30m
      aggregates: {landed: count(), told: count(delay), sum: sum(delay), mean: mean(delay), late: mean(delay > 15), worst: max(delay), best: min(delay),
                   first: first(delay), last: last(place), least: min(place), newest: max(landed_at)}
    values:
      source: landings
      keys: [carrier]
      windows: [1h, 24h]
      resolution: 30m
      aggregates: {landed: count(), mid: "quantile(delay, 0.5)", variance: variance(delay), places: distinct(place), top: "top_k(place, 2)", tens: mode(floor(delay / 10))}
  services:
    trips:
      event_time: asked_at
      request: {carrier: string, place: string, asked_at: timestamp}
      features: [tiled, values]
)yaml";

// Over rows that correct others.
constexpr std::string_view kCorrectedYaml = R"yaml(
features:
  sources:
    landings: {dataset: trips, event_time: landed_at, arrival_time: known_at, deduplication_key: [trip]}
  views:
    tiled:
      source: landings
      keys: [carrier]
      windows: [1h, 24h]
      aggregates: {landed: count(), told: count(delay), sum: sum(delay), mean: mean(delay), late: mean(delay > 15), worst: max(delay), best: min(delay),
                   first: first(delay), last: last(place), least: min(place), newest: max(landed_at), mid: "quantile(delay, 0.5)",
                   variance: variance(delay), places: distinct(place), top: "top_k(place, 2)", tens: mode(floor(delay / 10))}
    newest: {source: landings, keys: [carrier], ttl: 6h, columns: {delay: delay, place: place}}
  services:
    trips:
      event_time: asked_at
      request: {carrier: string, place: string, asked_at: timestamp}
      features: [tiled, newest]
)yaml";

// What is served while rows arrive, late and again, by pushes and materializations, over restarts,
// is what a training set has of those moments, and what they are computed from again: to the bit.
// From seed 9 on there are corrections, and no tiles.
TEST_P(OnlineFeaturesTest, ServesWhatTrainingSetsHave) {
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    const bool is_corrected = seed > 8;
    SCOPED_TRACE(seed);
    store::testing::TempFolder folder;
    base::SeededRandom random(seed);
    const auto below = [&](std::uint64_t n) {
      return static_cast<std::int64_t>(random.next_u64() % n);
    };
    testing::MemoryTables tables = testing::random_trips(seed, 500);
    if (is_corrected) testing::correct_some(tables, seed);
    const types::Frame trips = tables.tables["trips"].frame;
    const types::Column &landed = *trips.find("landed_at"), &known = *trips.find("known_at"),
                        &carrier = *trips.find("carrier"), &delay = *trips.find("delay");
    std::vector<std::size_t> order;
    for (std::size_t row = 0; row < trips.rows(); ++row) {
      if (landed.is_valid(row)) order.push_back(row);
    }
    std::ranges::sort(order, {}, [&](std::size_t row) { return known.ints[row]; });
    const auto row_of = [&](std::size_t row) {
      JsonObject object{{"id", trips.find("id")->ints[row]},
                        {"carrier", carrier.strings[row]},
                        {"place", trips.find("place")->strings[row]},
                        {"landed_at", landed.ints[row]},
                        {"known_at", known.ints[row]}};
      if (delay.is_valid(row)) object["delay"] = delay.doubles[row];
      if (is_corrected && trips.find("trip")->is_valid(row))
        object["trip"] = trips.find("trip")->ints[row];
      return object;
    };
    base::ManualClock clock;
    Features features(tables, clock, folder.path() / "a.db", random_);
    const auto reopen = [&] {
      features.store.reset();
      features.store = std::make_unique<FeatureStore>(
          *features.db_, tables, clock, open(seed),
          FeatureStore::Options{.history = types::Duration{60 * kMinute}});
      ASSERT_TRUE(features.store->set_definitions(
          MUST(parse_definitions(is_corrected ? kCorrectedYaml : kTiledYaml))));
    };
    reopen();
    std::vector<std::vector<Value>> served;
    ServedRequests asked;
    for (const auto& [name, type] : {std::pair("carrier", types::ColumnType::kString),
                                     std::pair("place", types::ColumnType::kString),
                                     std::pair("asked_at", types::ColumnType::kTimestamp)})
      asked.columns.push_back(types::Column::of_type(name, type));
    for (std::size_t next = 0; next < order.size();) {
      const std::size_t until =
          std::min(order.size(), next + 1 + static_cast<std::size_t>(below(12)));
      // All that had arrived with the last of them; others that arrived then come with the next.
      std::int64_t now = known.ints[order[until - 1]];
      std::size_t last = until;
      while (last < order.size() && known.ints[order[last]] == now) ++last;
      clock.set({now});
      if (below(6) == 0) {  // by the dataset alone
        ASSERT_TRUE(features.store->materialize({.as_of = {now}, .is_incremental = below(2) == 0}));
      } else {
        JsonArray rows;
        for (std::size_t i = next; i < last; ++i) rows.push_back(row_of(order[i]));
        for (std::int64_t i = below(6); i-- > 0;)  // once more, whoever brought them before
          rows.push_back(row_of(order[static_cast<std::size_t>(below(last))]));
        ASSERT_TRUE(features.store->push("landings", rows));
      }
      next = last;
      if (below(8) == 0) reopen();
      if (next < order.size())
        now += below(static_cast<std::uint64_t>(known.ints[order[next]] - now));
      for (std::int64_t of = 0; of < 3; ++of) {
        const auto values = features.store->lookup("trips", request(of, 0), types::Timestamp{now});
        ASSERT_TRUE(values) << values.error().message;
        served.push_back(*values);
        asked.columns[0].append_string(std::string(1, static_cast<char>('A' + of)));
        asked.columns[1].append_string("X");
        asked.columns[2].append_int(now);
        asked.times.push_back(now);
      }
    }
    testing::MemoryTables::Table& entities = tables.tables["asked"];
    for (const types::Column& column : asked.columns) MUST(entities.frame.add(column));
    entities.arrival = "asked_at";
    const types::Frame trained =
        features.store
            ->history({.service = "trips", .entities = "asked", .as_of = {20'000 * kMinute}})
            .value()
            .frame;
    const auto again =
        MUST(Recomputation::of(*features.store, *features.store->definitions(), "trips", asked))
            .values();
    const auto outputs = features.store->outputs("trips").value();
    ASSERT_EQ(trained.rows(), served.size());
    for (std::size_t row = 0; row < served.size(); ++row) {
      const std::int64_t now = asked.times[row];
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        ASSERT_EQ(served[row][o], cell_of(*trained.find(outputs[o].name), row))
            << outputs[o].name << " row " << row << " at " << now / kMinute;
        ASSERT_EQ(served[row][o], cell_of(again[o], row)) << outputs[o].name << " row " << row;
      }
      for (const auto& [window, hours] : {std::pair{"1h", 1}, std::pair{"24h", 24}}) {
        std::int64_t begin = now - hours * 60 * kMinute;
        if (!is_corrected) begin = begin / (30 * kMinute) * (30 * kMinute);  // of 1970 on
        const auto counts = [&](std::size_t trip) {
          return carrier.strings[trip] == asked.columns[0].strings[row] && known.ints[trip] <= now;
        };
        const auto corrects = [&](std::size_t other, std::size_t trip) {
          const types::Column& of = *trips.find("trip");
          return counts(other) && of.is_valid(other) && of.is_valid(trip) &&
                 of.ints[other] == of.ints[trip] &&
                 std::tuple(known.ints[other], landed.ints[other], other) >
                     std::tuple(known.ints[trip], landed.ints[trip], trip);
        };
        double count = 0;
        for (const std::size_t trip : order) {
          if (!counts(trip) || landed.ints[trip] > now || landed.ints[trip] <= begin) continue;
          if (is_corrected &&
              std::ranges::any_of(order, [&](std::size_t other) { return corrects(other, trip); }))
            continue;
          count += 1;
        }
        if (begin >= 0) {
          ASSERT_EQ(cell_of(*trained.find(fmt::format("tiled__landed_{}", window)), row),
                    Value(count));
        }
      }
    }
    if (is_corrected) continue;
    // And they are tiles.
    std::size_t tiles = 0;
    const std::vector<OnlineStore::Table> kept = features.store->online().tables().value();
    for (const OnlineStore::Table table : kept) {
      for (const char of : {'A', 'B', 'C'}) {
        const std::vector<std::size_t> first = {0};
        const std::vector<Value> cells = {std::string(1, of)};
        const std::string key = key_of(cells, first).value();
        const OnlineStore::Place place{table, key};
        MUST(features.store->online().read({&place, 1}, [&](std::size_t, std::string_view bytes) {
          if (Tiles::begin_with(bytes)) tiles += MUST(Tiles::open(bytes)).size();
        }));
      }
    }
    EXPECT_GT(tiles, 20u);
  }
}

TEST_P(OnlineFeaturesTest, AMessageCountsOnceHoweverOftenItIsPushed) {
  testing::MemoryTables tables = testing::random_trips(1, 0);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {});
  // Rows without an id: two that are alike are two messages... and one row.
  const auto landing = [](std::int64_t minute) {
    return JsonObject{{"carrier", "A"},
                      {"landed_at", minute * kMinute},
                      {"known_at", minute * kMinute},
                      {"delay", 1}};
  };
  const auto count = [&] {
    const auto outputs = features.store->outputs("trips").value();
    const auto values = features.store->lookup("trips", request(0, 120), std::nullopt).value();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].name == "carrier__landed_24h") return std::get<double>(values[i]);
    }
    return -1.0;
  };
  StreamPosition position{.stream = "kafka://a/landings", .partition = 3, .offsets = {5, 6}};
  EXPECT_EQ(features.store->push("landings", {landing(100), landing(101)}, position).value(), 2);
  position.offsets = {6, 9};  // its batch overlaps: a consumer that was killed before it committed
  EXPECT_EQ(features.store->push("landings", {landing(105), landing(102)}, position).value(), 1);
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(features.store->push("landings", {landing(110), landing(111)}, position).value(), 0);
  EXPECT_EQ(count(), 3);
  const std::map<std::int64_t, std::int64_t> next = {{3, 10}};
  EXPECT_EQ(features.store->next_offsets("landings", "kafka://a/landings").value(), next);
  position.partition = 4;
  EXPECT_EQ(features.store->push("landings", {landing(110), landing(111)}, position).value(), 2);
  EXPECT_EQ(count(), 5);

  position.offsets = {1};
  EXPECT_EQ(features.store->push("landings", {landing(1), landing(2)}, position).error().code,
            Code::kInvalidArgument);
  position.offsets = {7, 7};
  EXPECT_EQ(features.store->push("landings", {landing(1), landing(2)}, position).error().code,
            Code::kInvalidArgument);
}

// Two views of one source whose columns and keys are the same words, in other roles: each has rows
// of its own. Likewise two sources over one dataset: what is pushed to one is not seen through the
// other.
TEST_P(OnlineFeaturesTest, ViewsThatReadTheSameColumnsKeepRowsOfTheirOwn) {
  testing::MemoryTables tables = testing::random_trips(1, 50);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {});
  ASSERT_TRUE(features.store->set_definitions(MUST(parse_definitions(R"yaml(
features:
  sources:
    landings: {dataset: trips, event_time: landed_at, arrival_time: known_at}
    others: {dataset: trips, event_time: landed_at, arrival_time: known_at}
  views:
    by_carrier: {source: landings, keys: [carrier], columns: {place: place, delay: delay}}
    by_both: {source: landings, keys: [carrier, place], columns: {delay: delay}}
    other: {source: others, keys: [carrier], columns: {place: place, delay: delay}}
  services:
    trips:
      event_time: asked_at
      request: {carrier: string, place: string, asked_at: timestamp}
      features: [by_carrier, by_both, other]
)yaml"))));
  const JsonArray landing = {JsonObject{{"id", 1},
                                        {"carrier", "Z"},
                                        {"place", "X"},
                                        {"landed_at", 100 * kMinute},
                                        {"known_at", 100 * kMinute},
                                        {"delay", 7}}};
  ASSERT_EQ(features.store->push("landings", landing).value(), 1);
  const auto values =
      features.store->lookup("trips", request('Z' - 'A', 200), std::nullopt).value();
  const std::vector<Value> right = {Value(std::string("X")), Value(7.0), Value(7.0), Value(),
                                    Value()};
  EXPECT_EQ(values, right);
}

TEST_P(OnlineFeaturesTest, ManyRowsAreLookedUpAsEachAlone) {
  testing::MemoryTables tables = testing::random_trips(1, 500);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {.history = types::Duration{10'000 * kMinute}});
  ASSERT_TRUE(features.store->materialize({.as_of = {90'000 * kMinute}}));
  std::vector<std::vector<std::pair<std::string, Value>>> requests;
  for (int i = 0; i < 2'100; ++i) requests.push_back(request(i % 4, 2 * i));
  std::vector<FeatureStore::LookupRow> rows;
  for (const auto& one : requests) rows.push_back({one, std::nullopt});
  const std::vector<std::string> wanted = {"newest__delay", "carrier__landed_24h"};
  const auto many = features.store->lookup_rows("trips", rows, wanted).value();
  ASSERT_EQ(many.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); i += 7)
    ASSERT_EQ(many[i], features.store->lookup("trips", requests[i], std::nullopt, wanted).value());
  EXPECT_TRUE(features.store->lookup_rows("trips", {}).value().empty());
  requests[5].pop_back();  // when it is asked for
  rows[5].request = requests[5];
  EXPECT_NE(features.store->lookup_rows("trips", rows).error().message.find("row 5"),
            std::string::npos);
}

// With rows in a store that outlives the server, no dataset is read when it starts.
TEST_P(OnlineFeaturesTest, NothingIsLoadedAtStartWhereRowsAreKept) {
  testing::MemoryTables tables = testing::random_trips(1, 100);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {});
  const std::int64_t rows = features.store->materialize({.as_of = {90'000 * kMinute}}).value();
  ASSERT_GT(rows, 50);
  const auto before = features.store->lookup("trips", request(0, 4'000), std::nullopt).value();
  tables.reads = 0;
  features.store.reset();
  features.open(open(), {});
  EXPECT_EQ(tables.reads > 0, !outlives());
  EXPECT_EQ(features.store->lookup("trips", request(0, 4'000), std::nullopt).value(), before);
  std::optional<types::Timestamp> newest;
  for (const auto& view : features.store->freshness()) {
    if (view.view == "carrier") newest = view.newest;
  }
  ASSERT_TRUE(newest);
  std::int64_t latest = 0;
  const types::Column& landed = *tables.tables["trips"].frame.find("landed_at");
  for (std::size_t i = 0; i < landed.size(); ++i) latest = std::max(latest, landed.ints[i]);
  EXPECT_EQ(newest->micros, latest);
}

// What was loaded stays when a load fails, and the same load goes on where it was.
TEST_P(OnlineFeaturesTest, ALoadThatEndsEarlyGoesOn) {
  testing::MemoryTables tables = testing::random_trips(1, 2'000);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {});
  ASSERT_TRUE(features.store->materialize({.as_of = {1'000 * kMinute}}));
  const auto early = features.store->lookup("trips", request(0, 1'000), std::nullopt).value();
  std::thread stops([&] { stop_a_load(*features.store); });
  const auto ended =
      features.store->materialize({.as_of = {90'000 * kMinute}, .rows_per_second = 1'000});
  stops.join();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kUnavailable);
  EXPECT_EQ(features.store->lookup("trips", request(0, 1'000), std::nullopt).value(), early);
  features.store.reset();
  features.open(open(), {});
  EXPECT_EQ(features.store->lookup("trips", request(0, 1'000), std::nullopt).value(), early);
  const std::int64_t rest = features.store->materialize({.as_of = {90'000 * kMinute}}).value();

  store::testing::TempFolder other;
  Features whole(tables, clock, other.path() / "b.db", random_);
  whole.open(open_memory_store(), {});
  const std::int64_t all = whole.store->materialize({.as_of = {90'000 * kMinute}}).value();
  EXPECT_EQ(rest < all, outlives()) << rest << " of " << all;
  for (std::int64_t minute = 0; minute < 5'000; minute += 97) {
    EXPECT_EQ(features.store->lookup("trips", request(1, minute), std::nullopt).value(),
              whole.store->lookup("trips", request(1, minute), std::nullopt).value());
  }
}

// Rows of two versions of a dataset don't stand beside each other, though the load goes on.
TEST_P(OnlineFeaturesTest, ALoadThatGoesOnHasOneVersionOfADataset) {
  testing::MemoryTables tables = testing::random_trips(1, 2'000);
  base::ManualClock clock{{100'000 * kMinute}};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), {});
  std::thread stops([&] { stop_a_load(*features.store); });
  ASSERT_FALSE(
      features.store->materialize({.as_of = {90'000 * kMinute}, .rows_per_second = 1'000}));
  stops.join();
  features.store.reset();
  tables.tables = testing::random_trips(2, 1'500).tables;
  features.open(open(), {});
  ASSERT_TRUE(features.store->materialize({.as_of = {90'000 * kMinute}}));

  store::testing::TempFolder other;
  Features whole(tables, clock, other.path() / "b.db", random_);
  whole.open(open_memory_store(), {});
  ASSERT_TRUE(whole.store->materialize({.as_of = {90'000 * kMinute}}));
  for (std::int64_t minute = 0; minute < 5'000; minute += 97) {
    EXPECT_EQ(features.store->lookup("trips", request(1, minute), std::nullopt).value(),
              whole.store->lookup("trips", request(1, minute), std::nullopt).value());
  }
}

// A store that was away while the same moment was materialized once more, or a range again, has
// not what was loaded then.
TEST_P(OnlineFeaturesTest, AStoreThatMissedALoadIsLoadedAgain) {
  for (const bool is_range : {false, true}) {
    SCOPED_TRACE(is_range);
    testing::MemoryTables tables = testing::random_trips(1, 300);
    const std::uint64_t first = is_range ? 0 : 2, second = first + 1;
    base::ManualClock clock{{100'000 * kMinute}};
    Features features(tables, clock, folder_.path() / fmt::format("{}.db", first), random_);
    const types::Timestamp until{90'000 * kMinute};
    features.open(open(first), {});
    ASSERT_TRUE(features.store->materialize({.as_of = until}));
    features.store.reset();
    features.open(open(second), {});
    tables.tables = testing::random_trips(1, 600).tables;
    const Materialization again =
        is_range ? Materialization{.from = types::Timestamp{0}} : Materialization{.as_of = until};
    ASSERT_TRUE(features.store->materialize(again));
    const auto right = features.store->lookup("trips", request(1, 4'000), std::nullopt).value();
    features.store.reset();
    features.open(open(first), {});
    EXPECT_EQ(features.store->lookup("trips", request(1, 4'000), std::nullopt).value(), right);
  }
}

// Rows that were kept under another deduplication key, or none, are not read under this one: they
// are loaded again once, while the server runs, and are there after a restart.
TEST_P(OnlineFeaturesTest, WhatAnotherDeduplicationKeyKeptIsNotRead) {
  testing::MemoryTables tables = testing::random_trips(1, 300);
  testing::correct_some(tables, 1);
  base::ManualClock clock{{100'000 * kMinute}};
  const FeatureStore::Options options{.history = types::Duration{10'000 * kMinute}};
  const types::Timestamp until{90'000 * kMinute};
  JsonArray pushed;
  for (int trip = 0; trip < 300; trip += 7) {
    pushed.push_back(JsonObject{{"id", 10'000 + trip},
                                {"carrier", std::string(1, static_cast<char>('A' + trip % 3))},
                                {"place", "X"},
                                {"landed_at", (trip * 10 + 5) * kMinute},
                                {"known_at", (trip * 10 + 900) * kMinute},
                                {"delay", trip},
                                {"trip", trip}});
  }
  const std::string plain(testing::kTripsYaml), by_trip = testing::with_corrections(plain);
  std::string by_both = by_trip;
  by_both.replace(by_both.find("[trip]"), 6, "[trip, place]");
  const auto answers = [&](const FeatureStore& store) {
    std::vector<std::vector<Value>> all;
    for (std::int64_t minute = 0; minute < 5'000; minute += 61)
      all.push_back(store.lookup("trips", request(minute % 3, minute), std::nullopt).value());
    return all;
  };
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), options, plain);
  ASSERT_TRUE(features.store->materialize({.as_of = until}));
  ASSERT_TRUE(features.store->push("landings", pushed));
  std::vector<std::vector<Value>> before;
  for (const std::string& yaml : {plain, by_trip, by_both, by_trip, plain}) {
    SCOPED_TRACE(yaml);
    ASSERT_TRUE(features.store->set_definitions(MUST(parse_definitions(yaml))));
    store::testing::TempFolder other;
    Features whole(tables, clock, other.path() / "b.db", random_);
    whole.open(open_memory_store(), options, yaml);
    ASSERT_TRUE(whole.store->materialize({.as_of = until}));
    ASSERT_TRUE(whole.store->push("landings", pushed));
    const auto right = answers(*whole.store);
    EXPECT_NE(right, before);
    EXPECT_EQ(answers(*features.store), right);
    features.store.reset();
    tables.reads = 0;
    features.open(open(), options, yaml);
    EXPECT_EQ(tables.reads > 0, !outlives());
    EXPECT_EQ(answers(*features.store), right);
    before = right;
  }
}

// What corrects a row of a range may itself lie outside of it.
TEST_P(OnlineFeaturesTest, ARangeThatIsLoadedAgainHasWhatCorrectsItsRows) {
  const std::string yaml = testing::with_corrections(std::string(testing::kTripsYaml));
  testing::MemoryTables tables = testing::random_trips(1, 300);
  testing::correct_some(tables, 1);
  base::ManualClock clock{{100'000 * kMinute}};
  const FeatureStore::Options options{.history = types::Duration{10'000 * kMinute}};
  const types::Timestamp until{90'000 * kMinute};
  Features features(tables, clock, folder_.path() / "a.db", random_);
  features.open(open(), options, yaml);
  ASSERT_TRUE(features.store->materialize({.as_of = until}));
  tables.tables = testing::random_trips(1, 900).tables;
  testing::correct_some(tables, 1);
  ASSERT_TRUE(features.store->materialize(
      {.from = types::Timestamp{0}, .until = types::Timestamp{2'000 * kMinute}}));

  store::testing::TempFolder other;
  Features whole(tables, clock, other.path() / "b.db", random_);
  whole.open(open_memory_store(), options, yaml);
  ASSERT_TRUE(whole.store->materialize({.as_of = until}));
  for (std::int64_t minute = 0; minute < 2'000; minute += 31) {
    EXPECT_EQ(features.store->lookup("trips", request(minute % 3, minute), std::nullopt).value(),
              whole.store->lookup("trips", request(minute % 3, minute), std::nullopt).value())
        << minute;
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, OnlineStoreTest, ::testing::Values("memory", "rocksdb", "redis"),
                         [](const auto& info) { return std::string(info.param); });
INSTANTIATE_TEST_SUITE_P(Stores, OnlineFeaturesTest,
                         ::testing::Values("memory", "rocksdb", "redis"),
                         [](const auto& info) { return std::string(info.param); });

class AwayTest : public ::testing::Test {
 protected:
  AwayTest() { MUST(db_->migrate({migrations()})); }
  void open(std::string_view yaml, std::unique_ptr<OnlineStore> store) {
    features_ = std::make_unique<FeatureStore>(*db_, tables_, clock_, std::move(store),
                                               FeatureStore::Options());
    MUST(features_->set_definitions(MUST(parse_definitions(yaml))));
  }
  Result<double> count() {
    const auto values = TRY(features_->lookup("trips",
                                              {{"carrier", std::string("A")},
                                               {"place", std::string("X")},
                                               {"asked_at", types::Timestamp{200 * kMinute}}},
                                              std::nullopt));
    const auto outputs = TRY(features_->outputs("trips"));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].name == "carrier__landed_24h") return std::get<double>(values[i]);
    }
    return -1.0;
  }
  static JsonArray landing(int id) {
    return {JsonObject{{"id", id},
                       {"carrier", "A"},
                       {"landed_at", 100 * kMinute},
                       {"known_at", 100 * kMinute},
                       {"delay", 1}}};
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{100'000 * kMinute}};
  base::SystemRandom random_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ = testing::random_trips(1, 0);
  std::unique_ptr<FeatureStore> features_;
};

// What a drill takes away is away as another machine would be, and comes back with what it had.
TEST_F(AwayTest, ABreakableStoreGoesAndComesBack) {
  std::atomic<bool> is_gone = false;
  open(testing::kTripsYaml, make_breakable(open_memory_store(), is_gone));
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  ASSERT_EQ(count().value(), 1);
  is_gone = true;
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  EXPECT_EQ(features_->push("landings", landing(2)).error().code, Code::kUnavailable);
  EXPECT_EQ(features_->tend().error().code, Code::kUnavailable);
  EXPECT_EQ(features_->check_readable().error().code, Code::kUnavailable);
  is_gone = false;
  ASSERT_TRUE(features_->tend());
  ASSERT_TRUE(features_->check_readable());
  EXPECT_EQ(count().value(), 2);
  EXPECT_EQ(features_->push("landings", landing(2)).value(), 0);
  features_.reset();  // before the flag
}

class RedisAwayTest : public AwayTest {
 protected:
  RedisAwayTest() { open(testing::kTripsYaml); }
  void open(std::string_view yaml) {
    AwayTest::open(yaml, make_redis_store({.address = MUST(parse_redis_url(server_.url())),
                                           .prefix = "p",
                                           .timeout = std::chrono::milliseconds(200)},
                                          random_));
  }

  testing::RedisServer server_;
};

TEST_F(RedisAwayTest, IsSaidSoonAndWhatWasPushedComesAgain) {
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  ASSERT_EQ(count().value(), 1);
  server_.stop();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  EXPECT_EQ(features_->push("landings", landing(2)).error().code, Code::kUnavailable);
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(features_->tend().error().code, Code::kUnavailable);

  server_.start();  // it has nothing any more
  EXPECT_EQ(count().error().code, Code::kUnavailable) << "nobody has loaded its rows yet";
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), 2);
  ASSERT_EQ(features_->push("landings", landing(3)).value(), 1);
  EXPECT_EQ(features_->push("landings", landing(2)).value(), 0);
  EXPECT_EQ(count().value(), 3);
}

TEST_F(RedisAwayTest, ASlowAnswerIsNotWaitedFor) {
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  server_.pause();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  EXPECT_EQ(features_->push("landings", landing(2)).error().code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  server_.resume();
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), 2);
}

TEST_F(RedisAwayTest, WhatWasFlushedIsLoadedAgain) {
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  ASSERT_EQ(count().value(), 1);
  ASSERT_EQ(server_.ask("FLUSHALL"), "+OK");
  // A read that finds an empty Redis must not take it for an answer.
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), 1);
}

// Redis may have come back with what it wrote to its file a while ago, with our token in it.
TEST_F(RedisAwayTest, WhatAnOlderFileLacksIsBroughtAgain) {
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  ASSERT_EQ(server_.ask("SAVE"), "+OK");
  ASSERT_EQ(features_->push("landings", landing(2)).value(), 1);
  server_.stop();
  server_.start();
  EXPECT_EQ(count().error().code, Code::kUnavailable);
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), 2);
}

// Redis was away when the server started, and had rows of earlier: what is pushed before all has
// been brought says nothing of what was pushed in between.
TEST_F(RedisAwayTest, APushWhileRowsAreBroughtDoesNotHideTheOnesBefore) {
  ASSERT_TRUE(features_->materialize({.as_of = {90'000 * kMinute}}));
  ASSERT_EQ(features_->push("landings", landing(1)).value(), 1);
  features_.reset();
  server_.pause();
  // One more view, whose rows have to be loaded.
  std::string yaml(testing::kTripsYaml);
  yaml.replace(yaml.find("    spread:"), 0,
               "    more: {source: landings, keys: [place], columns: {delay: delay}}\n");
  open(yaml);
  for (int id = 2; id < 6; ++id)
    EXPECT_EQ(features_->push("landings", landing(id)).error().code, Code::kUnavailable);
  server_.resume();
  bool has_pushed = false;
  tables_.on_read = [&] {
    if (!std::exchange(has_pushed, true)) (void)features_->push("landings", landing(6));
  };
  ASSERT_TRUE(features_->tend());
  ASSERT_TRUE(has_pushed);
  EXPECT_EQ(count().value(), 6);
}

// Emptied again and again while the server goes on: nothing is answered that lacks rows, or has
// those of another view.
TEST_F(RedisAwayTest, AnEmptiedRedisUnderAServerIsFilledAgain) {
  ASSERT_TRUE(features_->materialize({.as_of = {90'000 * kMinute}}));
  std::atomic<int> pushed{0};
  std::atomic<bool> is_over{false};
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int id = 1'000 * (w + 1); !is_over; ++id) {
        const auto added = features_->push("landings", landing(id));
        EXPECT_TRUE(added || added.error().code == Code::kUnavailable) << added.error().message;
        ++pushed;  // kept in any case
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (i == 5) {
      EXPECT_TRUE(features_->materialize({.as_of = {90'000 * kMinute}}));
    }
    ASSERT_EQ(server_.ask("FLUSHALL"), "+OK");
    const auto begin = std::chrono::steady_clock::now();
    while (!features_->tend() || !count()) {
      ASSERT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    }
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), pushed);
  const auto values = features_
                          ->lookup("trips",
                                   {{"carrier", std::string("A")},
                                    {"place", std::string("X")},
                                    {"asked_at", types::Timestamp{200 * kMinute}}},
                                   std::nullopt)
                          .value();
  features_ = std::make_unique<FeatureStore>(*db_, tables_, clock_);
  ASSERT_TRUE(features_->set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
  EXPECT_EQ(values, features_
                        ->lookup("trips",
                                 {{"carrier", std::string("A")},
                                  {"place", std::string("X")},
                                  {"asked_at", types::Timestamp{200 * kMinute}}},
                                 std::nullopt)
                        .value());
}

// While rows are loaded for hours, who looks after the store is not kept waiting; and a load gives
// way to a store that has to be brought up to date.
TEST_F(RedisAwayTest, AMaterializationKeepsNobodyWaiting) {
  tables_.tables = testing::random_trips(1, 2'000).tables;
  const Materialization wanted{.as_of = {90'000 * kMinute}};
  bool has_tried = false;
  tables_.on_read = [&] {
    if (std::exchange(has_tried, true)) return;
    std::thread([&] {
      EXPECT_EQ(features_->materialize(wanted).error().code, Code::kConflict);
      EXPECT_TRUE(features_->set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
      server_.pause();
      EXPECT_EQ(features_->push("landings", landing(-1)).error().code, Code::kUnavailable);
      EXPECT_TRUE(features_->tend());  // another time
      server_.resume();
    }).join();
  };
  EXPECT_EQ(features_->materialize(wanted).error().code, Code::kUnavailable);
  EXPECT_FALSE(count());
  ASSERT_TRUE(features_->tend());
  const double before = count().value();
  ASSERT_TRUE(features_->materialize(wanted));
  EXPECT_GT(count().value(), before);
}

// Rows that Redis throws away to make room would be missing without a word.
TEST_F(RedisAwayTest, ARedisThatThrowsRowsAwayIsRefused) {
  ASSERT_EQ(server_.ask("CONFIG SET maxmemory 100mb"), "+OK");
  ASSERT_EQ(server_.ask("CONFIG SET maxmemory-policy allkeys-lru"), "+OK");
  ASSERT_EQ(server_.ask("FLUSHALL"), "+OK");
  EXPECT_FALSE(count());
  const auto refused = features_->tend();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("maxmemory-policy is allkeys-lru"), std::string::npos);
  ASSERT_EQ(server_.ask("CONFIG SET maxmemory-policy noeviction"), "+OK");
  ASSERT_TRUE(features_->tend());
  EXPECT_EQ(count().value(), 0);
}

// Keys that come together, always as many: each of them is merged now and then.
TEST(RedisStore, KeysThatArePushedTogetherStayShort) {
  base::SystemRandom random;
  const auto store = make_redis_store(
      {.address = MUST(parse_redis_url(redis().url())), .prefix = "together"}, random);
  ASSERT_TRUE(store->attach());
  const RowLayout layout{.cells = {CellKind::kNumber}, .keep_seconds = 60};
  std::size_t block_bytes = 0;
  for (int i = 0; i < 1'000; ++i) {
    OnlineStore::Batch batch;
    for (int key = 0; key < 32; ++key) {
      BlockWriter block(layout, 1, {i * kMinute / 60});
      block.row(i * kMinute / 60, i * kMinute / 60, 0);
      block.number(i);
      batch.rows.push_back({1, fmt::format("k{}", key), block.finish()});
      block_bytes = batch.rows.back().block.size();
    }
    ASSERT_TRUE(store->write(batch));
  }
  for (int key = 0; key < 32; ++key) {
    const std::string length = redis().ask(fmt::format("STRLEN together:1:k{}", key));
    EXPECT_LT(std::stoul(length.substr(1)), 100 * block_bytes) << key;
  }
}

TEST(RedisUrl, IsRead) {
  const auto full = parse_redis_url("redis://ada:s@cret@[::1]:7000/12").value();
  EXPECT_EQ(full.host, "::1");
  EXPECT_EQ(full.port, 7000);
  EXPECT_EQ(full.database, 12);
  EXPECT_EQ(full.user, "ada");
  EXPECT_EQ(full.password, "s@cret");
  const auto odd = parse_redis_url("redis://:pa?ss/w%2Fo%40rd@host").value();
  EXPECT_EQ(odd.user, "");
  EXPECT_EQ(odd.password, "pa?ss/w/o@rd");
  EXPECT_EQ(odd.host, "host");
  EXPECT_EQ(shown(odd), "redis://:***@host:6379/0");
  EXPECT_EQ(shown(full), "redis://ada:***@[::1]:7000/12");
  EXPECT_EQ(parse_redis_url("redis://:secret@host:x").error().message.find("secret"),
            std::string::npos);
  const auto least = parse_redis_url("redis://cache").value();
  EXPECT_EQ(least.host, "cache");
  EXPECT_EQ(least.port, 6379);
  EXPECT_EQ(least.database, 0);
  for (const char* bad :
       {"", "redis://", "rediss://h", "http://h", "redis://h:x", "redis://h:99999", "redis://h/x",
        "redis://[::1", "redis://:a%@h", "redis://:6379"})
    EXPECT_FALSE(parse_redis_url(bad)) << bad;
}

}  // namespace
}  // namespace slipway::features
