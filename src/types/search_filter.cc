#include "types/search_filter.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace slipway::types {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::string_view text() const { return text_; }
  bool at_end() {
    skip_space();
    return at_ >= text_.size();
  }

  Error wrong(std::string_view what) const {
    return base::error(Code::kInvalidArgument,
                       "Invalid clause(s) in filter string: {} at position {}: '{}'", what, at_,
                       text_);
  }

  // A bare word: letters, digits, '_', '-', '.', '/', ':' and bytes of UTF-8. Empty when there is
  // none.
  std::string take_word() {
    skip_space();
    const std::size_t start = at_;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (!std::isalnum(c) && c < 0x80 &&
          std::string_view("_-./:").find(text_[at_]) == std::string_view::npos)
        break;
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  // Takes the word when it comes next, whatever its case.
  bool take_keyword(std::string_view keyword) {
    skip_space();
    const std::size_t before = at_;
    if (base::lowered(take_word()) == keyword) return true;
    at_ = before;
    return false;
  }

  // What stands between quotes, as it is written there. `quotes` says which characters may open it;
  // nothing when the next character is none of them. A doubled quote and one after a backslash
  // don't close, as long as another one does.
  Result<std::optional<std::string>> take_quoted(std::string_view quotes) {
    skip_space();
    if (at_ >= text_.size() || quotes.find(text_[at_]) == std::string_view::npos)
      return std::optional<std::string>();
    const char quote = text_[at_];
    std::size_t close = std::string_view::npos;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] != quote) continue;
      close = i;
      const bool doubled = i + 1 < text_.size() && text_[i + 1] == quote;
      const bool escaped = quote != '`' && text_[i - 1] == '\\' && i - 1 > at_;
      if (!doubled && !escaped) break;
      if (doubled && !escaped) ++i;
    }
    if (close == std::string_view::npos) return wrong("a quote is not closed");
    std::optional<std::string> inside(text_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    return inside;
  }

  bool take(std::string_view symbol) {
    skip_space();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  // Up to the next space or comma: for messages.
  std::string_view rest_of_token() {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    return rest.substr(0, rest.find_first_of(" \t\n,"));
  }

  // -12, 1.5, .5, 1., 1e3, 1e-3; nothing for anything else ("1e+3" included, as with MLflow).
  std::optional<double> take_number() {
    skip_space();
    std::size_t end = at_;
    const auto digits = [&] {
      const std::size_t start = end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      return end - start;
    };
    if (end < text_.size() && text_[end] == '-') ++end;
    std::size_t count = digits();
    if (end < text_.size() && text_[end] == '.') {
      ++end;
      count += digits();
    }
    if (count == 0) return std::nullopt;
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      ++end;
      if (end < text_.size() && text_[end] == '-') ++end;
      if (digits() == 0) return std::nullopt;
    }
    if (end < text_.size() && !is_space(text_[end])) return std::nullopt;
    double value = 0;
    const auto [parsed, ec] = std::from_chars(text_.data() + at_, text_.data() + end, value);
    if (ec != std::errc() || parsed != text_.data() + end) return std::nullopt;
    at_ = end;
    return value;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// A key as the grammar knows it.
struct Key {
  const SearchEntity& entity;
  const SearchKey& rule;
  std::string name;
};

std::string join(std::span<const SearchKey> keys, Sortable or_sortable) {
  std::string all;
  for (const SearchKey& key : keys) {
    if (or_sortable == Sortable::kYes ? key.sortable == Sortable::kNo : key.comparisons.empty())
      continue;
    all += fmt::format("{}'{}'", all.empty() ? "" : ", ", key.word);
  }
  return all;
}

const SearchEntity& attributes(const SearchGrammar& grammar) {
  const auto found =
      std::find_if(grammar.entities.begin(), grammar.entities.end(),
                   [](const SearchEntity& entity) { return entity.entity == Entity::kAttribute; });
  CHECK(found != grammar.entities.end());
  return *found;
}

Result<const SearchEntity*> find_entity(std::string_view word, const SearchGrammar& grammar) {
  std::string known;
  for (const SearchEntity& entity : grammar.entities) {
    if (std::find(entity.words.begin(), entity.words.end(), word) != entity.words.end())
      return &entity;
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", entity.words.front());
  }
  return base::error(Code::kInvalidArgument, "Invalid entity type '{}'. Valid values are [{}]",
                     word, known);
}

Result<Key> find_key(const SearchEntity& entity, std::string name, Sortable for_order) {
  if (entity.keys.empty()) return Key{entity, entity.any, std::move(name)};
  if (!entity.any_prefix.empty() && name.starts_with(entity.any_prefix) &&
      name.size() > entity.any_prefix.size())
    return Key{entity, entity.any, std::move(name)};
  for (const SearchKey& key : entity.keys) {
    const bool allowed =
        for_order == Sortable::kYes ? key.sortable == Sortable::kYes : !key.comparisons.empty();
    if (key.word == name && allowed) return Key{entity, key, std::string(key.name)};
  }
  if (for_order == Sortable::kYes) {
    return base::error(Code::kInvalidArgument,
                       "Invalid order by key '{}' specified. Valid keys are [{}]", name,
                       join(entity.keys, for_order));
  }
  return base::error(Code::kInvalidArgument, "Invalid {} key '{}' specified. Valid keys are [{}]",
                     entity.words.front(), name, join(entity.keys, for_order));
}

// A key as it is written: entity.key, entity.`key with spaces`, or a bare attribute.
struct WrittenKey {
  std::optional<std::string> entity;
  std::string name;
};

Result<WrittenKey> take_key(Scanner& scan) {
  WrittenKey key;
  if (std::optional<std::string> quoted = TRY(scan.take_quoted("`\""))) {
    key.name = std::move(*quoted);
    if (!scan.take(".")) return key;
    key.entity = std::exchange(key.name, {});
    std::optional<std::string> inner = TRY(scan.take_quoted("`\""));
    key.name = inner ? std::move(*inner) : scan.take_word();
  } else {
    key.name = scan.take_word();
    if (key.name.empty()) return scan.wrong("expected a key");
    const std::size_t dot = key.name.find('.');
    if (dot == std::string::npos) return key;
    key.entity = key.name.substr(0, dot);
    key.name.erase(0, dot + 1);
    if (key.name.empty() || key.name.ends_with('.'))
      key.name += TRY(scan.take_quoted("`\"")).value_or("");
  }
  if (key.name.empty()) return scan.wrong("expected a key after the entity");
  return key;
}

Result<Key> find_key(WrittenKey key, const SearchGrammar& grammar, Sortable for_order) {
  if (!key.entity) return find_key(attributes(grammar), std::move(key.name), for_order);
  return find_key(*TRY(find_entity(*key.entity, grammar)), std::move(key.name), for_order);
}

Result<Comparison> take_comparison(Scanner& scan) {
  // Longer symbols first.
  if (scan.take("!=")) return Comparison::kNotEqual;
  if (scan.take(">=")) return Comparison::kGreaterEqual;
  if (scan.take("<=")) return Comparison::kLessEqual;
  if (scan.take("=")) return Comparison::kEqual;
  if (scan.take(">")) return Comparison::kGreater;
  if (scan.take("<")) return Comparison::kLess;
  if (scan.take_keyword("like")) return Comparison::kLike;
  if (scan.take_keyword("ilike")) return Comparison::kILike;
  if (scan.take_keyword("rlike")) return Comparison::kRLike;
  if (scan.take_keyword("in")) return Comparison::kIn;
  if (scan.take_keyword("not")) {
    if (scan.take_keyword("in")) return Comparison::kNotIn;
    return scan.wrong("expected IN after NOT");
  }
  if (scan.take_keyword("is")) {
    const bool negated = scan.take_keyword("not");
    if (scan.take_keyword("null")) return negated ? Comparison::kIsNotNull : Comparison::kIsNull;
    return scan.wrong("expected NULL after IS");
  }
  return scan.wrong("expected a comparison");
}

Error wrong_comparison(const Key& key, Comparison comparison) {
  if (kNullComparisons.contains(comparison)) {
    return base::error(Code::kInvalidArgument, "IS NULL / IS NOT NULL is not supported for {} '{}'",
                       key.entity.words.front(), key.name);
  }
  if (kListComparisons.contains(comparison) && key.entity.entity == Entity::kAttribute) {
    std::string able;
    for (const SearchKey& known : key.entity.keys) {
      if (known.comparisons.contains(Comparison::kIn))
        able += fmt::format("{}'{}'", able.empty() ? "" : ", ", known.word);
    }
    return base::error(
        Code::kInvalidArgument,
        "Only the {} attribute supports comparison with a list of quoted string values.", able);
  }
  std::string able;
  for (int i = 0; i <= static_cast<int>(Comparison::kIsNotNull); ++i) {
    const auto known = static_cast<Comparison>(i);
    if (key.rule.comparisons.contains(known))
      able += fmt::format("{}'{}'", able.empty() ? "" : ", ", comparison_text(known));
  }
  return base::error(Code::kInvalidArgument, "Invalid comparator '{}' not one of [{}] for {} '{}'",
                     comparison_text(comparison), able, key.entity.words.front(), key.name);
}

Result<std::vector<std::string>> take_list(Scanner& scan) {
  constexpr std::string_view kWrong =
      "While parsing a list in the query, expected a non-empty list of string values, but got "
      "ill-formed list";
  if (!scan.take("(")) return scan.wrong("expected a list in parentheses");
  std::vector<std::string> items;
  do {
    std::optional<std::string> item = TRY(scan.take_quoted("'\""));
    if (!item) {
      if (!items.empty() && scan.take(")")) return items;  // a comma after the last one
      return base::error(Code::kInvalidArgument, "{}: '{}'", kWrong, scan.text());
    }
    items.push_back(std::move(*item));
  } while (scan.take(","));
  if (!scan.take(")")) return base::error(Code::kInvalidArgument, "{}: '{}'", kWrong, scan.text());
  return items;
}

Result<std::string> take_text(Scanner& scan, const Key& key) {
  if (std::optional<std::string> quoted = TRY(scan.take_quoted("'\""))) return std::move(*quoted);
  const std::string_view found = scan.rest_of_token();
  if (!found.empty() && !is_digit(found.front()) && found.front() != '-' && found.front() != '(') {
    return base::error(Code::kInvalidArgument,
                       "Parameter value is either not quoted or unidentified quote types used for "
                       "string value {}. Use either single or double quotes.",
                       found);
  }
  return base::error(Code::kInvalidArgument,
                     "Expected a quoted string value for {} '{}' (e.g. 'my-value'). Got value {}",
                     key.entity.words.front(), key.name, found);
}

Result<double> take_number(Scanner& scan, const Key& key) {
  if (const std::optional<double> number = scan.take_number()) return *number;
  const bool is_attribute = key.entity.entity == Entity::kAttribute;
  return base::error(Code::kInvalidArgument, "Expected numeric value type for {}{}. Found {}",
                     is_attribute ? "numeric attribute: " : "",
                     is_attribute ? std::string_view(key.name) : key.entity.words.front(),
                     scan.rest_of_token());
}

Result<double> take_whole_number(Scanner& scan, const Key& key) {
  const std::string written(scan.rest_of_token());
  std::optional<double> number;
  if (const std::optional<std::string> quoted = TRY(scan.take_quoted("'\""))) {
    Scanner inside(*quoted);
    number = inside.take_number();
    if (!inside.at_end()) number.reset();
  } else {
    number = TRY(take_number(scan, key));
  }
  if (!number || *number != std::floor(*number)) {
    return base::error(Code::kInvalidArgument, "Invalid value for numeric attribute '{}': {}",
                       key.name, written);
  }
  return *number;
}

bool is_order(Comparison comparison) {
  return comparison == Comparison::kLess || comparison == Comparison::kLessEqual ||
         comparison == Comparison::kGreater || comparison == Comparison::kGreaterEqual;
}

Result<SearchClause> take_clause(Scanner& scan, const SearchGrammar& grammar) {
  WrittenKey written = TRY(take_key(scan));
  const Comparison comparison = TRY(take_comparison(scan));
  const Key key = TRY(find_key(std::move(written), grammar, Sortable::kNo));
  if (!key.rule.comparisons.contains(comparison)) return wrong_comparison(key, comparison);
  SearchClause clause;
  clause.entity = key.entity.entity;
  clause.key = key.name;
  clause.comparison = comparison;
  if (kNullComparisons.contains(comparison)) return clause;
  if (kListComparisons.contains(comparison)) {
    clause.value = TRY(take_list(scan));
    return clause;
  }
  if (comparison == Comparison::kRLike) {
    clause.value = TRY(TextPattern::compile(TRY(take_text(scan, key))));
    return clause;
  }
  switch (key.rule.kind) {
    case ValueKind::kText:
      clause.value = TRY(take_text(scan, key));
      break;
    case ValueKind::kAsCompared:
      if (is_order(comparison)) {
        clause.value = TRY(take_number(scan, key));
      } else {
        clause.value = TRY(take_text(scan, key));
      }
      break;
    case ValueKind::kNumber:
      clause.value = TRY(take_number(scan, key));
      break;
    case ValueKind::kWholeNumber:
      clause.value = TRY(take_whole_number(scan, key));
      break;
  }
  return clause;
}

// Bytes of the UTF-8 character that begins here.
std::size_t character_bytes(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) ++size;
  return size;
}

