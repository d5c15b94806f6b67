// A linear classifier, learned as scikit-learn's SGDClassifier learns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace slipway::monitor {

// A row by the features that aren't 0. What they point at must outlive it.
struct SparseRow {
  std::span<const std::uint32_t> features;
  std::span<const double> values;
};

// Rows over one list of features. A value.
class LinearClassifier {
 public:
  enum class Loss { kLog, kModifiedHuber };
  enum class Penalty { kL1, kL2 };
  struct Options {
    Loss loss = Loss::kLog;
    Penalty penalty = Penalty::kL2;
    double alpha = 0.0001;
    int epochs_max = 1000;
    double intercept_decay = 1;  // scikit-learn: 0.01 for sparse matrices
    std::uint32_t seed = 42;     // random_state
  };

  // Stochastic gradient descent with a step that shrinks, until five epochs in a row lower the
  // objective by less than 0.001 a row. Nothing when the numbers are too large for it.
  static std::optional<LinearClassifier> fit(std::span<const SparseRow> rows,
                                             const std::vector<bool>& is_positive,
                                             std::size_t features, const Options& options);

  // The chance of the positive class.
  double chance(const SparseRow& row) const;
  const std::vector<double>& weights() const { return weights_; }

 private:
  Loss loss_ = Loss::kLog;
  std::vector<double> weights_;
  double intercept_ = 0;
};

// A learner's halves: train_test_split(test_size=0.5, random_state=42, shuffle=True).
struct Halves {
  std::vector<std::uint32_t> learned, asked;
};
Halves halves_of(std::size_t rows);

// What 0..1 chances drawn at random get as an AUC on these labels, at a quantile of 100 or more
// draws: np.percentile over RandomState(seed).rand(). Above kDrawnRows labels the normal
// distribution that it is then.
double random_auc_quantile(const std::vector<double>& labels, std::span<const std::int64_t> seeds,
                           double quantile);
constexpr std::size_t kDrawnRows = 20'000;

}  // namespace slipway::monitor
