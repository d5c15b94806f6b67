#include "api/graphql/document.h"

#include <charconv>

namespace slipway::api::graphql {
namespace {

enum class TokenKind { kEnd, kName, kPunctuator, kInteger, kFloat, kText };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // as written, with quotes
  std::size_t at = 0;
};

bool is_name_start(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Text as far as the next token, and the tokens themselves.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Error wrong(std::size_t at, std::string_view expected) const {
    std::size_t line = 1, column = 1;
    for (const char c : text_.substr(0, at)) {
      column = c == '\n' ? 1 : column + 1;
      if (c == '\n') ++line;
    }
    return base::error(Code::kInvalidArgument, "Syntax Error: expected {} (line {}, column {})",
                       expected, line, column);
  }

  Result<Token> next() {
    skip_ignored();
    const std::size_t at = place_;
    if (at == text_.size()) return Token{.at = at};
    const char c = text_[at];
    if (is_name_start(c)) {
      while (place_ < text_.size() && (is_name_start(text_[place_]) || is_digit(text_[place_])))
        ++place_;
      return token(TokenKind::kName, at);
    }
    if (text_.substr(at).starts_with("...")) {
      place_ += 3;
      return token(TokenKind::kPunctuator, at);
    }
    if (std::string_view("!$&():=@[]{}|").find(c) != std::string_view::npos) {
      ++place_;
      return token(TokenKind::kPunctuator, at);
    }
    if (is_digit(c) || c == '-') return number(at);
    if (text_.substr(at).starts_with(R"(""")")) return block_text(at);
    if (c == '"') return text(at);
    return wrong(at, "a token");
  }

 private:
  Token token(TokenKind kind, std::size_t at) const {
    return {kind, text_.substr(at, place_ - at), at};
  }

  void skip_ignored() {
    while (place_ < text_.size()) {
      const char c = text_[place_];
      if (c == '#') {
        place_ = std::min(text_.find('\n', place_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
        ++place_;
      } else if (text_.substr(place_).starts_with("\xEF\xBB\xBF")) {
        place_ += 3;
      } else {
        return;
      }
    }
  }

  Result<Token> number(std::size_t at) {
    bool whole = true;
    ++place_;
    while (place_ < text_.size()) {
      const char c = text_[place_];
      const bool sign = (c == '+' || c == '-') && (text_[place_ - 1] | 0x20) == 'e';
      if (c == '.' || c == 'e' || c == 'E') {
        whole = false;
      } else if (!is_digit(c) && !sign) {
        break;
      }
      ++place_;
    }
    return token(whole ? TokenKind::kInteger : TokenKind::kFloat, at);
  }

  Result<Token> text(std::size_t at) {
    ++place_;
    while (place_ < text_.size() && text_[place_] != '"' && text_[place_] != '\n')
      place_ += text_[place_] == '\\' ? 2 : 1;
    if (place_ >= text_.size() || text_[place_] != '"') return wrong(at, "the end of this text");
    ++place_;
    return token(TokenKind::kText, at);
  }

  Result<Token> block_text(std::size_t at) {
    std::size_t end = text_.find(R"(""")", at + 3);
    while (end != std::string_view::npos && end > at + 3 && text_[end - 1] == '\\')
      end = text_.find(R"(""")", end + 3);
    if (end == std::string_view::npos) return wrong(at, "the end of this text");
    place_ = end + 3;
    return token(TokenKind::kText, at);
  }

  std::string_view text_;
  std::size_t place_ = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<Document> document() {
    TRY(advance());
    Document document;
    while (token_.kind != TokenKind::kEnd) {
      if (is("fragment")) {
        document.fragments.push_back(TRY(fragment()));
      } else {
        document.operations.push_back(TRY(operation()));
      }
    }
    if (document.operations.empty()) return wrong("an operation");
    return document;
  }

 private:
  Result<void> advance() {
    token_ = TRY(lexer_.next());
    return {};
  }
  Error wrong(std::string_view expected) const { return lexer_.wrong(token_.at, expected); }
  bool is(std::string_view text) const {
    return (token_.kind == TokenKind::kName || token_.kind == TokenKind::kPunctuator) &&
           token_.text == text;
  }
  Result<bool> take(std::string_view text) {
    if (!is(text)) return false;
    TRY(advance());
    return true;
  }
  Result<void> expect(std::string_view text) {
    if (!is(text)) return wrong(fmt::format("'{}'", text));
    return advance();
  }
  Result<std::string> name() {
    if (token_.kind != TokenKind::kName) return wrong("a name");
    std::string name(token_.text);
    TRY(advance());
    return name;
  }
  // Counts down what is left of kNestingMax.
  Result<void> go_deeper(int depth) const {
    if (depth < kNestingMax) return {};
    return base::error(Code::kInvalidArgument, "Syntax Error: nested deeper than {} levels",
                       kNestingMax);
  }

  Result<Operation> operation() {
    Operation operation;
    if (!is("{")) {
      if (is("query")) {
        operation.kind = Operation::Kind::kQuery;
      } else if (is("mutation")) {
        operation.kind = Operation::Kind::kMutation;
      } else if (is("subscription")) {
        operation.kind = Operation::Kind::kSubscription;
      } else {
        return wrong("query, mutation, fragment or '{'");
      }
      TRY(advance());
      if (token_.kind == TokenKind::kName) operation.name = TRY(name());
      if (TRY(take("("))) {
        while (!is(")")) operation.variables.push_back(TRY(variable()));
        TRY(advance());
      }
      TRY(directives(0));  // of operations: known to clients only
    }
    operation.selections = TRY(selections(0));
    return operation;
  }

  Result<Fragment> fragment() {
    TRY(advance());
    Fragment fragment;
    fragment.name = TRY(name());
    TRY(expect("on"));
    fragment.on = TRY(name());
    TRY(directives(0));
    fragment.selections = TRY(selections(0));
    return fragment;
  }

  Result<Variable> variable() {
    TRY(expect("$"));
    Variable variable;
    variable.name = TRY(name());
    TRY(expect(":"));
    TRY(type(0));
    variable.required = TRY(take("!"));
    if (TRY(take("="))) variable.fallback = TRY(value(0));
    TRY(directives(0));
    return variable;
  }

  // Without a last '!'. Types are the resolvers' business.
  Result<void> type(int depth) {
    TRY(go_deeper(depth));
    if (!TRY(take("["))) {
      TRY(name());
      return {};
    }
    TRY(type(depth + 1));
    TRY(take("!"));
    return expect("]");
  }

  Result<std::vector<Selection>> selections(int depth) {
    TRY(go_deeper(depth));
    TRY(expect("{"));
    std::vector<Selection> selections;
    while (!is("}")) selections.push_back(TRY(selection(depth)));
    if (selections.empty()) return wrong("a field");
    TRY(advance());
    return selections;
  }

  Result<Selection> selection(int depth) {
    Selection selection;
    if (TRY(take("..."))) {
      if (token_.kind == TokenKind::kName && !is("on")) {
        selection.kind = Selection::Kind::kSpread;
        selection.name = TRY(name());
        selection.directives = TRY(directives(depth));
        return selection;
      }
      selection.kind = Selection::Kind::kInline;
      if (TRY(take("on"))) selection.on = TRY(name());
      selection.directives = TRY(directives(depth));
      selection.selections = TRY(selections(depth + 1));
      return selection;
    }
    selection.name = TRY(name());
    if (TRY(take(":"))) selection.alias = std::exchange(selection.name, TRY(name()));
    selection.arguments = TRY(arguments(depth));
    selection.directives = TRY(directives(depth));
    if (is("{")) selection.selections = TRY(selections(depth + 1));
    return selection;
  }

  Result<std::vector<Directive>> directives(int depth) {
    std::vector<Directive> directives;
    while (TRY(take("@"))) {
      Directive directive;
      directive.name = TRY(name());
      directive.arguments = TRY(arguments(depth));
      directives.push_back(std::move(directive));
    }
    return directives;
  }

  Result<Arguments> arguments(int depth) {
    Arguments arguments;
    if (!TRY(take("("))) return arguments;
    while (!is(")")) arguments.push_back(TRY(member(depth)));
    TRY(advance());
    return arguments;
  }

  Result<Argument> member(int depth) {
    Argument member;
    member.name = TRY(name());
    TRY(expect(":"));
    member.value = TRY(value(depth + 1));
    return member;
  }

  Result<Value> value(int depth) {
    TRY(go_deeper(depth));
    Value value;
    if (TRY(take("$"))) {
      value.kind = Value::Kind::kVariable;
      value.variable = TRY(name());
      return value;
    }
    if (TRY(take("["))) {
      value.kind = Value::Kind::kList;
      while (!is("]")) value.items.push_back(TRY(this->value(depth + 1)));
      TRY(advance());
      return value;
    }
    if (TRY(take("{"))) {
      value.kind = Value::Kind::kObject;
      while (!is("}")) value.members.push_back(TRY(member(depth)));
      TRY(advance());
      return value;
    }
    value.literal = TRY(literal());
    TRY(advance());
    return value;
  }

  Result<Json> literal() const {
    switch (token_.kind) {
      case TokenKind::kInteger: {
        std::int64_t number = 0;
        const auto [end, ec] = std::from_chars(token_.text.begin(), token_.text.end(), number);
        if (ec != std::errc() || end != token_.text.end()) return wrong("an integer of 64 bits");
        return Json(number);
      }
      case TokenKind::kFloat: {
        double number = 0;
        const auto [end, ec] = std::from_chars(token_.text.begin(), token_.text.end(), number);
        if (ec != std::errc() || end != token_.text.end()) return wrong("a number");
        return Json(number);
      }
      case TokenKind::kText:
        return text();
      case TokenKind::kName:
        if (token_.text == "true") return Json(true);
        if (token_.text == "false") return Json(false);
        if (token_.text == "null") return Json(nullptr);
        return Json(token_.text);
      case TokenKind::kEnd:
      case TokenKind::kPunctuator:
        break;
    }
    return wrong("a value");
  }

  Result<Json> text() const {
    if (token_.text.starts_with(R"(""")")) {
      std::string text(token_.text.substr(3, token_.text.size() - 6));
      for (std::size_t at = 0; (at = text.find(R"(\""")", at)) != std::string::npos; at += 3)
        text.erase(at, 1);
      return Json(text);
    }
    // The escapes are JSON's.
    Result<Json> text = base::parse_json(token_.text);
    if (!text) return wrong("a text with good escapes");
    return text;
  }

  Lexer lexer_;
  Token token_;
};

}  // namespace

Result<Document> parse_document(std::string_view text) { return Parser(text).document(); }

}  // namespace slipway::api::graphql
