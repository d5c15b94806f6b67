#include "monitor/drift_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "monitor/drift/bins.h"
#include "monitor/drift/category_tests.h"
#include "monitor/drift/column_report.h"
#include "monitor/drift/dependence.h"
#include "monitor/drift/distances.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/methods.h"
#include "monitor/drift/number_samples.h"
#include "monitor/drift/rank_tests.h"
#include "monitor/drift/share_distances.h"
#include "monitor/drift/units.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kDistinctMax = 20;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The finite numbers among `rows` of a column, sorted.
NumberSample numbers_of(const types::Column& column, const std::vector<std::size_t>& rows) {
  return NumberSample::of(column.take(rows), NumberSample::Dependence::kMeasured);
}

struct Categories {
  std::map<std::string, double> counts;
  double inflation = 1;
};

Categories categories_of(const types::Column& column, const std::vector<std::size_t>& rows) {
  Categories categories;
  std::map<std::string_view, std::uint32_t> codes;
  std::vector<std::uint32_t> in_order;
  for (const std::size_t row : rows) {
    if (!column.is_valid(row)) continue;
    const std::string& value = column.strings[row];
    categories.counts[value] += 1;
    in_order.push_back(
        codes.try_emplace(value, static_cast<std::uint32_t>(codes.size())).first->second);
  }
  categories.inflation = inflation_of(in_order, codes.size());
  return categories;
}

// What `rule` says about a pair, into `drift`.
void judge(const DriftRule& rule, ColumnFacts facts, const NumberPair* numbers,
           const CategoryPair* categories, FeatureDrift& drift) {
  facts.categorical = categories != nullptr;
  auto choice = choose_drift_method(rule.method, facts);
  const bool takes = choice.has_value();
  if (!takes) choice = choose_drift_method("slipway", facts);
  DriftScore score;
  if (categories != nullptr) {
    score = choice->method->of_categories(*categories);
  } else if (choice->by_value) {
    score = choice->method->of_categories(by_value(*numbers));
  } else {
    score = choice->method->of_numbers(*numbers);
  }
  drift.method = choice->method->name;
  drift.score = score.value;
  drift.threshold = takes ? rule.threshold.value_or(choice->threshold) : choice->threshold;
  drift.drifted = choice->method->has_drifted(score, drift.threshold);
}

double missing_share(double present, std::size_t rows) {
  return rows == 0 ? kNone : 1 - present / static_cast<double>(rows);
}

void compare_numbers(const DriftProfile::Feature& reference, const NumberSample& current,
                     const DriftRule& rule, std::size_t columns, FeatureDrift& drift) {
  const std::vector<double>& values = current.sorted;
  const std::vector<double> counts = histogram(values, reference.edges);
  drift.psi = population_stability_index(reference.counts, counts);
  drift.jensen_shannon = jensen_shannon_distance(reference.counts, counts);
  const KolmogorovSmirnov ks = kolmogorov_smirnov(reference.sorted, values);
  drift.ks = ks.statistic;
  drift.ks_p = ks.p_value;
  drift.wasserstein =
      wasserstein_distance(reference.sorted, values) / std::max(reference.deviation, 0.001);
  const NumberPair pair{.reference = reference.sorted,
                        .current = values,
                        .reference_inflation = reference.inflation,
                        .current_inflation = current.inflation};
  constexpr std::size_t kTold = 5;  // methods tell no more values apart
  judge(rule,
        {.reference_values = reference.sorted.size(),
         .distinct = distinct_values(pair, kTold),
         .columns = columns},
        &pair, nullptr, drift);
  drift.unit = unit_words(reference.sorted, values, drift.drifted);
}

// Returns the number of rows whose category the reference doesn't have.
double compare_categories(const DriftProfile::Feature& reference, const Categories& categories,
                          const DriftRule& rule, std::size_t columns, FeatureDrift& drift) {
  const std::map<std::string, double>& current = categories.counts;
  CategoryPair pair{.reference_inflation = reference.inflation,
                    .current_inflation = categories.inflation};
  std::vector<double>&p = pair.reference, &q = pair.current;
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
  judge(rule,
        {.reference_values = static_cast<std::size_t>(std::accumulate(p.begin(), p.end(), 0.0)),
         .distinct = p.size(),
         .columns = columns},
        nullptr, &pair, drift);
  return unseen;
}

bool is_measured_as_text(const DriftRule& rule) {
  const DriftMethod* method = find_drift_method(rule.method);
  return method != nullptr && method->of_texts != nullptr;
}

// The texts among `rows` of a column, at most kTextsMax of them.
std::vector<std::string_view> texts_of(const types::Column& column,
                                       const std::vector<std::size_t>& rows, std::uint64_t seed) {
  std::vector<std::string_view> all, some;
  for (const std::size_t row : rows) {
    if (column.is_valid(row)) all.push_back(column.strings[row]);
  }
  for (const std::size_t i : rows_drawn(all.size(), kTextsMax, seed)) some.push_back(all[i]);
  return some;
}

