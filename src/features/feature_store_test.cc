#include "features/feature_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

class FeatureStoreTest : public ::testing::Test {
 protected:
  FeatureStoreTest() { MUST(db_->migrate({migrations()})); }
  std::unique_ptr<FeatureStore> open() {
    auto store = std::make_unique<FeatureStore>(*db_, tables_, clock_);
    MUST(store->set_definitions(MUST(parse_definitions(testing::kTripsYaml))));
    return store;
  }
  static Value ask(FeatureStore& store, const std::string& feature, std::int64_t minute) {
    const auto values = store
                            .lookup("trips",
                                    {{"carrier", std::string("A")},
                                     {"place", std::string("X")},
                                     {"asked_at", types::Timestamp{minute * 60'000'000}}},
                                    std::nullopt)
                            .value();
    const auto outputs = store.outputs("trips").value();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].name == feature) return values[i];
    }
    return {};
  }
  static JsonObject landing(int id, std::int64_t minute, std::int64_t known, double delay) {
    return {{"id", id},
            {"carrier", "A"},
            {"landed_at", minute * 60'000'000},
            {"known_at", known * 60'000'000},
            {"delay", delay}};
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{7'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  testing::MemoryTables tables_ = testing::random_trips(1, 0);
};

TEST_F(FeatureStoreTest, WindowsAreHalfOpenAndKnowBothClocks) {
  auto store = open();
  ASSERT_TRUE(store->push("landings", {landing(1, 100, 100, 10), landing(2, 130, 500, 30)}));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 99), Value(0.0));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 100), Value(1.0));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 159), Value(1.0));  // the second isn't known yet
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 160), Value(0.0));  // exactly an hour old is out
  EXPECT_EQ(ask(*store, "carrier__mean_delay_24h", 500), Value(20.0));
  EXPECT_EQ(ask(*store, "carrier__mean_delay_1h", 50), Value());
  EXPECT_EQ(ask(*store, "newest__delay", 459), Value(10.0));
  EXPECT_EQ(ask(*store, "newest__delay", 461), Value());  // past its ttl
  EXPECT_EQ(ask(*store, "place__size", 100),
            Value());  // a dataset's rows come when it is materialized
  EXPECT_EQ(store->materialize({.as_of = {0}}).value(), 2);
  EXPECT_EQ(ask(*store, "place__size", 100), Value(88.0));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 100), Value(1.0));
}

TEST_F(FeatureStoreTest, WhatWasPushedIsThereAfterReopening) {
  ASSERT_TRUE(open()->push("landings", {landing(1, 100, 100, 10)}));
  auto store = open();
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 100), Value(1.0));
  EXPECT_EQ(store->push("landings", {landing(1, 100, 100, 10)}).value(), 0);
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 100), Value(1.0));
}

TEST_F(FeatureStoreTest, WhatIsPushedWhileTheRowsAreLoadedAnewIsThere) {
  auto store = open();
  std::atomic<bool> done = false;
  std::thread loading([&] {
    for (int i = 0; !done; ++i) {
      EXPECT_TRUE(store->materialize({.as_of = {0}}));
      EXPECT_TRUE(store->set_definitions(parse_definitions(testing::kTripsYaml).value()));
    }
  });
  constexpr int kRows = 200;
  for (int i = 0; i < kRows; ++i) {
    ASSERT_TRUE(store->push("landings", {landing(i, 100, 100, 10)}));
    ASSERT_EQ(ask(*store, "carrier__landed_1h", 100), Value(i + 1.0));
  }
  done = true;
  loading.join();
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 100), Value(double{kRows}));
}

TEST_F(FeatureStoreTest, AnOlderMomentTakesNothingAwayIfAsked) {
  auto store = open();
  ASSERT_TRUE(store->materialize({.as_of = {10}}));
  EXPECT_EQ(store->materialize({.as_of = {5}, .is_incremental = true}).value(), 0);
  EXPECT_EQ(store->materialized().value(), types::Timestamp{10});
  ASSERT_TRUE(store->materialize({.as_of = {5}}));
  EXPECT_EQ(store->materialized().value(), types::Timestamp{5});
}

