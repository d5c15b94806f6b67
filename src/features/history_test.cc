// Training sets against a brute force that looks at every row for every question, with both clocks.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <ranges>

#include "features/feature_store.h"
#include "features/testing/trips.h"
#include "features/tiles.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;

// With a view whose windows begin at multiples of a resolution, or over rows that correct others.
std::string yaml(bool is_corrected) {
  std::string text(testing::kTripsYaml);
  const auto insert = [&](std::string_view before, std::string_view what) {
    text.insert(text.find(before), what);
  };
  insert("    spread:",
         fmt::format("    coarse: {{source: landings, keys: [carrier], windows: [1h, 24h], {}"
                     "aggregates: {{sum: sum(delay), landed: count(), worst: max(delay)}}}}\n",
                     is_corrected ? "" : "resolution: 20m, "));
  insert("carrier, spread", "coarse, ");
  return is_corrected ? testing::with_corrections(text) : text;
}

class HistoryTest : public ::testing::TestWithParam<int> {
 protected:
  HistoryTest() {
    MUST(db_->migrate({migrations()}));
    if (is_corrected()) testing::correct_some(tables_, static_cast<std::uint64_t>(GetParam()));
    MUST(store_.set_definitions(MUST(parse_definitions(yaml(is_corrected())))));
  }
  static bool is_corrected() { return GetParam() > 3; }
  // Whether a row counts, as known at a moment: found by looking at all others.
  bool counts(std::size_t row, std::int64_t moment) const {
    const types::Frame& trips = tables_.tables.at("trips").frame;
    const types::Column &landed = *trips.find("landed_at"), &known = *trips.find("known_at"),
                        *trip = trips.find("trip");
    if (!landed.is_valid(row) || known.ints[row] > moment) return false;
    if (!is_corrected() || !trip->is_valid(row)) return true;
    for (std::size_t other = 0; other < trips.rows(); ++other) {
      if (!landed.is_valid(other) || known.ints[other] > moment || !trip->is_valid(other) ||
          trip->ints[other] != trip->ints[row] ||
          trips.find("carrier")->strings[other] != trips.find("carrier")->strings[row])
        continue;
      if (std::tuple(known.ints[other], landed.ints[other], other) >
          std::tuple(known.ints[row], landed.ints[row], row))
        return false;
    }
    return true;
  }

  // What `spread` has of the rows in a window, for one row of a training set.
  void expect_spread(const types::Frame& trained, std::size_t out, const std::string& window,
                     const std::vector<std::size_t>& inside) const;

  store::testing::TempFolder folder_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ =
      testing::random_trips(static_cast<std::uint64_t>(GetParam()), 600);
  FeatureStore store_{*db_, tables_, clock_};
};

// Texts or numbers and how often each is there: the most frequent first, then the least.
template <typename T>
std::vector<T> by_frequency(const std::vector<T>& values) {
  std::map<T, std::size_t> counts;
  for (const T& value : values) ++counts[value];
  std::vector<T> different;
  for (const auto& [value, count] : counts) different.push_back(value);
  std::ranges::stable_sort(different, std::greater(), [&](const T& v) { return counts[v]; });
  return different;
}

