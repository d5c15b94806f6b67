#include "kubeflow/cel.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace slipway::kubeflow {
namespace {

constexpr std::size_t kNestingMax = 40;

struct Operand {
  ParameterType type = ParameterType::kText;
  std::string text;
};

bool is_number(ParameterType type) {
  return type == ParameterType::kInteger || type == ParameterType::kNumber;
}

class Translator {
 public:
  Translator(std::string_view text,
             const std::function<Result<ConditionInput>(const std::string&)>& input_of)
      : text_(text), input_of_(input_of) {}

  Result<std::string> translate() {
    std::string condition = TRY(either(0));
    skip_spaces();
    if (at_ < text_.size()) return fail("expected &&, || or the end");
    return condition;
  }

 private:
  template <typename... Args>
  Error fail(fmt::format_string<Args...> format, Args&&... args) const {
    return base::error(Code::kInvalidArgument, "{} at position {} of the condition: {}",
                       fmt::format(format, std::forward<Args>(args)...), at_ + 1, text_);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }
  bool take(std::string_view token) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  Result<std::string> either(std::size_t depth) {
    std::string left = TRY(all(depth));
    while (take("||")) left = fmt::format("({} or {})", left, TRY(all(depth)));
    return left;
  }

  Result<std::string> all(std::size_t depth) {
    std::string left = TRY(one(depth));
    while (take("&&")) left = fmt::format("({} and {})", left, TRY(one(depth)));
    return left;
  }

  Result<std::string> one(std::size_t depth) {
    if (depth == kNestingMax) return fail("too many parentheses in each other");
    skip_spaces();
    if (text_.substr(at_, 1) == "!" && text_.substr(at_, 2) != "!=") {
      ++at_;
      return fmt::format("not ({})", TRY(one(depth + 1)));
    }
    if (take("(")) {
      std::string inner = TRY(either(depth + 1));
      if (!take(")")) return fail("expected )");
      return inner;
    }
    return comparison();
  }

  Result<std::string> comparison() {
    const Operand left = TRY(operand());
    constexpr std::array<std::string_view, 6> kOrders = {"==", "!=", "<=", ">=", "<", ">"};
    for (const std::string_view order : kOrders) {
      if (!take(order)) continue;
      const Operand right = TRY(operand());
      return compare(left, order, right);
    }
    return fail("expected ==, !=, <, <=, > or >=");
  }

  Result<std::string> compare(const Operand& left, std::string_view order, const Operand& right) {
    const bool are_numbers = is_number(left.type) && is_number(right.type);
    if (!are_numbers && left.type != right.type)
      return fail("{} and {} can't be compared", name_of(left.type), name_of(right.type));
    if (!are_numbers && order != "==" && order != "!=")
      return fail("{} has an order of numbers only, here: {}", order, name_of(left.type));
    if (left.type == ParameterType::kText) {
      const std::string same = fmt::format("{} is {}", left.text, right.text);
      return order == "==" ? same : fmt::format("not ({})", same);
    }
    if (!are_numbers && left.type != ParameterType::kBoolean)
      return fail("values of type {} can't be compared", name_of(left.type));
    return fmt::format("{} {} {}", left.text, order, right.text);
  }

  Result<Operand> operand() {
    skip_spaces();
    if (at_ == text_.size()) return fail("expected a value");
    if (text_[at_] == '\'' || text_[at_] == '"') {
      auto literal = text_literal(TRY(quoted()));
      if (!literal) return fail("{}", literal.error().message);
      return Operand{.type = ParameterType::kText, .text = std::move(*literal)};
    }
    if (take("inputs.parameter_values[") || take("inputs.parameters[")) {
      const std::string name = TRY(quoted());
      if (!take("]")) return fail("expected ]");
      ConditionInput input = TRY(input_of_(name));
      return Operand{.type = input.type, .text = std::move(input.operand)};
    }
    if (take("int(")) return converted(ParameterType::kInteger);
    if (take("double(")) return converted(ParameterType::kNumber);
    if (take("true")) return Operand{.type = ParameterType::kBoolean, .text = "true"};
    if (take("false")) return Operand{.type = ParameterType::kBoolean, .text = "false"};
    return number();
  }

  // int() of what isn't a whole number would change it.
  Result<Operand> converted(ParameterType type) {
    Operand inner = TRY(operand());
    if (!take(")")) return fail("expected )");
    if (!is_number(inner.type) ||
        (type == ParameterType::kInteger && inner.type != ParameterType::kInteger))
      return fail("{} can't be made {} here", name_of(inner.type), name_of(type));
    inner.type = type;
    return inner;
  }

  Result<Operand> number() {
    double value = 0;
    const char* const from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, text_.data() + text_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return fail("expected a value");
    const std::string_view written(from, static_cast<std::size_t>(end - from));
    at_ += written.size();
    const bool is_whole = written.find_first_of(".eE") == std::string_view::npos;
    return Operand{.type = is_whole ? ParameterType::kInteger : ParameterType::kNumber,
                   .text = std::string(written)};
  }

  Result<std::string> quoted() {
    skip_spaces();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return fail("expected a text in quotes");
    const char quote = text_[at_++];
    std::string text;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] != '\\') {
        text += text_[at_];
        continue;
      }
      ++at_;
      constexpr std::string_view kEscapes = "\\'\"nt", kMean = "\\'\"\n\t";
      const std::size_t known =
          at_ < text_.size() ? kEscapes.find(text_[at_]) : std::string_view::npos;
      if (known == std::string_view::npos) return fail("an escape that is not known here");
      text += kMean[known];
    }
    if (at_ == text_.size()) return fail("a text that doesn't end");
    ++at_;
    return text;
  }

  const std::string_view text_;
  const std::function<Result<ConditionInput>(const std::string&)>& input_of_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::string> text_literal(std::string_view text) {
  for (const char quote : {'\'', '"'}) {
    if (text.find(quote) == std::string_view::npos)
      return fmt::format("{}{}{}", quote, text, quote);
  }
  return base::error(Code::kInvalidArgument, "a text with quotes of both kinds can't be compared");
}

Result<std::string> translate_condition(
    std::string_view cel,
    const std::function<Result<ConditionInput>(const std::string& name)>& input_of) {
  return Translator(cel, input_of).translate();
}

}  // namespace slipway::kubeflow
