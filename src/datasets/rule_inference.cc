#include "datasets/rule_inference.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "datasets/diff/cell_hash.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

bool is_unique(const Column& column) {
  if (column.type != ColumnType::kString && column.type != ColumnType::kInt64) return false;
  if (column.size() < 2 || column.null_count() > 0) return false;
  std::vector<std::uint64_t> hashes;
  hash_cells(column, CompareAs::kValue, 1, hashes);
  std::unordered_set<std::uint64_t> seen;
  for (const std::uint64_t hash : hashes) {
    if (!seen.insert(hash).second) return false;
  }
  return true;
}

}  // namespace

DatasetDefinition infer_rules(const types::Frame& frame, const DatasetDefinition& declared,
                              const types::InferenceOptions& options) {
  DatasetDefinition inferred = declared;
  inferred.columns.clear();
  VersionChecks& checks = inferred.checks;
  checks.rows_change_max = 0.5;
  checks.missing_max.clear();
  checks.unique.clear();
  for (const Column& column : frame.columns()) {
    types::ColumnRule rule = types::infer_rule(column, options);
    if (const auto known =
            std::ranges::find(declared.columns, column.name, &types::ColumnRule::name);
        known != declared.columns.end())
      rule.tags = known->tags;
    const bool has_identity = is_unique(column);
    if (has_identity) {
      rule.in.clear();
      rule.min = rule.max = std::nullopt;
      if (declared.key != std::vector{column.name}) checks.unique.push_back({column.name});
    }
    const double missing = missing_share(column);
    if (missing > 0 && missing < 1)
      checks.missing_max[column.name] = std::min(1.0, std::ceil(missing * 150) / 100);
    inferred.columns.push_back(std::move(rule));
  }
  return inferred;
}

}  // namespace slipway::datasets
