// Tiles against the rows that they are made of: whatever the order in which rows come, and however
// often, what is read of them is what is read of all rows.
#include "features/tiles.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "features/keyed_rows.h"
#include "features/packed_view.h"

namespace slipway::features {
namespace {

constexpr std::int64_t kMinute = 60'000'000;

constexpr std::string_view kYaml = R"yaml(
features:
  sources:
    rides: {dataset: rides, event_time: at, arrival_time: known_at}
  views:
    tiled:
      source: rides
      keys: [who]
      windows: [10m, 1h, 4h]
      resolution: 10m
      aggregates: {rows: count(), paid: count(fare), sum: sum(fare), mean: mean(fare), least: min(fare), most: max(fare), first: first(fare), last: last(fare),
                   from: first(place), to: last(place), a: min(place), z: max(place), told: count(place), early: min(known_at), late: last(known_at),
                   variance: variance(fare), deviation: stddev(floor(fare)), fares: distinct(fare), tens: distinct(floor(fare / 10)), places: distinct(place),
                   when: distinct(known_at), usual: mode(place), top: "top_k(place, 3)", tops: "top_k(floor(fare / 20), 2)", mid: "quantile(fare, 0.5)",
                   nine: "quantile(floor(fare / 5), 0.9)", least_fare: "quantile(fare, 0)", most_fare: "quantile(fare, 1)"}
)yaml";

const std::vector<NamedColumn> kColumns = {{"who", ValueType::kText},
                                           {"at", ValueType::kTime},
                                           {"known_at", ValueType::kTime},
                                           {"fare", ValueType::kNumber},
                                           {"place", ValueType::kText}};

struct Ride {
  std::int64_t at, known_at;
  std::uint64_t identity;
  std::int64_t number;  // 0: of a dataset
  std::optional<double> fare;
  std::optional<std::string> place;
};

std::vector<types::Column> columns_of(std::span<const Ride> rides) {
  std::vector<types::Column> columns;
  for (const NamedColumn& column : kColumns)
    columns.push_back(types::Column::of_type(column.name, column_type(column.type)));
  for (const Ride& ride : rides) {
    append_cell(columns[0], std::string("ada"));
    append_cell(columns[1], types::Timestamp{ride.at});
    append_cell(columns[2], types::Timestamp{ride.known_at});
    append_cell(columns[3], ride.fare ? Value(*ride.fare) : Value());
    append_cell(columns[4], ride.place ? Value(*ride.place) : Value());
  }
  return columns;
}

std::vector<const types::Column*> pointers(const std::vector<types::Column>& columns) {
  std::vector<const types::Column*> all;
  for (const types::Column& column : columns) all.push_back(&column);
  return all;
}

class TilesTest : public ::testing::Test {
 protected:
  std::string block_of(std::span<const Ride> rides, std::int64_t settled, std::int64_t now) {
    const std::vector<types::Column> columns = columns_of(rides);
    std::vector<std::uint64_t> identities;
    std::vector<std::int64_t> numbers;
    for (const Ride& ride : rides) {
      identities.push_back(ride.identity);
      numbers.push_back(ride.number);
    }
    std::vector<OnlineStore::Rows> packed;
    pack_rows(view_, layout_, {pointers(columns), identities, numbers, settled}, {now}, 1, packed);
    return packed.at(0).block;
  }
  std::vector<Value> read(std::string_view bytes, std::int64_t at) {
    std::string scratch;
    const PackedRows rows = MUST(PackedRows::open(layout_, bytes, scratch));
    std::vector<Value> values(view_.names.size());
    read_features(view_, rows, {at}, values);
    sight_ = sight_of(view_, rows, {at});
    return values;
  }
  // As training sets read all rows.
  std::vector<Value> expected(std::span<const Ride> rides, std::int64_t at) {
    const std::vector<types::Column> columns = columns_of(rides);
    const KeyedRows keyed(view_, pointers(columns), rides.size(), {at},
                          [&](std::size_t row) { return rides[row].identity; });
    types::Column who = types::Column::of_type("who", types::ColumnType::kString);
    append_cell(who, std::string("ada"));
    const types::Column* const key = &who;
    std::vector<Value> values;
    for (const types::Column& column : keyed.read({&key, 1}, {&at, 1}))
      values.push_back(cell_of(column, 0));
    return values;
  }