// Goes back to the last % when something doesn't fit: text times pattern steps at worst.
bool like(std::string_view text, std::string_view pattern, bool any_case) {
  std::size_t t = 0, p = 0;
  std::size_t after_percent = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      after_percent = ++p;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == '_') {
      ++p;
      t += character_bytes(text.substr(t));
    } else if (p < pattern.size() &&
               (pattern[p] == text[t] || (any_case && fold(pattern[p]) == fold(text[t])))) {
      ++p;
      ++t;
    } else if (after_percent != std::string_view::npos) {
      // By bytes: a % that ends inside a character has only given its rest to a _.
      p = after_percent;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

template <typename T>
bool compare(Comparison comparison, const T& left, const T& right) {
  switch (comparison) {
    case Comparison::kEqual:
      return left == right;
    case Comparison::kNotEqual:
      return left != right;
    case Comparison::kLess:
      return left < right;
    case Comparison::kLessEqual:
      return left <= right;
    case Comparison::kGreater:
      return left > right;
    case Comparison::kGreaterEqual:
      return left >= right;
    case Comparison::kLike:
    case Comparison::kILike:
    case Comparison::kRLike:
    case Comparison::kIn:
    case Comparison::kNotIn:
    case Comparison::kIsNull:
    case Comparison::kIsNotNull:
      break;
  }
  return false;
}

}  // namespace

