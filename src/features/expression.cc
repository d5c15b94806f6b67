#include "features/expression.h"

#include <date/tz.h>

#include <charconv>
#include <cmath>
#include <functional>
#include <set>

namespace slipway::features {

struct Expression::Node {
  enum class Kind { kConstant, kColumn, kCall, kAnd, kOr };
  Kind kind = Kind::kConstant;
  Value constant;
  std::size_t column = 0;
  // Gets the arguments' values; `has_null` says whether one is missing (only functions that want to
  // know are called then).
  std::function<Value(std::span<const Value>)> call;
  bool takes_null = false;
  std::vector<std::shared_ptr<const Node>> arguments;
};

namespace {

using Node = Expression::Node;
using NodePtr = std::shared_ptr<const Node>;

struct Typed {
  NodePtr node;
  ValueType type;
};

double number_of(const Value& value) { return std::get<double>(value); }

Value truth(bool yes) { return yes ? 1.0 : 0.0; }

Value finite(double value) {
  if (!std::isfinite(value)) return {};
  return value;
}

constexpr std::size_t kArgumentsMax = 16;

Value evaluate_node(const Node& node, std::span<const Value> row) {
  switch (node.kind) {
    case Node::Kind::kConstant:
      return node.constant;
    case Node::Kind::kColumn:
      return row[node.column];
    case Node::Kind::kAnd:
    case Node::Kind::kOr: {
      const double decides = node.kind == Node::Kind::kAnd ? 0.0 : 1.0;
      const Value left = evaluate_node(*node.arguments[0], row);
      if (!is_null(left) && number_of(left) == decides) return left;
      const Value right = evaluate_node(*node.arguments[1], row);
      if (!is_null(right) && number_of(right) == decides) return right;
      if (is_null(left) || is_null(right)) return {};
      return truth(decides == 0.0);
    }
    case Node::Kind::kCall:
      break;
  }
  std::array<Value, kArgumentsMax> values;
  const std::size_t count = node.arguments.size();
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = evaluate_node(*node.arguments[i], row);
    if (!node.takes_null && is_null(values[i])) return {};
  }
  return node.call({values.data(), count});
}

template <typename Compare>
Value compare(std::span<const Value> v, Compare by) {
  if (const auto* left = std::get_if<double>(&v[0]))
    return truth(by(*left, std::get<double>(v[1])));
  if (const auto* left = std::get_if<std::string>(&v[0]))
    return truth(by(*left, std::get<std::string>(v[1])));
  return truth(by(std::get<types::Timestamp>(v[0]), std::get<types::Timestamp>(v[1])));
}

// The clock on the wall of `zone`.
date::local_time<std::chrono::microseconds> local_time(const date::time_zone* zone,
                                                       const Value& value) {
  return zone->to_local(date::sys_time<std::chrono::microseconds>(
      std::chrono::microseconds(std::get<types::Timestamp>(value).micros)));
}

using CalendarPart = double (*)(date::local_time<std::chrono::microseconds>);

double minute_of_day(date::local_time<std::chrono::microseconds> t) {
  return static_cast<double>(
      std::chrono::floor<std::chrono::minutes>(t - date::floor<date::days>(t)).count());
}
date::year_month_day calendar_day(date::local_time<std::chrono::microseconds> t) {
  return date::year_month_day(date::floor<date::days>(t));
}

constexpr std::pair<std::string_view, CalendarPart> kCalendar[] = {
    {"hour", [](auto t) { return std::floor(minute_of_day(t) / 60); }},
    {"minute_of_day", minute_of_day},
    // Monday is 0.
    {"weekday",
     [](auto t) {
       return static_cast<double>(date::weekday(date::floor<date::days>(t)).iso_encoding() - 1);
     }},
    {"month",
     [](auto t) { return static_cast<double>(static_cast<unsigned>(calendar_day(t).month())); }},
    {"year", [](auto t) { return static_cast<double>(static_cast<int>(calendar_day(t).year())); }},
    {"day_of_year", [](auto t) {
       return static_cast<double>(
           (date::floor<date::days>(t) - date::local_days(calendar_day(t).year() / 1 / 1)).count() +
           1);
     }}};

class Parser {
 public:
  Parser(std::string_view text, const std::vector<NamedColumn>& columns)
      : text_(text), columns_(columns) {}

  Result<Typed> parse() {
    Typed whole = TRY(parse_or());
    skip_space();
    if (at_ < text_.size()) return wrong(at_, "expected the end");
    return whole;
  }

