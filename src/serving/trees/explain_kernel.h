// The loop of explain.cc, once for each instruction set: who includes it has said which (TREES_SET,
// an attribute of functions) and how wide its registers are (TREES_BYTES).
#include <bit>

#include "serving/trees/explained.h"
#include "serving/trees/layout.h"

namespace slipway::serving::trees {
namespace {

using Numbers = double __attribute__((vector_size(TREES_BYTES)));
using Masks = std::int64_t __attribute__((vector_size(TREES_BYTES)));
constexpr std::size_t kRowsAtOnce = TREES_BYTES / sizeof(double);

// An edge of a tree: what is asked of a feature there, after what was asked of it above.
struct Edge {
  const std::int64_t* held = nullptr;   // rows that held it so far
  const std::int64_t* holds = nullptr;  // and here
  double share = 1;                     // of the training that held it so far, and here
  const double* factors = nullptr;      // by point: down for rows that hold here and that don't, up
};

TREES_SET inline Numbers choose(Masks held, Masks holds, double both, double lost, double none) {
  return held != 0 ? (holds != 0 ? both - Numbers{} : lost - Numbers{}) : none - Numbers{};
}

TREES_SET inline void explain_leaf(const ExplainedBlock& block, const Edge& edge, double value,
                                   bool is_first, const double* products, double* sums,
                                   double* contributions) {
  const std::size_t points = block.quadrature->points.size();
  for (std::size_t r = 0; r < block.rows; r += kRowsAtOnce) {
    const Masks held = *reinterpret_cast<const Masks*>(edge.held + r),
                holds = *reinterpret_cast<const Masks*>(edge.holds + r);
    Numbers& contribution = *reinterpret_cast<Numbers*>(contributions + r);
    Numbers total = contribution;
    for (std::size_t p = 0; p < points; ++p) {
      const double* const factors = edge.factors + 4 * p;
      const Numbers product = *reinterpret_cast<const Numbers*>(products + p * kBlockRows + r);
      Numbers& sum = *reinterpret_cast<Numbers*>(sums + p * kBlockRows + r);
      const Numbers here =
          product * choose(held, holds, factors[0] * value, factors[1] * value, edge.share * value);
      sum = is_first ? here : sum + here;
      total += here * choose(held, holds, factors[2], factors[3], 0);
    }
    contribution = total;
  }
}

TREES_SET inline void go_down(const ExplainedBlock& block, const Edge& edge, const double* products,
                              double* below) {
  const std::size_t points = block.quadrature->points.size();
  for (std::size_t r = 0; r < block.rows; r += kRowsAtOnce) {
    const Masks held = *reinterpret_cast<const Masks*>(edge.held + r),
                holds = *reinterpret_cast<const Masks*>(edge.holds + r);
    for (std::size_t p = 0; p < points; ++p) {
      const double* const factors = edge.factors + 4 * p;
      const Numbers product = *reinterpret_cast<const Numbers*>(products + p * kBlockRows + r);
      *reinterpret_cast<Numbers*>(below + p * kBlockRows + r) =
          product * choose(held, holds, factors[0], factors[1], edge.share);
    }
  }
}

TREES_SET inline void come_up(const ExplainedBlock& block, const Edge& edge, bool is_first,
                              const double* below, double* sums, double* contributions) {
  const std::size_t points = block.quadrature->points.size();
  for (std::size_t r = 0; r < block.rows; r += kRowsAtOnce) {
    const Masks held = *reinterpret_cast<const Masks*>(edge.held + r),
                holds = *reinterpret_cast<const Masks*>(edge.holds + r);
    Numbers& contribution = *reinterpret_cast<Numbers*>(contributions + r);
    Numbers total = contribution;
    for (std::size_t p = 0; p < points; ++p) {
      const double* const factors = edge.factors + 4 * p;
      const Numbers here = *reinterpret_cast<const Numbers*>(below + p * kBlockRows + r);
      Numbers& sum = *reinterpret_cast<Numbers*>(sums + p * kBlockRows + r);
      sum = is_first ? here : sum + here;
      total += here * choose(held, holds, factors[2], factors[3], 0);
    }
    contribution = total;
  }
}

TREES_SET void explain_split(const Layout& layout, ExplainedBlock& block, std::uint32_t at,
                             std::size_t level) {
  const WalkNode split = layout.nodes[at];
  const std::uint32_t column = split.column_and_last >> 8, last = split.column_and_last & 255;
  const std::uint32_t feature = layout.column_features[column];
  const ExplainedBlock::Asked before = block.asked[feature];
  const Quadrature& quadrature = *block.quadrature;
  const std::size_t points = quadrature.points.size(), step = points * kBlockRows;
  const double* const products = block.products + level * step;
  double* const sums = block.sums + level * step;
  double* const factors = block.factors + level * 4 * points;
  std::int64_t* const holds = block.holds + level * kBlockRows;
  double* const contributions = block.contributions + std::size_t{feature} * kBlockRows;
  const std::uint8_t* const bins = block.bins + std::size_t{column} * kBlockRows;
  for (const bool is_yes : {true, false}) {
    const std::uint32_t child = split.child + (is_yes ? 0 : 1);
    const double share = layout.shares[child],
                 other = layout.shares[split.child + (is_yes ? 1 : 0)],
                 held_share = before.share * share;
    for (std::size_t r = 0; r < block.rows; ++r)
      holds[r] = before.holds[r] & -static_cast<std::int64_t>((bins[r] <= last) == is_yes);
    for (std::size_t p = 0; p < points; ++p) {
      const double point = quadrature.points[p], left = 1 - point;
      const double old = 1 / (left * before.share + point), now = left * held_share + point;
      factors[4 * p] = now * old;
      factors[4 * p + 1] = left * held_share * old;
      factors[4 * p + 2] = before.share * other * old / now;
      factors[4 * p + 3] = -old / left;
    }
    const Edge edge = {.held = before.holds, .holds = holds, .share = share, .factors = factors};
    const WalkNode& below = layout.nodes[child];
    if (below.child == child) {
      const std::uint32_t leaf = below.column_and_last >> 8;
      explain_leaf(
          block, edge,
          block.doubles != nullptr ? block.doubles[leaf] : static_cast<double>(block.floats[leaf]),
          is_yes, products, sums, contributions);
      continue;
    }
    go_down(block, edge, products, block.products + (level + 1) * step);
    block.asked[feature] = {.share = held_share, .holds = holds};
    explain_split(layout, block, child, level + 1);
    block.asked[feature] = before;
    come_up(block, edge, is_yes, block.sums + (level + 1) * step, sums, contributions);
  }
}

TREES_SET void explain(const Layout& layout, const TreeLayout& tree, ExplainedBlock& block) {
  if (tree.depth == 0) return;
  const Quadrature& quadrature = *block.quadrature;
  for (std::size_t p = 0; p < quadrature.points.size(); ++p) {
    double* const products = block.products + p * kBlockRows;
    std::fill(products, products + block.rows, quadrature.weights[p]);
  }
  explain_split(layout, block, tree.root, 0);
}

}  // namespace
}  // namespace slipway::serving::trees
