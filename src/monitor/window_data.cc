// What the rows of a window are like together: beside the reference, and on their own.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "monitor/class_answers.h"
#include "monitor/metrics.h"
#include "monitor/window_result.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void WindowRows::compare_together(const DriftProfile& reference, VariantResult& live) const {
  const auto picked = by_variant_.find("live");
  if (picked == by_variant_.end()) return;
  const auto note = [&](std::string_view what, const Error& error) {
    live.add_note(fmt::format("{}: {}", what, error.message));
  };
  if (const MultivariateProfile* together = reference.multivariate()) {
    const auto found = together->compare(
        *frame_, picked->second, [](std::string_view column) { return !is_log_column(column); });
    live.metrics["multivariate_drift"] = found ? found->score : kNone;
    live.metrics["multivariate_drifted"] = found ? (found->drifted ? 1 : 0) : kNone;
    if (found) {
      live.multivariate = found->to_json();
    } else {
      note("no multivariate drift", found.error());
    }
  }
  double drifted = 0;
  const auto embeddings = reference.compare_embeddings(*frame_, picked->second);
  for (const auto& [name, found] : embeddings) {
    if (found) {
      live.embeddings.push_back(found->to_json());
      drifted += found->drifted;
    } else {
      note("no drift of embedding " + name, found.error());
    }
  }
  if (!embeddings.empty())
    live.metrics["embeddings_drifted"] = live.embeddings.empty() ? kNone : drifted;
  if (const auto changes = reference.association_changes(*frame_, picked->second)) {
    live.metrics["associations_changed"] = static_cast<double>(changes->size());
    for (const AssociationChange& change : *changes) live.associations.push_back(change.to_json());
  }
}

types::Column WindowRows::answers(const ProblemRules& rules, const std::string& variant) const {
  const bool says_classes = rules.kind == Problem::kMulticlass;
  types::Column answers = types::Column::of_type(
      "prediction", says_classes ? types::ColumnType::kString : types::ColumnType::kDouble);
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return answers;
  for (const std::size_t row : found->second) {
    const Scored answer = scored(row);
    if (answer.failed) continue;
    if (says_classes) {
      auto read = class_answer(rules, row);
      read ? answers.append_string(std::move(read->said)) : answers.append_null();
    } else {
      std::isfinite(answer.prediction) ? answers.append_double(answer.prediction)
                                       : answers.append_null();
    }
  }
  return answers;
}

void WindowRows::compare_predictions(const PredictionBaseline& baseline, const DriftRule& rule,
                                     const ProblemRules& problem, VariantResult& result) const {
  if (!baseline.has_answers()) return;
  const PredictionDrift drift = baseline.compare(answers(problem, result.variant), rule);
  result.metrics[kPredictionDrift] = drift.found.score;
  result.metrics[kPredictionDrifted] = drift.found.drifted ? 1 : 0;
  result.prediction_drift = drift;
}

void WindowRows::look_at_inputs(VariantResult& live) const {
  live.violations = InputViolations::of(*frame_);
  if (live.violations.rows > 0) live.metrics["violation_rate"] = live.violations.rate();
}

VariantResult VariantResult::of_silence(std::optional<base::Timestamp> last_asked,
                                        base::Timestamp to) {
  VariantResult live{.variant = "live", .role = "live"};
  live.completeness = 1;  // no label is missing
  live.metrics["requests"] = 0;
  if (last_asked)
    live.metrics["quiet_hours_max"] = live.metrics["quiet_hours"] =
        static_cast<double>((to - *last_asked).micros) / kMicrosPerHour;
  return live;
}

void WindowRows::look_at_times(std::optional<base::Timestamp> last_asked, base::Timestamp to,
                               VariantResult& live) const {
  const auto picked = by_variant_.find("live");
  if (picked == by_variant_.end()) return;
  const std::vector<std::size_t>& rows = picked->second;
  if (times_ == nullptr) return;
  std::vector<std::int64_t> times;
  for (const std::size_t row : rows) times.push_back(times_->ints[row]);
  std::sort(times.begin(), times.end());
  live.metrics["quiet_hours"] = static_cast<double>(to.micros - times.back()) / kMicrosPerHour;
  times.push_back(to.micros);
  std::int64_t longest = 0, last = last_asked ? last_asked->micros : times.front();
  for (const std::int64_t time : times)
    longest = std::max(longest, time - std::exchange(last, time));
  live.metrics["quiet_hours_max"] = static_cast<double>(longest) / kMicrosPerHour;
}

std::set<std::int64_t> WindowRows::model_versions() const {
  std::set<std::int64_t> versions;
  for (const auto& [variant, picked] : by_variant_) {
    for (const std::size_t row : picked) versions.insert(scored(row).model_version);
  }
  return versions;
}

std::map<std::int64_t, std::vector<std::size_t>> WindowRows::labelled_rows(
    const Labels& labels) const {
  std::map<std::int64_t, std::vector<std::size_t>> rows;
  for (const auto& [variant, picked] : by_variant_) {
    for (const std::size_t row : rows_to_learn_from(variant)) {
      const Scored answer = scored(row);
      const auto label = labels.find(ids_->strings[row]);
      if (answer.failed || !std::isfinite(answer.prediction) || label == labels.end()) continue;
      if (!label->second.value || !std::isfinite(*label->second.value)) continue;
      rows[answer.model_version].push_back(row);
    }
  }
  return rows;
}

}  // namespace slipway::monitor
