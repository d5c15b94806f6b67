// Operators that calculate value by value.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "serving/onnx/numbers.h"
#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

bool side_by_side(const std::vector<Register>& registers) {
  for (std::size_t i = 1; i < registers.size(); ++i) {
    if (registers[i] != registers[0] + i) return false;
  }
  return true;
}

// What one operand of an operator is, by output column: registers, or constants.
template <typename T>
class Operand {
 public:
  Operand(const Call& call, const Value& value, const std::vector<std::uint32_t>& columns)
      : is_constant_(value.is_constant) {
    for (const std::uint32_t column : columns) {
      if (is_constant_) {
        constants_.push_back(call.compiler.constant_at<T>(value, column));
      } else {
        registers_.push_back(value.columns[column]);
      }
    }
    is_array_ = side_by_side(registers_);
  }

  // All columns of the block as one array; null: they aren't.
  const T* array(Frame& frame) const {
    if (is_constant_) return frame.rows() == 1 ? constants_.data() : nullptr;
    return is_array_ && !registers_.empty() ? frame.column<T>(registers_[0]) : nullptr;
  }
  // One column: a value for each row, `step` apart.
  const T* column(Frame& frame, std::size_t at) const {
    return is_constant_ ? &constants_[at] : frame.column<T>(registers_[at]);
  }
  std::size_t step() const { return is_constant_ ? 0 : 1; }
  std::size_t bytes() const {
    return constants_.size() * sizeof(T) + registers_.size() * sizeof(Register);
  }

 private:
  bool is_constant_, is_array_ = false;
  std::vector<Register> registers_;
  std::vector<T> constants_;
};

template <typename T, typename Out, typename Act>
void each(const T* a, Out* out, std::size_t count, Act act) {
  for (std::size_t i = 0; i < count; ++i) out[i] = act(a[i]);
}

template <typename T, typename Out, typename Act>
void each(const T* a, std::size_t step_a, const T* b, std::size_t step_b, Out* out,
          std::size_t count, Act act) {
  if (step_a == 1 && step_b == 1) {
    for (std::size_t i = 0; i < count; ++i) out[i] = act(a[i], b[i]);
  } else if (step_a == 1) {
    for (std::size_t i = 0; i < count; ++i) out[i] = act(a[i], *b);
  } else {
    for (std::size_t i = 0; i < count; ++i) out[i] = act(*a, b[i * step_b]);
  }
}

template <typename T, typename Out, typename Act>
Result<Values> unary_as(const Call& call, ElementType type, Act act) {
  const Value& value = call.input(0);
  Value out{.type = type, .dims = value.dims, .columns = {}};
  out.columns = TRY(call.compiler.registers(type, value.columns.size()));
  call.compiler.add(
      [in = value.columns, to = out.columns, act,
       is_array = side_by_side(value.columns)](Frame& frame) {
        if (in.empty()) return;
        if (is_array) {
          return each(frame.column<T>(in[0]), frame.column<Out>(to[0]), in.size() * frame.rows(),
                      act);
        }
        for (std::size_t c = 0; c < in.size(); ++c)
          each(frame.column<T>(in[c]), frame.column<Out>(to[c]), frame.rows(), act);
      },
      2 * value.columns.size() * sizeof(Register));
  return one(std::move(out));
}

template <typename T, typename Out, typename Act>
Result<Value> binary_as(const Call& call, const Value& a, const Value& b, ElementType type,
                        Act act) {
  const Value* const operands[] = {&a, &b};
  Meeting meeting = TRY(meet(call, operands));
  Value out{.type = type, .dims = std::move(meeting.dims), .columns = {}};
  out.columns = TRY(call.compiler.registers(type, meeting.columns[0].size()));
  Operand<T> left(call, a, meeting.columns[0]), right(call, b, meeting.columns[1]);
  const std::size_t bytes = left.bytes() + right.bytes();
  call.compiler.add(
      [left = std::move(left), right = std::move(right), to = out.columns, act](Frame& frame) {
        if (to.empty()) return;
        const std::size_t rows = frame.rows();
        const T *lefts = left.array(frame), *rights = right.array(frame);
        if (lefts != nullptr && rights != nullptr)
          return each(lefts, 1, rights, 1, frame.column<Out>(to[0]), to.size() * rows, act);
        for (std::size_t c = 0; c < to.size(); ++c)
          each(left.column(frame, c), left.step(), right.column(frame, c), right.step(),
               frame.column<Out>(to[c]), rows, act);
      },
      bytes);
  return out;
}

