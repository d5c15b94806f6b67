// Operators that calculate with numbers: value by value, and over the columns of a row.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

Values one(Value value) {
  Values values;
  values.push_back(std::move(value));
  return values;
}

bool is_float(ElementType type) {
  return type == ElementType::kFloat || type == ElementType::kDouble;
}
bool is_whole(ElementType type) {
  return type == ElementType::kInt64 || type == ElementType::kInt32;
}

bool side_by_side(const std::vector<Register>& registers) {
  for (std::size_t i = 1; i < registers.size(); ++i) {
    if (registers[i] != registers[0] + i) return false;
  }
  return true;
}

// ---- value by value

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

// Whole numbers are kept as 64 bits; what they can't hold wraps or saturates, but is never
// undefined.
struct Plus {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    } else {
      return a + b;
    }
  }
};
struct Minus {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    } else {
      return a - b;
    }
  }
};
struct Times {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    } else {
      return a * b;
    }
  }
};
struct Over {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return 0;
      return b == -1 ? Minus()(T{0}, a) : a / b;
    } else {
      return a / b;
    }
  }
};
struct Smaller {
  template <typename T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || b < a ? b : a;
  }
};
struct Larger {
  template <typename T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || b > a ? b : a;
  }
};

template <typename T>
T logistic(T x) {
  const T v = 1 / (1 + std::exp(-std::abs(x)));
  return x < 0 ? 1 - v : v;
}

Result<Values> power(const Call& call) {
  TRY(call.expect_inputs(2));
  const Value& base = call.input(0);
  const Value& exponent = call.input(1);
  if (!is_float(base.type)) return call.unsupported(fmt::format("of {}", element_name(base.type)));
  // The square, which is what exporters mean most of the time.
  if (exponent.is_constant && exponent.columns.size() == 1 && exponent.type == base.type) {
    const double by = base.type == ElementType::kFloat
                          ? static_cast<double>(call.compiler.constant_at<float>(exponent, 0))
                          : call.compiler.constant_at<double>(exponent, 0);
    if (by == 2 && base.dims.size() >= exponent.dims.size())
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
  return value.type == ElementType::kFloat
             ? Bound(static_cast<double>(call.compiler.constant_at<float>(value, 0)))
             : Bound(call.compiler.constant_at<double>(value, 0));
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

// ---- over the columns of a row

// The columns of `value` that come together, by result: along `axes`.
struct Groups {
  std::vector<std::int64_t> dims;
  std::vector<std::vector<std::uint32_t>> columns;
};

Result<Groups> grouped(const Call& call, const Value& value, const std::vector<std::size_t>& axes,
                       bool keep) {
  std::vector<bool> together(value.dims.size());
  for (const std::size_t axis : axes) {
    if (value.dims[axis] == kRows) return call.unsupported("it goes along the rows");
    together[axis] = true;
  }
  Groups groups;
  std::vector<std::size_t> strides(value.dims.size());
  std::size_t count = 1;
  for (std::size_t d = value.dims.size(); d-- > 0;) {
    strides[d] = together[d] ? 0 : count;
    if (!together[d] && value.dims[d] != kRows) count *= static_cast<std::size_t>(value.dims[d]);
  }
  for (std::size_t d = 0; d < value.dims.size(); ++d) {
    if (!together[d]) {
      groups.dims.push_back(value.dims[d]);
    } else if (keep) {
      groups.dims.push_back(1);
    }
  }
  groups.columns.resize(count);
  std::vector<std::size_t> index(value.dims.size());
  for (const std::uint32_t column : value.columns) {
    std::size_t at = 0;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * strides[d];
    groups.columns[at].push_back(column);
    for (std::size_t d = index.size(); d-- > 0;) {
      if (++index[d] < (value.dims[d] == kRows ? 1 : static_cast<std::size_t>(value.dims[d])))
        break;
      index[d] = 0;
    }
  }
  return groups;
}

// Starts with `first(x)` of the first column, goes on with `next(so_far, x)`, ends with
// `last(so_far, count)`.
template <typename First, typename Next, typename Last>
Result<Values> reduced(const Call& call, First first, Next next, Last last) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  const auto wanted = TRY(call.integers("axes", 1));
  std::vector<std::size_t> axes;
  if (wanted) {
    for (const std::int64_t axis : *wanted) axes.push_back(TRY(call.axis(axis, value.dims.size())));
  }
  if (axes.empty() && call.integer("noop_with_empty_axes", 0) != 0) return one(value);
  if (axes.empty()) {
    for (std::size_t d = 0; d < value.dims.size(); ++d) axes.push_back(d);
  }
  Groups groups = TRY(grouped(call, value, axes, call.integer("keepdims", 1) != 0));
  if (value.columns.empty()) return call.unsupported("of nothing");
  Value out{.type = value.type, .dims = std::move(groups.dims), .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, groups.columns.size()));
  const auto add = [&]<typename T>(T) {
    call.compiler.add(
        [from = std::move(groups.columns), to = out.columns, first, next, last](Frame& frame) {
          const std::size_t rows = frame.rows();
          for (std::size_t g = 0; g < to.size(); ++g) {
            T* out = frame.column<T>(to[g]);
            const T* x = frame.column<T>(from[g][0]);
            for (std::size_t r = 0; r < rows; ++r) out[r] = first(x[r]);
            for (std::size_t c = 1; c < from[g].size(); ++c) {
              x = frame.column<T>(from[g][c]);
              for (std::size_t r = 0; r < rows; ++r) out[r] = next(out[r], x[r]);
            }
            const T count = static_cast<T>(from[g].size());
            for (std::size_t r = 0; r < rows; ++r) out[r] = last(out[r], count);
          }
        },
        value.columns.size() * sizeof(Register));
  };
  if (value.type == ElementType::kFloat) {
    add(float{});
  } else if (value.type == ElementType::kDouble) {
    add(double{});
  } else if (is_whole(value.type)) {
    add(std::int64_t{});
  } else {
    return call.unsupported(fmt::format("of {}", element_name(value.type)));
  }
  return one(std::move(out));
}

