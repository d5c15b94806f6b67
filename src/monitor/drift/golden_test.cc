// Our drift methods against scipy, Evidently, NannyML and alibi-detect, on inputs rebuilt bit for
// bit from a portable generator, and on scikit-learn's data sets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "base/hash.h"
#include "base/json.h"
#include "monitor/drift/bins.h"
#include "monitor/drift/category_tests.h"
#include "monitor/drift/column_pair.h"
#include "monitor/drift/distances.h"
#include "monitor/drift/kernel_tests.h"
#include "monitor/drift/kolmogorov.h"
#include "monitor/drift/methods.h"
#include "monitor/drift/moment_tests.h"
#include "monitor/drift/rank_tests.h"
#include "monitor/drift/share_distances.h"
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

// The tolerances of the golden file: 1e-9 relative and 1e-12 absolute, but for those below.
//
// Cramer-von Mises: the peers end their series at terms of 1e-7, so that their tail is noise of
// that size (1.7e-7 where the truth is below 1e-300), and Evidently counts its exact paths in
// 16-bit floats.
struct Tolerance {
  double relative = 1e-9, absolute = 1e-12;
};
// How far apart the p of two sets of permutations may be, which gave `of_peer` and `of_ours`: three
// deviations.
double permutation_noise(std::string_view method, double of_peer, double of_ours) {
  const double peers = method == "TVD" ? 1000 : 100, ours = method == "TVD" ? 1000 : 500;
  const double p = (of_peer * peers + of_ours * ours + 1) / (peers + ours + 2);  // is not 0
  return 3 * std::sqrt(p * (1 - p) * (1 / peers + 1 / ours));
}

Tolerance tolerance_of(std::string_view method) {
  if (method == "cramer_von_mises") return {2e-5, 2e-7};  // see below
  if (method == "z") return {1e-9, 1e-15};                // the peer cancels
  return {};
}

void expect_within(double got, const Json& want, Tolerance tolerance, std::string_view what) {
  ++compared;
  if (want.is_string()) {
    const std::string_view text = want.as_string();
    if (text == "nan") {
      EXPECT_TRUE(std::isnan(got)) << what << " got=" << got;
    } else {
      EXPECT_EQ(fmt::format("{}", got), text) << what;
    }
    return;
  }
  const auto number = want.to_number<double>();
  if (number < 1e-200 && got >= 0 && got < 1e-200) return;
  EXPECT_LE(std::abs(got - number), tolerance.relative * std::abs(number) + tolerance.absolute)
      << what << " got=" << got << " want=" << number;
}

// Every method of Evidently's own table: value and verdict at its default threshold.
template <typename Pair>
void expect_evidently(const JsonObject& want, const Pair& pair) {
  bool few = false;
  if constexpr (std::is_same_v<Pair, NumberPair>) few = distinct_values(pair, 2) <= 2;
  for (const auto& [key, value] : want) {
    const std::string name(key);
    if (name == "default") continue;
    const DriftMethod* method = find_drift_method(name);
    ASSERT_NE(method, nullptr) << name;
    DriftScore score;
    if constexpr (std::is_same_v<Pair, NumberPair>) {
      // Evidently's default for numbers with few values is a test of categories.
      score = method->of_numbers != nullptr ? method->of_numbers(pair)
                                            : method->of_categories(by_value(pair));
    } else {
      score = method->of_categories(pair);
    }
    if (value.is_string()) {
      // The peer refuses: constant columns, sizes that differ, more than two categories. Ours has
      // no number for the first and the last.
      EXPECT_TRUE(name == "g_test" || std::isnan(score.value)) << name << " " << value;
      continue;
    }
    const Json& number = value.as_array()[0];
    // Of two values, all four waves are one: numpy's pseudoinverse takes rounding for a second.
    if (name == "es" && few) continue;
    if (name == "TVD" || name == "empirical_mmd") {
      const auto seen = number.to_number<double>();
      const double noise = permutation_noise(name, seen, score.value);
      expect_within(score.value, number, {0, noise}, name);
      if (std::abs(seen - method->threshold) < noise) continue;  // either verdict may be
    } else {
      expect_within(score.value, number, tolerance_of(name), name);
    }
    EXPECT_EQ(method->has_drifted(score, method->threshold), value.as_array()[1].as_bool()) << name;
  }
}

