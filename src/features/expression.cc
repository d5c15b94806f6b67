#include "features/expression.h"

#include <charconv>
#include <cmath>
#include <set>

#include "features/expression_functions.h"
#include "features/expression_nodes.h"

namespace slipway::features {
namespace {

constexpr std::size_t kArgumentsMax = 256;
constexpr int kHeightMax = 500;   // of what is evaluated
constexpr int kNestingMax = 100;  // of what is written

template <typename Cell>
class Constant final : public NodeOf<Cell> {
 public:
  explicit Constant(Cell cell) : cell_(cell) {}
  void write(Rows&, std::span<Cell> out) const override { std::ranges::fill(out, cell_); }

 private:
  const Cell cell_;
};

class Literal final : public NodeOf<std::string_view> {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}
  void write(Rows&, std::span<std::string_view> out) const override {
    std::ranges::fill(out, std::string_view(text_));
  }

 private:
  const std::string text_;
};

// A column; what isn't of its type is missing.
class NumberColumn final : public NodeOf<double> {
 public:
  explicit NumberColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<double> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* number = std::get_if<double>(value);
      const auto* whole = std::get_if<std::int64_t>(value);
      out[0] = number != nullptr  ? *number
               : whole != nullptr ? static_cast<double>(*whole)
                                  : missing<double>();
      return;
    }
    const types::Column& column = rows.column(at_);
    if (column.type == types::ColumnType::kDouble) {
      std::copy_n(column.doubles.begin() + static_cast<std::ptrdiff_t>(rows.from()), out.size(),
                  out.begin());
    } else if (column.type == types::ColumnType::kString) {
      std::ranges::fill(out, missing<double>());
    } else {
      for (std::size_t row = 0; row < out.size(); ++row)
        out[row] = static_cast<double>(column.ints[rows.from() + row]);
    }
    if (column.valid.empty()) return;
    for (std::size_t row = 0; row < out.size(); ++row) {
      if (column.valid[rows.from() + row] == 0) out[row] = missing<double>();
    }
  }

 private:
  const std::size_t at_;
};

class TextColumn final : public NodeOf<std::string_view> {
 public:
  explicit TextColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<std::string_view> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* text = std::get_if<std::string>(value);
      out[0] = text == nullptr ? std::string_view() : *text;
      return;
    }
    const types::Column& column = rows.column(at_);
    const bool is_text = column.type == types::ColumnType::kString;
    for (std::size_t row = 0; row < out.size(); ++row) {
      const std::size_t at = rows.from() + row;
      out[row] = is_text && column.is_valid(at) ? column.strings[at] : std::string_view();
    }
  }

 private:
  const std::size_t at_;
};

class TimeColumn final : public NodeOf<types::Timestamp> {
 public:
  explicit TimeColumn(std::size_t at) : at_(at) {}
  void write(Rows& rows, std::span<types::Timestamp> out) const override {
    if (const Value* value = rows.row(at_)) {
      const auto* time = std::get_if<types::Timestamp>(value);
      out[0] = time == nullptr ? kNoTime : *time;
      return;
    }
    const types::Column& column = rows.column(at_);
    const bool is_time = column.type == types::ColumnType::kTimestamp;
    for (std::size_t row = 0; row < out.size(); ++row) {
      const std::size_t at = rows.from() + row;
      out[row] = is_time && column.is_valid(at) ? types::Timestamp{column.ints[at]} : kNoTime;
    }
  }

 private:
  const std::size_t at_;
};

// `and` (0 decides) and `or` (1 decides): known from one side where that decides.
class Logic final : public NodeOf<double> {
 public:
  Logic(double decides, NodePtr left, NodePtr right)
      : decides_(decides), left_(std::move(left)), right_(std::move(right)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto left = node_of<double>(left_).cells(rows);
    const auto right = node_of<double>(right_).cells(rows);
    for (std::size_t row = 0; row < out.size(); ++row) {
      const bool is_decided = left[row] == decides_ || right[row] == decides_;
      const bool is_unknown = is_missing(left[row]) || is_missing(right[row]);
      out[row] = is_decided ? decides_ : is_unknown ? missing<double>() : 1 - decides_;
    }
  }