constexpr auto kSame = [](auto x) { return x; };
constexpr auto kAsIs = [](auto so_far, auto) { return so_far; };
constexpr auto kSquare = [](auto x) { return Times()(x, x); };
constexpr auto kPlusSquare = [](auto so_far, auto x) { return Plus()(so_far, Times()(x, x)); };
constexpr auto kRoot = [](auto so_far, auto) {
  return static_cast<decltype(so_far)>(std::sqrt(so_far));
};

Result<Values> reduce_log_sum_exp(const Call& call) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  if (!is_float(value.type)) return call.unsupported("of whole numbers");
  const auto wanted = TRY(call.integers("axes", 1));
  if (!wanted || wanted->empty()) return call.unsupported("it goes along the rows");
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : *wanted) axes.push_back(TRY(call.axis(axis, value.dims.size())));
  Groups groups = TRY(grouped(call, value, axes, call.integer("keepdims", 1) != 0));
  if (value.columns.empty()) return call.unsupported("of nothing");
  Value out{.type = value.type, .dims = std::move(groups.dims), .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, groups.columns.size()));
  with_type(value.type, [&]<typename T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      call.compiler.add([from = std::move(groups.columns), to = out.columns](Frame& frame) {
        for (std::size_t g = 0; g < to.size(); ++g) {
          T* out = frame.column<T>(to[g]);
          for (std::size_t r = 0; r < frame.rows(); ++r) {
            T largest = -std::numeric_limits<T>::infinity(), sum = 0;
            for (const Register at : from[g]) largest = std::max(largest, frame.column<T>(at)[r]);
            if (std::isinf(largest)) largest = 0;
            for (const Register at : from[g]) sum += std::exp(frame.column<T>(at)[r] - largest);
            out[r] = std::log(sum) + largest;
          }
        }
      });
    }
  });
  return one(std::move(out));
}

template <typename Better>
Result<Values> position_of(const Call& call, Better better) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  std::vector<std::size_t> axes;
  axes.push_back(TRY(call.axis(call.integer("axis", 0), value.dims.size())));
  Groups groups = TRY(grouped(call, value, axes, call.integer("keepdims", 1) != 0));
  if (value.columns.empty() || value.type == ElementType::kString ||
      value.type == ElementType::kBool)
    return call.unsupported("of these values");
  const bool last = call.integer("select_last_index", 0) != 0;
  Value out{.type = ElementType::kInt64, .dims = std::move(groups.dims), .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, groups.columns.size()));
  with_type(value.type, [&]<typename T>(T) {
    call.compiler.add(
        [from = std::move(groups.columns), to = out.columns, better, last](Frame& frame) {
          for (std::size_t g = 0; g < to.size(); ++g) {
            std::int64_t* out = frame.column<std::int64_t>(to[g]);
            for (std::size_t r = 0; r < frame.rows(); ++r) {
              T best = frame.column<T>(from[g][0])[r];
              out[r] = 0;
              for (std::size_t c = 1; c < from[g].size(); ++c) {
                const T x = frame.column<T>(from[g][c])[r];
                if (better(x, best) || (last && x == best)) {
                  best = x;
                  out[r] = static_cast<std::int64_t>(c);
                }
              }
            }
          }
        });
  });
  return one(std::move(out));
}