 private:
  Error wrong(std::size_t at, std::string_view what) const {
    return base::error(Code::kInvalidArgument, "expression: {} at character {}: {}", what, at + 1,
                       text_);
  }

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
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

  Result<Typed> require(Typed typed, ValueType type, std::size_t at) const {
    if (typed.type == type || (type == ValueType::kNumber && typed.type == ValueType::kBool))
      return typed;
    return wrong(at, fmt::format("expected a {}, got a {}", value_type_name(type),
                                 value_type_name(typed.type)));
  }

  static Typed call(ValueType type, std::vector<Typed> arguments,
                    std::function<Value(std::span<const Value>)> function,
                    bool takes_null = false) {
    auto node = std::make_shared<Node>();
    node->kind = Node::Kind::kCall;
    node->call = std::move(function);
    node->takes_null = takes_null;
    for (Typed& argument : arguments) node->arguments.push_back(std::move(argument.node));
    return {std::move(node), type};
  }

  Result<Typed> parse_logic(Node::Kind kind, std::string_view word,
                            Result<Typed> (Parser::*next)()) {
    skip_space();
    const std::size_t start = at_;
    Typed left = TRY((this->*next)());
    while (take_word(word)) {
      left = TRY(require(std::move(left), ValueType::kBool, start));
      skip_space();
      const std::size_t at = at_;
      const Typed right = TRY(require(TRY((this->*next)()), ValueType::kBool, at));
      auto node = std::make_shared<Node>();
      node->kind = kind;
      node->arguments = {left.node, right.node};
      left = {std::move(node), ValueType::kBool};
    }
    return left;
  }
  Result<Typed> parse_or() { return parse_logic(Node::Kind::kOr, "or", &Parser::parse_and); }
  Result<Typed> parse_and() { return parse_logic(Node::Kind::kAnd, "and", &Parser::parse_not); }

  Result<Typed> parse_not() {
    if (++depth_ > 100) return wrong(at_, "nested too deeply");
    skip_space();
    const std::size_t start = at_;
    Result<Typed> result = [&]() -> Result<Typed> {
      if (!take_word("not")) return parse_comparison();
      Typed inner = TRY(require(TRY(parse_not()), ValueType::kBool, start));
      return call(ValueType::kBool, {std::move(inner)},
                  [](auto v) { return truth(number_of(v[0]) == 0); });
    }();
    --depth_;
    return result;
  }

  Result<Typed> parse_comparison() {
    Typed left = TRY(parse_sum());
    static constexpr std::string_view kSymbols[] = {"!=", "<=", ">=", "=", "<", ">"};
    for (const std::string_view symbol : kSymbols) {
      skip_space();
      const std::size_t at = at_;
      if (!take(symbol)) continue;
      Typed right = TRY(parse_sum());
      const auto group = [](ValueType type) {
        return type == ValueType::kBool ? ValueType::kNumber : type;
      };
      if (group(left.type) != group(right.type)) {
        return wrong(at, fmt::format("a {} is compared with a {}", value_type_name(left.type),
                                     value_type_name(right.type)));
      }
      return call(ValueType::kBool, {std::move(left), std::move(right)}, comparison(symbol));
    }
    return left;
  }

  static std::function<Value(std::span<const Value>)> comparison(std::string_view symbol) {
    if (symbol == "=") return [](auto v) { return compare(v, std::equal_to<>()); };
    if (symbol == "!=") return [](auto v) { return compare(v, std::not_equal_to<>()); };
    if (symbol == "<") return [](auto v) { return compare(v, std::less<>()); };
    if (symbol == "<=") return [](auto v) { return compare(v, std::less_equal<>()); };
    if (symbol == ">") return [](auto v) { return compare(v, std::greater<>()); };
    return [](auto v) { return compare(v, std::greater_equal<>()); };
  }

  Result<Typed> parse_sum() {
    skip_space();
    std::size_t start = at_;
    Typed left = TRY(parse_product());
    while (true) {
      const bool plus = take("+");
      if (!plus && !take("-")) return left;
      left = TRY(require(std::move(left), ValueType::kNumber, start));
      skip_space();
      start = at_;
      Typed right = TRY(require(TRY(parse_product()), ValueType::kNumber, start));
      left = plus ? call(ValueType::kNumber, {std::move(left), std::move(right)},
                         [](auto v) { return finite(number_of(v[0]) + number_of(v[1])); })
                  : call(ValueType::kNumber, {std::move(left), std::move(right)},
                         [](auto v) { return finite(number_of(v[0]) - number_of(v[1])); });
    }
  }

