// Predictions measured by the methods of inputs: from where, by which, and of what types.
#include "monitor/prediction_drift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monitor/drift/rank_tests.h"
#include "monitor/testing/monitor_fixture.h"
#include "store/events.h"

namespace slipway::monitor {
namespace {

using testing::at;
using ::testing::HasSubstr;
using testing::MonitorTest;

types::Column numbers(int count, double from) {
  types::Column column = types::Column::of_type("prediction", types::ColumnType::kDouble);
  for (int i = 0; i < count; ++i) column.append_double(from + i * 0.7 / 512.0);
  return column;
}

types::Column classes(const std::vector<std::pair<std::string, int>>& counts) {
  types::Column column = types::Column::of_type("prediction", types::ColumnType::kString);
  for (const auto& [name, count] : counts) {
    for (int i = 0; i < count; ++i) column.append_string(name);
  }
  return column;
}

PredictionBaseline baseline_of(const types::Column& answers) {
  return PredictionBaseline::of(answers.doubles, answers);
}

TEST(PredictionBaseline, ItsTextReadsBackToTheBit) {
  types::Column answers = numbers(500, 0.1);
  answers.append_null();
  const PredictionBaseline baseline = baseline_of(answers);
  const PredictionBaseline again = MUST(PredictionBaseline::from_text(baseline.to_text()));
  EXPECT_EQ(again.counts, baseline.counts);
  EXPECT_EQ(again.edges.size(), baseline.edges.size());
  ASSERT_EQ(again.answers.size(), 501u);
  for (std::size_t row = 0; row < 500; ++row)
    EXPECT_EQ(again.answers.number(row), answers.doubles[row]);
  EXPECT_FALSE(again.answers.is_valid(500));
  const PredictionBaseline named = baseline_of(classes({{"cat", 3}, {"dog", 2}}));
  EXPECT_EQ(MUST(PredictionBaseline::from_text(named.to_text())).answers.strings,
            named.answers.strings);
  // An older server's.
  EXPECT_FALSE(
      MUST(PredictionBaseline::from_text("{\"inner_edges\":[1],\"counts\":[1,2]}")).has_answers());
  EXPECT_FALSE(PredictionBaseline::from_text("{\"inner_edges\":[1],\"counts\":[1]}"));
}

TEST(PredictionBaseline, KeepsNoMoreThanItsLimits) {
  EXPECT_EQ(baseline_of(numbers(25'000, 0)).answers.size(), kBaselineRowsMax);
  const auto texts = baseline_of(classes({{std::string(10'000, 'x'), 1000}})).answers;
  EXPECT_LE(texts.size(), kBaselineBytesMax / 10'000);
  EXPECT_GT(texts.size(), kBaselineBytesMax / 10'000 - 5);
}

TEST(PredictionBaseline, MeasuresAsInputsAreMeasured) {
  const types::Column before = numbers(1000, 0), now = numbers(1000, 0.1);
  const PredictionBaseline baseline = baseline_of(before);
  const FeatureDrift far = baseline.compare(now, {.method = "wasserstein"}).found;
  EXPECT_EQ(far.method, "wasserstein");
  EXPECT_EQ(far.threshold, 0.1);
  EXPECT_DOUBLE_EQ(far.score, far.wasserstein);
  EXPECT_GT(far.score, 0.1);
  EXPECT_TRUE(far.drifted) << "a distance drifts from its threshold on";
  EXPECT_FALSE(baseline.compare(now, {.method = "wasserstein", .threshold = 5}).found.drifted);
  const FeatureDrift sure = baseline.compare(now, {.method = "ks"}).found;
  EXPECT_EQ(sure.score, kolmogorov_smirnov(before.doubles, now.doubles).p_value);
  EXPECT_TRUE(sure.drifted) << "a p value drifts below it";
  EXPECT_FALSE(baseline.compare(before, {.method = "ks"}).found.drifted);
  const PredictionDrift drift = baseline.compare(now, {.method = "evidently", .threshold = 0.2});
  const PredictionDrift again = MUST(PredictionDrift::from_json(drift.to_json()));
  EXPECT_EQ(again.to_json(), drift.to_json());
  EXPECT_EQ(again.rule, drift.rule);
  EXPECT_EQ(again.found.method, "ks");
}

TEST(PredictionBaseline, ClassesAreCategoriesOrTexts) {
  const PredictionBaseline baseline = baseline_of(classes({{"cat", 500}, {"dog", 500}}));
  const types::Column now = classes({{"cat", 200}, {"dog", 700}, {"cow", 100}});
  const FeatureDrift shares = baseline.compare(now, {.method = "l_infinity"}).found;
  EXPECT_TRUE(shares.categorical);
  EXPECT_NEAR(shares.score, 0.3, 1e-12);
  EXPECT_NEAR(shares.unseen_rate, 0.1, 1e-12);
  EXPECT_EQ(baseline.compare(now, {}).found.method, "chi2_effective");
  const PredictionBaseline said = baseline_of(classes({{"the parcel is late", 300}}));
  const FeatureDrift words =
      said.compare(classes({{"the strike goes on", 300}}), {.method = "text_content_drift"}).found;
  EXPECT_TRUE(words.text);
  EXPECT_TRUE(words.drifted);
}

TEST(PredictionMethod, TakesWhatTheModelAnswers) {
  const ProblemRules regression{.kind = Problem::kRegression}, binary,
      ranking{.kind = Problem::kRanking}, open{.kind = Problem::kMulticlass},
      named{.kind = Problem::kMulticlass, .classes = {"cat", "dog"}};
  for (const char* any : {"slipway", "evidently", "alibi", "nannyml", "psi", "jensenshannon"}) {
    for (const ProblemRules& problem : {regression, binary, ranking, open, named})
      EXPECT_TRUE(check_prediction_method(any, problem)) << any;
  }
  for (const char* of_numbers : {"ks", "wasserstein", "t_test"}) {
    EXPECT_TRUE(check_prediction_method(of_numbers, regression)) << of_numbers;
    EXPECT_FALSE(check_prediction_method(of_numbers, named)) << of_numbers;
  }
  EXPECT_TRUE(check_prediction_method("chi2", named));
  EXPECT_TRUE(check_prediction_method("text_content_drift", open)) << "of texts that it answers";
  for (const auto& [method, problem] : {std::pair("chi2", binary),
                                        {"text_content_drift", regression},
                                        {"text_content_drift", named}}) {
    EXPECT_FALSE(check_prediction_method(method, problem)) << method;
  }
  EXPECT_THAT(check_prediction_method("chi2", regression).error().message,
              HasSubstr("the model of a regression problem answers numbers, and the drift method "
                        "takes none: method=chi2 these do: anderson, "));
  EXPECT_THAT(check_prediction_method("kss", binary).error().message,
              HasSubstr("no such drift method: method=kss"));
}

class PredictionDriftTest : public MonitorTest {
 protected:
  void declare(const std::string& drift, const std::string& more = "") {
    MUST(monitor_->apply(
        MUST(parse_monitors(fmt::format(
            "monitors:\n  m:\n    endpoint: e\n    problem: {}\n    windows: [day]\n    "
            "complete: {{after: 1h}}\n{}{}",
            problem_, drift.empty() ? "" : "    drift: {prediction: " + drift + "}\n", more))),
        "test"));
  }
  // `count` answers spread over a day, i/count + shift.
  void answers(const char* day, int count, double shift, const std::string& variant = "live") {
    for (int i = 0; i < count; ++i) {
      requests_.log.push_back(
          {.id = fmt::format("{}-{}", day, i),
           .event_time = at(day) + base::Duration{base::Duration::days(1).micros / count * i},
           .prediction = static_cast<double>(i * 7 % count) / count + shift,
           .variant = variant,
           .role = variant == "live" ? "live" : "shadow"});
    }
  }
  VariantResult window(const char* day, const std::string& variant = "live") {
    return MUST(monitor_->windows(
                    "m", {.variant = variant, .from = at(day), .to = at(day) + base::Duration{1}}))
        .at(0)
        .result;
  }

  std::string problem_ = "regression";
};

constexpr const char* kFirst = "2013-06-03T00:00:00Z";
constexpr const char* kSecond = "2013-06-04T00:00:00Z";
constexpr const char* kThird = "2013-06-05T00:00:00Z";
constexpr const char* kFourth = "2013-06-06T00:00:00Z";

TEST_F(PredictionDriftTest, EachVariantIsMeasuredFromItsFirstWindow) {
  declare(
      "{method: wasserstein, threshold: 0.2}",
      "    alerts: {moved: {metric: prediction_drifted, window: day, over: 0, severity: info}}\n");
  for (const auto& [day, shift] : {std::pair(kFirst, 0.0), {kSecond, 0.0}, {kThird, 0.3}}) {
    answers(day, 400, shift);
    answers(day, 400, 0, "frozen");
  }
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_FALSE(window(kFirst).prediction_drift) << "no window is measured from itself";
  EXPECT_FALSE(window(kFirst).metrics.contains("prediction_drift"));
  EXPECT_EQ(window(kSecond).metrics.at("prediction_drift"), 0);
  EXPECT_EQ(window(kSecond).metrics.at("prediction_drifted"), 0);
  const VariantResult moved = window(kThird);
  ASSERT_TRUE(moved.prediction_drift);
  EXPECT_EQ(moved.prediction_drift->found.method, "wasserstein");
  EXPECT_EQ(moved.prediction_drift->found.threshold, 0.2);
  EXPECT_NEAR(moved.metrics.at("prediction_drift"), 0.3 / std::sqrt(1.0 / 12), 0.01);
  EXPECT_EQ(moved.metrics.at("prediction_drifted"), 1);
  EXPECT_EQ(window(kThird, "frozen").metrics.at("prediction_drifted"), 0);
  const auto alerts = MUST(monitor_->alerts({.alert = "moved"}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].window.start, at(kThird));
  EXPECT_EQ(alerts[0].why,
            "prediction_drifted is 1 (threshold 0): wasserstein says 1.039, and at least 0.2 is "
            "drift");
}

TEST_F(PredictionDriftTest, NothingDeclaredIsPsiAlone) {
  declare("");
  for (const char* day : {kFirst, kSecond}) answers(day, 400, 0);
  walk_to("2013-06-05T12:00:00Z");
  EXPECT_EQ(window(kSecond).metrics.at("prediction_psi"), 0);
  EXPECT_FALSE(window(kSecond).prediction_drift);
  EXPECT_FALSE(window(kSecond).metrics.contains("prediction_drift"));
  // What came first was kept: the next window is measured from it.
  declare("{method: ks}");
  answers(kThird, 400, 0.3);
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(window(kThird).metrics.at("prediction_drifted"), 1);
}

TEST_F(PredictionDriftTest, AnotherMethodComparesWithNoValueOfTheOldOne) {
  const std::string alerts =
      "    alerts:\n      far: {metric: prediction_drift, window: day, over: 0.5}\n      odd: "
      "{metric: prediction_drift, window: day, unusual: high, over: 0.5}\n      psi: {metric: "
      "prediction_psi, window: day, over: 0.5}\n";
  declare("{method: wasserstein}", alerts);
  answers(kFirst, 400, 0);
  answers(kSecond, 400, 0.3);
  walk_to("2013-06-05T12:00:00Z");
  ASSERT_EQ(MUST(monitor_->alerts({.open_only = true})).size(), 3u);
  declare("{method: ks}", alerts);
  const auto open = MUST(monitor_->alerts({.open_only = true}));
  ASSERT_EQ(open.size(), 1u) << "a distance of before is no p value";
  EXPECT_EQ(open[0].alert, "psi");
  std::map<std::string, std::string> reasons;
  for (const auto& event : MUST(store::list_events(*db_, {.kind = "alert.resolved"}))) {
    const JsonObject payload = MUST(base::parse_json_object(event.payload));
    reasons[std::string(payload.at("alert").as_string())] =
        std::string(payload.at("reason").as_string());
  }
  EXPECT_EQ(reasons.at("far"), "predictions are measured by another method now");
  EXPECT_THAT(reasons.at("odd"), HasSubstr("learns what is usual"));
  answers(kThird, 400, 0.3);
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(window(kThird).prediction_drift->found.method, "ks");
  EXPECT_LT(window(kThird).metrics.at("prediction_drift"), 0.001);
  EXPECT_EQ(MUST(monitor_->alerts({.alert = "far", .open_only = true})).size(), 0u);
}

TEST_F(PredictionDriftTest, AnOlderServersBaselineIsMadeAnew) {
  declare("");
  answers(kFirst, 400, 0);
  walk_to("2013-06-04T12:00:00Z");
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE monitor_baselines SET baseline = ?",
                   {"{\"inner_edges\":[0.5],\"counts\":[200,200]}"}));
    return {};
  }));
  declare("{method: ks}");
  answers(kSecond, 400, 0.3);
  answers(kThird, 400, 0.3);
  answers(kFourth, 400, 0);
  walk_to("2013-06-07T12:00:00Z");
  EXPECT_FALSE(window(kSecond).prediction_drift) << "what came first is not known any more";
  EXPECT_EQ(window(kThird).metrics.at("prediction_drifted"), 0);
  EXPECT_EQ(window(kFourth).metrics.at("prediction_drifted"), 1);
}

TEST_F(PredictionDriftTest, OfClasses) {
  problem_ = "multiclass";
  declare("{method: l_infinity}");
  const auto said = [&](const char* day, int cats) {
    for (int i = 0; i < 300; ++i) {
      requests_.log.push_back({.id = fmt::format("{}-{}", day, i),
                               .event_time = at(day) + base::Duration::seconds(i),
                               .prediction = std::nan(""),
                               .answer = i < cats ? "\"cat\"" : "{\"dog\": 0.9, \"cat\": 0.1}"});
    }
  };
  said(kFirst, 150);
  said(kSecond, 150);
  said(kThird, 240);
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(window(kSecond).metrics.at("prediction_drift"), 0);
  EXPECT_NEAR(window(kThird).metrics.at("prediction_drift"), 0.3, 1e-12);
  EXPECT_TRUE(window(kThird).prediction_drift->found.categorical);
  EXPECT_TRUE(std::isnan(window(kThird).metrics.at("prediction_psi"))) << "names have no bins";
  const VariantResult again = MUST(VariantResult::from_json(window(kThird).to_json()));
  EXPECT_EQ(again.to_json(), window(kThird).to_json());
}

}  // namespace
}  // namespace slipway::monitor
