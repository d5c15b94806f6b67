// Operators that only say which value stands where: they make no steps.
#include <algorithm>

#include "serving/onnx/operators.h"

namespace slipway::serving::onnx {
namespace {

// Values before, in and behind one dimension.
struct Around {
  std::size_t outer = 1, here = 1, inner = 1;
};
Around around(const Value& value, std::size_t axis) {
  Around sizes;
  for (std::size_t d = 0; d < value.dims.size(); ++d) {
    (d < axis ? sizes.outer : d == axis ? sizes.here : sizes.inner) *= extent(value.dims[d]);
  }
  return sizes;
}

// Along `axis` only the positions of `indices`, in their order.
Result<Value> picked(const Call& call, const Value& value, std::size_t axis,
                     std::span<const std::int64_t> indices) {
  Value out{
      .type = value.type, .dims = value.dims, .columns = {}, .is_constant = value.is_constant};
  out.dims[axis] = static_cast<std::int64_t>(indices.size());
  const Around sizes = around(value, axis);
  if (column_count(out.dims) > kColumnsMax) return call.unsupported("too many values a row");
  for (std::size_t o = 0; o < sizes.outer; ++o) {
    for (const std::int64_t index : indices) {
      const std::size_t from = (o * sizes.here + static_cast<std::size_t>(index)) * sizes.inner;
      for (std::size_t i = 0; i < sizes.inner; ++i) out.columns.push_back(value.columns[from + i]);
    }
  }
  return out;
}

// kInvalidArgument where `axis` is the rows.
Result<std::size_t> column_axis(const Call& call, const Value& value, std::int64_t wanted) {
  const std::size_t axis = TRY(call.axis(wanted, value.dims.size()));
  if (value.dims[axis] == kRows) return call.unsupported("it goes along the rows");
  return axis;
}

Result<Values> identity(const Call& call) {
  TRY(call.expect_inputs(1));
  return one(call.input(0));
}

// The scores of the classes, in the order of the labels: answers have a list where ONNX has a map.
Result<Values> zip_map(const Call& call) {
  TRY(call.expect_inputs(1));
  const Value& scores = call.input(0);
  const std::size_t labels = std::max(call.integers("classlabels_int64s").size(),
                                      call.texts("classlabels_strings").size());
  if (scores.dims.size() != 2 || scores.dims[0] != kRows || scores.columns.size() != labels)
    return call.unsupported("its scores are not one for each label");
  return one(scores);
}

Result<Values> constant(const Call& call) {
  const Attribute* found = call.node.find("value");
  if (found == nullptr || found->tensors.empty())
    return call.unsupported("it is not made of a tensor");
  return one(TRY(call.compiler.constant(found->tensors[0])));
}

Result<Values> shape(const Call& call) {
  TRY(call.expect_inputs(1));
  const auto rank = static_cast<std::int64_t>(call.input(0).dims.size());
  const auto bound = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = bound(call.integer("start", 0)),
                     end = bound(call.integer("end", rank));
  std::vector<std::int64_t> dims;
  for (std::int64_t d = start; d < end; ++d) {
    const std::int64_t dim = call.input(0).dims[static_cast<std::size_t>(d)];
    dims.push_back(dim == kRows ? kRowCount : dim);
  }
  return one(
      call.compiler.constant(ElementType::kInt64, {static_cast<std::int64_t>(dims.size())}, dims));
}

// What a tensor that holds a shape says; at most one dimension may be the rows.
Result<std::vector<std::int64_t>> shape_in(const Call& call, std::size_t input) {
  std::vector<std::int64_t> dims = *TRY(call.integers("shape", input));
  std::size_t rows = 0;
  for (std::int64_t& dim : dims) {
    if (dim == kRowCount) {
      dim = kRows;
      ++rows;
    } else if (dim < 0 || dim > (1 << 20)) {
      return call.unsupported(fmt::format("a dimension of {}", dim));
    }
  }
  if (rows > 1 || column_count(dims) > (1 << 20)) return call.unsupported("a shape of this size");
  return dims;
}

Result<Values> constant_of_shape(const Call& call) {
  TRY(call.expect_inputs(1));
  std::vector<std::int64_t> dims = TRY(shape_in(call, 0));
  Value value = call.compiler.constant(ElementType::kFloat, {1}, std::vector<float>{0});
  if (const Attribute* given = call.node.find("value"); given != nullptr && !given->tensors.empty())
    value = TRY(call.compiler.constant(given->tensors[0]));
  if (value.columns.size() != 1) return call.broken("its value is not a single one");
  value.columns.assign(column_count(dims), value.columns[0]);
  value.dims = std::move(dims);
  if (row_axis(value)) value = TRY(call.compiler.in_registers(value));
  return one(std::move(value));
}

Result<Values> expand(const Call& call) {
  TRY(call.expect_inputs(2));
  const Value& value = call.input(0);
  const Value wanted{.type = value.type, .dims = TRY(shape_in(call, 1)), .columns = {}};
  const Value* const operands[] = {&value, &wanted};
  Meeting meeting = TRY(meet(call, operands));
  Value out{.type = value.type, .dims = {}, .columns = {}, .is_constant = value.is_constant};
  for (const std::uint32_t column : meeting.columns[0])
    out.columns.push_back(value.columns[column]);
  out.dims = std::move(meeting.dims);
  if (out.is_constant && row_axis(out)) out = TRY(call.compiler.in_registers(out));
  return one(std::move(out));
}

Result<Values> reshape(const Call& call) {
  TRY(call.expect_inputs(1));
  const Value& value = call.input(0);
  const auto wanted = TRY(call.integers("shape", 1));
  if (!wanted) return call.broken("it has no shape");
  Value out = value;
  out.dims = *wanted;
  const auto rows = row_axis(value);
  std::optional<std::size_t> inferred, to_rows;
  std::size_t known = 1;
  for (std::size_t d = 0; d < out.dims.size(); ++d) {
    std::int64_t& dim = out.dims[d];
    if (dim == 0 && call.integer("allowzero", 0) == 0) {
      if (d >= value.dims.size()) return call.broken("a dimension is copied that isn't there");
      dim = value.dims[d] == kRows ? kRowCount : value.dims[d];
    }
    if (dim == kRowCount) {
      if (to_rows) return call.unsupported("the rows are there twice");
      to_rows = d;
      dim = kRows;
    } else if (dim == -1) {
      if (inferred) return call.broken("two dimensions are open");
      inferred = d;
    } else if (dim < 0 || dim > (1 << 24)) {
      return call.broken(fmt::format("a dimension of {}", dim));
    } else {
      known *= static_cast<std::size_t>(dim);
      if (known > (1 << 24)) return call.broken("its shape is too large");
    }
  }
  if (inferred && rows && !to_rows) {
    to_rows = inferred;  // checked below: nothing else fits
  } else if (inferred) {
    if (known == 0 || value.columns.size() % known != 0)
      return call.broken("the values do not fill its shape");
    const std::size_t rest = value.columns.size() / known;
    out.dims[*inferred] = static_cast<std::int64_t>(rest);
    known *= rest;
  }
  if (rows.has_value() != to_rows.has_value() || known != value.columns.size())
    return call.unsupported("values move from row to row");
  if (rows && around(value, *rows).outer != around(out, *to_rows).outer)
    return call.unsupported("values move from row to row");
  return one(std::move(out));
}

Result<Values> flatten(const Call& call) {
  TRY(call.expect_inputs(1));
  Value out = call.input(0);
  const std::int64_t wanted = call.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(out.dims.size());
  if (wanted < -rank || wanted > rank) return call.broken("no such axis");
  const auto axis = static_cast<std::size_t>(wanted < 0 ? wanted + rank : wanted);
  const auto side = [](std::span<const std::int64_t> dims) {
    return static_cast<std::int64_t>(column_count(dims));
  };
  const std::span<const std::int64_t> dims(out.dims);
  std::int64_t before = side(dims.first(axis)), behind = side(dims.subspan(axis));
  if (const auto rows = row_axis(out)) {
    std::int64_t& own = *rows < axis ? before : behind;
    if (own != 1) return call.unsupported("values move from row to row");
    own = kRows;
  }
  out.dims = {before, behind};
  return one(std::move(out));
}

Result<Values> squeeze(const Call& call) {
  TRY(call.expect_inputs(1));
  Value out = call.input(0);
  const auto axes = TRY(call.integers("axes", 1));
  std::vector<bool> gone(out.dims.size());
  if (axes) {
    for (const std::int64_t wanted : *axes) gone[TRY(call.axis(wanted, gone.size()))] = true;
  } else {
    for (std::size_t d = 0; d < gone.size(); ++d) gone[d] = out.dims[d] == 1;
  }
  std::vector<std::int64_t> dims;
  for (std::size_t d = 0; d < gone.size(); ++d) {
    if (!gone[d]) dims.push_back(out.dims[d]);
    if (gone[d] && out.dims[d] != 1) return call.unsupported("a dimension is more than one");
  }
  out.dims = std::move(dims);
  return one(std::move(out));
}

Result<Values> unsqueeze(const Call& call) {
  TRY(call.expect_inputs(1));
  Value out = call.input(0);
  const auto axes = TRY(call.integers("axes", 1));
  if (!axes || axes->size() > 16) return call.broken("its axes");
  const std::size_t rank = out.dims.size() + axes->size();
  std::vector<bool> is_new(rank);
  for (const std::int64_t wanted : *axes) is_new[TRY(call.axis(wanted, rank))] = true;
  std::vector<std::int64_t> dims;
  std::size_t old = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    if (!is_new[d] && old == out.dims.size()) return call.broken("an axis is there twice");
    dims.push_back(is_new[d] ? 1 : out.dims[old++]);
  }
  out.dims = std::move(dims);
  return one(std::move(out));
}

Result<Values> transpose(const Call& call) {
  TRY(call.expect_inputs(1));
  const Value& value = call.input(0);
  const std::size_t rank = value.dims.size();
  std::vector<std::int64_t> order = call.integers("perm");
  if (order.empty()) {
    for (std::size_t d = rank; d-- > 0;) order.push_back(static_cast<std::int64_t>(d));
  }
  std::vector<std::int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t d = 0; d < sorted.size(); ++d) {
    if (sorted.size() != rank || sorted[d] != static_cast<std::int64_t>(d))
      return call.broken("its perm is no order of the dimensions");
  }
  std::vector<std::size_t> strides(rank, 1);
  for (std::size_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * extent(value.dims[d]);
  Value out = value;
  for (std::size_t d = 0; d < rank; ++d)
    out.dims[d] = value.dims[static_cast<std::size_t>(order[d])];
  std::vector<std::size_t> index(rank);
  for (std::uint32_t& column : out.columns) {
    std::size_t at = 0;
    for (std::size_t d = 0; d < rank; ++d)
      at += index[d] * strides[static_cast<std::size_t>(order[d])];
    column = value.columns[at];
    for (std::size_t d = rank; d-- > 0 && ++index[d] == extent(out.dims[d]);) index[d] = 0;
  }
  return one(std::move(out));
}

Result<Values> concat(const Call& call) {
  TRY(call.expect_inputs(1));
  TRY(call.expect_inputs(call.inputs.size()));
  const Value& first = call.input(0);
  const std::size_t axis = TRY(column_axis(call, first, call.integer("axis", 1)));
  Value out{.type = first.type, .dims = first.dims, .columns = {}, .is_constant = true};
  out.dims[axis] = 0;
  std::vector<Value> parts;
  for (const Value* input : call.inputs) {
    out.is_constant = out.is_constant && input->is_constant;
    bool fits = input->type == first.type && input->dims.size() == first.dims.size();
    for (std::size_t d = 0; fits && d < first.dims.size(); ++d)
      fits = d == axis ? input->dims[d] >= 0 : input->dims[d] == first.dims[d];
    if (!fits) return call.unsupported("its inputs do not fit together");
    out.dims[axis] += input->dims[axis];
  }
  if (out.dims[axis] > (1 << 24) || column_count(out.dims) > (1 << 24))
    return call.unsupported("too many values a row");
  for (const Value* input : call.inputs) {
    Value part = *input;
    if (!out.is_constant) part = TRY(call.compiler.in_registers(*input));
    parts.push_back(std::move(part));
  }
  const std::size_t outer = around(out, axis).outer;
  for (std::size_t o = 0; o < outer; ++o) {
    for (const Value& part : parts) {
      const std::size_t size = part.columns.size() / std::max<std::size_t>(1, outer);
      out.columns.insert(out.columns.end(),
                         part.columns.begin() + static_cast<std::ptrdiff_t>(o * size),
                         part.columns.begin() + static_cast<std::ptrdiff_t>((o + 1) * size));
    }
  }
  return one(std::move(out));
}

Result<Values> slice(const Call& call) {
  TRY(call.expect_inputs(1));
  Value out = call.input(0);
  const auto starts = TRY(call.integers("starts", 1)), ends = TRY(call.integers("ends", 2));
  auto axes = TRY(call.integers("axes", 3)), steps = TRY(call.integers("steps", 4));
  if (!starts || !ends || starts->size() != ends->size()) return call.broken("its bounds");
  if (!axes) {
    axes.emplace();
    for (std::size_t d = 0; d < starts->size(); ++d) axes->push_back(static_cast<std::int64_t>(d));
  }
  if (!steps) steps.emplace(starts->size(), 1);
  if (axes->size() != starts->size() || steps->size() != starts->size())
    return call.broken("its bounds");
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::size_t axis = TRY(call.axis((*axes)[i], out.dims.size()));
    const std::int64_t size = out.dims[axis], step = (*steps)[i];
    if (size == kRows) {
      if ((*starts)[i] == 0 && (*ends)[i] >= (1 << 30) && step == 1) continue;
      return call.unsupported("it goes along the rows");
    }
    if (step == 0 || (*starts)[i] == kRowCount || (*ends)[i] == kRowCount)
      return call.unsupported("its bounds");
    const auto bound = [&](std::int64_t at) {
      if (at < 0) at = at < -size ? -1 : at + size;
      return step > 0 ? std::clamp<std::int64_t>(at, 0, size) : std::min(at, size - 1);
    };
    std::vector<std::int64_t> indices;
    const std::int64_t end = bound((*ends)[i]);
    for (std::int64_t at = std::max<std::int64_t>(0, bound((*starts)[i]));
         step > 0 ? at < end : at > end && at >= 0; at += step) {
      indices.push_back(at);
      if (step > size || step < -size) break;
    }
    out = TRY(picked(call, out, axis, indices));
  }
  return one(std::move(out));
}

