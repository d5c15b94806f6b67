// What is known of one version of a dataset, and how it is kept.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "datasets/validation.h"
#include "store/db.h"

namespace slipway::datasets {

// One version of a dataset: immutable, but that rows may be erased for good (Datasets::erase).
struct Snapshot {
  std::string dataset;
  std::int64_t version = 0;  // counts from 1 per dataset
  std::string digest;        // SHA-256 of the rows as Parquet: its content address
  Schema schema;
  std::int64_t rows = 0;
  JsonArray profile;
  // Columns that never had a value: their type binds nothing. Versions of before don't say it.
  std::optional<std::set<std::string>> untyped;
  std::int64_t quarantined = 0;  // rows put aside
  std::string
      quarantine_digest;     // of rows put aside, or of the first that are flagged; empty: none
  std::int64_t flagged = 0;  // rows that break a rule and stay: on_violation: flag
  // The version in which rows that had been put aside came in after all (Datasets::replay).
  std::optional<std::int64_t> replayed_as;
  JsonObject violations;  // "column rule" -> count
  JsonArray notes;
  JsonArray checks;  // CheckOutcome::to_json() of each that was made
  std::vector<std::string>
      digests_before;         // what it had before rows of it were erased, oldest first
  std::string source;         // the file it came from
  std::string source_digest;  // of that file's bytes
  base::Timestamp arrival_time;
  std::optional<base::Timestamp> rows_removed_at;  // its rows and those put aside are gone since

  JsonObject to_json() const;
  // Columns that have no value in the profile.
  std::set<std::string> without_values() const;
  // Sets `untyped` by all versions of the dataset.
  void find_untyped(const std::vector<Snapshot>& versions);
  // The schema that binds a version of these rows: where a column never had a value, as it is now,
  // and a note that says so.
  Schema schema_for(const types::Frame& rows, std::vector<std::string>& notes) const;
  // What its row in the database keeps as JSON. kInternal: it couldn't be read again.
  Result<std::string> document() const;
  // Of a row with kSnapshotColumns. kCorruption: its document is damaged.
  static Result<Snapshot> read(const store::Row& row);
  // The same; of one that is damaged what doesn't stand in the document, and a note that says so.
  static Snapshot read_what_is_there(const store::Row& row);
};

inline constexpr std::string_view kSnapshotColumns =
    "dataset, version, digest, row_count, quarantined, quarantine_digest, document, source, "
    "source_digest, arrival_time, rows_removed_at";

}  // namespace slipway::datasets
