#include "monitor/watched_parts.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "monitor/metrics.h"

namespace slipway::monitor {
namespace {

const std::string kCalendar = "calendar", kWeek = "week", kReference = "reference",
                  kThreshold = "threshold", kEstimates = "estimates";

// How inputs are measured.
DriftRules of_inputs(DriftRules rules) {
  rules.prediction.reset();
  return rules;
}

constexpr std::string_view kFromReference[] = {
    "feature_psi_max",    "drifted_share",    "multivariate_drift",  "multivariate_drifted",
    "embeddings_drifted", "missing_rate",     "missing_rate_max",    "unseen_rate",
    "unseen_rate_max",    "attribution_ndcg", "associations_changed"};
constexpr std::string_view kDecided[] = {"accuracy", "precision", "recall", "specificity", "f1"};

template <std::size_t kSize>
bool contains(const std::string_view (&names)[kSize], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string slice_part(const std::string& slice) { return "slice " + slice; }

}  // namespace

WatchedParts parts_of(const AlertRule& rule) {
  WatchedParts parts = {kRequestsPart, kCalendar};
  if (rule.window == WindowKind::kWeek) parts.insert(kWeek);
  const bool is_of_input = !rule.input.empty() && rule.metric != "violation_rate";
  if (is_of_input || contains(kFromReference, rule.metric)) parts.insert(kReference);
  if (is_of_predictions_method(rule.metric)) parts.insert(kPredictionsPart);
  if (contains(kDecided, rule.metric)) parts.insert(kThreshold);
  if (rule.metric.starts_with("estimate")) parts.insert(kEstimates);
  if (rule.metric == kDatasetAge) parts.insert(kDatasetsPart);
  if (!rule.slice.empty()) parts.insert(slice_part(rule.slice));
  return parts;
}

WatchedParts changed_parts(const MonitorDefinition& before, const MonitorDefinition& now) {
  WatchedParts changed;
  const auto add = [&](const std::string& part, bool differs) {
    if (differs) changed.insert(part);
  };
  add(kRequestsPart, before.endpoint != now.endpoint || before.problem != now.problem);
  add(kCalendar, before.time_zone != now.time_zone);
  add(kWeek, before.week_starts != now.week_starts);
  add(kReference, before.reference_from != now.reference_from ||
                      before.reference_to != now.reference_to ||
                      of_inputs(before.drift) != of_inputs(now.drift));
  add(kPredictionsPart, before.drift.prediction != now.drift.prediction);
  add(kThreshold, before.estimate.threshold != now.estimate.threshold);
  add(kEstimates, before.estimate != now.estimate);
  add(kDatasetsPart, before.datasets != now.datasets);
  for (const DeclaredSlice& slice : before.slices) {
    for (const DeclaredSlice& other : now.slices)
      add(slice_part(slice.name), slice.name == other.name && slice.when != other.when);
  }
  return changed;
}

bool keeps_its_past(const AlertRule& before, const MonitorDefinition& now,
                    const WatchedParts& changed) {
  const WatchedParts parts = parts_of(before);
  const bool has_changed = std::any_of(
      parts.begin(), parts.end(), [&](const std::string& part) { return changed.contains(part); });
  return !has_changed &&
         std::any_of(now.alerts.begin(), now.alerts.end(), [&](const AlertRule& rule) {
           return rule.name == before.name && rule.metric == before.metric &&
                  rule.slice == before.slice && rule.input == before.input &&
                  rule.window == before.window;
         });
}

base::Timestamp first_whole_window(const Calendar& calendar, WindowKind kind,
                                   base::Timestamp next) {
  const Window window = calendar.window_of(kind, next);
  return window.start == next ? window.start : window.end;
}

}  // namespace slipway::monitor
