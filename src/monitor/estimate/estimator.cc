#include "monitor/estimate/estimator.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

JsonArray to_array(const std::vector<double>& values) {
  JsonArray array;
  for (const double value : values) array.emplace_back(value);
  return array;
}

Result<std::vector<double>> numbers(const JsonObject& object, std::string_view name) {
  const Json* array = object.if_contains(name);
  if (array == nullptr || !array->is_array())
    return base::error(Code::kCorruption, "a stored estimator makes no sense: member={}", name);
  std::vector<double> values;
  for (const Json& value : array->as_array()) {
    if (!value.is_number())
      return base::error(Code::kCorruption, "a stored estimator makes no sense: member={}", name);
    values.push_back(value.to_number<double>());
  }
  return values;
}

}  // namespace

double Estimate::error() const { return realised.value_or(kNone) - value; }

JsonObject Estimates::to_json() const {
  JsonObject members;
  for (const auto& [name, estimate] : values) {
    JsonObject member{{"value", base::number_or_null(estimate.value)},
                      {"sampling_error", base::number_or_null(estimate.sampling_error)}};
    member["realised"] = base::number_or_null(estimate.realised.value_or(kNone));
    member["error"] = base::number_or_null(estimate.error());
    members[name] = std::move(member);
  }
  return {{"rows", rows}, {"calibrated", calibrated}, {"metrics", std::move(members)}};
}

Result<Estimates> Estimates::from_json(const JsonObject& object) {
  Estimates estimates{.rows = TRY(base::find_int(object, "rows")).value_or(0)};
  estimates.calibrated = TRY(base::find_bool(object, "calibrated")).value_or(false);
  const Json* members = object.if_contains("metrics");
  if (members == nullptr || !members->is_object()) return estimates;
  for (const auto& [name, member] : members->as_object()) {
    if (!member.is_object()) continue;
    Estimate& estimate = estimates.values[std::string(name)];
    estimate.value = TRY(base::find_double(member.as_object(), "value")).value_or(kNone);
    estimate.sampling_error =
        TRY(base::find_double(member.as_object(), "sampling_error")).value_or(kNone);
    estimate.realised = TRY(base::find_double(member.as_object(), "realised"));
  }
  return estimates;
}

void Estimator::collect(std::vector<std::pair<double, double>> scores_and_labels,
                        const EstimateRules& rules) {
  if (ready_) return;
  const auto wanted = static_cast<std::size_t>(rules.rows) * 2;
  const std::size_t step = std::max<std::size_t>(1, scores_and_labels.size() / wanted);
  for (std::size_t i = 0; i < scores_and_labels.size(); i += step) {
    scores_.push_back(scores_and_labels[i].first);
    labels_.push_back(scores_and_labels[i].second);
  }
  if (std::ssize(scores_) >= rules.rows) fit(rules.threshold);
}

void Estimator::fit(double threshold) {
  if (calibration_helps(scores_, labels_))
    calibration_ = IsotonicCalibration::fit(scores_, labels_);
  scatter_ = measure_scatter(scores_, labels_, threshold);
  scores_.clear();
  labels_.clear();
  ready_ = true;
}

std::string Estimator::to_text() const {
  if (!ready_) {
    return base::to_text(
        JsonObject{{"ready", false}, {"scores", to_array(scores_)}, {"labels", to_array(labels_)}});
  }
  JsonObject scatter;
  for (const auto& [name, of] : scatter_) {
    scatter[name] = JsonObject{{"deviation", base::number_or_null(of.deviation)},
                               {"fraction", base::number_or_null(of.fraction)}};
  }
  return base::to_text(JsonObject{{"ready", true},
                                  {"knots", to_array(calibration_.scores())},
                                  {"chances", to_array(calibration_.chances())},
                                  {"scatter", std::move(scatter)}});
}

Result<Estimator> Estimator::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  Estimator estimator;
  estimator.ready_ = TRY(base::find_bool(object, "ready")).value_or(false);
  if (!estimator.ready_) {
    estimator.scores_ = TRY(numbers(object, "scores"));
    estimator.labels_ = TRY(numbers(object, "labels"));
    if (estimator.scores_.size() != estimator.labels_.size())
      return base::error(Code::kCorruption, "a stored estimator lacks scores or labels");
    return estimator;
  }
  std::vector<double> knots = TRY(numbers(object, "knots"));
  std::vector<double> chances = TRY(numbers(object, "chances"));
  if (knots.size() != chances.size())
    return base::error(Code::kCorruption, "a stored estimator lacks knots or chances");
  estimator.calibration_ = IsotonicCalibration(std::move(knots), std::move(chances));
  if (const Json* scatter = object.if_contains("scatter"); scatter && scatter->is_object()) {
    for (const auto& [name, member] : scatter->as_object()) {
      if (!member.is_object()) continue;
      Scatter& of = estimator.scatter_[std::string(name)];
      of.deviation = TRY(base::find_double(member.as_object(), "deviation")).value_or(kNone);
      of.fraction = TRY(base::find_double(member.as_object(), "fraction")).value_or(kNone);
    }
  }
  return estimator;
}

Estimates estimate_performance(const Estimators& estimators,
                               const std::vector<VersionedScore>& scores,
                               const EstimateRules& rules) {
  std::vector<double> known, chances;
  std::map<std::int64_t, std::int64_t> versions;
  for (const VersionedScore& row : scores) {
    const auto found = estimators.find(row.model_version);
    if (found == estimators.end() || !found->second.is_ready()) continue;
    known.push_back(row.score);
    chances.push_back(found->second.chance(row.score));
    ++versions[row.model_version];
  }
  Estimates estimates{.rows = std::ssize(known)};
  if (known.empty()) return estimates;
  auto most = versions.begin();
  for (auto version = versions.begin(); version != versions.end(); ++version) {
    if (version->second > most->second) most = version;
  }
  estimates.calibrated = estimators.at(most->first).is_calibrated();
  const auto& scatter = estimators.at(most->first).scatter();
  for (const auto& [name, value] : expected_performance(known, chances, rules.threshold)) {
    Estimate& estimate = estimates.values[name];
    estimate.value = value;
    const auto of = scatter.find(name);
    estimate.sampling_error =
        of == scatter.end() ? kNone : of->second.of(static_cast<double>(known.size()));
  }
  return estimates;
}

}  // namespace slipway::monitor