// A view on demand reads each service's own request, whatever the order of its columns.
TEST_F(FeatureStoreTest, ServicesWithOtherRequestsShareAViewOnDemand) {
  std::string yaml(testing::kTripsYaml);
  yaml += R"yaml(
    short:
      event_time: asked_at
      request: {asked_at: timestamp}
      features: [calendar]
)yaml";
  FeatureStore store(*db_, tables_, clock_);
  MUST(store.set_definitions(MUST(parse_definitions(yaml))));
  const types::Timestamp noon{12 * 3'600'000'000LL};
  const std::vector<std::pair<std::string, Value>> request = {{"asked_at", noon}};
  const auto short_one = store.lookup("short", request, std::nullopt);
  ASSERT_TRUE(short_one) << short_one.error().message;
  EXPECT_EQ((*short_one)[0], Value(7.0));  // in New York

  const auto wrong =
      parse_definitions(yaml.replace(yaml.rfind("timestamp}"), 9, "timestamp, b: double"));
  const auto without = parse_definitions(std::string(testing::kTripsYaml) + R"yaml(
    none:
      event_time: at
      request: {at: timestamp}
      features: [calendar]
)yaml");
  ASSERT_TRUE(wrong && without);
  EXPECT_TRUE(store.set_definitions(*wrong));
  EXPECT_EQ(store.set_definitions(*without).error().code, Code::kInvalidArgument)
      << "nobody says what the view reads";
}

// A version is what a service's rows are made of: not who owns it, nor what others give.
TEST_F(FeatureStoreTest, AServiceThatChangesHasANewVersion) {
  FeatureStore store(*db_, tables_, clock_);
  const std::string plain(testing::kTripsYaml);
  const auto define = [&](FeatureStore& in, std::string_view from, std::string_view to) {
    std::string yaml = plain;
    yaml.replace(yaml.find(from), from.size(), to);
    clock_.set({clock_.now().micros + 1'000'000});
    MUST(in.set_definitions(MUST(parse_definitions(yaml))));
    return in.definitions()->find_service("trips")->version;
  };
  EXPECT_EQ(define(store, "", ""), 1);
  EXPECT_EQ(define(store, "ttl: 6h", "ttl: 7h"), 2);
  EXPECT_EQ(define(store, "ttl: 6h", "ttl: 7h, owner: ann"), 2);
  EXPECT_EQ(define(store, "newest, place.size", "place.size, newest"), 3) << "the order of values";
  EXPECT_EQ(define(store, "", ""), 4) << "it was put in force again";
  FeatureStore again(*db_, tables_, clock_);
  EXPECT_EQ(define(again, "", ""), 4);
  const types::Timestamp before = clock_.now();
  EXPECT_EQ(define(again, "  services:\n    trips:",
                   "  services:\n    short: {event_time: at, request: {at: timestamp, carrier: "
                   "string}, features: [newest]}\n    trips:"),
            4);
  EXPECT_EQ(again.definitions()->find_service("short")->version, 1);

  std::int64_t version = 0;
  const std::vector<std::pair<std::string, Value>> request = {{"asked_at", types::Timestamp{1}}};
  const FeatureStore::LookupRow row{request, std::nullopt};
  ASSERT_TRUE(again.lookup_rows("trips", {&row, 1}, {}, &version));
  EXPECT_EQ(version, 4);

  const std::vector<ServiceVersion> all = again.versions().all("trips").value();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all.front().version, 4);
  EXPECT_LT(all.front().since, before);
  EXPECT_GT(all.front().since, all.back().since);
  EXPECT_EQ(all[0].definition, all[3].definition);
  EXPECT_EQ(all[2].definition.at("views").at("newest"),
            base::parse_json(R"({"source": "landings", "keys": ["carrier"], "ttl": "7h",
                                 "columns": {"delay": "delay"}})")
                .value());
  EXPECT_EQ(all[0].definition.at("views").at("spread").at("aggregates").at("mid"),
            Json("quantile(delay, 0.5)"));
  EXPECT_EQ(again.versions().all("none").error().code, Code::kNotFound);
}

