#include "serving/onnx/proto.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace slipway::serving::onnx {
namespace {

constexpr int kGraphDepthMax = 16;

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field of a message; which members are set depends on `wire`.
struct Field {
  std::uint32_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t integer = 0;  // kVarint and the fixed ones
  std::string_view bytes;
};

// Fields of one message, one after the other.
class Reader {
 public:
  // `origin` is the first byte of the file, for errors.
  Reader(std::string_view message, std::string_view bytes, const char* origin)
      : message_(message), bytes_(bytes), origin_(origin) {}

  bool at_end() const { return bytes_.empty(); }

  Result<Field> next() {
    const std::uint64_t key = TRY(varint());
    Field field;
    if (key >> 3 == 0 || key >> 3 > 536'870'911) return broken("a field without a number");
    field.number = static_cast<std::uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        field.wire = Wire::kVarint;
        field.integer = TRY(varint());
        return field;
      case 1:
        field.wire = Wire::kFixed64;
        field.integer = TRY(fixed<std::uint64_t>());
        return field;
      case 2: {
        field.wire = Wire::kBytes;
        const std::uint64_t length = TRY(varint());
        if (length > bytes_.size()) return broken("a field is longer than its message");
        field.bytes = bytes_.substr(0, length);
        bytes_.remove_prefix(length);
        return field;
      }
      case 5:
        field.wire = Wire::kFixed32;
        field.integer = TRY(fixed<std::uint32_t>());
        return field;
      default:
        return broken("an unknown wire type");
    }
  }

  Error broken(std::string_view what) const {
    return base::error(Code::kCorruption, "ONNX: {} in {} at byte {}", what, message_,
                       bytes_.data() - origin_);
  }
  Error wrong(const Field& field) const {
    return broken(fmt::format("field {} has another type", field.number));
  }

  Result<std::string_view> bytes(const Field& field) const {
    if (field.wire != Wire::kBytes) return wrong(field);
    return field.bytes;
  }
  Result<std::string> text(const Field& field) const { return std::string(TRY(bytes(field))); }
  Result<std::int64_t> integer(const Field& field) const {
    if (field.wire != Wire::kVarint) return wrong(field);
    return static_cast<std::int64_t>(field.integer);
  }
  Result<Reader> message(const Field& field, std::string_view name) const {
    return Reader(name, TRY(bytes(field)), origin_);
  }

  // A repeated number, packed or one by one.
  template <typename Number>
  Result<void> append_varints(const Field& field, std::vector<Number>& to) const {
    if (field.wire == Wire::kVarint) {
      to.push_back(static_cast<Number>(field.integer));
      return {};
    }
    Reader packed = TRY(message(field, message_));
    while (!packed.at_end()) to.push_back(static_cast<Number>(TRY(packed.varint())));
    return {};
  }
  template <typename Number>
  Result<void> append_fixed(const Field& field, std::vector<Number>& to) const {
    constexpr Wire kOne = sizeof(Number) == 4 ? Wire::kFixed32 : Wire::kFixed64;
    if (field.wire == kOne) {
      to.push_back(number<Number>(field.integer));
      return {};
    }
    const std::string_view packed = TRY(bytes(field));
    if (packed.size() % sizeof(Number) != 0) return wrong(field);
    if (packed.empty()) return {};
    const std::size_t before = to.size();
    to.resize(before + packed.size() / sizeof(Number));
    std::memcpy(to.data() + before, packed.data(), packed.size());
    return {};
  }

  template <typename Number>
  static Number number(std::uint64_t bits) {
    if constexpr (sizeof(Number) == 4) {
      return std::bit_cast<Number>(static_cast<std::uint32_t>(bits));
    } else {
      return std::bit_cast<Number>(bits);
    }
  }

 private:
  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (bytes_.empty()) return broken("the bytes end early");
      const auto byte = static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return broken("a number is too long");
  }

  template <typename Number>
  Result<Number> fixed() {
    if (bytes_.size() < sizeof(Number)) return broken("the bytes end early");
    Number value;
    std::memcpy(&value, bytes_.data(), sizeof(value));
    bytes_.remove_prefix(sizeof(value));
    return value;
  }

  std::string_view message_, bytes_;
  const char* origin_;
};

Result<Graph> read_graph(Reader reader, int depth);

