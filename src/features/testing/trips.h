// Random trips with late arrivals, missing values, equal times, duplicates and corrections, and
// definitions over them; shared by this room's tests.
#pragma once

#include "base/random.h"
#include "features/testing/memory_tables.h"

namespace slipway::features::testing {

inline constexpr std::string_view kTripsYaml = R"yaml(
features:
  sources:
    landings: {dataset: trips, event_time: landed_at, arrival_time: known_at}
    places: {dataset: places}
  views:
    carrier: {source: landings, keys: [carrier], windows: [1h, 24h], aggregates: {mean_delay: mean(delay), late: mean(delay > 15), landed: count(), worst: max(delay)}}
    spread: {source: landings, keys: [carrier], windows: [1h, 24h], aggregates: {variance: variance(delay), stddev: stddev(delay), first: first(delay), last: last(place), distinct: distinct(place), delays: distinct(floor(delay / 10)), top: "top_k(concat(place, ', 1'), 2)", tens: "top_k(floor(delay / 10), 3)", mode: mode(place), mid: "quantile(delay, 0.5)", nine: "quantile(max(delay, 0), 0.9)", told: count(place), landing: max(landed_at), least: min(place)}}
    newest: {source: landings, keys: [carrier], ttl: 6h, columns: {delay: delay}}
    place: {source: places, keys: [place], columns: {size: size, kind: kind}}
    calendar: {columns: {hour: "hour(asked_at, 'America/New_York')"}}
    mixed: {columns: {share: carrier__landed_1h / carrier__landed_24h, later: newest__delay - carrier__mean_delay_24h, kind: "concat(place__kind, carrier)"}}
  services:
    trips:
      event_time: asked_at
      request: {carrier: string, place: string, asked_at: timestamp}
      features: [mixed, carrier, spread, newest, place.size, place.kind, calendar, request.carrier]
)yaml";

inline MemoryTables random_trips(std::uint64_t seed, int rows) {
  base::SeededRandom random(seed);
  const auto below = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(random.next_u64() % n);
  };
  types::Column id = types::Column::of_type("id", types::ColumnType::kInt64),
                carrier = types::Column::of_type("carrier", types::ColumnType::kString),
                place = types::Column::of_type("place", types::ColumnType::kString),
                asked = types::Column::of_type("asked_at", types::ColumnType::kTimestamp),
                landed = types::Column::of_type("landed_at", types::ColumnType::kTimestamp),
                known = types::Column::of_type("known_at", types::ColumnType::kTimestamp),
                delay = types::Column::of_type("delay", types::ColumnType::kDouble);
  const std::int64_t minute = 60'000'000;
  for (int i = 0; i < rows; ++i) {
    const std::int64_t at = below(5'000) * minute;
    id.append_int(i);
    carrier.append_string(std::string(1, static_cast<char>('A' + below(3))));
    place.append_string(std::string(1, static_cast<char>('X' + below(3))));
    asked.append_int(at);
    if (below(10) == 0) {
      landed.append_null();
      known.append_null();
      delay.append_null();
      continue;
    }
    const std::int64_t end = at + (30 + below(300)) * minute;
    landed.append_int(end);
    known.append_int(end + (below(4) == 0 ? below(2'000) * minute : 0));  // some are told late
    if (below(10) == 0) {
      delay.append_null();
    } else {
      delay.append_double(static_cast<double>(below(1'000)) / 7 - 20);
    }
  }
  MemoryTables tables;
  MemoryTables::Table& trips = tables.tables["trips"];
  for (types::Column* column : {&id, &carrier, &place, &asked, &landed, &known, &delay})
    MUST(trips.frame.add(std::move(*column)));
  trips.key = {"id"};
  trips.arrival = "known_at";

  types::Column name = types::Column::of_type("place", types::ColumnType::kString),
                size = types::Column::of_type("size", types::ColumnType::kDouble),
                kind = types::Column::of_type("kind", types::ColumnType::kString);
  for (const char* p : {"X", "Y"}) {
    name.append_string(p);
    size.append_double(*p);
    kind.append_string(std::string("k") + p);
  }
  MemoryTables::Table& places = tables.tables["places"];
  for (types::Column* column : {&name, &size, &kind}) MUST(places.frame.add(std::move(*column)));
  places.key = {"place"};
  return tables;
}

// The same definitions with a source whose rows correct others.
inline std::string with_corrections(std::string yaml) {
  const std::string_view times = "event_time: landed_at, arrival_time: known_at";
  yaml.insert(yaml.find(times) + times.size(), ", deduplication_key: [trip]");
  return yaml;
}

// Makes every third row, about, one that tells again of an earlier one's trip: the same once more,
// or other values and times that are known later, or at the same time. Some are of another carrier,
// and correct nothing; some rows don't say which trip they tell of.
inline void correct_some(MemoryTables& tables, std::uint64_t seed) {
  base::SeededRandom random(seed);
  const auto below = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(random.next_u64() % n);
  };
  constexpr std::int64_t kMinute = 60'000'000, kSecond = 1'000'000;
  types::Frame& trips = tables.tables["trips"].frame;
  types::Column trip = types::Column::of_type("trip", types::ColumnType::kInt64);
  std::vector<std::int64_t>&landed = trips.find("landed_at")->ints,
  &known = trips.find("known_at")->ints;
  const std::vector<std::string>& carrier = trips.find("carrier")->strings;
  types::Column& delay = *trips.find("delay");
  for (std::size_t row = 0; row < trips.rows(); ++row) {
    if (below(15) == 0) {
      trip.append_null();
      continue;
    }
    trip.append_int(static_cast<std::int64_t>(row));
    if (row == 0 || below(3) > 0 || !trips.find("landed_at")->is_valid(row)) continue;
    const auto other = static_cast<std::size_t>(below(row));
    if (!trip.is_valid(other) || !trips.find("landed_at")->is_valid(other)) continue;
    if (carrier[other] != carrier[row] && below(4) > 0) continue;
    trip.ints[row] = trip.ints[other];
    if (below(5) == 0 && delay.is_valid(row) && delay.is_valid(other)) {
      landed[row] = landed[other];
      known[row] = known[other];
      delay.doubles[row] = delay.doubles[other];
      trips.find("place")->strings[row] = trips.find("place")->strings[other];
      continue;
    }
    const std::int64_t moved = below(4) == 0 ? below(4'000) - 2'000 : below(100) - 50;
    landed[row] = landed[other] + moved * kMinute + static_cast<std::int64_t>(row) * kSecond;
    known[row] = known[other] + (below(4) == 0 ? 0 : below(1'500) * kMinute);
  }
  MUST(trips.add(std::move(trip)));
}

}  // namespace slipway::features::testing
