#include "releases/gate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "types/timestamp.h"

namespace slipway::releases {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The labelled rows, as plain vectors.
struct Rows {
  std::vector<double> labels, candidate, champion;
  std::vector<base::Timestamp> event_times;
  std::vector<std::optional<base::Timestamp>> arrivals;
  std::vector<std::size_t> day_of;
  std::int64_t days = 0;
  std::int64_t without_label = 0;
};

Result<const types::Column*> time_column(const types::Frame& frame, std::string_view name) {
  const types::Column* column = TRY(frame.column(name));
  if (column->type != types::ColumnType::kTimestamp) {
    return base::error(Code::kInvalidArgument,
                       "the hold-out's column must be a timestamp: column={} got={}", name,
                       types::type_name(column->type));
  }
  return column;
}

Result<double> prediction_at(const types::Column& column, std::size_t row) {
  const double value = column.number(row);
  if (!(value >= 0 && value <= 1)) {
    return base::error(Code::kInvalidArgument,
                       "a prediction must be from 0 to 1: column={} row={} value={}", column.name,
                       row, value);
  }
  return value;
}

std::string day_of_row(const types::Column* day, const types::Column& event_time, std::size_t row) {
  if (day == nullptr) {
    return std::to_string(types::start_of_day({event_time.ints[row]}).micros);
  }
  return day->type == types::ColumnType::kString ? day->strings[row]
                                                 : std::to_string(day->ints[row]);
}

Result<Rows> read_rows(const GateInput& input) {
  const types::Frame& frame = input.holdout;
  const types::Column* labels = TRY(frame.column("label"));
  const types::Column* candidate = TRY(frame.column("candidate"));
  const types::Column* champion = input.champion ? TRY(frame.column("champion")) : nullptr;
  const types::Column* event_time = TRY(time_column(frame, "event_time"));
  const types::Column* arrival = nullptr;
  if (frame.find("arrival_time") != nullptr) arrival = TRY(time_column(frame, "arrival_time"));
  const types::Column* day = frame.find("day");
  if (day != nullptr && day->type != types::ColumnType::kString &&
      day->type != types::ColumnType::kInt64) {
    return base::error(Code::kInvalidArgument,
                       "the hold-out's column day must be a string or int64");
  }
  Rows rows;
  std::map<std::string, std::size_t> days;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    const double label = labels->number(row);
    if (std::isnan(label) && labels->type != types::ColumnType::kString) {
      ++rows.without_label;
      continue;
    }
    if (label != 0 && label != 1) {
      return base::error(Code::kInvalidArgument, "a label must be 0 or 1: row={}", row);
    }
    if (!event_time->is_valid(row) || (day != nullptr && !day->is_valid(row))) {
      return base::error(Code::kInvalidArgument,
                         "a row of the hold-out has no event time or day: row={}", row);
    }
    rows.labels.push_back(label);
    rows.candidate.push_back(TRY(prediction_at(*candidate, row)));
    if (champion != nullptr) rows.champion.push_back(TRY(prediction_at(*champion, row)));
    rows.event_times.push_back({event_time->ints[row]});
    rows.arrivals.push_back(arrival != nullptr && arrival->is_valid(row)
                                ? std::optional(base::Timestamp{arrival->ints[row]})
                                : std::nullopt);
    rows.day_of.push_back(
        days.emplace(day_of_row(day, *event_time, row), days.size()).first->second);
  }
  rows.days = std::ssize(days);
  return rows;
}

// A row was there to be learned from when its label, or failing that the event itself, was known by
// then.
std::int64_t rows_known_by(const Rows& rows, base::Timestamp train_until) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    count +=
        rows.arrivals[i] ? *rows.arrivals[i] <= train_until : rows.event_times[i] < train_until;
  }
  return count;
}

GateCheck check_unseen(const Rows& rows, const Contender& contender, const char* who) {
  GateCheck check{.name = "unseen_rows"};
  if (!contender.train_until) {
    check.value = static_cast<double>(rows.labels.size());
    check.text = fmt::format("it isn't known what the {} was trained on", who);
    return check;
  }
  const std::int64_t seen = rows_known_by(rows, *contender.train_until);
  check.value = static_cast<double>(seen);
  check.ok = seen == 0;
  check.text =
      check.ok ? fmt::format(
                     "the {} was trained on what was known by {}, and no row of the hold-out was",
                     who, types::to_rfc3339(*contender.train_until))
               : fmt::format("{} rows of the hold-out were known by {}, when the {} was trained",
                             seen, types::to_rfc3339(*contender.train_until), who);
  return check;
}