Result<std::pair<std::string, std::string>> read_pair(Reader reader) {
  std::pair<std::string, std::string> pair;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    if (field.number == 1) pair.first = TRY(reader.text(field));
    if (field.number == 2) pair.second = TRY(reader.text(field));
  }
  return pair;
}

Result<Tensor> read_tensor(Reader reader) {
  Tensor tensor;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    switch (field.number) {
      case 1:
        TRY(reader.append_varints(field, tensor.dims));
        break;
      case 2:
        tensor.type = static_cast<ElementType>(TRY(reader.integer(field)));
        break;
      case 4:
        TRY(reader.append_fixed(field, tensor.floats));
        break;
      case 5:
        TRY(reader.append_varints(field, tensor.int32s));
        break;
      case 6:
        tensor.strings.push_back(TRY(reader.text(field)));
        break;
      case 7:
        TRY(reader.append_varints(field, tensor.int64s));
        break;
      case 8:
        tensor.name = TRY(reader.text(field));
        break;
      case 9:
        tensor.raw = TRY(reader.text(field));
        break;
      case 10:
        TRY(reader.append_fixed(field, tensor.doubles));
        break;
      case 11:
        TRY(reader.append_varints(field, tensor.uint64s));
        break;
      case 13: {
        auto [key, value] = TRY(read_pair(TRY(reader.message(field, "StringStringEntryProto"))));
        tensor.external.insert_or_assign(std::move(key), std::move(value));
        break;
      }
      case 14:
        tensor.is_external = TRY(reader.integer(field)) == 1;
        break;
      default:
        break;
    }
  }
  return tensor;
}

Result<Attribute> read_attribute(Reader reader, int depth) {
  Attribute attribute;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    switch (field.number) {
      case 1:
        attribute.name = TRY(reader.text(field));
        break;
      case 2:
        if (field.wire != Wire::kFixed32) return reader.wrong(field);
        attribute.number = Reader::number<float>(field.integer);
        break;
      case 3:
        attribute.integer = TRY(reader.integer(field));
        break;
      case 4:
        attribute.text = TRY(reader.text(field));
        break;
      case 5:
      case 10:
        attribute.tensors.push_back(TRY(read_tensor(TRY(reader.message(field, "TensorProto")))));
        break;
      case 6:
      case 11:
        attribute.graphs.push_back(
            TRY(read_graph(TRY(reader.message(field, "GraphProto")), depth + 1)));
        break;
      case 7:
        TRY(reader.append_fixed(field, attribute.numbers));
        break;
      case 8:
        TRY(reader.append_varints(field, attribute.integers));
        break;
      case 9:
        attribute.texts.push_back(TRY(reader.text(field)));
        break;
      case 20:
        attribute.type = static_cast<std::int32_t>(TRY(reader.integer(field)));
        break;
      default:
        break;
    }
  }
  return attribute;
}

// ONNX's own operators have two names of their domain.
std::string domain_of(std::string name) { return name == "ai.onnx" ? std::string() : name; }

Result<Node> read_node(Reader reader, int depth) {
  Node node;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    switch (field.number) {
      case 1:
        node.inputs.push_back(TRY(reader.text(field)));
        break;
      case 2:
        node.outputs.push_back(TRY(reader.text(field)));
        break;
      case 3:
        node.name = TRY(reader.text(field));
        break;
      case 4:
        node.op_type = TRY(reader.text(field));
        break;
      case 5:
        node.attributes.push_back(
            TRY(read_attribute(TRY(reader.message(field, "AttributeProto")), depth)));
        break;
      case 7:
        node.domain = domain_of(TRY(reader.text(field)));
        break;
      default:
        break;
    }
  }
  return node;
}

// TypeProto.Tensor, into `info`.
Result<void> read_tensor_type(Reader reader, ValueInfo& info) {
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    if (field.number == 1) info.element = static_cast<ElementType>(TRY(reader.integer(field)));
    if (field.number != 2) continue;
    info.has_shape = true;
    Reader shape = TRY(reader.message(field, "TensorShapeProto"));
    while (!shape.at_end()) {
      const Field dim = TRY(shape.next());
      if (dim.number != 1) continue;
      Reader dimension = TRY(shape.message(dim, "TensorShapeProto.Dimension"));
      std::int64_t size = -1;
      while (!dimension.at_end()) {
        const Field value = TRY(dimension.next());
        if (value.number == 1) size = TRY(dimension.integer(value));
      }
      info.dims.push_back(size);
    }
  }
  return {};
}