  Result<Typed> parse_product() {
    skip_space();
    std::size_t start = at_;
    Typed left = TRY(parse_unary());
    while (true) {
      const bool times = take("*");
      if (!times && !take("/")) return left;
      left = TRY(require(std::move(left), ValueType::kNumber, start));
      skip_space();
      start = at_;
      Typed right = TRY(require(TRY(parse_unary()), ValueType::kNumber, start));
      left = times ? call(ValueType::kNumber, {std::move(left), std::move(right)},
                          [](auto v) { return finite(number_of(v[0]) * number_of(v[1])); })
                   : call(ValueType::kNumber, {std::move(left), std::move(right)},
                          [](auto v) { return finite(number_of(v[0]) / number_of(v[1])); });
    }
  }

  Result<Typed> parse_unary() {
    if (++depth_ > 100) return wrong(at_, "nested too deeply");
    Result<Typed> result = [&]() -> Result<Typed> {
      if (!take("-")) return parse_primary();
      skip_space();
      const std::size_t at = at_;
      Typed inner = TRY(require(TRY(parse_unary()), ValueType::kNumber, at));
      return call(ValueType::kNumber, {std::move(inner)},
                  [](auto v) { return Value(-number_of(v[0])); });
    }();
    --depth_;
    return result;
  }

  static Typed constant(Value value, ValueType type) {
    auto node = std::make_shared<Node>();
    node->constant = std::move(value);
    return {std::move(node), type};
  }