Result<Values> softmax_like(const Call& call, bool logarithm) {
  TRY(call.expect_calculated());
  const Value& value = call.input(0);
  if (!is_float(value.type)) return call.unsupported("of whole numbers");
  const std::size_t axis =
      TRY(call.axis(call.integer("axis", call.opset < 13 ? 1 : -1), value.dims.size()));
  std::vector<std::size_t> axes{axis};
  if (call.opset < 13) {  // over everything from there on
    for (std::size_t d = axis + 1; d < value.dims.size(); ++d) axes.push_back(d);
  }
  // The positions of the columns, group by group: what is written goes where it was read.
  Value positions = value;
  for (std::size_t c = 0; c < positions.columns.size(); ++c)
    positions.columns[c] = static_cast<std::uint32_t>(c);
  const Groups groups = TRY(grouped(call, positions, axes, true));
  Value out{.type = value.type, .dims = value.dims, .columns = {}};
  out.columns = TRY(call.compiler.registers(out.type, value.columns.size()));
  std::vector<std::vector<Register>> to;
  for (const auto& group : groups.columns) {
    std::vector<Register>& registers = to.emplace_back();
    for (const std::uint32_t position : group) registers.push_back(out.columns[position]);
  }
  with_type(value.type, [&]<typename T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      call.compiler.add([from = value.columns, into = out.columns](Frame& frame) {
        for (std::size_t c = 0; c < into.size(); ++c)
          std::copy_n(frame.column<T>(from[c]), frame.rows(), frame.column<T>(into[c]));
      });
      add_softmax<T>(call.compiler, std::move(to), logarithm);
    }
  });
  return one(std::move(out));
}

// ---- matrices

// Rows times a constant matrix of [features, outputs], and what is added to each output.
Result<Values> rows_times(const Call& call, const Value& rows, const Value& matrix, bool transposed,
                          double scale, const std::vector<double>& bias) {
  if (!is_float(rows.type) || matrix.type != rows.type || !matrix.is_constant || rows.is_constant)
    return call.unsupported("its second factor is not a constant matrix of floats");
  if (rows.dims.size() < 2 || rows.dims.back() == kRows || matrix.dims.empty() ||
      matrix.dims.size() > 2)
    return call.unsupported("of these shapes");
  const auto features = static_cast<std::size_t>(rows.dims.back());
  std::size_t inner = static_cast<std::size_t>(matrix.dims.front()),
              outputs = matrix.dims.size() == 1 ? 1 : static_cast<std::size_t>(matrix.dims.back());
  if (transposed) std::swap(inner, outputs);
  if (inner != features || features == 0) return call.broken("its factors do not fit");
  if (!bias.empty() && bias.size() != outputs) return call.broken("what it adds does not fit");
  Value out{.type = rows.type, .dims = rows.dims, .columns = {}};
  out.dims.pop_back();
  if (matrix.dims.size() == 2) out.dims.push_back(static_cast<std::int64_t>(outputs));
  const std::size_t times = rows.columns.size() / features;
  if (times * features * outputs > (1 << 26)) return call.unsupported("too many products a row");
  out.columns = TRY(call.compiler.registers(out.type, times * outputs));
  with_type(rows.type, [&]<typename T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      std::vector<T> weights(features * outputs), added(outputs);
      for (std::size_t m = 0; m < outputs; ++m) {
        if (!bias.empty()) added[m] = static_cast<T>(bias[m]);
        for (std::size_t k = 0; k < features; ++k) {
          const std::size_t at = transposed ? m * features + k : k * outputs + m;
          weights[m * features + k] =
              static_cast<T>(scale) * call.compiler.constant_at<T>(matrix, at);
        }
      }
      const auto shared = call.compiler.share(std::move(weights));
      for (std::size_t t = 0; t < times; ++t) {
        const auto part = [](const std::vector<Register>& all, std::size_t at, std::size_t size) {
          return std::vector<Register>(all.begin() + static_cast<std::ptrdiff_t>(at * size),
                                       all.begin() + static_cast<std::ptrdiff_t>((at + 1) * size));
        };
        add_linear<T>(call.compiler, part(rows.columns, t, features), shared, added,
                      part(out.columns, t, outputs));
      }
    }
  });
  return one(std::move(out));
}

Result<Values> mat_mul(const Call& call) {
  TRY(call.expect_inputs(2));
  return rows_times(call, call.input(0), call.input(1), false, 1, {});
}

