#include "monitor/drift/methods.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "monitor/drift/category_tests.h"
#include "monitor/drift/distances.h"
#include "monitor/drift/distinct_values.h"
#include "monitor/drift/effective_tests.h"
#include "monitor/drift/kernel_tests.h"
#include "monitor/drift/moment_tests.h"
#include "monitor/drift/rank_tests.h"
#include "monitor/drift/share_distances.h"

namespace slipway::monitor {
namespace {

using N = NumberPair;
using C = CategoryPair;

constexpr std::int64_t kPermutations = 1000;

// Evidently bins for its Hellinger distance as if every different value came once.
double evidently_hellinger(const NumberPair& pair) {
  std::size_t distinct = 0;
  each_distinct_value(pair.reference, pair.current, [&](auto...) { ++distinct; });
  if (pair.reference.empty() || pair.current.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const std::vector<double> edges =
      sturges_edges(std::min(pair.reference.front(), pair.current.front()),
                    std::max(pair.reference.back(), pair.current.back()), distinct, pair.values);
  return hellinger_distance(histogram(pair.reference, edges), histogram(pair.current, edges));
}

// NannyML's: Doane's bins of the reference, what lies outside in one more; to base 2.
double nannyml_jensen_shannon(const NumberPair& pair) {
  if (pair.reference.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> edges = doane_edges(pair.reference, pair.values);
  std::vector<double> p = histogram(pair.reference, edges);
  std::vector<double> q = histogram(pair.current, edges);
  p.push_back(0);
  q.push_back(static_cast<double>(pair.current.size()) - std::accumulate(q.begin(), q.end(), 0.0));
  return jensen_shannon_distance(p, q) / std::sqrt(std::numbers::ln2);
}

// Surely more than a coin, and worth looking at.
constexpr double kTextAuc = 0.55, kTextSure = 0.999;

constexpr DriftMethod kMethods[] = {
    {.name = "abs_text_content_drift",
     .title = "Text content, absolute",
     .drifts = Drifts::kAbove,
     .threshold = kTextAuc,
     .of_texts = [](const TextContents& x, double) { return DriftScore{.value = x.auc}; }},
    {.name = "anderson",
     .title = "Anderson-Darling",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) { return DriftScore{anderson_darling(x.reference, x.current).p_value}; }},
    {.name = "chi2",
     .title = "Chi-square of two samples",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_categories =
         [](const C& x) {
           return DriftScore{chi_square_two_sample(x.reference, x.current).p_value};
         }},
    {.name = "chi2_effective",
     .title = "Chi-square by effective rows",
     .is_p_value = true,
     .drifts = Drifts::kAtMost,
     .threshold = 0.001,
     .effect_min = 0.02,
     .of_categories = chi_square_effective},
    {.name = "chisquare",
     .title = "Chi-square fit",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_categories =
         [](const C& x) { return DriftScore{chi_square_fit(x.reference, x.current).p_value}; }},
    {.name = "cramer_von_mises",
     .title = "Cramer-von Mises",
     .is_p_value = true,
     .drifts = Drifts::kAtMost,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) { return DriftScore{cramer_von_mises(x.reference, x.current).p_value}; }},
    {.name = "ed",
     .title = "Energy distance",
     .drifts = Drifts::kAbove,
     .threshold = 0.1,
     .of_numbers = [](const N& x) { return DriftScore{energy_distance(x.reference, x.current)}; }},
    {.name = "empirical_mmd",
     .title = "Maximum mean discrepancy",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) {
           return DriftScore{maximum_mean_discrepancy(x.reference, x.current).p_value};
         }},
    {.name = "es",
     .title = "Epps-Singleton",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_numbers =
         [](const N& x) { return DriftScore{epps_singleton(x.reference, x.current).p_value}; }},
    {.name = "fisher_exact",
     .title = "Fisher's exact test",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.1,
     .of_categories = [](const C& x) { return DriftScore{fisher_exact(x.reference, x.current)}; }},
    {.name = "g_test",
     .title = "G test",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.1,
     .of_categories =
         [](const C& x) { return DriftScore{g_test_fit(x.reference, x.current).p_value}; }},
    {.name = "hellinger",
     .title = "Hellinger distance",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers = [](const N& x) { return DriftScore{evidently_hellinger(x)}; },
     .of_categories =
         [](const C& x) { return DriftScore{hellinger_distance(x.reference, x.current)}; }},
    {.name = "jensen_shannon",
     .title = "Jensen-Shannon distance, base 2",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers = [](const N& x) { return DriftScore{nannyml_jensen_shannon(x)}; },
     .of_categories =
         [](const C& x) {
           return DriftScore{jensen_shannon_distance(x.reference, x.current) /
                             std::sqrt(std::numbers::ln2)};
         }},
    {.name = "jensenshannon",
     .title = "Jensen-Shannon distance",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) {
           const C bins = evidently_bins(x);
           return DriftScore{jensen_shannon_distance(bins.reference, bins.current)};
         },
     .of_categories =
         [](const C& x) { return DriftScore{jensen_shannon_distance(x.reference, x.current)}; }},
    {.name = "kl_div",
     .title = "Kullback-Leibler divergence",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) {
           const C bins = evidently_bins(x);
           return DriftScore{kullback_leibler_divergence(bins.reference, bins.current)};
         },
     .of_categories =
         [](const C& x) {
           return DriftScore{kullback_leibler_divergence(x.reference, x.current)};
         }},
    {.name = "ks",
     .title = "Kolmogorov-Smirnov",
     .is_p_value = true,
     .drifts = Drifts::kAtMost,
     .threshold = 0.05,
     .of_numbers =
         [](const N& x) { return DriftScore{kolmogorov_smirnov(x.reference, x.current).p_value}; }},
    {.name = "ks_asymptotic",
     .title = "Kolmogorov-Smirnov, asymptotic",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_numbers =
         [](const N& x) {
           return DriftScore{
               kolmogorov_smirnov(x.reference, x.current, KsMethod::kAsymptotic).p_value};
         }},
    {.name = "ks_effective",
     .title = "Kolmogorov-Smirnov by effective rows",
     .is_p_value = true,
     .drifts = Drifts::kAtMost,
     .threshold = 0.001,
     .effect_min = 0.02,
     .of_numbers = ks_effective},
    {.name = "l_infinity",
     .title = "Largest change of a share",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_categories =
         [](const C& x) { return DriftScore{l_infinity_distance(x.reference, x.current)}; }},
    {.name = "mannw",
     .title = "Mann-Whitney, current larger",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_numbers =
         [](const N& x) {
           return DriftScore{mann_whitney(x.reference, x.current, Alternative::kLarger).p_value};
         }},
    {.name = "perc_text_content_drift",
     .title = "Text content, by a percentile of chance",
     .drifts = Drifts::kAbove,
     .threshold = 0.95,
     .of_texts =
         [](const TextContents& x, double threshold) {
           return DriftScore{.value = x.auc, .limit = x.random_auc(threshold)};
         }},
    {.name = "psi",
     .title = "Population stability index",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) {
           const C bins = evidently_bins(x);
           return DriftScore{
               population_stability_index(bins.reference, bins.current, ZeroShare::kEvidently)};
         },
     .of_categories =
         [](const C& x) {
           return DriftScore{
               population_stability_index(x.reference, x.current, ZeroShare::kEvidently)};
         }},
    {.name = "t_test",
     .title = "Student's t test",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_numbers = [](const N& x) { return DriftScore{t_test(x.reference, x.current).p_value}; }},
    {.name = "text_content_drift",
     .title = "Text content",
     .drifts = Drifts::kAbove,
     .threshold = kTextAuc,
     .of_texts =
         [](const TextContents& x, double threshold) {
           return DriftScore{.value = x.auc, .limit = std::max(threshold, x.random_auc(kTextSure))};
         }},
    {.name = "TVD",
     .title = "Total variation, permuted",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.1,
     .of_categories =
         [](const C& x) {
           return DriftScore{total_variation_permutation(x.reference, x.current, kPermutations, 0)};
         }},
    {.name = "wasserstein",
     .title = "Wasserstein distance (normed)",
     .drifts = Drifts::kAtLeast,
     .threshold = 0.1,
     .of_numbers =
         [](const N& x) { return DriftScore{normalized_wasserstein(x.reference, x.current)}; }},
    {.name = "z",
     .title = "Z test of proportions",
     .is_p_value = true,
     .drifts = Drifts::kBelow,
     .threshold = 0.05,
     .of_categories =
         [](const C& x) { return DriftScore{proportions_z_test(x.reference, x.current)}; }},
};

