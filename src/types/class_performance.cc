#include "types/class_performance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "types/performance.h"

namespace slipway::types {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kRatios[] = {"precision_macro",    "recall_macro",    "f1_macro",
                                   "precision_weighted", "recall_weighted", "f1_weighted"};

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

Values ratios(const ClassRows& rows, std::span<const std::size_t> picked) {
  struct Counts {
    double label = 0, said = 0, both = 0;
  };
  std::vector<Counts> counts(rows.classes);
  for (const std::size_t row : picked) {
    counts[rows.labels[row]].label += 1;
    counts[rows.said[row]].said += 1;
    if (rows.labels[row] == rows.said[row]) counts[rows.labels[row]].both += 1;
  }
  Values values;
  for (const char* name : kRatios) values[name] = 0;
  double present = 0;
  for (const Counts& of : counts) present += of.label + of.said > 0 ? 1 : 0;
  for (const Counts& of : counts) {
    if (of.label + of.said == 0) continue;
    const double weight = of.label / static_cast<double>(picked.size());
    const auto add = [&](const char* macro, const char* weighted, double value) {
      values[macro] += value / present;
      values[weighted] += value * weight;
    };
    add("precision_macro", "precision_weighted", ratio(of.both, of.said));
    add("recall_macro", "recall_weighted", ratio(of.both, of.label));
    add("f1_macro", "f1_weighted", ratio(2 * of.both, of.label + of.said));
  }
  return values;
}

Measured roc_auc_ovr(const ClassRows& rows) {
  const std::size_t n = rows.labels.size();
  std::vector<double> scores(n), labels(n), influence(n, 0.0);
  double sum = 0;
  for (std::size_t of = 0; of < rows.classes; ++of) {
    for (std::size_t row = 0; row < n; ++row) {
      scores[row] = rows.chances[row * rows.classes + of];
      labels[row] = rows.labels[row] == of ? 1 : 0;
    }
    const AucInfluence one = auc_influence(scores, labels);
    if (std::isnan(one.auc)) return not_measured();
    sum += one.auc;
    for (std::size_t row = 0; row < n; ++row) influence[row] += one.rows[row];
  }
  const auto classes = static_cast<double>(rows.classes);
  const double squares =
      std::inner_product(influence.begin(), influence.end(), influence.begin(), 0.0);
  return with_error(sum / classes, std::sqrt(squares) / static_cast<double>(n) / classes, 0, 1);
}

}  // namespace

Measures measure_classes(const ClassRows& rows) {
  const std::size_t n = rows.labels.size();
  CHECK(rows.said.size() == n);
  CHECK(rows.chances.empty() || rows.chances.size() == n * rows.classes);
  Measures measures;
  for (const char* name : kRatios) measures[name] = not_measured();
  measures["accuracy"] = measures["log_loss"] = measures["roc_auc_ovr"] = not_measured();
  if (n == 0) return measures;
  double right = 0;
  std::vector<std::size_t> all(n);
  for (std::size_t row = 0; row < n; ++row) {
    all[row] = row;
    right += rows.labels[row] == rows.said[row] ? 1 : 0;
  }
  measures["accuracy"] = share_of(right, static_cast<double>(n), kNone);
  const Values scatter = bootstrap_errors(
      n, [&](std::span<const std::size_t> picked) { return ratios(rows, picked); });
  for (const auto& [name, value] : ratios(rows, all)) {
    const auto found = scatter.find(name);
    measures[name] = with_error(value, found == scatter.end() ? kNone : found->second, 0, 1);
  }
  if (rows.chances.empty()) return measures;
  std::vector<double> losses(n);
  for (std::size_t row = 0; row < n; ++row)
    losses[row] = log_loss(rows.chances[row * rows.classes + rows.labels[row]], 1);
  measures["log_loss"] = mean_of(losses, 0);
  measures["roc_auc_ovr"] = roc_auc_ovr(rows);
  return measures;
}

std::vector<std::vector<std::int64_t>> confusion_of(const ClassRows& rows) {
  std::vector<std::vector<std::int64_t>> counts(rows.classes,
                                                std::vector<std::int64_t>(rows.classes, 0));
  for (std::size_t row = 0; row < rows.labels.size(); ++row)
    ++counts[rows.labels[row]][rows.said[row]];
  return counts;
}

}  // namespace slipway::types
