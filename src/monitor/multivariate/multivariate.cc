#include "monitor/multivariate/multivariate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "monitor/drift/draws.h"
#include "monitor/drift/kernel_tests.h"
#include "monitor/multivariate/domain_classifier.h"

namespace slipway::monitor {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

constexpr double kVariance = 0.65;  // NannyML's default, as the chunks and deviations
constexpr std::size_t kChunks = 10;
constexpr double kDeviations = 3;
constexpr double kAucLow = 0.45, kAucHigh = 0.65;
constexpr double kMmdP = 0.05;
constexpr std::size_t kPermutations = 100;
constexpr std::size_t kCausesMax = 5;

constexpr MultivariateMethod kMethods[] = {
    {"reconstruction_error", "PCA reconstruction error", "error"},
    {"domain_classifier", "Domain classifier", "AUC"},
    {"mmd", "Maximum mean discrepancy", "p value"},
};

bool is_text(const Column& column) {
  if (column.type != ColumnType::kString) return false;
  std::unordered_set<std::string_view> distinct;
  std::size_t present = 0;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    ++present;
    distinct.insert(column.strings[row]);
  }
  return 2 * distinct.size() > present;
}

bool is_constant(const Column& column) {
  for (std::size_t row = 1; row < column.size(); ++row) {
    if (column.is_valid(row) != column.is_valid(0)) return false;
    if (is_categorical(column)) {
      if (category_of(column, row) != category_of(column, 0)) return false;
    } else if (const double a = column.number(row), b = column.number(0);
               a != b && !(std::isnan(a) && std::isnan(b))) {
      return false;
    }
  }
  return true;
}

Result<void> check_rows(std::size_t rows, std::string_view side) {
  if (rows >= kMultivariateRowsMin) return {};
  return base::error(Code::kInvalidArgument,
                     "too few rows to compare columns together: {}={} at least={}", side, rows,
                     kMultivariateRowsMin);
}

// How many rows of a side are compared.
std::size_t rows_of(const MultivariateRule& rule, const Frame& frame) {
  if (rule.method != "domain_classifier") return rule.rows_max;
  const std::size_t columns = std::max<std::size_t>(frame.columns().size(), 1);
  return std::min(rule.rows_max, std::max(kClassifierCellsMax / columns, kMultivariateRowsMin));
}

Frame drawn(const Frame& frame, std::size_t most, std::uint64_t seed) {
  return frame.rows() <= most ? frame : frame.take(rows_drawn(frame.rows(), most, seed));
}

// The means of the rows' errors by chunk: NannyML's default, tenths and what is left of them.
std::vector<double> chunk_means(const std::vector<double>& errors) {
  const std::size_t size = std::max<std::size_t>(1, errors.size() / kChunks);
  std::vector<double> means;
  for (std::size_t from = 0; from < errors.size(); from += size) {
    const std::size_t to = std::min(errors.size(), from + size);
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += errors[i];
    means.push_back(sum / static_cast<double>(to - from));
  }
  return means;
}

struct Residue {
  std::vector<double> of_rows;     // lengths
  std::vector<double> of_columns;  // mean squares
};

Residue residue_of(const RowMatrix& left) {
  Residue residue{.of_rows = {}, .of_columns = std::vector<double>(left.columns, 0.0)};
  for (std::size_t i = 0; i < left.rows; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < left.columns; ++c) {
      const double square = left.row(i)[c] * left.row(i)[c];
      sum += square;
      residue.of_columns[c] += square / static_cast<double>(left.rows);
    }
    residue.of_rows.push_back(std::sqrt(sum));
  }
  return residue;
}

// The largest shares of what is above 0.
std::vector<std::pair<std::string, double>> largest(const std::vector<std::string>& names,
                                                    const std::vector<double>& weights) {
  double all = 0;
  for (const double weight : weights) all += std::max(weight, 0.0);
  std::vector<std::pair<std::string, double>> shares;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (weights[i] > 0 && std::isfinite(all)) shares.emplace_back(names[i], weights[i] / all);
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (shares.size() > kCausesMax) shares.resize(kCausesMax);
  return shares;
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// alibi-detect's: the squared distance in the middle of all pairs of different rows, which makes
// 1 / (2 sigma^2).
double kernel_gamma(const RowMatrix& rows) {
  std::vector<double> distances;
  distances.reserve(rows.rows * rows.rows);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < rows.rows; ++j) {
      distances.push_back(squared_distance(rows.row(i), rows.row(j)));
    }
  }
  const std::size_t n = rows.rows, middle = n + (n * n - n) / 2 - 1;
  std::nth_element(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(middle),
                   distances.end());
  return distances[middle] > 0 ? 1 / distances[middle] : 1;
}

}  // namespace

std::span<const MultivariateMethod> multivariate_methods() { return kMethods; }

