// What one window says about one variant, computed from logged rows and labels. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/attributions/attribution.h"
#include "monitor/drift_profile.h"
#include "monitor/estimate/class_estimator.h"
#include "monitor/estimate/estimator.h"
#include "monitor/estimate/loss_estimator.h"
#include "monitor/input_violations.h"
#include "monitor/prediction_drift.h"
#include "monitor/quality.h"
#include "monitor/slices/declared_slice.h"
#include "monitor/slices/slice.h"
#include "types/frame.h"

namespace slipway::monitor {

inline constexpr double kMicrosPerHour = 3.6e9;

struct VariantResult {
  std::string variant;  // "live": everything users got; else the name of a shadow, or of one of
                        // several live variants
  std::string role;     // live | shadow
  std::int64_t model_version = 0;  // the one that answered most rows
  std::int64_t rows = 0;           // requests
  std::int64_t errors = 0;
  std::int64_t labels = 0;  // rows with a label's value
  double completeness = 0;  // share of rows whose label is known, or known to never come
  std::map<std::string, double> metrics;             // NaN: could not be computed
  std::map<std::string, types::Interval> intervals;  // 95 %, of the metrics that have one
  Confusion confusion;                               // of a multi-class problem
  std::vector<FeatureDrift> drift;  // of "live" only: all variants see the same inputs
  std::optional<PredictionDrift> prediction_drift;  // by the declared method; unset: none, or no
                                                    // window to measure from yet
  JsonObject multivariate;  // MultivariateDrift::to_json(); empty: not asked, or not known
  Estimates estimates;      // what was expected before the labels came
  JsonArray embeddings;     // EmbeddingDrift::to_json() of each that is known
  JsonArray associations;   // AssociationChange::to_json() of those that changed
  // Of "live" only; take_apart.cc.
  std::optional<SliceReport> slices;
  std::vector<SliceResult> declared_slices;
  std::optional<AttributionDrift> attributions;
  InputViolations violations;  // of "live" only
  std::string note;            // what isn't known of it, and why
  void add_note(std::string_view sentence);

  // Of "live" in a window up to `to` in which nobody asked, nor since `last_asked` (nothing: ever).
  static VariantResult of_silence(std::optional<base::Timestamp> last_asked, base::Timestamp to);
  // Keeps them, as metrics "estimated_X" too, and, where X is known by now, with how far they were
  // off: "estimate_error_X", X less its estimate.
  void add_estimates(Estimates made);

  JsonObject to_json() const;  // metrics and drift as members
  static Result<VariantResult> from_json(const JsonObject& object);
};

// How a variant did over some time: what a release guard wants to know.
struct VariantSummary {
  std::int64_t requests = 0, errors = 0;
  double latency_ms_p99 = 0;  // NaN without requests
  std::int64_t slow = 0;      // requests that took longer than was asked about
  std::int64_t labels = 0;
  double calibration_bias = 0;        // NaN without labels
  double calibration_bias_error = 0;  // its standard error; NaN below two labels
};
// The requests of a window that count: rows with traffic "" and, per variant, the first row of a
// request id (a retry is no second request). kNotFound or kInvalidArgument when the log lacks a
// column it must have.
class WindowRows {
 public:
  static Result<WindowRows> of(const types::Frame& frame);

  // Rows of the frame by variant. Role live comes under "live" and, when several live variants
  // answered, under their own names as well.
  const std::map<std::string, std::vector<std::size_t>>& by_variant() const { return by_variant_; }
  std::vector<std::string> live_request_ids() const;
  const std::string& request_id(std::size_t row) const { return ids_->strings[row]; }
  // Of a ranking: the value of the rules' column, or the request that the row came in (ids ID/N are
  // rows of one where ID/0 is logged too); empty: none.
  std::string group_of(const ProblemRules& rules, std::size_t row) const;
  // How wrong one answer was: 1 or 0, of a regression the distance. Nothing: it can't be said, as
  // for each row of a ranking.
  std::optional<double> error_of(const QualityRules& rules, std::size_t row,
                                 const KnownLabel& label) const;
  // What a multi-class model answered; nothing: it can't be read.
  std::optional<ClassAnswer> class_answer(const ProblemRules& rules, std::size_t row) const;
  const types::Frame& frame() const { return *frame_; }

  // The live requests among them that `picks` says, by row of the frame.
  WindowRows live_where(const std::vector<bool>& picks) const;

