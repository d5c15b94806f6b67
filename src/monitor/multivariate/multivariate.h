// Whether several columns together have drifted: what no column alone shows, such as rows that were
// joined wrongly.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "base/result.h"
#include "monitor/drift/rules.h"
#include "monitor/multivariate/principal_components.h"
#include "monitor/multivariate/row_encoder.h"
#include "types/frame.h"

namespace slipway::monitor {

// A way to ask. The names:
//
//   reconstruction_error  NannyML's: principal components that hold 65% of the reference's
//   variance,
//                         and how far rows lie from what these tell of them. Drift: outside the
//                         mean and 3 deviations of ten chunks of the reference.
//   domain_classifier     NannyML's: how well trees tell current rows from reference rows, as an
//                         AUC. Drift: outside 0.45 to 0.65.
//   mmd                   alibi-detect's maximum mean discrepancy: p value of 100 permutations.
//                         Drift: below 0.05.
struct MultivariateMethod {
  std::string_view name, title, score_is;
};
std::span<const MultivariateMethod> multivariate_methods();
std::string multivariate_method_names();  // "reconstruction_error, ..."
// kInvalidArgument: no such method.
Result<void> check_multivariate_method(std::string_view name);

// That mmd looks at, of those.
constexpr std::size_t kMmdRows = 1000;
// Fewer rows of a side say nothing.
constexpr std::size_t kMultivariateRowsMin = 50;
// More are kept and compared by nobody: a side takes so many rows of all its columns in memory.
constexpr std::size_t kMultivariateRowsMax = 100'000;
// Of reconstruction_error, whose time grows with their cube.
constexpr std::size_t kReconstructionColumnsMax = 500;
// Of rows times columns that domain_classifier learns from, of each side: it takes fewer rows of
// many columns.
constexpr std::size_t kClassifierCellsMax = 2'000'000;

struct MultivariateDrift {
  std::string method;
  double score = 0;
  std::optional<double> statistic;  // mmd: the squared discrepancy
  std::optional<double> low, high;  // drift is a score outside
  bool drifted = false;
  std::size_t reference_rows = 0, current_rows = 0;  // that were looked at
  std::vector<std::string> columns;
  // Which columns it lies in, the first most: their share of what the classifier learned, or of the
  // rise of the error. None of mmd.
  std::vector<std::pair<std::string, double>> causes;
  std::vector<double> reference_chunks, current_chunks;  // reconstruction_error: of each chunk
  std::vector<std::string> notes;                        // columns that were left out, and why

  JsonObject to_json() const;
};

// A reference that rows are compared with. Immutable, so threads may share it.
class MultivariateReference {
 public:
  // kInvalidArgument: fewer than kMultivariateRowsMin rows, or no column left to compare, or too
  // many of them. kNotFound: the reference lacks one of the rule's columns. Times, texts (strings
  // that are mostly different) and columns with one value are left out.
  static Result<MultivariateReference> of(const types::Frame& reference, MultivariateRule rule);

  // Errors as of(); also when `current` lacks one of the columns() or has another type there.
  Result<MultivariateDrift> compare(const types::Frame& current) const;

  const std::vector<std::string>& columns() const { return names_; }

 private:
  void learn_reconstruction();
  void compare_reconstruction(const types::Frame& rows, MultivariateDrift& drift) const;
  void compare_domains(const types::Frame& rows, MultivariateDrift& drift) const;
  void compare_kernels(const types::Frame& rows, MultivariateDrift& drift) const;

  MultivariateRule rule_;
  std::vector<std::string> names_, notes_;
  std::size_t reference_rows_ = 0;
  types::Frame rows_;  // of the columns; without rows where what was learned is enough
  RowEncoder encoder_;
  PrincipalComponents components_;  // reconstruction_error from here on
  std::vector<double> chunks_, errors_by_column_;
  double low_ = 0, high_ = 0;
};

// A monitor's reference, for windows whose columns may change. Safe to use from several threads.
class MultivariateProfile {
 public:
  // Keeps the rows of `reference` that the rule looks at.
  MultivariateProfile(const types::Frame& reference, MultivariateRule rule);

  // Compares these rows of a window, by the columns that both have, all of one type, and that
  // `is_input` takes. Errors as MultivariateReference.
  Result<MultivariateDrift> compare(const types::Frame& window,
                                    const std::vector<std::size_t>& rows,
                                    bool (*is_input)(std::string_view)) const;

 private:
  const MultivariateRule rule_;
  const types::Frame reference_;
  mutable base::Mutex mutex_;
  // Made for the columns of the last window.
  mutable std::vector<std::string> names_ GUARDED_BY(mutex_);
  mutable std::shared_ptr<const MultivariateReference> made_ GUARDED_BY(mutex_);
};

// Whether two columns of one name may be compared together with others: numbers, or of one type,
// and no times.
bool may_be_compared_together(const types::Column& reference, const types::Column& current);

}  // namespace slipway::monitor
