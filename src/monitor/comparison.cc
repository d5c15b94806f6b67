#include "monitor/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kTightestAt = 1000;  // requests
constexpr std::size_t kFurthest = 10;

struct MeasureName {
  Measure measure;
  std::string_view name;
};
constexpr MeasureName kMeasures[] = {
    {Measure::kLogLoss, "log_loss"},
    {Measure::kBrier, "brier"},
    {Measure::kAbsoluteError, "absolute_error"},
    {Measure::kLabel, "label"},
    {Measure::kPrediction, "prediction"},
    {Measure::kErrorRate, "error_rate"},
    {Measure::kLatencyMs, "latency_ms"},
};

// NaN: the measure says nothing about this request.
double worth(Measure measure, const WindowRows::Scored& scored, std::optional<double> label) {
  switch (measure) {
    case Measure::kErrorRate:
      return scored.failed ? 1 : 0;
    case Measure::kLatencyMs:
      return scored.latency_ms;
    case Measure::kPrediction:
      return scored.failed ? kNone : scored.prediction;
    case Measure::kLabel:
      return label.value_or(kNone);
    case Measure::kLogLoss:
    case Measure::kBrier:
    case Measure::kAbsoluteError:
      break;
  }
  if (scored.failed || !label || !std::isfinite(scored.prediction)) return kNone;
  const double difference = scored.prediction - *label;
  if (measure == Measure::kBrier) return difference * difference;
  if (measure == Measure::kAbsoluteError) return std::abs(difference);
  return types::log_loss(scored.prediction, *label);
}

struct Moments {
  std::int64_t count = 0;
  double mean = 0, squares = 0;  // squares: sum of squared distances to the mean (Welford 1962)
  void add(double value) {
    const double before = value - mean;
    mean += before / static_cast<double>(++count);
    squares += before * (value - mean);
  }
  double error_squared() const {
    const auto n = static_cast<double>(count);
    return count < 2 ? kNone : squares / (n - 1) / n;
  }
};

std::optional<double> label_of(const Labels& labels, const std::string& id) {
  const auto found = labels.find(id);
  return found == labels.end() ? std::nullopt : found->second.value;
}

using RowsById = std::unordered_map<std::string_view, std::size_t>;

void describe_answers(const WindowRows& rows, const std::vector<std::size_t>& of_a,
                      const RowsById& of_b, ComparedAnswers& answers) {
  std::vector<double> distances;
  Moments a_moments, b_moments;
  double together = 0;
  for (const std::size_t row : of_a) {
    const auto other = of_b.find(rows.request_id(row));
    if (other == of_b.end()) continue;
    const WindowRows::Scored a = rows.scored(row), b = rows.scored(other->second);
    if (a.failed || b.failed || !std::isfinite(a.prediction) || !std::isfinite(b.prediction))
      continue;
    const double distance = std::abs(a.prediction - b.prediction);
    distances.push_back(distance);
    answers.mean_absolute += distance;
    answers.other_side += (a.prediction > 0.5) != (b.prediction > 0.5) ? 1 : 0;
    const double a_before = a.prediction - a_moments.mean;
    a_moments.add(a.prediction);
    b_moments.add(b.prediction);
    together += a_before * (b.prediction - b_moments.mean);
    auto& furthest = answers.furthest;
    if (furthest.size() == kFurthest && distance <= std::abs(furthest.back().a - furthest.back().b))
      continue;
    if (furthest.size() == kFurthest) furthest.pop_back();
    furthest.insert(std::upper_bound(furthest.begin(), furthest.end(), distance,
                                     [](double value, const ComparedAnswers::Pair& pair) {
                                       return value > std::abs(pair.a - pair.b);
                                     }),
                    {rows.request_id(row), a.prediction, b.prediction});
  }
  answers.pairs = static_cast<std::int64_t>(distances.size());
  if (distances.empty()) return;
  answers.mean_absolute /= static_cast<double>(distances.size());
  answers.max_absolute = *std::max_element(distances.begin(), distances.end());
  answers.p99_absolute = quantile(std::move(distances), 0.99);
  answers.correlation = together / std::sqrt(a_moments.squares * b_moments.squares);
}

JsonObject side_json(const ComparisonSide& side) {
  return {{"variant", side.variant},   {"model_version", side.model_version},
          {"requests", side.requests}, {"errors", side.errors},
          {"rows", side.rows},         {"value", base::number_or_null(side.value)}};
}

}  // namespace

std::string_view measure_name(Measure measure) {
  for (const MeasureName& known : kMeasures) {
    if (known.measure == measure) return known.name;
  }
  return "";
}

Result<Measure> parse_measure(std::string_view name) {
  std::string all;
  for (const MeasureName& known : kMeasures) {
    if (known.name == name) return known.measure;
    all += (all.empty() ? "" : ", ") + std::string(known.name);
  }
  return base::error(Code::kInvalidArgument, "no such measure: got={}, there are {}", name, all);
}

