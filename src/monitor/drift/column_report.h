// One column of two data sets compared: what a method says, and what a person wants to see.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"

namespace slipway::monitor {

enum class ColumnKind { kNumeric, kCategorical, kText, kTime };
std::string_view column_kind_name(ColumnKind kind);

enum class Verdict {
  kNoDrift,
  kDrift,
  kChanged,      // has another type now, or no (finite) value any more: no method is needed
  kNotCompared,  // times, nothing on both sides, texts that have no words
};
std::string_view verdict_name(Verdict verdict);

// One side of a column. Missing are nulls, and what is not a number. The numbers are NaN for
// columns that are no numbers.
struct ColumnSide {
  std::int64_t rows = 0, missing = 0, infinite = 0;
  double least = 0, greatest = 0, mean = 0, deviation = 0, median = 0;
  double missing_rate() const;
  bool is_empty() const { return missing + infinite == rows; }  // no value to compare
};

// Categories that one side alone has.
struct OneSided {
  std::int64_t categories = 0;
  double share = 0;                // of that side's rows with a value
  std::vector<std::string> names;  // of the most frequent ones
};

struct ColumnReport {
  std::string name;
  ColumnKind kind = ColumnKind::kNumeric;
  Verdict verdict = Verdict::kNotCompared;
  std::string method, method_title;  // empty where no method was asked
  bool is_p_value = false;
  double score = 0, threshold = 0;  // NaN: the method says nothing
  double severity = 0;              // how far beyond the threshold: 1 is on it
  double moved = 0;                 // half the sum of the differences of the histogram's shares
  ColumnSide reference, current;
  // Shares of the rows with a value, by the same bins on both sides. Numbers: edges, one more than
  // bins; what lies outside is in the first and the last. Categories: labels, the last of which may
  // stand for all others.
  std::vector<double> edges;
  std::vector<std::string> labels;
  std::vector<double> reference_shares, current_shares;
  double below = 0, above = 0;  // share of current values outside the reference's range
  OneSided new_categories, gone_categories;
  std::vector<std::string> current_words, reference_words;  // of texts: that speak for a side
  std::vector<std::string> notes;                           // sentences: what else is different

  // Leaves only what tells of no single value: for somebody who may not see the column.
  void hide_values();
  JsonObject to_json() const;
};

// How a column is to be compared.
struct ColumnRule {
  std::string numeric_method = "slipway";  // names that choose_drift_method knows
  std::string categorical_method = "slipway";
  std::string text_method = "slipway";
  double threshold = 0;       // 0: the method's own
  double text_threshold = 0;  // the same of texts
  std::size_t columns = 1;    // that are compared beside it
};

// Texts that are looked at, of each side; drawn from a fixed seed when there are more.
constexpr std::size_t kTextsMax = 50'000;

// Integers with at most 10 different current values, and booleans, are categories; strings with
// more different current values than half of the rows are text (Evidently's rule).
// kInvalidArgument: the method takes no such column.
Result<ColumnReport> compare_column(types::Column reference, types::Column current,
                                    const ColumnRule& rule);

}  // namespace slipway::monitor
