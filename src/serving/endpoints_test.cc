// Requests against endpoints: routing, features sent and looked up, shadows, swaps under load, and
// what is refused.
#include "serving/endpoints.h"

#include <gtest/gtest.h>

#include <thread>

#include "serving/model_loader.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::serving {
namespace {

// The golden models' features: a, b and d numbers or codes, c and e categories by name.
class FakeModels final : public ModelSource {
 public:
  Result<std::filesystem::path> locate(const std::string& uri) override {
    if (uri == "models:/m/404") {
      ++missed;
      return base::error(Code::kNotFound, "no such version");
    }
    ++located;
    return std::filesystem::path(SLIPWAY_TREES_TESTDATA) /
           (uri == "models:/m/2" ? "poisson.json" : "logistic.ubj");
  }
  std::atomic<int> located = 0, missed = 0;
};

class FakeFeatures final : public FeatureLookup {
 public:
  Result<Shape> shape(const std::string& service) override {
    if (service != "svc" && service != "by_number")
      return base::error(Code::kNotFound, "no such feature service");
    return Shape{.request = {"key"},
                 .request_types = {service == "svc" ? RequestType::kText : RequestType::kWhole},
                 .outputs = {"a", "b", "c", "d", "e"},
                 .is_text = texts};
  }
  Result<std::vector<FeatureValue>> look_up(const std::string&, std::span<const std::string> wanted,
                                            std::span<const std::string_view> names,
                                            std::span<const Cell> cells,
                                            std::span<const base::Timestamp> as_of) override {
    ++asked;
    if (failure) return *failure;
    last_as_of = as_of.back();
    EXPECT_EQ(names.size() * as_of.size(), cells.size());
    std::vector<FeatureValue> values(wanted.size() * as_of.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string& name = wanted[i % wanted.size()];
      if (name == "a") values[i] = 0.5;
      if (name == "c") values[i] = std::string("x");
    }
    return values;
  }
  bool may_wait() const override { return waits; }
  std::vector<bool> texts = {false, false, true, false, true};
  std::optional<Error> failure;
  std::atomic<bool> waits = false;
  std::atomic<int> asked = 0;
  std::atomic<base::Timestamp> last_as_of;
};

class EndpointsTest : public ::testing::Test {
 protected:
  EndpointSpec spec(std::int64_t revision, std::vector<VariantSpec> variants,
                    const std::string& service = "") {
    return {.endpoint = "late",
            .revision = revision,
            .features = service,
            .output = "p",
            .salt = "salt",
            .variants = std::move(variants)};
  }
  VariantSpec live(std::int64_t version, int from = 0, int to = kSlots) {
    return {.name = from == 0 ? "live" : "canary",
            .uri = "models:/m/" + std::to_string(version),
            .model_version = version,
            .slots = {{from, to}}};
  }
  void deploy(const EndpointSpec& spec) {
    const auto prepared = endpoints_.prepare(spec);
    ASSERT_TRUE(prepared) << prepared.error().message;
    endpoints_.activate(spec, nullptr);
  }
  static Batch row(std::vector<std::string_view> names, std::vector<Cell> cells) {
    return {.rows = 1, .names = std::move(names), .cells = std::move(cells)};
  }
  static std::vector<float> values_of(const Prediction& prediction) {
    return std::get<std::vector<float>>(prediction.outputs.at(0).values);
  }
  static Batch full() { return row({"a", "b", "c", "d", "e"}, {0.5, 100.0, "x", 1.0, "k75"}); }