void HistoryTest::expect_spread(const types::Frame& trained, std::size_t out,
                                const std::string& window,
                                const std::vector<std::size_t>& inside) const {
  const types::Frame& trips = tables_.tables.at("trips").frame;
  const types::Column &delay = *trips.find("delay"), &place = *trips.find("place"),
                      &landed = *trips.find("landed_at"), &known = *trips.find("known_at");
  const auto found = [&](const char* name) {
    return cell_of(*trained.find(fmt::format("spread__{}_{}", name, window)), out);
  };
  std::vector<double> delays, tens;
  std::vector<std::string> places;
  std::vector<std::pair<std::pair<std::int64_t, std::int64_t>, std::size_t>> told, all;
  for (const std::size_t row : inside) {
    const auto times = std::pair(landed.ints[row], known.ints[row]);
    all.emplace_back(times, row);
    places.push_back(place.strings[row]);
    if (!delay.is_valid(row)) continue;
    told.emplace_back(times, row);
    delays.push_back(delay.doubles[row]);
    tens.push_back(std::floor(delay.doubles[row] / 10));
  }
  std::ranges::sort(delays);
  std::ranges::sort(told);
  std::ranges::sort(all);

  EXPECT_EQ(found("told"), Value(static_cast<double>(inside.size())));
  const auto frequent_places = by_frequency(places);
  const auto frequent_tens = by_frequency(tens);
  EXPECT_EQ(found("distinct"), Value(static_cast<double>(frequent_places.size())));
  EXPECT_EQ(found("delays"), Value(static_cast<double>(frequent_tens.size())));
  const bool is_empty = inside.empty();
  EXPECT_EQ(found("mode"), is_empty ? Value() : Value(frequent_places.front()));
  EXPECT_EQ(found("least"), is_empty ? Value() : Value(std::ranges::min(places)));
  EXPECT_EQ(found("landing"), is_empty ? Value() : Value(types::Timestamp{all.back().first.first}));
  std::vector<std::string> top, top_tens;
  for (const std::string& one : frequent_places | std::views::take(2))
    top.push_back(fmt::format("\"{}, 1\"", one));
  for (const double one : frequent_tens | std::views::take(3))
    top_tens.push_back(fmt::format("{}", static_cast<std::int64_t>(one)));
  EXPECT_EQ(found("top"), top.empty() ? Value() : Value(fmt::format("[{}]", fmt::join(top, ","))));
  EXPECT_EQ(found("tens"),
            top_tens.empty() ? Value() : Value(fmt::format("[{}]", fmt::join(top_tens, ","))));

  // Of rows with the same two times their identity decides which is the first, or the last.
  if (told.size() == 1 || (told.size() > 1 && told[0].first != told[1].first)) {
    EXPECT_EQ(found("first"), cell_of(delay, told.front().second));
  }
  if (all.size() == 1 || (all.size() > 1 && all.back().first != all[all.size() - 2].first)) {
    EXPECT_EQ(found("last"), cell_of(place, all.back().second));
  }

  const auto number = [&](const char* name) { return std::get<double>(found(name)); };
  const auto n = static_cast<double>(delays.size());
  ASSERT_EQ(found("variance") == Value(), delays.size() < 2);
  ASSERT_EQ(found("mid") == Value(), delays.empty());
  if (!delays.empty()) {
    const std::size_t low = (delays.size() - 1) / 2, high = delays.size() / 2;
    EXPECT_NEAR(number("mid"), (delays[low] + delays[high]) / 2, 1e-9);
  }
  if (delays.size() < 2) return;
  const double mean = std::accumulate(delays.begin(), delays.end(), 0.0) / n;
  double squares = 0;
  for (const double one : delays) squares += (one - mean) * (one - mean);
  EXPECT_NEAR(number("variance"), squares / (n - 1), 1e-7);
  EXPECT_NEAR(number("stddev"), std::sqrt(squares / (n - 1)), 1e-8);
}