TEST(DriftMethods, NumericAgreeWithThePeers) {
  auto pairs = golden::numeric_pairs();
  pairs.merge(golden::scikit_learn_pairs(SLIPWAY_MONITOR_TESTDATA "/scikit_learn_pairs.csv"));
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
    const NumberPair pair{.reference = a, .current = b};

    const KolmogorovSmirnov ks = kolmogorov_smirnov(a, b);
    expect_near(ks.statistic, wanted(want, "ks_2samp", 0), 1e-12, "ks statistic");
    expect_near(ks.p_value, wanted(want, "ks_2samp", 1), 1e-9, "ks p");
    // Boost.JSON reads some doubles one unit in the last place off.
    EXPECT_DOUBLE_EQ(ks.location, wanted(want, "ks_2samp", 2).value());
    EXPECT_EQ(ks.sign, wanted(want, "ks_2samp", 3));
    const KolmogorovSmirnov asymptotic = kolmogorov_smirnov(a, b, KsMethod::kAsymptotic);
    expect_near(asymptotic.p_value, wanted(want, "ks_2samp_asymp", 1), 1e-9, "ks asymptotic p");
    expect_near(wasserstein_distance(a, b), wanted(want, "wasserstein", 0), 1e-12, "wasserstein");
    expect_near(energy_distance(a, b), wanted(want, "energy", 0), 1e-9, "energy");

    const auto each = [&](std::string_view key, double statistic, double p_value,
                          double relative_p = 1e-9, double absolute_p = 1e-12) {
      const Json& values = want.at(key);
      if (values.is_string()) return;  // an error of the peer
      expect_within(statistic, values.as_array()[0], {}, key);
      expect_within(p_value, values.as_array()[1], {relative_p, absolute_p}, key);
    };
    if (want.contains("mmd")) {
      expect_within(maximum_mean_discrepancy(a, b, {.permutations = 0}).statistic,
                    want.at("mmd").as_array()[0], {}, "mmd");
    }
    const RankTest cramer = cramer_von_mises(a, b);
    // The file's values of scipy are those of the limit at every size.
    if (a.size() > 20) each("cvm_2samp", cramer.statistic, cramer.p_value, 0, 2e-7);
    const RankTest anderson = anderson_darling(a, b);
    each("anderson_ksamp", anderson.statistic, anderson.p_value);
    const RankTest ranks = mann_whitney(a, b);
    each("mannwhitney_two_sided", ranks.statistic, ranks.p_value);
    const MomentTest student = t_test(a, b), welch = t_test(a, b, Variances::kAny);
    each("ttest_ind", student.statistic, student.p_value);
    each("welch", welch.statistic, welch.p_value);

    const Numbers deciles = decile_edges(a);
    expect_near(population_stability_index(histogram(a, deciles), histogram(b, deciles)),
                wanted(want, "psi_decile_eps1e-4", 0), 1e-12, "psi deciles");
    Numbers widths =
        equal_width_edges(a.front(), a.back() > a.front() ? a.back() : a.front() + 1, 10);
    widths.front() = -std::numeric_limits<double>::infinity();
    widths.back() = std::numeric_limits<double>::infinity();
    expect_near(population_stability_index(histogram(a, widths), histogram(b, widths)),
                wanted(want, "psi_width10_eps1e-4", 0), 1e-12, "psi widths");

    expect_evidently(want.at("evidently").as_object(), pair);
    const DriftChoice choice = MUST(choose_drift_method(
        "evidently", {.reference_values = a.size(), .distinct = distinct_values(pair, 5)}));
    EXPECT_EQ(choice.method->name,
              std::string_view(want.at("evidently").as_object().at("default").as_string()));

    const JsonObject& nannyml = want.at("nannyml").as_object();
    const bool infinite =
        std::any_of(current.begin(), current.end(), [](double value) { return std::isinf(value); });
    if (nannyml.at("jensen_shannon").is_array() && !infinite) {
      expect_within(find_drift_method("jensen_shannon")->of_numbers(pair).value,
                    nannyml.at("jensen_shannon").as_array()[0], {}, "nannyml jensen_shannon");
    }
    const JsonObject& alibi = want.at("alibi").as_object();  // float32
    if (alibi.at("ks").is_array()) {
      expect_within(find_drift_method("ks_asymptotic")->of_numbers(pair).value,
                    alibi.at("ks").as_array()[1], {2e-7, 1e-44}, "alibi ks");
      expect_within(cramer.p_value, alibi.at("cvm").as_array()[1], {2e-7, 2e-7}, "alibi cvm");
    }
  }
  EXPECT_GT(compared, 1200);
}