// A row counts until what corrects it arrives: whatever came first, and as it was known then.
TEST_F(FeatureStoreTest, ACorrectedRowNoLongerCounts) {
  testing::correct_some(tables_, 1);
  const auto define = [&](const std::string& yaml) {
    auto store = std::make_unique<FeatureStore>(*db_, tables_, clock_);
    const auto done = store->set_definitions(MUST(parse_definitions(yaml)));
    return std::pair(done ? "" : done.error().message, std::move(store));
  };
  std::string yaml = testing::with_corrections(std::string(testing::kTripsYaml));
  const auto [no_error, store] = define(yaml);
  ASSERT_EQ(no_error, "");
  const auto row = [](int id, int event, int arrival, double delay, int trip) {
    JsonObject told = landing(id, event, arrival, delay);
    if (trip > 0) told["trip"] = trip;
    return told;
  };
  ASSERT_TRUE(
      store->push("landings", {row(3, 40, 90, 8, 7), row(1, 60, 60, 1, 7), row(2, 65, 65, 2, 0),
                               row(4, 50, 120, 32, 7), row(5, 65, 65, 4, 0)}));
  const struct {
    int minute;
    double count, worst, newest;  // newest: of the rows without a trip the one that is told apart
  } cases[] = {{60, 1, 1, 1},   {61, 1, 1, 1},   {70, 3, 4, -1}, {90, 3, 8, -1},
               {100, 2, 4, -1}, {109, 2, 4, -1}, {121, 2, 4, -1}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.minute);
    EXPECT_EQ(ask(*store, "carrier__landed_1h", c.minute), Value(c.count));
    EXPECT_EQ(ask(*store, "carrier__worst_1h", c.minute), Value(c.worst));
    if (c.newest > 0) {
      EXPECT_EQ(ask(*store, "newest__delay", c.minute), Value(c.newest));
    }
  }
  EXPECT_EQ(ask(*store, "carrier__worst_24h", 119), Value(8.0));
  EXPECT_EQ(ask(*store, "carrier__worst_24h", 120), Value(32.0));

  // A dataset that can't have both rows would give other training sets.
  tables_.tables["trips"].key = {"trip"};
  EXPECT_EQ(define(yaml).first,
            "source landings: a corrected row has the same key of dataset trips as the one that it "
            "corrects, so that the dataset can't have both: add known_at to the dataset's key");
  tables_.tables["trips"].key = {"trip", "known_at"};
  EXPECT_EQ(define(yaml).first, "");
  yaml.replace(yaml.find("[trip]"), 6, "[journey]");
  EXPECT_EQ(define(yaml).first, "view carrier: the source has no column journey");
}

TEST_F(FeatureStoreTest, ArrivalIsStampedWhenItIsNotSaid) {
  auto store = open();
  JsonObject row = landing(1, 0, 0, 10);
  row.erase("known_at");
  ASSERT_TRUE(store->push("landings", {row}));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 0), Value(0.0));
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 1), Value(1.0));  // the clock says 7 s
}

