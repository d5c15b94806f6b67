#include "api/feast_source/python_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

namespace slipway::api::feast_source {
namespace {

constexpr int kDepthMax = 64;  // of parentheses

enum class Kind { kName, kNumber, kText, kSign, kLineEnd, kEnd };

struct Token {
  Kind kind = Kind::kEnd;
  std::string text;  // of a text: what it means
  int line = 0;
};

Error refuse(int line, std::string_view what) {
  return base::error(Code::kInvalidArgument, "line {} of the function: {}", line, what);
}

bool begins_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Python's tokens, without comments; a line ends only outside of brackets.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> read() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        if (open_ == 0) add(Kind::kLineEnd, "\n");
        ++line_;
        ++at_;
      } else if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        ++at_;
      } else if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') {
        at_ += 2;
        ++line_;
      } else if (begins_name(c)) {
        add(Kind::kName, take([](char x) { return begins_name(x) || is_digit(x); }));
      } else if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
        number();
      } else if (c == '"' || c == '\'') {
        TRY(string(c));
      } else {
        sign();
      }
    }
    add(Kind::kLineEnd, "\n");
    add(Kind::kEnd, "the end");
    return std::move(tokens_);
  }

 private:
  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  template <typename Belongs>
  std::string take(Belongs belongs) {
    const std::size_t from = at_;
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }

  void number() {
    std::string text = take([](char x) { return is_digit(x) || x == '.' || x == '_'; });
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      text += text_[at_++];
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) text += text_[at_++];
      text += take(is_digit);
    }
    std::erase(text, '_');
    add(Kind::kNumber, std::move(text));
  }

  Result<void> string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_, 3) == three;
    const std::string_view end = is_long ? std::string_view(three) : text_.substr(at_, 1);
    const int line = line_;
    at_ += end.size();
    std::string value;
    while (at_ < text_.size() && text_.substr(at_, end.size()) != end) {
      if (text_[at_] == '\\' || (text_[at_] == '\n' && !is_long))
        return refuse(line, "a text with an escape or without an end");
      if (text_[at_] == '\n') ++line_;
      value += text_[at_++];
    }
    if (at_ >= text_.size()) return refuse(line, "a text without an end");
    at_ += end.size();
    tokens_.push_back({Kind::kText, std::move(value), line});
    return {};
  }

  void sign() {
    static constexpr std::string_view kTwo[] = {"==", "!=", "<=", ">=", "**", "//", "->"};
    std::string text(text_.substr(at_, 2));
    if (std::find(std::begin(kTwo), std::end(kTwo), text) == std::end(kTwo)) text.resize(1);
    at_ += text.size();
    if (text == "(" || text == "[" || text == "{") ++open_;
    if ((text == ")" || text == "]" || text == "}") && open_ > 0) --open_;
    add(Kind::kSign, std::move(text));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1, open_ = 0;
  std::vector<Token> tokens_;
};

class Reader {
 public:
  Reader(std::vector<Token> tokens, PythonMode mode, const InputText& column)
      : tokens_(std::move(tokens)), mode_(mode), column_(column) {}