JsonObject to_json(const types::Performance& performance) {
  using base::number_or_null;
  return {{"log_loss", number_or_null(performance.log_loss)},
          {"auc", number_or_null(performance.auc)},
          {"brier", number_or_null(performance.brier)},
          {"ece", number_or_null(performance.ece)},
          {"calibration_bias", number_or_null(performance.calibration_bias)},
          {"mean_prediction", number_or_null(performance.prediction_mean)},
          {"label_rate", number_or_null(performance.label_mean)}};
}

Result<std::int64_t> count_of(const JsonObject& object, std::string_view key,
                              std::int64_t otherwise, std::int64_t least) {
  const std::int64_t value = TRY(base::find_int(object, key)).value_or(otherwise);
  if (value < least) {
    return base::error(Code::kInvalidArgument, "the gate's {} must be at least {}: {}", key, least,
                       value);
  }
  return value;
}

}  // namespace

JsonObject GatePolicy::to_json() const {
  JsonObject object{{"min_rows", min_rows},
                    {"min_days", min_days},
                    {"log_loss_margin", log_loss_margin},
                    {"confidence", confidence},
                    {"refit", refit}};
  if (max_calibration_bias) object["max_calibration_bias"] = *max_calibration_bias;
  if (max_auc_drop) object["max_auc_drop"] = *max_auc_drop;
  return object;
}

Result<GatePolicy> parse_gate_policy(const JsonObject& object) {
  constexpr std::string_view kKnown[] = {
      "min_rows",     "min_days", "log_loss_margin", "confidence", "max_calibration_bias",
      "max_auc_drop", "refit"};
  for (const auto& [key, value] : object) {
    if (std::find(std::begin(kKnown), std::end(kKnown), std::string_view(key)) ==
        std::end(kKnown)) {
      return base::error(Code::kInvalidArgument,
                         "the gate's policy has no such member: member={} known={}",
                         std::string_view(key), fmt::join(kKnown, ", "));
    }
  }
  GatePolicy policy;
  policy.min_rows = TRY(count_of(object, "min_rows", policy.min_rows, 1));
  policy.min_days = TRY(count_of(object, "min_days", policy.min_days, 2));
  policy.log_loss_margin =
      TRY(base::find_double(object, "log_loss_margin")).value_or(policy.log_loss_margin);
  policy.confidence = TRY(base::find_double(object, "confidence")).value_or(policy.confidence);
  policy.max_calibration_bias = TRY(base::find_double(object, "max_calibration_bias"));
  policy.max_auc_drop = TRY(base::find_double(object, "max_auc_drop"));
  policy.refit = TRY(base::find_bool(object, "refit")).value_or(false);
  if (!(policy.log_loss_margin >= 0)) {
    return base::error(Code::kInvalidArgument,
                       "the gate's log_loss_margin must not be negative: {}",
                       policy.log_loss_margin);
  }
  if (!(policy.confidence > 0.5 && policy.confidence < 1)) {
    return base::error(Code::kInvalidArgument,
                       "the gate's confidence must be between 0.5 and 1: {}", policy.confidence);
  }
  return policy;
}

ClusteredMean clustered_mean(const std::vector<double>& values,
                             const std::vector<std::size_t>& cluster_of, double confidence) {
  ClusteredMean result;
  if (values.empty()) return {std::nan(""), std::nan(""), -kInfinity, kInfinity, 0};
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  result.mean = sum / n;
  std::vector<double> residuals;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (cluster_of[i] >= residuals.size()) residuals.resize(cluster_of[i] + 1, 0.0);
    residuals[cluster_of[i]] += values[i] - result.mean;
  }
  result.clusters = std::ssize(residuals);
  if (result.clusters < 2) {
    result.standard_error = std::nan("");
    result.low = -kInfinity;
    result.high = kInfinity;
    return result;
  }
  const auto g = static_cast<double>(result.clusters);
  double squares = 0;
  for (const double residual : residuals) squares += residual * residual;
  result.standard_error = std::sqrt(g / (g - 1) * squares) / n;
  const boost::math::students_t distribution(g - 1);
  const double t = boost::math::quantile(distribution, 1 - (1 - confidence) / 2);
  result.low = result.mean - t * result.standard_error;
  result.high = result.mean + t * result.standard_error;
  return result;
}

