// ONNX models as bytes, for tests: the protobuf encoding of the messages that proto.h reads.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "serving/onnx/proto.h"

namespace slipway::serving::onnx::testing {

class Message {
 public:
  Message& number(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, std::string_view value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  Message& single(int field, float value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

inline Message tensor(std::string_view name, std::vector<std::int64_t> dims,
                      const std::vector<float>& values) {
  Message message;
  for (const std::int64_t dim : dims) message.number(1, dim);
  message.number(2, 1).text(8, name);
  for (const float value : values) message.single(4, value);
  return message;
}
inline Message tensor(std::string_view name, std::vector<std::int64_t> dims,
                      const std::vector<std::int64_t>& values) {
  Message message;
  for (const std::int64_t dim : dims) message.number(1, dim);
  message.number(2, 7).text(8, name);
  for (const std::int64_t value : values) message.number(7, value);
  return message;
}

// A node that grows: node("Concat", {"a", "b"}, {"c"}).set("axis", 1).
class Operation {
 public:
  Operation(std::string_view op_type, std::vector<std::string> inputs,
            std::vector<std::string> outputs, std::string_view domain = "") {
    for (const std::string& input : inputs) message_.text(1, input);
    for (const std::string& output : outputs) message_.text(2, output);
    message_.text(4, op_type).text(7, domain);
  }
  Operation&& set(std::string_view name, std::int64_t value) && {
    message_.message(5, Message().text(1, name).number(3, value).number(20, 2));
    return std::move(*this);
  }
  Operation&& set(std::string_view name, float value) && {
    message_.message(5, Message().text(1, name).single(2, value).number(20, 1));
    return std::move(*this);
  }
  Operation&& set(std::string_view name, std::string_view value) && {
    message_.message(5, Message().text(1, name).text(4, value).number(20, 3));
    return std::move(*this);
  }
  Operation&& set(std::string_view name, const std::vector<float>& values) && {
    Message attribute;
    attribute.text(1, name).number(20, 6);
    for (const float value : values) attribute.single(7, value);
    message_.message(5, attribute);
    return std::move(*this);
  }
  Operation&& set(std::string_view name, const std::vector<std::int64_t>& values) && {
    Message attribute;
    attribute.text(1, name).number(20, 7);
    for (const std::int64_t value : values) attribute.number(8, value);
    message_.message(5, attribute);
    return std::move(*this);
  }
  Operation&& set(std::string_view name, const std::vector<std::string>& values) && {
    Message attribute;
    attribute.text(1, name).number(20, 8);
    for (const std::string& value : values) attribute.text(9, value);
    message_.message(5, attribute);
    return std::move(*this);
  }
  Operation&& set(std::string_view name, const Message& tensor) && {
    message_.message(5, Message().text(1, name).message(5, tensor).number(20, 4));
    return std::move(*this);
  }
  // A graph of one node, as branches and loops have them.
  Operation&& set(std::string_view name, const Operation& node) && {
    const Message graph = Message().message(1, node.message());
    message_.message(5, Message().text(1, name).message(6, graph).number(20, 5));
    return std::move(*this);
  }
  const Message& message() const { return message_; }

 private:
  Message message_;
};

inline constexpr std::string_view kMl = "ai.onnx.ml";

// An input or output; a dimension of -1 is open.
inline Message value_info(std::string_view name, ElementType type,
                          const std::vector<std::int64_t>& dims) {
  Message shape;
  for (const std::int64_t dim : dims)
    shape.message(1, dim < 0 ? Message().text(2, "n") : Message().number(1, dim));
  const Message of_tensor = Message().number(1, static_cast<int>(type)).message(2, shape);
  return Message().text(1, name).message(2, Message().message(1, of_tensor));
}

struct GraphParts {
  std::vector<Message> inputs, outputs, initializers;
  std::vector<Operation> nodes;
  std::string domain = {};  // what ONNX's own is called
};

inline std::string model_bytes(const GraphParts& parts) {
  Message graph;
  for (const Operation& node : parts.nodes) graph.message(1, node.message());
  for (const Message& initializer : parts.initializers) graph.message(5, initializer);
  for (const Message& input : parts.inputs) graph.message(11, input);
  for (const Message& output : parts.outputs) graph.message(12, output);
  return Message()
      .number(1, 8)
      .message(7, graph)
      .message(8, Message().text(1, parts.domain).number(2, 17))
      .message(8, Message().text(1, kMl).number(2, 3))
      .bytes();
}

}  // namespace slipway::serving::onnx::testing