 private:
  const double decides_;
  const NodePtr left_, right_;
};

template <typename Cell>
class IsNull final : public NodeOf<double> {
 public:
  explicit IsNull(NodePtr of) : of_(std::move(of)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto cells = node_of<Cell>(of_).cells(rows);
    std::ranges::transform(cells, out.begin(), [](Cell cell) { return is_missing(cell) ? 1 : 0; });
  }

 private:
  const NodePtr of_;
};

template <typename Cell>
class Coalesce final : public NodeOf<Cell> {
 public:
  explicit Coalesce(std::vector<NodePtr> choices) : choices_(std::move(choices)) {}
  void write(Rows& rows, std::span<Cell> out) const override {
    node_of<Cell>(choices_[0]).write(rows, out);
    for (std::size_t c = 1; c < choices_.size(); ++c) {
      const auto cells = node_of<Cell>(choices_[c]).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (is_missing(out[row])) out[row] = cells[row];
      }
    }
  }

 private:
  const std::vector<NodePtr> choices_;
};

// The value beside the first condition that holds; a missing one doesn't.
template <typename Cell>
class Case final : public NodeOf<Cell> {
 public:
  // `otherwise` may be null: missing.
  Case(std::vector<std::pair<NodePtr, NodePtr>> branches, NodePtr otherwise)
      : branches_(std::move(branches)), otherwise_(std::move(otherwise)) {}
  void write(Rows& rows, std::span<Cell> out) const override {
    if (otherwise_ == nullptr) {
      std::ranges::fill(out, missing<Cell>());
    } else {
      node_of<Cell>(otherwise_).write(rows, out);
    }
    for (auto branch = branches_.rbegin(); branch != branches_.rend(); ++branch) {
      const auto holds = node_of<double>(branch->first).cells(rows);
      const auto cells = node_of<Cell>(branch->second).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (!is_missing(holds[row]) && holds[row] != 0) out[row] = cells[row];
      }
    }
  }

 private:
  const std::vector<std::pair<NodePtr, NodePtr>> branches_;
  const NodePtr otherwise_;
};

// x in (a, b, ...), as SQL has it: missing when x is, or when none is equal and one is missing.
template <typename Cell>
class In final : public NodeOf<double> {
 public:
  In(NodePtr of, std::vector<NodePtr> list) : of_(std::move(of)), list_(std::move(list)) {}
  void write(Rows& rows, std::span<double> out) const override {
    const auto cells = node_of<Cell>(of_).cells(rows);
    std::ranges::fill(out, 0.0);
    for (const NodePtr& item : list_) {
      const auto others = node_of<Cell>(item).cells(rows);
      for (std::size_t row = 0; row < out.size(); ++row) {
        if (out[row] == 1) continue;
        if (is_missing(cells[row]) || is_missing(others[row])) {
          out[row] = missing<double>();
        } else if (cells[row] == others[row]) {
          out[row] = 1;
        }
      }
    }
  }