template <typename Act>
Result<Values> on_floats(const Call& call, Act act) {
  TRY(call.expect_calculated());
  const ElementType type = call.input(0).type;
  if (type == ElementType::kFloat) return unary_as<float, float>(call, type, act);
  if (type == ElementType::kDouble) return unary_as<double, double>(call, type, act);
  return call.unsupported(fmt::format("of {}", element_name(type)));
}

template <typename Act>
Result<Values> on_numbers(const Call& call, Act act) {
  TRY(call.expect_calculated());
  const ElementType type = call.input(0).type;
  if (is_whole(type)) return unary_as<std::int64_t, std::int64_t>(call, type, act);
  return on_floats(call, act);
}

// `act` gives what it gets, or with `truth` whether something is so.
template <typename Act>
Result<Value> binary(const Call& call, const Value& a, const Value& b, Act act) {
  if (a.type != b.type) return call.unsupported("of different types");
  if (a.type == ElementType::kFloat) return binary_as<float, float>(call, a, b, a.type, act);
  if (a.type == ElementType::kDouble) return binary_as<double, double>(call, a, b, a.type, act);
  if (is_whole(a.type)) return binary_as<std::int64_t, std::int64_t>(call, a, b, a.type, act);
  return call.unsupported(fmt::format("of {}", element_name(a.type)));
}

template <typename Act>
Result<Values> arithmetic(const Call& call, Act act) {
  TRY(call.expect_inputs(2));
  return one(TRY(binary(call, call.input(0), call.input(1), act)));
}

// Of any number of inputs, from the left.
template <typename Act>
Result<Values> folded(const Call& call, Act act) {
  TRY(call.expect_inputs(std::max<std::size_t>(1, call.inputs.size())));
  Value sum = call.input(0);
  for (std::size_t i = 1; i < call.inputs.size(); ++i)
    sum = TRY(binary(call, sum, call.input(i), act));
  return one(std::move(sum));
}

template <typename Act>
Result<Values> comparison(const Call& call, Act act) {
  TRY(call.expect_inputs(2));
  const Value &a = call.input(0), &b = call.input(1);
  if (a.type != b.type) return call.unsupported("of different types");
  return with_type(a.type, [&]<typename T>(T) -> Result<Values> {
    return one(TRY((binary_as<T, std::int64_t>(
        call, a, b, ElementType::kBool,
        [act](const auto& left, const auto& right) { return std::int64_t{act(left, right)}; }))));
  });
}

template <typename Act>
Result<Values> logic(const Call& call, Act act) {
  TRY(call.expect_inputs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    if (call.input(i).type != ElementType::kBool) return call.unsupported("of numbers");
  }
  return one(TRY((binary_as<std::int64_t, std::int64_t>(call, call.input(0), call.input(1),
                                                        ElementType::kBool, act))));
}

Result<Values> power(const Call& call) {
  TRY(call.expect_inputs(2));
  const Value& base = call.input(0);
  const Value& exponent = call.input(1);
  if (!is_float(base.type)) return call.unsupported(fmt::format("of {}", element_name(base.type)));
  // The square, which is what exporters mean most of the time.
  if (exponent.is_constant && exponent.columns.size() == 1 && exponent.type == base.type) {
    if (call.constant_number(exponent, 0) == 2 && base.dims.size() >= exponent.dims.size())
      return on_floats(call, [](auto x) { return x * x; });
  }
  const Value same = TRY(converted(call, exponent, base.type));
  return one(TRY(binary(call, base, same,
                        [](auto a, auto b) { return static_cast<decltype(a)>(std::pow(a, b)); })));
}

