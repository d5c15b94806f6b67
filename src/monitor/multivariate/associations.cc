#include "monitor/multivariate/associations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

#include "monitor/drift/distributions.h"
#include "monitor/multivariate/row_encoder.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kChange = 0.1, kSure = 0.001;
constexpr std::size_t kCategoriesMax = 100;  // more are ids or texts

bool is_number(const types::Column& column) {
  return column.type == types::ColumnType::kDouble || column.type == types::ColumnType::kInt64;
}

// The numbers, NaN where there is none.
std::vector<double> numbers_of(const types::Column& column) {
  std::vector<double> numbers(column.size());
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    const double value = column.number(row);
    numbers[row] = std::isfinite(value) ? value : kNone;
  }
  return numbers;
}

std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k)
      ranks[order[k]] = (static_cast<double>(i) + static_cast<double>(j - 1)) / 2 + 1;
    i = j;
  }
  return ranks;
}

// The values of the rows that have both.
std::pair<std::vector<double>, std::vector<double>> both(const std::vector<double>& a,
                                                         const std::vector<double>& b) {
  std::pair<std::vector<double>, std::vector<double>> pairs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) || std::isnan(b[i])) continue;
    pairs.first.push_back(a[i]);
    pairs.second.push_back(b[i]);
  }
  return pairs;
}

// That two correlations of so many rows are one by chance, as far as Fisher's z tells.
double same_by_chance(double r, std::size_t n, double s, std::size_t m) {
  if (n < 4 || m < 4) return 1;
  constexpr double kEdge = 1 - 1e-12;
  const double z =
      std::atanh(std::clamp(r, -kEdge, kEdge)) - std::atanh(std::clamp(s, -kEdge, kEdge));
  const double error =
      std::sqrt(1 / (static_cast<double>(n) - 3) + 1 / (static_cast<double>(m) - 3));
  return 2 * normal_survival(std::abs(z) / error);
}

// A column of numbers; its ranks where none is missing.
struct Numbers {
  std::vector<double> values, ranks;

  static Numbers of(const types::Column& column) {
    Numbers numbers{.values = numbers_of(column), .ranks = {}};
    const bool whole = std::none_of(numbers.values.begin(), numbers.values.end(),
                                    [](double value) { return std::isnan(value); });
    if (whole) numbers.ranks = ranks_of(numbers.values);
    return numbers;
  }
};

// Pearson's and Spearman's correlation of the rows that have both, and how many have.
struct Correlations {
  double pearson = 0, spearman = 0;
  std::size_t rows = 0;

  static Correlations of(const Numbers& a, const Numbers& b) {
    if (!a.ranks.empty() && !b.ranks.empty()) {
      return {monitor::pearson(a.values, b.values), monitor::pearson(a.ranks, b.ranks),
              a.values.size()};
    }
    const auto [x, y] = both(a.values, b.values);
    return {monitor::pearson(x, y), monitor::spearman(x, y), x.size()};
  }
};

struct Side {
  std::vector<Numbers> numbers;  // by position among the columns of numbers
  struct Categories {
    std::vector<std::size_t> codes;  // 0: missing
    std::size_t count = 1;
  };
  std::vector<Categories> categories;
};

Side::Categories categories_of(const types::Column& column) {
  Side::Categories categories;
  std::map<std::string, std::size_t> codes;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) {
      categories.codes.push_back(0);
      continue;
    }
    const auto [found, is_new] = codes.try_emplace(category_of(column, row), categories.count);
    categories.count += is_new;
    categories.codes.push_back(found->second);
  }
  return categories;
}

// V of the rows that have both, and what independent categories of so many rows show.
std::pair<double, double> association(const Side::Categories& a, const Side::Categories& b) {
  std::vector<std::size_t> x, y;
  for (std::size_t i = 0; i < a.codes.size(); ++i) {
    if (a.codes[i] == 0 || b.codes[i] == 0) continue;
    x.push_back(a.codes[i] - 1);
    y.push_back(b.codes[i] - 1);
  }
  const double v = cramer_v(x, a.count - 1, y, b.count - 1);
  const double more = static_cast<double>(std::max(a.count, b.count)) - 2;
  return {v, std::sqrt(more / static_cast<double>(std::max<std::size_t>(1, x.size())))};
}

}  // namespace