TEST_F(FeatureStoreTest, AViewIsReadOnItsOwnAndSaysWhatWasSeen) {
  auto store = open();
  const auto minute = [](std::int64_t m) { return types::Timestamp{m * 60'000'000}; };
  ASSERT_TRUE(store->push("landings", {landing(1, 100, 100, 10), landing(2, 130, 500, 30)}));
  ASSERT_TRUE(store->materialize({.as_of = {0}}));

  const auto newest = store->view_shape("newest").value();
  ASSERT_EQ(newest.inputs.size(), 1u);
  EXPECT_EQ(newest.inputs[0].name, "carrier");
  EXPECT_EQ(newest.features[0].name, "newest__delay");
  using Seen = Sight::Seen;
  struct Case {
    const char* name;
    const char* view;
    Value key;
    std::int64_t minute;
    Seen seen;
    std::optional<types::Timestamp> event_time;
    Value first;
  };
  for (const Case& c : std::vector<Case>{
           {"newest known", "newest", "A", 200, Seen::kRecent, minute(100), 10.0},
           {"told later", "newest", "A", 490, Seen::kTooOld, minute(100), Value()},
           {"told by now, but old", "newest", "A", 500, Seen::kTooOld, minute(130), Value()},
           {"at its ttl", "newest", "A", 460, Seen::kRecent, minute(100), 10.0},
           {"before anything", "newest", "A", 99, Seen::kNever, std::nullopt, Value()},
           {"another key", "newest", "B", 200, Seen::kNever, std::nullopt, Value()},
           {"no key", "newest", Value(), 200, Seen::kNever, std::nullopt, Value()},
           {"in a window", "carrier", "A", 200, Seen::kRecent, minute(100), Value()},
           {"in no window", "carrier", "A", 1600, Seen::kTooOld, minute(130), Value()},
           {"no times", "place", "X", 0, Seen::kRecent, std::nullopt, 88.0},
           {"no such place", "place", "Z", 0, Seen::kNever, std::nullopt, Value()}}) {
    SCOPED_TRACE(c.name);
    const std::vector<Value> inputs = {c.key};
    const std::vector<types::Timestamp> times = {minute(c.minute)};
    const auto rows = store->read_rows(c.view, inputs, times).value();
    EXPECT_EQ(rows.sights[0].seen, c.seen);
    EXPECT_EQ(rows.sights[0].event_time, c.event_time);
    EXPECT_EQ(rows.values[0], c.first);
  }
  const auto calendar = store->view_shape("calendar").value();
  EXPECT_EQ(calendar.event_time, "asked_at");
  ASSERT_EQ(calendar.inputs.size(), 1u);
  const std::vector<Value> asked = {minute(0), minute(60)};
  const std::vector<types::Timestamp> times = {minute(0), minute(60)};
  const auto hours = store->read_rows("calendar", asked, times).value();
  EXPECT_EQ(hours.values, (std::vector<Value>{19.0, 20.0}));
  EXPECT_EQ(store->read_rows("calendar", {}, times).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(store->view_shape("nope").error().code, Code::kNotFound);
}

TEST_F(FeatureStoreTest, FeaturesSayWhatTheyAreComputedFrom) {
  auto store = open();
  const auto reads = [&](const std::string& view, const std::string& feature) {
    const auto shape = store->view_shape(view).value();
    EXPECT_EQ(shape.reads.size(), shape.features.size()) << view;
    for (std::size_t i = 0; i < shape.features.size(); ++i) {
      if (shape.features[i].name == feature) return shape.reads[i];
    }
    return std::vector<std::string>{"no such feature"};
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(reads("carrier", "carrier__late_24h"), Names{"delay"});  // of an expression
  EXPECT_EQ(reads("carrier", "carrier__landed_1h"), Names{});        // rows are counted
  EXPECT_EQ(reads("spread", "spread__top_24h"), Names{"place"});
  EXPECT_EQ(reads("newest", "newest__delay"), Names{"delay"});
  EXPECT_EQ(reads("calendar", "calendar__hour"), Names{"asked_at"});
  EXPECT_EQ(reads("mixed", "mixed__kind"), (Names{"carrier", "place__kind"}));
  EXPECT_EQ(reads("mixed", "mixed__share"), (Names{"carrier__landed_1h", "carrier__landed_24h"}));
}

TEST_F(FeatureStoreTest, SourcesSayWhatIsReadOfThem) {
  auto store = open();
  const auto shape = store->source_shape("landings").value();
  std::vector<std::string> read, whole;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    if (shape.are_read[i]) read.push_back(shape.columns[i].name);
    if (shape.columns[i].is_whole) whole.push_back(shape.columns[i].name);
  }
  EXPECT_EQ(read, (std::vector<std::string>{"carrier", "place", "landed_at", "delay"}));
  EXPECT_EQ(whole, std::vector<std::string>{"id"});
  std::vector<std::string> counts;
  const auto carrier = store->view_shape("carrier").value();
  for (const auto& feature : carrier.features) {
    if (feature.is_whole) counts.push_back(feature.name);
  }
  EXPECT_EQ(counts, (std::vector<std::string>{"carrier__landed_1h", "carrier__landed_24h"}));
  EXPECT_EQ(store->materialized().value(), std::nullopt);
  ASSERT_TRUE(store->materialize({.as_of = {7}}));
  EXPECT_EQ(store->materialized().value(), types::Timestamp{7});
}

// Two rows of one moment without what tells the dataset's rows apart were taken for one.
TEST_F(FeatureStoreTest, PushedRowsNeedNotNameTheDatasetsKey) {
  auto store = open();
  JsonObject one = landing(1, 100, 100, 10), other = landing(1, 100, 100, 20);
  one.erase("id");
  other.erase("id");
  other["carrier"] = "B";
  EXPECT_EQ(store->push("landings", {one, other}).value(), 2);
  EXPECT_EQ(store->push("landings", {one, other}).value(), 0);
  EXPECT_EQ(ask(*store, "newest__delay", 100), Value(10.0));
}

// Who sent a row without its arrival time once more, after a 503 above all, had it counted twice.
TEST_F(FeatureStoreTest, ARowWithoutItsArrivalTimeThatIsSentAgainIsTheSame) {
  auto store = open();
  clock_.set({std::int64_t{100} * 60'000'000});
  const auto sent = [](int id, double delay) {
    JsonObject row = landing(id, 100, 0, delay);
    row.erase("known_at");
    return row;
  };
  JsonObject nameless = sent(0, 50);
  nameless.erase("id");
  EXPECT_EQ(store->push("landings", {sent(1, 10), nameless}).value(), 2);
  clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(store->push("landings", {sent(1, 10), nameless, sent(2, 10)}).value(), 1);
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 120), Value(3.0));
  clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(store->push("landings", {sent(1, 40)}).value(), 1) << "it says something else";
  clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(store->push("landings", {sent(1, 10)}).value(), 1) << "corrected back";
  clock_.advance(base::Duration::seconds(1));
  EXPECT_EQ(store->push("landings", {sent(1, 10)}).value(), 0);
  EXPECT_EQ(ask(*store, "newest__delay", 120), Value(10.0));
  store = open();
  EXPECT_EQ(store->push("landings", {sent(1, 10), nameless}).value(), 0);
  EXPECT_EQ(ask(*store, "carrier__landed_1h", 120), Value(5.0));
}