Result<GateReport> judge_gate(const GateInput& input) {
  const GatePolicy& policy = input.policy;
  Rows rows = TRY(read_rows(input));
  GateReport report{
      .rows = std::ssize(rows.labels), .rows_without_label = rows.without_label, .days = rows.days};
  if (!rows.event_times.empty()) {
    report.from = *std::min_element(rows.event_times.begin(), rows.event_times.end());
    report.to = *std::max_element(rows.event_times.begin(), rows.event_times.end());
  }
  report.candidate = types::measure_performance(rows.candidate, rows.labels);
  if (!input.champion) {
    report.baseline_rate = input.baseline_rate.value_or(report.candidate.label_mean);
    rows.champion.assign(rows.labels.size(), *report.baseline_rate);
  }
  report.champion = types::measure_performance(rows.champion, rows.labels);
  const std::string opponent = input.champion
                                   ? "the champion"
                                   : fmt::format("the base rate of {:.3g}", *report.baseline_rate);

  report.checks.push_back(check_unseen(rows, input.candidate, "candidate"));
  if (input.champion) report.checks.push_back(check_unseen(rows, *input.champion, "champion"));
  report.checks.push_back(
      {"min_rows", report.rows >= policy.min_rows, static_cast<double>(report.rows),
       static_cast<double>(policy.min_rows),
       fmt::format("{} labelled rows, at least {} asked for", report.rows, policy.min_rows)});
  report.checks.push_back(
      {"min_days", report.days >= policy.min_days, static_cast<double>(report.days),
       static_cast<double>(policy.min_days),
       fmt::format("{} days, at least {} asked for", report.days, policy.min_days)});

  std::vector<double> differences;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    differences.push_back(types::log_loss(rows.candidate[i], rows.labels[i]) -
                          types::log_loss(rows.champion[i], rows.labels[i]));
  }
  const ClusteredMean mean = clustered_mean(differences, rows.day_of, policy.confidence);
  report.difference = mean.mean;
  report.standard_error = mean.standard_error;
  report.low = mean.low;
  report.high = mean.high;
  // Identical predictions leave no doubt: the interval is the point 0.
  report.checks.push_back(
      {"log_loss", mean.high < policy.log_loss_margin, mean.high, policy.log_loss_margin,
       fmt::format(
           "log loss {:.4f} against {:.4f} of {}: difference {:+.4f} with {:.0f} % interval "
           "{:+.4f} to {:+.4f}, which must end below {:+.4f}",
           report.candidate.log_loss, report.champion.log_loss, opponent, mean.mean,
           policy.confidence * 100, mean.low, mean.high, policy.log_loss_margin)});
  if (policy.max_calibration_bias) {
    const double bias = std::abs(report.candidate.calibration_bias);
    report.checks.push_back(
        {"calibration_bias", bias <= *policy.max_calibration_bias, bias,
         *policy.max_calibration_bias,
         fmt::format("calibration bias {:+.4f}, at most {:.4f} either way allowed",
                     report.candidate.calibration_bias, *policy.max_calibration_bias)});
  }
  if (policy.max_auc_drop && input.champion) {
    const double drop = report.champion.auc - report.candidate.auc;
    report.checks.push_back(
        {"auc", drop <= *policy.max_auc_drop, drop, *policy.max_auc_drop,
         fmt::format("AUC {:.4f} against {:.4f}, a drop of at most {:.4f} allowed",
                     report.candidate.auc, report.champion.auc, *policy.max_auc_drop)});
  }

  std::vector<std::string> against;
  for (const GateCheck& check : report.checks) {
    if (!check.ok) against.push_back(check.text);
  }
  report.pass = against.empty();
  if (!report.pass) {
    report.sentence = fmt::format("Refused: {}.", fmt::join(against, "; "));
  } else {
    report.sentence = fmt::format(
        "Passed: on {} rows of {} days that neither was trained on, log loss is {:.4f} against "
        "{:.4f} "
        "of {} ({:+.4f}, {:.0f} % interval {:+.4f} to {:+.4f}).",
        report.rows, report.days, report.candidate.log_loss, report.champion.log_loss, opponent,
        mean.mean, policy.confidence * 100, mean.low, mean.high);
  }
  return report;
}

JsonObject GateReport::to_json() const {
  using base::number_or_null;
  JsonArray all;
  for (const GateCheck& check : checks) {
    all.push_back({{"name", check.name},
                   {"ok", check.ok},
                   {"value", number_or_null(check.value)},
                   {"bound", number_or_null(check.bound)},
                   {"text", check.text}});
  }
  JsonObject object{{"verdict", pass ? "pass" : "refuse"},
                    {"sentence", sentence},
                    {"checks", std::move(all)},
                    {"rows", rows},
                    {"rows_without_label", rows_without_label},
                    {"days", days},
                    {"from", types::to_rfc3339(from)},
                    {"to", types::to_rfc3339(to)},
                    {"candidate", releases::to_json(candidate)},
                    {"champion", releases::to_json(champion)}};
  object["baseline_rate"] = baseline_rate ? Json(*baseline_rate) : Json(nullptr);
  object["log_loss_difference"] = {
      {"mean", number_or_null(difference)},
      {"standard_error", number_or_null(standard_error)},
      {"low", number_or_null(low)},
      {"high", number_or_null(high)},
      {"method", "paired by row, variance clustered by day (CR1), t with days - 1 degrees"}};
  return object;
}

}  // namespace slipway::releases
