// How good scores are when each row is a 1 with a known chance. With chances that a calibration
// gave it is what NannyML calls CBPE: an estimate before there are labels; with labels as chances
// it is what really came out. Pure functions.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::monitor {

// Names of what is estimated, as they stand in a window's metrics: auc, average_precision,
// accuracy, precision, recall, specificity, f1, log_loss, brier, late_rate.
const std::vector<std::string>& estimated_names();

// One value per estimated_names(); NaN without rows, and for auc and average_precision where no row
// can be a 1 (or, for auc, a 0). A row counts as predicted 1 from `threshold` on. As in NannyML
// 0.13: a ratio without anything below the line is 0. Rows of one score are one step of the curves.
std::map<std::string, double> expected_performance(std::span<const double> scores,
                                                   std::span<const double> chances,
                                                   double threshold);

// How much a metric of n rows scatters around its expectation by luck alone, from rows whose labels
// are known: deviation / sqrt(n * fraction). NannyML's formulas; log_loss, brier and late_rate are
// means of a row. Nothing for average_precision.
struct Scatter {
  double deviation = 0, fraction = 0;
  double of(double rows) const;
};
std::map<std::string, Scatter> measure_scatter(std::span<const double> scores,
                                               std::span<const double> labels, double threshold);

}  // namespace slipway::monitor