Result<Values> where(const Call& call) {
  TRY(call.expect_inputs(3));
  const Value &condition = call.input(0), &yes = call.input(1), &no = call.input(2);
  if (condition.type != ElementType::kBool || yes.type != no.type)
    return call.unsupported("of these types");
  const Value* const operands[] = {&condition, &yes, &no};
  Meeting meeting = TRY(meet(call, operands));
  Value out{.type = yes.type, .dims = std::move(meeting.dims), .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, meeting.columns[0].size()));
  with_type(yes.type, [&]<typename T>(T) {
    Operand<std::int64_t> when(call, condition, meeting.columns[0]);
    Operand<T> left(call, yes, meeting.columns[1]), right(call, no, meeting.columns[2]);
    const std::size_t bytes = when.bytes() + left.bytes() + right.bytes();
    call.compiler.add(
        [when = std::move(when), left = std::move(left), right = std::move(right),
         to = out.columns](Frame& frame) {
          for (std::size_t c = 0; c < to.size(); ++c) {
            T* out = frame.column<T>(to[c]);
            const std::int64_t* is = when.column(frame, c);
            const T *a = left.column(frame, c), *b = right.column(frame, c);
            for (std::size_t r = 0; r < frame.rows(); ++r)
              out[r] = is[r * when.step()] != 0 ? a[r * left.step()] : b[r * right.step()];
          }
        },
        bytes);
  });
  return one(std::move(out));
}

// The one value of an attribute or of the input that took its place; nothing: neither is there.
Result<std::optional<double>> bound_of(const Call& call, std::string_view name, std::size_t at) {
  using Bound = std::optional<double>;
  if (!call.has(at)) {
    return call.node.find(name) == nullptr ? Bound() : Bound(call.number(name, 0));
  }
  const Value& value = call.input(at);
  if (!value.is_constant || value.columns.size() != 1 || !is_float(value.type))
    return call.unsupported("its bounds are not constants");
  return Bound(call.constant_number(value, 0));
}

Result<Values> clip(const Call& call) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double low = TRY(bound_of(call, "min", 1)).value_or(-infinity),
               high = TRY(bound_of(call, "max", 2)).value_or(infinity);
  return on_floats(call, [low, high](auto x) {
    using T = decltype(x);
    if (x < static_cast<T>(low)) x = static_cast<T>(low);
    return x > static_cast<T>(high) ? static_cast<T>(high) : x;
  });
}

Result<Values> binarizer(const Call& call) {
  const double threshold = call.number("threshold", 0);
  return on_numbers(call, [threshold](auto x) {
    using T = decltype(x);
    return static_cast<double>(x) > threshold ? T{1} : T{0};
  });
}

Result<Values> is_nan(const Call& call) {
  TRY(call.expect_calculated());
  const auto act = [](auto x) { return std::int64_t{x != x}; };
  if (call.input(0).type == ElementType::kFloat)
    return unary_as<float, std::int64_t>(call, ElementType::kBool, act);
  if (call.input(0).type == ElementType::kDouble)
    return unary_as<double, std::int64_t>(call, ElementType::kBool, act);
  return call.unsupported("of whole numbers");
}

Result<Values> negation(const Call& call) {
  TRY(call.expect_calculated());
  if (call.input(0).type != ElementType::kBool) return call.unsupported("of numbers");
  return unary_as<std::int64_t, std::int64_t>(call, ElementType::kBool,
                                              [](std::int64_t x) { return std::int64_t{x == 0}; });
}

