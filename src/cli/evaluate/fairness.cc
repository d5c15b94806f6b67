#include "cli/evaluate/fairness.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "monitor/class_answers.h"

namespace slipway::cli {
namespace {

using Rates = std::map<std::string, double>;  // of a group, by name

double share(double of, double total) { return total == 0 ? std::nan("") : of / total; }

Rates binary_rates(const monitor::QualityRules& rules, const Answers& answers,
                   const std::vector<monitor::KnownLabel>& labels, const Group& group) {
  double selected = 0, positives = 0, hits = 0, false_alarms = 0, right = 0;
  const auto rows = static_cast<double>(group.rows.size());
  for (const std::size_t row : group.rows) {
    const bool says = answers.numbers[row] >= rules.threshold, is = *labels[row].value != 0;
    selected += says;
    positives += is;
    hits += says && is;
    false_alarms += says && !is;
    right += says == is;
  }
  return {{"selection_rate", share(selected, rows)},
          {"true_positive_rate", share(hits, positives)},
          {"false_positive_rate", share(false_alarms, rows - positives)},
          {"accuracy", share(right, rows)}};
}

Rates class_rates(const monitor::QualityRules& rules, const Answers& answers,
                  const std::vector<monitor::KnownLabel>& labels, const Group& group) {
  double right = 0;
  for (const std::size_t row : group.rows)
    right += monitor::class_of(rules.problem, labels[row]) == answers.classes[row];
  return {{"accuracy", share(right, static_cast<double>(group.rows.size()))}};
}

Rates number_rates(const Answers& answers, const std::vector<monitor::KnownLabel>& labels,
                   const Group& group) {
  double sum = 0, distance = 0;
  for (const std::size_t row : group.rows) {
    const double error = answers.numbers[row] - *labels[row].value;
    sum += error;
    distance += std::fabs(error);
  }
  const auto rows = static_cast<double>(group.rows.size());
  return {{"mean_error", share(sum, rows)}, {"mae", share(distance, rows)}};
}

// Least and greatest over the groups; NaN: one of them has none, or there are fewer than two.
struct Range {
  double least = std::nan(""), greatest = std::nan("");
  double difference() const { return greatest - least; }
  double ratio() const { return greatest == 0 ? 1 : least / greatest; }
};
Range range_of(const std::vector<Rates>& groups, const std::string& name) {
  Range range;
  if (groups.size() < 2) return range;
  range = {.least = groups[0].at(name), .greatest = groups[0].at(name)};
  for (const Rates& rates : groups) {
    const double rate = rates.at(name);
    if (std::isnan(rate)) return {};
    range.least = std::min(range.least, rate);
    range.greatest = std::max(range.greatest, rate);
  }
  return range;
}

}  // namespace

JsonObject measure_fairness(const monitor::QualityRules& rules, const Answers& answers,
                            const std::vector<monitor::KnownLabel>& labels,
                            const types::Column& column, std::size_t rows_min) {
  using monitor::Problem;
  types::Column labelled = column;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (!labels[row].value && labels[row].class_name.empty()) labelled.set_null(row);
  }
  std::vector<Rates> all;
  std::size_t counted = 0;
  JsonObject groups;
  for (const Group& group : groups_of(labelled, rows_min)) {
    all.push_back(
        rules.problem.kind == Problem::kBinary       ? binary_rates(rules, answers, labels, group)
        : rules.problem.kind == Problem::kMulticlass ? class_rates(rules, answers, labels, group)
                                                     : number_rates(answers, labels, group));
    JsonObject said{{"rows", group.rows.size()}};
    for (const auto& [name, rate] : all.back()) said[name] = base::number_or_null(rate);
    groups[group.name] = std::move(said);
    counted += group.rows.size();
  }
  JsonObject object{{"groups", std::move(groups)}, {"left_out", labels.size() - counted}};
  if (rules.problem.kind == Problem::kBinary) {
    const Range selected = range_of(all, "selection_rate"),
                hits = range_of(all, "true_positive_rate"),
                false_alarms = range_of(all, "false_positive_rate");
    object["demographic_parity_difference"] = base::number_or_null(selected.difference());
    object["demographic_parity_ratio"] = base::number_or_null(selected.ratio());
    object["equal_opportunity_difference"] = base::number_or_null(hits.difference());
    const bool known = !std::isnan(hits.least) && !std::isnan(false_alarms.least);
    object["equalized_odds_difference"] =
        known ? base::number_or_null(std::max(hits.difference(), false_alarms.difference()))
              : nullptr;
    object["equalized_odds_ratio"] =
        known ? base::number_or_null(std::min(hits.ratio(), false_alarms.ratio())) : nullptr;
  }
  if (rules.problem.kind == Problem::kRegression) {
    object["mean_error_difference"] =
        base::number_or_null(range_of(all, "mean_error").difference());
    object["mae_difference"] = base::number_or_null(range_of(all, "mae").difference());
  } else {
    object["accuracy_difference"] = base::number_or_null(range_of(all, "accuracy").difference());
  }
  return object;
}

}  // namespace slipway::cli
