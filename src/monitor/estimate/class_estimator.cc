#include "monitor/estimate/class_estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/json.h"
#include "monitor/estimate/expected_performance.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// NannyML's: areas of several classes scatter a little more than if each were alone.
constexpr double kAreaScatter = 1.2;

Error corrupt() {
  return base::error(Code::kCorruption, "a stored estimator of classes makes no sense");
}

std::size_t place_of(std::vector<std::string>& classes, const std::string& name) {
  const auto found = std::find(classes.begin(), classes.end(), name);
  const auto place = static_cast<std::size_t>(found - classes.begin());
  if (found == classes.end()) classes.push_back(name);
  return place;
}

std::vector<double> column(const std::vector<double>& rows, std::size_t width, std::size_t at) {
  std::vector<double> values;
  for (std::size_t from = at; from < rows.size(); from += width) values.push_back(rows[from]);
  return values;
}

std::vector<double> is_class(const std::vector<std::size_t>& rows, std::size_t which) {
  std::vector<double> values;
  for (const std::size_t row : rows) values.push_back(row == which ? 1 : 0);
  return values;
}

// Of one of `hits` values of 1 among `all`.
double variance(double hits, double all) { return all > 0 ? hits / all * (1 - hits / all) : 0; }

JsonArray to_array(const std::vector<double>& values) {
  return JsonArray(values.begin(), values.end());
}

Result<std::vector<double>> numbers(const Json* array) {
  if (array == nullptr || !array->is_array()) return corrupt();
  std::vector<double> values;
  for (const Json& value : array->as_array()) {
    if (!value.is_number()) return corrupt();
    values.push_back(value.to_number<double>());
  }
  return values;
}

Result<std::vector<std::size_t>> places(const Json* array, std::size_t below) {
  std::vector<std::size_t> values;
  for (const double value : TRY(numbers(array))) {
    if (!(value >= 0 && value < static_cast<double>(below))) return corrupt();
    values.push_back(static_cast<std::size_t>(value));
  }
  return values;
}

}  // namespace

const std::vector<std::string>& estimated_class_names() {
  static const std::vector<std::string> names = {"accuracy", "precision_macro", "recall_macro",
                                                 "f1_macro", "roc_auc_ovr",     "log_loss"};
  return names;
}

bool ClassEstimator::is_calibrated() const {
  return std::any_of(calibrations_.begin(), calibrations_.end(),
                     [](const IsotonicCalibration& one) { return !one.scores().empty(); });
}

void ClassEstimator::collect(const NamedClassRows& rows, const EstimateRules& rules) {
  if (ready_ || rows.rows.chances.empty()) return;
  const std::size_t before = classes_.size(), width = rows.classes.size();
  std::vector<std::size_t> places;
  for (const std::string& name : rows.classes) places.push_back(place_of(classes_, name));
  if (classes_.size() > before && !rows_.labels.empty()) {
    std::vector<double> wider(rows_.labels.size() * classes_.size(), 0.0);
    for (std::size_t row = 0; row < rows_.labels.size(); ++row) {
      for (std::size_t i = 0; i < before; ++i)
        wider[row * classes_.size() + i] = rows_.chances[row * before + i];
    }
    rows_.chances = std::move(wider);
  }
  rows_.classes = classes_.size();
  const auto wanted = static_cast<std::size_t>(rules.rows) * 2;
  const std::size_t step = std::max<std::size_t>(1, rows.rows.labels.size() / wanted);
  for (std::size_t row = 0; row < rows.rows.labels.size(); row += step) {
    rows_.labels.push_back(places[rows.rows.labels[row]]);
    rows_.said.push_back(places[rows.rows.said[row]]);
    const std::size_t from = rows_.chances.size();
    rows_.chances.resize(from + classes_.size(), 0.0);
    for (std::size_t i = 0; i < width; ++i)
      rows_.chances[from + places[i]] = rows.rows.chances[row * width + i];
  }
  if (std::ssize(rows_.labels) >= rules.rows) fit();
}