Result<ValueInfo> read_value_info(Reader reader) {
  ValueInfo info;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    if (field.number == 1) info.name = TRY(reader.text(field));
    if (field.number != 2) continue;
    Reader type = TRY(reader.message(field, "TypeProto"));
    while (!type.at_end()) {
      const Field kind = TRY(type.next());
      if (kind.number == 1) {
        info.kind = ValueInfo::Kind::kTensor;
        TRY(read_tensor_type(TRY(type.message(kind, "TypeProto.Tensor")), info));
      } else if (kind.number == 4) {
        info.kind = ValueInfo::Kind::kSequence;
      } else if (kind.number == 5) {
        info.kind = ValueInfo::Kind::kMap;
      }
    }
  }
  return info;
}

Result<Graph> read_graph(Reader reader, int depth) {
  if (depth > kGraphDepthMax) return reader.broken("graphs are nested too deeply");
  Graph graph;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    switch (field.number) {
      case 1:
        graph.nodes.push_back(TRY(read_node(TRY(reader.message(field, "NodeProto")), depth)));
        break;
      case 2:
        graph.name = TRY(reader.text(field));
        break;
      case 5:
        graph.initializers.push_back(TRY(read_tensor(TRY(reader.message(field, "TensorProto")))));
        break;
      case 11:
        graph.inputs.push_back(TRY(read_value_info(TRY(reader.message(field, "ValueInfoProto")))));
        break;
      case 12:
        graph.outputs.push_back(TRY(read_value_info(TRY(reader.message(field, "ValueInfoProto")))));
        break;
      case 13:
        graph.values.push_back(TRY(read_value_info(TRY(reader.message(field, "ValueInfoProto")))));
        break;
      default:
        break;
    }
  }
  return graph;
}

Result<Graph> read_function(Reader reader) {
  Graph function;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    if (field.number != 7) continue;
    function.nodes.push_back(TRY(read_node(TRY(reader.message(field, "NodeProto")), 1)));
  }
  return function;
}

Result<void> read_opset(Reader reader, Model& model) {
  std::string domain;
  std::int64_t version = 0;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    if (field.number == 1) domain = domain_of(TRY(reader.text(field)));
    if (field.number == 2) version = TRY(reader.integer(field));
  }
  model.opsets[domain] = version;
  return {};
}

std::size_t raw_bytes_of(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
    case ElementType::kInt8:
    case ElementType::kBool:
      return 1;
    case ElementType::kUint16:
    case ElementType::kInt16:
    case ElementType::kFloat16:
      return 2;
    case ElementType::kFloat:
    case ElementType::kInt32:
    case ElementType::kUint32:
      return 4;
    case ElementType::kDouble:
    case ElementType::kInt64:
    case ElementType::kUint64:
      return 8;
    case ElementType::kUndefined:
    case ElementType::kString:
      return 0;
  }
  return 0;
}

template <typename Stored, typename Number>
std::vector<Number> from_raw(std::string_view raw) {
  std::vector<Number> numbers(raw.size() / sizeof(Stored));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, raw.data() + i * sizeof(Stored), sizeof(Stored));
    numbers[i] = static_cast<Number>(stored);
  }
  return numbers;
}

