// Which method and threshold the inputs and predictions of a monitor are measured by.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace slipway::monitor {

struct DriftRule {
  std::string method = "slipway";   // a name that choose_drift_method knows
  std::optional<double> threshold;  // unset: the method's own
  bool operator==(const DriftRule&) const = default;
};

constexpr std::size_t kMultivariateRows = 10'000;

// How columns are compared together (multivariate/multivariate.h).
struct MultivariateRule {
  std::string method = "reconstruction_error";  // a name that check_multivariate_method knows
  // Instead of the method's own: the largest error, the largest AUC, the smallest p value that are
  // no drift.
  std::optional<double> threshold;
  std::vector<std::string> columns;  // only these; empty: all that can be compared
  // Of each side that are looked at, drawn from a fixed seed when there are more.
  std::size_t rows_max = kMultivariateRows;
  bool operator==(const MultivariateRule&) const = default;
};

// Inputs that are the components of a vector (multivariate/embeddings.h).
struct EmbeddingInputs {
  std::vector<std::string> columns;
  std::string method = "model";     // a name that check_embedding_rule knows
  std::optional<double> threshold;  // unset: the method's own
  bool operator==(const EmbeddingInputs&) const = default;
};

struct DriftRules {
  DriftRule all;                                 // of every input that isn't named
  std::map<std::string, DriftRule> columns;      // by input
  std::optional<DriftRule> prediction;           // of what the model answers; unset: PSI alone
  std::optional<MultivariateRule> multivariate;  // of inputs together; unset: not asked
  std::map<std::string, EmbeddingInputs> embeddings;
  bool associations = false;  // which inputs no more go together (multivariate/associations.h)

  const DriftRule& of(const std::string& column) const {
    const auto found = columns.find(column);
    return found == columns.end() ? all : found->second;
  }
  bool operator==(const DriftRules&) const = default;
};

}  // namespace slipway::monitor
