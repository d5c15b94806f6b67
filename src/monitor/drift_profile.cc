#include "monitor/drift_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/drift/bins.h"
#include "monitor/drift/category_tests.h"
#include "monitor/drift/distances.h"
#include "monitor/drift/moments.h"
#include "monitor/drift/rank_tests.h"
#include "monitor/drift/share_distances.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kDistinctMax = 20;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The finite numbers among `rows` of a column, sorted.
std::vector<double> sorted_numbers(const types::Column& column,
                                   const std::vector<std::size_t>& rows) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const std::size_t row : rows) {
    const double value = column.number(row);
    if (std::isfinite(value)) values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::map<std::string, double> category_counts(const types::Column& column,
                                              const std::vector<std::size_t>& rows) {
  std::map<std::string, double> counts;
  for (const std::size_t row : rows) {
    if (column.is_valid(row)) counts[column.strings[row]] += 1;
  }
  return counts;
}

double missing_share(double present, std::size_t rows) {
  return rows == 0 ? kNone : 1 - present / static_cast<double>(rows);
}

void compare_numbers(const DriftProfile::Feature& reference, const std::vector<double>& values,
                     FeatureDrift& drift) {
  const std::vector<double> counts = histogram(values, reference.edges);
  drift.psi = population_stability_index(reference.counts, counts);
  drift.jensen_shannon = jensen_shannon_distance(reference.counts, counts);
  const KolmogorovSmirnov ks = kolmogorov_smirnov(reference.sorted, values);
  drift.ks = ks.statistic;
  drift.ks_p = ks.p_value;
  drift.wasserstein =
      wasserstein_distance(reference.sorted, values) / std::max(reference.deviation, 0.001);
}

// Returns the number of rows whose category the reference doesn't have.
double compare_categories(const DriftProfile::Feature& reference,
                          const std::map<std::string, double>& current, FeatureDrift& drift) {
  std::vector<double> p, q;
  double unseen = 0;
  for (const auto& [category, count] : reference.categories) {
    const auto found = current.find(category);
    p.push_back(count);
    q.push_back(found == current.end() ? 0 : found->second);
  }
  for (const auto& [category, count] : current) {
    if (reference.categories.contains(category)) continue;
    p.push_back(0);
    q.push_back(count);
    unseen += count;
  }
  drift.psi = population_stability_index(p, q);
  drift.jensen_shannon = jensen_shannon_distance(p, q);
  drift.l_infinity = l_infinity_distance(p, q);
  drift.chi_square_p = chi_square_two_sample(p, q).p_value;
  return unseen;
}

}  // namespace

std::vector<double> profile_edges(const std::vector<double>& sorted_reference) {
  std::vector<double> distinct;
  for (const double value : sorted_reference) {
    if (distinct.empty() || value != distinct.back()) distinct.push_back(value);
    if (distinct.size() > kDistinctMax) return decile_edges(sorted_reference);
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> edges = {-kInfinity};
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    edges.push_back(distinct[i - 1] + (distinct[i] - distinct[i - 1]) / 2);
  }
  edges.push_back(kInfinity);
  return edges;
}

JsonObject FeatureDrift::to_json() const {
  using base::number_or_null;
  JsonObject object{{"feature", feature},
                    {"kind", categorical ? "categorical" : "numeric"},
                    {"psi", number_or_null(psi)},
                    {"jensen_shannon", number_or_null(jensen_shannon)}};
  if (categorical) {
    object["l_infinity"] = number_or_null(l_infinity);
    object["chi_square_p"] = number_or_null(chi_square_p);
  } else {
    object["ks"] = number_or_null(ks);
    object["ks_p"] = number_or_null(ks_p);
    object["wasserstein"] = number_or_null(wasserstein);
  }
  object["missing_rate"] = number_or_null(missing_rate);
  object["reference_missing_rate"] = number_or_null(reference_missing_rate);
  object["unseen_rate"] = number_or_null(unseen_rate);
  return object;
}

Result<FeatureDrift> FeatureDrift::from_json(const JsonObject& object) {
  FeatureDrift drift{.feature = TRY(base::get_string(object, "feature"))};
  drift.categorical = TRY(base::get_string(object, "kind")) == "categorical";
  const std::pair<const char*, double*> members[] = {
      {"psi", &drift.psi},
      {"jensen_shannon", &drift.jensen_shannon},
      {"ks", &drift.ks},
      {"ks_p", &drift.ks_p},
      {"wasserstein", &drift.wasserstein},
      {"l_infinity", &drift.l_infinity},
      {"chi_square_p", &drift.chi_square_p},
      {"missing_rate", &drift.missing_rate},
      {"reference_missing_rate", &drift.reference_missing_rate},
      {"unseen_rate", &drift.unseen_rate}};
  for (const auto& [name, value] : members) {
    *value = TRY(base::find_double(object, name)).value_or(kNone);
  }
  return drift;
}

DriftProfile DriftProfile::of(const types::Frame& reference) {
  DriftProfile profile;
  profile.rows_ = reference.rows();
  std::vector<std::size_t> all(reference.rows());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (const types::Column& column : reference.columns()) {
    if (column.type == types::ColumnType::kTimestamp) continue;
    Feature feature{.name = column.name, .categorical = column.type == types::ColumnType::kString};
    double present = 0;
    if (feature.categorical) {
      feature.categories = category_counts(column, all);
      for (const auto& [category, count] : feature.categories) present += count;
    } else {
      feature.sorted = sorted_numbers(column, all);
      feature.deviation = population_deviation(feature.sorted);
      feature.edges = profile_edges(feature.sorted);
      feature.counts = histogram(feature.sorted, feature.edges);
      present = static_cast<double>(feature.sorted.size());
    }
    feature.missing_rate = missing_share(present, reference.rows());
    profile.features_.push_back(std::move(feature));
  }
  return profile;
}

bool DriftProfile::has(std::string_view feature) const {
  return std::any_of(features_.begin(), features_.end(),
                     [&](const Feature& known) { return known.name == feature; });
}

std::vector<FeatureDrift> DriftProfile::compare(const types::Frame& window,
                                                const std::vector<std::size_t>& rows) const {
  std::vector<FeatureDrift> drifts;
  for (const Feature& feature : features_) {
    const types::Column* column = window.find(feature.name);
    if (column == nullptr) continue;
    // A column without any value may come with another type: then everything is missing.
    if (feature.categorical != (column->type == types::ColumnType::kString) &&
        column->null_count() != column->size()) {
      continue;
    }
    FeatureDrift drift{.feature = feature.name, .categorical = feature.categorical};
    drift.reference_missing_rate = feature.missing_rate;
    double present = 0, unseen = 0;
    if (feature.categorical) {
      const auto counts = column->type == types::ColumnType::kString
                              ? category_counts(*column, rows)
                              : std::map<std::string, double>();
      for (const auto& [category, count] : counts) present += count;
      unseen = compare_categories(feature, counts, drift);
    } else {
      const auto values = column->type == types::ColumnType::kString
                              ? std::vector<double>()
                              : sorted_numbers(*column, rows);
      present = static_cast<double>(values.size());
      compare_numbers(feature, values, drift);
    }
    drift.missing_rate = missing_share(present, rows.size());
    drift.unseen_rate = rows.empty() ? kNone : unseen / static_cast<double>(rows.size());
    drifts.push_back(std::move(drift));
  }
  return drifts;
}

}  // namespace slipway::monitor
