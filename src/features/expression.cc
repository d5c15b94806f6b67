#include "features/expression.h"

#include <algorithm>

#include "features/expression_nodes.h"

namespace slipway::features {
namespace {

// Adds the cells to a column of their type.
void append(types::Column& column, std::span<const std::string_view> cells) {
  for (const std::string_view cell : cells)
    is_missing(cell) ? column.append_null() : column.append_string(std::string(cell));
}
void append(types::Column& column, std::span<const types::Timestamp> cells) {
  for (const types::Timestamp cell : cells)
    is_missing(cell) ? column.append_null() : column.append_int(cell.micros);
}

// Numbers are written where they stay.
types::Column number_column(const NodeOf<double>& node, Rows& block, std::size_t rows) {
  types::Column out = types::Column::of_type("", types::ColumnType::kDouble);
  out.doubles.resize(rows);
  for (std::size_t from = 0; from < rows; from += Rows::kBlock) {
    block.move_to(from, std::min(Rows::kBlock, rows - from));
    const std::span<double> cells(out.doubles.data() + from, block.size());
    node.write(block, cells);
    if (out.valid.empty() && std::ranges::any_of(cells, [](double x) { return is_missing(x); }))
      out.valid.assign(rows, 1);
    for (std::size_t row = 0; row < cells.size() && !out.valid.empty(); ++row) {
      if (is_missing(cells[row])) out.valid[from + row] = 0;
    }
  }
  return out;
}

Value value_from(double cell) { return is_missing(cell) ? Value() : Value(cell); }
Value value_from(std::string_view cell) {
  return is_missing(cell) ? Value() : Value(std::string(cell));
}
Value value_from(types::Timestamp cell) { return is_missing(cell) ? Value() : Value(cell); }

}  // namespace

Value Expression::evaluate(std::span<const Value> row) const {
  Rows block(row);
  return with_cell(type_, [&]<typename Cell>(Cell cell) {
    node_of<Cell>(root_).write(block, std::span(&cell, 1));
    return value_from(cell);
  });
}

types::Column Expression::evaluate(std::span<const types::Column* const> columns,
                                   std::size_t rows) const {
  Rows block(columns);
  return with_cell(type_, [&]<typename Cell>(Cell) {
    if constexpr (std::is_same_v<Cell, double>) {
      return number_column(node_of<double>(root_), block, rows);
    } else {
      types::Column out = types::Column::of_type("", column_type(type_));
      out.reserve(rows);
      for (std::size_t from = 0; from < rows; from += Rows::kBlock) {
        block.move_to(from, std::min(Rows::kBlock, rows - from));
        append(out, node_of<Cell>(root_).cells(block));
      }
      return out;
    }
  });
}

bool is_identifier(const std::string& name) {
  const auto expression = Expression::parse(name, {{name, ValueType::kNumber}});
  return expression && expression->plain_column().has_value();
}

}  // namespace slipway::features
