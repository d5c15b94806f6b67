// The grammar of expressions: docs/formats/expressions.md.
#include <charconv>
#include <cmath>
#include <set>
#include <tuple>

#include "features/expression.h"
#include "features/expression_forms.h"
#include "features/expression_functions.h"
#include "features/written_times.h"

namespace slipway::features {
namespace {

constexpr std::size_t kArgumentsMax = 256;
constexpr int kHeightMax = 500;   // of what is evaluated
constexpr int kNestingMax = 100;  // of what is written

// "a number or a text"
std::string either(const std::set<ValueType>& types) {
  std::string all;
  for (const ValueType type : types)
    all += fmt::format("{}a {}", all.empty() ? "" : " or ", value_type_name(type));
  return all;
}

bool fits(ValueType type, ValueType parameter) {
  return type == parameter || (type == ValueType::kBool && parameter == ValueType::kNumber);
}
bool fits(const Typed& typed, ValueType parameter) {
  return typed.is_any || fits(typed.type, parameter);
}

enum class Columns { kKnown, kAny };

class Parser {
 public:
  // kAny: names are columns of any type, and what is made of them isn't to be evaluated.
  Parser(std::string_view text, const std::vector<NamedColumn>& columns,
         Columns which = Columns::kKnown)
      : text_(text), columns_(columns), which_(which) {}

  Result<Typed> parse() {
    Typed whole = TRY(parse_or());
    skip_space();
    if (at_ < text_.size()) return wrong(at_, "expected the end");
    return whole;
  }
  const std::set<std::size_t>& used() const { return used_; }
  // Of the first misuse that has a meaning all the same.
  const std::optional<Error>& misused() const { return misused_; }

 private:
  // A sentence, and the line with a mark under the character.
  Error wrong(std::size_t at, std::string_view what) const {
    const std::size_t before = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const std::string_view line = text_.substr(begin, text_.find('\n', begin) - begin);
    const auto is_first_byte = [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    };
    const auto characters = std::ranges::count_if(text_.substr(begin, at - begin), is_first_byte);
    return base::error(Code::kInvalidArgument, "{} at character {}\n  {}\n  {:>{}}", what, at + 1,
                       line, '^', static_cast<int>(characters) + 1);
  }

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  std::size_t next_place() {
    skip_space();
    return at_;
  }
  bool take(std::string_view symbol) {
    skip_space();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }
  static bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
  bool take_word(std::string_view word) {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word) || (rest.size() > word.size() && is_name(rest[word.size()])))
      return false;
    at_ += word.size();
    return true;
  }
  Result<void> expect_word(std::string_view word) {
    if (take_word(word)) return {};
    return wrong(at_, fmt::format("expected {}", word));
  }

  struct Argument {
    Typed value;
    std::size_t place;
  };
  // What `next` reads, and where it begins.
  Result<Argument> read(Result<Typed> (Parser::*next)()) {
    const std::size_t place = next_place();
    return Argument{TRY((this->*next)()), place};
  }
  // "(" has been taken.
  Result<std::vector<Argument>> read_list() {
    std::vector<Argument> arguments;
    if (take(")")) return arguments;
    do {
      arguments.push_back(TRY(read(&Parser::parse_or)));
      if (arguments.size() > kArgumentsMax)
        return wrong(arguments.back().place, "too many arguments");
    } while (take(","));
    if (!take(")")) return wrong(at_, "expected ) or ,");
    return arguments;
  }

  Result<void> want(const Argument& argument, ValueType type) const {
    if (fits(argument.value, type)) return {};
    return wrong(argument.place, fmt::format("expected a {}, got a {}", value_type_name(type),
                                             value_type_name(argument.value.type)));
  }
  static bool is_any(const Argument& argument) { return argument.value.is_any; }
  // The one type of all: a condition among numbers is a number.
  Result<ValueType> common_type(std::span<const Argument> arguments) const {
    const auto known = std::ranges::find_if_not(arguments, is_any);
    ValueType type = (known == arguments.end() ? arguments.front() : *known).value.type;
    for (const Argument& argument : arguments) {
      if (!is_any(argument) && fits(type, argument.value.type)) type = argument.value.type;
      TRY(want(argument, type));
    }
    return type;
  }

  Result<Typed> made(NodePtr node, ValueType type, std::span<const Argument> arguments) const {
    Typed typed{std::move(node), type, 1, std::nullopt};
    for (const Argument& argument : arguments)
      typed.height = std::max(typed.height, argument.value.height + 1);
    if (typed.height > kHeightMax) return wrong(arguments.back().place, "nested too deeply");
    return typed;
  }

