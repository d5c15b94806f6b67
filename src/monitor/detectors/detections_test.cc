// Detectors through what they watch: which rows they get and when, what a detection becomes, and
// that a restart changes nothing. That they find what river finds is asked in
// tests/system/test_detectors.py.
#include "monitor/detectors/detections.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "monitor/tables.h"
#include "monitor/testing/fakes.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using Steps = Detections::Steps;

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }
const base::Timestamp kBegin = at("2024-03-01T00:00:00Z");

std::vector<int> changes_in(std::string_view method, const DetectorParameters& parameters,
                            const std::vector<double>& values, std::size_t reopen_every) {
  auto detector = MUST(make_detector(method, parameters));
  std::vector<int> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (detector->update(values[i])) found.push_back(static_cast<int>(i));
    if (i % reopen_every != reopen_every - 1) continue;
    ByteWriter out;
    detector->write(out);
    const std::string state = out.take();
    detector = MUST(make_detector(method, parameters));
    ByteReader in(state);
    MUST(detector->read(in));
    EXPECT_EQ(in.left(), 0u);
    for (std::size_t size = 0; size < state.size(); size += 1 + size / 8) {
      ByteReader cut(std::string_view(state).substr(0, size));
      EXPECT_FALSE(MUST(make_detector(method, parameters))->read(cut)) << method << " " << size;
    }
  }
  return found;
}

TEST(Detectors, GoOnFromTheirStateAsIfNothingHadBeen) {
  base::SeededRandom random(1);
  std::vector<double> numbers, errors;
  for (int i = 0; i < 4000; ++i) {
    const double uniform = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
    numbers.push_back(uniform + (i >= 2000 ? 0.5 : 0));
    errors.push_back(uniform < (i >= 2000 ? 0.4 : 0.1) ? 1 : 0);
  }
  const std::vector<std::pair<std::string, DetectorParameters>> cases = {
      {"adwin", {}},
      {"page_hinkley", {{"threshold", 10}}},
      {"kswin", {{"alpha", 0.0001}}},
      {"ddm", {}},
      {"eddm", {}},
      {"rate_above", {{"bound", 0.2}}},
      {"mean_outside", {{"high", 0.6}}}};
  for (const auto& [method, parameters] : cases) {
    const auto& values = find_detector_method(method)->of_errors ? errors : numbers;
    const auto whole = changes_in(method, parameters, values, values.size() + 1);
    EXPECT_EQ(changes_in(method, parameters, values, 333), whole) << method;
    EXPECT_TRUE(std::any_of(whole.begin(), whole.end(), [](int i) { return i >= 2000; })) << method;
  }
}

// Watched at every value, over and over: the promise is about all looks together.
TEST(Detectors, ThoseThatPromiseRarelyAlarmFalselyHoweverLongTheyWatch) {
  int alarms = 0;
  constexpr int kStreams = 100;
  for (int stream = 0; stream < kStreams; ++stream) {
    base::SeededRandom random(static_cast<std::uint64_t>(stream));
    auto rate = MUST(make_detector("rate_above", {{"bound", 0.1}, {"alpha", 0.05}}));
    auto mean = MUST(make_detector("mean_outside", {{"high", 0.1}, {"alpha", 0.05}}));
    bool alarmed[2] = {false, false};
    for (int i = 0; i < 3000; ++i) {
      const double value = random.next_u64() % 10 == 0 ? 1 : 0;  // just at the bound
      alarmed[0] |= rate->update(value);
      alarmed[1] |= mean->update(value);
    }
    alarms += alarmed[0] + alarmed[1];
  }
  EXPECT_LE(alarms, 2 * kStreams * 5 / 100 + 15);
}

TEST(Detectors, WhatMakesNoSenseIsTold) {
  const std::vector<std::tuple<std::string, DetectorParameters, std::string>> cases = {
      {"adwim", {}, "no such detector: method=adwim known=adwin"},
      {"adwin", {{"delta", 2}}, "delta of adwin must be between"},
      {"adwin", {{"threshold", 2}}, "adwin has no such parameter: threshold"},
      {"rate_above", {}, "rate_above needs a parameter: bound"},
      {"kswin", {{"stat_size", 80}}, "kswin draws stat_size values"}};
  for (const auto& [method, parameters, message] : cases) {
    const auto made = make_detector(method, parameters);
    ASSERT_FALSE(made) << message;
    EXPECT_NE(made.error().message.find(message), std::string::npos) << made.error().message;
  }
  EXPECT_EQ(MUST(parse_detector_word("page_hinkley", "mode", "down")), 2);
  EXPECT_FALSE(parse_detector_word("page_hinkley", "mode", "left"));
  EXPECT_FALSE(parse_detector_word("page_hinkley", "alpha", "big"));
}