// One row of another century made a view fresh for ever.
TEST_F(FeatureStoreTest, AViewIsAsFreshAsItsNewestRowThatHasBeen) {
  auto store = open();
  constexpr std::int64_t kMinute = 60'000'000, kFarAhead = 60'000'000;
  clock_.set({1'000 * kMinute});
  const auto newest = [&] {
    for (const auto& view : store->freshness()) {
      if (view.view == "carrier") return view.newest;
    }
    return std::optional<types::Timestamp>();
  };
  ASSERT_TRUE(store->push("landings", {landing(1, kFarAhead, kFarAhead, 10)}));
  EXPECT_EQ(newest(), std::nullopt);
  ASSERT_TRUE(store->push("landings", {landing(2, 100, 110, 10)}));
  EXPECT_EQ(newest(), types::Timestamp{100 * kMinute});
  ASSERT_TRUE(store->push("landings", {landing(3, kFarAhead, 900, 10)}));
  EXPECT_EQ(newest(), types::Timestamp{900 * kMinute}) << "it was told then";
}

TEST_F(FeatureStoreTest, BadRowsAreNamedAndNothingIsTaken) {
  auto store = open();
  const auto message = [&](const JsonArray& rows) {
    const auto pushed = store->push("landings", rows);
    return pushed ? std::string("accepted") : pushed.error().message;
  };
  EXPECT_NE(
      message({landing(1, 1, 1, 1), {{"carrier", 3}}}).find("row 1: column carrier must be a text"),
      std::string::npos);
  EXPECT_NE(message({{{"nope", 3}}}).find("the source has no such column: column=nope"),
            std::string::npos);
  EXPECT_NE(message({{{"carrier", "A"}}}).find("the event time is missing: column=landed_at"),
            std::string::npos);
  for (const std::int64_t micros :
       {std::numeric_limits<std::int64_t>::min() + 1, std::int64_t{-62'135'596'800'000'001},
        std::int64_t{253'402'300'800'000'000}}) {
    JsonObject row = landing(1, 1, 1, 1);
    row["landed_at"] = micros;
    EXPECT_NE(message({row}).find("beyond the years 1 to 9999"), std::string::npos) << micros;
  }
  EXPECT_EQ(ask(*store, "carrier__landed_24h", 1), Value(0.0));
  EXPECT_EQ(store->push("nope", {}).error().code, Code::kNotFound);
  EXPECT_EQ(store->lookup("nope", {}, std::nullopt).error().code, Code::kNotFound);
}

TEST(Definitions, SayWhoseTheyAre) {
  const Definitions read = MUST(parse_definitions(R"yaml(
features:
  sources: {s: {dataset: d, owner: ops, description: what landed, tags: {pii: "no", team: air}}}
  views: {v: {source: s, keys: [k], columns: {x: x}, owner: data}}
  services: {f: {event_time: t, request: {k: string, t: timestamp}, features: [v], description: of one model}}
)yaml"));
  EXPECT_EQ(read.sources[0].about.owner, "ops");
  EXPECT_EQ(read.sources[0].about.description, "what landed");
  EXPECT_EQ(read.sources[0].about.tags,
            (std::vector<std::pair<std::string, std::string>>{{"pii", "no"}, {"team", "air"}}));
  EXPECT_EQ(read.views[0].about.owner, "data");
  EXPECT_EQ(read.services[0].about.description, "of one model");
}

TEST(Definitions, MistakesHaveAPlace) {
  struct Case {
    const char* yaml;
    const char* words;
  };
  for (const Case& c : std::vector<Case>{
           {"features:\n  views:\n    v: {source: nope, keys: [a], columns: {x: a}}\n",
            "line 3, column 8: view v: no such source: nope"},
           {"features:\n  sources:\n    s: {dataset: d, colour: red}\n", "colour"},
           {"features:\n  sources: {s: {dataset: d}}\n  views:\n    v: {source: s, keys: [a], "
            "windows: [1h], aggregates: {m: mean(x)}}\n",
            "windows need a source with event_time"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v: {source: s, keys: [a], windows: [1h], aggregates: {m: median(x)}}\n",
            "unknown function median"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v: {source: s, keys: [a], windows: [1h], aggregates: {m: 'top_k(x)'}}\n",
            "expected top_k(expression, k), k a whole number from 1 to 100"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v: {source: s, keys: [a], windows: [1h], aggregates: {m: 'quantile(x, 2)'}}\n",
            "expected quantile(expression, q), q from 0 to 1"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v:\n      source: s\n      keys: [a]\n      windows: [1h, 90m]\n      aggregates: "
            "{m: "
            "count()}\n      resolution: 1h\n",
            "line 9, column 19: view v: every window must be a multiple of the resolution: "
            "window=90m resolution=1h"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v: {source: s, keys: [a], windows: [1h], aggregates: {m: count()}, resolution: 2h}\n",
            "every window must be a multiple of the resolution"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t}}\n  views:\n   "
            " v: {source: s, keys: [a], windows: [1h], aggregates: {m: count()}, resolution: 0s}\n",
            "a resolution must be longer than nothing"},
           {"features:\n  sources: {s: {dataset: d}}\n  views:\n    v: {source: s, keys: [a], "
            "columns: {x: x}, resolution: 1h}\n",
            "a resolution is for windows, and there are none"},
           {"features:\n  sources:\n    s: {dataset: d, deduplication_key: [k]}\n",
            "line 3, column 40: source s: with a deduplication_key the row counts that arrived "
            "last: event_time and arrival_time are missing"},
           {"features:\n  sources:\n    s: {dataset: d, event_time: t, arrival_time: t, "
            "deduplication_key: []}\n",
            "source s: expected the columns that say which rows tell of one event"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t, "
            "deduplication_key: [k]}}\n  views:\n    v: {source: s, keys: [a], windows: [1h], "
            "aggregates: {m: count()}, resolution: 1h}\n",
            "line 4, column 8: view v: a resolution keeps sums online, which no corrected row can "
            "be taken out of: leave out the resolution, or the deduplication_key of source s"},
           {"features:\n  sources: {s: {dataset: d, event_time: t, arrival_time: t, "
            "deduplication_key: [k]}}\n  views:\n    v: {source: s, keys: [a], columns: {x: x}}\n",
            "view v: source s has a deduplication_key, so that a correction may bring back an "
            "older row: a ttl is missing"},
           {"features:\n  services:\n    s: {event_time: t, request: {t: timestamp}, features: "
            "[nope]}\n",
            "no such view: nope"},
           {"features: [1", "line"}}) {
    const auto parsed = parse_definitions(c.yaml);
    ASSERT_FALSE(parsed) << c.yaml;
    EXPECT_NE(parsed.error().message.find(c.words), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(parse_definitions("project: x\n")->views.empty());
}

}  // namespace
}  // namespace slipway::features
