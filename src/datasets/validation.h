// Which rows of a table break which rule. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datasets/definition.h"
#include "types/frame.h"

namespace slipway::datasets {

struct Schema {
  std::vector<std::pair<std::string, types::ColumnType>> columns;
  static Schema of(const types::Frame& frame);
  JsonArray to_json() const;
  static Result<Schema> from_json(const JsonArray& columns);
  bool operator==(const Schema&) const = default;
};

struct Violation {
  std::size_t row = 0;
  std::string column, rule;  // "max": the key in slipway.yaml; "key": missing or taken
  std::string value;         // as text
};

struct Validation {
  std::vector<Violation> violations;  // by row; a row may break several rules
  std::vector<std::string> notes;     // what has changed since the last snapshot and is no mistake
  // "column rule" -> rows
  std::map<std::string, std::int64_t> counts() const;
};

// `before` (nullable) is the schema inferred from the newest snapshot: a column that vanished or
// changed its type is kFailedPrecondition, a new one or one that is declared so now is a note.
// kInvalidArgument: a declared column is not there or has another type.
Result<Validation> validate(const types::Frame& frame, const DatasetDefinition& definition,
                            const Schema* before);

// A cell as people read it; empty when missing.
std::string cell_text(const types::Column& column, std::size_t row);

}  // namespace slipway::datasets
