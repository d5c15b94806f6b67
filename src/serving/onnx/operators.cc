#include "serving/onnx/operators.h"

#include <algorithm>

namespace slipway::serving::onnx {
namespace {

constexpr std::size_t kMeetingMax = 1 << 20;  // columns

}  // namespace

Result<void> Call::expect_inputs(std::size_t least) const {
  for (std::size_t i = 0; i < least; ++i) {
    if (!has(i)) return broken(fmt::format("input {} is missing", i));
  }
  return {};
}

Result<void> Call::expect_calculated() const {
  TRY(expect_inputs(1));
  if (input(0).is_constant) return unsupported("of a constant");
  return {};
}

std::int64_t Call::integer(std::string_view name, std::int64_t otherwise) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? otherwise : found->integer;
}

double Call::number(std::string_view name, double otherwise) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? otherwise : found->number;
}

std::string_view Call::text(std::string_view name, std::string_view otherwise) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? otherwise : std::string_view(found->text);
}

std::vector<std::int64_t> Call::integers(std::string_view name) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? std::vector<std::int64_t>() : found->integers;
}

std::vector<float> Call::numbers(std::string_view name) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? std::vector<float>() : found->numbers;
}

std::vector<std::string> Call::texts(std::string_view name) const {
  const Attribute* found = node.find(name);
  return found == nullptr ? std::vector<std::string>() : found->texts;
}

std::vector<std::string_view> Call::kept_texts(std::string_view name) const {
  std::vector<std::string_view> kept;
  for (std::string& text : texts(name)) kept.push_back(compiler.keep(std::move(text)));
  return kept;
}

Result<std::optional<std::vector<std::int64_t>>> Call::integers(std::string_view name,
                                                                std::size_t at) const {
  using Integers = std::optional<std::vector<std::int64_t>>;
  if (has(at)) {
    const Value& value = input(at);
    if (!value.is_constant || !is_whole(value.type))
      return unsupported(fmt::format("{} depends on the rows", name));
    return Integers(compiler.constants<std::int64_t>(value));
  }
  if (node.find(name) == nullptr) return Integers();
  return Integers(integers(name));
}

Result<std::size_t> Call::axis(std::int64_t axis, std::size_t rank) const {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size)
    return broken(fmt::format("no such axis: axis={} rank={}", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

Result<std::vector<std::size_t>> Call::axes(std::span<const std::int64_t> axes,
                                            std::size_t rank) const {
  std::vector<std::size_t> all;
  for (const std::int64_t one : axes) all.push_back(TRY(axis(one, rank)));
  return all;
}

double Call::constant_number(const Value& value, std::size_t column) const {
  if (value.type == ElementType::kFloat)
    return static_cast<double>(compiler.constant_at<float>(value, column));
  return compiler.constant_at<double>(value, column);
}

Error Call::unsupported(std::string_view what) const {
  return base::error(Code::kInvalidArgument, "ONNX: {} {} is not known here like this: {}",
                     node.op_type, node.name, what);
}

Error Call::broken(std::string_view what) const {
  return base::error(Code::kCorruption, "ONNX: {} {}: {}", node.op_type, node.name, what);
}

Result<const Operator*> operator_of(const Node& node) {
  for (const auto operators : {arranging_operators(), elementwise_operators(), reducing_operators(),
                               learned_operators(), vector_machines()}) {
    for (const Operator& known : operators) {
      if (known.name == node.op_type && known.domain == node.domain) return &known;
    }
  }
  return base::error(Code::kInvalidArgument, "ONNX: the operator {}{}{} is not known here",
                     node.domain, node.domain.empty() ? "" : ".", node.op_type);
}

Values one(Value value) {
  Values values;
  values.push_back(std::move(value));
  return values;
}

Result<Meeting> meet(const Call& call, std::span<const Value* const> operands) {
  std::size_t rank = 0;
  for (const Value* operand : operands) rank = std::max(rank, operand->dims.size());
  Meeting meeting;
  meeting.dims.assign(rank, 1);
  const auto dim_of = [&](const Value& value, std::size_t d) {
    const std::size_t missing = rank - value.dims.size();
    return d < missing ? 1 : value.dims[d - missing];
  };
  std::size_t count = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    for (const Value* operand : operands) {
      const std::int64_t dim = dim_of(*operand, d);
      if (dim == 1 || dim == meeting.dims[d]) continue;
      if (meeting.dims[d] != 1) return call.unsupported("shapes that do not meet row by row");
      meeting.dims[d] = dim;
    }
    if (std::count(meeting.dims.begin(), meeting.dims.end(), kRows) > 1)
      return call.unsupported("each row meets every other");
    count *= extent(meeting.dims[d]);
    if (count > kMeetingMax) return call.unsupported("too many values a row");
  }
  for (const Value* operand : operands) {
    std::vector<std::uint32_t>& columns = meeting.columns.emplace_back(count);
    // Counts through the shape of all, and moves along in the operand where it has the dimension.
    std::vector<std::size_t> step(rank), index(rank);
    std::size_t stride = 1;
    for (std::size_t d = rank; d-- > 0;) {
      const std::int64_t dim = dim_of(*operand, d);
      step[d] = dim == 1 || dim == kRows ? 0 : stride;
      if (dim != kRows) stride *= static_cast<std::size_t>(dim);
    }
    std::size_t at = 0;
    for (std::size_t c = 0; c < count; ++c) {
      columns[c] = static_cast<std::uint32_t>(at);
      for (std::size_t d = rank; d-- > 0;) {
        const std::size_t size = extent(meeting.dims[d]);
        at += step[d];
        if (++index[d] < size) break;
        at -= step[d] * size;
        index[d] = 0;
      }
    }
  }
  return meeting;
}

Result<Matrix> matrix_of(const Call& call, const Value& value, ElementType type) {
  if (value.dims.size() != 2 || value.dims[0] != kRows)
    return call.unsupported("its input is not a row of features each");
  if (value.type == ElementType::kString) return call.unsupported("its input is text");
  Matrix matrix{.value = TRY(converted(call, value, type)),
                .features = static_cast<std::size_t>(value.dims[1])};
  return matrix;
}

}  // namespace slipway::serving::onnx