  store::testing::TempFolder folder_;
  base::Metrics metrics_;
  base::SeededRandom random_{1};
  base::ManualClock event_clock_{{1'000'000}}, wall_clock_{{2'000'000}};
  FakeModels models_;
  FakeFeatures features_;
  RequestLog log_{{.folder = folder_.path()}, metrics_};
  Endpoints endpoints_{models_,  features_, log_, event_clock_, wall_clock_, random_,
                       metrics_, {},        {}};
};

TEST_F(EndpointsTest, LongRequestsLeaveTheIoThread) {
  EXPECT_TRUE(endpoints_.is_quick("nobody", 1 << 20));
  deploy(spec(1, {live(1)}));
  EXPECT_TRUE(endpoints_.is_quick("late", 300));
  EXPECT_FALSE(endpoints_.is_quick("late", 100 << 20));
  EndpointSpec durable = spec(2, {live(1)});
  durable.durable_log = true;
  deploy(durable);
  EXPECT_FALSE(endpoints_.is_quick("late", 300));
  deploy(spec(3, {live(1)}, "svc"));
  EXPECT_TRUE(endpoints_.is_quick("late", 300));
  // Features that another machine has: a slow one would hold up every connection of the thread.
  features_.waits = true;
  deploy(spec(4, {live(1)}, "svc"));
  EXPECT_FALSE(endpoints_.is_quick("late", 300));
  deploy(spec(5, {live(1)}));
  EXPECT_TRUE(endpoints_.is_quick("late", 300));
}

// While the feature store was away, no request was logged: the monitors' error_rate stayed 0.
TEST_F(EndpointsTest, AFailedLookupIsLoggedAndWrongInputIsNot) {
  EndpointSpec shadowed = spec(1, {live(1), live(2)}, "svc");
  shadowed.variants[1].name = "shadow";
  shadowed.variants[1].is_shadow = true;
  shadowed.variants[1].slots.clear();
  deploy(shadowed);
  const PredictRequest request{
      .endpoint = "late", .id = "r", .batch = row({"key", "a", "e"}, {"k", 0.25, "k75"})};
  ASSERT_TRUE(endpoints_.predict(request));  // its values must not show up in what follows
  features_.failure = base::error(Code::kUnavailable, "the store is away");
  PredictRequest failing = request;
  failing.id = "s";
  const auto answer = endpoints_.predict(failing);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  features_.failure = base::error(Code::kInvalidArgument, "input key must be a number");
  failing.id = "t";
  ASSERT_FALSE(endpoints_.predict(failing));

  const auto logged = log_.read("late", {0}, {10'000'000},
                                {"request_id", "variant", "error", "prediction", "a", "b", "c"});
  ASSERT_TRUE(logged);
  const auto& ids = MUST(logged->column("request_id"))->strings;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "r"), 2);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "t"), 0);
  ASSERT_EQ(std::count(ids.begin(), ids.end(), "s"), 1);  // a shadow was asked nothing
  const auto at = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), "s") - ids.begin());
  EXPECT_EQ(MUST(logged->column("error"))->strings[at], "the store is away");
  EXPECT_EQ(MUST(logged->column("a"))->number(at), 0.25);
  for (const char* absent : {"b", "c", "prediction"})
    EXPECT_FALSE(MUST(logged->column(absent))->is_valid(at)) << absent;
}

TEST_F(EndpointsTest, ScoresWhatIsSentAndLooksUpTheRest) {
  deploy(spec(1, {live(1)}, "svc"));
  const auto sent = endpoints_.predict({.endpoint = "late", .batch = full()});
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->model_version, 1);
  const auto looked = endpoints_.predict({.endpoint = "late",
                                          .id = "r",
                                          .event_time = base::Timestamp{77},
                                          .batch = row({"key"}, {"k"})});
  ASSERT_TRUE(looked) << looked.error().message;
  EXPECT_EQ(features_.last_as_of.load().micros, 77);
  const auto mixed = endpoints_.predict(
      {.endpoint = "late",
       .id = "m",
       .batch = row({"key", "a", "b", "d", "e"}, {"k", 0.5, 100.0, 1.0, "k75"})});
  ASSERT_TRUE(mixed);
  EXPECT_EQ(values_of(*mixed), values_of(*sent));  // c is looked up as "x"
  // All rows of a request are looked up with one question.
  const int asked = features_.asked;
  ASSERT_TRUE(endpoints_.predict(
      {.endpoint = "late", .batch = {.rows = 3, .names = {"key"}, .cells = {"k", "l", "m"}}}));
  EXPECT_EQ(features_.asked, asked + 1);
  const auto logged = log_.find("late", "r");
  ASSERT_TRUE(logged) << logged.error().message;
  EXPECT_EQ(logged->at("features").as_object().at("c"), Json("x"));
  EXPECT_EQ(logged->at("request").as_object().at("key"), Json("k"));  // no model reads it
  EXPECT_EQ(logged->at("event_time"), Json("1970-01-01T00:00:00.000077Z"));
  EXPECT_EQ(logged->at("arrival_time"), Json("1970-01-01T00:00:02Z"));
}

