// What features have to do with answers.
//
// The SHAP value of feature i at a leaf of value v, whose way asks features j = 1..D, is
//
//     v * (o_i - z_i) * integral over t from 0 to 1 of the product over j != i of t*o_j + (1-t)*z_j
//
// where o_j is 1 if the row holds all that the way asks of j, else 0, and z_j the share of the
// training that did. The integrand is a polynomial below degree D, so half as many points of Gauss
// and Legendre give it exactly. All factors are positive, so nothing cancels. A walk down
// multiplies the factors at each point, and the way up collects what the leaves below gave: a
// constant amount of work an edge and point, for 64 rows at once.
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "serving/trees/ensemble.h"
#include "serving/trees/thread_buffer.h"

namespace slipway::serving::trees {
namespace {

std::size_t points_of(const TreeLayout& tree) { return (std::size_t{tree.asked} + 1) / 2; }

// Roots of Legendre's polynomials, by Newton's method.
Quadrature gauss_legendre(std::size_t count) {
  Quadrature quadrature;
  const auto n = static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5)), slope = 1;
    for (int round = 0; round < 100; ++round) {
      double before = 1, value = x;
      for (std::size_t k = 2; k <= count; ++k) {
        const auto degree = static_cast<double>(k);
        const double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
        before = value;
        value = next;
      }
      slope = n * (x * value - before) / (x * x - 1);
      const double step = value / slope;
      x -= step;
      if (std::fabs(step) < 1e-16) break;
    }
    quadrature.points.push_back((1 - x) / 2);
    quadrature.weights.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return quadrature;
}

}  // namespace

void Ensemble::prepare_to_explain() {
  expected_.assign(sums_, 0.0);
  std::vector<double> reached;  // by node: the share of all training that came there
  for (const TreeLayout& tree : layout_.trees) {
    const std::size_t points = points_of(tree);
    if (points > kExplainedFeaturesMax / 2) continue;
    if (quadratures_.size() <= points) quadratures_.resize(points + 1);
    if (quadratures_[points].points.empty()) quadratures_[points] = gauss_legendre(points);
    const std::size_t nodes = 2 * std::size_t{tree.leaves} - 1;
    reached.assign(nodes, 1.0);
    for (std::size_t i = 0; i < nodes; ++i) {
      const WalkNode& node = layout_.nodes[tree.root + i];
      if (node.child != tree.root + i) {
        for (const std::uint32_t child : {node.child, node.child + 1})
          reached[child - tree.root] = reached[i] * layout_.shares[child];
        continue;
      }
      for (std::uint32_t t = 0; t < tree.targets; ++t) {
        const Target& target = layout_.targets[tree.first_target + t];
        const std::size_t at = target.first_value + (node.column_and_last >> 8);
        expected_[target.sum] +=
            reached[i] * (doubles_summed_ ? layout_.double_values[at] : layout_.float_values[at]);
      }
    }
  }
  for (std::size_t s = 0; s < sums_; ++s)
    expected_[s] =
        base_first_ ? (expected_[s] + base_[s]) / divisor_ : expected_[s] / divisor_ + base_[s];
}

Result<void> Ensemble::can_explain() const {
  if (layout_.aggregate != Aggregate::kSum)
    return base::error(Code::kFailedPrecondition,
                       "only trees that are added up can be explained, not their least or largest");
  if (!has_covers_)
    return base::error(Code::kFailedPrecondition,
                       "the model's file doesn't say how much of the training came to each node of "
                       "its trees (XGBoost's sum_hessian, LightGBM's internal_count), so its "
                       "answers can't be explained");
  for (const TreeLayout& tree : layout_.trees) {
    if (tree.depth > kExplainedDepthMax || tree.asked > kExplainedFeaturesMax)
      return base::error(
          Code::kFailedPrecondition,
          "the trees are too deep to be explained: depth={} depth_max={} features={} "
          "features_max={}",
          tree.depth, kExplainedDepthMax, tree.asked, kExplainedFeaturesMax);
  }
  return {};
}

template <typename Compared>
void Ensemble::explain_rows(const Rows<double>& rows, double* out) const {
  thread_local Buffer<std::uint8_t> bins;
  thread_local Buffer<double> products, sums, factors, contributions;
  thread_local Buffer<std::int64_t> holds;
  thread_local std::vector<ExplainedBlock::Asked> asked;
  const std::size_t features = feature_count(), step = features * kBlockRows;
  std::size_t levels = 1, points = 1;  // that one tree needs
  for (const TreeLayout& tree : layout_.trees) {
    levels = std::max<std::size_t>(levels, tree.depth);
    points = std::max(points, points_of(tree));
  }
  std::int64_t* const all = holds.ensure((levels + 1) * kBlockRows);
  std::fill(all, all + kBlockRows, std::int64_t{-1});
  asked.assign(features, {.share = 1, .holds = all});
  ExplainedBlock block;
  block.holds = all + kBlockRows;
  block.products = products.ensure(levels * points * kBlockRows);
  block.sums = sums.ensure(levels * points * kBlockRows);
  block.factors = factors.ensure(levels * points * 4);
  block.asked = asked.data();
  double* const totals = contributions.ensure(sums_ * step);
  std::uint8_t* const block_bins = bins.ensure(layout_.columns.size() * kBlockRows);
  block.bins = block_bins;
  for (std::size_t first = 0; first < rows.count; first += kBlockRows) {
    const std::size_t count = std::min(rows.count - first, kBlockRows);
    block.rows = (count + 7) / 8 * 8;
    quantize_block<Compared>(rows, first, count, block_bins);
    std::fill(totals, totals + sums_ * step, 0.0);
    for (const TreeLayout& tree : layout_.trees) {
      block.quadrature = &quadratures_[points_of(tree)];
      for (std::uint32_t t = 0; t < tree.targets; ++t) {
        const Target& target = layout_.targets[tree.first_target + t];
        block.floats = doubles_summed_ ? nullptr : layout_.float_values.data() + target.first_value;
        block.doubles =
            doubles_summed_ ? layout_.double_values.data() + target.first_value : nullptr;
        block.contributions = totals + target.sum * step;
        kernel_->explain(layout_, tree, block);
      }
    }
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t s = 0; s < sums_; ++s) {
        for (std::size_t f = 0; f < features; ++f)
          *out++ = totals[s * step + f * kBlockRows + r] / divisor_;
        *out++ = expected_[s];
      }
    }
  }
}

void Ensemble::explain(const Rows<double>& rows, std::span<double> out) const {
  CHECK(out.size() >= rows.count * sums_ * (feature_count() + 1));
  doubles_compared_ ? explain_rows<double>(rows, out.data())
                    : explain_rows<float>(rows, out.data());
}

}  // namespace slipway::serving::trees