class DetectionsTest : public ::testing::Test {
 public:
  DetectionsTest() { open(); }
  void open() {
    detections_.reset();
    monitor_.reset();
    db_.reset();
    db_ = MUST(store::open_sqlite({.file = folder_.path() / "slipway.db"}, wall_, random_));
    MUST(db_->migrate({migrations()}));
    monitor_ = MUST(Monitor::open(
        *db_, clock_, {requests_, reference_, actions_, features_, datasets_}, metrics_));
    detections_ = std::make_unique<Detections>(*db_, *monitor_, requests_);
  }
  void apply(const std::string& detectors) {
    MUST(monitor_->apply(
        MUST(parse_monitors(fmt::format("monitors:\n  m:\n    endpoint: e\n    complete: {{after: "
                                        "2d}}\n    detectors:\n{}",
                                        detectors))),
        "test"));
    MUST(detections_->begin(kBegin));
  }
  // A request a minute for `hours`; its score is 0.9 or 0.1, its label what the score says.
  // A row a minute, after `pause` hours without any.
  void serve(int hours, int pause = 0) {
    for (int i = 0; i < hours * 60; ++i) {
      const auto n = static_cast<int>(requests_.log.size());
      requests_.log.push_back(
          {.id = fmt::format("r{:05}", n),
           .event_time = kBegin + base::Duration::seconds(60 * n + 3600 * pause),
           .prediction = n % 2 == 0 ? 0.9 : 0.1,
           .x = static_cast<double>(n % 10) + (n >= 1000 ? 20 : 0)});
    }
  }
  void label(int from, int to, bool right) {
    std::vector<Label> labels;
    for (int i = from; i < to; ++i) {
      const auto& row = requests_.log[static_cast<std::size_t>(i)];
      labels.push_back({.request_id = row.id,
                        .value = (row.prediction > 0.5) == right ? 1 : 0,
                        .arrival_time = row.event_time});
    }
    MUST(monitor_->labels().add("e", labels));
  }
  static std::vector<AlertRecord> by_name(std::vector<AlertRecord> all) {
    std::stable_sort(all.begin(), all.end(),
                     [](const AlertRecord& a, const AlertRecord& b) { return a.alert < b.alert; });
    return all;
  }
  std::vector<AlertRecord> alerts() { return MUST(monitor_->alerts({})); }