template <typename Number>
Result<std::vector<Number>> values_of(const Tensor& tensor) {
  const std::size_t count = TRY(tensor.count());
  if (tensor.is_external)
    return base::error(Code::kInvalidArgument,
                       "ONNX: the values of a tensor are in another file: tensor={}", tensor.name);
  std::vector<Number> numbers;
  const bool is_raw = !tensor.raw.empty();
  if (is_raw && tensor.raw.size() != count * raw_bytes_of(tensor.type))
    return base::error(Code::kCorruption, "ONNX: a tensor has {} bytes for {} values: tensor={}",
                       tensor.raw.size(), count, tensor.name);
  const auto listed = [&](const auto& list) { numbers.assign(list.begin(), list.end()); };
  switch (tensor.type) {
    case ElementType::kFloat:
      is_raw ? void(numbers = from_raw<float, Number>(tensor.raw)) : listed(tensor.floats);
      break;
    case ElementType::kDouble:
      is_raw ? void(numbers = from_raw<double, Number>(tensor.raw)) : listed(tensor.doubles);
      break;
    case ElementType::kInt64:
      is_raw ? void(numbers = from_raw<std::int64_t, Number>(tensor.raw)) : listed(tensor.int64s);
      break;
    case ElementType::kInt32:
      is_raw ? void(numbers = from_raw<std::int32_t, Number>(tensor.raw)) : listed(tensor.int32s);
      break;
    case ElementType::kInt16:
      is_raw ? void(numbers = from_raw<std::int16_t, Number>(tensor.raw)) : listed(tensor.int32s);
      break;
    case ElementType::kInt8:
      is_raw ? void(numbers = from_raw<std::int8_t, Number>(tensor.raw)) : listed(tensor.int32s);
      break;
    case ElementType::kUint16:
      is_raw ? void(numbers = from_raw<std::uint16_t, Number>(tensor.raw)) : listed(tensor.int32s);
      break;
    case ElementType::kUint8:
    case ElementType::kBool:
      is_raw ? void(numbers = from_raw<std::uint8_t, Number>(tensor.raw)) : listed(tensor.int32s);
      break;
    case ElementType::kUint32:
      is_raw ? void(numbers = from_raw<std::uint32_t, Number>(tensor.raw)) : listed(tensor.uint64s);
      break;
    case ElementType::kUint64:
      is_raw ? void(numbers = from_raw<std::uint64_t, Number>(tensor.raw)) : listed(tensor.uint64s);
      break;
    case ElementType::kUndefined:
    case ElementType::kString:
    case ElementType::kFloat16:
      return base::error(Code::kInvalidArgument, "ONNX: a tensor does not hold numbers: tensor={}",
                         tensor.name);
  }
  if (numbers.size() != count)
    return base::error(Code::kCorruption, "ONNX: a tensor has {} of {} values: tensor={}",
                       numbers.size(), count, tensor.name);
  return numbers;
}

}  // namespace

Result<std::size_t> Tensor::count() const {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || (dim != 0 && count > (std::size_t{1} << 40) / static_cast<std::size_t>(dim)))
      return base::error(Code::kCorruption, "ONNX: a tensor's dims are out of range: tensor={}",
                         name);
    count *= static_cast<std::size_t>(dim);
  }
  return count;
}

Result<std::vector<double>> Tensor::numbers() const { return values_of<double>(*this); }

Result<std::vector<std::int64_t>> Tensor::integers() const {
  if (type == ElementType::kFloat || type == ElementType::kDouble)
    return base::error(Code::kInvalidArgument, "ONNX: a tensor does not hold integers: tensor={}",
                       name);
  return values_of<std::int64_t>(*this);
}

const Attribute* Node::find(std::string_view attribute) const {
  for (const Attribute& own : attributes) {
    if (own.name == attribute) return &own;
  }
  return nullptr;
}

Result<Model> parse_model(std::string_view bytes) {
  Reader reader("ModelProto", bytes, bytes.data());
  Model model;
  model.bytes = bytes.size();
  bool has_graph = false;
  while (!reader.at_end()) {
    const Field field = TRY(reader.next());
    switch (field.number) {
      case 1:
        model.ir_version = TRY(reader.integer(field));
        break;
      case 2:
        model.producer = TRY(reader.text(field));
        break;
      case 7:
        if (has_graph) return reader.broken("a second graph");
        model.graph = TRY(read_graph(TRY(reader.message(field, "GraphProto")), 1));
        has_graph = true;
        break;
      case 8:
        TRY(read_opset(TRY(reader.message(field, "OperatorSetIdProto")), model));
        break;
      case 14: {
        auto [key, value] = TRY(read_pair(TRY(reader.message(field, "StringStringEntryProto"))));
        model.metadata.insert_or_assign(std::move(key), std::move(value));
        break;
      }
      case 25:
        model.functions.push_back(TRY(read_function(TRY(reader.message(field, "FunctionProto")))));
        break;
      default:
        break;
    }
  }
  if (!has_graph) return base::error(Code::kCorruption, "ONNX: the model has no graph");
  return model;
}

}  // namespace slipway::serving::onnx
