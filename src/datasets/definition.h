// What the `datasets:` part of slipway.yaml says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "datasets/checks.h"
#include "datasets/csv_table.h"
#include "types/column_rules.h"
#include "types/yaml_reader.h"

namespace slipway::datasets {

enum class FileFormat { kParquet, kCsv };

// Rows of a PostgreSQL database: of a table or of a query.
struct PostgresRows {
  std::string url;  // postgresql://..., or ${NAME}: the environment's variable that holds one
  std::string table, query;
  bool operator==(const PostgresRows&) const = default;
};

// The type that a rule says, or that it only makes sense of: patterns and lists of texts are of
// texts, whatever the first rows look like. Nothing: any.
std::optional<types::ColumnType> declared_type(const types::ColumnRule& rule);

// What must hold of each row, in the project's expression language: cells beside each other.
struct RowRule {
  std::string name, condition;
  bool operator==(const RowRule&) const = default;
};

struct DatasetDefinition {
  std::string name;
  std::string path;  // a file or folder, relative to the project, or s3://BUCKET/KEY; or `postgres`
  std::optional<FileFormat> format;  // unset: by the files' endings
  CsvOptions csv;
  std::optional<PostgresRows> postgres;
  std::vector<std::string> key;
  std::string event_time, arrival_time;  // columns; empty: none
  std::vector<types::ColumnRule> columns;
  std::vector<RowRule> rules;
  types::OnViolation on_violation = types::OnViolation::kQuarantine;
  VersionChecks checks;
  std::optional<types::Duration> keep;  // how long versions have rows, but the newest; unset: ever

  // What says when a row was true, as well as it is known.
  const std::string& time_column() const { return event_time.empty() ? arrival_time : event_time; }
  JsonObject to_json() const;  // in the shape of slipway.yaml, so that parse_dataset reads it back
  // What must hold of the rows, as lines of slipway.yaml below the dataset's name.
  std::string rules_yaml(std::size_t indent) const;
  JsonObject shown() const;  // the same for people: a password as ***
  bool operator==(const DatasetDefinition&) const = default;
};

// Reads the `datasets:` part of a whole slipway.yaml; other parts are not looked at.
// kInvalidArgument with line and column.
Result<std::vector<DatasetDefinition>> parse_datasets(const types::YamlSource& slipway_yaml);
// Reads back to_json().
Result<DatasetDefinition> parse_dataset(const std::string& name, std::string_view text);

}  // namespace slipway::datasets