std::string_view comparison_text(Comparison comparison) {
  switch (comparison) {
    case Comparison::kEqual:
      return "=";
    case Comparison::kNotEqual:
      return "!=";
    case Comparison::kLess:
      return "<";
    case Comparison::kLessEqual:
      return "<=";
    case Comparison::kGreater:
      return ">";
    case Comparison::kGreaterEqual:
      return ">=";
    case Comparison::kLike:
      return "LIKE";
    case Comparison::kILike:
      return "ILIKE";
    case Comparison::kRLike:
      return "RLIKE";
    case Comparison::kIn:
      return "IN";
    case Comparison::kNotIn:
      return "NOT IN";
    case Comparison::kIsNull:
      return "IS NULL";
    case Comparison::kIsNotNull:
      return "IS NOT NULL";
  }
  return "=";
}

Result<std::vector<SearchClause>> parse_search_filter(std::string_view text,
                                                      const SearchGrammar& grammar) {
  Scanner scan(text);
  std::vector<SearchClause> clauses;
  while (!scan.at_end()) {
    clauses.push_back(TRY(take_clause(scan, grammar)));
    if (!scan.at_end() && !scan.take_keyword("and")) return scan.wrong("expected AND");
  }
  return clauses;
}

Result<SearchOrder> parse_search_order(std::string_view text, const SearchGrammar& grammar) {
  Scanner scan(text);
  const Error unreadable = base::error(Code::kInvalidArgument,
                                       "Invalid order_by clause '{}'. Could not be parsed.", text);
  if (scan.at_end()) return unreadable;
  Key key = TRY(find_key(TRY(take_key(scan)), grammar, Sortable::kYes));
  if (key.rule.sortable == Sortable::kNo) {
    return base::error(Code::kInvalidArgument, "Invalid order_by entity: {}",
                       key.entity.words.front());
  }
  SearchOrder order{.entity = key.entity.entity, .key = std::move(key.name)};
  if (scan.take_keyword("desc")) {
    order.ascending = false;
  } else if (!scan.take_keyword("asc") && !scan.at_end()) {
    return base::error(Code::kInvalidArgument, "Invalid ordering key in order_by clause '{}'.",
                       text);
  }
  if (!scan.at_end()) return unreadable;
  return order;
}

