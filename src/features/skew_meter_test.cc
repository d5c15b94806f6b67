#include "features/skew_meter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

constexpr std::int64_t kMinute = 60'000'000;

// What a log would have, in two parts: requests for trips, answered by the store itself or as a
// test says.
class FakeLog final : public ServedVectors {
 public:
  struct Row {
    std::string id;
    types::Timestamp time;
    std::string carrier;
    std::optional<std::string> place;
    std::map<std::string, Value> features;
    std::string role = "live", traffic, error, trip;
  };
  std::vector<Row> rows;
  std::vector<Endpoint> list = {{.name = "eta", .service = "trips"}};
  std::vector<Applied> applies;
  bool is_broken = false;
  int readings = 0;
  std::function<void()> before_rows;  // the reading of what was chosen

  Result<std::vector<Endpoint>> endpoints() override { return list; }
  Result<void> each_served(const std::string&, types::Timestamp from, types::Timestamp to,
                           const std::vector<std::string>& columns, const EachPart& each) override {
    ++readings;
    if (is_broken) return base::error(Code::kCorruption, "the log is damaged");
    const bool is_of_rows =
        std::find(columns.begin(), columns.end(), "event_time") != columns.end();
    if (is_of_rows && before_rows) before_rows();
    for (const bool is_odd : {false, true}) {
      std::vector<const Row*> some;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if ((i % 2 == 1) == is_odd && rows[i].time >= from && rows[i].time < to)
          some.push_back(&rows[i]);
      }
      if (some.empty()) continue;
      types::Frame part = frame_of(some);
      std::erase_if(part.columns(), [&](const types::Column& column) {
        return std::find(columns.begin(), columns.end(), column.name) == columns.end();
      });
      TRY(each(part));
    }
    return {};
  }
  Result<types::Timestamp> find(const std::string&, const std::string& id) override {
    for (const Row& row : rows) {
      if (row.id == id) return row.time;
    }
    return base::error(Code::kNotFound, "no such request");
  }
  Result<std::vector<Applied>> applied(std::size_t) override { return applies; }

 private:
  static types::Frame frame_of(const std::vector<const Row*>& rows) {
    using enum types::ColumnType;
    std::map<std::string, types::Column> columns;
    const auto column = [&](const std::string& name, types::ColumnType type) -> types::Column& {
      return columns.try_emplace(name, types::Column::of_type(name, type)).first->second;
    };
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const Row& row = *rows[r];
      column("request_id", kString).append_string(row.id);
      column("role", kString).append_string(row.role);
      column("traffic", kString).append_string(row.traffic);
      column("error", kString).append_string(row.error);
      column("event_time", kTimestamp).append_int(row.time.micros);
      column("request.carrier", kString).append_string(row.carrier);
      if (row.place) column("request.place", kString).append_string(*row.place);
      if (!row.trip.empty()) column("request.id", kString).append_string(row.trip);
      column("request.asked_at", kDouble).append_double(static_cast<double>(row.time.micros));
      for (const auto& [name, value] : row.features) {
        if (name == "carrier") continue;  // of the request
        const bool is_text = std::any_of(rows.begin(), rows.end(), [&](const Row* other) {
          const auto its = other->features.find(name);
          return its != other->features.end() && std::holds_alternative<std::string>(its->second);
        });
        types::Column& of_feature = column(name, is_text ? kString : kDouble);
        while (of_feature.size() < r) of_feature.append_null();
        if (const auto* number = std::get_if<double>(&value)) {
          of_feature.append_double(*number);
        } else if (const auto* text = std::get_if<std::string>(&value); text && is_text) {
          of_feature.append_string(*text);
        } else if (const auto* at = std::get_if<types::Timestamp>(&value)) {
          of_feature.append_double(static_cast<double>(at->micros));
        } else {
          of_feature.append_null();
        }
      }
      for (auto& [name, each] : columns) {
        while (each.size() <= r) each.append_null();
      }
    }
    types::Frame frame;
    for (auto& [name, each] : columns) MUST(frame.add(std::move(each)));
    return frame;
  }
};

