#include "monitor/alert_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "monitor/drift/methods.h"
#include "monitor/metrics.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr double kMissingRise = 0.05;
constexpr double kUnseenShare = 0.01;
constexpr double kViolatedShare = 0.01;
constexpr double kDriftedPsi = 0.25;
constexpr double kNearThreshold = 0.8;

double value_of(const std::map<std::string, double>& metrics, const std::string& metric) {
  const auto found = metrics.find(metric);
  return found == metrics.end() ? std::nan("") : found->second;
}

// Null: no row of the window was in it.
const SliceResult* slice_of(const AlertRule& rule, const VariantResult& live) {
  for (const SliceResult& slice : live.declared_slices) {
    if (slice.name == rule.slice) return &slice;
  }
  return nullptr;
}

// Null: the window says nothing of such an input.
const FeatureDrift* drift_of(const std::string& input, const VariantResult& live) {
  for (const FeatureDrift& drift : live.drift) {
    if (drift.feature == input) return &drift;
  }
  return nullptr;
}

// NaN: the window says nothing of such an input.
double input_value(const AlertRule& rule, const VariantResult& live) {
  if (rule.metric == "violation_rate") {
    if (live.violations.rows == 0) return std::nan("");
    return static_cast<double>(live.violations.rows_of(rule.input)) /
           static_cast<double>(live.violations.rows);
  }
  const FeatureDrift* const drift = drift_of(rule.input, live);
  if (drift == nullptr) return std::nan("");
  if (rule.metric == "missing_rate") return drift->missing_rate;
  if (rule.metric == "unseen_rate") return drift->unseen_rate;
  if (rule.metric == "psi") return drift->psi;
  if (rule.metric == "drift_score") return drift->score;
  return drift->drifted ? 1 : 0;
}

const char* limit_words(Drifts drifts) {
  switch (drifts) {
    case Drifts::kBelow:
      return "below";
    case Drifts::kAtMost:
      return "at most";
    case Drifts::kAtLeast:
      return "at least";
    case Drifts::kAbove:
      return "above";
  }
  return "";
}

double missing_rise(const FeatureDrift& drift) {
  return drift.missing_rate - drift.reference_missing_rate;
}

}  // namespace

double watched_value(const AlertRule& rule, const VariantResult& live) {
  if (!rule.input.empty()) return input_value(rule, live);
  if (rule.slice.empty()) return value_of(live.metrics, rule.metric);
  const SliceResult* slice = slice_of(rule, live);
  return slice == nullptr ? std::nan("") : value_of(slice->metrics, rule.metric);
}

std::int64_t watched_rows(const AlertRule& rule, const VariantResult& live) {
  const bool counts_labels = needs_labels(rule.metric);
  // Rows that were refused or put aside are behind it too.
  if (rule.metric == "violation_rate") return live.violations.rows;
  if (rule.slice.empty()) return counts_labels ? live.labels : live.rows;
  const SliceResult* slice = slice_of(rule, live);
  if (slice == nullptr) return 0;
  return counts_labels ? slice->labels : slice->rows;
}

RuleVerdict judge_rule(const AlertRule& rule, const VariantResult& live) {
  const double value = watched_value(rule, live);
  if (!std::isfinite(value)) return RuleVerdict::kNotJudged;
  if (watched_rows(rule, live) < rule.min_rows || !rule.has_bound()) return RuleVerdict::kNotJudged;
  return rule.fires(value) ? RuleVerdict::kFires : RuleVerdict::kFine;
}

bool is_measured_as_declared(const AlertRule& rule, const MonitorDefinition& definition,
                             const VariantResult& live) {
  if (!is_of_predictions_method(rule.metric)) return true;
  return live.prediction_drift && live.prediction_drift->rule == definition.drift.prediction;
}

std::string method_words(const AlertRule& rule, const VariantResult& live) {
  const FeatureDrift* drift = nullptr;
  if (is_of_predictions_method(rule.metric) && live.prediction_drift)
    drift = &live.prediction_drift->found;
  if (rule.metric == "drift_score" || rule.metric == "drifted") drift = drift_of(rule.input, live);
  const DriftMethod* const method = drift == nullptr ? nullptr : find_drift_method(drift->method);
  if (method == nullptr) return "";
  return fmt::format("{} is {:.4g} (threshold {:.4g}): {} says {}{:.4g}, and {} {:.4g} is drift",
                     rule.watched(), watched_value(rule, live), rule.threshold(), method->name,
                     method->is_p_value ? "p " : "", drift->score, limit_words(method->drifts),
                     drift->threshold);
}

