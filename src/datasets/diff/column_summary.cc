#include "datasets/diff/column_summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "datasets/profile.h"
#include "datasets/validation.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

bool is_ordered(ColumnType type) {
  return type == ColumnType::kDouble || type == ColumnType::kInt64 ||
         type == ColumnType::kTimestamp;
}

std::vector<double> sorted_numbers(const Column& column) {
  std::vector<double> numbers;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const double number = column.number(row);
    if (!std::isnan(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// The largest distance of the two distributions.
double kolmogorov_smirnov(const std::vector<double>& a, const std::vector<double>& b) {
  const auto share = [](std::size_t seen, const std::vector<double>& of) {
    return static_cast<double>(seen) / static_cast<double>(of.size());
  };
  double most = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == at) ++i;
    while (j < b.size() && b[j] == at) ++j;
    most = std::max(most, std::abs(share(i, a) - share(j, b)));
  }
  return most;
}

std::map<std::string, double> shares(const Column& column, std::size_t values) {
  std::map<std::string, double> found;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_valid(row)) found[cell_text(column, row)] += 1 / static_cast<double>(values);
  }
  return found;
}

double total_variation(const std::map<std::string, double>& a,
                       const std::map<std::string, double>& b) {
  double sum = 0;
  for (const auto& [value, share] : a) {
    const auto other = b.find(value);
    sum += std::abs(share - (other == b.end() ? 0 : other->second));
  }
  for (const auto& [value, share] : b) sum += a.contains(value) ? 0 : share;
  return std::min(sum / 2, 1.0);
}

void add_doubles(const Column& column, ColumnSummary& summary) {
  double least = INFINITY, greatest = -INFINITY, sum = 0;
  std::int64_t values = 0;
  for (std::size_t row = 0; row < column.doubles.size(); ++row) {
    const double value = column.doubles[row];
    const bool counts = std::isfinite(value);
    least = counts && value < least ? value : least;
    greatest = counts && value > greatest ? value : greatest;
    sum += counts ? value : 0;
    values += counts;
    summary.nan += std::isnan(value);
  }
  summary.nan -= static_cast<std::int64_t>(column.null_count());  // which are NaN, too
  if (values == 0) return;
  summary.values += values;
  summary.sum += sum;
  summary.least = std::min(summary.least.value_or(least), least);
  summary.greatest = std::max(summary.greatest.value_or(greatest), greatest);
}

void add_ints(const Column& column, ColumnSummary& summary) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max(),
               greatest = std::numeric_limits<std::int64_t>::min(), values = 0;
  double sum = 0;
  for (std::size_t row = 0; row < column.ints.size(); ++row) {
    if (!column.is_valid(row)) continue;
    least = std::min(least, column.ints[row]);
    greatest = std::max(greatest, column.ints[row]);
    sum += static_cast<double>(column.ints[row]);
    ++values;
  }
  if (values == 0) return;
  summary.values += values;
  if (column.type == ColumnType::kTimestamp) {
    summary.first = std::min(summary.first.value_or(least), least);
    summary.last = std::max(summary.last.value_or(greatest), greatest);
    return;
  }
  summary.sum += sum;
  const auto low = static_cast<double>(least), high = static_cast<double>(greatest);
  summary.least = std::min(summary.least.value_or(low), low);
  summary.greatest = std::max(summary.greatest.value_or(high), high);
}

}  // namespace

std::int64_t DistinctCounter::about() const {
  constexpr auto kPlaces = static_cast<double>(1 << kBits);
  double sum = 0;
  int empty = 0;
  for (const std::uint8_t rank : ranks_) {
    sum += std::ldexp(1.0, -rank);
    empty += rank == 0;
  }
  const double raw = 0.7213 / (1 + 1.079 / kPlaces) * kPlaces * kPlaces / sum;
  const bool is_small = raw <= 2.5 * kPlaces && empty > 0;
  return std::llround(is_small ? kPlaces * std::log(kPlaces / empty) : raw);
}

