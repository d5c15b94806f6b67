// How differently a model treats groups of rows. The measures are fairlearn's (0.12: its names and
// definitions), after Hardt, Price and Srebro, "Equality of Opportunity in Supervised Learning",
// NeurIPS 2016. Pure functions.
#pragma once

#include "base/json.h"
#include "cli/evaluate/judged_model.h"

namespace slipway::cli {

// {"groups": {NAME: {...}}, "left_out": rows, ...}. Of a binary problem, where a score from the
// threshold on selects a row: each group's rows, selection_rate, true_positive_rate,
// false_positive_rate and accuracy; demographic_parity_difference and _ratio (of selection rates),
// equal_opportunity_difference (of true positive rates), equalized_odds_difference and _ratio (the
// worse of both error rates), accuracy_difference. Of classes accuracy and accuracy_difference, of
// numbers mean_error, mae and their differences. A difference is the largest less the smallest, a
// ratio the smallest over the largest (1 where all are 0); null with fewer than two groups. Rows
// without a label are left out, as are missing values and groups of less than `rows_min` rows.
JsonObject measure_fairness(const monitor::QualityRules& rules, const Answers& answers,
                            const std::vector<monitor::KnownLabel>& labels,
                            const types::Column& column, std::size_t rows_min);

}  // namespace slipway::cli
