// Feast's names, types, times and batch sources in our words.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/feast/registry.pb.h"
#include "base/result.h"
#include "datasets/definition.h"
#include "features/value.h"
#include "types/frame.h"
#include "types/timestamp.h"

namespace slipway::api::feast_source {

namespace wire = slipway::feast;

// Feast's names may hold what ends a name in a reference.
bool is_usable(std::string_view name);
// With `_` in the place of other characters.
std::string usable(std::string_view name);

// Nothing for lists, maps and what else no column holds.
std::optional<features::ValueType> type_of(wire::ValueType::Enum type);
std::optional<types::ColumnType> column_type_of(wire::ValueType::Enum type);

// In whole milliseconds; none is nothing.
std::optional<types::Duration> duration_of(const google::protobuf::Duration& duration);

// What a batch source's columns are called in its rows. A value.
class ColumnNames {
 public:
  explicit ColumnNames(const wire::DataSource& batch);
  const std::string& of(const std::string& name) const;

 private:
  std::map<std::string, std::string> columns_;  // name in Feast -> column, where they differ
};

// The environment's variable that a PostgreSQL source's address is to be in: Feast has it, with its
// password, in feature_store.yaml.
inline constexpr std::string_view kPostgresVariable = "FEAST_POSTGRES_URL";

// Where the rows of a batch source are: the `path` or `postgres` of a dataset without a name.
// `files`: where relative paths begin. kInvalidArgument: why they can't be read here.
Result<datasets::DatasetDefinition> rows_place(const wire::DataSource& batch,
                                               const std::string& files);

}  // namespace slipway::api::feast_source
