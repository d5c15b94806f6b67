// The ways to ask whether a column has drifted, by the names people know them by.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "monitor/drift/column_pair.h"
#include "monitor/drift/text_contents.h"

namespace slipway::monitor {

// What a method found. NaN: it says nothing about these samples (empty, constant, ...).
struct DriftScore {
  double value = 0;  // what is held against the threshold: a p value or a distance
  double effect =
      1;  // share of the rows that would have to move; only where the method asks for it
  std::optional<double> limit;  // what the value is held against, where it depends on the rows
};

// When a score speaks for drift.
enum class Drifts { kBelow, kAtMost, kAtLeast, kAbove };

// One method: a row of the registry. Methods are values without state; a method with random draws
// draws the same ones every time.
struct DriftMethod {
  std::string_view name;    // "ks", "psi", ...: Evidently's names where it has the method
  std::string_view title;   // for people
  bool is_p_value = false;  // else a distance
  Drifts drifts = Drifts::kBelow;
  double threshold = 0;   // the default
  double effect_min = 0;  // a smaller effect is no drift, whatever the p value
  DriftScore (*of_numbers)(const NumberPair&) = nullptr;       // null: takes no numbers
  DriftScore (*of_categories)(const CategoryPair&) = nullptr;  // null: takes no categories
  // Null: takes no texts. A threshold may be more than what the AUC is held against: see limit.
  DriftScore (*of_texts)(const TextContents&, double threshold) = nullptr;

  bool has_drifted(const DriftScore& score, double threshold) const;
};

// All of them, by name.
std::span<const DriftMethod> drift_methods();
const DriftMethod* find_drift_method(std::string_view name);

// What somebody's defaults measure a column with.
struct DriftChoice {
  const DriftMethod* method = nullptr;
  bool by_value = false;  // the numbers as categories, one a value
  double threshold = 0;
};
// What a choice looks at.
struct ColumnFacts {
  bool categorical = false, text = false;
  std::size_t reference_values = 0;  // that are there
  std::size_t distinct = 0;          // in both; more than 5 are not told apart
  std::size_t columns = 1;           // that are compared with this one
};

// By a method's own name, or by the name of somebody's defaults:
//
//   slipway    ks_effective and chi2_effective: few false alarms, see effective_tests.h;
//              text_content_drift
//   evidently  Evidently 0.7's: p values up to 1000 reference values, distances above
//   alibi      alibi-detect's TabularDrift: KS and chi-square at 0.05 over the number of columns
//   nannyml    NannyML's measure, Jensen-Shannon to base 2 (its thresholds need chunks; here 0.1)
//
// Those who don't look at texts have text_content_drift for them. kInvalidArgument: no such method
// (naming all), or it takes no such column.
Result<DriftChoice> choose_drift_method(std::string_view name, const ColumnFacts& column);
// Whether the method, or one of those that the name stands for, asks how dependent the rows are.
bool counts_effective_rows(std::string_view name);
// kInvalidArgument: no such method.
Result<void> check_drift_method(std::string_view name);
// "slipway, evidently, alibi, nannyml, ks, ...".
std::string drift_method_names();

}  // namespace slipway::monitor