  Result<std::vector<std::pair<std::string, std::string>>> read() {
    TRY(head());
    while (true) {
      while (now().kind == Kind::kLineEnd) ++at_;
      if (now().kind == Kind::kEnd) return refuse(now().line, "no return");
      if (now().kind == Kind::kText) {  // what the function is for
        ++at_;
        TRY(end_of_line());
      } else if (is_name("return")) {
        ++at_;
        TRY(returned());
        if (features_.empty()) return refuse(now().line, "no features");
        return std::move(features_);
      } else {
        TRY(assignment());
      }
    }
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool is_name(std::string_view name) const {
    return now().kind == Kind::kName && now().text == name;
  }
  bool is_sign(std::string_view sign) const {
    return now().kind == Kind::kSign && now().text == sign;
  }
  bool take_sign(std::string_view sign) {
    if (!is_sign(sign)) return false;
    ++at_;
    return true;
  }
  Error stray() const {
    return refuse(now().line, now().kind == Kind::kLineEnd
                                  ? "it ends where more was expected"
                                  : fmt::format("`{}` has no place in an expression of "
                                                "slipway.yaml, or not here",
                                                now().text));
  }
  Result<void> expect(std::string_view sign) {
    if (!take_sign(sign)) return stray();
    return {};
  }
  Result<std::string> expect_kind(Kind kind) {
    if (now().kind != kind) return stray();
    return tokens_[at_++].text;
  }
  Result<void> end_of_line() {
    if (now().kind != Kind::kLineEnd) return stray();
    ++at_;
    return {};
  }

  // Decorators, and "def NAME(INPUTS: ...) -> ...:".
  Result<void> head() {
    while (!is_name("def") || (at_ > 0 && tokens_[at_ - 1].kind != Kind::kLineEnd)) {
      if (now().kind == Kind::kEnd) return refuse(1, "no function");
      ++at_;
    }
    ++at_;
    TRY(expect_kind(Kind::kName));
    TRY(expect("("));
    inputs_ = TRY(expect_kind(Kind::kName));
    while (now().kind != Kind::kLineEnd) ++at_;
    if (!(tokens_[at_ - 1].kind == Kind::kSign && tokens_[at_ - 1].text == ":"))
      return refuse(now().line, "the body is expected below the head");
    return {};
  }

  // "df = pd.DataFrame()", "out = {}" or "df["x"] = EXPRESSION".
  Result<void> assignment() {
    const std::string name = TRY(expect_kind(Kind::kName));
    if (take_sign("[")) {
      if (name != output_ || name.empty()) return refuse(now().line, "only new columns are set");
      std::string feature = TRY(expect_kind(Kind::kText));
      TRY(expect("]"));
      TRY(expect("="));
      TRY(add(std::move(feature)));
      return end_of_line();
    }
    TRY(expect("="));
    if (!output_.empty()) return refuse(now().line, "variables are not followed");
    output_ = name;
    if (take_sign("{")) {
      TRY(expect("}"));
      return end_of_line();
    }
    TRY(data_frame());
    TRY(expect(")"));
    return end_of_line();
  }

  Result<void> data_frame() {
    if (!is_name("pd") && !is_name("pandas")) return stray();
    ++at_;
    TRY(expect("."));
    if (!is_name("DataFrame")) return stray();
    ++at_;
    return expect("(");
  }

  Result<void> returned() {
    if (now().kind == Kind::kName && now().text == output_ && next().kind == Kind::kLineEnd) {
      ++at_;
      return {};
    }
    const bool in_frame = now().kind == Kind::kName;
    if (in_frame) TRY(data_frame());
    TRY(expect("{"));
    while (!take_sign("}")) {
      std::string feature = TRY(expect_kind(Kind::kText));
      TRY(expect(":"));
      TRY(add(std::move(feature)));
      if (!take_sign(",") && !is_sign("}")) return stray();
    }
    if (in_frame) TRY(expect(")"));
    return end_of_line();
  }

  Result<void> add(std::string feature) {
    bound_.clear();
    std::string expression = TRY(value());
    features_.emplace_back(std::move(feature), std::move(expression));
    return {};
  }

  // An expression, or "[EXPRESSION for x, y in zip(inputs["x"], inputs["y"])]".
  Result<std::string> value() {
    if (!is_sign("[")) {
      if (mode_ == PythonMode::kLists && now().text != inputs_) return stray();
      std::string text = mode_ == PythonMode::kLists ? TRY(primary(0)) : TRY(comparison(0));
      return text;
    }
    if (mode_ != PythonMode::kLists) return stray();
    ++at_;
    // What the names are stands behind the expression.
    const std::size_t expression = at_;
    int open = 0;
    while (now().kind != Kind::kEnd && (open > 0 || !is_name("for"))) {
      if (is_sign("(") || is_sign("[") || is_sign("{")) ++open;
      if (is_sign(")") || is_sign("]") || is_sign("}")) --open;
      if (open < 0) return stray();
      ++at_;
    }
    if (now().kind == Kind::kEnd) return stray();
    const std::size_t end = at_++;
    std::vector<std::string> names = {TRY(expect_kind(Kind::kName))};
    while (take_sign(",")) names.push_back(TRY(expect_kind(Kind::kName)));
    if (!is_name("in")) return stray();
    ++at_;
    const bool is_zip = is_name("zip");
    if (is_zip) {
      ++at_;
      TRY(expect("("));
    }
    if (is_zip != (names.size() > 1)) return stray();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i > 0) TRY(expect(","));
      bound_[names[i]] = TRY(input());
    }
    if (is_zip) {
      take_sign(",");
      TRY(expect(")"));
    }
    TRY(expect("]"));
    const std::size_t after = std::exchange(at_, expression);
    std::string text = TRY(comparison(0));
    if (at_ != end) return stray();
    at_ = after;
    return text;
  }

  // inputs["dist"]
  Result<std::string> input() {
    if (now().kind != Kind::kName || now().text != inputs_) return stray();
    ++at_;
    TRY(expect("["));
    const std::string name = TRY(expect_kind(Kind::kText));
    const int line = now().line;
    TRY(expect("]"));
    auto text = column_(name);
    if (!text) return refuse(line, text.error().message);
    return text;
  }

  Result<std::string> comparison(int depth) {
    static const std::map<std::string_view, std::string_view> kSigns = {
        {"==", "="}, {"!=", "!="}, {"<", "<"}, {"<=", "<="}, {">", ">"}, {">=", ">="}};
    std::string left = TRY(sum(depth));
    const auto found = now().kind == Kind::kSign ? kSigns.find(now().text) : kSigns.end();
    if (found == kSigns.end()) return left;
    ++at_;
    const std::string right = TRY(sum(depth));
    return fmt::format("coalesce({} {} {}, {})", left, found->second, right,
                       found->first == "!=" ? "true" : "false");
  }

  Result<std::string> sum(int depth) {
    std::string text = TRY(product(depth));
    while (is_sign("+") || is_sign("-")) {
      const std::string sign = tokens_[at_++].text;
      text += " " + sign + " " + TRY(product(depth));
    }
    return text;
  }

  Result<std::string> product(int depth) {
    std::string text = TRY(unary(depth));
    while (is_sign("*") || is_sign("/")) {
      const std::string sign = tokens_[at_++].text;
      text += " " + sign + " " + TRY(unary(depth));
    }
    return text;
  }

  Result<std::string> unary(int depth) {
    if (depth > kDepthMax) return refuse(now().line, "too deep");
    if (take_sign("-")) return "-" + TRY(unary(depth + 1));
    return primary(depth);
  }

  Result<std::string> primary(int depth) {
    if (now().kind == Kind::kNumber) return tokens_[at_++].text;
    if (take_sign("(")) {
      std::string text = TRY(comparison(depth + 1));
      TRY(expect(")"));
      return "(" + text + ")";
    }
    if (now().kind == Kind::kName) {
      if (const auto bound = bound_.find(now().text); bound != bound_.end()) {
        ++at_;
        return bound->second;
      }
      return input();
    }
    return stray();
  }

  std::vector<Token> tokens_;
  const PythonMode mode_;
  const InputText& column_;
  std::size_t at_ = 0;
  std::string inputs_, output_;               // names of the argument and of what is returned
  std::map<std::string, std::string> bound_;  // by a comprehension
  std::vector<std::pair<std::string, std::string>> features_;
};

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> read_transform(std::string_view function,
                                                                        PythonMode mode,
                                                                        const InputText& column) {
  return Reader(TRY(Tokens(function).read()), mode, column).read();
}

}  // namespace slipway::api::feast_source
