#include "monitor/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "monitor/class_answers.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kTightestAt = 1000;  // requests
constexpr std::size_t kFurthest = 10;

constexpr unsigned of(Problem problem) { return 1u << static_cast<unsigned>(problem); }
constexpr unsigned kNumbers = of(Problem::kBinary) | of(Problem::kRegression),
                   kClasses = of(Problem::kBinary) | of(Problem::kMulticlass),
                   kAll = kNumbers | kClasses | of(Problem::kRanking);

struct MeasureName {
  Measure measure;
  std::string_view name;
  unsigned problems;  // of which it says something
};
constexpr MeasureName kMeasures[] = {
    {Measure::kLogLoss, "log_loss", kClasses},
    {Measure::kAbsoluteError, "absolute_error", kNumbers},
    {Measure::kBrier, "brier", kNumbers | kClasses},
    {Measure::kAccuracy, "accuracy", kClasses},
    {Measure::kPrediction, "prediction", kNumbers | of(Problem::kRanking)},
    {Measure::kLabel, "label", kNumbers | of(Problem::kRanking)},
    {Measure::kErrorRate, "error_rate", kAll},
    {Measure::kLatencyMs, "latency_ms", kAll},
};

// NaN: it gave no chances.
double class_loss(Measure measure, const ClassAnswer& answer, std::string_view label) {
  if (answer.chances.empty()) return kNone;
  double chance = 0, squares = 0;
  for (const auto& [name, value] : answer.chances) {
    if (name == label) chance += value;
    if (name != label) squares += value * value;
  }
  if (measure == Measure::kLogLoss) return types::log_loss(chance, 1);
  return squares + (1 - chance) * (1 - chance);
}

// What requests are worth by one measure.
class Worth {
 public:
  Worth(const WindowRows& rows, const Labels& labels, const QualityRules& rules, Measure measure)
      : rows_(rows), labels_(labels), rules_(rules), measure_(measure) {}

  // NaN: the measure says nothing about this request.
  double of(std::size_t row) const {
    const WindowRows::Scored scored = rows_.scored(row);
    switch (measure_) {
      case Measure::kErrorRate:
        return scored.failed ? 1 : 0;
      case Measure::kLatencyMs:
        return scored.latency_ms;
      case Measure::kPrediction:
        return scored.failed ? kNone : scored.prediction;
      case Measure::kLogLoss:
      case Measure::kBrier:
      case Measure::kAbsoluteError:
      case Measure::kAccuracy:
      case Measure::kLabel:
        break;
    }
    const auto label = labels_.find(rows_.request_id(row));
    if (label == labels_.end()) return kNone;
    if (measure_ == Measure::kLabel) return label->second.value.value_or(kNone);
    return scored.failed ? kNone : held_against(row, scored.prediction, label->second);
  }

 private:
  double held_against(std::size_t row, double prediction, const KnownLabel& label) const {
    if (measure_ == Measure::kAccuracy) {
      const auto error = rows_.error_of(rules_, row, label);
      return error ? 1 - *error : kNone;
    }
    if (rules_.problem.kind == Problem::kMulticlass) {
      const auto answer = rows_.class_answer(rules_.problem, row);
      const auto name = class_of(rules_.problem, label);
      return answer && name && !name->empty() ? class_loss(measure_, *answer, *name) : kNone;
    }
    if (!label.value || !std::isfinite(prediction)) return kNone;
    const double difference = prediction - *label.value;
    if (measure_ == Measure::kBrier) return difference * difference;
    if (measure_ == Measure::kAbsoluteError) return std::abs(difference);
    return types::log_loss(prediction, *label.value);
  }

  const WindowRows& rows_;
  const Labels& labels_;
  const QualityRules& rules_;
  const Measure measure_;
};

struct Moments {
  std::int64_t count = 0;
  double mean = 0, squares = 0;  // squares: sum of squared distances to the mean (Welford 1962)
  std::int64_t zeros = 0, ones = 0;
  void add(double value) {
    zeros += value == 0 ? 1 : 0;
    ones += value == 1 ? 1 : 0;
    const double before = value - mean;
    mean += before / static_cast<double>(++count);
    squares += before * (value - mean);
  }
  double error_squared() const {
    const auto n = static_cast<double>(count);
    return count < 2 ? kNone : squares / (n - 1) / n;
  }
  bool is_rate() const { return zeros + ones == count; }
};

using RowsById = std::unordered_map<std::string_view, std::size_t>;

void describe_classes(const WindowRows& rows, const std::vector<std::size_t>& of_a,
                      const RowsById& of_b, const ProblemRules& rules, ComparedAnswers& answers) {
  std::int64_t other = 0;
  for (const std::size_t row : of_a) {
    const auto match = of_b.find(rows.request_id(row));
    if (match == of_b.end() || rows.scored(row).failed || rows.scored(match->second).failed)
      continue;
    const auto a = rows.class_answer(rules, row), b = rows.class_answer(rules, match->second);
    if (!a || !b) continue;
    ++answers.pairs;
    if (a->said == b->said) continue;
    ++other;
    if (answers.differing.size() < kFurthest)
      answers.differing.push_back({rows.request_id(row), a->said, b->said});
  }
  answers.other_class = other;
}