void ClassEstimator::fit() {
  const auto n = static_cast<double>(rows_.labels.size());
  std::vector<double> losses;
  double right = 0;
  for (std::size_t row = 0; row < rows_.labels.size(); ++row) {
    right += rows_.labels[row] == rows_.said[row] ? 1 : 0;
    losses.push_back(types::log_loss(rows_.chances[row * classes_.size() + rows_.labels[row]], 1));
  }
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0) / n;
  double squares = 0;
  for (const double one : losses) squares += (one - loss) * (one - loss);
  variances_["accuracy"] = variance(right, n);
  variances_["log_loss"] = squares / n;
  // Of the mean over classes: the sum of theirs, over the square of their number.
  const double share = 1 / static_cast<double>(classes_.size() * classes_.size());
  for (std::size_t of = 0; of < classes_.size(); ++of) {
    const std::vector<double> scores = column(rows_.chances, classes_.size(), of);
    const std::vector<double> labels = is_class(rows_.labels, of);
    calibrations_.push_back(calibration_helps(scores, labels)
                                ? IsotonicCalibration::fit(scores, labels)
                                : IsotonicCalibration());
    const Scatter area = measure_scatter(scores, labels, 0.5).at("auc");
    variances_["roc_auc_ovr"] +=
        kAreaScatter * kAreaScatter * share * area.deviation * area.deviation / area.fraction;
    double labelled = 0, said = 0, both = 0;
    for (std::size_t row = 0; row < rows_.labels.size(); ++row) {
      labelled += labels[row];
      said += rows_.said[row] == of ? 1 : 0;
      both += rows_.said[row] == of ? labels[row] : 0;
    }
    const auto add = [&](const char* name, double all) {
      if (all > 0) variances_[name] += share * variance(both, all) / (all / n);
    };
    add("precision_macro", said);
    add("recall_macro", labelled);
    add("f1_macro", labelled + said - both);
  }
  rows_ = {};
  ready_ = true;
}

std::map<std::string, Estimate> ClassEstimator::estimate(const NamedClassRows& named) const {
  const std::size_t width = classes_.size(), n = named.rows.said.size();
  std::vector<std::string> classes = classes_;
  std::vector<std::size_t> places;
  for (const std::string& name : named.classes) places.push_back(place_of(classes, name));
  // Scores of the classes it knows, what they stand for, and what was said.
  std::vector<double> scores(n * width, 0.0), chances(n * width, 0.0);
  std::vector<std::size_t> said;
  double accuracy = 0, loss = 0;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = 0; i < named.classes.size(); ++i) {
      if (places[i] < width)
        scores[row * width + places[i]] = named.rows.chances[row * named.classes.size() + i];
    }
    double sum = 0;
    for (std::size_t of = 0; of < width; ++of) {
      chances[row * width + of] = calibrations_[of].chance(scores[row * width + of]);
      sum += chances[row * width + of];
    }
    said.push_back(places[named.rows.said[row]]);
    for (std::size_t of = 0; of < width; ++of) {
      double& chance = chances[row * width + of];
      chance = sum > 0 ? chance / sum : 1 / static_cast<double>(width);
      if (said.back() == of) accuracy += chance;
      if (chance > 0) loss += chance * types::log_loss(scores[row * width + of], 1);
    }
  }
  std::map<std::string, double> values;
  for (std::size_t of = 0; of < width; ++of) {
    const std::vector<double> chance = column(chances, width, of);
    values["roc_auc_ovr"] += expected_performance(column(scores, width, of), chance, 0.5).at("auc");
    const auto decided = expected_performance(is_class(said, of), chance, 0.5);
    values["precision_macro"] += decided.at("precision");
    values["recall_macro"] += decided.at("recall");
    values["f1_macro"] += decided.at("f1");
  }
  for (auto& [name, value] : values) value /= static_cast<double>(width);
  values["accuracy"] = accuracy / static_cast<double>(n);
  values["log_loss"] = loss / static_cast<double>(n);
  std::map<std::string, Estimate> estimates;
  for (const std::string& name : estimated_class_names()) {
    const auto of = variances_.find(name);
    estimates[name] = {.value = n == 0 ? kNone : values.at(name),
                       .sampling_error = of == variances_.end()
                                             ? kNone
                                             : std::sqrt(of->second / static_cast<double>(n))};
  }
  return estimates;
}

