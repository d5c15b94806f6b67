// The expression language of feature definitions: typed, without side effects, the same over a
// column and over one row.
//
//   arr_delay > 15                    2013 - year                    hour(sched_dep_at,
//   'America/New_York') if(is_null(seats), 0, seats)      coalesce(a, b, 0) concat(carrier, '-',
//   origin)
//
// Operators, loosest first: or, and, not, = != < <= > >=, + -, * /, unary -. Null rules: an
// operator or function with a missing argument gives a missing value; except is_null, coalesce and
// if, whose missing condition chooses the second branch, and `and` and `or`, which know their
// answer from one side where they can. Dividing by zero and the logarithm of no positive number
// give a missing value.
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
};

// A parsed expression bound to columns. A value; cheap to copy; evaluating is safe from several
// threads.
class Expression {
 public:
  // kInvalidArgument with the position of the character where it goes wrong: unknown name or
  // function, types that don't fit, anything left over.
  static Result<Expression> parse(std::string_view text, const std::vector<NamedColumn>& columns);

  ValueType type() const { return type_; }
  // `row` has one value for each of the columns given to parse(), in their order.
  Value evaluate(std::span<const Value> row) const;
  // The same over whole columns, all those given to parse() in their order; those that columns()
  // does not name may be null. Gives a column of column_type(type()).
  types::Column evaluate(std::span<const types::Column* const> columns, std::size_t rows) const;
  // Set when it is nothing but a column: that one's position.
  std::optional<std::size_t> plain_column() const;
  // Positions of the columns that it reads, ascending.
  std::vector<std::size_t> columns() const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
  ValueType type_ = ValueType::kNumber;
};

}  // namespace slipway::features