JsonObject Cause::to_json() const {
  JsonObject object = drift.to_json();
  object["how"] = kind;
  return object;
}

std::vector<Cause> find_causes(const MonitorDefinition& definition, const VariantResult& live) {
  std::vector<Cause> causes;
  for (const FeatureDrift& drift : live.drift) {
    if (missing_rise(drift) >= kMissingRise) {
      causes.push_back({"missing_rate", drift});
    } else if (drift.unseen_rate >= kUnseenShare) {
      causes.push_back({"unseen_category", drift});
    } else if (drift.psi > definition.cause_psi_over) {
      causes.push_back({"distribution", drift});
    } else if (drift.text && drift.drifted) {
      causes.push_back({"texts", drift});
    }
  }
  const auto size = [](const Cause& cause) {
    return std::isfinite(cause.drift.psi) ? cause.drift.psi : missing_rise(cause.drift);
  };
  std::stable_sort(causes.begin(), causes.end(),
                   [&](const Cause& a, const Cause& b) { return size(a) > size(b); });
  // Before them what broke its rule, which is no question of chance.
  std::vector<Cause> broken;
  for (const auto& [column, rules] : live.violations.columns) {
    if (static_cast<double>(live.violations.rows_of(column)) <
        kViolatedShare * static_cast<double>(live.violations.rows))
      continue;
    Cause& cause = broken.emplace_back(Cause{.kind = "violation", .drift = {}});
    cause.drift.feature = column;
    cause.drift.psi = std::nan("");
    for (const FeatureDrift& drift : live.drift) {
      if (drift.feature == column) cause.drift = drift;
    }
    const auto known = std::find_if(causes.begin(), causes.end(), [&](const Cause& other) {
      return other.drift.feature == column;
    });
    if (known != causes.end()) causes.erase(known);  // it is told once
  }
  std::stable_sort(broken.begin(), broken.end(), [&](const Cause& a, const Cause& b) {
    return live.violations.rows_of(a.drift.feature) > live.violations.rows_of(b.drift.feature);
  });
  causes.insert(causes.begin(), broken.begin(), broken.end());
  // Behind them what the model goes by otherwise than it did.
  if (live.attributions && live.attributions->ndcg < kAttributionNdcgMin) {
    std::vector<AttributionDrift::Input> moved = live.attributions->inputs;
    std::erase_if(moved, [](const auto& input) { return input.rank == input.reference_rank; });
    std::stable_sort(moved.begin(), moved.end(), [](const auto& a, const auto& b) {
      return std::abs(a.now - a.reference) > std::abs(b.now - b.reference);
    });
    for (const AttributionDrift::Input& input : moved) {
      if (std::any_of(causes.begin(), causes.end(),
                      [&](const Cause& cause) { return cause.drift.feature == input.name; })) {
        continue;
      }
      Cause cause{.kind = "attribution"};
      cause.drift.feature = input.name;
      for (const FeatureDrift& drift : live.drift) {
        if (drift.feature == input.name) cause.drift = drift;
      }
      causes.push_back(std::move(cause));
    }
  }
  if (std::ssize(causes) > definition.causes_max) {
    causes.resize(static_cast<std::size_t>(definition.causes_max));
  }
  return causes;
}

