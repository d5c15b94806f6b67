#include "monitor/window_result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>

#include "monitor/class_answers.h"
#include "monitor/drift/bins.h"
#include "monitor/drift/share_distances.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<std::string_view, 14> kLogColumns = {
    "request_id",    "endpoint",   "revision",          "variant",         "role",
    "model_version", "event_time", "arrival_time",      "latency_us",      "prediction",
    "error",         "traffic",    "prediction_values", "input_violations"};

Result<const types::Column*> log_column(const types::Frame& frame, std::string_view name,
                                        types::ColumnType type) {
  const types::Column* column = TRY(frame.column(name));
  if (column->type != type) {
    return base::error(Code::kInvalidArgument,
                       "the request log has a column of another type: column={} expected={} got={}",
                       name, types::type_name(type), types::type_name(column->type));
  }
  return column;
}

// Rows of a request with several are logged as ID/0, ID/1...
constexpr std::string_view kFirstRow = "/0";

bool is_row_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_error(const types::Column& errors, std::size_t row) {
  return errors.is_valid(row) && !errors.strings[row].empty();
}

}  // namespace

bool is_log_column(std::string_view name) {
  return name.starts_with("request.") ||
         std::find(kLogColumns.begin(), kLogColumns.end(), name) != kLogColumns.end();
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return kNone;
  const auto rank =
      static_cast<std::size_t>(std::clamp(std::ceil(share * static_cast<double>(values.size())),
                                          1.0, static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Result<VariantResult> VariantResult::from_json(const JsonObject& object) {
  VariantResult result{.variant = TRY(base::get_string(object, "variant")),
                       .role = TRY(base::get_string(object, "role"))};
  result.model_version = TRY(base::get_int(object, "model_version"));
  result.rows = TRY(base::get_int(object, "rows"));
  result.errors = TRY(base::get_int(object, "errors"));
  result.labels = TRY(base::get_int(object, "labels"));
  result.completeness = TRY(base::find_double(object, "completeness")).value_or(kNone);
  if (const Json* metrics = object.if_contains("metrics"); metrics && metrics->is_object()) {
    for (const auto& [name, value] : metrics->as_object()) {
      result.metrics[std::string(name)] = value.is_number() ? value.to_number<double>() : kNone;
    }
  }
  if (const Json* intervals = object.if_contains("intervals");
      intervals && intervals->is_object()) {
    for (const auto& [name, ends] : intervals->as_object()) {
      if (!ends.is_array() || ends.as_array().size() != 2) continue;
      const Json &low = ends.as_array()[0], &high = ends.as_array()[1];
      result.intervals[std::string(name)] = {low.is_number() ? low.to_number<double>() : kNone,
                                             high.is_number() ? high.to_number<double>() : kNone};
    }
  }
  if (const Json* confusion = object.if_contains("confusion"); confusion && confusion->is_object())
    result.confusion = TRY(Confusion::from_json(confusion->as_object()));
  if (const Json* drift = object.if_contains("drift"); drift && drift->is_array()) {
    for (const Json& feature : drift->as_array()) {
      if (!feature.is_object()) continue;
      result.drift.push_back(TRY(FeatureDrift::from_json(feature.as_object())));
    }
  }
  if (const Json* one = object.if_contains("prediction_drift"); one && one->is_object())
    result.prediction_drift = TRY(PredictionDrift::from_json(one->as_object()));
  if (const Json* together = object.if_contains("multivariate"); together && together->is_object())
    result.multivariate = together->as_object();
  if (const Json* vectors = object.if_contains("embeddings"); vectors && vectors->is_array())
    result.embeddings = vectors->as_array();
  if (const Json* changes = object.if_contains("associations"); changes && changes->is_array())
    result.associations = changes->as_array();
  if (const Json* member = object.if_contains("slices"); member && member->is_object())
    result.slices = TRY(SliceReport::from_json(member->as_object()));
  if (const Json* declared = object.if_contains("declared_slices");
      declared && declared->is_array()) {
    for (const Json& slice : declared->as_array()) {
      if (!slice.is_object()) continue;
      result.declared_slices.push_back(TRY(SliceResult::from_json(slice.as_object())));
    }
  }
  if (const Json* member = object.if_contains("attributions"); member && member->is_object())
    result.attributions = TRY(AttributionDrift::from_json(member->as_object()));
  // Windows that were judged before there were estimates have none.
  if (const Json* estimates = object.if_contains("estimates"); estimates && estimates->is_object())
    result.estimates = TRY(Estimates::from_json(estimates->as_object()));
  if (const Json* member = object.if_contains("violations"); member && member->is_object())
    result.violations = TRY(InputViolations::from_json(member->as_object()));
  result.note = TRY(base::find_string(object, "note")).value_or("");
  return result;
}

void VariantResult::add_estimates(Estimates made) {
  estimates = std::move(made);
  for (auto& [name, estimate] : estimates.values) {
    metrics["estimated_" + name] = estimate.value;
    const auto known = metrics.find(name);
    if (known == metrics.end() || !std::isfinite(known->second)) continue;
    estimate.realised = known->second;
    metrics["estimate_error_" + name] = estimate.error();
  }
}

void VariantResult::add_note(std::string_view sentence) {
  if (sentence.empty()) return;
  note += (note.empty() ? "" : "; ") + std::string(sentence);
}

JsonObject VariantResult::to_json() const {
  JsonObject object{{"variant", variant},
                    {"role", role},
                    {"model_version", model_version},
                    {"rows", rows},
                    {"errors", errors},
                    {"labels", labels},
                    {"completeness", base::number_or_null(completeness)}};
  JsonObject values;
  for (const auto& [name, value] : metrics) values[name] = base::number_or_null(value);
  object["metrics"] = std::move(values);
  JsonObject ends;
  for (const auto& [name, interval] : intervals) {
    ends[name] = JsonArray{base::number_or_null(interval.low), base::number_or_null(interval.high)};
  }
  object["intervals"] = std::move(ends);
  if (!confusion.classes.empty()) object["confusion"] = confusion.to_json();
  JsonArray features;
  for (const FeatureDrift& feature : drift) features.push_back(feature.to_json());
  object["drift"] = std::move(features);
  if (prediction_drift) object["prediction_drift"] = prediction_drift->to_json();
  if (!multivariate.empty()) object["multivariate"] = multivariate;
  if (!embeddings.empty()) object["embeddings"] = embeddings;
  if (!associations.empty()) object["associations"] = associations;
  if (!estimates.values.empty()) object["estimates"] = estimates.to_json();
  if (slices) object["slices"] = slices->to_json();
  JsonArray declared;
  for (const SliceResult& slice : declared_slices) declared.push_back(slice.to_json());
  if (!declared.empty()) object["declared_slices"] = std::move(declared);
  if (attributions) object["attributions"] = attributions->to_json();
  if (violations.rows > 0) object["violations"] = violations.to_json();
  if (!note.empty()) object["note"] = note;
  return object;
}

Result<WindowRows> WindowRows::of(const types::Frame& frame) {
  WindowRows rows;
  rows.frame_ = &frame;
  if (frame.rows() == 0) return rows;
  using enum types::ColumnType;
  rows.ids_ = TRY(log_column(frame, "request_id", kString));
  rows.variants_ = TRY(log_column(frame, "variant", kString));
  rows.roles_ = TRY(log_column(frame, "role", kString));
  rows.versions_ = TRY(log_column(frame, "model_version", kInt64));
  rows.latencies_ = TRY(log_column(frame, "latency_us", kInt64));
  rows.predictions_ = TRY(log_column(frame, "prediction", kDouble));
  rows.errors_ = TRY(log_column(frame, "error", kString));
  const types::Column* traffic = TRY(log_column(frame, "traffic", kString));
  rows.times_ = frame.find("event_time");
  rows.answers_ = frame.find("prediction_values");

  // One id is one request, whichever live variant a retry met. Its first answer counts, as that is
  // what was acted on; without any its first failure.
  std::unordered_map<std::string, std::size_t> chosen;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    // Also of a first row that is left out: its rules may have kept it apart alone.
    if (const std::string& id = rows.ids_->strings[row]; id.ends_with(kFirstRow))
      rows.batches_.insert(id.substr(0, id.size() - kFirstRow.size()));
    if (traffic->is_valid(row) && !traffic->strings[row].empty()) continue;
    const bool is_live = rows.roles_->strings[row] == "live";
    const auto [request, is_first] =
        chosen.try_emplace((is_live ? "live" : "shadow/" + rows.variants_->strings[row]) + '\n' +
                               rows.ids_->strings[row],
                           row);
    if (!is_first && is_error(*rows.errors_, request->second) && !is_error(*rows.errors_, row))
      request->second = row;
  }
  std::vector<std::size_t> counting;
  for (const auto& [request, row] : chosen) counting.push_back(row);
  std::ranges::sort(counting);
  std::map<std::string, std::vector<std::size_t>> live;
  for (const std::size_t row : counting) {
    const std::string& variant = rows.variants_->strings[row];
    if (rows.roles_->strings[row] == "live") {
      rows.by_variant_["live"].push_back(row);
      live[variant].push_back(row);
    } else {
      rows.by_variant_[variant].push_back(row);
    }
  }
  if (live.size() > 1) {
    for (auto& [variant, picked] : live) {
      if (variant != "live") rows.by_variant_[variant] = std::move(picked);
    }
  }
  return rows;
}

std::vector<std::string> WindowRows::live_request_ids() const {
  std::vector<std::string> ids;
  const auto live = by_variant_.find("live");
  if (live == by_variant_.end()) return ids;
  for (const std::size_t row : live->second) ids.push_back(ids_->strings[row]);
  return ids;
}

std::string WindowRows::group_of(const ProblemRules& rules, std::size_t row) const {
  if (rules.group.empty()) {
    const std::string& id = ids_->strings[row];
    const std::size_t slash = id.rfind('/');
    if (slash == std::string::npos || !is_row_number(std::string_view(id).substr(slash + 1)))
      return id;
    const auto batch = batches_.find(id.substr(0, slash));
    return batch == batches_.end() ? id : *batch;
  }
  const types::Column* column = frame_->find(rules.group);
  if (column == nullptr) column = frame_->find("request." + rules.group);
  if (column == nullptr || !column->is_valid(row)) return "";
  return column->type == types::ColumnType::kString ? column->strings[row]
                                                    : fmt::format("{}", column->number(row));
}

std::optional<double> WindowRows::error_of(const QualityRules& rules, std::size_t row,
                                           const KnownLabel& label) const {
  if ((!label.value && label.class_name.empty()) || find_fault(rules.problem, label))
    return std::nullopt;
  const double prediction = predictions_->number(row);
  switch (rules.problem.kind) {
    case Problem::kBinary:
      if (!std::isfinite(prediction)) return std::nullopt;
      return (prediction >= rules.threshold) != (*label.value > 0.5) ? 1 : 0;
    case Problem::kRegression:
      if (!std::isfinite(prediction)) return std::nullopt;
      return std::abs(prediction - *label.value);
    case Problem::kMulticlass: {
      const auto answer = class_answer(rules.problem, row);
      if (!answer) return std::nullopt;
      return answer->said != class_of(rules.problem, label) ? 1 : 0;
    }
    case Problem::kRanking:
      break;
  }
  return std::nullopt;
}

std::optional<ClassAnswer> WindowRows::class_answer(const ProblemRules& rules,
                                                    std::size_t row) const {
  const LabelledAnswer logged = answer_of(row);
  return read_class_answer(rules, logged.prediction, logged.answer);
}

WindowRows WindowRows::live_where(const std::vector<bool>& picks) const {
  WindowRows some = *this;
  some.by_variant_.clear();
  const auto live = by_variant_.find("live");
  if (live == by_variant_.end()) return some;
  std::vector<std::size_t> rows;
  for (const std::size_t row : live->second) {
    if (picks[row]) rows.push_back(row);
  }
  if (!rows.empty()) some.by_variant_["live"] = std::move(rows);
  return some;
}

std::vector<std::size_t> WindowRows::answered_by(const std::string& variant) const {
  std::vector<std::size_t> rows;
  const auto live = by_variant_.find("live");
  if (live == by_variant_.end()) return rows;
  for (const std::size_t row : live->second) {
    if (variants_->strings[row] == variant) rows.push_back(row);
  }
  return rows;
}

WindowRows::Scored WindowRows::scored(std::size_t row) const {
  Scored scored{.prediction = predictions_->number(row),
                .latency_ms = kNone,
                .model_version = versions_->is_valid(row) ? versions_->ints[row] : 0,
                .failed = is_error(*errors_, row)};
  if (latencies_->is_valid(row))
    scored.latency_ms = static_cast<double>(latencies_->ints[row]) / 1000;
  return scored;
}

VariantSummary WindowRows::summarize(const std::string& variant, const Labels& labels,
                                     double slow_over_ms) const {
  VariantSummary summary{
      .latency_ms_p99 = kNone, .calibration_bias = kNone, .calibration_bias_error = kNone};
  std::vector<double> latencies, differences;
  for (const std::size_t row : answered_by(variant)) {
    ++summary.requests;
    const Scored request = scored(row);
    if (std::isfinite(request.latency_ms)) latencies.push_back(request.latency_ms);
    if (request.latency_ms > slow_over_ms) ++summary.slow;
    if (request.failed) {
      ++summary.errors;
      continue;
    }
    const auto label = labels.find(ids_->strings[row]);
    if (label == labels.end() || !label->second.value || !std::isfinite(request.prediction))
      continue;
    differences.push_back(request.prediction - *label->second.value);
  }
  summary.latency_ms_p99 = quantile(std::move(latencies), 0.99);
  summary.labels = static_cast<std::int64_t>(differences.size());
  if (differences.empty()) return summary;
  const auto n = static_cast<double>(differences.size());
  double sum = 0, squares = 0;
  for (const double difference : differences) sum += difference;
  summary.calibration_bias = sum / n;
  if (differences.size() < 2) return summary;
  for (const double difference : differences) {
    squares += (difference - sum / n) * (difference - sum / n);
  }
  summary.calibration_bias_error = std::sqrt(squares / (n - 1) / n);
  return summary;
}

std::vector<double> WindowRows::predictions(const std::string& variant) const {
  std::vector<double> values;
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return values;
  for (const std::size_t row : found->second) {
    if (is_error(*errors_, row) || !predictions_->is_valid(row)) continue;
    const double value = predictions_->doubles[row];
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

std::vector<VersionedScore> WindowRows::chances(const std::string& variant) const {
  std::vector<VersionedScore> scores;
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return scores;
  for (const std::size_t row : found->second) {
    const Scored answer = scored(row);
    if (answer.failed || !(answer.prediction >= 0 && answer.prediction <= 1)) continue;
    scores.push_back({answer.model_version, answer.prediction});
  }
  return scores;
}

LabelledAnswer WindowRows::answer_of(std::size_t row) const {
  LabelledAnswer answer{.request_id = ids_->strings[row], .prediction = predictions_->number(row)};
  if (answers_ != nullptr && answers_->is_valid(row)) answer.answer = answers_->strings[row];
  return answer;
}

ClassRowsByVersion WindowRows::classes(const ProblemRules& rules,
                                       const std::string& variant) const {
  std::map<std::int64_t, std::vector<LabelledAnswer>> answers;
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return {};
  for (const std::size_t row : found->second) {
    const Scored answer = scored(row);
    if (!answer.failed) answers[answer.model_version].push_back(answer_of(row));
  }
  ClassRowsByVersion rows;
  for (const auto& [version, of] : answers) rows[version] = class_rows(rules, of);
  return rows;
}

ClassRowsByVersion WindowRows::labelled_classes(const ProblemRules& rules,
                                                const Labels& labels) const {
  std::map<std::int64_t, std::vector<LabelledAnswer>> answers;
  for (const auto& [variant, picked] : by_variant_) {
    for (const std::size_t row : rows_to_learn_from(variant)) {
      const Scored answer = scored(row);
      const auto label = labels.find(ids_->strings[row]);
      if (answer.failed || label == labels.end()) continue;
      const KnownLabel& known = label->second;
      if ((!known.value && known.class_name.empty()) || find_fault(rules, known)) continue;
      answers[answer.model_version].push_back(answer_of(row));
      answers[answer.model_version].back().label = &known;
    }
  }
  ClassRowsByVersion rows;
  for (const auto& [version, of] : answers) rows[version] = class_rows(rules, of);
  return rows;
}

std::vector<std::size_t> WindowRows::rows_to_learn_from(const std::string& variant) const {
  std::vector<std::size_t> rows = by_variant_.at(variant);
  if (variant != "live" && roles_->strings[rows.front()] == "live") return {};
  std::sort(rows.begin(), rows.end(),
            [&](std::size_t a, std::size_t b) { return ids_->strings[a] < ids_->strings[b]; });
  return rows;
}

void WindowRows::add_predicted(std::size_t row, RowsByVersion& to) const {
  const Scored answer = scored(row);
  PredictedRows& rows = to[answer.model_version];
  std::size_t at = 0;
  for (const types::Column& column : frame_->columns()) {
    if (is_log_column(column.name) || column.type == types::ColumnType::kTimestamp) continue;
    if (at == rows.inputs.size()) {
      rows.inputs.push_back(
          {.name = column.name, .is_text = column.type == types::ColumnType::kString});
    }
    InputColumn& input = rows.inputs[at++];
    if (input.is_text) {
      input.texts.push_back(column.strings[row]);
    } else {
      input.numbers.push_back(column.number(row));
    }
  }
  rows.predictions.push_back(answer.prediction);
}

RowsByVersion WindowRows::predicted(const std::string& variant) const {
  RowsByVersion rows;
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return rows;
  for (const std::size_t row : found->second) {
    const Scored answer = scored(row);
    if (!answer.failed && std::isfinite(answer.prediction)) add_predicted(row, rows);
  }
  return rows;
}

RowsByVersion WindowRows::labelled_predictions(const Labels& labels) const {
  RowsByVersion by_version;
  for (const auto& [version, rows] : labelled_rows(labels)) {
    for (const std::size_t row : rows) {
      add_predicted(row, by_version);
      by_version[version].labels.push_back(*labels.at(ids_->strings[row]).value);
    }
  }
  return by_version;
}

std::map<std::int64_t, std::vector<std::pair<double, double>>> WindowRows::labelled_chances(
    const Labels& labels) const {
  std::map<std::int64_t, std::vector<std::pair<double, double>>> by_version;
  for (const auto& [variant, picked] : by_variant_) {
    for (const std::size_t row : rows_to_learn_from(variant)) {
      const Scored answer = scored(row);
      if (answer.failed || !(answer.prediction >= 0 && answer.prediction <= 1)) continue;
      const auto label = labels.find(ids_->strings[row]);
      if (label == labels.end() || !label->second.value) continue;
      const double value = *label->second.value;
      if (value != 0 && value != 1) continue;
      by_version[answer.model_version].emplace_back(answer.prediction, value);
    }
  }
  return by_version;
}

VariantResult WindowRows::judge(const std::string& variant, const Labels& labels,
                                const DriftProfile* profile, const PredictionBaseline* baseline,
                                const QualityRules& quality) const {
  VariantResult result{.variant = variant};
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return result;
  const std::vector<std::size_t>& rows = found->second;
  result.rows = static_cast<std::int64_t>(rows.size());
  result.role = roles_->strings[rows.front()];

  std::map<std::int64_t, std::int64_t> versions;
  std::vector<double> latencies, said, delays;
  std::vector<LabelledAnswer> answers;
  std::vector<std::string> groups(rows.size());
  double resolved = 0;
  for (const std::size_t row : rows) {
    ++versions[versions_->ints[row]];
    if (latencies_->is_valid(row)) {
      latencies.push_back(static_cast<double>(latencies_->ints[row]) / 1000);
    }
    const auto label = labels.find(ids_->strings[row]);
    if (label != labels.end()) resolved += 1;
    if (is_error(*errors_, row)) {
      ++result.errors;
      continue;
    }
    const double prediction = predictions_->number(row);
    // A class's number is no amount.
    if (std::isfinite(prediction) && quality.problem.kind != Problem::kMulticlass)
      said.push_back(prediction);
    if (label == labels.end()) continue;
    const KnownLabel& known = label->second;
    if ((!known.value && known.class_name.empty()) || find_fault(quality.problem, known)) continue;
    LabelledAnswer& answer = answers.emplace_back(answer_of(row));
    if (quality.problem.kind == Problem::kRanking)
      answer.group = groups[answers.size() - 1] = group_of(quality.problem, row);
    answer.label = &known;
    if (times_ != nullptr && known.arrival.micros != 0) {
      delays.push_back(static_cast<double>(known.arrival.micros - times_->ints[row]) /
                       kMicrosPerHour);
    }
  }
  for (const auto& [version, count] : versions) {
    if (count > versions[result.model_version]) result.model_version = version;
  }
  Quality measured = measure_quality(quality, std::move(answers));
  result.labels = measured.rows;
  result.confusion = std::move(measured.confusion);
  result.add_note(measured.note);
  const auto n = static_cast<double>(rows.size());
  result.completeness = resolved / n;

  auto& metrics = result.metrics;
  auto put = [&](const std::string& name, const types::Measured& one) {
    metrics[name] = one.value;
    if (!std::isnan(one.interval.low) && !std::isnan(one.interval.high))
      result.intervals[name] = one.interval;
  };
  for (const auto& [name, one] : measured.measures) put(name, one);
  put("mean_prediction", types::mean_of(said));
  put("completeness", types::share_of(resolved, n, kNone));
  put("error_rate", types::share_of(static_cast<double>(result.errors), n, kNone));
  metrics["requests"] = n;
  metrics["label_delay_hours_p50"] = quantile(delays, 0.5);
  metrics["label_delay_hours_p90"] = quantile(delays, 0.9);
  metrics["latency_ms_p50"] = quantile(latencies, 0.5);
  metrics["latency_ms_p99"] = quantile(latencies, 0.99);
  metrics["prediction_psi"] = kNone;
  if (baseline != nullptr) {
    std::vector<double> values = predictions(variant);
    std::sort(values.begin(), values.end());
    metrics["prediction_psi"] =
        population_stability_index(baseline->counts, histogram(values, baseline->edges));
  }

  if (result.variant == "live" && profile != nullptr) {
    result.drift = profile->compare(*frame_, rows);
    std::erase_if(result.drift, [](const FeatureDrift& d) { return is_log_column(d.feature); });
  }
  double missing = 0, unseen = 0, categorical = 0, drifted = 0, psi_max = kNone;
  double missing_max = 0, unseen_max = 0;
  for (const FeatureDrift& drift : result.drift) {
    missing += drift.missing_rate;
    missing_max = std::max(missing_max, drift.missing_rate);
    unseen_max = std::max(unseen_max, drift.unseen_rate);
    drifted += drift.drifted;
    if (drift.categorical) {
      unseen += drift.unseen_rate;
      categorical += 1;
    }
    if (!(drift.psi <= psi_max)) psi_max = std::isnan(drift.psi) ? psi_max : drift.psi;
  }
  const auto features = static_cast<double>(result.drift.size());
  metrics["missing_rate"] = features > 0 ? missing / features : kNone;
  metrics["missing_rate_max"] = features > 0 ? missing_max : kNone;
  metrics["unseen_rate"] = categorical > 0 ? unseen / categorical : kNone;
  metrics["unseen_rate_max"] = categorical > 0 ? unseen_max : kNone;
  metrics["feature_psi_max"] = psi_max;
  metrics["drifted_share"] = features > 0 ? drifted / features : kNone;
  return result;
}

}  // namespace slipway::monitor