bool needs_labels(Measure measure) {
  switch (measure) {
    case Measure::kLogLoss:
    case Measure::kBrier:
    case Measure::kAbsoluteError:
    case Measure::kLabel:
      return true;
    case Measure::kPrediction:
    case Measure::kErrorRate:
    case Measure::kLatencyMs:
      break;
  }
  return false;
}

Result<Comparison> compare(const WindowRows& rows, const std::string& a, const std::string& b,
                           const Labels& labels, Measure measure, double alpha) {
  if (a == b)
    return base::error(Code::kInvalidArgument, "a variant can't be compared with itself: {}", a);
  Comparison comparison{.measure = measure, .a = {.variant = a}, .b = {.variant = b}};
  // A variant that answered has its rows among the live ones, a shadow under its own name.
  const auto rows_of = [&](const std::string& variant, bool& is_shadow) {
    std::vector<std::size_t> found = rows.answered_by(variant);
    is_shadow = found.empty() && variant != "live" && rows.by_variant().contains(variant);
    if (is_shadow) found = rows.by_variant().at(variant);
    return found;
  };
  bool a_is_shadow = false, b_is_shadow = false;
  const std::vector<std::size_t> of_a = rows_of(a, a_is_shadow), of_b = rows_of(b, b_is_shadow);
  comparison.paired = a_is_shadow || b_is_shadow;
  RowsById b_by_id;
  const auto count = [&](const std::vector<std::size_t>& of, ComparisonSide& side) {
    side.requests = static_cast<std::int64_t>(of.size());
    for (const std::size_t row : of) {
      const WindowRows::Scored scored = rows.scored(row);
      side.errors += scored.failed ? 1 : 0;
      side.model_version = std::max(side.model_version, scored.model_version);
    }
  };
  count(of_a, comparison.a);
  count(of_b, comparison.b);
  for (const std::size_t row : of_b) b_by_id.emplace(rows.request_id(row), row);

  Moments a_values, b_values, differences;
  for (const std::size_t row : of_a) {
    const auto label = label_of(labels, rows.request_id(row));
    const double value = worth(measure, rows.scored(row), label);
    if (!std::isfinite(value)) continue;
    if (comparison.paired) {
      const auto other = b_by_id.find(rows.request_id(row));
      if (other == b_by_id.end()) continue;
      const double other_value = worth(measure, rows.scored(other->second), label);
      if (!std::isfinite(other_value)) continue;
      differences.add(other_value - value);
      b_values.add(other_value);
    }
    a_values.add(value);
  }
  if (!comparison.paired) {
    for (const std::size_t row : of_b) {
      const double value = worth(measure, rows.scored(row), label_of(labels, rows.request_id(row)));
      if (std::isfinite(value)) b_values.add(value);
    }
  }
  const auto fill = [](const Moments& values, ComparisonSide& side) {
    side.rows = values.count;
    side.value = values.count == 0 ? kNone : values.mean;
  };
  fill(a_values, comparison.a);
  fill(b_values, comparison.b);
  comparison.difference = comparison.b.value - comparison.a.value;
  comparison.interval =
      comparison.paired
          ? types::anytime_interval(comparison.difference, std::sqrt(differences.error_squared()),
                                    differences.count, alpha, kTightestAt)
          : types::anytime_interval(comparison.difference,
                                    std::sqrt(a_values.error_squared() + b_values.error_squared()),
                                    a_values.count + b_values.count, alpha, kTightestAt);
  if (comparison.paired) describe_answers(rows, of_a, b_by_id, comparison.answers.emplace());
  return comparison;
}

JsonObject Comparison::to_json() const {
  JsonObject object{{"measure", measure_name(measure)},
                    {"paired", paired},
                    {"a", side_json(a)},
                    {"b", side_json(b)},
                    {"difference", base::number_or_null(difference)},
                    {"low", base::number_or_null(interval.low)},
                    {"high", base::number_or_null(interval.high)}};
  if (!answers) return object;
  JsonArray furthest;
  for (const ComparedAnswers::Pair& pair : answers->furthest)
    furthest.push_back({{"request_id", pair.request_id}, {"a", pair.a}, {"b", pair.b}});
  object["answers"] = JsonObject{{"pairs", answers->pairs},
                                 {"mean_absolute", answers->mean_absolute},
                                 {"p99_absolute", answers->p99_absolute},
                                 {"max_absolute", answers->max_absolute},
                                 {"correlation", base::number_or_null(answers->correlation)},
                                 {"other_side", answers->other_side},
                                 {"furthest", std::move(furthest)}};
  return object;
}

}  // namespace slipway::monitor
