#include "monitor/metrics.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace slipway::monitor {
namespace {

// Which kinds of problem have the metric.
constexpr unsigned only(Problem problem) { return 1u << static_cast<unsigned>(problem); }
constexpr unsigned kAny = ~0u, kBinary = only(Problem::kBinary),
                   kRegression = only(Problem::kRegression), kClasses = only(Problem::kMulticlass),
                   kRanking = only(Problem::kRanking);

// A name that ends with N or K stands for all with a number there: pN from 1 to 99, @K from 1 on.
struct Metric {
  const char* name;
  bool needs_labels;
  unsigned problems = kAny;
};
constexpr Metric kMetrics[] = {
    {"auc", true, kBinary},
    {"log_loss", true, kBinary | kClasses},
    {"brier", true, kBinary},
    {"ece", true, kBinary},
    {"calibration_bias", true, kBinary},
    {"late_rate", true, kBinary},
    {"log_loss_ratio", true, kBinary},
    {"average_precision", true, kBinary},
    {"accuracy", true, kBinary | kClasses},
    {"precision", true, kBinary},
    {"recall", true, kBinary},
    {"specificity", true, kBinary},
    {"f1", true, kBinary},
    {"estimated_auc", false, kBinary},
    {"estimated_average_precision", false, kBinary},
    {"estimated_accuracy", false, kBinary | kClasses},
    {"estimated_precision", false, kBinary},
    {"estimated_recall", false, kBinary},
    {"estimated_specificity", false, kBinary},
    {"estimated_f1", false, kBinary},
    {"estimated_log_loss", false, kBinary | kClasses},
    {"estimated_brier", false, kBinary},
    {"estimated_late_rate", false, kBinary},
    {"estimate_error_auc", true, kBinary},
    {"estimate_error_average_precision", true, kBinary},
    {"estimate_error_accuracy", true, kBinary | kClasses},
    {"estimate_error_precision", true, kBinary},
    {"estimate_error_recall", true, kBinary},
    {"estimate_error_specificity", true, kBinary},
    {"estimate_error_f1", true, kBinary},
    {"estimate_error_log_loss", true, kBinary | kClasses},
    {"estimate_error_brier", true, kBinary},
    {"estimate_error_late_rate", true, kBinary},
    {"mae", true, kRegression},
    {"mse", true, kRegression},
    {"rmse", true, kRegression},
    {"msle", true, kRegression},
    {"rmsle", true, kRegression},
    {"mape", true, kRegression},
    {"r2", true, kRegression},
    {"mean_error", true, kRegression},
    {"mean_label", true, kRegression},
    {"absolute_error_pN", true, kRegression},
    {"estimated_mae", false, kRegression},
    {"estimated_mape", false, kRegression},
    {"estimated_mse", false, kRegression},
    {"estimated_msle", false, kRegression},
    {"estimated_rmse", false, kRegression},
    {"estimated_rmsle", false, kRegression},
    {"estimate_error_mae", true, kRegression},
    {"estimate_error_mape", true, kRegression},
    {"estimate_error_mse", true, kRegression},
    {"estimate_error_msle", true, kRegression},
    {"estimate_error_rmse", true, kRegression},
    {"estimate_error_rmsle", true, kRegression},
    {"precision_macro", true, kClasses},
    {"recall_macro", true, kClasses},
    {"f1_macro", true, kClasses},
    {"precision_weighted", true, kClasses},
    {"recall_weighted", true, kClasses},
    {"f1_weighted", true, kClasses},
    {"roc_auc_ovr", true, kClasses},
    {"estimated_precision_macro", false, kClasses},
    {"estimated_recall_macro", false, kClasses},
    {"estimated_f1_macro", false, kClasses},
    {"estimated_roc_auc_ovr", false, kClasses},
    {"estimate_error_precision_macro", true, kClasses},
    {"estimate_error_recall_macro", true, kClasses},
    {"estimate_error_f1_macro", true, kClasses},
    {"estimate_error_roc_auc_ovr", true, kClasses},
    {"ndcg@K", true, kRanking},
    {"map@K", true, kRanking},
    {"recall@K", true, kRanking},
    {"precision@K", true, kRanking},
    {"hit_rate@K", true, kRanking},
    {"mrr", true, kRanking},
    {"label_delay_hours_p50", true},
    {"label_delay_hours_p90", true},
    {"mean_prediction", false},
    {"prediction_psi", false},
    {kPredictionDrift, false},
    {kPredictionDrifted, false},
    {"feature_psi_max", false},
    {"drifted_share", false},
    {"multivariate_drift", false},
    {"multivariate_drifted", false},
    {"embeddings_drifted", false},
    {"associations_changed", false},
    {"missing_rate", false},
    {"missing_rate_max", false},
    {"unseen_rate", false},
    {"unseen_rate_max", false},
    {"violation_rate", false},
    {"attribution_ndcg", false},
    {"skew_rate", false},
    {"completeness", false},
    {"error_rate", false},
    {"requests", false},
    {"quiet_hours", false},
    {"quiet_hours_max", false},
    {"labels_quiet_hours", false},
    {"feature_age_hours_max", false},
    {kDatasetAge, false},
    {"duplicate_rate", false},
    {"latency_ms_p50", false},
    {"latency_ms_p99", false},
};

// Longer lists of a ranking are no lists that somebody looks at.
constexpr int kPlacesMax = 10'000;

bool is_family(std::string_view name) { return name.ends_with("@K") || name.ends_with("_pN"); }

// The number that `name` has where a family of metrics has N or K; nothing when it isn't of that
// family.
std::optional<int> number_in(std::string_view family, std::string_view name) {
  const bool is_place = family.ends_with("@K");
  if (!is_family(family)) return std::nullopt;
  const std::string_view stem = family.substr(0, family.size() - 1);
  if (!name.starts_with(stem)) return std::nullopt;
  const std::string_view digits = name.substr(stem.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.starts_with('0'))
    return std::nullopt;
  if (number < 1 || number > (is_place ? kPlacesMax : 99)) return std::nullopt;
  return number;
}

const Metric* find_metric(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kMetrics), std::end(kMetrics), [&](const Metric& known) {
        return is_family(known.name) ? number_in(known.name, name).has_value() : name == known.name;
      });
  return found == std::end(kMetrics) ? nullptr : found;
}

}  // namespace

