#include "monitor/quality.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "monitor/class_answers.h"
#include "monitor/estimate/expected_performance.h"
#include "types/class_performance.h"
#include "types/performance.h"
#include "types/ranking_performance.h"
#include "types/regression_performance.h"

namespace slipway::monitor {
namespace {

using types::Measured;
using types::Measures;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Pairs {
  std::vector<double> predictions, labels;
};

Pairs number_pairs(const std::vector<LabelledAnswer>& answers) {
  Pairs pairs;
  for (const LabelledAnswer& answer : answers) {
    if (!std::isfinite(answer.prediction)) continue;
    pairs.predictions.push_back(answer.prediction);
    pairs.labels.push_back(*answer.label->value);
  }
  return pairs;
}

// Rows of a binary problem from the highest score down, and the metrics whose intervals are
// bootstrapped, in one pass over any of them.
class CurvedMetrics {
 public:
  CurvedMetrics(const Pairs& pairs, double threshold) : threshold_(threshold) {
    for (std::size_t i = 0; i < pairs.labels.size(); ++i) {
      const double p = pairs.predictions[i], y = pairs.labels[i];
      rows_.push_back({p, y, types::log_loss(p, y), types::calibration_bin(p)});
    }
    std::stable_sort(rows_.begin(), rows_.end(),
                     [](const Row& a, const Row& b) { return a.prediction > b.prediction; });
  }

  types::Values of(std::span<const std::size_t> drawn) const {
    std::array<double, types::kCalibrationBins> differences{};
    double ones = 0, loss = 0, steps = 0, tp = 0, fp = 0, fn = 0;
    for (std::size_t from = 0; from < drawn.size();) {
      double more = 0;
      std::size_t to = from;
      const double score = rows_[drawn[from]].prediction;
      for (; to < drawn.size() && rows_[drawn[to]].prediction == score; ++to) {
        const Row& row = rows_[drawn[to]];
        more += row.label;
        loss += row.loss;
        differences[row.bin] += row.prediction - row.label;
      }
      const double zeros = static_cast<double>(to - from) - more;
      (score >= threshold_ ? tp : fn) += more;
      if (score >= threshold_) fp += zeros;
      ones += more;
      steps += more * ones / static_cast<double>(to);
      from = to;
    }
    const auto n = static_cast<double>(drawn.size());
    double ece = 0;
    for (const double difference : differences) ece += std::abs(difference) / n;
    const double q = ones / n, entropy = -(q * std::log(q) + (1 - q) * std::log(1 - q));
    return {{"ece", ece},
            {"log_loss_ratio", q > 0 && q < 1 ? loss / n / entropy : kNone},
            {"average_precision", ones > 0 ? steps / ones : kNone},
            {"f1", tp + fp + fn > 0 ? tp / (tp + (fp + fn) / 2) : 0}};
  }

