// The gate: may this candidate replace the champion? Judged on rows that neither was trained on. A
// pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "types/frame.h"
#include "types/performance.h"

namespace slipway::releases {

struct GatePolicy {
  std::int64_t min_rows = 1000;  // labelled rows
  std::int64_t min_days = 7;     // different days among them
  double log_loss_margin =
      0.005;  // the candidate may be worse by less than this, in nats; 0 asks for better
  double confidence = 0.95;                    // of the interval, two-sided
  std::optional<double> max_calibration_bias;  // absolute, of the candidate
  std::optional<double> max_auc_drop;          // champion minus candidate; only against a champion
  bool refit =
      false;  // what passes is refitted on everything known: a later version may be promoted

  JsonObject to_json() const;
};
// Unknown members are refused by name. kInvalidArgument.
Result<GatePolicy> parse_gate_policy(const JsonObject& object);

// One side of the comparison.
struct Contender {
  std::optional<std::int64_t> version;
  std::string run_id;                          // of the training; may be empty
  std::optional<base::Timestamp> train_until;  // what it was trained on was known by then
};

// The hold-out: label and candidate (doubles; champion too, unless there is none), event_time
// (timestamp). Optional: arrival_time (timestamp, when the label was known), day (string or int64:
// what rows are clustered by; otherwise the UTC day of event_time). Rows without a label are
// counted and left out.
struct GateInput {
  std::string model;
  Contender candidate;
  std::optional<Contender> champion;    // none: compared with a constant, the base rate
  std::optional<double> baseline_rate;  // that constant; left out: the hold-out's own label rate,
                                        // which is harder to beat
  types::Frame holdout;
  GatePolicy policy;
};

// One thing that had to hold.
struct GateCheck {
  std::string name;  // "unseen_rows", "min_rows", "min_days", "log_loss", "calibration_bias", "auc"
  bool ok = false;
  double value = 0;
  double bound = 0;
  std::string text;  // one sentence
};

struct GateReport {
  bool pass = false;
  std::string sentence;
  std::vector<GateCheck> checks;
  std::int64_t rows = 0, rows_without_label = 0, days = 0;
  base::Timestamp from, to;  // event times of the labelled rows
  types::Performance candidate, champion;
  std::optional<double> baseline_rate;
  // Candidate's log loss minus the champion's, per row, averaged; below 0 the candidate is better.
  double difference = 0, standard_error = 0, low = 0, high = 0;

  JsonObject to_json() const;
};

// Mean of paired differences with a confidence interval that allows for rows of one day resembling
// each other.
struct ClusteredMean {
  double mean = 0, standard_error = 0, low = 0, high = 0;
  std::int64_t clusters = 0;
};
// Cluster-robust variance of a mean (Liang and Zeger, Biometrika 73, 1986) with the factor G/(G-1),
// and t with G-1 degrees of freedom (Cameron and Miller, J. Human Resources 50, 2015): statsmodels'
// OLS on a constant with cov_type="cluster", use_t=True. With fewer than two clusters the interval
// is infinite.
ClusteredMean clustered_mean(const std::vector<double>& values,
                             const std::vector<std::size_t>& cluster_of, double confidence);

// kInvalidArgument: a column is missing or of the wrong type, a label is not 0 or 1, a prediction
// is missing or not in 0..1. A refusal is a report, not an error.
Result<GateReport> judge_gate(const GateInput& input);

}  // namespace slipway::releases
