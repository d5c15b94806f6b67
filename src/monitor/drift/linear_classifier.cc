#include "monitor/drift/linear_classifier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "monitor/drift/numpy_draws.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kTolerance = 0.001, kSlopeMax = 1e12, kScaleMin = 1e-9;
constexpr int kPatience = 5;
constexpr std::int64_t kSeeds = std::numeric_limits<std::int32_t>::max();

// Labels are 0 and 1 for kLog, -1 and 1 for kModifiedHuber.
double loss_of(LinearClassifier::Loss loss, double label, double said) {
  if (loss == LinearClassifier::Loss::kLog) {
    const double soft = said <= -37    ? std::exp(said)
                        : said <= -2   ? std::log1p(std::exp(said))
                        : said <= 18   ? std::log(1 + std::exp(said))
                        : said <= 33.3 ? said + std::exp(-said)
                                       : said;
    return soft - label * said;
  }
  const double margin = said * label;
  if (margin >= 1) return 0;
  return margin >= -1 ? (1 - margin) * (1 - margin) : -4 * margin;
}

double slope_of(LinearClassifier::Loss loss, double label, double said) {
  if (loss == LinearClassifier::Loss::kLog) {
    if (said <= -37) return std::exp(said) - label;
    const double e = std::exp(-said);
    return ((1 - label) - label * e) / (1 + e);
  }
  const double margin = said * label;
  if (margin >= 1) return 0;
  return margin >= -1 ? 2 * (1 - margin) * -label : -4 * label;
}

// The same order of rows wherever the draws come from scikit-learn's xorshift.
void shuffle(std::vector<std::uint32_t>& order, std::uint32_t seed) {
  const auto n = static_cast<std::uint32_t>(order.size());
  for (std::uint32_t i = 0; i + 1 < n; ++i) {
    if (seed == 0) seed = 1;
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    std::swap(order[i], order[i + (seed % 0x80000000u) % (n - i)]);
  }
}

// Weights times a scale, and the norms of the ones that were changed last: what the learner's
// objective looks at.
struct ScaledWeights {
  std::vector<double> values;
  double scale = 1, squares = 0, lengths = 0;

  explicit ScaledWeights(std::size_t features) : values(features, 0.0) {}

  double dot(const SparseRow& row) const {
    double sum = 0;
    for (std::size_t i = 0; i < row.features.size(); ++i)
      sum += values[row.features[i]] * row.values[i];
    return sum * scale;
  }
  void add(const SparseRow& row, double step) {
    double square = 0, length = 0;
    for (std::size_t i = 0; i < row.features.size(); ++i) {
      double& value = values[row.features[i]];
      value += row.values[i] * (step / scale);
      square += value * value;
      length += std::abs(value);
    }
    squares = square * (scale * scale);
    lengths = length * scale;
  }
  void shrink(double by) {
    scale *= by;
    squares *= by * by;
    lengths *= std::abs(by);
    if (scale < kScaleMin) settle();
  }
  void settle() {
    for (double& value : values) value *= scale;
    scale = 1;
  }
};

}  // namespace

