// Nodes that the grammar itself makes: constants, columns, and the forms that look like calls but
// take missing values. For expression_parser.cc alone.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "features/expression_nodes.h"

namespace slipway::features {

template <typename Cell>
class Constant final : public NodeOf<Cell> {
 public:
  explicit Constant(Cell cell) : cell_(cell) {}
  void write(Rows&, std::span<Cell> out) const override { std::ranges::fill(out, cell_); }

 private:
  const Cell cell_;
};

class Literal final : public NodeOf<std::string_view> {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}
  void write(Rows&, std::span<std::string_view> out) const override {
    std::ranges::fill(out, std::string_view(text_));
  }

 private:
  const std::string text_;
};

// A column; what isn't of its type is missing.
class NumberColumn final : public NodeOf<double> {
 public:
  explicit NumberColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<double> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* number = std::get_if<double>(value);
      const auto* whole = std::get_if<std::int64_t>(value);
      out[0] = number != nullptr  ? *number
               : whole != nullptr ? static_cast<double>(*whole)
                                  : missing<double>();
      return;
    }
    const types::Column& column = rows.column(at_);
    if (column.type == types::ColumnType::kDouble) {
      std::copy_n(column.doubles.begin() + static_cast<std::ptrdiff_t>(rows.from()), out.size(),
                  out.begin());
    } else if (column.type == types::ColumnType::kString) {
      std::ranges::fill(out, missing<double>());
    } else {
      for (std::size_t row = 0; row < out.size(); ++row)
        out[row] = static_cast<double>(column.ints[rows.from() + row]);
    }
    if (column.valid.empty()) return;
    for (std::size_t row = 0; row < out.size(); ++row) {
      if (column.valid[rows.from() + row] == 0) out[row] = missing<double>();
    }
  }

 private:
  const std::size_t at_;
};

class TextColumn final : public NodeOf<std::string_view> {
 public:
  explicit TextColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<std::string_view> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* text = std::get_if<std::string>(value);
      out[0] = text == nullptr ? std::string_view() : *text;
      return;
    }
    const types::Column& column = rows.column(at_);
    const bool is_text = column.type == types::ColumnType::kString;
    for (std::size_t row = 0; row < out.size(); ++row) {
      const std::size_t at = rows.from() + row;
      out[row] = is_text && column.is_valid(at) ? column.strings[at] : std::string_view();
    }
  }

 private:
  const std::size_t at_;
};

class TimeColumn final : public NodeOf<types::Timestamp> {
 public:
  explicit TimeColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<types::Timestamp> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* time = std::get_if<types::Timestamp>(value);
      out[0] = time == nullptr ? kNoTime : *time;
      return;
    }
    const types::Column& column = rows.column(at_);
    const bool is_time = column.type == types::ColumnType::kTimestamp;
    for (std::size_t row = 0; row < out.size(); ++row) {
      const std::size_t at = rows.from() + row;
      out[row] = is_time && column.is_valid(at) ? types::Timestamp{column.ints[at]} : kNoTime;
    }
  }

 private:
  const std::size_t at_;
};

// `and` (0 decides) and `or` (1 decides): known from one side where that decides.
class Logic final : public NodeOf<double> {
 public:
  Logic(double decides, NodePtr left, NodePtr right)
      : decides_(decides), left_(std::move(left)), right_(std::move(right)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto left = node_of<double>(left_).cells(rows);
    const auto right = node_of<double>(right_).cells(rows);
    for (std::size_t row = 0; row < out.size(); ++row) {
      const bool is_decided = left[row] == decides_ || right[row] == decides_;
      const bool is_unknown = is_missing(left[row]) || is_missing(right[row]);
      out[row] = is_decided ? decides_ : is_unknown ? missing<double>() : 1 - decides_;
    }
  }

 private:
  const double decides_;
  const NodePtr left_, right_;
};

template <typename Cell>
class IsNull final : public NodeOf<double> {
 public:
  explicit IsNull(NodePtr of) : of_(std::move(of)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto cells = node_of<Cell>(of_).cells(rows);
    std::ranges::transform(cells, out.begin(), [](Cell cell) { return is_missing(cell) ? 1 : 0; });
  }

 private:
  const NodePtr of_;
};

template <typename Cell>
class Coalesce final : public NodeOf<Cell> {
 public:
  explicit Coalesce(std::vector<NodePtr> choices) : choices_(std::move(choices)) {}
  void write(Rows& rows, std::span<Cell> out) const override {
    node_of<Cell>(choices_[0]).write(rows, out);
    for (std::size_t c = 1; c < choices_.size(); ++c) {
      const auto cells = node_of<Cell>(choices_[c]).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (is_missing(out[row])) out[row] = cells[row];
      }
    }
  }

 private:
  const std::vector<NodePtr> choices_;
};

// The value beside the first condition that holds; a missing one doesn't.
template <typename Cell>
class Case final : public NodeOf<Cell> {
 public:
  // `otherwise` may be null: missing.
  Case(std::vector<std::pair<NodePtr, NodePtr>> branches, NodePtr otherwise)
      : branches_(std::move(branches)), otherwise_(std::move(otherwise)) {}
  void write(Rows& rows, std::span<Cell> out) const override {
    if (otherwise_ == nullptr) {
      std::ranges::fill(out, missing<Cell>());
    } else {
      node_of<Cell>(otherwise_).write(rows, out);
    }
    for (auto branch = branches_.rbegin(); branch != branches_.rend(); ++branch) {
      const auto holds = node_of<double>(branch->first).cells(rows);
      const auto cells = node_of<Cell>(branch->second).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (!is_missing(holds[row]) && holds[row] != 0) out[row] = cells[row];
      }
    }
  }

 private:
  const std::vector<std::pair<NodePtr, NodePtr>> branches_;
  const NodePtr otherwise_;
};

// x in (a, b, ...), as SQL has it: missing when x is, or when none is equal and one is missing.
template <typename Cell>
class In final : public NodeOf<double> {
 public:
  In(NodePtr of, std::vector<NodePtr> list) : of_(std::move(of)), list_(std::move(list)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto cells = node_of<Cell>(of_).cells(rows);
    std::ranges::fill(out, 0.0);
    for (const NodePtr& item : list_) {
      const auto others = node_of<Cell>(item).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (out[row] == 1) continue;
        if (is_missing(cells[row]) || is_missing(others[row])) {
          out[row] = missing<double>();
        } else if (cells[row] == others[row]) {
          out[row] = 1;
        }
      }
    }
  }

 private:
  const NodePtr of_;
  const std::vector<NodePtr> list_;
};

}  // namespace slipway::features
