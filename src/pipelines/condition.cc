#include "pipelines/condition.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "pipelines/json_path.h"
#include "pipelines/names.h"

namespace slipway::pipelines {
namespace {

constexpr std::size_t kNestingMax = 50, kComparisonsMax = 100;
constexpr std::string_view kOrders[] = {"==", "!=", "<", "<=", ">", ">=", "is"};

std::optional<double> find_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.+-").find(c) != std::string_view::npos;
}

}  // namespace

class ConditionParser {
 public:
  explicit ConditionParser(std::string_view text) : text_(text) {}

  Result<Condition> parse() {
    TRY(either(0));
    skip_spaces();
    if (at_ < text_.size()) return fail("expected and, or, or the end");
    return std::move(made_);
  }

  Result<ConditionOperand> parse_reference() {
    if (!text_.starts_with('{')) return fail("expected a reference in braces");
    ConditionOperand operand = TRY(reference());
    if (at_ < text_.size()) return fail("expected the end");
    return operand;
  }

 private:
  using Kind = Condition::Kind;
  using Order = Condition::Order;

  Error fail(std::string_view what) const {
    return base::error(Code::kInvalidArgument, "{} at position {} of the condition: {}", what,
                       at_ + 1, text_);
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  std::string_view peek_word() {
    skip_spaces();
    std::size_t end = at_;
    while (end < text_.size() && is_of_word(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }
  bool take_word(std::string_view word) {
    if (peek_word() != word) return false;
    at_ += word.size();
    return true;
  }
  std::size_t add(Condition::Node node) {
    made_.nodes_.push_back(node);
    return made_.nodes_.size() - 1;
  }

  Result<std::size_t> either(std::size_t depth) {
    std::size_t left = TRY(all(depth));
    while (take_word("or")) {
      const std::size_t right = TRY(all(depth));
      left = add({.kind = Kind::kOr, .left = left, .right = right});
    }
    return left;
  }

  Result<std::size_t> all(std::size_t depth) {
    std::size_t left = TRY(one(depth));
    while (take_word("and")) {
      const std::size_t right = TRY(one(depth));
      left = add({.kind = Kind::kAnd, .left = left, .right = right});
    }
    return left;
  }

  Result<std::size_t> one(std::size_t depth) {
    if (depth == kNestingMax) return fail("too many parentheses and nots in each other");
    if (take_word("not")) {
      const std::size_t negated = TRY(one(depth + 1));
      return add({.kind = Kind::kNot, .left = negated});
    }
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      const std::size_t inner = TRY(either(depth + 1));
      skip_spaces();
      if (at_ == text_.size() || text_[at_] != ')') return fail("expected )");
      ++at_;
      return inner;
    }
    if (made_.operands_.size() == 2 * kComparisonsMax) return fail("too many comparisons");
    const std::size_t left = TRY(operand());
    const Order order = TRY(comparison());
    const std::size_t right = TRY(operand());
    return add({.kind = Kind::kCompare, .order = order, .left = left, .right = right});
  }

  Result<Order> comparison() {
    if (take_word("is")) return Order::kIs;
    for (const std::size_t length : {std::size_t{2}, std::size_t{1}}) {
      const auto found =
          std::find(std::begin(kOrders), std::end(kOrders), text_.substr(at_, length));
      if (found == std::end(kOrders) || found->size() != length || *found == "is") continue;
      at_ += length;
      return static_cast<Order>(found - std::begin(kOrders));
    }
    return fail("expected ==, !=, <, <=, >, >= or is");
  }

  Result<std::size_t> operand() {
    skip_spaces();
    if (at_ == text_.size()) return fail("expected a value");
    const char first = text_[at_];
    ConditionOperand operand;
    if (first == '\'' || first == '"') {
      const std::size_t end = text_.find(first, at_ + 1);
      if (end == std::string_view::npos) return fail("a text that doesn't end");
      operand.text = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else if (first == '{') {
      operand = TRY(reference());
    } else {
      const std::string_view word = peek_word();
      if (word != "true" && word != "false" && !find_number(word)) {
        return fail("expected a number, a text in quotes, true, false or a reference in braces");
      }
      operand.text = word;
      at_ += word.size();
    }
    made_.operands_.push_back(std::move(operand));
    return made_.operands_.size() - 1;
  }

  Result<ConditionOperand> reference() {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return fail("a reference that doesn't end");
    const std::string_view inner = text_.substr(at_ + 1, end - at_ - 1);
    ConditionOperand operand{.text = std::string(text_.substr(at_, end + 1 - at_))};
    const std::size_t slash = inner.find('/');
    if (inner == "run.state") {
      operand.kind = ConditionOperand::Kind::kRunState;
    } else if (slash == std::string_view::npos) {
      operand.kind = ConditionOperand::Kind::kParameter;
      operand.name = inner;
    } else {
      operand.kind = ConditionOperand::Kind::kOutput;
      operand.name = inner.substr(0, slash);
      const std::size_t hash = std::min(inner.find('#'), inner.size());
      if (hash < slash) return fail("a step's output is written {step/file#member}");
      operand.file = inner.substr(slash + 1, hash - slash - 1);
      if (!stays_inside(operand.file)) return fail("a file must stay below the step's outputs");
      if (hash < inner.size()) {
        operand.member = inner.substr(hash + 1);
        if (operand.member.empty()) return fail("no member is named after #");
      }
    }
    at_ = end + 1;
    return operand;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  Condition made_;
};

Result<Condition> Condition::parse(std::string_view text) { return ConditionParser(text).parse(); }

std::vector<ConditionOperand> Condition::references() const {
  std::vector<ConditionOperand> found;
  std::copy_if(operands_.begin(), operands_.end(), std::back_inserter(found),
               [](const auto& each) { return each.kind != ConditionOperand::Kind::kLiteral; });
  return found;
}

Result<Condition::Outcome> Condition::evaluate(const ConditionSources& sources) const {
  Outcome outcome;
  outcome.holds = TRY(holds(nodes_.size() - 1, sources, outcome.why));
  return outcome;
}

Result<bool> Condition::holds(std::size_t at, const ConditionSources& sources,
                              std::string& why) const {
  const Node& node = nodes_[at];
  switch (node.kind) {
    case Kind::kAnd:
      return TRY(holds(node.left, sources, why)) && TRY(holds(node.right, sources, why));
    case Kind::kOr:
      return TRY(holds(node.left, sources, why)) || TRY(holds(node.right, sources, why));
    case Kind::kNot:
      return !TRY(holds(node.left, sources, why));
    case Kind::kCompare:
      return compare(node, sources, why);
  }
  return false;
}

Result<bool> Condition::compare(const Node& node, const ConditionSources& sources,
                                std::string& why) const {
  const auto text_of = [&](const ConditionOperand& operand) -> Result<std::string> {
    switch (operand.kind) {
      case ConditionOperand::Kind::kLiteral:
        return operand.text;
      case ConditionOperand::Kind::kParameter:
        return sources.params.at(operand.name);
      case ConditionOperand::Kind::kOutput:
        return sources.output(operand);
      case ConditionOperand::Kind::kRunState:
        return sources.run_state();
    }
    return std::string();
  };
  const ConditionOperand &left = operands_[node.left], &right = operands_[node.right];
  const std::string a = TRY(text_of(left)), b = TRY(text_of(right));
  const std::string_view order = kOrders[static_cast<std::size_t>(node.order)];
  const auto shown = [](const ConditionOperand& operand, const std::string& value) {
    return operand.kind == ConditionOperand::Kind::kLiteral
               ? value
               : fmt::format("{} ({})", operand.text, value);
  };
  why += fmt::format("{}{} {} {}", why.empty() ? "" : ", ", shown(left, a), order, shown(right, b));
  const auto x = find_number(a), y = find_number(b);
  const bool are_numbers = x && y;
  switch (node.order) {
    case Order::kIs:
      return a == b;
    case Order::kEqual:
      return are_numbers ? *x == *y : a == b;
    case Order::kUnequal:
      return are_numbers ? *x != *y : a != b;
    case Order::kLess:
    case Order::kLessEqual:
    case Order::kMore:
    case Order::kMoreEqual:
      break;
  }
  if (!are_numbers)
    return base::error(Code::kFailedPrecondition, "{} needs two numbers: {}", order, why);
  if (node.order == Order::kLess) return *x < *y;
  if (node.order == Order::kLessEqual) return *x <= *y;
  return node.order == Order::kMore ? *x > *y : *x >= *y;
}

Result<ConditionOperand> parse_reference(std::string_view text) {
  return ConditionParser(text).parse_reference();
}

Result<std::string> json_value(std::string_view document, std::string_view member) {
  const Json root = TRY(base::parse_json(document));
  const Json* const found = find_member(root, member);
  if (found == nullptr) return base::error(Code::kNotFound, "no such member: {}", member);
  auto text = scalar_text(*found);
  if (text) return std::move(*text);
  return base::error(Code::kInvalidArgument, "it is no number, text, true or false: {}", member);
}

}  // namespace slipway::pipelines
