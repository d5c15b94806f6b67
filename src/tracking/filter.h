// The filter language of run search: clauses joined by AND, as MLflow has it. Parsing only;
// run_search.cc turns it into SQL.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace slipway::tracking {

enum class Entity { kMetric, kParam, kTag, kAttribute, kDataset };
enum class Operator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,
  kILike,
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull
};

struct Clause {
  Entity entity = Entity::kAttribute;
  std::string key;
  Operator op = Operator::kEqual;
  // A number, a text, the texts of an IN list, or nothing for IS NULL.
  std::variant<std::monostate, double, std::string, std::vector<std::string>> value;
};

// `metrics.auc > 0.7 AND params."max depth" = '6' AND tags.team IS NOT NULL AND status =
// "FINISHED"`. An empty text is no clause. kInvalidArgument with the position: OR, NOT, parentheses
// around clauses, a broken text or number, an unknown entity.
Result<std::vector<Clause>> parse_filter(std::string_view text);

// "= ?", "!= ?", "GLOB ?" (LIKE: case sensitive) or "LIKE ?" (ILIKE). kInvalidArgument for any
// other operator.
Result<std::string> text_comparison(const Clause& clause);

// A LIKE pattern (% and _) as the GLOB pattern that matches the same texts, but is case sensitive,
// as MLflow's LIKE is.
std::string like_to_glob(std::string_view pattern);

struct OrderKey {
  Entity entity = Entity::kAttribute;
  std::string key;
  bool ascending = true;
};

// `metrics.auc DESC`: one key, ASC when nothing is said.
Result<OrderKey> parse_order_by(std::string_view text);

}  // namespace slipway::tracking
