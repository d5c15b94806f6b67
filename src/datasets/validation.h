// Which rows of a table break which rule. Pure.
#pragma once

#include <functional>
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
  std::string column;  // or several, "departed, landed", of a rule of rows
  std::string rule;    // "max": the key in slipway.yaml; "key": missing or taken; a row rule's name
  std::string value;   // as text; "departed=3, landed=2"
};

struct Validation {
  std::vector<Violation> violations;  // by row; a row may break several rules
  std::vector<std::string> notes;     // what has changed since the last snapshot and is no mistake
  // "column rule" -> rows
  std::map<std::string, std::int64_t> counts() const;
};

// What a condition in the project's expression language says of each row, as conditions that may be
// missing, and the columns it reads.
struct RowAnswers {
  types::Column holds;
  std::vector<std::string> columns;
};
// kInvalidArgument: it is none, or names what the frame doesn't have.
using RowCondition =
    std::function<Result<RowAnswers>(const std::string& condition, const types::Frame& frame)>;

// `condition` is asked for the definition's rules of rows. `before` (nullable) is the schema
// inferred from the newest snapshot: a column that vanished or changed its type is
// kFailedPrecondition unless changes are `kTold`, a new one or one that is declared so now is a
// note. kInvalidArgument: a
// declared column is not there or has another type.
enum class Changes { kRefused, kTold };
Result<Validation> validate(const types::Frame& frame, const DatasetDefinition& definition,
                            const Schema* before, const RowCondition& condition,
                            Changes changes = Changes::kRefused);

// A cell as people read it; empty when missing.
std::string cell_text(const types::Column& column, std::size_t row);

}  // namespace slipway::datasets