void compare_texts(const DriftProfile::Feature& reference,
                   const std::vector<std::string_view>& current, const DriftRule& rule,
                   std::size_t columns, FeatureDrift& drift) {
  drift.psi = drift.jensen_shannon = kNone;
  const auto choice = choose_drift_method(
      rule.method, {.text = true, .reference_values = reference.texts.size(), .columns = columns});
  drift.method = choice->method->name;
  drift.threshold = rule.threshold.value_or(choice->threshold);
  drift.score = kNone;
  const std::vector<std::string_view> before(reference.texts.begin(), reference.texts.end());
  auto contents = tell_texts_apart({.reference = before, .current = current});
  if (!contents) return;  // no words, or too few texts
  const DriftScore score = choice->method->of_texts(*contents, drift.threshold);
  drift.score = score.value;
  drift.drifted = choice->method->has_drifted(score, drift.threshold);
  if (!drift.drifted) return;
  drift.current_words = std::move(contents->current_words);
  drift.reference_words = std::move(contents->reference_words);
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
    edges.push_back(std::midpoint(distinct[i - 1], distinct[i]));
  }
  edges.push_back(kInfinity);
  return edges;
}

JsonObject FeatureDrift::to_json() const {
  using base::number_or_null;
  JsonObject object{{"feature", feature},
                    {"kind", text          ? "text"
                             : categorical ? "categorical"
                                           : "numeric"},
                    {"psi", number_or_null(psi)},
                    {"jensen_shannon", number_or_null(jensen_shannon)}};
  if (text) {
    object["current_words"] = JsonArray(current_words.begin(), current_words.end());
    object["reference_words"] = JsonArray(reference_words.begin(), reference_words.end());
  } else if (categorical) {
    object["l_infinity"] = number_or_null(l_infinity);
    object["chi_square_p"] = number_or_null(chi_square_p);
  } else {
    object["ks"] = number_or_null(ks);
    object["ks_p"] = number_or_null(ks_p);
    object["wasserstein"] = number_or_null(wasserstein);
  }
  object["method"] = method;
  object["score"] = number_or_null(score);
  object["threshold"] = number_or_null(threshold);
  object["drifted"] = drifted;
  if (!unit.empty()) object["unit"] = unit;
  object["missing_rate"] = number_or_null(missing_rate);
  object["reference_missing_rate"] = number_or_null(reference_missing_rate);
  object["unseen_rate"] = number_or_null(unseen_rate);
  return object;
}

Result<FeatureDrift> FeatureDrift::from_json(const JsonObject& object) {
  FeatureDrift drift{.feature = TRY(base::get_string(object, "feature"))};
  const std::string kind = TRY(base::get_string(object, "kind"));
  drift.categorical = kind == "categorical";
  drift.text = kind == "text";
  for (const auto& [name, words] : {std::pair("current_words", &drift.current_words),
                                    {"reference_words", &drift.reference_words}}) {
    const Json* list = object.if_contains(name);
    if (list == nullptr || !list->is_array()) continue;
    for (const Json& word : list->get_array()) {
      if (word.is_string()) words->emplace_back(std::string_view(word.get_string()));
    }
  }
  const std::pair<const char*, double*> members[] = {
      {"psi", &drift.psi},
      {"jensen_shannon", &drift.jensen_shannon},
      {"ks", &drift.ks},
      {"ks_p", &drift.ks_p},
      {"wasserstein", &drift.wasserstein},
      {"l_infinity", &drift.l_infinity},
      {"chi_square_p", &drift.chi_square_p},
      {"score", &drift.score},
      {"threshold", &drift.threshold},
      {"missing_rate", &drift.missing_rate},
      {"reference_missing_rate", &drift.reference_missing_rate},
      {"unseen_rate", &drift.unseen_rate}};
  for (const auto& [name, value] : members) {
    *value = TRY(base::find_double(object, name)).value_or(kNone);
  }
  // Windows that were judged before methods had names have none.
  drift.method = TRY(base::find_string(object, "method")).value_or("");
  drift.drifted = TRY(base::find_bool(object, "drifted")).value_or(false);
  drift.unit = TRY(base::find_string(object, "unit")).value_or("");
  return drift;
}