class SkewMeterTest : public ::testing::Test {
 protected:
  SkewMeterTest() {
    MUST(db_->migrate({migrations()}));
    MUST(store_.set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
    push_all(store_, tables_);
    MUST(meter_.open());
  }

  // All trips, as they would have come one by one; the places.
  static void push_all(FeatureStore& store, testing::MemoryTables& tables) {
    MUST(store.materialize({.as_of = {0}}));
    const types::Frame& frame = tables.tables["trips"].frame;
    JsonArray rows;
    for (std::size_t row = 0; row < frame.rows(); ++row) {
      if (!frame.find("landed_at")->is_valid(row)) continue;
      JsonObject object;
      for (const types::Column& column : frame.columns()) {
        const Value cell = cell_of(column, row);
        if (const auto* number = std::get_if<double>(&cell)) object[column.name] = *number;
        if (const auto* text = std::get_if<std::string>(&cell)) object[column.name] = *text;
        if (const auto* time = std::get_if<types::Timestamp>(&cell))
          object[column.name] = time->micros;
      }
      rows.push_back(std::move(object));
    }
    MUST(store.push("landings", rows));
  }

  // Requests every few minutes, answered from the online rows.
  void serve(int requests) {
    const auto outputs = store_.outputs("trips").value();
    for (int i = 0; i < requests; ++i) {
      FakeLog::Row row{.id = "r" + std::to_string(i),
                       .time = {(2'000 + i * 7) * kMinute},
                       .carrier = std::string(1, static_cast<char>('A' + i % 3)),
                       .place = i % 2 == 0 ? "X" : "Y"};
      const auto values =
          store_
              .lookup("trips",
                      {{"carrier", row.carrier}, {"place", *row.place}, {"asked_at", row.time}},
                      row.time)
              .value();
      for (std::size_t o = 0; o < outputs.size(); ++o) row.features[outputs[o].name] = values[o];
      log_.rows.push_back(std::move(row));
    }
  }
  static std::string changed_yaml() {
    std::string yaml(testing::kTripsYaml);
    yaml.replace(yaml.find("worst: max(delay)"), 17, "worst: min(delay)");
    yaml.replace(yaml.find("mean_delay: mean(delay)"), 23, "mean_delay: max(delay)");
    return yaml;
  }
  // No view needs a place.
  static std::string small_yaml() {
    std::string yaml(testing::kTripsYaml);
    yaml.replace(yaml.find("place: string, "), 15, "");
    yaml.replace(yaml.find("place.size, place.kind, "), 24, "");
    yaml.replace(yaml.find("mixed, "), 7, "");
    const std::size_t view = yaml.find("    mixed: ");
    yaml.erase(view, yaml.find('\n', view) + 1 - view);
    return yaml;
  }
  // As of a pass over the first requests.
  std::string first_version(const std::string& feature) {
    MUST(meter_.next_due({1'000 * kMinute}, false));
    MUST(meter_.advance({2'050 * kMinute}));
    return std::string(of(feature).at("version").as_string());
  }
  void pass() {
    MUST(meter_.next_due({1'000 * kMinute}, false));
    MUST(meter_.advance({6'000 * kMinute}));
  }
  JsonObject of(const std::string& feature, bool current = true) {
    const JsonObject report = meter_.report("");
    for (const Json& row : report.at("features").as_array()) {
      if (row.at("feature") == Json(feature) && row.at("current") == Json(current))
        return row.as_object();
    }
    return {};
  }
  void change(const std::string& feature, const std::function<Value(const FakeLog::Row&)>& to) {
    for (FakeLog::Row& row : log_.rows) row.features[feature] = to(row);
  }
  // What the service gave had it been asked for at another time.
  Value at(const FakeLog::Row& row, types::Timestamp time, const std::string& feature) {
    const std::vector<std::string> wanted{feature};
    return store_
        .lookup("trips", {{"carrier", row.carrier}, {"place", *row.place}, {"asked_at", time}},
                time, wanted)
        .value()
        .front();
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{7'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ = testing::random_trips(3, 800);
  FeatureStore store_{*db_, tables_, clock_};
  FakeLog log_;
  base::Metrics metrics_;
  SkewMeter meter_{*db_, store_, log_, metrics_, {.rows_per_pass = 200}};
};

TEST_F(SkewMeterTest, WhatTheStoreServedIsTheSameToTheBit) {
  MUST(store_.push("landings", {JsonObject{{"id", 100'000},
                                           {"carrier", "A"},
                                           {"landed_at", 2'500 * kMinute},
                                           {"known_at", 2'500 * kMinute},
                                           {"delay", 41.7}}}));
  serve(150);
  pass();
  int features = 0;
  const JsonObject report = meter_.report("eta");
  for (const Json& row : report.at("features").as_array()) {
    EXPECT_EQ(row.at("different"), Json(0)) << base::to_text(row);
    EXPECT_EQ(row.at("compared"), Json(150)) << base::to_text(row);
    ++features;
  }
  EXPECT_GT(features, 10);
  EXPECT_EQ(MUST(meter_.rate("eta", {0}, {6'000 * kMinute})), std::optional(0.0));
  EXPECT_EQ(MUST(meter_.rate("eta", {6'000 * kMinute}, {7'000 * kMinute})), std::nullopt);
}

TEST_F(SkewMeterTest, NamesTheReason) {
  serve(150);
  change("carrier__mean_delay_24h", [&](const auto& r) {
    return at(r, r.time - types::Duration::hours(6), "carrier__mean_delay_24h");
  });
  change("carrier__landed_24h", [](const auto&) { return Value(12.5); });
  change("carrier__worst_24h", [](const auto& r) {
    const Value& v = r.features.at("carrier__worst_24h");
    return is_null(v) ? v : Value(std::get<double>(v) * 1000);
  });
  change("carrier__late_24h", [](const auto&) { return Value(); });
  change("newest__delay", [](const auto& r) {
    const Value& v = r.features.at("newest__delay");
    return is_null(v) ? v : Value(static_cast<double>(static_cast<float>(std::get<double>(v))));
  });
  change("calendar__hour", [&](const auto& r) {
    return at(r, r.time - types::Duration::hours(5), "calendar__hour");
  });
  pass();
  const std::pair<std::string, std::string> expected[] = {{"carrier__mean_delay_24h", "stale"},
                                                          {"carrier__landed_24h", "default"},
                                                          {"carrier__worst_24h", "unit"},
                                                          {"carrier__late_24h", "default"},
                                                          {"newest__delay", "type"},
                                                          {"calendar__hour", "time zone"}};
  for (const auto& [feature, reason] : expected) {
    const JsonObject row = of(feature);
    EXPECT_EQ(row.at("reason"), Json(reason)) << base::to_text(row);
    EXPECT_GT(row.at("different").to_number<int>(), 100) << base::to_text(row);
  }
  EXPECT_EQ(of("carrier__mean_delay_1h").at("different"), Json(0));
  EXPECT_EQ(of("carrier__worst_24h").at("detail"), Json("x1000"));
  EXPECT_EQ(MUST(meter_.rate("eta", {0}, {6'000 * kMinute})), std::optional(1.0));
}

TEST_F(SkewMeterTest, ADefaultThatIsARightValueNowAndThenIsNotStale) {
  serve(150);
  change("carrier__landed_24h", [](const auto&) { return Value(5.0); });
  pass();
  const JsonObject row = of("carrier__landed_24h");
  EXPECT_EQ(row.at("reason"), Json("default")) << base::to_text(row);
  EXPECT_EQ(row.at("detail"), Json("always 5")) << base::to_text(row);
}

TEST_F(SkewMeterTest, RowsThatCountBeforeTheyArriveAreLateData) {
  serve(150);
  // As if arrival did not count: the same rows, known when they happened.
  testing::MemoryTables hasty = tables_;
  types::Frame& frame = hasty.tables["trips"].frame;
  frame.find("known_at")->ints = frame.find("landed_at")->ints;
  store::testing::TempFolder folder;
  auto db = MUST(store::open_sqlite({.file = folder.path() / "f.db"}, clock_, random_));
  MUST(db->migrate({migrations()}));
  FeatureStore other(*db, hasty, clock_);
  MUST(other.set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
  push_all(other, hasty);
  for (FakeLog::Row& row : log_.rows) {
    const std::vector<std::string> wanted{"carrier__landed_24h"};
    row.features["carrier__landed_24h"] =
        other
            .lookup("trips",
                    {{"carrier", row.carrier}, {"place", *row.place}, {"asked_at", row.time}},
                    row.time, wanted)
            .value()
            .front();
  }
  pass();
  const JsonObject late = of("carrier__landed_24h");
  EXPECT_EQ(late.at("reason"), Json("late data")) << base::to_text(late);
  EXPECT_GT(late.at("different").to_number<int>(), 50);
}

TEST_F(SkewMeterTest, AnEarlierDefinitionIsFoundAndTheNewOneCountsAnew) {
  serve(100);
  std::string yaml(testing::kTripsYaml);
  yaml.replace(yaml.find("worst: max(delay)"), 17, "worst: min(delay)");
  // Many applies change other things.
  for (int i = 9; i > 0; --i)
    log_.applies.push_back({yaml + "# " + std::to_string(i), {(5'800 + i) * kMinute}});
  log_.applies.push_back({yaml, {5'800 * kMinute}});
  log_.applies.push_back({std::string(testing::kTripsYaml), {0}});
  MUST(meter_.next_due({1'000 * kMinute}, false));
  MUST(meter_.advance({2'300 * kMinute}));
  const std::string version(of("carrier__worst_24h").at("version").as_string());
  const Json other = of("carrier__mean_delay_24h").at("version");
  EXPECT_EQ(of("carrier__worst_24h").at("different"), Json(0));
  MUST(store_.set_definitions(MUST(parse_definitions(yaml))));
  MUST(meter_.advance({6'000 * kMinute}));
  const JsonObject now = of("carrier__worst_24h");
  EXPECT_EQ(now.at("reason"), Json("definition")) << base::to_text(now);
  EXPECT_EQ(now.at("reasons").at("definition").at("detail"),
            Json("as defined until " + types::to_rfc3339({5'800 * kMinute})));
  EXPECT_NE(std::string(now.at("version").as_string()), version);
  EXPECT_EQ(std::string(of("carrier__worst_24h", false).at("version").as_string()), version);
  EXPECT_EQ(of("carrier__mean_delay_24h").at("version"), other);
}

TEST_F(SkewMeterTest, LooksAtRealLiveRequestsOnceAndRemembers) {
  serve(30);
  change("carrier__landed_24h", [](const auto&) { return Value(-1.0); });
  log_.rows[0].role = "shadow";
  log_.rows[1].traffic = "load";
  log_.rows[2].error = "broken";
  log_.rows.push_back(log_.rows[3]);  // a retry
  pass();
  EXPECT_EQ(of("carrier__landed_24h").at("compared"), Json(27));
  MUST(meter_.advance({6'000 * kMinute}));  // nothing new
  EXPECT_EQ(of("carrier__landed_24h").at("compared"), Json(27));
  base::Metrics metrics;
  SkewMeter reopened(*db_, store_, log_, metrics, {});
  MUST(reopened.open());
  EXPECT_EQ(base::to_text(reopened.report("")), base::to_text(meter_.report("")));
  EXPECT_EQ(MUST(reopened.next_due({6'010 * kMinute}, false)).micros, 6'060 * kMinute);
  EXPECT_EQ(MUST(reopened.next_due({6'010 * kMinute}, true)).micros, (6'000 + 1440) * kMinute);
  // The clock begins to rehearse the past.
  EXPECT_EQ(MUST(reopened.next_due({100 * kMinute}, false)).micros, 160 * kMinute);
  EXPECT_NE(metrics.prometheus_text().find(
                "slipway_feature_skew_rate{endpoint=\"eta\",feature=\"carrier__landed_24h\"} 1"),
            std::string::npos);
}

TEST_F(SkewMeterTest, ValuesThatDifferInTheLastDigitsAreOfAnotherType) {
  serve(60);
  change("carrier__mean_delay_24h", [](const auto& r) {
    const Value& v = r.features.at("carrier__mean_delay_24h");
    return is_null(v) ? v : Value(std::nextafter(std::get<double>(v), 1e9));
  });
  log_.applies = {{std::string(testing::kTripsYaml), {10}}, {changed_yaml(), {0}}};
  pass();
  const JsonObject row = of("carrier__mean_delay_24h");
  EXPECT_GT(row.at("different").to_number<int>(), 40) << base::to_text(row);
  EXPECT_EQ(row.at("reason"), Json("type")) << base::to_text(row);
  EXPECT_EQ(row.at("detail"), Json("last digits")) << base::to_text(row);
  EXPECT_EQ(row.at("reasons").as_object().size(), 1u) << base::to_text(row);
}

TEST_F(SkewMeterTest, AnApplyDuringAPassDoesNotDisturbIt) {
  serve(60);
  change("carrier__worst_24h", [](const auto&) { return Value(12.5); });
  const std::string version = first_version("carrier__worst_24h");
  // The service's request columns get fewer while the log is read.
  log_.before_rows = [this] {
    MUST(store_.set_definitions(MUST(parse_definitions(small_yaml()))));
  };
  log_.applies = {{small_yaml(), {20}}, {changed_yaml(), {10}}, {small_yaml(), {0}}};
  MUST(meter_.advance({6'000 * kMinute}));
  EXPECT_TRUE(meter_.report("").at("failures").as_array().empty());
  const JsonObject row = of("carrier__worst_24h");
  EXPECT_EQ(row.at("version"), Json(version));
  EXPECT_EQ(row.at("reason"), Json("default")) << base::to_text(row);
  EXPECT_EQ(of("calendar__hour").at("different"), Json(0));
}

TEST_F(SkewMeterTest, WithoutItsRequestColumnsAValueIsNotCompared) {
  serve(10);
  for (FakeLog::Row& row : log_.rows) row.place = std::nullopt;
  pass();
  EXPECT_EQ(of("place__size").at("compared"), Json(0));
  EXPECT_EQ(of("place__kind").at("compared"), Json(0));
  EXPECT_EQ(of("carrier__mean_delay_1h").at("compared"), Json(10));
}

TEST_F(SkewMeterTest, WhatAPartOfTheLogDoesNotHaveIsNotCompared) {
  serve(10);
  for (std::size_t i = 1; i < log_.rows.size(); i += 2) log_.rows[i].features.erase("place__size");
  pass();
  EXPECT_EQ(of("place__size").at("compared"), Json(5));
  EXPECT_EQ(of("place__size").at("different"), Json(0));
}

TEST_F(SkewMeterTest, AnEndpointWithoutItsServiceFailsAlone) {
  serve(10);
  log_.list.push_back({.name = "lost", .service = "gone"});
  pass();
  EXPECT_EQ(of("place__size").at("compared"), Json(10));
  const JsonArray failures = meter_.report("").at("failures").as_array();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].at("endpoint"), Json("lost"));
}

TEST_F(SkewMeterTest, WhatAPassCouldNotReadTheNextOneLooksAt) {
  serve(100);  // from minute 2000 to 2693
  log_.is_broken = true;
  MUST(meter_.next_due({1'000 * kMinute}, false));
  MUST(meter_.advance({2'350 * kMinute}));
  EXPECT_EQ(meter_.report("").at("failures").as_array().size(), 1u);
  log_.is_broken = false;
  SkewMeter reopened(*db_, store_, log_, metrics_, {});
  MUST(reopened.open());
  MUST(reopened.advance({3'000 * kMinute}));
  const JsonObject report = reopened.report("");
  EXPECT_TRUE(report.at("failures").as_array().empty());
  EXPECT_EQ(report.at("features").as_array().at(0).at("compared"), Json(100));
  MUST(reopened.advance({3'100 * kMinute}));  // once
  EXPECT_EQ(reopened.report("").at("features").as_array().at(0).at("compared"), Json(100));
}

TEST_F(SkewMeterTest, APassCoversAllThatCameSinceTheLastOneHoweverLong) {
  serve(100);  // from minute 2000 to 2693
  MUST(meter_.next_due({1'000 * kMinute}, false));
  MUST(meter_.advance({types::Duration::days(30).micros}));
  EXPECT_EQ(of("place__size").at("compared"), Json(100));
}

TEST_F(SkewMeterTest, APassOfNoRowsReadsNothingAndGoesOn) {
  serve(10);
  SkewMeter off(*db_, store_, log_, metrics_, {.rows_per_pass = 0});
  MUST(off.next_due({1'000 * kMinute}, false));
  MUST(off.advance({6'000 * kMinute}));
  EXPECT_EQ(log_.readings, 0);
  EXPECT_EQ(MUST(off.next_due({6'000 * kMinute}, false)).micros, 6'060 * kMinute);
}

TEST_F(SkewMeterTest, KeysOfAllDigitsAreExact) {
  std::string yaml(testing::kTripsYaml);
  yaml.replace(yaml.find("  services:"), 11,
               "    trip: {source: landings, keys: [id], columns: {delay: delay}}\n  services:\n"
               "    one: {event_time: asked_at, request: {id: int64, asked_at: timestamp}, "
               "features: [trip]}");
  MUST(store_.set_definitions(MUST(parse_definitions(yaml))));
  const std::int64_t big = 9'007'199'254'740'993;  // a double has its neighbour only
  for (const std::int64_t id : {big - 1, big}) {
    MUST(store_.push("landings", {JsonObject{{"id", id},
                                             {"carrier", "A"},
                                             {"landed_at", 2'000 * kMinute},
                                             {"known_at", 2'000 * kMinute},
                                             {"delay", id == big ? 7 : 8}}}));
  }
  log_.list[0].service = "one";
  log_.rows.push_back({.id = "a", .time = {2'100 * kMinute}, .features = {{"trip__delay", 7.0}}});
  log_.rows.back().trip = std::to_string(big);
  pass();
  EXPECT_EQ(of("trip__delay").at("compared"), Json(1));
  EXPECT_EQ(of("trip__delay").at("different"), Json(0)) << base::to_text(of("trip__delay"));
  EXPECT_EQ(MUST(meter_.explain("a", "", "")).at("asked").at("id"), Json(big));
}

TEST_F(SkewMeterTest, ExplainShowsTheRowsAValueComesFrom) {
  MUST(store_.push("landings", {JsonObject{{"id", 100'000},
                                           {"carrier", "Z"},
                                           {"landed_at", 2'000 * kMinute},
                                           {"known_at", 2'010 * kMinute},
                                           {"delay", 20}},
                                JsonObject{{"id", 100'001},
                                           {"carrier", "Z"},
                                           {"landed_at", 2'020 * kMinute},
                                           {"known_at", 2'090 * kMinute},
                                           {"delay", 40}}}));
  log_.rows.push_back({.id = "z",
                       .time = {2'030 * kMinute},
                       .carrier = "Z",
                       .place = "X",
                       .features = {{"carrier__mean_delay_1h", Value(30.0)}}});
  const JsonObject told = MUST(meter_.explain("z", "", "carrier__mean_delay_1h"));
  const JsonObject& feature = told.at("features").as_array().at(0).as_object();
  EXPECT_EQ(feature.at("served"), Json(30.0));
  EXPECT_EQ(feature.at("recomputed"), Json(20.0));
  EXPECT_EQ(feature.at("same"), Json(false));
  EXPECT_EQ(feature.at("reasons").as_array().at(0).at("reason"), Json("late data"));
  const JsonArray& rows = feature.at("rows").as_array();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("value"), Json(40.0));
  EXPECT_EQ(rows[0].at("known"), Json(false));
  EXPECT_EQ(rows[1].at("known"), Json(true));
  EXPECT_EQ(meter_.explain("nobody", "", "").error().code, Code::kNotFound);
  EXPECT_EQ(meter_.explain("z", "", "newest__delay").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace slipway::features