TEST_F(EndpointsTest, WholeNumbersThatAreLookedUpByAreLoggedToTheLastDigit) {
  deploy(spec(1, {live(1)}, "by_number"));
  const std::pair<Cell, Json> cases[] = {
      {Cell("9007199254740993"), Json("9007199254740993")},  // no double has it
      {Cell(41.0), Json("41")},
      {Cell(-9007199254740992.0), Json("-9007199254740992")},
      {Cell(), nullptr}};
  for (const auto& [sent, logged] : cases) {
    const std::string id = base::to_text(logged);
    ASSERT_TRUE(endpoints_.predict({.endpoint = "late", .id = id, .batch = row({"key"}, {sent})}));
    EXPECT_EQ(MUST(log_.find("late", id)).at("request").at("key"), logged);
  }
}

TEST_F(EndpointsTest, ShadowsScoreAndDoNotAnswer) {
  VariantSpec shadow{.name = "frozen", .is_shadow = true, .uri = "models:/m/2", .model_version = 2};
  deploy(spec(1, {live(1), shadow}));
  const auto answer = endpoints_.predict({.endpoint = "late", .id = "r", .batch = full()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->variant, "live");
  const auto logged = log_.find("late", "r");
  ASSERT_EQ(logged->at("variants").as_array().size(), 2u);
  EXPECT_NE(logged->at("variants").as_array()[0].as_object().at("prediction"),
            logged->at("variants").as_array()[1].as_object().at("prediction"));
  const auto pinned = endpoints_.predict({.endpoint = "late", .version = 2, .batch = full()});
  ASSERT_TRUE(pinned);
  EXPECT_EQ(pinned->variant, "frozen");
  EXPECT_EQ(endpoints_.predict({.endpoint = "late", .version = 9, .batch = full()}).error().code,
            Code::kNotFound);
}

// What is slow beside an answer is slow for whoever waits for it: monitors and guards see that.
TEST_F(EndpointsTest, AnAnswersLatencyIsUntilItsShadowsAreScored) {
  ModelFaults faults;
  Endpoints endpoints(models_, features_, log_, event_clock_, wall_clock_, random_, metrics_, {},
                      {.faults = &faults});
  const EndpointSpec shadowed = spec(
      1,
      {live(1), {.name = "frozen", .is_shadow = true, .uri = "models:/m/2", .model_version = 2}});
  const auto prepared = endpoints.prepare(shadowed);
  ASSERT_TRUE(prepared) << prepared.error().message;
  endpoints.activate(shadowed, nullptr);
  faults.late_ms = 300;
  ASSERT_TRUE(endpoints.predict({.endpoint = "late", .id = "r", .batch = full()}));
  const JsonObject logged = MUST(log_.find("late", "r"));
  for (const Json& variant : logged.at("variants").as_array()) {
    const bool is_live = variant.as_object().at("role") == Json("live");
    const std::int64_t latency_us = variant.as_object().at("latency_us").as_int64();
    EXPECT_GE(latency_us, is_live ? 600'000 : 300'000);
  }
}

// As a canary's shadow has: what the canary answers itself is not scored by its model again.
TEST_F(EndpointsTest, AShadowWithSlotsScoresTheirRequestsOnly) {
  VariantSpec shadow{.name = "beside",
                     .is_shadow = true,
                     .uri = "models:/m/2",
                     .model_version = 2,
                     .slots = {{0, 5000}}};
  deploy(spec(1, {live(1, 0, 5000), live(2, 5000, kSlots), shadow}));
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    const auto answer =
        endpoints_.predict({.endpoint = "late", .id = key, .route_key = key, .batch = full()});
    ASSERT_TRUE(answer);
    const auto logged = log_.find("late", key);
    EXPECT_EQ(logged->at("variants").as_array().size(), answer->variant == "live" ? 2u : 1u);
  }
}