DriftProfile DriftProfile::of(const types::Frame& reference, DriftRules rules) {
  DriftProfile profile;
  profile.rules_ = std::move(rules);
  profile.rows_ = reference.rows();
  std::vector<std::size_t> all(reference.rows());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (const types::Column& column : reference.columns()) {
    if (column.type == types::ColumnType::kTimestamp) continue;
    const bool is_string = column.type == types::ColumnType::kString;
    const bool is_text = is_string && is_measured_as_text(profile.rules_.of(column.name));
    Feature feature{.name = column.name, .categorical = is_string && !is_text, .text = is_text};
    double present = 0;
    if (is_text) {
      const auto texts = texts_of(column, all, kReferenceSeed);
      feature.texts.assign(texts.begin(), texts.end());
      present = static_cast<double>(column.size() - column.null_count());
    } else if (feature.categorical) {
      Categories categories = categories_of(column, all);
      feature.categories = std::move(categories.counts);
      feature.inflation = categories.inflation;
      for (const auto& [category, count] : feature.categories) present += count;
    } else {
      NumberSample numbers = numbers_of(column, all);
      feature.deviation =
          std::sqrt(numbers.moments.squares / static_cast<double>(numbers.sorted.size()));
      feature.sorted = std::move(numbers.sorted);
      feature.inflation = numbers.inflation;
      feature.edges = profile_edges(feature.sorted);
      feature.counts = histogram(feature.sorted, feature.edges);
      present = static_cast<double>(feature.sorted.size());
    }
    feature.missing_rate = missing_share(present, reference.rows());
    profile.features_.push_back(std::move(feature));
  }
  const std::vector<std::size_t> drawn =
      rows_drawn(reference.rows(), kMultivariateRows, kReferenceSeed);
  for (const auto& [name, inputs] : profile.rules_.embeddings) {
    for (const std::string& component : inputs.columns) {
      const types::Column* column = reference.find(component);
      if (column == nullptr || profile.components_.find(component) != nullptr) continue;
      MUST(profile.components_.add(column->take(drawn)));
    }
  }
  for (const types::Column& column : reference.columns()) {
    if (!profile.rules_.associations || column.type == types::ColumnType::kTimestamp) continue;
    if (profile.associated_.columns().size() == kAssociatedColumnsMax) break;
    MUST(profile.associated_.add(column.take(drawn)));
  }
  if (const auto& rule = profile.rules_.multivariate) {
    profile.multivariate_ = std::make_shared<const MultivariateProfile>(reference, *rule);
  }
  return profile;
}

std::vector<std::pair<std::string, Result<EmbeddingDrift>>> DriftProfile::compare_embeddings(
    const types::Frame& window, const std::vector<std::size_t>& rows) const {
  std::vector<std::size_t> drawn;
  for (const std::size_t i : rows_drawn(rows.size(), kMultivariateRows, kCurrentSeed))
    drawn.push_back(rows[i]);
  const auto compare = [&](const std::string& name,
                           const EmbeddingInputs& inputs) -> Result<EmbeddingDrift> {
    types::Frame before, now;
    for (const std::string& component : inputs.columns) {
      TRY(before.add(*TRY(components_.column(component))));
      const types::Column* column = TRY(window.column(component));
      TRY(now.add(column->take(drawn)));
    }
    return monitor::compare_embeddings(name, before, now,
                                       {.method = inputs.method, .threshold = inputs.threshold});
  };
  std::vector<std::pair<std::string, Result<EmbeddingDrift>>> drifts;
  for (const auto& [name, inputs] : rules_.embeddings)
    drifts.emplace_back(name, compare(name, inputs));
  return drifts;
}

std::optional<std::vector<AssociationChange>> DriftProfile::association_changes(
    const types::Frame& window, const std::vector<std::size_t>& rows) const {
  if (!rules_.associations) return std::nullopt;
  std::vector<std::size_t> drawn;
  for (const std::size_t i : rows_drawn(rows.size(), kMultivariateRows, kCurrentSeed))
    drawn.push_back(rows[i]);
  types::Frame before, now;
  for (const types::Column& column : associated_.columns()) {
    const types::Column* const other = window.find(column.name);
    if (other == nullptr || other->type != column.type) continue;
    MUST(before.add(column));
    MUST(now.add(other->take(drawn)));
  }
  return monitor::association_changes(before, now);
}

std::set<std::string> DriftProfile::names() const {
  std::set<std::string> names;
  for (const Feature& feature : features_) names.insert(feature.name);
  return names;
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
    if ((feature.categorical || feature.text) != (column->type == types::ColumnType::kString) &&
        column->null_count() != column->size()) {
      continue;
    }
    FeatureDrift drift{
        .feature = feature.name, .categorical = feature.categorical, .text = feature.text};
    drift.reference_missing_rate = feature.missing_rate;
    double present = 0, unseen = 0;
    if (feature.text) {
      const auto is_there = [&](std::size_t row) { return column->is_valid(row); };
      present = static_cast<double>(std::count_if(rows.begin(), rows.end(), is_there));
      const auto texts =
          present == 0 ? std::vector<std::string_view>() : texts_of(*column, rows, kCurrentSeed);
      compare_texts(feature, texts, rules_.of(feature.name), features_.size(), drift);
    } else if (feature.categorical) {
      const Categories categories =
          column->type == types::ColumnType::kString ? categories_of(*column, rows) : Categories();
      for (const auto& [category, count] : categories.counts) present += count;
      unseen =
          compare_categories(feature, categories, rules_.of(feature.name), features_.size(), drift);
    } else {
      const NumberSample values =
          column->type == types::ColumnType::kString ? NumberSample() : numbers_of(*column, rows);
      present = static_cast<double>(values.sorted.size());
      compare_numbers(feature, values, rules_.of(feature.name), features_.size(), drift);
    }
    drift.missing_rate = missing_share(present, rows.size());
    drift.unseen_rate = rows.empty() ? kNone : unseen / static_cast<double>(rows.size());
    drifts.push_back(std::move(drift));
  }
  return drifts;
}

}  // namespace slipway::monitor
