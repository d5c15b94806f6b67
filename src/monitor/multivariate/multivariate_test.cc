#include "monitor/multivariate/multivariate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "monitor/drift/draws.h"
#include "monitor/multivariate/domain_classifier.h"
#include "monitor/testdata/noise.h"

namespace slipway::monitor {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

// Distance, hours, price and kind of trips: each follows from the distance. `from` is the first
// trip; with `shifted` the prices are those of the row before, as after a wrong join.
Frame trips(std::size_t from, std::size_t rows, bool shifted) {
  Column distance = Column::of_type("distance", ColumnType::kDouble);
  Column hours = Column::of_type("hours", ColumnType::kDouble);
  Column price = Column::of_type("price", ColumnType::kDouble);
  Column kind = Column::of_type("kind", ColumnType::kString);
  for (std::size_t i = from; i < from + rows; ++i) {
    const double far = 3 + 4 * noise(i, 1);
    const double paid = 3 + 4 * noise(shifted ? i - 1 : i, 1);
    distance.append_double(far);
    if (i % 31 == 7) {
      hours.append_null();
    } else {
      hours.append_double(0.5 * far + 0.2 * noise(i, 2));
    }
    price.append_double(10 * paid + 3 * noise(i, 3));
    if (i % 37 == 5) {
      kind.append_null();
    } else {
      kind.append_string(far > 4 ? "long" : far > 2 ? "middle" : "short");
    }
  }
  Frame frame;
  for (Column* column : {&distance, &hours, &price, &kind}) MUST(frame.add(std::move(*column)));
  return frame;
}

MultivariateDrift compare(const Frame& reference, const Frame& current,
                          const MultivariateRule& rule) {
  return MUST(MUST(MultivariateReference::of(reference, rule)).compare(current));
}

// nannyml 0.13.1, DataReconstructionDriftCalculator of these four columns, its defaults.
TEST(Multivariate, reconstruction_errors_are_those_of_nannyml) {
  const MultivariateDrift same = compare(trips(1, 1000, false), trips(1001, 600, false), {});
  const MultivariateDrift shifted = compare(trips(1, 1000, false), trips(1001, 600, true), {});
  const std::vector<double> reference_chunks = {
      1.01867764658475, 1.0101191694509, 1.019238585079,   1.01432743743289, 1.01993625579578,
      1.02652493607761, 1.0139736832948, 1.00309985966682, 1.0035673107507,  1.01566520940956};
  const std::vector<double> same_chunks = {
      1.00916415794522, 1.01851168551722, 1.01093001253002, 1.01417053779058, 1.02495229205701,
      1.02638241034944, 1.02077864345105, 1.02074630380265, 1.00836793424582, 1.02882304155346};
  const std::vector<double> shifted_chunks = {
      1.39988784320496, 1.43250851203039, 1.58654332066602, 1.45320549929128, 1.53969385156987,
      1.41363330736136, 1.49185819043543, 1.43493908024532, 1.52475834982665, 1.409000121608};
  ASSERT_EQ(same.reference_chunks.size(), reference_chunks.size());
  ASSERT_EQ(same.current_chunks.size(), same_chunks.size());
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(same.reference_chunks[i], reference_chunks[i], 1e-10);
    EXPECT_NEAR(same.current_chunks[i], same_chunks[i], 1e-10);
    EXPECT_NEAR(shifted.current_chunks[i], shifted_chunks[i], 1e-10);
  }
  EXPECT_NEAR(*same.low, 0.993633348536506, 1e-10);
  EXPECT_NEAR(*same.high, 1.03539267017206, 1e-10);
  EXPECT_FALSE(same.drifted);
  EXPECT_TRUE(shifted.drifted);
  EXPECT_EQ(shifted.causes.at(0).first, "price");
}

TEST(Multivariate, what_no_column_shows_alone_is_found_by_each_method) {
  for (const MultivariateMethod& method : multivariate_methods()) {
    const MultivariateRule rule{.method = std::string(method.name)};
    const Frame reference = trips(1, 1500, false);
    const MultivariateDrift same = compare(reference, trips(2001, 1200, false), rule);
    EXPECT_FALSE(same.drifted) << method.name << " " << same.score;
    const MultivariateDrift shifted = compare(reference, trips(2001, 1200, true), rule);
    EXPECT_TRUE(shifted.drifted) << method.name << " " << shifted.score;
    // Nothing is left to chance.
    EXPECT_EQ(shifted.score, compare(reference, trips(2001, 1200, true), rule).score);
  }
}

// numpy's form of alibi-detect 0.13's sigma_median, GaussianRBF and mmd2_from_kernel_matrix on the
// columns distance and price, scaled by the reference.
TEST(Multivariate, the_discrepancy_is_that_of_alibi_detect) {
  const MultivariateDrift shifted = compare(trips(1, 300, false), trips(501, 200, true),
                                            {.method = "mmd", .columns = {"distance", "price"}});
  EXPECT_NEAR(*shifted.statistic, 0.0801632116288939, 1e-12);
  EXPECT_EQ(shifted.score, 0);
}

TEST(Multivariate, a_threshold_replaces_the_methods_own) {
  const Frame reference = trips(1, 500, false), shifted = trips(1001, 500, true);
  EXPECT_FALSE(compare(reference, shifted, {.threshold = 100}).drifted);
  const MultivariateDrift strict =
      compare(reference, reference, {.method = "domain_classifier", .threshold = 0.1});
  EXPECT_TRUE(strict.drifted);
  EXPECT_FALSE(strict.low.has_value());
  EXPECT_FALSE(compare(reference, shifted, {.method = "mmd", .threshold = 0}).drifted);
}