TEST(DriftMethods, CategoricalAgreeWithThePeers) {
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
    CategoryPair pair;
    double rows = 0;
    for (const auto& [word, count] : counts) {
      pair.reference.push_back(count.first);
      pair.current.push_back(count.second);
      rows += count.first;
    }
    const Numbers &p = pair.reference, &q = pair.current;
    expect_near(l_infinity_distance(p, q), wanted(want, "linf", 0), 1e-12, "linf");
    expect_near(total_variation_distance(p, q), wanted(want, "tvd", 0), 1e-12, "tvd");
    expect_near(hellinger_distance(p, q), wanted(want, "hellinger", 0), 1e-9, "hellinger");
    expect_near(jensen_shannon_distance(p, q), wanted(want, "js_distance_e", 0), 1e-9, "js");
    const ChiSquare two = chi_square_two_sample(p, q);
    expect_near(two.statistic, wanted(want, "chi2_contingency", 0), 1e-9, "chi2");
    expect_near(two.p_value, wanted(want, "chi2_contingency", 1), 1e-9, "chi2 p");
    EXPECT_EQ(static_cast<double>(two.degrees), wanted(want, "chi2_contingency", 2));
    expect_near(fisher_exact(p, q), wanted(want, "fisher_exact", 1), 1e-9, "fisher");

    expect_evidently(want.at("evidently").as_object(), pair);
    const DriftChoice choice =
        MUST(choose_drift_method("evidently", {.categorical = true,
                                               .reference_values = static_cast<std::size_t>(rows),
                                               .distinct = p.size()}));
    EXPECT_EQ(choice.method->name,
              std::string_view(want.at("evidently").as_object().at("default").as_string()));

    const JsonObject& nannyml = want.at("nannyml").as_object();
    for (const auto& [key, got] :
         {std::pair("jensen_shannon",
                    find_drift_method("jensen_shannon")->of_categories(pair).value),
          {"l_infinity", l_infinity_distance(p, q)},
          {"hellinger", hellinger_distance(p, q)},
          {"chi2", two.statistic}}) {
      if (nannyml.at(key).is_array()) {
        expect_within(got, nannyml.at(key).as_array()[0], {}, std::string("nannyml ") + key);
      }
    }
    const JsonObject& alibi = want.at("alibi").as_object();  // float32
    if (alibi.at("chi2").is_array()) {
      expect_within(two.p_value, alibi.at("chi2").as_array()[1], {2e-7, 1e-44}, "alibi chi2");
    }
    if (alibi.contains("fet")) {
      expect_within(fisher_exact(p, q), alibi.at("fet").as_array()[1], {2e-7, 1e-44}, "alibi fet");
    }
  }
  EXPECT_GE(compared, 300);
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

TEST(DriftMethods, EmptySamplesAreNotANumber) {
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
