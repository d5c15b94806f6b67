#include "types/boosted_trees.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace slipway::types {
namespace {

constexpr std::size_t kBinsMax = 255;  // beside that of missing values
// LightGBM's for categories: shares are drawn to the mean, leaves to 0, and a side has few.
constexpr double kCategorySmooth = 10, kCategoryRidge = 10;
constexpr std::size_t kCategoriesOfSide = 32;

// Cuts between different values, about equal numbers of rows apart.
std::vector<double> cuts_of(const std::vector<double>& values) {
  std::vector<double> sorted;
  for (const double value : values) {
    if (!std::isnan(value)) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  std::size_t distinct = sorted.empty() ? 0 : 1;
  for (std::size_t i = 1; i < sorted.size(); ++i) distinct += sorted[i] != sorted[i - 1];
  const double per_bin =
      distinct <= kBinsMax ? 0 : static_cast<double>(sorted.size()) / static_cast<double>(kBinsMax);
  std::vector<double> cuts;
  std::size_t from = 0;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i] == sorted[i - 1] || static_cast<double>(i - from) < per_bin) continue;
    if (cuts.size() + 1 == kBinsMax) break;
    // A cut belongs to the lower side, wherever rounding puts the middle.
    const double middle = sorted[i - 1] / 2 + sorted[i] / 2;
    cuts.push_back(middle < sorted[i] && middle >= sorted[i - 1] ? middle : sorted[i - 1]);
    from = i;
  }
  return cuts;
}

// A bin per code; the rarest codes share the last when there are too many.
std::vector<std::uint8_t> bins_of_codes(const std::vector<double>& values) {
  std::vector<std::size_t> counts;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    const auto code = static_cast<std::size_t>(value);
    if (code >= counts.size()) counts.resize(code + 1, 0);
    ++counts[code];
  }
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  std::vector<std::uint8_t> bins(counts.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    bins[order[i]] = static_cast<std::uint8_t>(std::min(i + 1, kBinsMax));
  }
  return bins;
}

}  // namespace

void BinnedTable::Feature::fill(const FeatureValues& from) {
  bin.resize(from.values.size());
  for (std::size_t row = 0; row < bin.size(); ++row) {
    const double value = from.values[row];
    if (std::isnan(value)) {
      bin[row] = kMissing;
    } else if (categorical) {
      const auto code = static_cast<std::size_t>(value);
      bin[row] = code < bin_of_code.size() ? bin_of_code[code] : kMissing;
    } else {
      const auto cut = std::lower_bound(cuts.begin(), cuts.end(), value);
      bin[row] = static_cast<std::uint8_t>(1 + (cut - cuts.begin()));
    }
  }
}

BinnedTable BinnedTable::of(const std::vector<FeatureValues>& features) {
  BinnedTable table;
  for (const FeatureValues& given : features) {
    Feature feature{.categorical = given.categorical};
    if (given.categorical) {
      feature.bin_of_code = bins_of_codes(given.values);
      feature.bins = 1 + std::min(feature.bin_of_code.size(), kBinsMax);
    } else {
      feature.cuts = cuts_of(given.values);
      feature.bins = 2 + feature.cuts.size();
    }
    feature.fill(given);
    table.rows_ = given.values.size();
    table.features_.push_back(std::move(feature));
  }
  return table;
}

BinnedTable BinnedTable::cut(const std::vector<FeatureValues>& features) const {
  CHECK(features.size() == features_.size());
  BinnedTable table;
  for (std::size_t i = 0; i < features.size(); ++i) {
    Feature feature{.categorical = features_[i].categorical,
                    .cuts = features_[i].cuts,
                    .bin_of_code = features_[i].bin_of_code,
                    .bins = features_[i].bins};
    feature.fill(features[i]);
    table.rows_ = features[i].values.size();
    table.features_.push_back(std::move(feature));
  }
  return table;
}

// Grows one tree after the other over the same rows.
class BoostedTrees::Grower {
 public:
  Grower(const BinnedTable& table, std::span<const std::uint32_t> rows, const Options& options)
      : table_(table), options_(options), rows_(rows.begin(), rows.end()), spare_(rows.size()) {
    offsets_.push_back(0);
    for (const auto& feature : table.features_) offsets_.push_back(offsets_.back() + feature.bins);
    gains_.assign(table.features(), 0.0);
  }

