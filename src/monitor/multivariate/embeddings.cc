#include "monitor/multivariate/embeddings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "monitor/drift/distances.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/kernel_tests.h"
#include "monitor/drift/linear_classifier.h"
#include "monitor/drift/numpy_draws.h"
#include "monitor/multivariate/row_encoder.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kModel = 0.55, kDistance = 0.2, kRatio = 0.2, kMmd = 0.015;
constexpr double kComponent = 0.1;  // normed Wasserstein distance from which a component drifted
constexpr std::size_t kFewRows = 1000;
constexpr double kRandomQuantile = 0.95;
constexpr std::int64_t kRandomDraws = 100;
constexpr std::size_t kWidthRows = 1000;  // whose distances make mmd's kernel

constexpr EmbeddingMethod kMethods[] = {
    {"distance", "Distance of the means"},
    {"mmd", "Maximum mean discrepancy"},
    {"model", "Domain classifier"},
    {"ratio", "Share of drifted components"},
};
constexpr std::string_view kDistances[] = {"euclidean", "cosine", "cityblock", "chebyshev"};

bool is_number(const types::Column& column) {
  return column.type == types::ColumnType::kDouble || column.type == types::ColumnType::kInt64;
}

// The rows that have every component.
Result<RowMatrix> whole_rows(const types::Frame& frame, std::string_view side,
                             EmbeddingDrift& drift) {
  RowMatrix matrix{.rows = 0, .columns = frame.columns().size(), .values = {}};
  for (const types::Column& column : frame.columns()) {
    if (is_number(column)) continue;
    return base::error(Code::kInvalidArgument,
                       "a component of an embedding is no number: embedding={} column={} type={}",
                       drift.name, column.name, types::type_name(column.type));
  }
  matrix.values.reserve(frame.rows() * matrix.columns);
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    const std::size_t before = matrix.values.size();
    bool is_whole = true;
    for (const types::Column& column : frame.columns()) {
      matrix.values.push_back(column.number(row));
      is_whole = is_whole && std::isfinite(matrix.values.back());
    }
    if (is_whole) {
      ++matrix.rows;
    } else {
      matrix.values.resize(before);
    }
  }
  if (matrix.rows < frame.rows()) {
    drift.notes.push_back(fmt::format("{} of {} {} rows lack a component and are left out",
                                      frame.rows() - matrix.rows, frame.rows(), side));
  }
  if (matrix.rows < kEmbeddingRowsMin) {
    return base::error(Code::kInvalidArgument,
                       "too few rows to compare embeddings: embedding={} {}_rows={} at least={}",
                       drift.name, side, matrix.rows, kEmbeddingRowsMin);
  }
  return matrix;
}

RowMatrix rows_at(const RowMatrix& matrix, std::span<const std::uint32_t> rows) {
  RowMatrix picked{.rows = rows.size(), .columns = matrix.columns, .values = {}};
  picked.values.reserve(rows.size() * matrix.columns);
  for (const std::uint32_t row : rows) {
    const auto from = matrix.row(row);
    picked.values.insert(picked.values.end(), from.begin(), from.end());
  }
  return picked;
}

std::vector<double> means_of(const RowMatrix& matrix) {
  std::vector<double> means(matrix.columns, 0.0);
  for (std::size_t row = 0; row < matrix.rows; ++row) {
    for (std::size_t c = 0; c < matrix.columns; ++c) means[c] += matrix.row(row)[c];
  }
  for (double& mean : means) mean /= static_cast<double>(matrix.rows);
  return means;
}

double distance_of(std::string_view kind, const std::vector<double>& a,
                   const std::vector<double>& b) {
  double squares = 0, sum = 0, largest = 0, dot = 0, of_a = 0, of_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    squares += difference * difference;
    sum += difference;
    largest = std::max(largest, difference);
    dot += a[i] * b[i];
    of_a += a[i] * a[i];
    of_b += b[i] * b[i];
  }
  if (kind == "cityblock") return sum;
  if (kind == "chebyshev") return largest;
  if (kind == "cosine") return 1 - dot / std::sqrt(of_a * of_b);
  return std::sqrt(squares);
}

// The reference is 1, as Evidently has it.
Result<void> compare_by_model(const RowMatrix& reference, const RowMatrix& current,
                              EmbeddingDrift& drift) {
  std::vector<std::uint32_t> components(reference.columns);
  std::iota(components.begin(), components.end(), 0u);
  const auto row_of = [&](std::uint32_t i) {
    return SparseRow{
        .features = components,
        .values = i < reference.rows ? reference.row(i) : current.row(i - reference.rows)};
  };
  const Halves halves = halves_of(reference.rows + current.rows);
  std::vector<SparseRow> learned;
  std::vector<bool> is_reference;
  for (const std::uint32_t i : halves.learned) {
    learned.push_back(row_of(i));
    is_reference.push_back(i < reference.rows);
  }
  const auto classifier = LinearClassifier::fit(learned, is_reference, reference.columns, {});
  if (!classifier) {
    return base::error(Code::kInvalidArgument,
                       "the components are too large for a linear classifier; scale them, or use "
                       "another method: embedding={}",
                       drift.name);
  }
  std::vector<double> chances, labels;
  for (const std::uint32_t i : halves.asked) {
    chances.push_back(classifier->chance(row_of(i)));
    labels.push_back(i < reference.rows ? 1 : 0);
  }
  drift.score = types::auc(chances, labels);
  drift.threshold = kModel;
  if (reference.rows < kFewRows) {
    std::vector<std::int64_t> seeds(kRandomDraws);
    std::iota(seeds.begin(), seeds.end(), 0);
    drift.threshold = random_auc_quantile(labels, seeds, kRandomQuantile);
  }
  return {};
}