constexpr std::size_t kSmall = 1000;  // reference values that Evidently takes for few
constexpr std::string_view kDefaults[] = {"slipway", "evidently", "alibi", "nannyml"};

DriftChoice chosen(std::string_view name) {
  const DriftMethod* method = find_drift_method(name);
  return {.method = method, .threshold = method->threshold};
}

// The columns with at most 5 different values count as categories, two as proportions.
DriftChoice evidently_choice(const ColumnFacts& column) {
  constexpr std::size_t kFewValues = 5;
  const bool few = column.distinct <= kFewValues;
  DriftChoice choice;
  if (column.reference_values > kSmall) {
    choice = chosen(column.categorical || few ? "jensenshannon" : "wasserstein");
  } else if (column.categorical || few) {
    choice = chosen(column.distinct <= 2 ? "z" : "chisquare");
  } else {
    choice = chosen("ks");
  }
  choice.by_value = !column.categorical && few;
  return choice;
}

}  // namespace

bool DriftMethod::has_drifted(const DriftScore& score, double threshold) const {
  if (score.effect < effect_min) return false;
  const double limit = score.limit.value_or(threshold);
  switch (drifts) {
    case Drifts::kBelow:
      return score.value < limit;
    case Drifts::kAtMost:
      return score.value <= limit;
    case Drifts::kAtLeast:
      return score.value >= limit;
    case Drifts::kAbove:
      return score.value > limit;
  }
  return false;
}