void ColumnSummary::add(const Column& column, const std::vector<std::uint64_t>& hashes) {
  rows += static_cast<std::int64_t>(column.size());
  missing += static_cast<std::int64_t>(column.null_count());
  for (std::size_t row = 0; row < hashes.size(); ++row) {
    if (column.is_valid(row)) distinct.add(hashes[row]);
  }
  if (column.type == ColumnType::kDouble) {
    add_doubles(column, *this);
  } else if (column.type != ColumnType::kString) {
    add_ints(column, *this);
  }
}

void RowSample::add(const Frame& piece, const std::vector<std::uint64_t>& hashes) {
  if (rows_.columns().empty()) {
    for (const Column& column : piece.columns())
      rows_.columns().push_back(Column::of_type(column.name, column.type));
  }
  std::vector<std::size_t> taken;
  for (std::size_t row = 0; row < hashes.size(); ++row) {
    if (hashes[row] > hash_max_) continue;
    taken.push_back(row);
    hashes_.push_back(hashes[row]);
  }
  for (std::size_t i = 0; i < rows_.columns().size(); ++i)
    rows_.columns()[i].append_rows(piece.columns()[i], taken);
  if (hashes_.size() > 2 * rows_max_) shrink();
}

void RowSample::shrink() {
  std::vector<std::uint64_t> order = hashes_;
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(rows_max_),
                   order.end());
  hash_max_ = order[rows_max_];
  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < hashes_.size(); ++row) {
    if (hashes_[row] <= hash_max_) kept.push_back(row);
  }
  if (kept.size() > rows_max_) kept.resize(rows_max_);  // many rows of one key
  rows_ = rows_.take(kept);
  for (std::size_t i = 0; i < kept.size(); ++i) hashes_[i] = hashes_[kept[i]];
  hashes_.resize(kept.size());
}

Frame RowSample::rows(std::uint64_t up_to) const {
  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < hashes_.size(); ++row) {
    if (hashes_[row] <= up_to) kept.push_back(row);
  }
  return rows_.take(kept);
}

JsonObject summary_json(const ColumnSummary& summary, const Column& sample) {
  JsonObject out{{"type", types::type_name(sample.type)},
                 {"rows", summary.rows},
                 {"missing", summary.missing},
                 {"missing_share", summary.rows == 0 ? Json(nullptr)
                                                     : Json(static_cast<double>(summary.missing) /
                                                            static_cast<double>(summary.rows))},
                 {"distinct", summary.distinct.about()}};
  if (sample.type == ColumnType::kDouble) out["nan"] = summary.nan;
  if (summary.least) {
    out["min"] = *summary.least;
    out["max"] = *summary.greatest;
    out["mean"] = base::number_or_null(summary.sum / static_cast<double>(summary.values));
  }
  if (summary.first) {
    out["min"] = types::to_rfc3339({*summary.first});
    out["max"] = types::to_rfc3339({*summary.last});
  }
  Frame alone;
  alone.columns().push_back(sample);
  const JsonArray profiled = profile(alone);
  for (const char* name : {"stddev", "p05", "p50", "p95", "top"}) {
    if (const Json* found = profiled[0].as_object().if_contains(name)) out[name] = *found;
  }
  return out;
}

std::optional<Drift> drift(const Column& before, const Column& after) {
  const std::size_t olds = before.size() - before.null_count(),
                    news = after.size() - after.null_count();
  const bool alike = before.type == after.type ||
                     (before.type != ColumnType::kTimestamp && is_ordered(before.type) &&
                      after.type != ColumnType::kTimestamp && is_ordered(after.type));
  if (!alike || olds == 0 || news == 0) return std::nullopt;
  if (is_ordered(before.type)) {
    const std::vector<double> a = sorted_numbers(before), b = sorted_numbers(after);
    if (a.empty() || b.empty()) return std::nullopt;
    return Drift{.measure = "kolmogorov_smirnov", .value = kolmogorov_smirnov(a, b)};
  }
  return Drift{.measure = "total_variation",
               .value = total_variation(shares(before, olds), shares(after, news))};
}

}  // namespace slipway::datasets