Result<Values> split(const Call& call) {
  TRY(call.expect_inputs(1));
  const Value& value = call.input(0);
  const std::size_t axis = TRY(column_axis(call, value, call.integer("axis", 0)));
  auto sizes = TRY(call.integers("split", 1));
  const std::int64_t size = value.dims[axis];
  if (!sizes || sizes->empty()) {
    const auto parts = static_cast<std::int64_t>(call.node.outputs.size());
    if (parts == 0) return call.broken("it has no outputs");
    const std::int64_t each = (size + parts - 1) / parts;
    sizes.emplace();
    for (std::int64_t at = 0; at < parts; ++at)
      sizes->push_back(std::clamp<std::int64_t>(size - at * each, 0, each));
  }
  Values parts;
  std::int64_t from = 0;
  for (const std::int64_t count : *sizes) {
    if (count < 0 || count > size - from) return call.broken("the sizes of its parts");
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < count; ++i) indices.push_back(from++);
    parts.push_back(TRY(picked(call, value, axis, indices)));
  }
  return parts;
}

// Values of a constant list, which one each row says.
Result<Value> looked_up(const Call& call, const Value& list, std::size_t size, const Value& indices,
                        std::vector<std::int64_t> dims) {
  if (size == 0) return call.broken("an index is out of range: its list is empty");
  TRY(call.compiler.expect_values(list));
  const std::size_t inner = list.columns.size() / size;
  Value out{.type = list.type, .dims = std::move(dims), .columns = {}};
  const Value at = TRY(call.compiler.in_registers(indices));
  const std::size_t width = at.columns.size() * inner;
  out.columns = TRY(call.compiler.registers(list.type, width));
  with_type(list.type, [&]<typename T>(T) {
    call.compiler.add(
        [at = at.columns, to = out.columns, values = call.compiler.constants<T>(list), inner, size,
         name = call.node.name](Frame& frame) {
          const std::size_t rows = frame.rows();
          for (std::size_t c = 0; c < at.size(); ++c) {
            const std::int64_t* index = frame.column<std::int64_t>(at[c]);
            for (std::size_t r = 0; r < rows; ++r) {
              const std::int64_t wanted =
                  index[r] < 0 ? index[r] + static_cast<std::int64_t>(size) : index[r];
              if (wanted < 0 || wanted >= static_cast<std::int64_t>(size)) {
                return frame.fail(base::error(Code::kInvalidArgument,
                                              "an index is out of range: node={} index={} size={}",
                                              name, index[r], size));
              }
              for (std::size_t i = 0; i < inner; ++i)
                frame.column<T>(to[c * inner + i])[r] =
                    values[static_cast<std::size_t>(wanted) * inner + i];
            }
          }
        },
        list.columns.size() * sizeof(T));
  });
  return out;
}