void compare_by_ratio(const RowMatrix& reference, const RowMatrix& current, EmbeddingDrift& drift) {
  std::size_t drifted = 0;
  for (std::size_t c = 0; c < reference.columns; ++c) {
    const auto sorted = [&](const RowMatrix& matrix) {
      std::vector<double> values(matrix.rows);
      for (std::size_t row = 0; row < matrix.rows; ++row) values[row] = matrix.row(row)[c];
      std::sort(values.begin(), values.end());
      return values;
    };
    drifted += normalized_wasserstein(sorted(reference), sorted(current)) >= kComponent;
  }
  drift.score = static_cast<double>(drifted) / static_cast<double>(reference.columns);
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// The kernel's width is the median distance from rows of one side to rows of the other, drawn as
// pandas' sample(random_state=0) draws them.
void compare_by_mmd(const RowMatrix& reference, const RowMatrix& current, EmbeddingDrift& drift) {
  const auto sample = [](const RowMatrix& matrix) {
    std::vector<std::uint32_t> order =
        NumpyDraws(0).permutation(static_cast<std::uint32_t>(matrix.rows));
    order.resize(std::min(order.size(), kWidthRows));
    return order;
  };
  const std::vector<std::uint32_t> some = sample(reference), others = sample(current);
  std::vector<double> distances;
  distances.reserve(some.size() * others.size());
  for (const std::uint32_t i : some) {
    for (const std::uint32_t j : others) {
      distances.push_back(std::sqrt(squared_distance(reference.row(i), current.row(j))));
    }
  }
  const std::size_t middle = distances.size() / 2;
  std::nth_element(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(middle),
                   distances.end());
  double median = distances[middle];
  if (distances.size() % 2 == 0) {
    median += *std::max_element(distances.begin(),
                                distances.begin() + static_cast<std::ptrdiff_t>(middle));
    median /= 2;
  }
  const double gamma = 1 / (median * median);
  const auto row = [&](std::size_t i) {
    return i < reference.rows ? reference.row(i) : current.row(i - reference.rows);
  };
  Draws draws(0);  // none: no divisions are asked for
  const double found =
      kernel_two_sample_test(reference.rows, current.rows, 0, draws,
                             [&](std::size_t i, std::size_t j) {
                               return std::exp(-gamma * squared_distance(row(i), row(j)));
                             })
          .statistic;
  drift.score = std::isnan(found) ? found : std::max(found, 0.0);
}

}  // namespace

std::span<const EmbeddingMethod> embedding_methods() { return kMethods; }

std::string embedding_method_names() {
  std::vector<std::string_view> names;
  for (const EmbeddingMethod& method : kMethods) names.push_back(method.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<void> check_embedding_rule(const EmbeddingRule& rule) {
  const auto known = std::any_of(std::begin(kMethods), std::end(kMethods),
                                 [&](const EmbeddingMethod& m) { return m.name == rule.method; });
  if (!known) {
    return base::error(Code::kInvalidArgument, "no such embedding method: method={} known={}",
                       rule.method, embedding_method_names());
  }
  if (std::find(std::begin(kDistances), std::end(kDistances), rule.distance) ==
      std::end(kDistances)) {
    return base::error(Code::kInvalidArgument, "no such distance: distance={} known={}",
                       rule.distance, fmt::join(kDistances, ", "));
  }
  return {};
}

Result<EmbeddingDrift> compare_embeddings(const std::string& name, const types::Frame& reference,
                                          const types::Frame& current, const EmbeddingRule& rule) {
  TRY(check_embedding_rule(rule));
  EmbeddingDrift drift;
  drift.name = name;
  drift.method = rule.method;
  if (rule.method == "distance") drift.distance = rule.distance;
  RowMatrix before = TRY(whole_rows(reference, "reference", drift));
  RowMatrix now = TRY(whole_rows(current, "current", drift));
  if (rule.method == "mmd") {
    for (const auto& [matrix, seed] : {std::pair(&before, kReferenceSeed), {&now, kCurrentSeed}}) {
      if (matrix->rows <= kEmbeddingMmdRows) continue;
      const std::vector<std::size_t> drawn = rows_drawn(matrix->rows, kEmbeddingMmdRows, seed);
      *matrix = rows_at(*matrix, std::vector<std::uint32_t>(drawn.begin(), drawn.end()));
    }
  }
  drift.components = before.columns;
  drift.reference_rows = before.rows;
  drift.current_rows = now.rows;
  if (rule.method == "model") {
    TRY(compare_by_model(before, now, drift));
  } else if (rule.method == "distance") {
    drift.score = distance_of(rule.distance, means_of(before), means_of(now));
    drift.threshold = kDistance;
  } else if (rule.method == "ratio") {
    compare_by_ratio(before, now, drift);
    drift.threshold = kRatio;
  } else {
    compare_by_mmd(before, now, drift);
    drift.threshold = kMmd;
  }
  drift.threshold = rule.threshold.value_or(drift.threshold);
  // A score that is no number is none that would be expected.
  drift.drifted = !(drift.score <= drift.threshold);
  return drift;
}

JsonObject EmbeddingDrift::to_json() const {
  JsonObject object{{"embedding", name}, {"method", method}};
  for (const EmbeddingMethod& known : kMethods) {
    if (known.name == method) object["method_title"] = known.title;
  }
  if (!distance.empty()) object["distance"] = distance;
  object["score"] = base::number_or_null(score);
  object["threshold"] = base::number_or_null(threshold);
  object["drifted"] = drifted;
  object["components"] = components;
  object["reference_rows"] = reference_rows;
  object["current_rows"] = current_rows;
  object["notes"] = JsonArray(notes.begin(), notes.end());
  return object;
}

}  // namespace slipway::monitor
