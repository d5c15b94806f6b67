#include "tracking/filter.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace slipway::tracking {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::optional<Entity> parse_entity(const std::string& word) {
  struct Name {
    std::string_view name;
    Entity entity;
  };
  static constexpr Name kNames[] = {{"metric", Entity::kMetric},
                                    {"metrics", Entity::kMetric},
                                    {"param", Entity::kParam},
                                    {"params", Entity::kParam},
                                    {"parameter", Entity::kParam},
                                    {"parameters", Entity::kParam},
                                    {"tag", Entity::kTag},
                                    {"tags", Entity::kTag},
                                    {"attribute", Entity::kAttribute},
                                    {"attributes", Entity::kAttribute},
                                    {"attr", Entity::kAttribute},
                                    {"run", Entity::kAttribute},
                                    {"dataset", Entity::kDataset},
                                    {"datasets", Entity::kDataset}};
  for (const Name& known : kNames) {
    if (known.name == word) return known.entity;
  }
  return std::nullopt;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

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
    if (lower(take_word()) == keyword) return true;
    at_ = before;
    return false;
  }

  // `quotes` says which characters may open it. Nothing when the next character is none of them.
  Result<std::optional<std::string>> take_quoted(std::string_view quotes) {
    skip_space();
    if (at_ >= text_.size() || quotes.find(text_[at_]) == std::string_view::npos)
      return std::optional<std::string>();
    const char quote = text_[at_];
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return wrong("a quote is not closed");
    std::optional<std::string> inside(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return inside;
  }

  bool take(std::string_view symbol) {
    skip_space();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  Result<double> take_number() {
    skip_space();
    double value = 0;
    const std::string_view rest = text_.substr(at_);
    const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (ec != std::errc()) return wrong("expected a number");
    at_ += static_cast<std::size_t>(end - rest.data());
    if (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_])))
      return wrong("expected a space after the number");
    return value;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Key {
  Entity entity;
  std::string name;
};

// entity.key, entity.`key with spaces`, or a bare attribute.
Result<Key> take_key(Scanner& scan) {
  if (std::optional<std::string> quoted = TRY(scan.take_quoted("`\"")))
    return Key{Entity::kAttribute, std::move(*quoted)};
  const std::string word = scan.take_word();
  if (word.empty()) return scan.wrong("expected a key");
  const std::size_t dot = word.find('.');
  if (dot == std::string::npos) return Key{Entity::kAttribute, word};
  const std::optional<Entity> entity = parse_entity(lower(word.substr(0, dot)));
  if (!entity) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid entity type '{}'. Valid values are metrics, params, tags, attributes, datasets",
        word.substr(0, dot));
  }
  std::string name = word.substr(dot + 1);
  if (name.empty()) {
    std::optional<std::string> quoted = TRY(scan.take_quoted("`\""));
    if (!quoted) return scan.wrong("expected a key after the entity");
    name = std::move(*quoted);
  }
  return Key{*entity, std::move(name)};
}

Result<Operator> take_operator(Scanner& scan) {
  // Longer symbols first.
  if (scan.take("!=")) return Operator::kNotEqual;
  if (scan.take(">=")) return Operator::kGreaterEqual;
  if (scan.take("<=")) return Operator::kLessEqual;
  if (scan.take("=")) return Operator::kEqual;
  if (scan.take(">")) return Operator::kGreater;
  if (scan.take("<")) return Operator::kLess;
  if (scan.take_keyword("like")) return Operator::kLike;
  if (scan.take_keyword("ilike")) return Operator::kILike;
  if (scan.take_keyword("in")) return Operator::kIn;
  if (scan.take_keyword("not")) {
    if (scan.take_keyword("in")) return Operator::kNotIn;
    return scan.wrong("expected IN after NOT");
  }
  if (scan.take_keyword("is")) {
    const bool negated = scan.take_keyword("not");
    if (scan.take_keyword("null")) return negated ? Operator::kIsNotNull : Operator::kIsNull;
    return scan.wrong("expected NULL after IS");
  }
  return scan.wrong("expected a comparison");
}

Result<std::vector<std::string>> take_list(Scanner& scan) {
  if (!scan.take("(")) return scan.wrong("expected a list in parentheses");
  std::vector<std::string> items;
  do {
    std::optional<std::string> item = TRY(scan.take_quoted("'\""));
    if (!item) return scan.wrong("expected a quoted text in the list");
    items.push_back(std::move(*item));
  } while (scan.take(","));
  if (!scan.take(")")) return scan.wrong("the list is not closed");
  return items;
}

Result<Clause> take_clause(Scanner& scan) {
  Key key = TRY(take_key(scan));
  const Operator op = TRY(take_operator(scan));
  Clause clause{.entity = key.entity, .key = std::move(key.name), .op = op};
  switch (clause.op) {
    case Operator::kIsNull:
    case Operator::kIsNotNull:
      return clause;
    case Operator::kIn:
    case Operator::kNotIn:
      clause.value = TRY(take_list(scan));
      return clause;
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
    case Operator::kLike:
    case Operator::kILike:
      break;
  }
  if (std::optional<std::string> quoted = TRY(scan.take_quoted("'\""))) {
    clause.value = std::move(*quoted);
  } else {
    clause.value = TRY(scan.take_number());
  }
  return clause;
}

}  // namespace

Result<std::vector<Clause>> parse_filter(std::string_view text) {
  Scanner scan(text);
  std::vector<Clause> clauses;
  while (!scan.at_end()) {
    clauses.push_back(TRY(take_clause(scan)));
    if (!scan.at_end() && !scan.take_keyword("and")) return scan.wrong("expected AND");
  }
  return clauses;
}

Result<std::string> text_comparison(const Clause& clause) {
  if (clause.op == Operator::kEqual) return std::string("= ?");
  if (clause.op == Operator::kNotEqual) return std::string("!= ?");
  if (clause.op == Operator::kLike) return std::string("GLOB ?");
  if (clause.op == Operator::kILike) return std::string("LIKE ?");
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

Result<OrderKey> parse_order_by(std::string_view text) {
  Scanner scan(text);
  Key key = TRY(take_key(scan));
  OrderKey order{.entity = key.entity, .key = std::move(key.name)};
  if (scan.take_keyword("desc")) {
    order.ascending = false;
  } else {
    scan.take_keyword("asc");
  }
  if (!scan.at_end())
    return base::error(Code::kInvalidArgument, "Invalid order_by clause '{}'", text);
  return order;
}

}  // namespace slipway::tracking