 private:
  struct Row {
    double prediction, label, loss;
    std::size_t bin;
  };
  const double threshold_;
  std::vector<Row> rows_;
};

Measures measure_binary(const Pairs& pairs, double threshold) {
  const std::size_t n = pairs.labels.size();
  const types::Performance performance =
      types::measure_performance(pairs.predictions, pairs.labels);
  const auto decided = expected_performance(pairs.predictions, pairs.labels, threshold);
  std::vector<double> losses(n), squares(n), differences(n);
  double tp = 0, fp = 0, fn = 0, tn = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double p = pairs.predictions[i], y = pairs.labels[i];
    losses[i] = types::log_loss(p, y);
    squares[i] = (p - y) * (p - y);
    differences[i] = p - y;
    const bool says_one = p >= threshold;
    (says_one ? tp : fn) += y;
    (says_one ? fp : tn) += 1 - y;
  }
  Measures measures;
  const auto put = [&](const char* name, double value, const Measured& like) {
    measures[name] = {value, like.interval};
  };
  put("log_loss", performance.log_loss, types::mean_of(losses, 0));
  // Scores of a model may be no chances: margins, say.
  const bool are_chances =
      std::ranges::all_of(pairs.predictions, [](double p) { return p >= 0 && p <= 1; });
  const double most = are_chances ? 1 : HUGE_VAL;
  put("brier", performance.brier, types::mean_of(squares, 0, most));
  put("calibration_bias", performance.calibration_bias, types::mean_of(differences, -most, most));
  put("late_rate", performance.label_mean, types::share_of(tp + fn, tp + fp + fn + tn, kNone));
  put("accuracy", decided.at("accuracy"), types::share_of(tp + tn, tp + fp + fn + tn, kNone));
  put("precision", decided.at("precision"), types::share_of(tp, tp + fp, 0));
  put("recall", decided.at("recall"), types::share_of(tp, tp + fn, 0));
  put("specificity", decided.at("specificity"), types::share_of(tn, tn + fp, 0));
  double scatter = 0;
  for (const double row : types::auc_influence(pairs.predictions, pairs.labels).rows)
    scatter += row * row;
  measures["auc"] =
      types::with_error(performance.auc, std::sqrt(scatter) / static_cast<double>(n), 0, 1);
  const CurvedMetrics curved(pairs, threshold);
  const types::Values errors = types::bootstrap_errors(
      n, [&](std::span<const std::size_t> drawn) { return curved.of(drawn); });
  const auto put_curved = [&](const char* name, double value, double high) {
    const auto found = errors.find(name);
    measures[name] =
        types::with_error(value, found == errors.end() ? kNone : found->second, 0, high);
  };
  put_curved("ece", performance.ece, 1);
  put_curved("log_loss_ratio", performance.log_loss_ratio, HUGE_VAL);
  put_curved("average_precision", decided.at("average_precision"), 1);
  put_curved("f1", decided.at("f1"), 1);
  return measures;
}

Measures measure_groups(const std::vector<LabelledAnswer>& answers, const std::vector<int>& places,
                        std::int64_t& counted) {
  types::RankingRows rows;
  std::map<std::string_view, std::size_t> groups;
  for (const LabelledAnswer& answer : answers) {
    if (!std::isfinite(answer.prediction) || answer.group.empty()) continue;
    rows.scores.push_back(answer.prediction);
    rows.relevance.push_back(*answer.label->value);
    rows.groups.push_back(groups.emplace(answer.group, groups.size()).first->second);
  }
  counted = std::ssize(rows.scores);
  return types::measure_ranking(rows, places);
}

// Answers within kOtherClasses are right only where they name the label's own class.
Measures measure_named_classes(const NamedClassRows& named) {
  if (!named.each_class) return types::measure_classes(named.rows);
  Measures measures = types::measure_classes(*named.each_class);
  if (named.label_chances.empty()) return measures;
  std::vector<double> losses;
  for (const double chance : named.label_chances) losses.push_back(types::log_loss(chance, 1));
  measures["log_loss"] = types::mean_of(losses, 0);
  return measures;
}

}  // namespace

JsonObject Confusion::to_json() const {
  JsonArray names, rows;
  for (const std::string& name : classes) names.emplace_back(name);
  for (const auto& row : counts) rows.emplace_back(JsonArray(row.begin(), row.end()));
  return {{"classes", std::move(names)}, {"counts", std::move(rows)}};
}

Result<Confusion> Confusion::from_json(const JsonObject& object) {
  const auto wrong = [] {
    return base::error(Code::kCorruption, "a stored confusion matrix makes no sense");
  };
  const Json* names = object.if_contains("classes");
  const Json* rows = object.if_contains("counts");
  if (names == nullptr || rows == nullptr || !names->is_array() || !rows->is_array())
    return wrong();
  Confusion confusion;
  for (const Json& name : names->as_array()) {
    if (!name.is_string()) return wrong();
    confusion.classes.emplace_back(name.get_string());
  }
  for (const Json& row : rows->as_array()) {
    if (!row.is_array() || row.as_array().size() != confusion.classes.size()) return wrong();
    auto& counts = confusion.counts.emplace_back();
    for (const Json& count : row.as_array()) {
      if (!count.is_int64()) return wrong();
      counts.push_back(count.get_int64());
    }
  }
  if (confusion.counts.size() != confusion.classes.size()) return wrong();
  return confusion;
}

Quality measure_quality(const QualityRules& rules, std::vector<LabelledAnswer> answers) {
  // The same rows give the same bootstrap, in whatever order the log had them.
  std::sort(answers.begin(), answers.end(), [](const LabelledAnswer& a, const LabelledAnswer& b) {
    return a.request_id < b.request_id;
  });
  Quality quality;
  switch (rules.problem.kind) {
    case Problem::kBinary: {
      const Pairs pairs = number_pairs(answers);
      quality.rows = std::ssize(pairs.labels);
      quality.measures = measure_binary(pairs, rules.threshold);
      break;
    }
    case Problem::kRegression: {
      const Pairs pairs = number_pairs(answers);
      quality.rows = std::ssize(pairs.labels);
      quality.measures =
          types::measure_regression(pairs.predictions, pairs.labels, rules.percentiles);
      break;
    }
    case Problem::kMulticlass: {
      const NamedClassRows named = class_rows(rules.problem, answers);
      quality.rows = std::ssize(named.rows.labels);
      quality.measures = measure_named_classes(named);
      quality.note = named.note();
      quality.confusion = {named.classes, types::confusion_of(named.rows)};
      break;
    }
    case Problem::kRanking:
      quality.measures = measure_groups(answers, rules.places, quality.rows);
      break;
  }
  return quality;
}

}  // namespace slipway::monitor