// The indices of a constant, all within `size`; negative ones count from the end.
Result<std::vector<std::int64_t>> indices_in(const Call& call, const Value& value,
                                             std::int64_t size) {
  std::vector<std::int64_t> indices = call.compiler.constants<std::int64_t>(value);
  for (std::int64_t& index : indices) {
    if (index < -size || index >= size) return call.broken("an index is out of range");
    if (index < 0) index += size;
  }
  return indices;
}

Result<Values> gather(const Call& call) {
  TRY(call.expect_inputs(2));
  const Value &value = call.input(0), &wanted = call.input(1);
  if (!is_whole(wanted.type)) return call.unsupported("its indices are no whole numbers");
  const std::size_t axis = TRY(column_axis(call, value, call.integer("axis", 0)));
  std::vector<std::int64_t> dims(value.dims.begin(),
                                 value.dims.begin() + static_cast<std::ptrdiff_t>(axis));
  dims.insert(dims.end(), wanted.dims.begin(), wanted.dims.end());
  dims.insert(dims.end(), value.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
              value.dims.end());
  if (wanted.is_constant) {
    const std::vector<std::int64_t> indices = TRY(indices_in(call, wanted, value.dims[axis]));
    Value out = TRY(picked(call, value, axis, indices));
    out.dims = std::move(dims);
    return one(std::move(out));
  }
  if (!value.is_constant || axis != 0)
    return call.unsupported("rows ask for columns, not for constants");
  return one(TRY(
      looked_up(call, value, static_cast<std::size_t>(value.dims[0]), wanted, std::move(dims))));
}

