// Whether embeddings have drifted: columns that are the components of one vector, the way Evidently
// compares them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"

namespace slipway::monitor {

// Evidently's methods, by its names and with its thresholds; drift is a score above.
//
//   model     AUC of a linear classifier that tells the sides apart, over 0.55; below 1,000
//             reference rows, over what 95 of 100 random answers get
//   distance  between the sides' means, over 0.2
//   ratio     share of components whose Wasserstein distance (normed) is 0.1 or more, over 0.2
//   mmd       maximum mean discrepancy with a Gaussian kernel, over 0.015
struct EmbeddingMethod {
  std::string_view name, title;
};
std::span<const EmbeddingMethod> embedding_methods();
std::string embedding_method_names();

struct EmbeddingRule {
  std::string method = "model";
  std::string distance = "euclidean";  // of `distance`; or cosine, cityblock, chebyshev
  std::optional<double> threshold;     // instead of the method's own
};
// kInvalidArgument: no such method or distance.
Result<void> check_embedding_rule(const EmbeddingRule& rule);

// Of a side's rows that mmd looks at, drawn from a fixed seed: its time grows with their square.
constexpr std::size_t kEmbeddingMmdRows = 2000;
constexpr std::size_t kEmbeddingRowsMin = 10;

struct EmbeddingDrift {
  std::string name, method, distance;
  double score = 0, threshold = 0;
  bool drifted = false;
  std::size_t components = 0, reference_rows = 0, current_rows = 0;  // that were looked at
  std::vector<std::string> notes;

  JsonObject to_json() const;
};

// Both frames have the same columns: the components, numbers. Rows that lack one are left out, with
// a note. kInvalidArgument: fewer than kEmbeddingRowsMin rows are left of a side, or a column is no
// number.
Result<EmbeddingDrift> compare_embeddings(const std::string& name, const types::Frame& reference,
                                          const types::Frame& current, const EmbeddingRule& rule);

}  // namespace slipway::monitor
