// Gradient-boosted trees over histograms: the learner where something has to be learned from a
// table on the side, such as what tells two data sets apart. Deterministic: no draws.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace slipway::types {

// One feature of a table, a value a row. NaN is missing. Categories are codes: 0, 1, 2, ...
struct FeatureValues {
  std::vector<double> values;
  bool categorical = false;
};

// A table whose features are cut into at most 255 bins each, so that trees only count. Immutable.
class BinnedTable {
 public:
  // A bin per value where there are few, else bins of about as many rows. Of categories that are
  // more than the bins, the rarest share one.
  static BinnedTable of(const std::vector<FeatureValues>& features);
  // Other rows of the same features, cut at the same places.
  BinnedTable cut(const std::vector<FeatureValues>& features) const;

  std::size_t rows() const { return rows_; }
  std::size_t features() const { return features_.size(); }

 private:
  friend class BoostedTrees;
  static constexpr std::uint8_t kMissing = 0;
  struct Feature {
    bool categorical = false;
    std::vector<double> cuts;               // numbers: a bin is up to and with its cut
    std::vector<std::uint8_t> bin_of_code;  // categories
    std::size_t bins = 1;                   // with that of missing values, which is the first
    std::vector<std::uint8_t> bin;          // of each row
    void fill(const FeatureValues& from);
  };
  std::size_t rows_ = 0;
  std::vector<Feature> features_;
};

// Grown leaf by leaf, the best split first. The defaults are LightGBM's. Immutable.
class BoostedTrees {
 public:
  enum class Loss {
    kSquared,   // predicts the target's mean
    kLogistic,  // targets are 0 and 1: predicts the chance of 1
  };
  struct Options {
    Loss loss = Loss::kSquared;
    int trees = 100, leaves = 31;
    double learning_rate = 0.1;
    std::size_t leaf_rows_min = 20;
    double leaf_hessian_min = 1e-3;
  };

  // Learns from these rows of the table, at least one. `targets` has one of each row of the table.
  static BoostedTrees fit(const BinnedTable& table, std::span<const std::uint32_t> rows,
                          std::span<const double> targets, const Options& options);

  // Of a row of the table that was learned from, or of one cut as that was.
  double predict(const BinnedTable& table, std::size_t row) const;

  // By how much the splits by each feature lowered the loss: shares of the whole, 0 if nothing did.
  std::vector<double> importance() const;

 private:
  struct Node {
    std::int32_t feature = -1;  // -1: a leaf
    std::bitset<256> left_bins;
    std::int32_t left = 0, right = 0;
    double value = 0;
  };
  class Grower;

  Options options_;
  double start_ = 0;
  std::vector<std::vector<Node>> trees_;
  std::vector<double> gains_;
};

}  // namespace slipway::types