TEST(Multivariate, rows_are_drawn_alike_every_time) {
  EXPECT_EQ(rows_drawn(5, 9, 1), (std::vector<std::size_t>{0, 1, 2, 3, 4}));
  const std::vector<std::size_t> drawn = rows_drawn(100'000, 1000, 1);
  ASSERT_EQ(drawn.size(), 1000);
  EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
  EXPECT_EQ(drawn, rows_drawn(100'000, 1000, 1));
  EXPECT_NE(drawn, rows_drawn(100'000, 1000, 2));
  EXPECT_GT(drawn.back(), 99'000);
  const MultivariateDrift some =
      compare(trips(1, 900, false), trips(1, 900, true), {.rows_max = 100});
  EXPECT_EQ(some.reference_rows, 100);
  EXPECT_EQ(some.current_rows, 100);
}

TEST(Multivariate, what_cannot_be_compared_is_said) {
  const auto refused = [](const Frame& reference, const Frame& current,
                          const MultivariateRule& rule) {
    auto made = MultivariateReference::of(reference, rule);
    if (!made) return made.error().message;
    auto compared = made->compare(current);
    return compared ? std::string("nothing") : compared.error().message;
  };
  const Frame good = trips(1, 100, false);
  EXPECT_EQ(refused(trips(1, 49, false), good, {}),
            "too few rows to compare columns together: reference_rows=49 at least=50");
  EXPECT_EQ(refused(good, trips(1, 3, false), {}),
            "too few rows to compare columns together: current_rows=3 at least=50");
  EXPECT_NE(refused(good, good, {.method = "pca"}).find("known=reconstruction_error, domain"),
            std::string::npos);
  EXPECT_NE(refused(good, good, {.columns = {"salary"}}).find("salary"), std::string::npos);

  Frame dull;
  Column constant = Column::of_type("constant", ColumnType::kInt64);
  Column text = Column::of_type("text", ColumnType::kString);
  Column time = Column::of_type("time", ColumnType::kTimestamp);
  for (std::int64_t i = 0; i < 100; ++i) {
    constant.append_int(3);
    text.append_string("text " + std::to_string(i));
    time.append_int(i);
  }
  for (Column* column : {&constant, &text, &time}) MUST(dull.add(std::move(*column)));
  EXPECT_EQ(refused(dull, dull, {}),
            "no column to compare together: constant is left out: one value only in the reference; "
            "text is left out: texts, most of them different; time is left out: times");

  Frame typed = trips(1, 100, false);
  *typed.find("price") = Column::of_type("price", ColumnType::kString);
  for (int i = 0; i < 100; ++i) typed.find("price")->append_string("12");
  EXPECT_NE(refused(good, typed, {}).find("column=price before=double now=string"),
            std::string::npos);

  Frame wide;
  for (std::size_t c = 0; c < 501; ++c) {
    Column column = Column::of_type("x" + std::to_string(c), ColumnType::kDouble);
    for (std::size_t i = 0; i < 50; ++i) column.append_double(noise(i, c));
    MUST(wide.add(std::move(column)));
  }
  EXPECT_NE(refused(wide, wide, {}).find("columns=501 at most=500"), std::string::npos);
}

// Endless and missing numbers are gaps; a column that has none else tells nothing.
TEST(Multivariate, holes_break_nothing) {
  const auto holes = [](double value) {
    Frame frame = trips(1, 200, false);
    Column empty = Column::of_type("empty", ColumnType::kDouble);
    for (std::size_t i = 0; i < 200; ++i) {
      empty.append_double(i % 2 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                     : std::numeric_limits<double>::infinity());
    }
    frame.find("distance")->doubles[3] = value;
    MUST(frame.add(std::move(empty)));
    return frame;
  };
  for (const MultivariateMethod& method : multivariate_methods()) {
    const MultivariateRule rule{.method = std::string(method.name)};
    const Frame wild = holes(std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::isfinite(compare(wild, wild, rule).score)) << method.name;
    // Squares that are no numbers any more are told as drift, not as a crash.
    compare(holes(1), holes(1e300), rule).to_json();
  }
}

TEST(Multivariate, a_profile_follows_the_columns_of_windows) {
  const Frame reference = trips(1, 500, false);
  const MultivariateProfile profile(reference, {});
  const auto every = [](std::string_view) { return true; };
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < 200; ++i) rows.push_back(2 * i);
  EXPECT_EQ(MUST(profile.compare(trips(1, 400, true), rows, every)).columns.size(), 4);
  const auto no_price = [](std::string_view name) { return name != "price"; };
  EXPECT_EQ(MUST(profile.compare(trips(1, 400, true), rows, no_price)).columns.size(), 3);
  EXPECT_FALSE(profile.compare(trips(1, 400, true), {1, 2, 3}, every));
}

// NannyML 0.13.1's DomainClassifierCalculator with LightGBM 4.5 says 0.510615 and
// 0.960792: another learner of the same kind.
TEST(Multivariate, the_classifier_tells_what_nannymls_tells) {
  const Frame reference = trips(1, 1000, false);
  EXPECT_NEAR(classify_domains(reference, trips(1001, 600, false)).auc, 0.510615, 0.03);
  EXPECT_NEAR(classify_domains(reference, trips(1001, 600, true)).auc, 0.960792, 0.01);
}

}  // namespace
}  // namespace slipway::monitor