std::vector<std::string> metric_names(Problem problem) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) {
    if ((metric.problems & only(problem)) != 0) names.emplace_back(metric.name);
  }
  return names;
}

bool needs_labels(std::string_view metric) {
  const Metric* known = find_metric(metric);
  return known != nullptr && known->needs_labels;
}

bool has_metric(Problem problem, std::string_view metric) {
  const Metric* known = find_metric(metric);
  return known != nullptr && (known->problems & only(problem)) != 0;
}

std::optional<int> number_in_metric(std::string_view metric) {
  const Metric* known = find_metric(metric);
  return known == nullptr ? std::nullopt : number_in(known->name, metric);
}

bool counts_silence(std::string_view metric) {
  return metric == "requests" || metric == kDatasetAge || metric.starts_with("quiet_hours");
}

bool is_of_inputs(std::string_view metric) {
  return std::ranges::find(kInputMetrics, metric) != std::end(kInputMetrics);
}

bool is_of_predictions_method(std::string_view metric) {
  return metric == kPredictionDrift || metric == kPredictionDrifted;
}

bool is_estimate(std::string_view metric) { return metric.starts_with("estimated_"); }

bool is_known_of_slices(std::string_view metric) {
  constexpr std::string_view kOfAllRows[] = {
      "prediction_psi", "feature_psi_max",    "drifted_share",        "multivariate_drift",
      "missing_rate",   "unseen_rate",        "attribution_ndcg",     "multivariate_drifted",
      "skew_rate",      "embeddings_drifted", "associations_changed", "quiet_hours_max",
      "duplicate_rate", "quiet_hours",        "labels_quiet_hours",   "feature_age_hours_max",
      "violation_rate", kDatasetAge,          "missing_rate_max",     "unseen_rate_max",
      kPredictionDrift, kPredictionDrifted};
  return !is_estimate(metric) && !metric.starts_with("estimate_error_") &&
         std::find(std::begin(kOfAllRows), std::end(kOfAllRows), metric) == std::end(kOfAllRows);
}

}  // namespace slipway::monitor
