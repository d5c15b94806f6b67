#include "monitor/estimate/expected_performance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) { return whole != 0 ? part / whole : 0; }

// Expected counts.
struct Confusion {
  double tp = 0, fp = 0, fn = 0, tn = 0;
};

Confusion confusion(std::span<const double> scores, std::span<const double> chances,
                    double threshold) {
  Confusion counts;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool says_one = scores[i] >= threshold;
    (says_one ? counts.tp : counts.fn) += chances[i];
    (says_one ? counts.fp : counts.tn) += 1 - chances[i];
  }
  return counts;
}

// Areas under the two curves, walked from the highest score down.
struct Areas {
  double roc = kNone, precision_recall = kNone;
};

Areas areas(std::span<const double> scores, std::span<const double> chances) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  double ones = 0, zeros = 0, roc = 0, steps = 0;
  for (std::size_t from = 0; from < order.size();) {
    double more_ones = 0, more_zeros = 0;
    std::size_t to = from;
    for (; to < order.size() && scores[order[to]] == scores[order[from]]; ++to) {
      more_ones += chances[order[to]];
      more_zeros += 1 - chances[order[to]];
    }
    roc += more_zeros * (ones + more_ones / 2);
    ones += more_ones;
    zeros += more_zeros;
    steps += more_ones * ones / static_cast<double>(to);
    from = to;
  }
  return {.roc = ones > 0 && zeros > 0 ? roc / (ones * zeros) : kNone,
          .precision_recall = ones > 0 ? steps / ones : kNone};
}

double expected_log_loss(double score, double chance) { return types::log_loss(score, chance); }

double expected_brier(double score, double chance) {
  return chance * (1 - score) * (1 - score) + (1 - chance) * score * score;
}

template <typename Of>
double mean_of(std::span<const double> scores, std::span<const double> chances, Of&& of) {
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) sum += of(scores[i], chances[i]);
  return sum / static_cast<double>(scores.size());
}

double deviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / n);
}

// Of `ones` values of `size` and `zeros` values of 0, in `rows` rows.
Scatter two_values(double ones, double zeros, double size, double rows) {
  const double n = ones + zeros, mean = ones * size / n;
  return {.deviation = std::sqrt((ones * (size - mean) * (size - mean) + zeros * mean * mean) / n),
          .fraction = n / rows};
}

// How the share of zeros below a one varies from one to one (Mann-Whitney); the rarer kind of label
// is the one.
Scatter auc_scatter(std::span<const double> scores, std::span<const double> labels) {
  const double positives = std::accumulate(labels.begin(), labels.end(), 0.0);
  const auto n = static_cast<double>(labels.size());
  const bool flipped = positives > n / 2;
  std::vector<double> zeros;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if ((labels[i] > 0.5) == flipped) zeros.push_back(flipped ? -scores[i] : scores[i]);
  }
  std::sort(zeros.begin(), zeros.end());
  std::vector<double> shares;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if ((labels[i] > 0.5) == flipped) continue;
    const double score = flipped ? -scores[i] : scores[i];
    const auto [low, high] = std::equal_range(zeros.begin(), zeros.end(), score);
    const auto below = static_cast<double>(low - zeros.begin());
    const auto tied = static_cast<double>(high - low);
    shares.push_back((below + tied / 2) / static_cast<double>(zeros.size()));
  }
  return {.deviation = deviation(shares), .fraction = static_cast<double>(shares.size()) / n};
}

}  // namespace

const std::vector<std::string>& estimated_names() {
  static const std::vector<std::string> names = {
      "auc", "average_precision", "accuracy", "precision", "recall", "specificity",
      "f1",  "log_loss",          "brier",    "late_rate"};
  return names;
}

std::map<std::string, double> expected_performance(std::span<const double> scores,
                                                   std::span<const double> chances,
                                                   double threshold) {
  CHECK(scores.size() == chances.size());
  std::map<std::string, double> values;
  if (scores.empty()) {
    for (const std::string& name : estimated_names()) values[name] = kNone;
    return values;
  }
  const auto n = static_cast<double>(scores.size());
  const Areas under = areas(scores, chances);
  const Confusion counts = confusion(scores, chances, threshold);
  values["auc"] = under.roc;
  values["average_precision"] = under.precision_recall;
  values["accuracy"] = (counts.tp + counts.tn) / n;
  values["precision"] = ratio(counts.tp, counts.tp + counts.fp);
  values["recall"] = ratio(counts.tp, counts.tp + counts.fn);
  values["specificity"] = ratio(counts.tn, counts.tn + counts.fp);
  values["f1"] = ratio(counts.tp, counts.tp + (counts.fp + counts.fn) / 2);
  values["log_loss"] = mean_of(scores, chances, expected_log_loss);
  values["brier"] = mean_of(scores, chances, expected_brier);
  values["late_rate"] = mean_of(scores, chances, [](double, double chance) { return chance; });
  return values;
}

double Scatter::of(double rows) const { return deviation / std::sqrt(rows * fraction); }

std::map<std::string, Scatter> measure_scatter(std::span<const double> scores,
                                               std::span<const double> labels, double threshold) {
  CHECK(scores.size() == labels.size() && !scores.empty());
  const auto n = static_cast<double>(scores.size());
  const Confusion counts = confusion(scores, labels, threshold);
  const auto of_rows = [&](auto&& of) {
    std::vector<double> values;
    for (std::size_t i = 0; i < scores.size(); ++i) values.push_back(of(scores[i], labels[i]));
    return Scatter{.deviation = deviation(values), .fraction = 1};
  };
  const double wrong = counts.fp + counts.fn;
  std::map<std::string, Scatter> scatter;
  scatter["auc"] = auc_scatter(scores, labels);
  scatter["accuracy"] = two_values(counts.tp + counts.tn, wrong, 1, n);
  scatter["precision"] = two_values(counts.tp, counts.fp, 1, n);
  scatter["recall"] = two_values(counts.tp, counts.fn, 1, n);
  scatter["specificity"] = two_values(counts.tn, counts.fp, 1, n);
  scatter["f1"] = two_values(counts.tp, wrong, (counts.tp + wrong) / (counts.tp + wrong / 2), n);
  scatter["log_loss"] = of_rows(expected_log_loss);
  scatter["brier"] = of_rows(expected_brier);
  scatter["late_rate"] = of_rows([](double, double label) { return label; });
  return scatter;
}

}  // namespace slipway::monitor
