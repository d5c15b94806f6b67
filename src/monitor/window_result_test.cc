#include "monitor/window_result.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "monitor/testing/fakes.h"

namespace slipway::monitor {
namespace {

using testing::LoggedRequest;
using testing::to_frame;

TEST(WindowRows, CountsRequestsOnceAndLeavesLoadTrafficOut) {
  const types::Frame frame = to_frame({
      {.id = "a", .prediction = 0.2},
      {.id = "a", .prediction = 0.3},  // a retry
      {.id = "b", .prediction = 0.4, .variant = "canary", .model_version = 2},
      {.id = "a", .prediction = 0.9, .variant = "frozen", .role = "shadow"},
      {.id = "load-1", .prediction = 0.9, .traffic = "load"},
      {.id = "c", .prediction = std::nan(""), .error = "deadline"},
  });
  const WindowRows rows = MUST(WindowRows::of(frame));
  EXPECT_EQ(rows.live_request_ids(), (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(rows.by_variant().size(), 3u);  // live, canary, frozen
  const Labels labels = {{"a", 1.0}, {"b", 0.0}};
  const VariantResult live = rows.judge("live", labels, nullptr, nullptr);
  EXPECT_EQ(live.rows, 3);
  EXPECT_EQ(live.errors, 1);
  EXPECT_EQ(live.labels, 2);
  EXPECT_DOUBLE_EQ(live.completeness, 2.0 / 3);
  EXPECT_EQ(live.model_version, 1);
  EXPECT_DOUBLE_EQ(live.metrics.at("mean_prediction"), 0.3);
  EXPECT_DOUBLE_EQ(live.metrics.at("calibration_bias"), 0.3 - 0.5);
  EXPECT_DOUBLE_EQ(live.metrics.at("error_rate"), 1.0 / 3);
  EXPECT_TRUE(std::isnan(live.metrics.at("prediction_psi")));
  const VariantResult frozen = rows.judge("frozen", labels, nullptr, nullptr);
  EXPECT_EQ(frozen.role, "shadow");
  EXPECT_DOUBLE_EQ(frozen.metrics.at("mean_prediction"), 0.9);
  EXPECT_EQ(rows.judge("canary", labels, nullptr, nullptr).model_version, 2);
}

// A request that failed and was asked again counted as failed, and what its user got as nothing.
TEST(WindowRows, TheFirstAnswerOfARequestCounts) {
  const types::Frame frame = to_frame({
      {.id = "a", .prediction = std::nan(""), .error = "deadline"},
      {.id = "b", .prediction = std::nan(""), .error = "deadline"},
      {.id = "a", .prediction = 0.3, .variant = "canary", .model_version = 2},
      {.id = "a", .prediction = 0.4},
      {.id = "b", .prediction = std::nan(""), .error = "killed"},
      {.id = "a", .prediction = std::nan(""), .error = "deadline"},
      {.id = "a", .prediction = std::nan(""), .variant = "new", .role = "shadow", .error = "x"},
      {.id = "a", .prediction = 0.9, .variant = "new", .role = "shadow"},
  });
  const WindowRows rows = MUST(WindowRows::of(frame));
  const VariantResult live = rows.judge("live", {{"a", 1.0}}, nullptr, nullptr);
  EXPECT_EQ(live.rows, 2);
  EXPECT_EQ(live.errors, 1);
  EXPECT_EQ(live.labels, 1);
  EXPECT_DOUBLE_EQ(live.metrics.at("mean_prediction"), 0.3);
  EXPECT_EQ(rows.answered_by("canary").size(), 1u);
  EXPECT_DOUBLE_EQ(rows.judge("new", {}, nullptr, nullptr).metrics.at("mean_prediction"), 0.9);
}

TEST(WindowRows, AnOutcomeThatWillNeverComeCompletesWithoutALabel) {
  const types::Frame frame =
      to_frame({{.id = "a", .prediction = 0.2}, {.id = "b", .prediction = 0.4}});
  const WindowRows rows = MUST(WindowRows::of(frame));
  const VariantResult live =
      rows.judge("live", {{"a", KnownLabel()}, {"b", 1.0}}, nullptr, nullptr);
  EXPECT_EQ(live.labels, 1);
  EXPECT_DOUBLE_EQ(live.completeness, 1);
}

TEST(WindowRows, AGroupIsAColumnOrTheRequest) {
  types::Frame frame =
      to_frame({{.id = "q/1/0", .x = 2, .carrier = "UA"}, {.id = "alone", .carrier = ""}});
  types::Column asked = types::Column::of_type("request.query", types::ColumnType::kString);
  asked.append_string("shoes");
  asked.append_null();
  MUST(frame.add(std::move(asked)));
  const WindowRows rows = MUST(WindowRows::of(frame));
  const std::pair<const char*, std::pair<const char*, const char*>> cases[] = {
      {"", {"q/1", "alone"}},   {"carrier", {"UA", ""}}, {"x", {"2", "0"}},
      {"query", {"shoes", ""}}, {"nowhere", {"", ""}},
  };
  for (const auto& [column, groups] : cases) {
    const ProblemRules rules{.kind = Problem::kRanking, .group = column};
    EXPECT_EQ(rows.group_of(rules, 0), groups.first) << column;
    EXPECT_EQ(rows.group_of(rules, 1), groups.second) << column;
  }
}

// Ids were cut at their last slash whoever chose them: requests of one session were one group.
TEST(WindowRows, IdsThatUsersChoseAreNotCut) {
  const std::pair<const char*, const char*> cases[] = {
      {"batch/0", "batch"},   {"batch/1", "batch"},   {"batch/10", "batch"},
      {"shop/17", "shop/17"}, {"shop/18", "shop/18"}, {"batch/one", "batch/one"},
      {"batch/", "batch/"},   {"a/b/0", "a/b"},       {"a/b/1", "a/b"},
      {"a/c", "a/c"},         {"plain", "plain"},
  };
  std::vector<LoggedRequest> log;
  for (const auto& [id, group] : cases) log.push_back({.id = id});
  const types::Frame frame = to_frame(log);
  const WindowRows rows = MUST(WindowRows::of(frame));
  for (std::size_t i = 0; i < log.size(); ++i)
    EXPECT_EQ(rows.group_of({.kind = Problem::kRanking}, i), cases[i].second) << cases[i].first;
}

TEST(WindowRows, AnEmptyLogHasNoVariants) {
  const WindowRows rows = MUST(WindowRows::of(types::Frame()));
  EXPECT_TRUE(rows.by_variant().empty());
  EXPECT_TRUE(rows.live_request_ids().empty());
}

TEST(WindowRows, ALogWithoutItsColumnsIsRefused) {
  types::Frame frame = to_frame({{.id = "a"}});
  std::erase_if(frame.columns(), [](const types::Column& c) { return c.name == "prediction"; });
  EXPECT_EQ(WindowRows::of(frame).error().code, Code::kNotFound);
}

TEST(WindowRows, DriftMissingAndUnseen) {
  std::vector<LoggedRequest> reference, window;
  for (int i = 0; i < 1000; ++i) {
    reference.push_back(
        {.id = std::to_string(i), .x = i % 100 / 100.0, .carrier = i % 2 ? "UA" : "B6"});
    window.push_back({.id = std::to_string(i),
                      .prediction = 0.5,
                      .x = i % 4 == 0 ? std::nan("") : i % 100 / 100.0 + 0.5,
                      .carrier = i % 10 == 0 ? "ZZ"
                                 : i % 2     ? "UA"
                                             : "B6"});
  }
  const DriftProfile profile = DriftProfile::of(to_frame(reference));
  const types::Frame frame = to_frame(window);
  const VariantResult live = MUST(WindowRows::of(frame)).judge("live", {}, &profile, nullptr);
  ASSERT_EQ(live.drift.size(), 2u);  // log columns are no features
  const FeatureDrift& carrier = live.drift[0];
  EXPECT_EQ(carrier.feature, "carrier");
  EXPECT_NEAR(carrier.unseen_rate, 0.1, 1e-12);
  EXPECT_NEAR(carrier.l_infinity, 0.1, 1e-12);
  EXPECT_LT(carrier.chi_square_p, 1e-6);
  const FeatureDrift& x = live.drift[1];
  EXPECT_NEAR(x.missing_rate, 0.25, 1e-12);
  EXPECT_EQ(x.reference_missing_rate, 0);
  EXPECT_GT(x.psi, 1);
  EXPECT_GT(x.ks, 0.45);
  EXPECT_LT(x.ks_p, 1e-9);
  EXPECT_NEAR(live.metrics.at("missing_rate"), 0.125, 1e-12);
  EXPECT_NEAR(live.metrics.at("unseen_rate"), 0.1, 1e-12);
  EXPECT_EQ(live.metrics.at("feature_psi_max"), x.psi);
  EXPECT_EQ(x.method, "ks_effective");
  EXPECT_TRUE(x.drifted);
  EXPECT_EQ(carrier.method, "chi2_effective");
  EXPECT_TRUE(carrier.drifted);
  EXPECT_EQ(live.metrics.at("drifted_share"), 1);

  const VariantResult again = MUST(VariantResult::from_json(live.to_json()));
  EXPECT_EQ(again.to_json(), live.to_json());
}

TEST(DriftProfile, MeasuresByTheRulesOfTheMonitor) {
  std::vector<LoggedRequest> reference, window;
  for (int i = 0; i < 1000; ++i) {
    reference.push_back({.id = std::to_string(i), .x = i / 100.0, .carrier = i % 2 ? "UA" : "B6"});
    window.push_back({.id = std::to_string(i), .x = i / 90.0, .carrier = i % 5 ? "UA" : "B6"});
  }
  const types::Frame frame = to_frame(window);
  std::vector<std::size_t> rows(frame.rows());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const auto compared = [&](DriftRules rules) {
    std::map<std::string, FeatureDrift> drifts;
    const DriftProfile profile = DriftProfile::of(to_frame(reference), std::move(rules));
    for (FeatureDrift& drift : profile.compare(frame, rows)) drifts[drift.feature] = drift;
    return drifts;
  };
  auto found = compared({.all = {.method = "evidently"}});
  EXPECT_EQ(found["x"].method, "ks");
  EXPECT_EQ(found["carrier"].method, "z");
  found = compared({.all = {.method = "wasserstein", .threshold = 0.5},
                    .columns = {{"carrier", {.method = "l_infinity", .threshold = 0.2}}}});
  EXPECT_EQ(found["x"].method, "wasserstein");
  EXPECT_EQ(found["x"].threshold, 0.5);
  EXPECT_FALSE(found["x"].drifted);
  EXPECT_EQ(found["carrier"].method, "l_infinity");
  EXPECT_NEAR(found["carrier"].score, 0.3, 1e-12);
  EXPECT_TRUE(found["carrier"].drifted);
  // Numbers only: the categories are left to slipway.
  found = compared({.all = {.method = "ks"}});
  EXPECT_EQ(found["carrier"].method, "chi2_effective");
}

TEST(DriftProfile, TellsAnotherUnit) {
  std::vector<LoggedRequest> reference, window;
  for (int i = 0; i < 1000; ++i) {
    reference.push_back({.id = std::to_string(i), .x = 5 + i * 7 % 1000 / 100.0});
    window.push_back({.id = std::to_string(i), .x = 5000 + i * 11 % 1000 * 10.0});
  }
  const DriftProfile profile = DriftProfile::of(to_frame(reference));
  const auto unit_of = [&](const std::vector<LoggedRequest>& log) {
    const types::Frame frame = to_frame(log);
    const VariantResult live = MUST(WindowRows::of(frame)).judge("live", {}, &profile, nullptr);
    EXPECT_EQ(MUST(VariantResult::from_json(live.to_json())).drift.at(1).unit,
              live.drift.at(1).unit);
    return live.drift.at(1).unit;
  };
  EXPECT_EQ(unit_of(window), "the values are 1000 times what they were: another unit?");
  EXPECT_EQ(unit_of(reference), "");
}

TEST(DriftProfile, FewValuesGetABinEach) {
  EXPECT_EQ(profile_edges({0, 0, 1, 1, 3}).size(), 4u);
  std::vector<double> many;
  for (int i = 0; i < 1000; ++i) many.push_back(i);
  EXPECT_EQ(profile_edges(many).size(), 11u);
  EXPECT_EQ(profile_edges({}).size(), 2u);
}

TEST(WindowRows, SummarizesAVariantForAGuard) {
  const types::Frame frame = to_frame({
      {.id = "a", .prediction = 0.6, .variant = "canary", .latency_us = 2000},
      {.id = "b", .prediction = 0.8, .variant = "canary", .latency_us = 9000},
      {.id = "c", .variant = "canary", .error = "x"},
      {.id = "d", .prediction = 0.1, .variant = "live"},
  });
  const WindowRows rows = MUST(WindowRows::of(frame));
  const VariantSummary canary = rows.summarize("canary", {{"a", 0.0}, {"b", 1.0}, {"d", 1.0}}, 5);
  EXPECT_EQ(canary.requests, 3);
  EXPECT_EQ(canary.errors, 1);
  EXPECT_EQ(canary.latency_ms_p99, 9);
  EXPECT_EQ(canary.slow, 1);
  EXPECT_EQ(canary.labels, 2);
  EXPECT_DOUBLE_EQ(canary.calibration_bias, 0.2);
  EXPECT_NEAR(canary.calibration_bias_error, 0.4, 1e-12);
  EXPECT_TRUE(std::isnan(rows.summarize("nobody", {}, 5).calibration_bias));
}

TEST(Quantile, NearestRank) {
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(quantile({3, 1, 2}, 0.99), 3);
  EXPECT_EQ(quantile({3, 1, 2}, 0), 1);
}

}  // namespace
}  // namespace slipway::monitor
