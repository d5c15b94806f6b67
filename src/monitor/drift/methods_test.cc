// What the golden file can't show: exact distributions against counting, draws, sorting,
// dependence, and what the methods refuse.
#include "monitor/drift/methods.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "monitor/drift/category_tests.h"
#include "monitor/drift/dependence.h"
#include "monitor/drift/distributions.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/effective_tests.h"
#include "monitor/drift/number_samples.h"
#include "monitor/drift/radix_sort.h"
#include "monitor/drift/rank_tests.h"

namespace slipway::monitor {
namespace {

using Numbers = std::vector<double>;

// Calls each(a, b) for every way to divide 1..m+n into sides of m and n.
template <typename Each>
void each_division(std::size_t m, std::size_t n, Each&& each) {
  std::vector<int> side(m + n, 1);
  std::fill(side.begin(), side.begin() + static_cast<std::ptrdiff_t>(m), 0);
  do {
    Numbers a, b;
    for (std::size_t i = 0; i < side.size(); ++i) {
      (side[i] == 0 ? a : b).push_back(static_cast<double>(i + 1));
    }
    each(a, b);
  } while (std::next_permutation(side.begin(), side.end()));
}

TEST(ExactTests, CountEveryDivision) {
  for (const auto& [m, n] : {std::pair<std::size_t, std::size_t>{4, 4}, {3, 6}, {6, 5}, {2, 7}}) {
    const Numbers a = {1, 2, 4, 7, 8, 9}, b = {3, 5, 6, 10, 11, 12, 13};
    const std::span<const double> x(a.data(), m), y(b.data(), n);
    const RankTest cramer = cramer_von_mises(x, y);
    const RankTest whitney = mann_whitney(x, y, Alternative::kLarger);
    double all = 0, as_far = 0, as_low = 0;
    each_division(m, n, [&](const Numbers& p, const Numbers& q) {
      all += 1;
      as_far += cramer_von_mises(p, q).statistic >= cramer.statistic - 1e-9;
      as_low += mann_whitney(p, q).statistic <= whitney.statistic;
    });
    EXPECT_DOUBLE_EQ(cramer.p_value, as_far / all) << m << " " << n;
    EXPECT_NEAR(whitney.p_value, as_low / all, 1e-14) << m << " " << n;
  }
}

TEST(Distributions, AreAccurateInTheirTails) {
  // The tail of Cramer-von Mises is that of its first integral, however small.
  EXPECT_NEAR(cramer_von_mises_survival(0.46136), 0.05, 1e-4);  // Anderson and Darling's table
  EXPECT_NEAR(cramer_von_mises_survival(0.74346), 0.01, 1e-4);
  const double far = cramer_von_mises_survival(100);
  EXPECT_GT(far, 1e-218);
  EXPECT_LT(far, 1e-214);
  EXPECT_EQ(cramer_von_mises_survival(0.001), 1);
  double before = 1;
  for (double w = 0.01; w < 5; w *= 1.1) {
    const double here = cramer_von_mises_survival(w);
    EXPECT_LE(here, before) << w;
    before = here;
  }
  EXPECT_NEAR(normal_survival(10), 7.619853024160527e-24, 1e-37);
  EXPECT_NEAR(student_two_sided(50, 30) / 1.871541765922271e-30, 1, 1e-12);  // scipy's
}

TEST(Draws, AreHypergeometric) {
  Draws draws(7);
  double sum = 0, squares = 0;
  constexpr int kRounds = 20'000;
  for (int i = 0; i < kRounds; ++i) {
    const double drawn = draws.hypergeometric(300, 700, 200);
    EXPECT_GE(drawn, 0);
    EXPECT_LE(drawn, 200);
    sum += drawn;
    squares += drawn * drawn;
  }
  const double mean = sum / kRounds, variance = squares / kRounds - mean * mean;
  EXPECT_NEAR(mean, 60, 0.2);
  EXPECT_NEAR(variance, 200 * 0.3 * 0.7 * 800 / 999, 1);
  EXPECT_EQ(draws.hypergeometric(5, 0, 3), 3);
  EXPECT_EQ(draws.hypergeometric(0, 5, 3), 0);
}

TEST(RadixSort, SortsLikeComparing) {
  Draws draws(1);
  for (const std::size_t size : {0, 1, 2, 100, 2047, 2048, 50'000}) {
    Numbers values(size);
    for (double& value : values) {
      switch (draws.below(4)) {
        case 0:
          value = draws.uniform() - 0.5;
          break;
        case 1:
          value = static_cast<double>(draws.below(10));
          break;
        case 2:
          value = (draws.uniform() - 0.5) * 1e300;
          break;
        default:
          value = draws.below(2) == 0 ? 0.0 : -std::numeric_limits<double>::infinity();
      }
    }
    Numbers want = values;
    std::sort(want.begin(), want.end());
    EXPECT_EQ(radix_sorted(values), want) << size;
  }
}

TEST(Dependence, IsOneForIndependentRowsAndMoreForRuns) {
  Draws draws(3);
  std::vector<std::uint32_t> independent(10'000), runs(10'000);
  std::uint32_t state = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    independent[i] = static_cast<std::uint32_t>(draws.below(4));
    if (draws.below(50) == 0) state = static_cast<std::uint32_t>(draws.below(4));
    runs[i] = state;
  }
  EXPECT_LT(inflation_of(independent, 4), 2.5);
  EXPECT_GT(inflation_of(runs, 4), 40);
  // Ten swings even out, in each stretch and in the whole.
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i] = static_cast<std::uint32_t>(2 * (i / 500 % 2) + draws.below(2));
  }
  EXPECT_LT(inflation_of(runs, 4), 2.5);
  EXPECT_EQ(inflation_of(std::vector<std::uint32_t>(10'000, 1), 4), 1);
  // What the other side alone has changes nothing; more than 64 categories can't be told.
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = static_cast<std::uint32_t>(i / 150 % 64);
  EXPECT_GT(inflation_of(runs, 64), 40);
  EXPECT_EQ(inflation_of(runs, 64), inflation_of(runs, 1'000'000));
  runs.back() = 64;
  EXPECT_EQ(inflation_of(runs, 65), 1);
}

// Quiet columns called drifted, of 400, when both sides are autoregressive rows of one process.
TEST(EffectiveTests, CallFewQuietColumnsDriftedHoweverFewTheRows) {
  const DriftMethod& ks = *find_drift_method("ks_effective");
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  const auto side = [&](double rho, std::size_t rows) {
    types::Column column = types::Column::of_type("x", types::ColumnType::kDouble);
    double last = normal(random);
    for (std::size_t i = 0; i < rows; ++i) {
      column.append_double(last);
      last = rho * last + std::sqrt(1 - rho * rho) * normal(random);
    }
    return NumberSample::of(std::move(column), NumberSample::Dependence::kMeasured);
  };
  for (const double rho : {0.0, 0.5, 0.9}) {
    for (const std::size_t rows : {20, 40, 79, 80, 200, 399}) {
      int called = 0;
      for (int i = 0; i < 400; ++i) {
        const NumberSample a = side(rho, rows), b = side(rho, rows);
        const DriftScore score = ks_effective({.reference = a.sorted,
                                               .current = b.sorted,
                                               .reference_inflation = a.inflation,
                                               .current_inflation = b.inflation});
        called += ks.has_drifted(score, ks.threshold);
      }
      EXPECT_LE(called, 4) << rho << " " << rows;
    }
  }
}

TEST(EffectiveTests, CountRowsForWhatTheyTell) {
  Numbers a(2000), b(2000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<double>(i);
    b[i] = static_cast<double>(i) + 140;
  }
  const DriftMethod& ks = *find_drift_method("ks_effective");
  const DriftScore independent = ks_effective({.reference = a, .current = b});
  EXPECT_TRUE(ks.has_drifted(independent, ks.threshold)) << independent.value;
  const DriftScore alike = ks_effective(
      {.reference = a, .current = b, .reference_inflation = 20, .current_inflation = 20});
  EXPECT_FALSE(ks.has_drifted(alike, ks.threshold)) << alike.value;
  EXPECT_EQ(independent.effect, alike.effect);
  // Sure, but too small to look at.
  EXPECT_FALSE(ks.has_drifted({.value = 0, .effect = 0.019}, ks.threshold));
}

// Rows that are worth a tenth give the p of a tenth of the rows: the statistic is that of as many.
TEST(EffectiveTests, DivideChiSquareByTheDesignEffect) {
  const Numbers a = {5000, 3000, 2000}, b = {2600, 1500, 900};
  Numbers tenth_a = a, tenth_b = b;
  for (Numbers* counts : {&tenth_a, &tenth_b}) {
    for (double& count : *counts) count /= 10;
  }
  const CategoryPair alike{
      .reference = a, .current = b, .reference_inflation = 10, .current_inflation = 10};
  const DriftScore fewer = chi_square_effective({.reference = tenth_a, .current = tenth_b});
  EXPECT_NEAR(chi_square_effective(alike).value / fewer.value, 1, 1e-9);
  EXPECT_LT(chi_square_effective({.reference = a, .current = b}).value, fewer.value / 50);
  // Each side's inflation weighs by what the side adds to the variance: 1 / its rows.
  const double design = (10.0 / 10'000 + 1.0 / 5000) / (1.0 / 10'000 + 1.0 / 5000);
  const double statistic = chi_square_two_sample(a, b, Continuity::kNone).statistic;
  EXPECT_NEAR(chi_square_effective({.reference = a, .current = b, .reference_inflation = 10}).value,
              chi_square_survival(statistic / design, 2), 1e-12);
}

// A thousand draws a category would take minutes for the categories of a column of ids.
TEST(DriftMethods, TotalVariationHasALimit) {
  const Numbers most(1000, 3.0), more(1001, 3.0);
  EXPECT_EQ(total_variation_permutation(most, most, 10, 0), 1);
  EXPECT_TRUE(std::isnan(total_variation_permutation(more, more, 10, 0)));
}

// Eight values beside ten million took gigabytes.
TEST(RankTests, MannWhitneyIsCountedUpToALimit) {
  Numbers few(8), many(100'001);
  std::iota(many.begin(), many.end(), 0);
  for (std::size_t i = 0; i < few.size(); ++i) few[i] = 30'000.5 + 10'000 * static_cast<double>(i);
  const double exact = mann_whitney(few, std::span(many).first(100'000)).p_value;
  EXPECT_NEAR(mann_whitney(few, many).p_value, exact, 0.01);
}

TEST(DriftMethods, SayWhatTheyTake) {
  EXPECT_EQ(std::size(drift_methods()), 27u);
  for (const DriftMethod& method : drift_methods()) {
    SCOPED_TRACE(method.name);
    EXPECT_TRUE(method.of_numbers != nullptr || method.of_categories != nullptr ||
                method.of_texts != nullptr);
    EXPECT_GT(method.threshold, 0);
    EXPECT_EQ(find_drift_method(method.name), &method);
    // No method breaks on nothing, on one value, on constants; none calls them drift.
    const Numbers none, one = {1}, same = {2, 2, 2, 2, 2, 2};
    for (const Numbers* a : {&none, &one, &same}) {
      const std::vector<double> counts(1, static_cast<double>(a->size()));
      if (method.of_numbers != nullptr) {
        const DriftScore score = method.of_numbers({.reference = *a, .current = *a});
        EXPECT_FALSE(method.has_drifted(score, method.threshold)) << a->size();
      }
      if (method.of_categories != nullptr) {
        const DriftScore score = method.of_categories({.reference = counts, .current = counts});
        EXPECT_FALSE(method.has_drifted(score, method.threshold)) << a->size();
        const DriftScore empty = method.of_categories({});
        EXPECT_TRUE(std::isnan(empty.value));
      }
    }
  }
}

// A mean that is off by rounding made 0.1 another number than 0.1.
TEST(DriftMethods, TTestOfOneConstantIsNoDrift) {
  const Numbers many(1000, 0.1), fewer(777, 0.1), other(777, 0.2);
  const DriftMethod& method = *find_drift_method("t_test");
  const auto drifted = [&](const Numbers& a, const Numbers& b) {
    return method.has_drifted(method.of_numbers({.reference = a, .current = b}), method.threshold);
  };
  EXPECT_FALSE(drifted(many, fewer));
  EXPECT_FALSE(drifted(fewer, many));
  EXPECT_TRUE(drifted(many, other));
}

TEST(DriftMethods, AreChosenByName) {
  const auto name_of = [](std::string_view name, const ColumnFacts& facts) {
    const auto choice = choose_drift_method(name, facts);
    return choice ? std::string(choice->method->name) + (choice->by_value ? " by value" : "")
                  : choice.error().message;
  };
  EXPECT_EQ(name_of("slipway", {}), "ks_effective");
  EXPECT_EQ(name_of("slipway", {.categorical = true}), "chi2_effective");
  const auto evidently = [&](bool categorical, std::size_t values, std::size_t distinct) {
    return name_of("evidently",
                   {.categorical = categorical, .reference_values = values, .distinct = distinct});
  };
  EXPECT_EQ(evidently(false, 1000, 6), "ks");
  EXPECT_EQ(evidently(false, 1001, 6), "wasserstein");
  EXPECT_EQ(evidently(false, 1000, 5), "chisquare by value");
  EXPECT_EQ(evidently(false, 1000, 2), "z by value");
  EXPECT_EQ(evidently(false, 1001, 2), "jensenshannon by value");
  EXPECT_EQ(evidently(true, 1000, 3), "chisquare");
  EXPECT_EQ(evidently(true, 1000, 2), "z");
  EXPECT_EQ(evidently(true, 1001, 2), "jensenshannon");
  EXPECT_DOUBLE_EQ(MUST(choose_drift_method("alibi", {.columns = 10})).threshold, 0.005);
  EXPECT_EQ(name_of("ks", {.categorical = true}),
            "the drift method takes no categories: method=ks");
  EXPECT_EQ(name_of("z", {}), "the drift method takes no numbers: method=z");
  EXPECT_EQ(name_of("sk", {}).substr(0, 69),
            "no such drift method: method=sk known=slipway, evidently, alibi, nann");
}

}  // namespace
}  // namespace slipway::monitor