  // `slopes` and `bends` are the first and second derivatives of the loss, one of each row of the
  // table; `add(row, value)` is told what the tree says of each row it was grown from.
  template <typename Add>
  std::vector<Node> grow(std::span<const double> slopes, std::span<const double> bends, Add&& add) {
    slopes_ = slopes;
    bends_ = bends;
    std::vector<Node> nodes(1);
    std::vector<Leaf> leaves(1);
    leaves[0] = {.node = 0, .from = 0, .to = rows_.size()};
    leaves[0].cells = count(0, rows_.size());
    look(leaves[0]);
    while (leaves.size() < static_cast<std::size_t>(options_.leaves)) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < leaves.size(); ++i) {
        if (leaves[i].best.gain > leaves[best].best.gain) best = i;
      }
      if (leaves[best].best.gain <= 0) break;
      leaves.push_back(split(leaves[best], nodes));
    }
    for (const Leaf& leaf : leaves) {
      double slope = 0, bend = 0;
      for (std::size_t i = leaf.from; i < leaf.to; ++i) {
        slope += slopes_[rows_[i]];
        bend += bends_[rows_[i]];
      }
      const double value = -slope / (bend + leaf.ridge) * options_.learning_rate;
      nodes[static_cast<std::size_t>(leaf.node)].value = value;
      for (std::size_t i = leaf.from; i < leaf.to; ++i) add(rows_[i], value);
    }
    return nodes;
  }

  std::vector<double> gains() && { return std::move(gains_); }

 private:
  struct Cell {
    double slope = 0, bend = 0;
    std::size_t rows = 0;
    void operator+=(const Cell& other) {
      slope += other.slope;
      bend += other.bend;
      rows += other.rows;
    }
    Cell operator-(const Cell& other) const {
      return {slope - other.slope, bend - other.bend, rows - other.rows};
    }
    double worth(double ridge) const { return slope * slope / (bend + ridge); }
  };
  struct Split {
    double gain = 0;
    std::int32_t feature = -1;
    std::bitset<256> left_bins;
    double ridge = 0;
  };
  struct Leaf {
    std::int32_t node = 0;
    std::size_t from = 0, to = 0;  // of rows_
    std::vector<Cell> cells;       // of all bins of all features
    Split best;
    double ridge = 0;
  };

  std::vector<Cell> count(std::size_t from, std::size_t to) const {
    std::vector<Cell> cells(offsets_.back());
    for (std::size_t f = 0; f < table_.features(); ++f) {
      const std::vector<std::uint8_t>& bin = table_.features_[f].bin;
      Cell* at = &cells[offsets_[f]];
      for (std::size_t i = from; i < to; ++i) {
        const std::uint32_t row = rows_[i];
        Cell& cell = at[bin[row]];
        cell.slope += slopes_[row];
        cell.bend += bends_[row];
        ++cell.rows;
      }
    }
    return cells;
  }

  bool may_be_leaf(const Cell& side) const {
    return side.rows >= options_.leaf_rows_min && side.bend >= options_.leaf_hessian_min;
  }

  // Finds the leaf's best split.
  void look(Leaf& leaf) const {
    leaf.best = {};
    for (std::size_t f = 0; f < table_.features(); ++f) {
      const std::size_t bins = table_.features_[f].bins;
      const std::span<const Cell> cells(&leaf.cells[offsets_[f]], bins);
      Cell all;
      for (const Cell& cell : cells) all += cell;
      std::vector<std::size_t> order;
      if (table_.features_[f].categorical) {
        for (std::size_t bin = 0; bin < bins; ++bin) {
          if (cells[bin].rows > 0) order.push_back(bin);
        }
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
          return cells[a].slope / (cells[a].bend + kCategorySmooth) <
                 cells[b].slope / (cells[b].bend + kCategorySmooth);
        });
        scan(f, cells, all, order, kCategoryRidge, kCategoriesOfSide, leaf.best);
        std::reverse(order.begin(), order.end());
        scan(f, cells, all, order, kCategoryRidge, kCategoriesOfSide, leaf.best);
      } else {
        // Missing values go with the small ones, or with the large ones.
        order.resize(bins);
        std::iota(order.begin(), order.end(), std::size_t{0});
        scan(f, cells, all, order, 0, bins, leaf.best);
        if (cells[BinnedTable::kMissing].rows == 0) continue;
        order.erase(order.begin());
        scan(f, cells, all, order, 0, bins, leaf.best);
      }
    }
  }

  // The best of the splits that have the first bins of `order` on the left.
  void scan(std::size_t feature, std::span<const Cell> cells, const Cell& all,
            const std::vector<std::size_t>& order, double ridge, std::size_t bins_max,
            Split& best) const {
    Cell left;
    double best_gain = best.gain;
    std::size_t best_bins = 0;
    for (std::size_t i = 0; i < std::min(order.size(), bins_max); ++i) {
      left += cells[order[i]];
      const Cell right = all - left;
      if (!may_be_leaf(right)) break;
      if (!may_be_leaf(left)) continue;
      const double gain = left.worth(ridge) + right.worth(ridge) - all.worth(ridge);
      if (gain <= best_gain) continue;
      best_gain = gain;
      best_bins = i + 1;
    }
    if (best_bins == 0) return;
    best = {.gain = best_gain,
            .feature = static_cast<std::int32_t>(feature),
            .left_bins = {},
            .ridge = ridge};
    for (std::size_t i = 0; i < best_bins; ++i) best.left_bins.set(order[i]);
  }

  // `leaf` becomes its own left side; returns the right one.
  Leaf split(Leaf& leaf, std::vector<Node>& nodes) {
    const Split by = leaf.best;
    gains_[static_cast<std::size_t>(by.feature)] += by.gain;
    const std::vector<std::uint8_t>& bin =
        table_.features_[static_cast<std::size_t>(by.feature)].bin;
    std::size_t kept = leaf.from, moved = 0;
    for (std::size_t i = leaf.from; i < leaf.to; ++i) {
      if (by.left_bins.test(bin[rows_[i]])) {
        rows_[kept++] = rows_[i];
      } else {
        spare_[moved++] = rows_[i];
      }
    }
    std::copy_n(spare_.begin(), moved, rows_.begin() + static_cast<std::ptrdiff_t>(kept));
    const auto left = static_cast<std::int32_t>(nodes.size());
    nodes.resize(nodes.size() + 2);
    nodes[static_cast<std::size_t>(leaf.node)] = {
        .feature = by.feature, .left_bins = by.left_bins, .left = left, .right = left + 1};
    Leaf other{.node = left + 1, .from = kept, .to = leaf.to, .ridge = by.ridge};
    leaf.node = left;
    leaf.to = kept;
    leaf.ridge = by.ridge;
    // The fewer rows are counted, the others follow.
    const bool left_is_smaller = leaf.to - leaf.from <= other.to - other.from;
    Leaf& smaller = left_is_smaller ? leaf : other;
    Leaf& larger = left_is_smaller ? other : leaf;
    std::vector<Cell> whole = std::move(leaf.cells);
    smaller.cells = count(smaller.from, smaller.to);
    for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = whole[i] - smaller.cells[i];
    larger.cells = std::move(whole);
    look(leaf);
    look(other);
    return other;
  }

  const BinnedTable& table_;
  const Options& options_;
  std::vector<std::uint32_t> rows_, spare_;
  std::vector<std::size_t> offsets_;
  std::span<const double> slopes_, bends_;
  std::vector<double> gains_;
};