  // `profile` (nullable) gives drift for "live"; `baselines` the prediction drift of the variants
  // it has; `quality` says how answers are held against labels.
  VariantResult judge(const std::string& variant, const Labels& labels, const DriftProfile* profile,
                      const PredictionBaseline* baseline, const QualityRules& quality = {}) const;
  // What the variant answered, beside its baseline, by the method that is declared:
  // prediction_drift and its metrics. `result` is that of judge().
  void compare_predictions(const PredictionBaseline& baseline, const DriftRule& rule,
                           const ProblemRules& problem, VariantResult& result) const;
  // The live requests' inputs together and their embeddings, as the reference's rules ask for:
  // metrics and the rest, or a note why not.
  void compare_together(const DriftProfile& reference, VariantResult& live) const;
  // Of the live requests of a window up to `to`: the longest time in which none came, since
  // `last_asked` (nothing: since the first of them).
  void look_at_times(std::optional<base::Timestamp> last_asked, base::Timestamp to,
                     VariantResult& live) const;
  // Which rules of the inputs were broken, also by rows that don't count.
  void look_at_inputs(VariantResult& live) const;
  // Answers of a variant that are chances: within 0..1.
  std::vector<VersionedScore> chances(const std::string& variant) const;
  // Scores and labels by the model version that gave the score, shadows' included: those with a
  // label of 0 or 1, in the order of their requests' ids.
  std::map<std::int64_t, std::vector<std::pair<double, double>>> labelled_chances(
      const Labels& labels) const;
  // That answered.
  std::set<std::int64_t> model_versions() const;
  // Answers of a variant that are numbers, with the inputs they came from.
  RowsByVersion predicted(const std::string& variant) const;
  // The same of all variants, with a label that is a finite number, in the order of their requests'
  // ids.
  RowsByVersion labelled_predictions(const Labels& labels) const;
  std::map<std::int64_t, std::vector<std::size_t>> labelled_rows(const Labels& labels) const;
  // Answers of a variant as a multi-class model gives them, without their labels.
  ClassRowsByVersion classes(const ProblemRules& rules, const std::string& variant) const;
  // The same of all variants, with their labels.
  ClassRowsByVersion labelled_classes(const ProblemRules& rules, const Labels& labels) const;
  // Rows with role live answered by the variant of this name.
  std::vector<std::size_t> answered_by(const std::string& variant) const;
  // Of the rows answered_by(variant); `slow_over_ms` says which requests are slow.
  VariantSummary summarize(const std::string& variant, const Labels& labels,
                           double slow_over_ms) const;
  // What a variant made of a request.
  struct Scored {
    double prediction = 0;  // NaN: none
    double latency_ms = 0;  // NaN: not known
    std::int64_t model_version = 0;
    bool failed = false;
  };
  Scored scored(std::size_t row) const;
  // What a variant answered, a row a request that didn't fail, in the order they came: numbers, of
  // a multi-class model the classes that were said. Missing: the answer was none of these.
  types::Column answers(const ProblemRules& rules, const std::string& variant) const;
  // Finite predictions of a variant.
  std::vector<double> predictions(const std::string& variant) const;

 private:
  const types::Frame* frame_ = nullptr;  // outlives this
  const types::Column *ids_ = nullptr, *variants_ = nullptr, *roles_ = nullptr,
                      *versions_ = nullptr, *latencies_ = nullptr, *predictions_ = nullptr,
                      *errors_ = nullptr;
  const types::Column *times_ = nullptr, *answers_ = nullptr;  // older logs lack answers
  std::map<std::string, std::vector<std::size_t>> by_variant_;
  std::unordered_set<std::string> batches_;  // ids of requests with several rows

  // A variant's rows in the order of their requests' ids; none of a live variant, whose own are
  // among those of "live".
  std::vector<std::size_t> rows_to_learn_from(const std::string& variant) const;
  void add_predicted(std::size_t row, RowsByVersion& to) const;
  LabelledAnswer answer_of(std::size_t row) const;  // without group and label
};

// The value below which `share` of the values lie (nearest rank); NaN without values.
double quantile(std::vector<double> values, double share);

// True for the columns of the request log that are no feature: its own, and "request.NAME", which
// requests came with and the model doesn't take.
bool is_log_column(std::string_view name);

}  // namespace slipway::monitor