TEST_P(HistoryTest, AgreesWithBruteForce) {
  const types::Timestamp as_of{4'000 * 60'000'000LL};
  const HistoryResult result = store_
                                   .history({.service = "trips",
                                             .entities = "trips",
                                             .label_name = "late",
                                             .label = "delay > 15",
                                             .as_of = as_of})
                                   .value();
  const types::Frame& trips = tables_.tables["trips"].frame;
  const auto ints = [&](const char* name) { return *trips.find(name); };
  const types::Column carrier = *trips.find("carrier"), asked = ints("asked_at"),
                      landed = ints("landed_at"), known = ints("known_at"), delay = ints("delay");

  std::size_t expected_rows = 0;
  for (std::size_t i = 0; i < trips.rows(); ++i) {
    const bool labeled = known.is_valid(i) && known.ints[i] <= as_of.micros && delay.is_valid(i);
    expected_rows += asked.ints[i] < as_of.micros && labeled ? 1 : 0;
  }
  ASSERT_EQ(result.frame.rows(), expected_rows);
  ASSERT_GT(expected_rows, 100u);

  for (std::size_t out = 0; out < result.frame.rows(); ++out) {
    const auto i = static_cast<std::size_t>(result.frame.find("id")->ints[out]);
    const std::int64_t t = asked.ints[i];
    EXPECT_EQ(result.frame.find("late")->doubles[out], delay.doubles[i] > 15 ? 1.0 : 0.0);
    for (const auto& [window, hours] : {std::pair{"1h", 1}, std::pair{"24h", 24}}) {
      std::vector<std::size_t> inside;
      for (std::size_t j = 0; j < trips.rows(); ++j) {
        if (carrier.strings[j] == carrier.strings[i] && counts(j, t) &&
            landed.ints[j] > t - hours * kHour && landed.ints[j] <= t)
          inside.push_back(j);
      }
      expect_spread(result.frame, out, window, inside);
      // Sums in the order of event time; ties don't matter here, because equal times are summed in
      // one order on both sides only up to rounding.
      double sum = 0, late = 0, worst = -INFINITY;
      std::size_t count = 0;
      for (const std::size_t j : inside) {
        if (!delay.is_valid(j)) continue;
        sum += delay.doubles[j];
        late += delay.doubles[j] > 15 ? 1 : 0;
        worst = std::max(worst, delay.doubles[j]);
        ++count;
      }
      const std::string w = window;
      EXPECT_EQ(result.frame.find("carrier__landed_" + w)->doubles[out],
                static_cast<double>(inside.size()));
      const types::Column& mean = *result.frame.find("carrier__mean_delay_" + w);
      ASSERT_EQ(mean.is_valid(out), count > 0);
      if (count > 0) {
        EXPECT_NEAR(mean.doubles[out], sum / static_cast<double>(count), 1e-9);
        EXPECT_NEAR(result.frame.find("carrier__late_" + w)->doubles[out],
                    late / static_cast<double>(count), 1e-12);
        EXPECT_EQ(result.frame.find("carrier__worst_" + w)->doubles[out], worst);
      }
    }
    for (const auto& [window, hours] : {std::pair{"1h", 1}, std::pair{"24h", 24}}) {
      const std::int64_t begin =
          is_corrected() ? t - hours * kHour : bucket_begin(t - hours * kHour, kHour / 3);
      double count = 0, worst = -INFINITY;
      for (std::size_t j = 0; j < trips.rows(); ++j) {
        if (carrier.strings[j] != carrier.strings[i] || !counts(j, t) || landed.ints[j] <= begin ||
            landed.ints[j] > t)
          continue;
        count += 1;
        if (delay.is_valid(j)) worst = std::max(worst, delay.doubles[j]);
      }
      EXPECT_EQ(result.frame.find(fmt::format("coarse__landed_{}", window))->doubles[out], count);
      const types::Column& most = *result.frame.find(fmt::format("coarse__worst_{}", window));
      EXPECT_EQ(most.is_valid(out) ? most.doubles[out] : -INFINITY, worst);
    }
    std::int64_t newest = std::numeric_limits<std::int64_t>::min();
    std::vector<std::size_t> those;  // several: what tells them apart decides
    for (std::size_t j = 0; j < trips.rows(); ++j) {
      if (carrier.strings[j] != carrier.strings[i] || landed.ints[j] > t || !counts(j, t)) continue;
      if (landed.ints[j] > newest) those.clear();
      newest = std::max(newest, landed.ints[j]);
      if (landed.ints[j] == newest) those.push_back(j);
    }
    const types::Column& told = *result.frame.find("newest__delay");
    if (newest < t - 6 * kHour) {
      EXPECT_FALSE(told.is_valid(out));
    } else if (those.size() == 1) {
      EXPECT_EQ(cell_of(told, out), cell_of(delay, those.front()));
    }
    EXPECT_EQ(result.frame.find("carrier")->strings[out], carrier.strings[i]);
  }
}

// The same questions answered from the online rows, as each was asked: the same bits.
TEST_P(HistoryTest, OnlineAndOfflineAgreeToTheBit) {
  const types::Frame& trips = tables_.tables["trips"].frame;
  JsonArray rows;
  for (std::size_t j = trips.rows(); j-- > 0;) {  // pushed in another order than they happened
    if (!trips.find("landed_at")->is_valid(j)) continue;
    JsonObject row{{"id", trips.find("id")->ints[j]},
                   {"carrier", trips.find("carrier")->strings[j]},
                   {"place", trips.find("place")->strings[j]},
                   {"landed_at", trips.find("landed_at")->ints[j]},
                   {"known_at", trips.find("known_at")->ints[j]}};
    if (trips.find("delay")->is_valid(j)) row["delay"] = trips.find("delay")->doubles[j];
    const types::Column* trip = trips.find("trip");
    if (trip != nullptr && trip->is_valid(j)) row["trip"] = trip->ints[j];
    rows.push_back(std::move(row));
  }
  ASSERT_EQ(store_.push("landings", rows).value(), static_cast<std::int64_t>(rows.size()));
  EXPECT_EQ(store_.push("landings", rows).value(), 0);
  ASSERT_TRUE(store_.push("places", {{{"place", "X"}, {"size", 88.0}, {"kind", "kX"}},
                                     {{"place", "Y"}, {"size", 89.0}, {"kind", "kY"}}}));

  const HistoryResult offline = store_
                                    .history({.service = "trips",
                                              .entities = "trips",
                                              .as_of = types::Timestamp{1'000'000 * 60'000'000LL}})
                                    .value();
  const auto outputs = store_.outputs("trips").value();
  for (std::size_t i = 0; i < offline.frame.rows(); ++i) {
    const auto id = static_cast<std::size_t>(offline.frame.find("id")->ints[i]);
    const auto values =
        store_
            .lookup("trips",
                    {{"carrier", trips.find("carrier")->strings[id]},
                     {"place", trips.find("place")->strings[id]},
                     {"asked_at", types::Timestamp{trips.find("asked_at")->ints[id]}}},
                    std::nullopt)
            .value();
    for (std::size_t o = 0; o < outputs.size(); ++o)
      EXPECT_EQ(values[o], cell_of(*offline.frame.find(outputs[o].name), i))
          << outputs[o].name << " row " << i;
  }
}

// However little memory there is, the rows are the same, in the same order.
TEST_P(HistoryTest, LittleMemoryGivesTheSameRows) {
  const HistoryRequest request{.service = "trips",
                               .entities = "trips",
                               .label_name = "late",
                               .label = "delay > 15",
                               .as_of = types::Timestamp{4'000 * 60'000'000LL}};
  const types::Frame all = store_.history(request).value().frame;
  HistoryRequest little = request;
  little.memory_bytes = 120'000;  // the rows of one carrier, not of two
  little.rows_at_once = 50;
  std::size_t at = 0, batches = 0;
  const HistoryResult rest =
      store_
          .history(little,
                   [&](const types::Frame& rows) -> Result<void> {
                     for (std::size_t row = 0; row < rows.rows(); ++row, ++at) {
                       for (const types::Column& column : rows.columns())
                         EXPECT_EQ(cell_of(column, row), cell_of(*all.find(column.name), at))
                             << column.name << " row " << at;
                     }
                     ++batches;
                     return {};
                   })
          .value();
  EXPECT_EQ(at, all.rows());
  EXPECT_GE(batches, (all.rows() + 49) / 50);
  EXPECT_EQ(rest.unlabeled, store_.history(request)->unlabeled);
  little.memory_bytes = 1'000;
  const auto refused = store_.history(little, [](const types::Frame&) { return Result<void>(); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
}

// Sources in the order of events, of arrivals, and in none: read in one pass or by keys, they give
// what the online rows give.
TEST_P(HistoryTest, EveryOrderOfTheSourceGivesTheSame) {
  types::Frame& trips = tables_.tables["trips"].frame;
  // A number in the times makes rows of a carrier differ in them, so that one pass can tell them
  // apart; equal ones are in the tests above.
  for (std::size_t row = 0; row < trips.rows(); ++row) {
    for (const char* time : {"landed_at", "known_at"})
      trips.find(time)->ints[row] += static_cast<std::int64_t>(row);
  }
  tables_.tables["asked"] = tables_.tables["trips"];
  std::vector<std::size_t> order(trips.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::optional<types::Frame> expected;
  for (const char* by : {"", "landed_at", "known_at"}) {
    if (*by != '\0') {
      const std::vector<std::int64_t> times = trips.find(by)->ints;
      std::ranges::sort(order, {}, [&](std::size_t row) { return times[row]; });
      trips = trips.take(order);
      std::iota(order.begin(), order.end(), std::size_t{0});
    }
    const types::Frame rows = store_
                                  .history({.service = "trips",
                                            .entities = "asked",
                                            .as_of = types::Timestamp{4'000 * 60'000'000LL}})
                                  .value()
                                  .frame;
    if (!expected) expected = rows;
    ASSERT_EQ(rows.rows(), expected->rows());
    for (const types::Column& column : rows.columns()) {
      for (std::size_t row = 0; row < rows.rows(); ++row)
        ASSERT_EQ(cell_of(column, row), cell_of(*expected->find(column.name), row))
            << by << ": " << column.name << " row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryTest, ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

}  // namespace
}  // namespace slipway::features