Result<Values> gemm(const Call& call) {
  TRY(call.expect_inputs(2));
  if (call.integer("transA", 0) != 0) return call.unsupported("with transA");
  const Value& matrix = call.input(1);
  if (matrix.dims.size() != 2) return call.broken("its second factor is no matrix");
  const bool transposed = call.integer("transB", 0) != 0;
  std::vector<double> bias;
  if (call.has(2) && !call.input(2).is_constant && call.number("beta", 1) == 1) {
    const Values product =
        TRY(rows_times(call, call.input(0), matrix, transposed, call.number("alpha", 1), {}));
    return one(TRY(binary(call, product[0], call.input(2), Plus())));
  }
  if (call.has(2)) {
    const Value& added = call.input(2);
    if (!added.is_constant || added.type != call.input(0).type)
      return call.unsupported("what it adds is not a constant");
    const auto outputs = static_cast<std::size_t>(matrix.dims[transposed ? 0 : 1]);
    if (added.columns.size() != 1 &&
        (added.columns.size() != outputs ||
         (!added.dims.empty() && added.dims.back() != static_cast<std::int64_t>(outputs))))
      return call.unsupported("what it adds is not one value an output");
    const double beta = call.number("beta", 1);
    for (std::size_t m = 0; m < outputs; ++m) {
      const std::size_t at = added.columns.size() == 1 ? 0 : m;
      bias.push_back(beta * (added.type == ElementType::kFloat
                                 ? static_cast<double>(call.compiler.constant_at<float>(added, at))
                                 : call.compiler.constant_at<double>(added, at)));
    }
  }
  return rows_times(call, call.input(0), matrix, transposed, call.number("alpha", 1), bias);
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
template <typename First, typename Next, typename Last>
constexpr Operator reduces(std::string_view name, First, Next, Last) {
  return {"", name, [](const Call& call) { return reduced(call, First(), Next(), Last()); }};
}

constexpr auto kMagnitude = [](auto x) { return x < 0 ? Minus()(decltype(x){0}, x) : x; };

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
    reduces("ReduceSum", kSame, Plus(), kAsIs),
    reduces("ReduceMean", kSame, Plus(), [](auto sum, auto count) { return Over()(sum, count); }),
    reduces("ReduceMin", kSame, Smaller(), kAsIs),
    reduces("ReduceMax", kSame, Larger(), kAsIs),
    reduces("ReduceProd", kSame, Times(), kAsIs),
    reduces("ReduceSumSquare", kSquare, kPlusSquare, kAsIs),
    reduces(
        "ReduceL1", kMagnitude, [](auto so_far, auto x) { return Plus()(so_far, kMagnitude(x)); },
        kAsIs),
    reduces("ReduceL2", kSquare, kPlusSquare, kRoot),
    {"", "ReduceLogSumExp", reduce_log_sum_exp},
    {"", "ArgMax",
     [](const Call& call) {
       return position_of(call, [](auto x, auto best) { return x > best; });
     }},
    {"", "ArgMin",
     [](const Call& call) {
       return position_of(call, [](auto x, auto best) { return x < best; });
     }},
    {"", "Softmax", [](const Call& call) { return softmax_like(call, false); }},
    {"", "LogSoftmax", [](const Call& call) { return softmax_like(call, true); }},
    {"", "MatMul", mat_mul},
    {"", "Gemm", gemm},
    {"ai.onnx.ml", "Binarizer", binarizer},
};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

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

template <typename T>
void add_softmax(Compiler& compiler, std::vector<std::vector<Register>> groups, bool logarithm) {
  compiler.add([groups = std::move(groups), logarithm](Frame& frame) {
    const std::size_t rows = frame.rows();
    T *largest = frame.room<T>(2 * rows), *sums = largest + rows;
    for (const std::vector<Register>& group : groups) {
      std::fill_n(largest, rows, std::numeric_limits<T>::lowest());
      std::fill_n(sums, rows, T{0});
      for (const Register at : group) {
        const T* x = frame.column<T>(at);
        for (std::size_t r = 0; r < rows; ++r) largest[r] = x[r] > largest[r] ? x[r] : largest[r];
      }
      for (const Register at : group) {
        T* x = frame.column<T>(at);
        for (std::size_t r = 0; r < rows; ++r) {
          x[r] -= largest[r];
          const T power = std::exp(x[r]);
          sums[r] += power;
          if (!logarithm) x[r] = power;
        }
      }
      for (const Register at : group) {
        T* x = frame.column<T>(at);
        for (std::size_t r = 0; r < rows; ++r)
          x[r] = logarithm ? x[r] - std::log(sums[r]) : x[r] / sums[r];
      }
    }
  });
}
template void add_softmax<float>(Compiler&, std::vector<std::vector<Register>>, bool);
template void add_softmax<double>(Compiler&, std::vector<std::vector<Register>>, bool);

}  // namespace slipway::serving::onnx
