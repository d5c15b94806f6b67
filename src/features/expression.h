// The expression language of feature definitions: typed, without side effects, the same over
// columns and over one row. Grammar, functions and what they do with missing values:
// docs/formats/expressions.md.
//
//   arr_delay > 15                    hour(sched_dep_at, 'America/New_York')
//   if(is_null(seats), 0, seats)      carrier in ('AA', 'UA') and seats between 50 and 150
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "features/value.h"

namespace slipway::features {

// What names mean while an expression is read.
struct NamedColumn {
  std::string name;
  ValueType type = ValueType::kNumber;
  bool is_whole = false;  // a number without a fraction: a column of integers

  bool operator==(const NamedColumn&) const = default;
};

class Node;  // expression_nodes.h

// A parsed expression bound to columns. A value; cheap to copy; evaluating is safe from several
// threads.
class Expression {
 public:
  // kInvalidArgument with the character where it goes wrong and, in lines of their own, the text
  // with a mark under it: unknown name or function, types that don't fit, anything left over.
  static Result<Expression> parse(std::string_view text, const std::vector<NamedColumn>& columns);

  // Whether columns could be there that it is a condition of. kInvalidArgument as parse(), or it
  // gives something else.
  static Result<void> check_condition(std::string_view text);

  ValueType type() const { return type_; }
  // `row` has one value for each of the columns given to parse(), in their order. A value of
  // another type is missing, and so are NaN and what is no finite number after an operation.
  Value evaluate(std::span<const Value> row) const;
  // The same over whole columns, all those given to parse() in their order; those that columns()
  // does not name may be null. Gives a column of column_type(type()).
  types::Column evaluate(std::span<const types::Column* const> columns, std::size_t rows) const;
  // Set when it is nothing but a column: that one's position.
  std::optional<std::size_t> plain_column() const { return plain_column_; }
  // Positions of the columns that it reads, ascending.
  const std::vector<std::size_t>& columns() const { return columns_; }

 private:
  std::shared_ptr<const Node> root_;
  ValueType type_ = ValueType::kNumber;
  std::optional<std::size_t> plain_column_;
  std::vector<std::size_t> columns_;
};

// Whether expressions can name such a column: words of the language can't.
bool is_identifier(const std::string& name);

}  // namespace slipway::features
