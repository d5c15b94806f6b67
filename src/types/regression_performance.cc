#include "types/regression_performance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace slipway::types {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kZ = 1.959963984540054;

// The root of a mean that is not negative, with its interval.
Measured root_of(const Measured& square) {
  if (std::isnan(square.interval.low)) return {std::sqrt(square.value), {kNone, kNone}};
  return {std::sqrt(square.value),
          {std::sqrt(std::max(0.0, square.interval.low)), std::sqrt(square.interval.high)}};
}

double r2(std::span<const double> predictions, std::span<const double> labels,
          std::span<const std::size_t> rows) {
  if (rows.size() < 2) return kNone;
  double sum = 0;
  bool are_alike = true;  // their sum may be rounded: their scatter about the mean is no zero then
  for (const std::size_t row : rows) {
    sum += labels[row];
    are_alike = are_alike && labels[row] == labels[rows.front()];
  }
  const double mean = sum / static_cast<double>(rows.size());
  double residual = 0, total = 0;
  for (const std::size_t row : rows) {
    residual += (labels[row] - predictions[row]) * (labels[row] - predictions[row]);
    total += (labels[row] - mean) * (labels[row] - mean);
  }
  if (are_alike || total == 0) return residual == 0 ? 1 : 0;
  return 1 - residual / total;
}

// Of sorted values, at a place between 0 and their number less one.
double at_place(const std::vector<double>& sorted, double place) {
  const double inside = std::clamp(place, 0.0, static_cast<double>(sorted.size() - 1));
  const auto below = static_cast<std::size_t>(inside);
  if (below + 1 == sorted.size()) return sorted.back();
  return sorted[below] + (sorted[below + 1] - sorted[below]) * (inside - std::floor(inside));
}

}  // namespace

Measures measure_regression(std::span<const double> predictions, std::span<const double> labels,
                            const std::vector<int>& percentiles) {
  CHECK(predictions.size() == labels.size());
  const std::size_t n = predictions.size();
  std::vector<double> errors(n), absolute(n), squares(n), relative(n), log_squares(n);
  bool has_logs = true;
  for (std::size_t i = 0; i < n; ++i) {
    errors[i] = predictions[i] - labels[i];
    absolute[i] = std::abs(errors[i]);
    squares[i] = errors[i] * errors[i];
    relative[i] =
        absolute[i] / std::max(std::abs(labels[i]), std::numeric_limits<double>::epsilon());
    has_logs = has_logs && predictions[i] > -1 && labels[i] > -1;
    const double log_error = std::log1p(predictions[i]) - std::log1p(labels[i]);
    log_squares[i] = log_error * log_error;
  }
  Measures measures;
  measures["mae"] = mean_of(absolute, 0);
  measures["mse"] = mean_of(squares, 0);
  measures["rmse"] = root_of(measures["mse"]);
  measures["msle"] = has_logs ? mean_of(log_squares, 0) : not_measured();
  measures["rmsle"] = root_of(measures["msle"]);
  measures["mape"] = mean_of(relative, 0);
  measures["mean_error"] = mean_of(errors);
  measures["mean_label"] = mean_of(labels);

  std::vector<std::size_t> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = i;
  const Values scatter = bootstrap_errors(n, [&](std::span<const std::size_t> rows) {
    return Values{{"r2", r2(predictions, labels, rows)}};
  });
  const auto found = scatter.find("r2");
  measures["r2"] = with_error(n == 0 ? kNone : r2(predictions, labels, all),
                              found == scatter.end() ? kNone : found->second, -HUGE_VAL, 1);

  std::sort(absolute.begin(), absolute.end());
  for (const int percentile : percentiles) {
    Measured& measured = measures[fmt::format("absolute_error_p{}", percentile)] = not_measured();
    if (n == 0) continue;
    const double share = percentile / 100.0, last = static_cast<double>(n - 1);
    const double spread = kZ * std::sqrt(static_cast<double>(n) * share * (1 - share));
    measured.value = at_place(absolute, share * last);
    if (n < 2) continue;
    measured.interval = {at_place(absolute, std::floor(share * last - spread)),
                         at_place(absolute, std::ceil(share * last + spread))};
  }
  return measures;
}

}  // namespace slipway::types