std::span<const DriftMethod> drift_methods() { return kMethods; }

const DriftMethod* find_drift_method(std::string_view name) {
  const auto found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                  [&](const DriftMethod& method) { return method.name == name; });
  return found == std::end(kMethods) ? nullptr : found;
}

Result<DriftChoice> choose_drift_method(std::string_view name, const ColumnFacts& column) {
  if (column.text) {
    if (name == "evidently") {
      return chosen(column.reference_values > kSmall ? "abs_text_content_drift"
                                                     : "perc_text_content_drift");
    }
    if (std::find(std::begin(kDefaults), std::end(kDefaults), name) != std::end(kDefaults))
      return chosen("text_content_drift");
    TRY(check_drift_method(name));
    if (find_drift_method(name)->of_texts == nullptr) {
      return base::error(Code::kInvalidArgument, "the drift method takes no texts: method={}",
                         name);
    }
    return chosen(name);
  }
  if (name == "slipway") return chosen(column.categorical ? "chi2_effective" : "ks_effective");
  if (name == "evidently") return evidently_choice(column);
  if (name == "alibi") {
    DriftChoice choice = chosen(column.categorical ? "chi2" : "ks_asymptotic");
    choice.threshold /= static_cast<double>(std::max<std::size_t>(1, column.columns));
    return choice;
  }
  if (name == "nannyml") return chosen("jensen_shannon");
  TRY(check_drift_method(name));
  const DriftMethod* method = find_drift_method(name);
  if (column.categorical ? method->of_categories == nullptr : method->of_numbers == nullptr) {
    return base::error(Code::kInvalidArgument, "the drift method takes no {}: method={}",
                       column.categorical ? "categories" : "numbers", name);
  }
  return chosen(name);
}

bool counts_effective_rows(std::string_view name) {
  return name == "slipway" || name.ends_with("_effective");
}

Result<void> check_drift_method(std::string_view name) {
  const bool known =
      std::find(std::begin(kDefaults), std::end(kDefaults), name) != std::end(kDefaults);
  if (!known && find_drift_method(name) == nullptr) {
    return base::error(Code::kInvalidArgument, "no such drift method: method={} known={}", name,
                       drift_method_names());
  }
  return {};
}

std::string drift_method_names() {
  std::vector<std::string_view> names(std::begin(kDefaults), std::end(kDefaults));
  for (const DriftMethod& method : kMethods) names.push_back(method.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace slipway::monitor