BoostedTrees BoostedTrees::fit(const BinnedTable& table, std::span<const std::uint32_t> rows,
                               std::span<const double> targets, const Options& options) {
  CHECK(!rows.empty() && targets.size() == table.rows());
  BoostedTrees model;
  model.options_ = options;
  const bool logistic = options.loss == Loss::kLogistic;
  double mean = 0;
  for (const std::uint32_t row : rows) mean += targets[row];
  mean /= static_cast<double>(rows.size());
  constexpr double kEdge = 1e-15;
  const double chance = std::clamp(mean, kEdge, 1 - kEdge);
  model.start_ = logistic ? std::log(chance / (1 - chance)) : mean;

  std::vector<double> said(table.rows(), model.start_), slopes(table.rows()),
      bends(table.rows(), 1);
  Grower grower(table, rows, options);
  for (int i = 0; i < options.trees; ++i) {
    for (const std::uint32_t row : rows) {
      const double answer = logistic ? 1 / (1 + std::exp(-said[row])) : said[row];
      slopes[row] = answer - targets[row];
      if (logistic) bends[row] = answer * (1 - answer);
    }
    std::vector<Node> tree =
        grower.grow(slopes, bends, [&](std::uint32_t row, double value) { said[row] += value; });
    if (tree.size() == 1) break;  // nothing left to learn
    model.trees_.push_back(std::move(tree));
  }
  model.gains_ = std::move(grower).gains();
  return model;
}

double BoostedTrees::predict(const BinnedTable& table, std::size_t row) const {
  double sum = start_;
  for (const std::vector<Node>& tree : trees_) {
    const Node* node = &tree.front();
    while (node->feature >= 0) {
      const auto& feature = table.features_[static_cast<std::size_t>(node->feature)];
      node = &tree[static_cast<std::size_t>(node->left_bins.test(feature.bin[row]) ? node->left
                                                                                   : node->right)];
    }
    sum += node->value;
  }
  return options_.loss == Loss::kLogistic ? 1 / (1 + std::exp(-sum)) : sum;
}

std::vector<double> BoostedTrees::importance() const {
  std::vector<double> shares = gains_;
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share = all > 0 ? share / all : 0;
  return shares;
}

}  // namespace slipway::types
