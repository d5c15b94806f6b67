#include "monitor/slices/encoded_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_map>

namespace slipway::monitor {
namespace {

using Kind = Predicate::Kind;

constexpr std::size_t kBins = 10;
constexpr std::size_t kValuesMax = 60;  // of a text
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// As a value is called in a condition; nothing when it is missing. Numbers have none.
std::optional<std::string_view> text_at(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return std::nullopt;
  if (column.type == types::ColumnType::kBool)
    return column.ints[row] != 0 ? std::string_view("true") : std::string_view("false");
  if (column.strings[row].empty()) return std::nullopt;
  return std::string_view(column.strings[row]);
}

bool is_text(const types::Column& column) {
  return column.type == types::ColumnType::kString || column.type == types::ColumnType::kBool;
}

// Ascending; what is at most the first is in the first bin, and so on. The last is the greatest
// value.
std::vector<double> upper_edges(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> distinct;
  for (const double value : values) {
    if (!distinct.empty() && distinct.back() == value) continue;
    distinct.push_back(value);
    if (distinct.size() > kBins) break;
  }
  if (distinct.size() <= kBins) return distinct;
  std::vector<double> edges;
  for (std::size_t i = 1; i <= kBins; ++i) {
    const double edge = values[i * values.size() / kBins - 1];
    if (edges.empty() || edge > edges.back()) edges.push_back(edge);
  }
  return edges;
}

void encode_numbers(const types::Column& column, const std::vector<std::size_t>& rows,
                    EncodedInput& input) {
  std::vector<double> values, known;
  values.reserve(rows.size());
  for (const std::size_t row : rows) {
    values.push_back(column.number(row));
    if (!std::isnan(values.back())) known.push_back(values.back());
  }
  if (known.empty()) return;
  const std::vector<double> edges = upper_edges(std::move(known));
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (std::isnan(values[r])) continue;
    const auto bin = std::lower_bound(edges.begin(), edges.end(), values[r]) - edges.begin();
    input.cells[r] =
        static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(bin, std::ssize(edges) - 1) + 1);
  }
  const std::size_t bins = edges.size();
  input.cell_count = bins + 1;
  if (bins < 2) return;
  const auto add = [&](std::size_t first, std::size_t last) {
    input.conditions.push_back({{.input = column.name,
                                 .kind = Kind::kRange,
                                 .low = first == 1 ? -kInfinity : edges[first - 2],
                                 .high = last == bins ? kInfinity : edges[last - 1]},
                                first,
                                last});
  };
  for (std::size_t bin = 1; bin < bins; ++bin) {
    add(1, bin);         // up to it
    add(bin + 1, bins);  // above it
    if (bin > 1) add(bin, bin);
  }
}

void encode_texts(const types::Column& column, const std::vector<std::size_t>& rows,
                  std::int64_t rows_min, EncodedInput& input) {
  std::unordered_map<std::string_view, std::int64_t> counts;
  for (const std::size_t row : rows) {
    if (const auto text = text_at(column, row)) ++counts[*text];
  }
  std::vector<std::pair<std::int64_t, std::string_view>> values;
  for (const auto& [text, count] : counts) {
    if (count >= rows_min) values.emplace_back(-count, text);
  }
  std::sort(values.begin(), values.end());  // the commonest first
  if (values.size() > kValuesMax) values.resize(kValuesMax);
  std::unordered_map<std::string_view, std::uint8_t> cell_of;
  for (const auto& [count, text] : values) {
    const std::size_t cell = cell_of.size() + 1;
    cell_of.emplace(text, static_cast<std::uint8_t>(cell));
    if (counts.size() > 1)
      input.conditions.push_back(
          {{.input = column.name, .kind = Kind::kIs, .value = std::string(text)}, cell, cell});
  }
  input.cell_count = values.size() + 2;  // behind them all other values
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto text = text_at(column, rows[r]);
    if (!text) continue;
    const auto found = cell_of.find(*text);
    input.cells[r] =
        found == cell_of.end() ? static_cast<std::uint8_t>(values.size() + 1) : found->second;
  }
}

}  // namespace

std::optional<EncodedInput> encode_input(const types::Column& column,
                                         const std::vector<std::size_t>& rows,
                                         std::int64_t rows_min) {
  if (column.type == types::ColumnType::kTimestamp) return std::nullopt;
  EncodedInput input;
  input.cells.resize(rows.size());
  if (is_text(column)) {
    encode_texts(column, rows, rows_min, input);
  } else {
    encode_numbers(column, rows, input);
  }
  const auto missing = std::count(input.cells.begin(), input.cells.end(), std::uint8_t{0});
  if (missing >= rows_min && missing < std::ssize(rows))
    input.conditions.push_back({{.input = column.name, .kind = Kind::kMissing}, 0, 0});
  if (input.conditions.empty()) return std::nullopt;
  return input;
}

bool holds(const Predicate& predicate, const types::Column* column, std::size_t row) {
  if (column == nullptr) return predicate.kind == Kind::kMissing;
  if (is_text(*column)) {
    const auto text = text_at(*column, row);
    return predicate.kind == Kind::kMissing
               ? !text
               : predicate.kind == Kind::kIs && text == predicate.value;
  }
  const double value = column->number(row);
  if (predicate.kind == Kind::kMissing) return std::isnan(value);
  return predicate.kind == Kind::kRange && value > predicate.low && value <= predicate.high;
}

}  // namespace slipway::monitor
