#include "types/ranking_performance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace slipway::types {
namespace {

struct Row {
  double score, relevance;
};

double discount(std::size_t place) { return 1 / std::log2(static_cast<double>(place) + 2); }

// Rows of one score share the discounts of their places.
double dcg(const std::vector<Row>& rows, std::size_t k) {
  double sum = 0;
  for (std::size_t from = 0; from < rows.size();) {
    double gain = 0, discounts = 0;
    std::size_t to = from;
    for (; to < rows.size() && rows[to].score == rows[from].score; ++to) {
      gain += rows[to].relevance;
      if (to < k) discounts += discount(to);
    }
    sum += gain / static_cast<double>(to - from) * discounts;
    from = to;
  }
  return sum;
}

double ideal_dcg(std::vector<Row> rows, std::size_t k) {
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.relevance > b.relevance; });
  double sum = 0;
  for (std::size_t i = 0; i < std::min(k, rows.size()); ++i) sum += rows[i].relevance * discount(i);
  return sum;
}

std::vector<std::vector<Row>> ordered_groups(const RankingRows& rows) {
  CHECK(rows.scores.size() == rows.relevance.size() && rows.scores.size() == rows.groups.size());
  std::vector<std::vector<Row>> groups;
  for (std::size_t i = 0; i < rows.scores.size(); ++i) {
    if (rows.groups[i] >= groups.size()) groups.resize(rows.groups[i] + 1);
    groups[rows.groups[i]].push_back({rows.scores[i], rows.relevance[i]});
  }
  std::erase_if(groups, [](const std::vector<Row>& group) { return group.size() < 2; });
  for (std::vector<Row>& group : groups) {
    std::stable_sort(group.begin(), group.end(),
                     [](const Row& a, const Row& b) { return a.score > b.score; });
  }
  return groups;
}

}  // namespace

std::int64_t ranked_groups(const RankingRows& rows) { return std::ssize(ordered_groups(rows)); }

Measures measure_ranking(const RankingRows& rows, const std::vector<int>& at) {
  const auto groups = ordered_groups(rows);
  const auto over_groups = [&](auto&& of) {
    std::vector<double> values;
    for (const std::vector<Row>& group : groups) values.push_back(of(group));
    return values;
  };
  const auto is_relevant = [](const Row& row) { return row.relevance > 0; };
  Measures measures;
  measures["mrr"] = mean_of(
      over_groups([&](const std::vector<Row>& group) {
        const auto first = std::find_if(group.begin(), group.end(), is_relevant);
        return first == group.end() ? 0.0 : 1.0 / static_cast<double>(first - group.begin() + 1);
      }),
      0, 1);
  for (const int places : at) {
    const auto k = static_cast<std::size_t>(places);
    const auto found = [&](const std::vector<Row>& group) {
      const auto end = group.begin() + static_cast<std::ptrdiff_t>(std::min(k, group.size()));
      return static_cast<double>(std::count_if(group.begin(), end, is_relevant));
    };
    const auto all = [&](const std::vector<Row>& group) {
      return static_cast<double>(std::count_if(group.begin(), group.end(), is_relevant));
    };
    const auto put = [&](const char* name, const std::vector<double>& values) {
      measures[fmt::format("{}@{}", name, places)] = mean_of(values, 0, 1);
    };
    put("ndcg", over_groups([&](const std::vector<Row>& group) {
          const double ideal = ideal_dcg(group, k);
          return ideal > 0 ? dcg(group, k) / ideal : 0.0;
        }));
    put("map", over_groups([&](const std::vector<Row>& group) {
          double hits = 0, sum = 0;
          for (std::size_t i = 0; i < std::min(k, group.size()); ++i) {
            if (!is_relevant(group[i])) continue;
            hits += 1;
            sum += hits / static_cast<double>(i + 1);
          }
          const double wanted = std::min(all(group), static_cast<double>(k));
          return wanted > 0 ? sum / wanted : 0.0;
        }));
    put("recall", over_groups([&](const std::vector<Row>& group) {
          return all(group) > 0 ? found(group) / all(group) : 0.0;
        }));
    put("precision", over_groups([&](const std::vector<Row>& group) {
          return found(group) / static_cast<double>(k);
        }));
    double hits = 0;
    for (const std::vector<Row>& group : groups) hits += found(group) > 0 ? 1 : 0;
    measures[fmt::format("hit_rate@{}", places)] =
        groups.empty() ? not_measured() : share_of(hits, static_cast<double>(groups.size()), 0);
  }
  return measures;
}

}  // namespace slipway::types
