// Our drift measures against scipy and Evidently, on inputs rebuilt bit for bit from a portable
// generator.
#include "monitor/drift_measures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "base/hash.h"
#include "base/json.h"
#include "monitor/kolmogorov.h"
#include "monitor/testdata/golden_inputs.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

using golden::Numbers;
using golden::Words;
using types::auc;
using types::measure_performance;
using types::Performance;

const JsonObject& golden_file() {
  static const JsonObject file = [] {
    std::ifstream in(SLIPWAY_MONITOR_TESTDATA "/drift_golden.json");
    std::stringstream text;
    text << in.rdbuf();
    return MUST(base::parse_json_object(text.str()));
  }();
  return file;
}

std::string digest(const Numbers& values) {
  return base::sha256_hex({reinterpret_cast<const char*>(values.data()), values.size() * 8})
      .substr(0, 16);
}
std::string digest(const Words& values) {
  std::string joined;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) joined += '\n';
    joined += values[i];
  }
  return base::sha256_hex(joined).substr(0, 16);
}

Numbers finite_sorted(const Numbers& values) {
  Numbers kept;
  for (double value : values) {
    if (std::isfinite(value)) kept.push_back(value);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

// The number at `index` of member `name` (or the bare number); nothing when it isn't a finite
// number.
std::optional<double> wanted(const JsonObject& entry, std::string_view name, std::size_t index) {
  const Json* member = entry.if_contains(name);
  if (member == nullptr) return std::nullopt;
  if (member->is_array()) {
    if (member->as_array().size() <= index) return std::nullopt;
    member = &member->as_array()[index];
  }
  if (!member->is_number()) return std::nullopt;
  return member->to_number<double>();
}

int compared = 0;

void expect_near(double got, std::optional<double> want, double relative, std::string_view what) {
  if (!want) return;
  ++compared;
  if (*want < 1e-200 && got < 1e-200 && got >= 0) return;
  EXPECT_LE(std::abs(got - *want), relative * std::abs(*want) + 1e-12 * (*want > 1e-9))
      << what << " got=" << got << " want=" << *want;
}

// Evidently's bins: a bucket per value up to 20 different reference values, else Sturges over both.
std::pair<Numbers, Numbers> evidently_counts(const Numbers& a, const Numbers& b) {
  const std::set<double> distinct(a.begin(), a.end());
  if (distinct.size() > 20) {
    const Numbers edges = sturges_edges(a, b);
    return {histogram(a, edges), histogram(b, edges)};
  }
  std::map<double, std::pair<double, double>> counts;
  for (double value : a) counts[value].first += 1;
  for (double value : b) counts[value].second += 1;
  std::pair<Numbers, Numbers> result;
  for (const auto& [value, count] : counts) {
    result.first.push_back(count.first);
    result.second.push_back(count.second);
  }
  return result;
}

TEST(DriftMeasures, NumericAgreeWithScipyAndEvidently) {
  const auto pairs = golden::numeric_pairs();
  compared = 0;
  for (const auto& [name, member] : golden_file().at("numeric").as_object()) {
    const JsonObject& want = member.as_object();
    SCOPED_TRACE(std::string_view(name));
    const auto found = pairs.find(std::string(name));
    ASSERT_NE(found, pairs.end());
    const auto& [reference, current] = found->second;
    ASSERT_EQ(digest(reference), std::string_view(want.at("sha_ref").as_string()));
    ASSERT_EQ(digest(current), std::string_view(want.at("sha_cur").as_string()));
    const Numbers a = finite_sorted(reference), b = finite_sorted(current);

    const KolmogorovSmirnov ks = kolmogorov_smirnov(a, b);
    expect_near(ks.statistic, wanted(want, "ks_2samp", 0), 1e-12, "ks statistic");
    expect_near(ks.p_value, wanted(want, "ks_2samp", 1), 1e-9, "ks p");
    // Boost.JSON reads some doubles one unit in the last place off.
    EXPECT_DOUBLE_EQ(ks.location, wanted(want, "ks_2samp", 2).value());
    EXPECT_EQ(ks.sign, wanted(want, "ks_2samp", 3));
    const KolmogorovSmirnov asymptotic = kolmogorov_smirnov(a, b, KsMethod::kAsymptotic);
    expect_near(asymptotic.p_value, wanted(want, "ks_2samp_asymp", 1), 1e-9, "ks asymptotic p");

    expect_near(wasserstein_distance(a, b), wanted(want, "wasserstein", 0), 1e-12, "wasserstein");
    expect_near(normalized_wasserstein(a, b), wanted(want, "evidently_wasserstein", 0), 1e-12,
                "normalized wasserstein");

    const Numbers deciles = decile_edges(a);
    expect_near(population_stability_index(histogram(a, deciles), histogram(b, deciles)),
                wanted(want, "psi_decile_eps1e-4", 0), 1e-12, "psi deciles");
    Numbers widths =
        equal_width_edges(a.front(), a.back() > a.front() ? a.back() : a.front() + 1, 10);
    widths.front() = -std::numeric_limits<double>::infinity();
    widths.back() = std::numeric_limits<double>::infinity();
    expect_near(population_stability_index(histogram(a, widths), histogram(b, widths)),
                wanted(want, "psi_width10_eps1e-4", 0), 1e-12, "psi widths");
    const auto [p, q] = evidently_counts(a, b);
    expect_near(population_stability_index(p, q, ZeroShare::kEvidently),
                wanted(want, "evidently_psi", 0), 1e-12, "evidently psi");
    expect_near(jensen_shannon_distance(p, q), wanted(want, "evidently_jensenshannon", 0), 1e-9,
                "evidently js");
  }
  EXPECT_GT(compared, 300);
}

TEST(DriftMeasures, CategoricalAgreeWithScipyAndEvidently) {
  const auto pairs = golden::categorical_pairs();
  compared = 0;
  for (const auto& [name, member] : golden_file().at("categorical").as_object()) {
    const JsonObject& want = member.as_object();
    SCOPED_TRACE(std::string_view(name));
    const auto found = pairs.find(std::string(name));
    ASSERT_NE(found, pairs.end());
    const auto& [reference, current] = found->second;
    ASSERT_EQ(digest(reference), std::string_view(want.at("sha_ref").as_string()));
    ASSERT_EQ(digest(current), std::string_view(want.at("sha_cur").as_string()));
    std::map<std::string, std::pair<double, double>> counts;
    for (const std::string& word : reference) {
      if (!word.empty()) counts[word].first += 1;
    }
    for (const std::string& word : current) {
      if (!word.empty()) counts[word].second += 1;
    }
    Numbers p, q;
    for (const auto& [word, count] : counts) {
      p.push_back(count.first);
      q.push_back(count.second);
    }
    expect_near(l_infinity_distance(p, q), wanted(want, "linf", 0), 1e-12, "linf");
    expect_near(total_variation_distance(p, q), wanted(want, "tvd", 0), 1e-12, "tvd");
    expect_near(hellinger_distance(p, q), wanted(want, "hellinger", 0), 1e-9, "hellinger");
    expect_near(jensen_shannon_distance(p, q), wanted(want, "js_distance_e", 0), 1e-9, "js");
    const ChiSquare two = chi_square_two_sample(p, q);
    expect_near(two.statistic, wanted(want, "chi2_contingency", 0), 1e-9, "chi2");
    expect_near(two.p_value, wanted(want, "chi2_contingency", 1), 1e-9, "chi2 p");
    EXPECT_EQ(static_cast<double>(two.degrees), wanted(want, "chi2_contingency", 2));
    expect_near(chi_square_fit(p, q).p_value, wanted(want, "evidently_chisquare", 0), 1e-9,
                "fit p");
    expect_near(population_stability_index(p, q, ZeroShare::kEvidently),
                wanted(want, "evidently_psi", 0), 1e-12, "psi");
  }
  EXPECT_GT(compared, 120);
}

TEST(Kolmogorov, SurvivalAgreesWithScipy) {
  for (const Json& row : golden_file().at("kstwo").as_array()) {
    const auto& cells = row.as_array();
    const auto n = cells[0].to_number<std::int64_t>();
    const auto d = cells[1].to_number<double>();
    const auto want = cells[2].to_number<double>();
    const double got = kolmogorov_survival(n, d);
    if (want < 1e-200 && got < 1e-200) continue;
    EXPECT_LE(std::abs(got - want), 1e-9 * want)
        << "n=" << n << " d=" << d << " got=" << got << " want=" << want;
  }
}

TEST(Kolmogorov, TwoSampleByHand) {
  // Two and two: of the six interleavings, two (aabb, bbaa) reach a distance of 1, four reach 1/2
  // at most.
  EXPECT_DOUBLE_EQ(two_sample_survival(2, 2, 2), 2.0 / 6);
  EXPECT_DOUBLE_EQ(two_sample_survival(2, 2, 1), 1);
  EXPECT_DOUBLE_EQ(two_sample_survival(1, 3, 3), 2.0 / 4);
  EXPECT_DOUBLE_EQ(two_sample_survival(3, 1, 3), 2.0 / 4);
}

TEST(DriftMeasures, EmptySamplesAreNotANumber) {
  const Numbers none, some = {1, 2, 3}, zeros = {0, 0, 0};
  EXPECT_TRUE(std::isnan(kolmogorov_smirnov(none, some).statistic));
  EXPECT_TRUE(std::isnan(wasserstein_distance(some, none)));
  EXPECT_TRUE(std::isnan(normalized_wasserstein(none, some)));
  EXPECT_TRUE(std::isnan(population_stability_index(zeros, some)));
  EXPECT_TRUE(std::isnan(jensen_shannon_distance(some, zeros)));
  EXPECT_TRUE(std::isnan(chi_square_two_sample(zeros, some).p_value));
  EXPECT_EQ(decile_edges(none).size(), 2u);
  EXPECT_EQ(histogram(some, decile_edges(none)), Numbers{3});
}

TEST(Performance, AgreesWithScikitLearn) {
  Numbers scores = golden::uniform(401, 5000), labels = golden::uniform(402, 5000);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    labels[i] = labels[i] < std::pow(scores[i], 1.5) ? 1 : 0;
    scores[i] = std::floor(scores[i] * 50) / 50;  // ties, and exact zeros
  }
  const Performance got = measure_performance(scores, labels);
  const JsonObject& want = golden_file().at("performance").as_object();
  expect_near(got.auc, wanted(want, "auc", 0), 1e-12, "auc");
  expect_near(got.log_loss, wanted(want, "log_loss", 0), 1e-12, "log loss");
  expect_near(got.brier, wanted(want, "brier", 0), 1e-12, "brier");
  expect_near(got.ece, wanted(want, "ece", 0), 1e-12, "ece");
  expect_near(got.calibration_bias, wanted(want, "calibration_bias", 0), 1e-12, "bias");
  expect_near(got.label_mean, wanted(want, "label_mean", 0), 1e-12, "label mean");
  expect_near(got.log_loss_ratio, wanted(want, "log_loss_ratio", 0), 1e-12, "ratio");
}

TEST(Performance, TheEdges) {
  EXPECT_TRUE(std::isnan(measure_performance({}, {}).log_loss));
  const Numbers sure = {1, 1, 0}, ones = {1, 1, 1};
  const Performance one_label = measure_performance(sure, ones);
  EXPECT_TRUE(std::isnan(one_label.auc));
  EXPECT_TRUE(std::isnan(one_label.log_loss_ratio));
  EXPECT_NEAR(one_label.log_loss, -std::log(2.220446049250313e-16) / 3, 1e-9);
  EXPECT_DOUBLE_EQ(auc(Numbers{0.1, 0.4, 0.4, 0.8}, Numbers{0, 0, 1, 1}), 0.875);
  EXPECT_DOUBLE_EQ(auc(Numbers{0.5, 0.5}, Numbers{0, 1}), 0.5);
}

}  // namespace
}  // namespace slipway::monitor