std::string ClassEstimator::to_text() const {
  JsonObject object{{"ready", ready_}, {"classes", JsonArray(classes_.begin(), classes_.end())}};
  if (!ready_) {
    object["labels"] = JsonArray(rows_.labels.begin(), rows_.labels.end());
    object["said"] = JsonArray(rows_.said.begin(), rows_.said.end());
    object["chances"] = to_array(rows_.chances);
    return base::to_text(object);
  }
  JsonArray calibrations;
  for (const IsotonicCalibration& one : calibrations_) {
    calibrations.emplace_back(
        JsonObject{{"knots", to_array(one.scores())}, {"chances", to_array(one.chances())}});
  }
  object["calibrations"] = std::move(calibrations);
  JsonObject variances;
  for (const auto& [name, value] : variances_) variances[name] = base::number_or_null(value);
  object["variances"] = std::move(variances);
  return base::to_text(object);
}

Result<ClassEstimator> ClassEstimator::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  ClassEstimator estimator;
  estimator.ready_ = TRY(base::find_bool(object, "ready")).value_or(false);
  const Json* classes = object.if_contains("classes");
  if (classes == nullptr || !classes->is_array()) return corrupt();
  for (const Json& name : classes->as_array()) {
    if (!name.is_string()) return corrupt();
    estimator.classes_.emplace_back(name.get_string());
  }
  const std::size_t width = estimator.classes_.size();
  if (!estimator.ready_) {
    types::ClassRows& rows = estimator.rows_;
    rows.classes = width;
    rows.labels = TRY(places(object.if_contains("labels"), width));
    rows.said = TRY(places(object.if_contains("said"), width));
    rows.chances = TRY(numbers(object.if_contains("chances")));
    if (rows.said.size() != rows.labels.size() || rows.chances.size() != rows.labels.size() * width)
      return corrupt();
    return estimator;
  }
  const Json* calibrations = object.if_contains("calibrations");
  const Json* variances = object.if_contains("variances");
  if (calibrations == nullptr || !calibrations->is_array() ||
      calibrations->as_array().size() != width || variances == nullptr || !variances->is_object())
    return corrupt();
  for (const Json& one : calibrations->as_array()) {
    if (!one.is_object()) return corrupt();
    std::vector<double> knots = TRY(numbers(one.as_object().if_contains("knots")));
    std::vector<double> chances = TRY(numbers(one.as_object().if_contains("chances")));
    if (knots.size() != chances.size()) return corrupt();
    estimator.calibrations_.emplace_back(std::move(knots), std::move(chances));
  }
  for (const auto& [name, value] : variances->as_object()) {
    estimator.variances_[std::string(name)] = value.is_number() ? value.to_number<double>() : kNone;
  }
  return estimator;
}

Estimates estimate_classes(const ClassEstimators& estimators, const ClassRowsByVersion& rows) {
  Estimates estimates;
  for (const auto& [version, of] : rows) {
    const auto found = estimators.find(version);
    if (found == estimators.end() || !found->second.is_ready() || of.rows.chances.empty()) continue;
    if (std::ssize(of.rows.said) <= estimates.rows) continue;
    estimates.rows = std::ssize(of.rows.said);
    estimates.calibrated = found->second.is_calibrated();
    estimates.values = found->second.estimate(of);
  }
  return estimates;
}

}  // namespace slipway::monitor
