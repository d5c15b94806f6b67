#include "types/frame.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slipway::types {

std::string_view type_name(ColumnType type) {
  switch (type) {
    case ColumnType::kDouble:
      return "double";
    case ColumnType::kInt64:
      return "int64";
    case ColumnType::kBool:
      return "bool";
    case ColumnType::kString:
      return "string";
    case ColumnType::kTimestamp:
      return "timestamp";
  }
  return "double";
}

Result<ColumnType> parse_type(std::string_view name) {
  for (ColumnType type : {ColumnType::kDouble, ColumnType::kInt64, ColumnType::kBool,
                          ColumnType::kString, ColumnType::kTimestamp}) {
    if (type_name(type) == name) return type;
  }
  return base::error(Code::kInvalidArgument,
                     "unknown type (double, int64, bool, string or timestamp): type={}", name);
}

Column Column::of_type(std::string name, ColumnType type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  return column;
}

std::size_t Column::size() const {
  switch (type) {
    case ColumnType::kDouble:
      return doubles.size();
    case ColumnType::kString:
      return strings.size();
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      return ints.size();
  }
  return 0;
}

std::size_t Column::null_count() const {
  return static_cast<std::size_t>(std::count(valid.begin(), valid.end(), 0));
}

double Column::number(std::size_t row) const {
  if (!is_valid(row) || type == ColumnType::kString)
    return std::numeric_limits<double>::quiet_NaN();
  return type == ColumnType::kDouble ? doubles[row] : static_cast<double>(ints[row]);
}

void Column::reserve(std::size_t rows) {
  switch (type) {
    case ColumnType::kDouble:
      doubles.reserve(rows);
      break;
    case ColumnType::kString:
      strings.reserve(rows);
      break;
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      ints.reserve(rows);
      break;
  }
}

void Column::clear() {
  doubles.clear();
  ints.clear();
  strings.clear();
  valid.clear();
}

void Column::append_null() {
  if (valid.empty()) valid.assign(size(), 1);
  switch (type) {
    case ColumnType::kDouble:
      doubles.push_back(std::numeric_limits<double>::quiet_NaN());
      break;
    case ColumnType::kString:
      strings.emplace_back();
      break;
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      ints.push_back(0);
      break;
  }
  valid.push_back(0);
}

void Column::set_null(std::size_t row) {
  if (valid.empty()) valid.assign(size(), 1);
  valid[row] = 0;
  if (type == ColumnType::kDouble) {
    doubles[row] = std::numeric_limits<double>::quiet_NaN();
  } else if (type == ColumnType::kString) {
    strings[row].clear();
  } else {
    ints[row] = 0;
  }
}

void Column::append_from(const Column& other, std::size_t row) {
  CHECK(type == other.type);
  if (!other.is_valid(row)) return append_null();
  switch (type) {
    case ColumnType::kDouble:
      return append_double(other.doubles[row]);
    case ColumnType::kString:
      return append_string(other.strings[row]);
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      return append_int(other.ints[row]);
  }
}

void Column::append_rows(const Column& other, const std::vector<std::size_t>& rows) {
  CHECK(type == other.type);
  if (!valid.empty() || !other.valid.empty()) {
    const std::size_t before = size();
    valid.resize(before + rows.size(), 1);  // what was there before, too
    for (std::size_t i = 0; i < rows.size() && !other.valid.empty(); ++i)
      valid[before + i] = other.valid[rows[i]];
  }
  const auto append = [&](auto& to, const auto& from) {
    const std::size_t before = to.size();
    to.resize(before + rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) to[before + i] = from[rows[i]];
  };
  switch (type) {
    case ColumnType::kDouble:
      return append(doubles, other.doubles);
    case ColumnType::kString:
      return append(strings, other.strings);
    case ColumnType::kInt64:
    case ColumnType::kBool:
    case ColumnType::kTimestamp:
      return append(ints, other.ints);
  }
}

Column Column::take(const std::vector<std::size_t>& rows) const {
  Column taken = of_type(name, type);
  taken.append_rows(*this, rows);
  return taken;
}

const Column* Frame::find(std::string_view name) const {
  const auto at = std::find_if(columns_.begin(), columns_.end(),
                               [&](const Column& c) { return c.name == name; });
  return at == columns_.end() ? nullptr : &*at;
}

Column* Frame::find(std::string_view name) {
  return const_cast<Column*>(std::as_const(*this).find(name));
}

Result<const Column*> Frame::column(std::string_view name) const {
  if (const Column* found = find(name)) return found;
  std::string known;
  for (const Column& column : columns_) known += (known.empty() ? "" : ",") + column.name;
  return base::error(Code::kNotFound, "no such column: column={} columns={}", name, known);
}

Result<void> Frame::add(Column column) {
  if (find(column.name) != nullptr)
    return base::error(Code::kInvalidArgument, "column name is taken: column={}", column.name);
  if (!columns_.empty() && column.size() != rows()) {
    return base::error(Code::kInvalidArgument,
                       "column has another length: column={} rows={} expected={}", column.name,
                       column.size(), rows());
  }
  columns_.push_back(std::move(column));
  return {};
}

Frame Frame::take(const std::vector<std::size_t>& indexes) const {
  Frame out;
  for (const Column& column : columns_) {
    out.columns_.push_back(column.take(indexes));
  }
  return out;
}

std::vector<std::size_t> all_but(const std::vector<std::size_t>& positions, std::size_t count) {
  std::vector<std::size_t> others;
  others.reserve(count - positions.size());
  auto next = positions.begin();
  for (std::size_t row = 0; row < count; ++row) {
    if (next != positions.end() && *next == row) {
      ++next;
    } else {
      others.push_back(row);
    }
  }
  return others;
}

}  // namespace slipway::types
