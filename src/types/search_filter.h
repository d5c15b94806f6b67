// The filter language of every search: clauses joined by AND, and the order of what is found.
//
//     metrics.auc > 0.7 AND params."max depth" = '6' AND tags.team IS NOT NULL AND status !=
//     'FAILED'
//
// One grammar for runs, experiments, models, versions and logged models. What a kind of thing can
// be searched by is a table, `SearchGrammar`; a parsed clause fits its table, so that whoever
// evaluates it needs no further checks. Pure functions; messages are MLflow's.
//
// Text is compared here and not in SQL: LIKE means different things to different databases. A room
// narrows down in SQL what it reads (by equality, by id) and asks `matches` about the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "types/text_pattern.h"

namespace slipway::types {

enum class Entity {
  kMetric,
  kParam,
  kTag,
  kAttribute,
  kDataset,
  kMetadata,
  kSpan,
  kFeedback,
  kExpectation,
  kIssue
};
enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,   // % any text, _ one character; no escape character
  kILike,  // the same, letters of ASCII in either case
  kRLike,  // a regular expression that is found in it
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull
};
std::string_view comparison_text(Comparison comparison);  // "!=", "NOT IN"

// A set of comparisons.
class Comparisons {
 public:
  constexpr Comparisons() = default;
  constexpr Comparisons(std::initializer_list<Comparison> items) {
    for (const Comparison item : items) bits_ |= 1U << static_cast<unsigned>(item);
  }
  constexpr bool contains(Comparison item) const {
    return (bits_ >> static_cast<unsigned>(item) & 1U) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr Comparisons operator|(Comparisons other) const {
    other.bits_ |= bits_;
    return other;
  }

 private:
  unsigned bits_ = 0;
};

inline constexpr Comparisons kNumberComparisons{Comparison::kEqual,   Comparison::kNotEqual,
                                                Comparison::kLess,    Comparison::kLessEqual,
                                                Comparison::kGreater, Comparison::kGreaterEqual};
inline constexpr Comparisons kTextComparisons{Comparison::kEqual, Comparison::kNotEqual,
                                              Comparison::kLike, Comparison::kILike};
inline constexpr Comparisons kPatternComparisons{Comparison::kRLike};
inline constexpr Comparisons kListComparisons{Comparison::kIn, Comparison::kNotIn};
inline constexpr Comparisons kNullComparisons{Comparison::kIsNull, Comparison::kIsNotNull};

enum class ValueKind {
  kText,
  kNumber,
  kWholeNumber,  // also written as text: version_number = '7'
  kAsCompared    // a number after < <= > >=, else a text
};
enum class Sortable { kNo, kYes };

// One key that an entity knows, and what may be done with it.
struct SearchKey {
  std::string_view word;  // as clients write it
  std::string_view name;  // as a clause calls it: words for one thing share it
  ValueKind kind = ValueKind::kText;
  Comparisons comparisons;  // none: only to sort by
  Sortable sortable = Sortable::kNo;
};

// An entity with a fixed list of `keys`, or, when that is empty, with free keys that all behave as
// `any`; or with both, and then free keys begin with `any_prefix`.
struct SearchEntity {
  Entity entity = Entity::kAttribute;
  std::span<const std::string_view> words;  // "metrics", "metric"; the first stands in messages
  std::span<const SearchKey> keys;
  SearchKey any;
  std::string_view any_prefix = "";
};

// What a kind of thing can be searched by. A bare key is an attribute, so kAttribute must be there.
struct SearchGrammar {
  std::span<const SearchEntity> entities;
};

struct SearchClause {
  Entity entity = Entity::kAttribute;
  std::string key;
  Comparison comparison = Comparison::kEqual;
  // A number or a text as the key's kind says, the texts of an IN list, the expression of RLIKE,
  // nothing for IS NULL.
  std::variant<std::monostate, double, std::string, std::vector<std::string>, TextPattern> value;
};

// An empty text is no clause; a trailing AND is accepted. Keys with spaces stand in backticks or
// double quotes, texts in single or double quotes. kInvalidArgument: OR, NOT, parentheses around
// clauses, a broken text or number, and whatever `grammar` doesn't have.
Result<std::vector<SearchClause>> parse_search_filter(std::string_view text,
                                                      const SearchGrammar& grammar);

struct SearchOrder {
  Entity entity = Entity::kAttribute;
  std::string key;
  bool ascending = true;
};

// `metrics.auc DESC`: one key, ASC when nothing is said. kInvalidArgument.
Result<SearchOrder> parse_search_order(std::string_view text, const SearchGrammar& grammar);

// Whether a thing with this value passes the clause; nothing: it lacks the key, and only IS NULL
// passes. NaN passes only `!=`.
bool matches(const SearchClause& clause, std::optional<std::string_view> value);
bool matches(const SearchClause& clause, std::optional<double> value);

// The value of an `=` clause on this text attribute, when there is one: for narrowing down in SQL.
std::optional<std::string> required_text(const std::vector<SearchClause>& clauses,
                                         std::string_view attribute);

}  // namespace slipway::types
