// Which columns go together, before and now.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "types/frame.h"

namespace slipway::monitor {

// How two columns go together: of numbers Pearson's correlation and Spearman's (of ranks), of
// categories Cramer's V. Over the rows that have both.
struct AssociationChange {
  std::string first, second;
  std::string kind;  // "pearson", "spearman", "cramer_v"
  double reference = 0, current = 0;

  JsonObject to_json() const;
};

constexpr std::size_t kAssociationsMax = 10;
// The first columns, whose pairs are looked at: these grow with the square of their number.
constexpr std::size_t kAssociatedColumnsMax = 60;

// The largest changes of at least 0.1, the largest first, that are no chance either (Fisher's z at
// 0.001; of V beyond what independent categories show). Both frames have the same columns; times,
// texts and columns with one value go with nothing.
std::vector<AssociationChange> association_changes(const types::Frame& reference,
                                                   const types::Frame& current);

// NaN for fewer than two pairs, or a side with one value. Of one length.
double pearson(const std::vector<double>& a, const std::vector<double>& b);
double spearman(const std::vector<double>& a, const std::vector<double>& b);
// Of codes below their number of categories; without a correction.
double cramer_v(const std::vector<std::size_t>& a, std::size_t a_categories,
                const std::vector<std::size_t>& b, std::size_t b_categories);

}  // namespace slipway::monitor