std::string multivariate_method_names() {
  std::vector<std::string_view> names;
  for (const MultivariateMethod& method : kMethods) names.push_back(method.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<void> check_multivariate_method(std::string_view name) {
  for (const MultivariateMethod& method : kMethods) {
    if (method.name == name) return {};
  }
  return base::error(Code::kInvalidArgument, "no such multivariate method: method={} known={}",
                     name, multivariate_method_names());
}

bool may_be_compared_together(const Column& reference, const Column& current) {
  const auto is_number = [](const Column& column) {
    return column.type == ColumnType::kDouble || column.type == ColumnType::kInt64;
  };
  if (is_number(reference)) return is_number(current);
  return reference.type == current.type && reference.type != ColumnType::kTimestamp;
}

Result<MultivariateReference> MultivariateReference::of(const Frame& reference,
                                                        MultivariateRule rule) {
  TRY(check_multivariate_method(rule.method));
  TRY(check_rows(reference.rows(), "reference_rows"));
  MultivariateReference made;
  made.rule_ = std::move(rule);
  for (const std::string& name : made.rule_.columns) TRY(reference.column(name));
  const Frame rows = drawn(reference, rows_of(made.rule_, reference), kReferenceSeed);
  for (const Column& column : rows.columns()) {
    const auto& only = made.rule_.columns;
    if (!only.empty() && std::find(only.begin(), only.end(), column.name) == only.end()) continue;
    const char* why = column.type == ColumnType::kTimestamp ? "times"
                      : is_text(column)                     ? "texts, most of them different"
                      : is_constant(column)                 ? "one value only in the reference"
                                                            : nullptr;
    if (why != nullptr) {
      made.notes_.push_back(fmt::format("{} is left out: {}", column.name, why));
      continue;
    }
    made.names_.push_back(column.name);
    TRY(made.rows_.add(column));
  }
  if (made.names_.empty()) {
    return base::error(Code::kInvalidArgument, "no column to compare together{}{}",
                       made.notes_.empty() ? "" : ": ", fmt::join(made.notes_, "; "));
  }
  if (made.rule_.method == "reconstruction_error" &&
      made.names_.size() > kReconstructionColumnsMax) {
    return base::error(Code::kInvalidArgument,
                       "more columns than reconstruction_error takes; name some of them, or ask "
                       "domain_classifier: columns={} at most={}",
                       made.names_.size(), kReconstructionColumnsMax);
  }
  if (made.rule_.method != "domain_classifier") made.encoder_ = RowEncoder::of(made.rows_);
  made.reference_rows_ = made.rows_.rows();
  if (made.rule_.method == "reconstruction_error") {
    made.learn_reconstruction();
    made.rows_ = made.rows_.take({});
  }
  return made;
}

void MultivariateReference::learn_reconstruction() {
  const RowMatrix rows = encoder_.encode(rows_);
  components_ = PrincipalComponents::of(rows, kVariance);
  Residue residue = residue_of(components_.residuals(rows));
  chunks_ = chunk_means(residue.of_rows);
  errors_by_column_ = std::move(residue.of_columns);
  const auto n = static_cast<double>(chunks_.size());
  const double mean = std::accumulate(chunks_.begin(), chunks_.end(), 0.0) / n;
  double squares = 0;
  for (const double chunk : chunks_) squares += (chunk - mean) * (chunk - mean);
  const double deviation = std::sqrt(squares / n);
  low_ = std::max(0.0, mean - kDeviations * deviation);
  high_ = mean + kDeviations * deviation;
}

Result<MultivariateDrift> MultivariateReference::compare(const Frame& current) const {
  TRY(check_rows(current.rows(), "current_rows"));
  Frame all;
  for (const Column& column : rows_.columns()) {
    const Column* found = TRY(current.column(column.name));
    if (!may_be_compared_together(column, *found)) {
      return base::error(Code::kInvalidArgument,
                         "a column of another type can't be compared together with others: "
                         "column={} before={} now={}",
                         column.name, types::type_name(column.type), types::type_name(found->type));
    }
    TRY(all.add(*found));
  }
  const Frame rows = drawn(all, rows_of(rule_, all), kCurrentSeed);
  MultivariateDrift drift;
  drift.method = rule_.method;
  drift.reference_rows = reference_rows_;
  drift.current_rows = rows.rows();
  drift.columns = names_;
  drift.notes = notes_;
  if (rule_.method == "reconstruction_error") {
    compare_reconstruction(rows, drift);
  } else if (rule_.method == "domain_classifier") {
    compare_domains(rows, drift);
  } else {
    compare_kernels(rows, drift);
  }
  // A score that is no number is none that would be expected.
  drift.drifted =
      !((!drift.low || drift.score >= *drift.low) && (!drift.high || drift.score <= *drift.high));
  return drift;
}

void MultivariateReference::compare_reconstruction(const Frame& rows,
                                                   MultivariateDrift& drift) const {
  const Residue residue = residue_of(components_.residuals(encoder_.encode(rows)));
  drift.score = std::accumulate(residue.of_rows.begin(), residue.of_rows.end(), 0.0) /
                static_cast<double>(residue.of_rows.size());
  if (!rule_.threshold) drift.low = low_;
  drift.high = rule_.threshold.value_or(high_);
  drift.reference_chunks = chunks_;
  drift.current_chunks = chunk_means(residue.of_rows);
  std::vector<double> rise = residue.of_columns;
  for (std::size_t c = 0; c < rise.size(); ++c) rise[c] -= errors_by_column_[c];
  drift.causes = largest(names_, rise);
}

void MultivariateReference::compare_domains(const Frame& rows, MultivariateDrift& drift) const {
  const DomainClassification found = classify_domains(rows_, rows);
  drift.score = found.auc;
  if (!rule_.threshold) drift.low = kAucLow;
  drift.high = rule_.threshold.value_or(kAucHigh);
  drift.causes = largest(names_, found.importance);
}

void MultivariateReference::compare_kernels(const Frame& rows, MultivariateDrift& drift) const {
  const RowMatrix before = encoder_.encode(drawn(rows_, kMmdRows, kReferenceSeed));
  const RowMatrix now = encoder_.encode(drawn(rows, kMmdRows, kCurrentSeed));
  drift.reference_rows = before.rows;
  drift.current_rows = now.rows;
  const double gamma = kernel_gamma(before);
  const auto row = [&](std::size_t i) {
    return i < before.rows ? before.row(i) : now.row(i - before.rows);
  };
  Draws draws(0);
  const KernelTest test = kernel_two_sample_test(
      before.rows, now.rows, kPermutations, draws, [&](std::size_t i, std::size_t j) {
        return std::exp(-gamma * squared_distance(row(i), row(j)));
      });
  drift.score = test.p_value;
  drift.statistic = test.statistic;
  drift.low = rule_.threshold.value_or(kMmdP);
}

MultivariateProfile::MultivariateProfile(const Frame& reference, MultivariateRule rule)
    : rule_(std::move(rule)), reference_(drawn(reference, rule_.rows_max, kReferenceSeed)) {}

Result<MultivariateDrift> MultivariateProfile::compare(const Frame& window,
                                                       const std::vector<std::size_t>& rows,
                                                       bool (*is_input)(std::string_view)) const {
  TRY(check_rows(rows.size(), "current_rows"));
  MultivariateRule rule = rule_;
  if (rule.columns.empty()) {
    for (const Column& column : reference_.columns()) {
      const Column* found = window.find(column.name);
      if (found != nullptr && is_input(column.name) && may_be_compared_together(column, *found)) {
        rule.columns.push_back(column.name);
      }
    }
    if (rule.columns.empty()) {
      return base::error(Code::kInvalidArgument, "the reference and the window share no input");
    }
  }
  std::shared_ptr<const MultivariateReference> reference;
  {
    const base::MutexLock lock(mutex_);
    if (made_ == nullptr || names_ != rule.columns) {
      names_ = rule.columns;
      made_ = nullptr;
      made_ = std::make_shared<const MultivariateReference>(
          TRY(MultivariateReference::of(reference_, rule)));
    }
    reference = made_;
  }
  Frame inputs;
  for (const std::string& name : reference->columns()) {
    const Column* column = TRY(window.column(name));
    TRY(inputs.add(column->take(rows)));
  }
  return reference->compare(inputs);
}

JsonObject MultivariateDrift::to_json() const {
  JsonObject object{{"method", method}};
  for (const MultivariateMethod& known : kMethods) {
    if (known.name != method) continue;
    object["method_title"] = known.title;
    object["score_is"] = known.score_is;
  }
  object["score"] = base::number_or_null(score);
  if (statistic) object["statistic"] = base::number_or_null(*statistic);
  if (low) object["low"] = base::number_or_null(*low);
  if (high) object["high"] = base::number_or_null(*high);
  object["drifted"] = drifted;
  object["reference_rows"] = reference_rows;
  object["current_rows"] = current_rows;
  object["columns"] = JsonArray(columns.begin(), columns.end());
  JsonArray shares;
  for (const auto& [column, share] : causes) {
    shares.push_back(JsonObject{{"column", column}, {"share", base::number_or_null(share)}});
  }
  object["causes"] = std::move(shares);
  if (!reference_chunks.empty()) {
    JsonArray before, now;
    for (const double chunk : reference_chunks) before.push_back(base::number_or_null(chunk));
    for (const double chunk : current_chunks) now.push_back(base::number_or_null(chunk));
    object["reference_chunks"] = std::move(before);
    object["current_chunks"] = std::move(now);
  }
  object["notes"] = JsonArray(notes.begin(), notes.end());
  return object;
}

}  // namespace slipway::monitor