// Along the last dimension; a list of constants asked by the rows gives [1, rows].
Result<Values> array_feature_extractor(const Call& call) {
  TRY(call.expect_inputs(2));
  const Value &value = call.input(0), &wanted = call.input(1);
  if (!is_whole(wanted.type) || value.dims.empty()) return call.unsupported("these inputs");
  const std::size_t last = value.dims.size() - 1;
  if (value.dims[last] == kRows) return call.unsupported("it goes along the rows");
  if (wanted.is_constant) {
    const std::vector<std::int64_t> indices = TRY(indices_in(call, wanted, value.dims[last]));
    Value out = TRY(picked(call, value, last, indices));
    if (last == 0) out.dims.insert(out.dims.begin(), 1);
    return one(std::move(out));
  }
  if (!value.is_constant || wanted.columns.size() != 1 ||
      column_count(value.dims) != static_cast<std::size_t>(value.dims[last]))
    return call.unsupported("rows ask for columns, not for constants");
  return one(TRY(looked_up(call, value, value.columns.size(), wanted, {1, kRows})));
}

constexpr Operator kOperators[] = {
    {"", "Identity", identity, true},
    {"", "Dropout", identity, true},
    {"", "Constant", constant, true},
    {"", "Shape", shape, true},
    {"", "ConstantOfShape", constant_of_shape, true},
    {"", "Expand", expand, true},
    {"", "Reshape", reshape, true},
    {"", "Flatten", flatten, true},
    {"", "Squeeze", squeeze, true},
    {"", "Unsqueeze", unsqueeze, true},
    {"", "Transpose", transpose, true},
    {"", "Concat", concat, true},
    {"", "Slice", slice, true},
    {"", "Split", split, true},
    {"", "Gather", gather, true},
    {"ai.onnx.ml", "ArrayFeatureExtractor", array_feature_extractor, true},
    {"ai.onnx.ml", "ZipMap", zip_map, true},
};

}  // namespace

std::span<const Operator> arranging_operators() { return kOperators; }

}  // namespace slipway::serving::onnx