  Result<Typed> parse_primary() {
    skip_space();
    const std::size_t start = at_;
    if (start >= text_.size()) return wrong(start, "expected a value");
    const char c = text_[start];
    if (take("(")) {
      Typed inner = TRY(parse_or());
      if (!take(")")) return wrong(at_, "expected )");
      return inner;
    }
    if (c == '\'') {
      const std::size_t end = text_.find('\'', start + 1);
      if (end == std::string_view::npos) return wrong(start, "the text is not closed");
      at_ = end + 1;
      return constant(std::string(text_.substr(start + 1, end - start - 1)), ValueType::kText);
    }
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
    if (take("(")) return parse_call(name, start);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name != name) continue;
      auto node = std::make_shared<Node>();
      node->kind = Node::Kind::kColumn;
      node->column = i;
      return Typed{std::move(node), columns_[i].type};
    }
    std::string known;
    for (const NamedColumn& column : columns_) known += (known.empty() ? "" : ", ") + column.name;
    return wrong(start, fmt::format("unknown column '{}' (there are: {})", name, known));
  }

  Result<Typed> parse_call(std::string_view name, std::size_t start) {
    std::vector<Typed> arguments;
    std::vector<std::size_t> places;
    if (!take(")")) {
      do {
        skip_space();
        places.push_back(at_);
        arguments.push_back(TRY(parse_or()));
        if (arguments.size() > kArgumentsMax) return wrong(start, "too many arguments");
      } while (take(","));
      if (!take(")")) return wrong(at_, "expected ) or ,");
    }
    const auto count = [&](std::size_t wanted) -> Result<void> {
      if (arguments.size() == wanted) return {};
      return wrong(start,
                   fmt::format("{} takes {} arguments, got {}", name, wanted, arguments.size()));
    };
    const auto want = [&](std::size_t i, ValueType type) -> Result<void> {
      TRY(require(arguments[i], type, places[i]));
      return {};
    };

    for (const auto& [known, part] : kCalendar) {
      if (known != name) continue;
      TRY(count(2));
      TRY(want(0, ValueType::kTime));
      const auto* zone_name = std::get_if<std::string>(&arguments[1].node->constant);
      if (zone_name == nullptr)
        return wrong(places[1], "expected the name of a time zone such as 'America/New_York'");
      const date::time_zone* zone = nullptr;
      try {
        zone = date::locate_zone(*zone_name);
      } catch (const std::exception&) {
        return wrong(places[1], fmt::format("unknown time zone '{}'", *zone_name));
      }
      return call(ValueType::kNumber, {arguments[0]},
                  [zone, part](auto v) { return Value(part(local_time(zone, v[0]))); });
    }
    static constexpr std::pair<std::string_view, double (*)(double)> kNumeric[] = {
        {"abs", [](double x) { return std::fabs(x); }},
        {"log", [](double x) { return std::log(x); }},
        {"sqrt", [](double x) { return std::sqrt(x); }},
        {"floor", [](double x) { return std::floor(x); }}};
    for (const auto& [known, function] : kNumeric) {
      if (known != name) continue;
      TRY(count(1));
      TRY(want(0, ValueType::kNumber));
      return call(ValueType::kNumber, std::move(arguments),
                  [function](auto v) { return finite(function(number_of(v[0]))); });
    }
    if (name == "min" || name == "max") {
      TRY(count(2));
      TRY(want(0, ValueType::kNumber));
      TRY(want(1, ValueType::kNumber));
      if (name == "min")
        return call(ValueType::kNumber, std::move(arguments),
                    [](auto v) { return Value(std::min(number_of(v[0]), number_of(v[1]))); });
      return call(ValueType::kNumber, std::move(arguments),
                  [](auto v) { return Value(std::max(number_of(v[0]), number_of(v[1]))); });
    }
    if (name == "seconds_between") {
      TRY(count(2));
      TRY(want(0, ValueType::kTime));
      TRY(want(1, ValueType::kTime));
      return call(ValueType::kNumber, std::move(arguments), [](auto v) {
        return Value(
            static_cast<double>(
                (std::get<types::Timestamp>(v[1]) - std::get<types::Timestamp>(v[0])).micros) /
            1e6);
      });
    }
    if (name == "is_null") {
      TRY(count(1));
      return call(
          ValueType::kBool, std::move(arguments), [](auto v) { return truth(is_null(v[0])); },
          true);
    }
    if (name == "if") {
      TRY(count(3));
      TRY(want(0, ValueType::kBool));
      const ValueType type = arguments[1].type;
      TRY(want(2, type));
      return call(
          type, std::move(arguments),
          [](auto v) { return !is_null(v[0]) && number_of(v[0]) != 0 ? v[1] : v[2]; }, true);
    }
    if (name == "coalesce") {
      if (arguments.empty()) return wrong(start, "coalesce takes at least one argument");
      const ValueType type = arguments[0].type;
      for (std::size_t i = 1; i < arguments.size(); ++i) TRY(want(i, type));
      return call(
          type, std::move(arguments),
          [](std::span<const Value> v) {
            for (const Value& value : v) {
              if (!is_null(value)) return value;
            }
            return Value();
          },
          true);
    }
    if (name == "concat") {
      for (std::size_t i = 0; i < arguments.size(); ++i) TRY(want(i, ValueType::kText));
      return call(ValueType::kText, std::move(arguments), [](std::span<const Value> v) {
        std::string all;
        for (const Value& value : v) all += std::get<std::string>(value);
        return Value(std::move(all));
      });
    }
    return wrong(start, fmt::format("unknown function '{}'", name));
  }

  std::string_view text_;
  const std::vector<NamedColumn>& columns_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Expression> Expression::parse(std::string_view text,
                                     const std::vector<NamedColumn>& columns) {
  Typed typed = TRY(Parser(text, columns).parse());
  Expression expression;
  expression.root_ = std::move(typed.node);
  expression.type_ = typed.type;
  return expression;
}

Value Expression::evaluate(std::span<const Value> row) const { return evaluate_node(*root_, row); }

types::Column Expression::evaluate(std::span<const types::Column* const> columns,
                                   std::size_t rows) const {
  if (root_->kind == Node::Kind::kColumn) return as_values(*columns[root_->column]);
  types::Column out = types::Column::of_type("", column_type(type_));
  out.reserve(rows);
  const std::vector<std::size_t> read = this->columns();
  std::vector<Value> row(columns.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (const std::size_t c : read) row[c] = cell_of(*columns[c], i);
    append_value(out, evaluate(row));
  }
  return out;
}

std::optional<std::size_t> Expression::plain_column() const {
  if (root_->kind != Node::Kind::kColumn) return std::nullopt;
  return root_->column;
}

std::vector<std::size_t> Expression::columns() const {
  std::set<std::size_t> found;
  const auto visit = [&](const auto& self, const Node& node) -> void {
    if (node.kind == Node::Kind::kColumn) found.insert(node.column);
    for (const auto& argument : node.arguments) self(self, *argument);
  };
  visit(visit, *root_);
  return {found.begin(), found.end()};
}

}  // namespace slipway::features
