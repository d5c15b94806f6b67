#include "monitor/window_result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_set>

#include "monitor/drift/bins.h"
#include "monitor/drift/share_distances.h"
#include "monitor/estimate/expected_performance.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<std::string_view, 12> kLogColumns = {
    "request_id", "endpoint",     "revision",   "variant",    "role",  "model_version",
    "event_time", "arrival_time", "latency_us", "prediction", "error", "traffic"};

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

PredictionBaseline PredictionBaseline::of(std::vector<double> predictions) {
  std::sort(predictions.begin(), predictions.end());
  PredictionBaseline baseline;
  baseline.edges = profile_edges(predictions);
  baseline.counts = histogram(predictions, baseline.edges);
  return baseline;
}

std::string PredictionBaseline::to_text() const {
  JsonArray inner, all;
  for (std::size_t i = 1; i + 1 < edges.size(); ++i) inner.emplace_back(edges[i]);
  for (const double count : counts) all.emplace_back(count);
  return base::to_text(JsonObject{{"inner_edges", std::move(inner)}, {"counts", std::move(all)}});
}

Result<PredictionBaseline> PredictionBaseline::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  const Json* inner = object.if_contains("inner_edges");
  const Json* all = object.if_contains("counts");
  if (inner == nullptr || all == nullptr || !inner->is_array() || !all->is_array() ||
      all->as_array().size() != inner->as_array().size() + 1) {
    return base::error(Code::kCorruption, "a stored prediction baseline makes no sense");
  }
  PredictionBaseline baseline;
  baseline.edges.push_back(-std::numeric_limits<double>::infinity());
  for (const Json& edge : inner->as_array()) baseline.edges.push_back(edge.to_number<double>());
  baseline.edges.push_back(std::numeric_limits<double>::infinity());
  for (const Json& count : all->as_array()) baseline.counts.push_back(count.to_number<double>());
  return baseline;
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
  if (const Json* drift = object.if_contains("drift"); drift && drift->is_array()) {
    for (const Json& feature : drift->as_array()) {
      if (!feature.is_object()) continue;
      result.drift.push_back(TRY(FeatureDrift::from_json(feature.as_object())));
    }
  }
  if (const Json* together = object.if_contains("multivariate"); together && together->is_object())
    result.multivariate = together->as_object();
  // Windows that were judged before there were estimates have none.
  if (const Json* estimates = object.if_contains("estimates"); estimates && estimates->is_object())
    result.estimates = TRY(Estimates::from_json(estimates->as_object()));
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
  JsonArray features;
  for (const FeatureDrift& feature : drift) features.push_back(feature.to_json());
  object["drift"] = std::move(features);
  if (!multivariate.empty()) object["multivariate"] = multivariate;
  if (!estimates.values.empty()) object["estimates"] = estimates.to_json();
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

  std::unordered_set<std::string> seen;
  std::map<std::string, std::vector<std::size_t>> live;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    if (traffic->is_valid(row) && !traffic->strings[row].empty()) continue;
    const std::string& variant = rows.variants_->strings[row];
    const bool is_live = rows.roles_->strings[row] == "live";
    // One id is one request, whichever live variant a retry met.
    if (!seen.insert((is_live ? "live" : "shadow/" + variant) + '\n' + rows.ids_->strings[row])
             .second) {
      continue;
    }
    if (is_live) {
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
    if (label == labels.end() || !label->second || !std::isfinite(request.prediction)) continue;
    differences.push_back(request.prediction - *label->second);
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

std::map<std::int64_t, std::vector<std::pair<double, double>>> WindowRows::labelled_chances(
    const Labels& labels) const {
  std::map<std::int64_t, std::vector<std::pair<double, double>>> by_version;
  for (const auto& [variant, picked] : by_variant_) {
    // A live variant's own rows are among those of "live".
    if (variant != "live" && roles_->strings[picked.front()] == "live") continue;
    std::vector<std::size_t> rows = picked;
    std::sort(rows.begin(), rows.end(),
              [&](std::size_t a, std::size_t b) { return ids_->strings[a] < ids_->strings[b]; });
    for (const std::size_t row : rows) {
      const Scored answer = scored(row);
      if (answer.failed || !(answer.prediction >= 0 && answer.prediction <= 1)) continue;
      const auto label = labels.find(ids_->strings[row]);
      if (label == labels.end() || !label->second) continue;
      if (*label->second != 0 && *label->second != 1) continue;
      by_version[answer.model_version].emplace_back(answer.prediction, *label->second);
    }
  }
  return by_version;
}

VariantResult WindowRows::judge(const std::string& variant, const Labels& labels,
                                const DriftProfile* profile, const PredictionBaseline* baseline,
                                double threshold) const {
  VariantResult result{.variant = variant};
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return result;
  const std::vector<std::size_t>& rows = found->second;
  result.rows = static_cast<std::int64_t>(rows.size());
  result.role = roles_->strings[rows.front()];

  std::map<std::int64_t, std::int64_t> versions;
  std::vector<double> latencies, scores, truths;
  double resolved = 0, prediction_sum = 0, predicted = 0;
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
    if (!std::isfinite(prediction)) continue;
    prediction_sum += prediction;
    predicted += 1;
    if (label == labels.end() || !label->second) continue;
    scores.push_back(prediction);
    truths.push_back(*label->second);
  }
  for (const auto& [version, count] : versions) {
    if (count > versions[result.model_version]) result.model_version = version;
  }
  result.labels = static_cast<std::int64_t>(scores.size());
  const auto n = static_cast<double>(rows.size());
  result.completeness = resolved / n;

  const types::Performance performance = types::measure_performance(scores, truths);
  auto& metrics = result.metrics;
  metrics["auc"] = performance.auc;
  metrics["log_loss"] = performance.log_loss;
  metrics["brier"] = performance.brier;
  metrics["ece"] = performance.ece;
  metrics["calibration_bias"] = performance.calibration_bias;
  metrics["late_rate"] = performance.label_mean;
  metrics["log_loss_ratio"] = performance.log_loss_ratio;
  const auto decided = expected_performance(scores, truths, threshold);
  for (const char* name :
       {"average_precision", "accuracy", "precision", "recall", "specificity", "f1"}) {
    metrics[name] = decided.at(name);
  }
  metrics["mean_prediction"] = predicted > 0 ? prediction_sum / predicted : kNone;
  metrics["completeness"] = result.completeness;
  metrics["requests"] = n;
  metrics["error_rate"] = static_cast<double>(result.errors) / n;
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
  for (const FeatureDrift& drift : result.drift) {
    missing += drift.missing_rate;
    drifted += drift.drifted;
    if (drift.categorical) {
      unseen += drift.unseen_rate;
      categorical += 1;
    }
    if (!(drift.psi <= psi_max)) psi_max = std::isnan(drift.psi) ? psi_max : drift.psi;
  }
  const auto features = static_cast<double>(result.drift.size());
  metrics["missing_rate"] = features > 0 ? missing / features : kNone;
  metrics["unseen_rate"] = categorical > 0 ? unseen / categorical : kNone;
  metrics["feature_psi_max"] = psi_max;
  metrics["drifted_share"] = features > 0 ? drifted / features : kNone;
  return result;
}

void WindowRows::compare_together(const MultivariateProfile& reference, VariantResult& live) const {
  const auto picked = by_variant_.find("live");
  if (picked == by_variant_.end()) return;
  const auto found = reference.compare(
      *frame_, picked->second, [](std::string_view column) { return !is_log_column(column); });
  live.metrics["multivariate_drift"] = found ? found->score : kNone;
  live.metrics["multivariate_drifted"] = found ? (found->drifted ? 1 : 0) : kNone;
  if (found) {
    live.multivariate = found->to_json();
  } else {
    live.note +=
        (live.note.empty() ? "" : "; ") + ("no multivariate drift: " + found.error().message);
  }
}

}  // namespace slipway::monitor