TEST_F(EndpointsTest, SlotsDecideByKeyAndSplitAsDeclared) {
  deploy(spec(1, {live(1, 0, 9000), live(2, 9000, kSlots)}));
  int canary = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string key = "k" + std::to_string(i);
    const auto answer = endpoints_.predict({.endpoint = "late", .route_key = key, .batch = full()});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->variant == "canary", slot_of("salt", key) >= 9000);
    canary += answer->variant == "canary";
  }
  EXPECT_NEAR(canary, 200, 60);
}

TEST_F(EndpointsTest, ASwapUnderLoadFailsNoRequest) {
  deploy(spec(1, {live(1)}));
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0, answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!done) {
        const auto answer = endpoints_.predict({.endpoint = "late", .batch = full()});
        if (!answer || answer->model_version != answer->revision) ++failed;
        ++answered;
      }
    });
  }
  for (int i = 0; i < 200; ++i) deploy(spec(1 + i % 2, {live(1 + i % 2)}));
  while (answered < 1000) std::this_thread::yield();
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(EndpointsTest, RefusesWithTheFieldsName) {
  EXPECT_EQ(endpoints_.predict({.endpoint = "late", .batch = full()}).error().code,
            Code::kNotFound);
  deploy(spec(1, {live(1)}));
  struct Case {
    Batch batch;
    const char* says;
  };
  const Case cases[] = {
      {row({"a", "b", "c", "d"}, {1.0, 1.0, "x", 1.0}), "input e is missing"},
      {row({"a", "b", "c", "d", "e"}, {"one", 1.0, "x", 1.0, "k1"}), "feature a must be a number"},
      {row({"a", "b", "c", "d", "e"}, {1.0, 1.0, 3.0, 1.0, "k1"}), "feature c must be a text"},
      {Batch{}, "no rows"},
  };
  for (const Case& c : cases) {
    const auto answer = endpoints_.predict({.endpoint = "late", .batch = c.batch});
    ASSERT_FALSE(answer) << c.says;
    EXPECT_EQ(answer.error().code, Code::kInvalidArgument);
    EXPECT_NE(answer.error().message.find(c.says), std::string::npos) << answer.error().message;
  }
  deploy(spec(2, {live(1)}, "svc"));
  const auto lacking = endpoints_.predict({.endpoint = "late", .batch = row({"b"}, {1.0})});
  EXPECT_NE(lacking.error().message.find("input key is missing"), std::string::npos);
}

TEST_F(EndpointsTest, AnUnservableRevisionIsRefusedBeforeItAnswers) {
  EXPECT_EQ(endpoints_.prepare(spec(1, {live(404)})).error().code, Code::kNotFound);
  EXPECT_EQ(endpoints_.prepare(spec(1, {live(1)}, "nobody")).error().code, Code::kNotFound);
  features_.texts[2] = false;
  EXPECT_EQ(endpoints_.prepare(spec(1, {live(1)}, "svc")).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(endpoints_.names().empty());
}

TEST_F(EndpointsTest, WhatIsExpectedIsLoadedByTheFirstRequest) {
  endpoints_.expect({spec(3, {live(1)})});
  EXPECT_EQ(models_.located, 0);
  EXPECT_EQ(endpoints_.names(), std::vector<std::string>{"late"});
  EXPECT_FALSE(endpoints_.is_awake("late"));
  EXPECT_FALSE(endpoints_.is_quick("late", 10)) << "it has to load";
  EXPECT_EQ(MUST(endpoints_.shape("late")).versions, std::vector<std::int64_t>{1});
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(
        [&] { answered += endpoints_.predict({.endpoint = "late", .batch = full()}).has_value(); });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 8);
  EXPECT_EQ(models_.located, 1) << "loaded once for all";
  EXPECT_TRUE(endpoints_.is_quick("late", 10));
}

