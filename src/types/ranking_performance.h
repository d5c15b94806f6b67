// How good the order of rows within groups was, once it is known what each is worth. Pure
// functions.
#pragma once

#include <cstdint>
#include <vector>

#include "types/confidence.h"

namespace slipway::types {

// Rows of a ranking model, each of one group (a query, a user); a higher score comes first, equal
// ones as the rows stand. Relevance is 0 or more; above 0 is relevant.
struct RankingRows {
  std::vector<double> scores, relevance;
  std::vector<std::size_t> groups;  // from 0 on
};

// Means over the groups of two rows or more, a group where nothing is relevant counting 0: ndcg@K
// as scikit-learn's ndcg_score has it (gain is the relevance, equal scores share their places);
// map@K, the precision at each relevant place up to K over the number of relevant rows, at most K;
// recall@K, precision@K (of K places, also where a group has fewer), hit_rate@K; and mrr, one over
// the place of the first relevant row. NaN without such groups. Intervals are normal over groups,
// Wilson's for hit_rate.
Measures measure_ranking(const RankingRows& rows, const std::vector<int>& at);

// Those that count.
std::int64_t ranked_groups(const RankingRows& rows);

}  // namespace slipway::types