  const Definitions definitions_ = parse_definitions(kYaml).value();
  const BoundView view_ =
      BoundView::bind(definitions_.views[0], &definitions_.sources[0], kColumns).value();
  RowLayout layout_ = layout_of(view_, std::nullopt);
  Sight sight_;
};

TEST_F(TilesTest, AnswerAsRowsDoWhateverComes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    base::SeededRandom random(seed);
    const auto below = [&](std::uint64_t n) {
      return static_cast<std::int64_t>(random.next_u64() % n);
    };
    layout_ = layout_of(
        view_, seed % 3 == 0 ? std::optional(types::Duration{30 * kMinute}) : std::nullopt);
    const double scale = seed % 5 == 0 ? 1e300 : 1;
    std::vector<Ride> all;
    std::vector<std::string> waiting;  // blocks that nobody has merged
    std::string added, appended;
    std::int64_t now = 10'000 * kMinute, number = 0, settled = kNothingSettled;
    std::size_t tiles_most = 0;
    for (int step = 0; step < 120; ++step) {
      std::vector<Ride> rides;
      for (std::int64_t n = 1 + below(4); n-- > 0;) {
        if (!all.empty() && below(4) == 0) {
          rides.push_back(all[static_cast<std::size_t>(below(all.size()))]);  // once more
          continue;
        }
        Ride ride{.at = now - below(5) * kMinute - (below(4) == 0 ? below(300) * kMinute : 0),
                  .known_at = 0,
                  .identity = static_cast<std::uint64_t>(below(1'000'000)),
                  .number = step < 20 ? 0 : ++number};  // first a dataset is loaded
        // Late ones are told of now, or were known to somebody then.
        ride.known_at = below(3) > 0 ? now : ride.at + below(3) * kMinute;
        if (below(8) > 0)
          ride.fare = (below(9) == 0 ? scale : 1) * (static_cast<double>(below(2'000)) / 7 - 100);
        if (below(8) > 0) ride.place = std::string(1, static_cast<char>('a' + below(26)));
        rides.push_back(ride);
        all.push_back(ride);
      }
      // A crash may bring again what is there; all that came in this block is settled with it, if
      // nobody else is under way.
      if (step >= 20 && below(3) > 0) settled = number;
      const std::string block = block_of(rides, settled, now);
      ASSERT_TRUE(add_block(added, block));
      waiting.push_back(block);
      if (below(3) == 0) {
        std::string part;
        for (const std::string& one : waiting) part += one;
        appended += below(2) == 0 ? merge_part(part).value() : part;
        waiting.clear();
        if (below(2) == 0) appended = merge_rows(appended).value();
      }
      std::string both = appended;
      for (const std::string& one : waiting) both += one;
      now += below(6) * kMinute;
      const std::vector<Value> right = expected(all, now);
      for (const std::string* bytes : {&added, &both}) {
        ASSERT_EQ(read(*bytes, now), right) << "step " << step;
        std::int64_t newest = 0;  // that is known
        for (const Ride& ride : all) {
          if (std::max(ride.at, ride.known_at) <= now) newest = std::max(newest, ride.at);
        }
        ASSERT_EQ(sight_.event_time.value_or(types::Timestamp{}).micros, newest);
      }
      // Asked again for a moment that is not long gone.
      std::int64_t known = 0;
      for (const Ride& ride : all) known = std::max(known, std::min(ride.at, ride.known_at));
      const std::int64_t earlier = known - below(10) * kMinute;
      ASSERT_EQ(read(both, earlier), expected(all, earlier)) << "step " << step;
      std::string scratch;
      tiles_most =
          std::max(tiles_most, MUST(PackedRows::open(layout_, added, scratch)).tiles().size());
    }
    EXPECT_GT(tiles_most, 5u);
  }
}

// A read of long ago is answered for the multiple of the resolution before it.
TEST_F(TilesTest, LongAgoIsAnsweredToTheResolution) {
  std::string bytes;
  std::vector<Ride> all;
  for (std::int64_t minute = 1; minute <= 300; ++minute) {
    all.push_back({.at = minute * kMinute,
                   .known_at = minute * kMinute,
                   .identity = 1,
                   .number = minute,
                   .fare = static_cast<double>(minute),
                   .place = {}});
    ASSERT_TRUE(add_block(bytes, block_of(std::span(all).last(1), minute, minute * kMinute)));
  }
  EXPECT_LT(count_rows(bytes).value(), 50u);
  EXPECT_EQ(read(bytes, 107 * kMinute), expected(all, 100 * kMinute));
  EXPECT_EQ(read(bytes, 100 * kMinute), expected(all, 100 * kMinute));
}

// What is kept of a key doesn't grow with its rows.
TEST_F(TilesTest, BytesAreBounded) {
  layout_ = layout_of(view_, types::Duration{0});
  std::string bytes;
  std::size_t early = 0;
  for (std::int64_t i = 1; i <= 40'000; ++i) {
    const std::int64_t at = i * kMinute / 20;
    const Ride ride{.at = at,
                    .known_at = at,
                    .identity = 1,
                    .number = i,
                    .fare = 0.1 * static_cast<double>(i % 1'000),
                    .place = {}};
    ASSERT_TRUE(add_block(bytes, block_of({&ride, 1}, i, at)));
    if (i == 10'000) early = bytes.size();
  }
  EXPECT_LT(bytes.size(), 2 * early);
}

TEST_F(TilesTest, DamagedBytesAreSaid) {
  std::string good;
  for (std::int64_t i = 1; i <= 50; ++i) {
    const Ride ride{.at = i * kMinute,
                    .known_at = i * kMinute,
                    .identity = 1,
                    .number = i,
                    .fare = i % 2 == 0 ? 1e300 : 1e-300,
                    .place = "here"};
    ASSERT_TRUE(add_block(good, block_of({&ride, 1}, i, i * kMinute)));
  }
  ASSERT_GT(MUST(Tiles::open(good)).size(), 2u);
  std::string scratch;
  for (std::size_t length = 1; length < good.size(); ++length)
    EXPECT_FALSE(PackedRows::open(layout_, std::string_view(good).substr(0, length), scratch));
  base::SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int i = 0; i < 2; ++i)
      bad[random.next_u64() % bad.size()] = static_cast<char>(random.next_u64());
    const auto merged = merge_rows(bad);
    if (merged) {
      ASSERT_EQ(merge_rows(*merged).value(), *merged);
    }
    const auto opened = PackedRows::open(layout_, bad, scratch);
    if (!opened) continue;
    std::vector<Value> values(view_.names.size());
    read_features(view_, *opened, {60 * kMinute}, values);
  }
}

TEST(Buckets, AreRoundedTheSameBeforeAndAfter1970) {
  EXPECT_EQ(bucket_begin(7, 5), 5);
  EXPECT_EQ(bucket_begin(5, 5), 5);
  EXPECT_EQ(bucket_begin(-1, 5), -5);
  EXPECT_EQ(bucket_begin(-5, 5), -5);
  EXPECT_EQ(bucket_end(7, 5), 10);
  EXPECT_EQ(bucket_end(5, 5), 5);
  EXPECT_EQ(bucket_end(-1, 5), 0);
  EXPECT_EQ(bucket_end(-5, 5), -5);
  EXPECT_EQ(bucket_end(std::numeric_limits<std::int64_t>::max(), 10),
            std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace slipway::features