std::optional<LinearClassifier> LinearClassifier::fit(std::span<const SparseRow> rows,
                                                      const std::vector<bool>& is_positive,
                                                      std::size_t features,
                                                      const Options& options) {
  NumpyDraws draws(options.seed);
  draws.integer(1, kSeeds);  // of the data set, which never draws
  const auto seed = static_cast<std::uint32_t>(draws.integer(0, kSeeds));
  const bool sparse = options.penalty == Penalty::kL1;
  const double negative = options.loss == Loss::kLog ? 0 : -1;
  const double typical = std::sqrt(1 / std::sqrt(options.alpha));
  const double first_step = typical / std::max(1.0, slope_of(options.loss, 1, -typical));
  const double before = 1 / (first_step * options.alpha);
  ScaledWeights weights(features);
  std::vector<double> paid(sparse ? features : 0, 0.0);  // of the L1 penalty (Tsuruoka 2009)
  double owed = 0, intercept = 0, t = 1, best = std::numeric_limits<double>::infinity();
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  int idle = 0;
  for (int epoch = 0; epoch < options.epochs_max && idle < kPatience; ++epoch) {
    double objective = 0;
    shuffle(order, seed);
    for (const std::uint32_t at : order) {
      const SparseRow& row = rows[at];
      const double label = is_positive[at] ? 1 : negative;
      const double said = weights.dot(row) + intercept;
      const double step = 1 / (options.alpha * (before + t - 1));
      objective += loss_of(options.loss, label, said);
      const double norm = std::sqrt(weights.squares);
      objective += options.alpha * (sparse ? weights.lengths : 0.5 * (norm * norm));
      const double slope = std::clamp(slope_of(options.loss, label, said), -kSlopeMax, kSlopeMax);
      const double update = -step * slope;
      if (!sparse) weights.shrink(std::max(0.0, 1 - step * options.alpha));
      if (update != 0) {
        weights.add(row, update);
        intercept += update * options.intercept_decay;
      }
      if (sparse) {
        owed += step * options.alpha;
        for (const std::uint32_t feature : row.features) {
          double& value = weights.values[feature];
          const double was = value;
          if (was > 0) value = std::max(0.0, was - (owed + paid[feature]));
          if (was < 0) value = std::min(0.0, was + (owed - paid[feature]));
          paid[feature] += value - was;
        }
      }
      t += 1;
    }
    if (!std::isfinite(intercept) ||
        !std::all_of(weights.values.begin(), weights.values.end(),
                     [](double value) { return std::isfinite(value); })) {
      return std::nullopt;
    }
    objective /= static_cast<double>(rows.size());
    idle = objective > best - kTolerance ? idle + 1 : 0;
    best = std::min(best, objective);
  }
  weights.settle();
  LinearClassifier made;
  made.loss_ = options.loss;
  made.weights_ = std::move(weights.values);
  made.intercept_ = intercept;
  return made;
}

double LinearClassifier::chance(const SparseRow& row) const {
  double sum = intercept_;
  for (std::size_t i = 0; i < row.features.size(); ++i)
    sum += weights_[row.features[i]] * row.values[i];
  if (loss_ == Loss::kLog) return 1 / (1 + std::exp(-sum));
  return (std::clamp(sum, -1.0, 1.0) + 1) / 2;
}

Halves halves_of(std::size_t rows) {
  const std::vector<std::uint32_t> order =
      NumpyDraws(42).permutation(static_cast<std::uint32_t>(rows));
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>((rows + 1) / 2);
  return {.learned = {middle, order.end()}, .asked = {order.begin(), middle}};
}

double random_auc_quantile(const std::vector<double>& labels, std::span<const std::int64_t> seeds,
                           double quantile) {
  const double positives = std::accumulate(labels.begin(), labels.end(), 0.0);
  const double negatives = static_cast<double>(labels.size()) - positives;
  if (labels.size() > kDrawnRows) {
    // Mann and Whitney's statistic; the normal quantile by bisection.
    double low = -10, high = 10;
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      (std::erfc(-middle / std::sqrt(2.0)) / 2 < quantile ? low : high) = middle;
    }
    return 0.5 + low * std::sqrt((positives + negatives + 1) / (12 * positives * negatives));
  }
  std::vector<double> aucs, said(labels.size());
  for (const std::int64_t seed : seeds) {
    NumpyDraws draws(static_cast<std::uint32_t>(seed));
    for (double& chance : said) chance = draws.uniform();
    aucs.push_back(types::auc(said, labels));
  }
  std::sort(aucs.begin(), aucs.end());
  const double place = quantile * static_cast<double>(aucs.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, aucs.size() - 1);
  return aucs[below] + (aucs[above] - aucs[below]) * (place - static_cast<double>(below));
}

}  // namespace slipway::monitor
