// What the `datasets:` part of slipway.yaml says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "datasets/csv_table.h"
#include "types/column_rules.h"

namespace slipway::datasets {

enum class FileFormat { kParquet, kCsv };

// Rows of a PostgreSQL database: of a table or of a query.
struct PostgresRows {
  std::string url;  // postgresql://..., or ${NAME}: the environment's variable that holds one
  std::string table, query;
  bool operator==(const PostgresRows&) const = default;
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
  types::OnViolation on_violation = types::OnViolation::kQuarantine;

  JsonObject to_json() const;  // in the shape of slipway.yaml, so that parse_dataset reads it back
  JsonObject shown() const;    // the same for people: a password as ***
  bool operator==(const DatasetDefinition&) const = default;
};

// Reads the `datasets:` part of a whole slipway.yaml; other parts are not looked at.
// kInvalidArgument with line and column.
Result<std::vector<DatasetDefinition>> parse_datasets(std::string_view slipway_yaml);
// Reads back to_json().
Result<DatasetDefinition> parse_dataset(const std::string& name, std::string_view text);

}  // namespace slipway::datasets