  store::testing::TempFolder folder_;
  base::ManualClock wall_{{1'700'000'000'000'000}}, clock_{kBegin};
  base::SeededRandom random_{7};
  base::Metrics metrics_;
  testing::FakeRequests requests_;
  testing::FakeReference reference_;
  testing::FakeActions actions_;
  testing::FakeFeatures features_;
  testing::FakeDatasets datasets_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<Monitor> monitor_;
  std::unique_ptr<Detections> detections_;
};

TEST_F(DetectionsTest, ADetectionIsAnAlertWithItsRow) {
  apply("      moved: {method: adwin, of: inputs.x, severity: critical, route: pager}\n");
  serve(24);
  MUST(detections_->advance(kBegin + base::Duration::hours(24), Steps::kHours));
  const auto found = alerts();
  ASSERT_EQ(found.size(), 1u);
  const AlertRecord& alert = found[0];
  EXPECT_EQ(alert.alert, "moved");
  EXPECT_EQ(alert.metric, "adwin of inputs.x");
  EXPECT_EQ(alert.severity, "critical");
  const JsonObject& cause = alert.causes.at(0).as_object();
  const std::int64_t index = cause.at("index").as_int64();
  EXPECT_GE(index, 1000);
  EXPECT_LT(index, 1040);
  EXPECT_EQ(cause.at("request_id"), Json(fmt::format("r{:05}", index)));
  EXPECT_EQ(alert.window.start, kBegin + base::Duration::seconds(60 * index));
  EXPECT_EQ(alert.opened_at, kBegin + base::Duration::hours(index / 60 + 1)) << "by the hour";
  ASSERT_EQ(MUST(store::list_events(*db_, {.kind = "alert.opened"})).size(), 1u);
  MUST(detections_->advance(kBegin + base::Duration::days(3), Steps::kHours));
  EXPECT_TRUE(alerts()[0].is_open()) << "nobody asked: nothing says that it is over";
  open();
  serve(72, 48);
  MUST(detections_->advance(kBegin + base::Duration::days(4), Steps::kHours));
  EXPECT_FALSE(alerts()[0].is_open()) << "a day of rows without another";
  EXPECT_EQ(MUST(store::list_events(*db_, {.kind = "alert.resolved"})).size(), 1u);
}

// Rows of another endpoint were taken for more of the same stream.
TEST_F(DetectionsTest, AnotherEndpointIsAnotherStream) {
  const auto seen = [&] {
    std::int64_t rows = -1;
    MUST(db_->read([&](store::Reader& reader) {
      return reader.query("SELECT seen FROM monitor_detectors", {},
                          [&](const store::Row& row) { rows = row.int64(0); });
    }));
    return rows;
  };
  const auto declare = [&](const char* endpoint, const char* zone) {
    MUST(monitor_->apply(MUST(parse_monitors(fmt::format(
                             "monitors: {{m: {{endpoint: {}, time_zone: {}, complete: {{after: "
                             "2d}}, detectors: {{moved: {{method: adwin, of: inputs.x}}}}}}}}",
                             endpoint, zone))),
                         "test"));
  };
  apply("      moved: {method: adwin, of: inputs.x}\n");
  serve(24);
  const auto at_hour = [](int hour) { return kBegin + base::Duration::hours(hour); };
  MUST(detections_->advance(at_hour(12), Steps::kHours));
  EXPECT_EQ(seen(), 720);
  declare("e", "America/New_York");
  MUST(detections_->begin(at_hour(12)));
  MUST(detections_->advance(at_hour(13), Steps::kHours));
  EXPECT_EQ(seen(), 780) << "a detector knows no days";
  declare("other", "America/New_York");
  MUST(detections_->begin(at_hour(13)));
  MUST(detections_->advance(at_hour(14), Steps::kHours));
  EXPECT_EQ(seen(), 60);
}

TEST_F(DetectionsTest, AnInputThatIsNoneStopsNoOther) {
  apply(
      "      gone: {method: adwin, of: inputs.carrier}\n"
      "      moved: {method: adwin, of: inputs.x}\n");
  serve(24);
  MUST(detections_->advance(kBegin + base::Duration::hours(24), Steps::kHours));
  ASSERT_EQ(alerts().size(), 1u);
  EXPECT_EQ(alerts()[0].alert, "moved");
}

TEST_F(DetectionsTest, RestartsAndStepsChangeNothing) {
  const std::string detectors =
      "      a: {method: adwin, of: inputs.x}\n"
      "      b: {method: page_hinkley, of: inputs.x, threshold: 30, mode: up}\n";
  apply(detectors);
  serve(30);
  MUST(detections_->advance(kBegin + base::Duration::hours(30), Steps::kHours));
  const auto whole = by_name(alerts());
  ASSERT_GE(whole.size(), 2u);

  struct Another : DetectionsTest {
    void TestBody() override {}
  } other;
  other.apply(detectors);
  other.serve(30);
  for (int minutes = 0; minutes <= 30 * 60; minutes += 37) {
    MUST(other.detections_->advance(kBegin + base::Duration::seconds(60 * minutes), Steps::kHours));
    if (minutes % 3 == 0) other.open();
  }
  MUST(other.detections_->advance(kBegin + base::Duration::hours(30), Steps::kHours));
  const auto stepped = by_name(other.alerts());
  ASSERT_EQ(stepped.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(stepped[i].alert, whole[i].alert);
    EXPECT_EQ(stepped[i].causes, whole[i].causes);
    EXPECT_EQ(stepped[i].windows, whole[i].windows);
  }
}

TEST_F(DetectionsTest, ErrorsWaitForTheirLabelsButNotForever) {
  apply("      wrong: {method: ddm, of: error}\n");
  serve(20);
  label(0, 600, true);
  const auto to = [](int hours) { return kBegin + base::Duration::hours(hours); };
  MUST(detections_->advance(to(20), Steps::kAsItIs));
  EXPECT_TRUE(alerts().empty());
  label(601, 1200, false);  // the 600th stays away
  open();
  MUST(detections_->advance(to(21), Steps::kAsItIs));
  EXPECT_TRUE(alerts().empty()) << "one is still to come";
  MUST(detections_->advance(to(10 + 49), Steps::kAsItIs));
  ASSERT_EQ(alerts().size(), 1u) << "it had its time";
  const auto index = alerts()[0].causes.at(0).at("index").as_int64();
  EXPECT_GE(index, 600);
  EXPECT_LT(index, 620);
}

TEST_F(DetectionsTest, OneThatIsDeclaredOtherwiseBeginsAnewAndOneThatIsGoneIsResolved) {
  apply("      moved: {method: adwin, of: inputs.x}\n");
  serve(20);
  MUST(detections_->advance(kBegin + base::Duration::hours(20), Steps::kHours));
  ASSERT_EQ(alerts().size(), 1u);
  apply("      moved: {method: adwin, of: inputs.x, delta: 0.1}\n");
  MUST(detections_->advance(kBegin + base::Duration::hours(20), Steps::kHours));
  EXPECT_EQ(alerts().size(), 1u);
  apply("      else: {method: adwin, of: prediction}\n");
  EXPECT_FALSE(alerts()[0].is_open());
}

// A detector only told; what it found had to be acted on by hand.
TEST_F(DetectionsTest, ADetectionStartsActionsOnce) {
  apply(
      "      moved: {method: adwin, of: inputs.x, action: [retrain, page]}\n"
      "    actions:\n"
      "      retrain: {pipeline: train, cool_down: 7d}\n"
      "      page: {do: incident}\n");
  serve(24);
  MUST(detections_->advance(kBegin + base::Duration::hours(24), Steps::kHours));
  ASSERT_EQ(alerts().size(), 1u);
  const auto by_then = alerts()[0].actions;
  ASSERT_EQ(by_then.size(), 2u) << "more detections of the same alert start nothing more";
  EXPECT_EQ(by_then[0].state, "starting");
  EXPECT_EQ(by_then[0].decided_at, alerts()[0].opened_at);
  EXPECT_TRUE(actions_.started.empty()) << "decided, not yet handed over";
  open();
  MUST(monitor_->tend(kBegin + base::Duration::hours(24)));
  MUST(monitor_->tend(kBegin + base::Duration::hours(25)));
  ASSERT_EQ(actions_.started.size(), 2u);
  EXPECT_EQ(actions_.started[0].pipeline, "train");
  EXPECT_EQ(actions_.started[0].alert, "moved");
  EXPECT_EQ(actions_.started[0].as_of, alerts()[0].opened_at);
  EXPECT_NE(actions_.started[1].reason.find("adwin of inputs.x found a change"), std::string::npos);
  const auto opened = MUST(store::list_events(*db_, {.kind = "alert.opened"}));
  EXPECT_NE(opened.at(0).payload.find("\"name\":\"retrain\",\"starts\":true"), std::string::npos)
      << opened.at(0).payload;
}

TEST_F(DetectionsTest, ItsActionsAreGuarded) {
  apply(
      "      moved: {method: adwin, of: inputs.x, action: [retrain, back]}\n"
      "    actions:\n"
      "      retrain: {pipeline: train, confirmed: 3}\n"
      "      back: {do: rollback}\n");
  serve(24);
  actions_.standing.version = 2;
  MUST(detections_->advance(kBegin + base::Duration::hours(24), Steps::kHours));
  ASSERT_EQ(alerts().size(), 1u);
  const auto asked = alerts()[0].actions;
  ASSERT_GE(asked.size(), 2u);
  EXPECT_EQ(asked[0].state, "skipped");
  EXPECT_NE(asked[0].reason.find("1 of the 3"), std::string::npos) << asked[0].reason;
  EXPECT_EQ(asked[1].state, "skipped");
  EXPECT_NE(asked[1].reason.find("version 1 was judged, but version 2 is in charge"),
            std::string::npos)
      << asked[1].reason;
}

TEST(Detector, AsksOnlyForActionsThatThereAre) {
  const auto parsed = parse_monitors(
      "monitors:\n  m:\n    endpoint: e\n    detectors:\n      d: {method: adwin, of: prediction, "
      "action: gone}\n");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("action=gone"), std::string::npos);
}

}  // namespace
}  // namespace slipway::monitor