double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2) return kNone;
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? std::clamp(ab / std::sqrt(aa) / std::sqrt(bb), -1.0, 1.0) : kNone;
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  return pearson(ranks_of(a), ranks_of(b));
}

double cramer_v(const std::vector<std::size_t>& a, std::size_t a_categories,
                const std::vector<std::size_t>& b, std::size_t b_categories) {
  std::vector<double> of_a(a_categories, 0.0), of_b(b_categories, 0.0),
      table(a_categories * b_categories, 0.0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    of_a[a[i]] += 1;
    of_b[b[i]] += 1;
    table[a[i] * b_categories + b[i]] += 1;
  }
  const auto present = [](const std::vector<double>& counts) {
    return counts.size() - static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0.0));
  };
  const std::size_t least = std::min(present(of_a), present(of_b));
  if (least < 2) return kNone;
  double phi_squared = -1;
  for (std::size_t i = 0; i < a_categories; ++i) {
    for (std::size_t j = 0; j < b_categories; ++j) {
      const double count = table[i * b_categories + j];
      if (count > 0) phi_squared += count * count / (of_a[i] * of_b[j]);
    }
  }
  return std::sqrt(std::max(phi_squared, 0.0) / static_cast<double>(least - 1));
}

std::vector<AssociationChange> association_changes(const types::Frame& reference,
                                                   const types::Frame& current) {
  std::vector<std::string> numeric, categorical;
  Side before, now;
  const std::size_t columns = std::min(reference.columns().size(), kAssociatedColumnsMax);
  for (std::size_t c = 0; c < columns; ++c) {
    const types::Column &old = reference.columns()[c], &fresh = current.columns()[c];
    if (is_number(old)) {
      numeric.push_back(old.name);
      before.numbers.push_back(Numbers::of(old));
      now.numbers.push_back(Numbers::of(fresh));
    } else if (is_categorical(old)) {
      Side::Categories was = categories_of(old), is = categories_of(fresh);
      if (std::max(was.count, is.count) > kCategoriesMax) continue;
      categorical.push_back(old.name);
      before.categories.push_back(std::move(was));
      now.categories.push_back(std::move(is));
    }
  }
  std::vector<AssociationChange> changes;
  const auto consider = [&](const std::string& a, const std::string& b, const char* kind, double r,
                            double s, bool sure) {
    if (sure && std::abs(s - r) >= kChange) changes.push_back({a, b, kind, r, s});
  };
  for (std::size_t i = 0; i < numeric.size(); ++i) {
    for (std::size_t j = i + 1; j < numeric.size(); ++j) {
      const Correlations old = Correlations::of(before.numbers[i], before.numbers[j]);
      const Correlations fresh = Correlations::of(now.numbers[i], now.numbers[j]);
      for (const auto& [kind, r, s] : {std::tuple("pearson", old.pearson, fresh.pearson),
                                       {"spearman", old.spearman, fresh.spearman}}) {
        consider(numeric[i], numeric[j], kind, r, s,
                 same_by_chance(r, old.rows, s, fresh.rows) <= kSure);
      }
    }
  }
  for (std::size_t i = 0; i < categorical.size(); ++i) {
    for (std::size_t j = i + 1; j < categorical.size(); ++j) {
      const auto [r, chance] = association(before.categories[i], before.categories[j]);
      const auto [s, chance_now] = association(now.categories[i], now.categories[j]);
      consider(categorical[i], categorical[j], "cramer_v", r, s,
               std::abs(s - r) >= kChange + 2 * std::max(chance, chance_now));
    }
  }
  std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) {
    return std::abs(a.current - a.reference) > std::abs(b.current - b.reference);
  });
  if (changes.size() > kAssociationsMax) changes.resize(kAssociationsMax);
  return changes;
}

JsonObject AssociationChange::to_json() const {
  return {{"columns", JsonArray{first, second}},
          {"kind", kind},
          {"reference", base::number_or_null(reference)},
          {"current", base::number_or_null(current)}};
}

}  // namespace slipway::monitor
