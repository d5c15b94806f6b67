#include "tracking/sqlite_text.h"

namespace slipway::tracking {

using types::Comparison;

Result<std::string> text_comparison(const types::SearchClause& clause) {
  if (clause.comparison == Comparison::kEqual) return std::string("= ?");
  if (clause.comparison == Comparison::kNotEqual) return std::string("!= ?");
  if (clause.comparison == Comparison::kLike) return std::string("GLOB ?");
  if (clause.comparison == Comparison::kILike) return std::string("LIKE ?");
  return base::error(
      Code::kInvalidArgument,
      "Invalid comparator for the string '{}': one of =, !=, LIKE, ILIKE is expected", clause.key);
}

std::string like_to_glob(std::string_view pattern) {
  std::string glob;
  for (const char c : pattern) {
    if (c == '%') {
      glob += '*';
    } else if (c == '_') {
      glob += '?';
    } else if (c == '*' || c == '?' || c == '[') {
      glob += {'[', c, ']'};
    } else {
      glob += c;
    }
  }
  return glob;
}

}  // namespace slipway::tracking