  // A function or an operator; of those with the name the one that takes such arguments.
  Result<Typed> apply(std::string_view name, std::size_t place,
                      const std::vector<Argument>& arguments) {
    const auto [first, last] = functions().equal_range(name);
    if (first == last) return wrong(place, fmt::format("unknown function '{}'", name));
    std::vector<const Function*> candidates;
    std::set<std::size_t> counts;
    for (auto at = first; at != last; ++at) {
      counts.insert(at->second.parameters.size());
      if (at->second.parameters.size() == arguments.size()) candidates.push_back(&at->second);
    }
    if (candidates.empty()) {
      return wrong(place, fmt::format("{} takes {} arguments, got {}", name,
                                      fmt::join(counts, " or "), arguments.size()));
    }
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      std::set<ValueType> expected;
      for (const Function* candidate : candidates) expected.insert(candidate->parameters[i]);
      std::erase_if(candidates, [&](const Function* candidate) {
        return !fits(arguments[i].value, candidate->parameters[i]);
      });
      if (candidates.empty()) {
        return wrong(arguments[i].place, fmt::format("expected {}, got a {}", either(expected),
                                                     value_type_name(arguments[i].value.type)));
      }
    }
    std::vector<Typed> values;
    for (const Argument& argument : arguments) values.push_back(argument.value);
    if (std::ranges::none_of(arguments, is_any)) candidates.resize(1);
    std::optional<Typed> result;
    std::optional<Misuse> misuse;
    for (const Function* candidate : candidates) {
      auto node = candidate->make(values);
      if (auto* wrongly = std::get_if<Misuse>(&node)) {
        misuse = std::move(*wrongly);
        if (!misuse->instead) continue;
        if (!misused_) misused_ = wrong(arguments[misuse->argument].place, misuse->what);
        node = misuse->instead;
      }
      if (!result) {
        result = TRY(made(std::get<NodePtr>(std::move(node)), candidate->result, arguments));
      } else {
        result->is_any = result->is_any || result->type != candidate->result;
      }
    }
    if (!result) return wrong(arguments[misuse->argument].place, misuse->what);
    return std::move(*result);
  }

  Result<Typed> logic(double decides, const Argument& left, const Argument& right) const {
    TRY(want(left, ValueType::kBool));
    TRY(want(right, ValueType::kBool));
    return made(std::make_shared<Logic>(decides, left.value.node, right.value.node),
                ValueType::kBool, std::array{left, right});
  }
  Result<Typed> parse_logic(double decides, std::string_view word,
                            Result<Typed> (Parser::*next)()) {
    Argument left = TRY(read(next));
    while (take_word(word)) {
      const Argument right = TRY(read(next));
      left.value = TRY(logic(decides, left, right));
    }
    return std::move(left.value);
  }
  Result<Typed> parse_or() { return parse_logic(1, "or", &Parser::parse_and); }
  Result<Typed> parse_and() { return parse_logic(0, "and", &Parser::parse_not); }

  Result<Typed> parse_not() {
    if (++depth_ > kNestingMax) return wrong(at_, "nested too deeply");
    const std::size_t place = next_place();
    Result<Typed> result = [&]() -> Result<Typed> {
      if (!take_word("not")) return parse_comparison();
      const Argument inner = TRY(read(&Parser::parse_not));
      return apply("not", place, {inner});
    }();
    --depth_;
    return result;
  }

  Result<void> comparable(const Argument& left, const Argument& right, std::size_t place) const {
    if (is_any(left) || fits(right.value, left.value.type) || fits(left.value, right.value.type))
      return {};
    return wrong(place, fmt::format("a {} is compared with a {}", value_type_name(left.value.type),
                                    value_type_name(right.value.type)));
  }

  Result<Typed> parse_comparison() {
    const Argument left = TRY(read(&Parser::parse_sum));
    const std::size_t place = next_place();
    const bool is_negated = take_word("not");
    Typed result = left.value;
    if (take_word("in")) {
      result = TRY(parse_in(left));
    } else if (take_word("between")) {
      result = TRY(parse_between(left));
    } else if (is_negated) {
      return wrong(at_, "expected in or between");
    } else {
      static constexpr std::string_view kSymbols[] = {"!=", "<=", ">=", "=", "<", ">"};
      for (const std::string_view symbol : kSymbols) {
        if (!take(symbol)) continue;
        const Argument right = TRY(read(&Parser::parse_sum));
        TRY(comparable(left, right, place));
        return apply(symbol, place, {left, right});
      }
    }
    return is_negated ? apply("not", place, {{result, place}}) : result;
  }

  Result<Typed> parse_in(const Argument& left) {
    if (!take("(")) return wrong(at_, "expected (");
    std::vector<Argument> all = TRY(read_list());
    if (all.empty()) return wrong(at_ - 1, "expected a value");
    std::vector<NodePtr> list;
    for (const Argument& item : all) {
      TRY(comparable(left, item, item.place));
      list.push_back(item.value.node);
    }
    NodePtr node = with_cell(left.value.type, [&]<typename Cell>(Cell) -> NodePtr {
      return std::make_shared<In<Cell>>(left.value.node, std::move(list));
    });
    all.push_back(left);
    return made(std::move(node), ValueType::kBool, all);
  }

  Result<Typed> parse_between(const Argument& left) {
    const std::size_t low_place = next_place();
    const Argument low = TRY(read(&Parser::parse_sum));
    TRY(comparable(left, low, low_place));
    TRY(expect_word("and"));
    const std::size_t high_place = next_place();
    const Argument high = TRY(read(&Parser::parse_sum));
    TRY(comparable(left, high, high_place));
    const Typed is_from = TRY(apply(">=", low_place, {left, low}));
    const Typed is_to = TRY(apply("<=", high_place, {left, high}));
    return logic(0, {is_from, left.place}, {is_to, left.place});
  }

  Result<Typed> parse_chain(std::initializer_list<std::string_view> operators,
                            Result<Typed> (Parser::*next)()) {
    Argument left = TRY(read(next));
    while (true) {
      const std::size_t place = next_place();
      const auto* const found =
          std::ranges::find_if(operators, [&](std::string_view symbol) { return take(symbol); });
      if (found == operators.end()) return std::move(left.value);
      const Argument right = TRY(read(next));
      left.value = TRY(apply(*found, place, {left, right}));
    }
  }
  Result<Typed> parse_sum() { return parse_chain({"+", "-"}, &Parser::parse_product); }
  Result<Typed> parse_product() { return parse_chain({"*", "/", "%"}, &Parser::parse_unary); }

  Result<Typed> parse_unary() {
    if (++depth_ > kNestingMax) return wrong(at_, "nested too deeply");
    const std::size_t place = next_place();
    Result<Typed> result = [&]() -> Result<Typed> {
      if (!take("-")) return parse_primary();
      const Argument inner = TRY(read(&Parser::parse_unary));
      return apply("negative", place, {inner});
    }();
    --depth_;
    return result;
  }

  Result<Typed> parse_primary() {
    const std::size_t start = next_place();
    if (start >= text_.size()) return wrong(start, "expected a value");
    const char c = text_[start];
    if (take("(")) {
      Typed inner = TRY(parse_or());
      if (!take(")")) return wrong(at_, "expected )");
      return inner;
    }
    if (c == '\'') return parse_text();
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') {
      double number = 0;
      const auto [end, ec] =
          std::from_chars(text_.data() + start, text_.data() + text_.size(), number);
      if (ec != std::errc()) return wrong(start, "not a number");
      at_ = static_cast<std::size_t>(end - text_.data());
      return constant(number, ValueType::kNumber);
    }
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    if (name.empty()) return wrong(start, "expected a value");
    if (name == "case" && take_word("when")) return parse_case();
    if (take("(")) return parse_call(name, start);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == name) return column(i);
    }
    if (name == "true" || name == "false")
      return constant(name == "true" ? 1.0 : 0.0, ValueType::kBool);
    if (which_ == Columns::kAny) return any_column(name, start);
    std::string known;
    for (const NamedColumn& column : columns_) known += (known.empty() ? "" : ", ") + column.name;
    return wrong(start, fmt::format("unknown column '{}' (there are: {})", name, known));
  }

  static Typed constant(double number, ValueType type) {
    return {std::make_shared<Constant<double>>(number), type, 1, std::nullopt};
  }

  // Words are names where a value stands, as for parse(); these three are sooner a mistake.
  Result<Typed> any_column(std::string_view name, std::size_t start) const {
    if (name == "and" || name == "or" || name == "not") return wrong(start, "expected a value");
    Typed typed = constant(0, ValueType::kNumber);
    typed.is_any = true;
    return typed;
  }

  Typed column(std::size_t at) {
    used_.insert(at);
    NodePtr node;
    switch (columns_[at].type) {
      case ValueType::kNumber:
      case ValueType::kBool:
        node = std::make_shared<NumberColumn>(at);
        break;
      case ValueType::kText:
        node = std::make_shared<TextColumn>(at);
        break;
      case ValueType::kTime:
        node = std::make_shared<TimeColumn>(at);
        break;
    }
    return {std::move(node), columns_[at].type, 1, std::nullopt, at};
  }

  // 'JFK'; a quote within is written twice.
  Result<Typed> parse_text() {
    const std::size_t start = at_;
    std::string text;
    while (true) {
      const std::size_t end = text_.find('\'', at_ + 1);
      if (end == std::string_view::npos) return wrong(start, "the text is not closed");
      text += text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      if (at_ >= text_.size() || text_[at_] != '\'') break;
      text += '\'';
    }
    return Typed{std::make_shared<Literal>(text), ValueType::kText, 1, text};
  }

  Result<Typed> conditional(const std::vector<Argument>& conditions,
                            const std::vector<Argument>& values) const {
    const ValueType type = TRY(common_type(values));
    std::vector<std::pair<NodePtr, NodePtr>> branches;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      TRY(want(conditions[i], ValueType::kBool));
      branches.emplace_back(conditions[i].value.node, values[i].value.node);
    }
    NodePtr otherwise = values.size() > conditions.size() ? values.back().value.node : nullptr;
    NodePtr node = with_cell(type, [&]<typename Cell>(Cell) -> NodePtr {
      return std::make_shared<Case<Cell>>(std::move(branches), std::move(otherwise));
    });
    std::vector<Argument> all = conditions;
    all.insert(all.end(), values.begin(), values.end());
    Typed result = TRY(made(std::move(node), type, all));
    result.is_any = std::ranges::all_of(values, is_any);
    return result;
  }

  // "case when" has been taken.
  Result<Typed> parse_case() {
    std::vector<Argument> conditions, values;
    do {
      conditions.push_back(TRY(read(&Parser::parse_or)));
      TRY(expect_word("then"));
      values.push_back(TRY(read(&Parser::parse_or)));
      if (values.size() > kArgumentsMax) return wrong(at_, "too many branches");
    } while (take_word("when"));
    if (take_word("else")) values.push_back(TRY(read(&Parser::parse_or)));
    TRY(expect_word("end"));
    return conditional(conditions, values);
  }

  Result<Typed> parse_call(std::string_view name, std::size_t start) {
    std::vector<Argument> arguments = TRY(read_list());
    const auto count = [&](std::size_t wanted) -> Result<void> {
      if (arguments.size() == wanted) return {};
      return wrong(start,
                   fmt::format("{} takes {} arguments, got {}", name, wanted, arguments.size()));
    };
    if (name == "if") {
      TRY(count(3));
      return conditional({arguments[0]}, {arguments[1], arguments[2]});
    }
    if (name == "is_null") {
      TRY(count(1));
      NodePtr node = with_cell(arguments[0].value.type, [&]<typename Cell>(Cell) -> NodePtr {
        return std::make_shared<IsNull<Cell>>(arguments[0].value.node);
      });
      return made(std::move(node), ValueType::kBool, arguments);
    }
    if (name != "coalesce" && name != "concat") return apply(name, start, arguments);
    if (arguments.empty()) return wrong(start, fmt::format("{} takes at least one argument", name));
    std::vector<NodePtr> nodes;
    for (const Argument& argument : arguments) nodes.push_back(argument.value.node);
    if (name == "concat") {
      for (const Argument& argument : arguments) TRY(want(argument, ValueType::kText));
      return made(concat_of(std::move(nodes)), ValueType::kText, arguments);
    }
    const ValueType type = TRY(common_type(arguments));
    NodePtr node = with_cell(type, [&]<typename Cell>(Cell) -> NodePtr {
      return std::make_shared<Coalesce<Cell>>(std::move(nodes));
    });
    Typed result = TRY(made(std::move(node), type, arguments));
    result.is_any = std::ranges::all_of(arguments, is_any);
    return result;
  }

  const std::string_view text_;
  const std::vector<NamedColumn>& columns_;
  const Columns which_;
  std::set<std::size_t> used_;
  std::optional<Error> misused_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