Result<Values> leaky_relu(const Call& call) {
  const double alpha = call.number("alpha", 0.01);
  return on_floats(call, [alpha](auto x) {
    using T = decltype(x);
    return x >= 0 ? x : static_cast<T>(alpha) * x;
  });
}

// ---- from one type to another

template <typename T>
std::int64_t to_whole(T x) {
  // What the processor makes of numbers that do not fit.
  if (!(x >= T(-9223372036854775808.0) && x < T(9223372036854775808.0)))
    return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(x);
}

template <typename From>
std::string_view written(Frame& frame, From x) {
  char buffer[64];
  if constexpr (std::is_same_v<From, std::int64_t>) {
    const auto end = std::to_chars(std::begin(buffer), std::end(buffer), x).ptr;
    return frame.keep({buffer, static_cast<std::size_t>(end - buffer)});
  } else {
    if (std::isnan(x)) return "NaN";
    if (std::isinf(x)) return x < 0 ? "-INF" : "INF";
    const int digits = std::is_same_v<From, float> ? 8 : 16;
    const int size = std::snprintf(buffer, sizeof buffer, "%.*g", digits, static_cast<double>(x));
    return frame.keep({buffer, static_cast<std::size_t>(size)});
  }
}

template <typename To>
To read_number(Frame& frame, std::string_view text) {
  double number = 0;
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size()) {
    frame.fail(base::error(Code::kInvalidArgument, "the model reads a number out of a text: \"{}\"",
                           text.substr(0, 60)));
    return To{};
  }
  if constexpr (std::is_same_v<To, std::int64_t>) {
    return to_whole(number);
  } else {
    return static_cast<To>(number);
  }
}

template <typename From, typename To>
void convert(Frame& frame, const From* from, To* to, std::size_t rows, ElementType type) {
  for (std::size_t r = 0; r < rows; ++r) {
    if constexpr (std::is_same_v<From, To>) {
      to[r] = from[r];
      if constexpr (std::is_same_v<To, std::int64_t>) {
        if (type == ElementType::kBool) to[r] = from[r] != 0;
        if (type == ElementType::kInt32) to[r] = static_cast<std::int32_t>(from[r]);
      }
    } else if constexpr (std::is_same_v<To, std::string_view>) {
      to[r] = written(frame, from[r]);
    } else if constexpr (std::is_same_v<From, std::string_view>) {
      to[r] = read_number<To>(frame, from[r]);
    } else if constexpr (std::is_same_v<To, std::int64_t>) {
      to[r] = type == ElementType::kBool ? std::int64_t{from[r] != 0} : to_whole(from[r]);
      if (type == ElementType::kInt32) to[r] = static_cast<std::int32_t>(to[r]);
    } else {
      to[r] = static_cast<To>(from[r]);
    }
  }
}

Result<Values> cast(const Call& call) {
  TRY(call.expect_inputs(1));
  const auto type = static_cast<ElementType>(call.integer("to", 0));
  if (type != ElementType::kFloat && type != ElementType::kDouble && !is_whole(type) &&
      type != ElementType::kBool && type != ElementType::kString)
    return call.unsupported(fmt::format("to {}", element_name(type)));
  return one(TRY(converted(call, call.input(0), type)));
}