TEST_F(EndpointsTest, AModelThatCannotBeLoadedDisturbsNobody) {
  EndpointSpec broken = spec(1, {live(404)});
  broken.endpoint = "broken";
  endpoints_.expect({spec(1, {live(1)}), broken});
  ASSERT_TRUE(endpoints_.wake("late"));
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0, answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      while (!done) {
        if (!endpoints_.predict({.endpoint = "late", .batch = full()})) ++failed;
        ++answered;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const auto answer = endpoints_.predict({.endpoint = "broken", .batch = full()});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kUnavailable);
    EXPECT_NE(answer.error().message.find("no such version"), std::string::npos);
    EXPECT_FALSE(endpoints_.prepare(broken));
    ASSERT_TRUE(endpoints_.sleep("late", "test"));  // in and out under load, too
  }
  while (answered < 200) std::this_thread::yield();
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_LE(models_.missed, 51) << "a request asks for a broken model once in a while only";
}

TEST_F(EndpointsTest, WhatIsPreparedStaysUntilItAnswers) {
  const auto named = [&](const std::string& name, std::int64_t version) {
    EndpointSpec made = spec(1, {live(version)});
    made.endpoint = name;
    return made;
  };
  deploy(named("a", 11));
  auto change = endpoints_.prepare(named("a", 12)).value();
  deploy(named("b", 13));  // while the other change is being written
  const int located = models_.located;
  endpoints_.activate(named("a", 12), nullptr);
  EXPECT_TRUE(endpoints_.is_awake("a"));
  EXPECT_EQ(models_.located, located) << "an activation loads nothing";
  change.reset();
  deploy(named("b", 14));
  EXPECT_EQ(endpoints_.predict({.endpoint = "a", .batch = full()}).value().model_version, 12);
  // Of two changes prepared at once one is given up: the other's models stay, whatever else
  // answers.
  auto given_up = endpoints_.prepare(named("a", 15)).value();
  const auto other = endpoints_.prepare(named("a", 16)).value();
  const std::size_t with = endpoints_.memory_bytes();
  given_up.reset();
  deploy(named("b", 14));
  EXPECT_LT(endpoints_.memory_bytes(), with) << "nobody waits for what was given up";
  endpoints_.activate(named("a", 16), nullptr);
  EXPECT_TRUE(endpoints_.is_awake("a"));
}

TEST_F(EndpointsTest, AnActivationLoadsNothing) {
  endpoints_.activate(spec(1, {live(1)}), nullptr);
  EXPECT_EQ(models_.located, 0);
  EXPECT_FALSE(endpoints_.is_awake("late"));
  EXPECT_TRUE(endpoints_.predict({.endpoint = "late", .batch = full()}));
}