const Functions& functions() {
  static const Functions all = [] {
    Functions functions;
    add_number_functions(functions);
    add_text_functions(functions);
    add_time_functions(functions);
    return functions;
  }();
  return all;
}

Result<Expression> Expression::parse(std::string_view text,
                                     const std::vector<NamedColumn>& columns) {
  Parser parser(text, columns);
  Typed typed = TRY(parser.parse());
  Expression expression;
  expression.root_ = std::move(typed.node);
  expression.type_ = typed.type;
  expression.plain_column_ = typed.column;
  expression.columns_.assign(parser.used().begin(), parser.used().end());
  return expression;
}

Result<void> Expression::check_condition(std::string_view text) {
  const std::vector<NamedColumn> none;
  Parser parser(text, none, Columns::kAny);
  const Typed typed = TRY(parser.parse());
  if (parser.misused()) return *parser.misused();
  if (typed.is_any || typed.type == ValueType::kBool) return {};
  return base::error(Code::kInvalidArgument, "a condition is a yes or no, and this is a {}: {}",
                     value_type_name(typed.type), text);
}

Result<void> check_written_times(std::string_view text) {
  const std::vector<NamedColumn> none;
  Parser parser(text, none, Columns::kAny);
  std::ignore = parser.parse();
  if (parser.misused()) return *parser.misused();
  return {};
}

}  // namespace slipway::features