bool matches(const SearchClause& clause, std::optional<std::string_view> value) {
  if (clause.comparison == Comparison::kIsNull) return !value;
  if (!value) return false;
  if (clause.comparison == Comparison::kIsNotNull) return true;
  if (const auto* list = std::get_if<std::vector<std::string>>(&clause.value)) {
    const bool found = std::find(list->begin(), list->end(), *value) != list->end();
    return found == (clause.comparison == Comparison::kIn);
  }
  if (const auto* pattern = std::get_if<TextPattern>(&clause.value)) return pattern->finds(*value);
  const auto* text = std::get_if<std::string>(&clause.value);
  if (text == nullptr) return false;
  if (clause.comparison == Comparison::kLike) return like(*value, *text, false);
  if (clause.comparison == Comparison::kILike) return like(*value, *text, true);
  return compare(clause.comparison, *value, std::string_view(*text));
}

bool matches(const SearchClause& clause, std::optional<double> value) {
  if (clause.comparison == Comparison::kIsNull) return !value;
  if (!value) return false;
  if (clause.comparison == Comparison::kIsNotNull) return true;
  const auto* number = std::get_if<double>(&clause.value);
  return number != nullptr && compare(clause.comparison, *value, *number);
}

std::optional<std::string> required_text(const std::vector<SearchClause>& clauses,
                                         std::string_view attribute) {
  for (const SearchClause& clause : clauses) {
    if (clause.entity != Entity::kAttribute || clause.key != attribute) continue;
    if (clause.comparison != Comparison::kEqual) continue;
    if (const auto* text = std::get_if<std::string>(&clause.value)) return *text;
  }
  return std::nullopt;
}

}  // namespace slipway::types