ActionDecision decide_action(const ActionRule& rule, const VariantResult& live,
                             const ActionFacts& facts) {
  if (facts.silence) return {false, *facts.silence};
  if (facts.fired < rule.confirmed) {
    return {false, fmt::format("not confirmed yet: it has fired in {} of the {} windows in a row "
                               "that are asked for",
                               facts.fired, rule.confirmed)};
  }
  for (const FeatureDrift& drift : live.drift) {
    if (missing_rise(drift) <= rule.max_missing_rise) continue;
    return {false, fmt::format("the data is not clean: {} is missing in {:.0f} % of the rows, "
                               "against {:.0f} % in the reference",
                               drift.feature, drift.missing_rate * 100,
                               drift.reference_missing_rate * 100)};
  }
  for (const auto& [column, rules] : live.violations.columns) {
    const double share = static_cast<double>(live.violations.rows_of(column)) /
                         static_cast<double>(std::max<std::int64_t>(live.violations.rows, 1));
    if (share <= rule.max_missing_rise) continue;
    return {false, fmt::format("the data is not clean: {} breaks a rule of the endpoint in {:.0f} "
                               "% of the rows",
                               column, share * 100)};
  }
  if (facts.incident && !rule.despite_incident && rule.kind != ActionKind::kIncident)
    return {false, fmt::format("people work on it: incident {} is open", *facts.incident)};
  const bool changes_version =
      rule.kind == ActionKind::kRollback || rule.kind == ActionKind::kFallback;
  if (changes_version && live.rows == 0 && live.model_version == 0)
    return {false, "nobody asked: no version was judged"};
  if (changes_version && facts.version != live.model_version) {
    return {false, fmt::format("version {} was judged, but version {} is in charge by now",
                               live.model_version, facts.version)};
  }
  if (facts.obstacle) return {false, *facts.obstacle};
  if (facts.last_started && facts.now < *facts.last_started + rule.cool_down) {
    return {false, fmt::format("cooling down until {}: it last started at {}",
                               types::to_rfc3339(*facts.last_started + rule.cool_down),
                               types::to_rfc3339(*facts.last_started))};
  }
  if (facts.new_labels < rule.min_labels) {
    return {false, fmt::format("too few new labels: {} of the {} asked for", facts.new_labels,
                               rule.min_labels)};
  }
  return {true, fmt::format("{} new labels, clean data, nothing in the way", facts.new_labels)};
}

// Past 0.8 of the way to the threshold, on the side that fires.
static bool near_threshold(const AlertRule& rule, double value) {
  if (rule.abs_over) return std::abs(value) > kNearThreshold * *rule.abs_over;
  if (rule.over) return value > *rule.over - (1 - kNearThreshold) * std::abs(*rule.over);
  return value < *rule.under + (1 - kNearThreshold) * std::abs(*rule.under);
}

Health judge_health(const HealthFacts& facts) {
  if (!facts.open_alerts.empty()) {
    return {"alert", facts.open_alerts.size() == 1
                         ? facts.open_alerts.front()
                         : fmt::format("{} open alerts; {}", facts.open_alerts.size(),
                                       facts.open_alerts.front())};
  }
  if (facts.newest.empty()) return {"unknown", "no window has been judged yet"};
  for (const auto& [kind, judged] : facts.newest) {
    const VariantResult& live = judged.live;
    if (live.rows == 0 && live.violations.rows > 0) {
      return {"watch", fmt::format("all {} rows of the {} broke a rule of the inputs",
                                   live.violations.rows, judged.text)};
    }
    // Many an endpoint sleeps for an hour.
    if (live.rows == 0 && kind == WindowKind::kHour) continue;
    if (live.rows == 0) return {"watch", fmt::format("nobody asked in the {}", judged.text)};
    if (live.errors > 0) {
      return {"watch", fmt::format("{} of {} requests failed in the {}", live.errors, live.rows,
                                   judged.text)};
    }
    if (live.completeness < 0.5) {
      return {"watch", fmt::format("only {:.0f} % of the labels came for the {}",
                                   live.completeness * 100, judged.text)};
    }
    if (facts.definition == nullptr) continue;
    for (const AlertRule& rule : facts.definition->alerts) {
      if (rule.unusual || rule.window != kind) continue;
      if (!is_measured_as_declared(rule, *facts.definition, live)) continue;
      if (judge_rule(rule, live) == RuleVerdict::kNotJudged) continue;
      const double value = watched_value(rule, live);
      if (!near_threshold(rule, value)) continue;
      return {"watch", fmt::format("{} is {:.4g} in the {}, near its threshold of {:.4g}",
                                   rule.watched(), value, judged.text, rule.threshold())};
    }
  }
  const JudgedWindow& widest = facts.newest.rbegin()->second;
  const auto drifted =
      std::count_if(widest.live.drift.begin(), widest.live.drift.end(),
                    [](const FeatureDrift& drift) { return drift.psi > kDriftedPsi; });
  if (drifted > 0) {
    return {"healthy",
            fmt::format("{} of {} inputs moved (psi over {}) in the {}, without consequence so far",
                        drifted, widest.live.drift.size(), kDriftedPsi, widest.text)};
  }
  return {"healthy", fmt::format("nothing stands out in the {}", widest.text)};
}

}  // namespace slipway::monitor
