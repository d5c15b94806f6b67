// What must hold for a version of a dataset as a whole before it is one: how much came, how fresh
// it is, and how far it is from the version before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"
#include "types/yaml_reader.h"

namespace slipway::datasets {

// The part `checks:` of a dataset. Everything left out isn't checked.
struct VersionChecks {
  std::optional<std::int64_t> rows_min, rows_max;  // that stay
  std::optional<double> rows_change_max;           // against the version before, as a share of it
  std::optional<double> quarantined_max;           // share of rows that are put aside
  std::map<std::string, double> missing_max;       // share of a column's values
  std::vector<std::vector<std::string>> unique;    // columns whose values appear together once
  std::optional<base::Duration> age_max;           // of the newest event time, else arrival time
  // Of a column against the version before, from 0 (alike) to 1: what column_summary.h measures.
  std::map<std::string, double> drift_max;
  bool rejects = true;  // what fails makes no version; else it is only told

  bool is_empty() const;
  JsonObject to_json() const;  // in the shape of slipway.yaml, so that read_version_checks reads it
  bool operator==(const VersionChecks&) const = default;
};

// kInvalidArgument with line and column.
Result<VersionChecks> read_version_checks(const types::YamlNode& node);

// How a check came out.
struct CheckOutcome {
  std::string check;    // "rows_min": the key in slipway.yaml
  std::string columns;  // "id", "origin, hour"; empty: of all
  double value = 0;     // NaN: there was nothing to take it of, so it doesn't hold
  double limit = 0;     // ages in hours
  bool holds = false;

  std::string words() const;  // "rows_min: 12 is less than 1000"
  JsonObject to_json() const;
};

// What a version is checked against.
struct VersionBefore {
  std::int64_t rows = 0;
  const types::Frame& frame;  // at least the columns that drift_max names, as far as it had them
};

// In the order of the members above. `before` (nullable): without, nothing is compared with it.
// `time_column`: whose newest value age_max looks at. Pure. kInvalidArgument: a column that a check
// names isn't there, or age_max has no time column.
Result<std::vector<CheckOutcome>> check_version(const VersionChecks& checks,
                                                const types::Frame& frame, std::int64_t quarantined,
                                                const std::string& time_column, base::Timestamp now,
                                                const VersionBefore* before);

// NaN is missing; of no rows nothing is.
double missing_share(const types::Column& column);

// "rows_min: 12 is less than 1000; missing_max of x: ..." of those that don't hold; empty: all do.
std::string failed_words(std::span<const CheckOutcome> outcomes);

}  // namespace slipway::datasets
