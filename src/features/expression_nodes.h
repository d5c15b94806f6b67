// What a parsed expression is made of. Nodes are evaluated for a block of rows at once, cells in
// arrays of one type; a single row is a block of one. So there is one evaluator, whatever the rows
// are kept in.
//
// Cells by type, and what says "missing":
//   kNumber, kBool   double             NaN (conditions are 0 and 1)
//   kText            std::string_view   no data
//   kTime            types::Timestamp   the least one
#pragma once

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "features/value.h"
#include "types/frame.h"

namespace slipway::features {

// The rows of a block, and room for what comes up while they are evaluated. Cells live until the
// room is cleared.
class Rows {
 public:
  static constexpr std::size_t kBlock = 1024;

  explicit Rows(std::span<const Value> row) : row_(row) {}
  explicit Rows(std::span<const types::Column* const> columns) : columns_(columns) {}

  void move_to(std::size_t from, std::size_t size) {
    from_ = from;
    size_ = size;
    memory_.release();
  }
  std::size_t size() const { return size_; }

  template <typename Cell>
  std::span<Cell> room() {
    auto* cells = static_cast<Cell*>(memory_.allocate(size_ * sizeof(Cell), alignof(Cell)));
    std::uninitialized_default_construct_n(cells, size_);
    return {cells, size_};
  }
  std::string_view keep(std::string_view text) {
    auto* bytes = static_cast<char*>(memory_.allocate(text.size() + 1, 1));
    text.copy(bytes, text.size());
    return {bytes, text.size()};
  }

  // Nothing: the rows are in columns.
  const Value* row(std::size_t column) const { return row_.empty() ? nullptr : &row_[column]; }
  const types::Column& column(std::size_t column) const { return *columns_[column]; }
  std::size_t from() const { return from_; }

 private:
  std::span<const Value> row_;
  std::span<const types::Column* const> columns_;
  std::size_t from_ = 0, size_ = 1;
  std::array<std::byte, 1024> first_room_;
  std::pmr::monotonic_buffer_resource memory_{first_room_.data(), first_room_.size()};
};

inline constexpr types::Timestamp kNoTime{std::numeric_limits<std::int64_t>::min()};

inline bool is_missing(double cell) { return cell != cell; }
inline bool is_missing(std::string_view cell) { return cell.data() == nullptr; }
inline bool is_missing(types::Timestamp cell) { return cell == kNoTime; }

template <typename Cell>
Cell missing() {
  if constexpr (std::is_same_v<Cell, double>) {
    return std::numeric_limits<double>::quiet_NaN();
  } else if constexpr (std::is_same_v<Cell, std::string_view>) {
    return {};
  } else {
    return kNoTime;
  }
}

class Node {
 public:
  virtual ~Node() = default;
};
using NodePtr = std::shared_ptr<const Node>;

template <typename Cell>
class NodeOf : public Node {
 public:
  // Fills `out`, which has a cell for each of the rows.
  virtual void write(Rows& rows, std::span<Cell> out) const = 0;
  std::span<const Cell> cells(Rows& rows) const {
    const std::span<Cell> out = rows.room<Cell>();
    write(rows, out);
    return out;
  }
};

template <typename Cell>
const NodeOf<Cell>& node_of(const NodePtr& node) {
  return static_cast<const NodeOf<Cell>&>(*node);
}

// Calls visit(Cell()) with the cell type that `type` is kept in.
template <typename Visit>
auto with_cell(ValueType type, Visit visit) {
  switch (type) {
    case ValueType::kText:
      return visit(std::string_view());
    case ValueType::kTime:
      return visit(types::Timestamp());
    case ValueType::kNumber:
    case ValueType::kBool:
      break;
  }
  return visit(double());
}

// An expression while it is put together.
struct Typed {
  NodePtr node;
  ValueType type = ValueType::kNumber;
  int height = 1;
  std::optional<std::string> literal;  // of a text that is written out
  std::optional<std::size_t> column;   // when it is nothing but one
  bool is_any = false;  // made of columns whose types aren't known: `type` says nothing
};

// What C++ functions take and give, as language types: double, bool, std::string_view and
// Timestamp; texts that were made come back as std::string, what may be missing as std::optional.
template <typename T>
struct Meaning;
template <>
struct Meaning<double> {
  using Cell = double;
  static constexpr ValueType type = ValueType::kNumber;
};
template <>
struct Meaning<bool> {
  using Cell = double;
  static constexpr ValueType type = ValueType::kBool;
};
template <>
struct Meaning<std::string_view> {
  using Cell = std::string_view;
  static constexpr ValueType type = ValueType::kText;
};
template <>
struct Meaning<std::string> : Meaning<std::string_view> {};
template <>
struct Meaning<types::Timestamp> {
  using Cell = types::Timestamp;
  static constexpr ValueType type = ValueType::kTime;
};
template <typename T>
struct Meaning<std::optional<T>> : Meaning<T> {};

// A function's result as a cell. Numbers that aren't finite are missing.
inline double cell_from(Rows&, double x) { return std::isfinite(x) ? x : missing<double>(); }
inline double cell_from(Rows&, bool yes) { return yes ? 1 : 0; }
inline std::string_view cell_from(Rows&, std::string_view text) { return text; }
inline std::string_view cell_from(Rows& rows, const std::string& text) { return rows.keep(text); }
inline types::Timestamp cell_from(Rows&, types::Timestamp time) { return time; }
template <typename T>
auto cell_from(Rows& rows, const std::optional<T>& value) {
  return value ? cell_from(rows, *value) : missing<typename Meaning<T>::Cell>();
}

// A call of a function that gives a missing value whenever an argument is missing.
template <typename Function, typename Result, typename... Parameters>
class Call final : public NodeOf<typename Meaning<Result>::Cell> {
  using Cell = typename Meaning<Result>::Cell;

 public:
  Call(Function function, std::vector<NodePtr> arguments)
      : function_(std::move(function)), arguments_(std::move(arguments)) {}

  void write(Rows& rows, std::span<Cell> out) const override {
    write(rows, out, std::index_sequence_for<Parameters...>());
  }

 private:
  template <std::size_t... I>
  void write(Rows& rows, std::span<Cell> out, std::index_sequence<I...>) const {
    const std::tuple arguments{
        node_of<typename Meaning<Parameters>::Cell>(arguments_[I]).cells(rows).data()...};
    for (std::size_t row = 0; row < out.size(); ++row) {
      out[row] =
          (is_missing(std::get<I>(arguments)[row]) || ...)
              ? missing<Cell>()
              : cell_from(rows, function_(static_cast<Parameters>(std::get<I>(arguments)[row])...));
    }
  }

  const Function function_;
  const std::vector<NodePtr> arguments_;
};

}  // namespace slipway::features