template <typename Act>
constexpr Operator of_floats(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return on_floats(call, Act()); }};
}
template <typename Act>
constexpr Operator of_numbers(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return on_numbers(call, Act()); }};
}
template <typename Act>
constexpr Operator of_two(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return arithmetic(call, Act()); }};
}
template <typename Act>
constexpr Operator of_many(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return folded(call, Act()); }};
}
template <typename Act>
constexpr Operator compares(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return comparison(call, Act()); }};
}
template <typename Act>
constexpr Operator decides(std::string_view name, Act) {
  return {"", name, [](const Call& call) { return logic(call, Act()); }};
}
constexpr Operator kOperators[] = {
    of_two("Add", Plus()),
    of_two("Sub", Minus()),
    of_two("Mul", Times()),
    of_two("Div", Over()),
    of_many("Sum", Plus()),
    of_many("Min", Smaller()),
    of_many("Max", Larger()),
    {"", "Pow", power},
    of_numbers("Neg",
               [](auto x) {
                 if constexpr (std::is_integral_v<decltype(x)>) {
                   return Minus()(decltype(x){0}, x);
                 } else {
                   return -x;
                 }
               }),
    of_numbers("Abs",
               [](auto x) {
                 if constexpr (std::is_integral_v<decltype(x)>) {
                   return kMagnitude(x);
                 } else {
                   return std::abs(x);
                 }
               }),
    of_numbers("Sign", [](auto x) { return static_cast<decltype(x)>((x > 0) - (x < 0)); }),
    of_floats("Exp", [](auto x) { return std::exp(x); }),
    of_floats("Log", [](auto x) { return std::log(x); }),
    of_floats("Sqrt", [](auto x) { return std::sqrt(x); }),
    of_floats("Reciprocal", [](auto x) { return 1 / x; }),
    of_floats("Floor", [](auto x) { return std::floor(x); }),
    of_floats("Ceil", [](auto x) { return std::ceil(x); }),
    of_floats("Round", [](auto x) { return std::nearbyint(x); }),
    of_floats("Erf", [](auto x) { return std::erf(x); }),
    of_floats("Tanh", [](auto x) { return std::tanh(x); }),
    of_floats("Sigmoid", [](auto x) { return logistic(x); }),
    of_floats(
        "Softplus",
        [](auto x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }),
    of_numbers("Relu", [](auto x) { return x < 0 ? decltype(x){0} : x; }),
    {"", "LeakyRelu", leaky_relu},
    {"", "Clip", clip},
    {"", "IsNaN", is_nan},
    {"", "Not", negation},
    {"", "Where", where},
    {"", "Cast", cast},
    compares("Equal", [](const auto& a, const auto& b) { return a == b; }),
    compares("Less", [](const auto& a, const auto& b) { return a < b; }),
    compares("LessOrEqual", [](const auto& a, const auto& b) { return a <= b; }),
    compares("Greater", [](const auto& a, const auto& b) { return a > b; }),
    compares("GreaterOrEqual", [](const auto& a, const auto& b) { return a >= b; }),
    decides("And", [](std::int64_t a, std::int64_t b) { return a & b; }),
    decides("Or", [](std::int64_t a, std::int64_t b) { return a | b; }),
    decides("Xor", [](std::int64_t a, std::int64_t b) { return a ^ b; }),
    {"ai.onnx.ml", "Binarizer", binarizer},
};

}  // namespace

std::span<const Operator> elementwise_operators() { return kOperators; }

Result<Value> sum_of(const Call& call, const Value& a, const Value& b) {
  return binary(call, a, b, Plus());
}

Result<Value> converted(const Call& call, const Value& value, ElementType type) {
  if (value.type == type) return call.compiler.in_registers(value);
  Value out{.type = type, .dims = value.dims, .columns = {}};
  const Value from = TRY(call.compiler.in_registers(value));
  // int32 and booleans are kept as int64: more room needs no step.
  if (type == ElementType::kInt64 &&
      (value.type == ElementType::kInt32 || value.type == ElementType::kBool)) {
    out.columns = from.columns;
    return out;
  }
  out.columns = TRY(call.compiler.registers(type, from.columns.size()));
  with_type(value.type, [&]<typename From>(From) {
    with_type(type, [&]<typename To>(To) {
      call.compiler.add(
          [in = from.columns, to = out.columns, type](Frame& frame) {
            for (std::size_t c = 0; c < in.size(); ++c)
              convert(frame, frame.column<From>(in[c]), frame.column<To>(to[c]), frame.rows(),
                      type);
          },
          2 * from.columns.size() * sizeof(Register));
    });
  });
  return out;
}

}  // namespace slipway::serving::onnx