 private:
  const NodePtr of_;
  const std::vector<NodePtr> list_;
};

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
  const std::set<std::size_t>& used() const { return used_; }

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
    if (fits(argument.value.type, type)) return {};
    return wrong(argument.place, fmt::format("expected a {}, got a {}", value_type_name(type),
                                             value_type_name(argument.value.type)));
  }
  // The one type of all: a condition among numbers is a number.
  Result<ValueType> common_type(std::span<const Argument> arguments) const {
    ValueType type = arguments[0].value.type;
    for (const Argument& argument : arguments.subspan(1)) {
      if (fits(type, argument.value.type)) type = argument.value.type;
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
                      const std::vector<Argument>& arguments) const {
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
        return !fits(arguments[i].value.type, candidate->parameters[i]);
      });
      if (candidates.empty()) {
        return wrong(arguments[i].place, fmt::format("expected {}, got a {}", either(expected),
                                                     value_type_name(arguments[i].value.type)));
      }
    }
    std::vector<Typed> values;
    for (const Argument& argument : arguments) values.push_back(argument.value);
    auto node = candidates[0]->make(values);
    if (const auto* misuse = std::get_if<Misuse>(&node))
      return wrong(arguments[misuse->argument].place, misuse->what);
    return made(std::get<NodePtr>(std::move(node)), candidates[0]->result, arguments);
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
    if (fits(left.value.type, right.value.type) || fits(right.value.type, left.value.type))
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
    std::string known;
    for (const NamedColumn& column : columns_) known += (known.empty() ? "" : ", ") + column.name;
    return wrong(start, fmt::format("unknown column '{}' (there are: {})", name, known));
  }

  static Typed constant(double number, ValueType type) {
    return {std::make_shared<Constant<double>>(number), type, 1, std::nullopt};
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
    return made(std::move(node), type, all);
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
    return made(std::move(node), type, arguments);
  }

  const std::string_view text_;
  const std::vector<NamedColumn>& columns_;
  std::set<std::size_t> used_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Adds the cells to a column of their type.
void append(types::Column& column, std::span<const std::string_view> cells) {
  for (const std::string_view cell : cells)
    is_missing(cell) ? column.append_null() : column.append_string(std::string(cell));
}
void append(types::Column& column, std::span<const types::Timestamp> cells) {
  for (const types::Timestamp cell : cells)
    is_missing(cell) ? column.append_null() : column.append_int(cell.micros);
}

// Numbers are written where they stay.
types::Column number_column(const NodeOf<double>& node, Rows& block, std::size_t rows) {
  types::Column out = types::Column::of_type("", types::ColumnType::kDouble);
  out.doubles.resize(rows);
  for (std::size_t from = 0; from < rows; from += Rows::kBlock) {
    block.move_to(from, std::min(Rows::kBlock, rows - from));
    const std::span<double> cells(out.doubles.data() + from, block.size());
    node.write(block, cells);
    if (out.valid.empty() && std::ranges::any_of(cells, [](double x) { return is_missing(x); }))
      out.valid.assign(rows, 1);
    for (std::size_t row = 0; row < cells.size() && !out.valid.empty(); ++row) {
      if (is_missing(cells[row])) out.valid[from + row] = 0;
    }
  }
  return out;
}

Value value_from(double cell) { return is_missing(cell) ? Value() : Value(cell); }
Value value_from(std::string_view cell) {
  return is_missing(cell) ? Value() : Value(std::string(cell));
}
Value value_from(types::Timestamp cell) { return is_missing(cell) ? Value() : Value(cell); }

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

Value Expression::evaluate(std::span<const Value> row) const {
  Rows block(row);
  return with_cell(type_, [&]<typename Cell>(Cell cell) {
    node_of<Cell>(root_).write(block, std::span(&cell, 1));
    return value_from(cell);
  });
}

types::Column Expression::evaluate(std::span<const types::Column* const> columns,
                                   std::size_t rows) const {
  Rows block(columns);
  return with_cell(type_, [&]<typename Cell>(Cell) {
    if constexpr (std::is_same_v<Cell, double>) {
      return number_column(node_of<double>(root_), block, rows);
    } else {
      types::Column out = types::Column::of_type("", column_type(type_));
      out.reserve(rows);
      for (std::size_t from = 0; from < rows; from += Rows::kBlock) {
        block.move_to(from, std::min(Rows::kBlock, rows - from));
        append(out, node_of<Cell>(root_).cells(block));
      }
      return out;
    }
  });
}

}  // namespace slipway::features
