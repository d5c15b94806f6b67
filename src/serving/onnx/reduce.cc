// Operators that calculate over the columns of a row: what they come to, and products with
// matrices.
#include <algorithm>
#include <cmath>

#include "serving/onnx/numbers.h"
#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

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
    if (!together[d]) count *= extent(value.dims[d]);
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
      if (++index[d] < extent(value.dims[d])) break;
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
  if (wanted) axes = TRY(call.axes(*wanted, value.dims.size()));
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
  const std::vector<std::size_t> axes = TRY(call.axes(*wanted, value.dims.size()));
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
    return one(TRY(sum_of(call, product[0], call.input(2))));
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
      bias.push_back(beta * call.constant_number(added, at));
    }
  }
  return rows_times(call, call.input(0), matrix, transposed, call.number("alpha", 1), bias);
}

template <typename First, typename Next, typename Last>
constexpr Operator reduces(std::string_view name, First, Next, Last) {
  return {"", name, [](const Call& call) { return reduced(call, First(), Next(), Last()); }};
}

constexpr Operator kOperators[] = {
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
};

}  // namespace

std::span<const Operator> reducing_operators() { return kOperators; }

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
