// The drift report: two data sets compared column by column, the worst first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/drift/column_report.h"
#include "monitor/drift/column_source.h"
#include "monitor/drift/rules.h"
#include "monitor/multivariate/associations.h"
#include "monitor/multivariate/embeddings.h"
#include "monitor/multivariate/multivariate.h"

namespace slipway::monitor {

// Columns that are the components of a vector.
struct Embedding {
  std::string name;
  std::vector<std::string> columns;
};
// "NAME=COLUMN,COLUMN" or "NAME=PREFIX*", which stands for all columns that begin so. The columns
// aren't compared each alone then. kInvalidArgument: none of these, or no column begins so.
Result<Embedding> parse_embedding(const std::string& text, const ColumnSource& source);

struct DriftReportOptions {
  std::string method = "slipway";  // a name that choose_drift_method knows
  std::string numeric_method;      // of numbers; empty: `method`
  std::string categorical_method;  // of categories; empty: `method`
  std::string text_method;         // of texts; empty: `method`, or "slipway" if it takes no texts
  double threshold = 0;            // of every column; 0: each method's own
  std::map<std::string, DriftRule> rules;  // of columns that have their own, instead of all these
  std::vector<std::string> columns;        // only these; empty: all that both sides have
  double drift_share = 0.5;                // the data set has drifted from this share of columns on
  std::size_t threads = 1;                 // columns that are compared, and in memory, at a time
  // How the columns are compared together, after each alone; what a rule names instead of `columns`
  // is not looked at.
  std::vector<MultivariateRule> multivariate;
  // Each as parse_embedding takes it, beside the columns that are lists.
  std::vector<std::string> embeddings;
  EmbeddingRule embedding;
  bool quality = false;  // rows that are there twice, and columns that no more go together
  std::size_t rows_together =
      kMultivariateRows;  // of each side that several columns are looked at by
};

// What else is different, where it was asked for.
struct DataQuality {
  std::int64_t reference_duplicates = 0, current_duplicates = 0;  // rows that came before already
  std::vector<AssociationChange> associations;

  JsonObject to_json() const;
};

struct DriftReport {
  std::string reference_name, current_name;
  std::int64_t reference_rows = 0, current_rows = 0;
  std::string method;
  double drift_share = 0;
  std::vector<ColumnReport> columns;  // the worst first
  std::int64_t compared = 0, drifted = 0;
  std::vector<MultivariateDrift> multivariate;  // as they were asked
  std::vector<EmbeddingDrift> embeddings;
  std::optional<DataQuality> quality;
  std::vector<std::string> only_in_reference, only_in_current;

  double share() const;      // of the columns compared that drifted; NaN without any
  bool has_drifted() const;  // by that share; what the columns say together is told apart
  JsonObject to_json() const;
};

// kNotFound naming the columns there are: one of `columns` is on neither side, or on one only.
// kInvalidArgument: no rows on a side, no column in common, a method that takes no such column;
// naming the column; or no columns that can be compared together, or too few rows for it. Errors of
// the sources.
Result<DriftReport> compare_columns(ColumnSource& reference, ColumnSource& current,
                                    const DriftReportOptions& options);

}  // namespace slipway::monitor