void describe_numbers(const WindowRows& rows, const std::vector<std::size_t>& of_a,
                      const RowsById& of_b, const QualityRules& rules, ComparedAnswers& answers) {
  std::int64_t other_side = 0;
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
    other_side += (a.prediction >= rules.threshold) != (b.prediction >= rules.threshold) ? 1 : 0;
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
  if (rules.problem.kind == Problem::kBinary) answers.other_side = other_side;
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

Result<Measure> measure_of(Problem problem, std::string_view name) {
  std::string all;
  for (const MeasureName& known : kMeasures) {
    if ((known.problems & of(problem)) == 0) continue;
    if (known.name == name) return known.measure;
    all += (all.empty() ? "" : ", ") + std::string(known.name);
  }
  return base::error(Code::kInvalidArgument,
                     "variants of a {} model aren't compared by this measure: got={}, there are {}",
                     problem_name(problem), name, all);
}

Measure default_measure(Problem problem) {
  switch (problem) {
    case Problem::kBinary:
    case Problem::kMulticlass:
      return Measure::kLogLoss;
    case Problem::kRegression:
      return Measure::kAbsoluteError;
    case Problem::kRanking:
      break;
  }
  return Measure::kPrediction;
}

bool needs_labels(Measure measure) {
  switch (measure) {
    case Measure::kLogLoss:
    case Measure::kBrier:
    case Measure::kAbsoluteError:
    case Measure::kAccuracy:
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
                           const Labels& labels, const QualityRules& rules, Measure measure,
                           double alpha) {
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

  const Worth worth(rows, labels, rules, measure);
  Moments a_values, b_values, differences;
  for (const std::size_t row : of_a) {
    const double value = worth.of(row);
    if (!std::isfinite(value)) continue;
    if (comparison.paired) {
      const auto other = b_by_id.find(rows.request_id(row));
      if (other == b_by_id.end()) continue;
      const double other_value = worth.of(other->second);
      if (!std::isfinite(other_value)) continue;
      differences.add(other_value - value);
      b_values.add(other_value);
    }
    a_values.add(value);
  }
  if (!comparison.paired) {
    for (const std::size_t row : of_b) {
      const double value = worth.of(row);
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
  if (comparison.paired) {
    comparison.interval =
        types::anytime_interval(comparison.difference, std::sqrt(differences.error_squared()),
                                differences.count, alpha, kTightestAt);
  } else if (a_values.is_rate() && b_values.is_rate()) {
    // A small side without a hit yet seems to have no spread at all.
    comparison.interval = types::anytime_difference({a_values.ones, a_values.count},
                                                    {b_values.ones, b_values.count}, alpha);
  } else {
    comparison.interval = types::anytime_interval(
        comparison.difference, std::sqrt(a_values.error_squared() + b_values.error_squared()),
        a_values.count + b_values.count, alpha, kTightestAt);
  }
  const bool of_classes = rules.problem.kind == Problem::kMulticlass;
  const bool of_chances = measure == Measure::kLogLoss || measure == Measure::kBrier;
  if (of_classes && of_chances && comparison.a.rows + comparison.b.rows == 0) {
    comparison.note = fmt::format(
        "{} needs the chance of each class, and no labelled answer has them: accuracy doesn't",
        measure_name(measure));
  }
  if (!comparison.paired) return comparison;
  ComparedAnswers& answers = comparison.answers.emplace();
  if (of_classes) {
    describe_classes(rows, of_a, b_by_id, rules.problem, answers);
  } else {
    describe_numbers(rows, of_a, b_by_id, rules, answers);
  }
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
  if (!note.empty()) object["note"] = note;
  if (!answers) return object;
  if (answers->other_class) {
    JsonArray differing;
    for (const ComparedAnswers::ClassPair& pair : answers->differing)
      differing.push_back({{"request_id", pair.request_id}, {"a", pair.a}, {"b", pair.b}});
    object["answers"] = JsonObject{{"pairs", answers->pairs},
                                   {"other_class", *answers->other_class},
                                   {"differing", std::move(differing)}};
    return object;
  }
  JsonArray furthest;
  for (const ComparedAnswers::Pair& pair : answers->furthest)
    furthest.push_back({{"request_id", pair.request_id}, {"a", pair.a}, {"b", pair.b}});
  object["answers"] = JsonObject{{"pairs", answers->pairs},
                                 {"mean_absolute", answers->mean_absolute},
                                 {"p99_absolute", answers->p99_absolute},
                                 {"max_absolute", answers->max_absolute},
                                 {"correlation", base::number_or_null(answers->correlation)},
                                 {"furthest", std::move(furthest)}};
  if (answers->other_side) object["answers"].as_object()["other_side"] = *answers->other_side;
  return object;
}

}  // namespace slipway::monitor