TEST_F(EndpointsTest, TheLeastRecentlyUsedLeaveAndComeBack) {
  std::vector<Eviction> evictions;
  std::size_t one = 0;
  {
    deploy(spec(1, {live(1)}));
    one = endpoints_.memory_bytes();
    ASSERT_GT(one, 0u);
  }
  Endpoints small(models_, features_, log_, event_clock_, wall_clock_, random_, metrics_, {},
                  {.models_bytes_max = one + 2 * one, .on_eviction = [&](const Eviction& eviction) {
                     evictions.push_back(eviction);
                   }});
  const auto named = [&](const std::string& name, std::int64_t version) {
    EndpointSpec made = spec(1, {live(version)});
    made.endpoint = name;
    return made;
  };
  const auto put = [&](const EndpointSpec& made, const EndpointSpec* keep) {
    wall_clock_.advance(base::Duration::seconds(1));
    const auto prepared = small.prepare(made);
    ASSERT_TRUE(prepared);
    small.activate(made, keep);
  };
  const auto ask = [&](const std::string& name) {
    wall_clock_.advance(base::Duration::seconds(1));
    const auto answer = small.predict({.endpoint = name, .batch = full()});
    return answer ? "answered" : answer.error().message;
  };
  put(named("a", 11), nullptr);
  const EndpointSpec before = named("a", 11);
  put(named("a", 12), &before);  // 11 is kept for a rollback
  put(named("b", 13), nullptr);
  EXPECT_TRUE(evictions.empty());
  put(named("c", 14), nullptr);
  ASSERT_EQ(evictions.size(), 1u);
  EXPECT_EQ(evictions[0].model, "models:/m/11") << "what answers nothing goes first";
  EXPECT_EQ(evictions[0].endpoint, "");
  EXPECT_EQ(evictions[0].bytes, one);
  EXPECT_EQ(ask("a"), "answered");
  put(named("d", 15), nullptr);
  ASSERT_EQ(evictions.size(), 2u);
  EXPECT_EQ(evictions[1].endpoint, "b");
  EXPECT_FALSE(small.is_awake("b"));
  EXPECT_EQ(MUST(small.shape("b")).inputs.size(), 5u) << "what it reads is still known";
  EXPECT_EQ(small.memory("b").at(0).bytes, 0u);
  EXPECT_EQ(ask("b"), "answered");
  EXPECT_EQ(evictions.size(), 3u);
  EXPECT_EQ(evictions[2].endpoint, "c");
  put(before, nullptr);  // the rollback loads what had left
  EXPECT_EQ(ask("a"), "answered");
  const std::string text = metrics_.prometheus_text();
  EXPECT_NE(text.find("slipway_model_requests_total{endpoint=\"a\",version=\"12\"} 1"),
            std::string::npos);
  EXPECT_NE(text.find("slipway_model_bytes{endpoint=\"c\",version=\"14\"} 0"), std::string::npos);
  EXPECT_NE(text.find("slipway_models_evicted_total"), std::string::npos);
}

TEST_F(EndpointsTest, UnseenCategoriesAndMissingValuesAreScored) {
  deploy(spec(1, {live(1)}));
  const auto answer = endpoints_.predict(
      {.endpoint = "late",
       .batch = row({"a", "b", "c", "d", "e"}, {Cell(), Cell(), "never", 1.0, Cell()})});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_GT(values_of(*answer)[0], 0);
}

TEST(Model, LoadsWhatMlflowWroteAndRefusesTheRest) {
  store::testing::TempFolder folder;
  const auto write = [&](const char* name, std::string_view text) {
    ASSERT_TRUE(store::write_file(folder.path() / name, text));
  };
  EXPECT_EQ(load_model(folder.path(), {}).error().code, Code::kNotFound);
  write("MLmodel", "flavors:\n  sklearn:\n    data: x\n");
  EXPECT_NE(load_model(folder.path(), {}).error().message.find("flavors=sklearn"),
            std::string::npos);
  write("MLmodel", "flavors:\n  xgboost:\n    data: ../../etc/passwd\n");
  EXPECT_EQ(load_model(folder.path(), {}).error().code, Code::kCorruption);
  write("MLmodel", "flavors:\n  xgboost:\n    data: model.ubj\n");
  EXPECT_EQ(load_model(folder.path(), {}).error().code, Code::kNotFound);
  const std::string good =
      MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) / "logistic.ubj"));
  write("model.ubj", std::string_view(good).substr(0, good.size() / 2));
  EXPECT_EQ(load_model(folder.path(), {}).error().code, Code::kCorruption);
  write("model.ubj", "PAR1 not a model");
  EXPECT_EQ(load_model(folder.path(), {}).error().code, Code::kCorruption);
  write("model.ubj", good);
  const auto loaded = load_model(folder.path(), {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->shape().inputs.size(), 5u);

  write("MLmodel", "flavors:\n  lightgbm:\n    data: model.lgb\n");
  write("model.lgb", MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) /
                                           "lightgbm_regression.txt")));
  const auto lightgbm = load_model(folder.path(), {});
  ASSERT_TRUE(lightgbm) << lightgbm.error().message;
  EXPECT_EQ((*lightgbm)->platform(), "slipway_trees");
  write("MLmodel",
        "flavors:\n  lightgbm:\n    data: model.pkl\n  python_function:\n    data: model.pkl\n");
  EXPECT_NE(load_model(folder.path(), {}).error().message.find("signature"), std::string::npos)
      << "a pickled one is Python's";
}

