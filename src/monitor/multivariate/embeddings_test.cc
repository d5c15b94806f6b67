#include "monitor/multivariate/embeddings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "monitor/multivariate/associations.h"
#include "monitor/testdata/noise.h"

namespace slipway::monitor {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

Frame vectors(std::size_t from, std::size_t rows, double shift) {
  Frame frame;
  for (std::size_t c = 0; c < 8; ++c) {
    Column column = Column::of_type("e" + std::to_string(c), ColumnType::kDouble);
    for (std::size_t i = from; i < from + rows; ++i) {
      column.append_double(noise(i, 10 + c) + (c < 3 ? shift : 0) + static_cast<double>(c) / 8);
    }
    MUST(frame.add(std::move(column)));
  }
  return frame;
}

// Evidently 0.7.23's ModelDriftMethod, DistanceDriftMethod, RatioDriftMethod and MMDDriftMethod.
TEST(Embeddings, drift_as_evidently_says) {
  struct Case {
    std::size_t rows;
    EmbeddingRule rule;
    double score;
    bool drifted;
  };
  const Case cases[] = {
      {400, {.method = "model"}, 0.6393042629579281, true},
      {400, {.method = "distance"}, 0.20692063693281995, true},
      {400, {.method = "distance", .distance = "cosine"}, 0.009328447378905591, false},
      {400, {.method = "distance", .distance = "cityblock"}, 0.4451871469120186, true},
      {400, {.method = "distance", .distance = "chebyshev"}, 0.1296962142487367, false},
      {400, {.method = "ratio"}, 0.625, true},
      {400, {.method = "mmd"}, 0.01691443318586272, true},
      {1200, {.method = "model"}, 0.6763242424242425, true},
      {1200, {.method = "distance"}, 0.2049575465426177, true},
      {1200, {.method = "ratio"}, 0.375, true},
      {1200, {.method = "mmd"}, 0.018993354282892616, true},
  };
  for (const Case& one : cases) {
    const EmbeddingDrift drift = MUST(compare_embeddings(
        "e", vectors(0, one.rows, 0), vectors(5000, one.rows - 100, 0.12), one.rule));
    const std::string name = std::to_string(one.rows) + one.rule.method + one.rule.distance;
    EXPECT_NEAR(drift.score, one.score, 1e-10) << name;
    EXPECT_EQ(drift.drifted, one.drifted) << name;
    if (one.rule.method == "model") {
      EXPECT_NEAR(drift.threshold, one.rows == 400 ? 0.5510631252396389 : 0.55, 1e-12);
    }
  }
}

TEST(Embeddings, rows_without_a_component_are_left_out) {
  Frame reference = vectors(0, 50, 0);
  reference.find("e3")->doubles[7] = std::numeric_limits<double>::quiet_NaN();
  reference.find("e4")->doubles[9] = std::numeric_limits<double>::infinity();
  const EmbeddingDrift drift =
      MUST(compare_embeddings("e", reference, vectors(100, 50, 0), {.method = "distance"}));
  EXPECT_EQ(drift.reference_rows, 48u);
  EXPECT_EQ(drift.notes,
            std::vector<std::string>{"2 of 50 reference rows lack a component and are left out"});
}

TEST(Embeddings, mistakes_are_told) {
  const auto refused = [](const Frame& reference, const EmbeddingRule& rule) {
    const auto found = compare_embeddings("e", reference, vectors(0, 50, 0), rule);
    return found ? std::string("nothing") : found.error().message;
  };
  EXPECT_EQ(refused(vectors(0, 9, 0), {}),
            "too few rows to compare embeddings: embedding=e reference_rows=9 at least=10");
  EXPECT_EQ(refused(vectors(0, 50, 0), {.method = "tsne"}),
            "no such embedding method: method=tsne known=distance, mmd, model, ratio");
  EXPECT_EQ(refused(vectors(0, 50, 0), {.method = "distance", .distance = "far"}),
            "no such distance: distance=far known=euclidean, cosine, cityblock, chebyshev");
  Frame texts = vectors(0, 50, 0);
  *texts.find("e2") = Column::of_type("e2", ColumnType::kString);
  for (int i = 0; i < 50; ++i) texts.find("e2")->append_string("x");
  EXPECT_EQ(refused(texts, {}),
            "a component of an embedding is no number: embedding=e column=e2 type=string");
  // Squares that are no numbers any more are told as drift, not as a crash.
  Frame large = vectors(0, 50, 0);
  for (double& value : large.find("e2")->doubles) value = 1e300;
  for (const EmbeddingMethod& method : embedding_methods()) {
    const auto found =
        compare_embeddings("e", vectors(0, 50, 0), large, {.method = std::string(method.name)});
    if (found) base::to_text(found->to_json());
  }
}

TEST(Associations, are_those_of_scipy) {
  const std::vector<double> a = {1, 2, 3, 4, 5, 6, 7, 7}, b = {2, 1, 4, 3, 9, 8, 7, 30};
  EXPECT_NEAR(pearson(a, b), 0.674882759848957, 1e-12);
  EXPECT_NEAR(spearman(a, b), 0.8263621207201486, 1e-12);
  const std::vector<std::size_t> x = {0, 0, 1, 1, 2, 2, 0, 1, 2, 0},
                                 y = {0, 0, 1, 1, 1, 1, 0, 0, 1, 1};
  EXPECT_NEAR(cramer_v(x, 3, y, 2), 0.6400954789890506, 1e-12);
  EXPECT_TRUE(std::isnan(pearson({1, 1}, {1, 2})));
  EXPECT_TRUE(std::isnan(cramer_v({0, 0}, 1, {0, 1}, 2)));
}

TEST(Associations, the_largest_changes_come_first) {
  const auto side = [](std::size_t from, bool apart) {
    Frame frame;
    Column a = Column::of_type("a", ColumnType::kDouble),
           b = Column::of_type("b", ColumnType::kInt64),
           c = Column::of_type("c", ColumnType::kString),
           d = Column::of_type("d", ColumnType::kBool),
           e = Column::of_type("e", ColumnType::kDouble);
    for (std::size_t i = from; i < from + 500; ++i) {
      const double x = noise(i, 1), y = noise(apart ? i + 10'000 : i, 1);
      a.append_double(x);
      b.append_int(static_cast<std::int64_t>(1000 * y));
      c.append_string(x > 0.2 ? "high" : x < -0.2 ? "low" : "middle");
      d.append_int(y > 0.2);
      e.append_double(i % 9 == 0 ? std::nan("") : noise(i, 2));
    }
    for (Column* column : {&a, &b, &c, &d, &e}) MUST(frame.add(std::move(*column)));
    return frame;
  };
  EXPECT_TRUE(association_changes(side(0, false), side(1000, false)).empty());
  const auto changes = association_changes(side(0, false), side(1000, true));
  ASSERT_EQ(changes.size(), 3u);
  for (const AssociationChange& change : changes) {
    EXPECT_EQ(change.first + change.second, change.kind == "cramer_v" ? "cd" : "ab");
    EXPECT_GT(change.reference, 0.9);
    EXPECT_LT(std::abs(change.current), 0.2);
  }
}

}  // namespace
}  // namespace slipway::monitor
