#include "pipelines/search/tpe.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace slipway::pipelines {
namespace {

constexpr std::size_t kStartupTrials = 10;
constexpr std::size_t kCandidates = 24;
constexpr std::size_t kGoodMax = 25;
constexpr std::size_t kFullWeights = 25;  // of the newest
constexpr double kClip = 100;

double normal_below(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

// Exact where both are far out on the same side.
double normal_between(double from, double to) {
  return from > 0 ? normal_below(-from) - normal_below(-to) : normal_below(to) - normal_below(from);
}

// Of observations, oldest first, and the prior behind them; they sum to 1.
std::vector<double> weights_of(std::size_t observations) {
  std::vector<double> weights(observations + 1, 1.0);
  if (observations > kFullWeights) {
    const std::size_t older = observations - kFullWeights;
    const double least = 1 / static_cast<double>(observations);
    for (std::size_t i = 0; i < older; ++i) {
      const double along = older == 1 ? 0 : static_cast<double>(i) / static_cast<double>(older - 1);
      weights[i] = least + (1 - least) * along;
    }
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::size_t pick(const std::vector<double>& weights, base::Random& random) {
  double left = random.uniform();
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return weights.size() - 1;
}

// One dimension of the kernels: of observations, oldest first, and, behind them, of the prior.
class Column {
 public:
  Column(const Dimension& dimension, std::vector<double> observations)
      : dimension_(dimension), observations_(std::move(observations)) {
    if (dimension.kind != Dimension::Kind::kChoice) place_normals();
  }

  double draw(std::size_t kernel, base::Random& random) const {
    if (dimension_.kind == Dimension::Kind::kChoice) return draw_choice(kernel, random);
    const Normal& normal = normals_[kernel];
    // Its mean is inside, and its deviation no more than the range: a third of them hit at least.
    double value = 0;
    do {
      value = normal.mean + normal.deviation * random.normal();
    } while (value < low_ || value > high_);
    return dimension_.nearest(dimension_.log ? std::exp(value) : value);
  }

  // Adds to the logarithm of each kernel's density at `value`.
  void add_log_densities(double value, std::vector<double>& logs) const {
    if (dimension_.kind == Dimension::Kind::kChoice) {
      for (std::size_t i = 0; i < logs.size(); ++i) logs[i] += std::log(choice_at(i, value));
      return;
    }
    const double half = dimension_.step / 2;
    const double from = scaled(value - half), to = scaled(value + half);
    for (std::size_t i = 0; i < logs.size(); ++i) {
      const Normal& normal = normals_[i];
      const double z = (from - normal.mean) / normal.deviation;
      logs[i] +=
          half > 0 ? std::log(normal_between(z, (to - normal.mean) / normal.deviation)) -
                         normal.log_inside
                   : -z * z / 2 - std::log(normal.deviation) - kLogRootOfTwoPi - normal.log_inside;
    }
  }

 private:
  static constexpr double kLogRootOfTwoPi = 0.91893853320467274;
  struct Normal {
    double mean = 0, deviation = 1;
    double log_inside = 0;  // how much of it is between the bounds
  };

  double scaled(double value) const { return dimension_.log ? std::log(value) : value; }

  // The prior's probabilities are equal; an observation's are (1/n, and 1 more for what it was)
  // made to sum to 1.
  double choice_at(std::size_t kernel, double value) const {
    const auto choices = static_cast<double>(dimension_.choices.size());
    if (kernel == observations_.size()) return 1 / choices;
    const double share = 1 / static_cast<double>(observations_.size() + 1);
    return (share + (observations_[kernel] == value ? 1 : 0)) / (choices * share + 1);
  }
  double draw_choice(std::size_t kernel, base::Random& random) const {
    std::vector<double> probabilities;
    for (std::size_t i = 0; i < dimension_.choices.size(); ++i)
      probabilities.push_back(choice_at(kernel, static_cast<double>(i)));
    return static_cast<double>(pick(probabilities, random));
  }

  void place_normals() {
    const double half = dimension_.step / 2;
    low_ = scaled(dimension_.low - half);
    high_ = scaled(dimension_.nearest(dimension_.high) + half);
    std::vector<double> means;
    for (const double value : observations_) means.push_back(scaled(value));
    const std::vector<double> deviations = deviations_of(means);
    for (std::size_t i = 0; i < means.size(); ++i)
      normals_.push_back({.mean = means[i], .deviation = deviations[i]});
    normals_.push_back({.mean = (low_ + high_) / 2, .deviation = high_ - low_});  // the prior
    for (Normal& normal : normals_) {
      normal.log_inside = std::log(normal_between((low_ - normal.mean) / normal.deviation,
                                                  (high_ - normal.mean) / normal.deviation));
    }
  }

  std::vector<double> deviations_of(const std::vector<double>& means) const {
    const double range = high_ - low_;
    const std::size_t count = means.size();
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return means[a] < means[b]; });
    const double least = range / std::min(kClip, 2.0 + static_cast<double>(count));
    std::vector<double> deviations(count);
    for (std::size_t at = 0; at < count; ++at) {
      const double mean = means[order[at]];
      const double below = mean - (at == 0 ? low_ : means[order[at - 1]]);
      const double above = (at + 1 == count ? high_ : means[order[at + 1]]) - mean;
      double deviation = std::max(below, above);
      if (count >= 2 && at == 0) deviation = above;
      if (count >= 2 && at + 1 == count) deviation = below;
      deviations[order[at]] = std::clamp(deviation, least, range);
    }
    return deviations;
  }

  const Dimension& dimension_;
  const std::vector<double> observations_;
  double low_ = 0, high_ = 1;  // as scaled
  std::vector<Normal> normals_;
};

// A mixture of kernels, each a product over the dimensions.
class Density {
 public:
  Density(std::span<const Dimension> dimensions, const std::vector<std::span<const double>>& points)
      : weights_(weights_of(points.size())) {
    for (const double weight : weights_) log_weights_.push_back(std::log(weight));
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      std::vector<double> observations;
      for (const auto& point : points) observations.push_back(point[d]);
      columns_.emplace_back(dimensions[d], std::move(observations));
    }
  }

  Point draw(base::Random& random) const {
    const std::size_t kernel = pick(weights_, random);
    Point point;
    for (const Column& column : columns_) point.push_back(column.draw(kernel, random));
    return point;
  }

  double log_density(const Point& point) const {
    std::vector<double> logs = log_weights_;
    for (std::size_t d = 0; d < columns_.size(); ++d) columns_[d].add_log_densities(point[d], logs);
    const double most = *std::max_element(logs.begin(), logs.end());
    double sum = 0;
    for (const double log : logs) sum += std::exp(log - most);
    return most + std::log(sum);
  }

 private:
  const std::vector<double> weights_;
  std::vector<double> log_weights_;
  std::vector<Column> columns_;
};

Point best_candidate(const Density& good, const Density& bad, base::Random& random) {
  Point best;
  double best_gain = 0;
  for (std::size_t i = 0; i < kCandidates; ++i) {
    Point candidate = good.draw(random);
    const double gain = good.log_density(candidate) - bad.log_density(candidate);
    if (i > 0 && !(gain > best_gain)) continue;
    best = std::move(candidate);
    best_gain = gain;
  }
  return best;
}

// Positions of the trials with a value, best first.
std::vector<std::size_t> ranked(bool maximizes, std::span<const Trial> trials) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state == Trial::State::kComplete || trials[i].state == Trial::State::kStopped)
      order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Trial &one = trials[a], &other = trials[b];
    if (one.state != other.state) return one.state == Trial::State::kComplete;
    if (one.state == Trial::State::kStopped && one.step != other.step) return one.step > other.step;
    if (std::isnan(one.value) || std::isnan(other.value))
      return !std::isnan(one.value) && std::isnan(other.value);
    return maximizes ? one.value > other.value : one.value < other.value;
  });
  return order;
}

}  // namespace

Point tpe_point(const Space& space, bool maximizes, std::span<const Trial> trials,
                base::Random& random) {
  Point point;
  const std::vector<std::size_t> order = ranked(maximizes, trials);
  if (order.size() < kStartupTrials) {
    for (const Dimension& dimension : space) point.push_back(random_value(dimension, random));
    return point;
  }
  const std::size_t count = std::min((order.size() + 9) / 10, kGoodMax);
  std::vector<bool> is_good(trials.size(), false);
  for (std::size_t i = 0; i < count; ++i) is_good[order[i]] = true;
  std::vector<std::span<const double>> good, bad;  // oldest first
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state != Trial::State::kLost)
      (is_good[i] ? good : bad).push_back(trials[i].point);
  }
  return best_candidate(Density(space, good), Density(space, bad), random);
}

}  // namespace slipway::pipelines