// The golden model's inputs: `a` a number, `c` a category.
TEST_F(EndpointsTest, InputsAreHeldAgainstTheirRules) {
  EndpointSpec ruled = spec(1, {live(1),
                                {.name = "shadow",
                                 .is_shadow = true,
                                 .uri = "models:/m/2",
                                 .model_version = 2,
                                 .slots = {}}});
  ruled.inputs = MUST(types::read_input_rules(MUST(types::YamlNode::parse(
      "columns: {a: {max: 1, on_violation: reject}, c: {in: [x], on_violation: quarantine}}"))));
  deploy(ruled);
  const auto ask = [&](std::string_view id, Batch batch, std::span<const RowOrigin> origins = {}) {
    return endpoints_.predict(
        {.endpoint = "late", .id = id, .batch = std::move(batch), .origins = origins});
  };
  const auto of = [](double a, std::string_view c) {
    return row({"a", "b", "c", "d", "e"}, {a, 100.0, c, 1.0, "k75"});
  };
  const auto traffic_of = [&](const std::string& id) {
    const auto logged = log_.find("late", id);
    return logged ? std::string(logged->at("traffic").get_string()) + "/" +
                        std::to_string(logged->at("variants").get_array().size())
                  : "nothing";
  };
  EXPECT_TRUE(ask("fine", of(0.5, "x")));
  EXPECT_EQ(traffic_of("fine"), "/2");
  EXPECT_EQ(ask("refused", of(2, "x")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(traffic_of("refused"), "rejected/1") << "no shadow sees it";
  EXPECT_TRUE(ask("apart", of(0.5, "y")));
  EXPECT_EQ(traffic_of("apart"), "quarantined/2");

  // Messages of a stream: refused together they are asked one by one, and only then counted.
  const RowOrigin origins[] = {{"s1", {1}}, {"s2", {2}}};
  Batch two{.rows = 2,
            .names = {"a", "b", "c", "d", "e"},
            .cells = {0.5, 2.0, 100.0, 100.0, "x", "x", 1.0, 1.0, "k75", "k75"}};
  EXPECT_EQ(ask("s", std::move(two), origins).error().code, Code::kInvalidArgument);
  EXPECT_EQ(traffic_of("s2"), "nothing");
  EXPECT_TRUE(ask("s1", of(0.5, "x"), std::span(origins).first(1)));
  EXPECT_FALSE(ask("s2", of(2, "x"), std::span(origins).last(1)));
  EXPECT_EQ(traffic_of("s2"), "rejected/1");
  const InputTally::Counts counts = MUST(endpoints_.violations("late"));
  EXPECT_EQ(counts.rejected, 2);
  EXPECT_EQ(counts.quarantined, 1);

  // Another revision without rules: nothing is checked, and what was counted stays.
  deploy(spec(2, {live(1)}));
  EXPECT_TRUE(ask("after", of(2, "y")));
  EXPECT_EQ(MUST(endpoints_.violations("late")).rejected, 2);
}

}  // namespace
}  // namespace slipway::serving
