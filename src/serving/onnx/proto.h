// ONNX's messages as plain values, and the reader that makes them out of a file's bytes. Of the
// protobuf encoding it knows what these messages need; fields it doesn't know are skipped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::serving::onnx {

// TensorProto.DataType, with ONNX's numbers.
enum class ElementType : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
};

// Of values that are served; a file may have tensors with more.
inline constexpr std::size_t kRankMax = 64;

// Values are in `raw` (little-endian, row-major) or in the list of their type, as ONNX has it.
struct Tensor {
  std::string name;
  ElementType type = ElementType::kUndefined;
  std::vector<std::int64_t> dims;
  std::string raw;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<std::int32_t> int32s;  // also of the smaller types
  std::vector<std::int64_t> int64s;
  std::vector<std::uint64_t> uint64s;
  std::vector<std::string> strings;
  bool is_external = false;  // the values are in another file, as `external` says
  std::map<std::string, std::string> external;

  // Elements, by the dims. kCorruption: negative, or more than 2^40.
  Result<std::size_t> count() const;
  // The values, wherever they are; kCorruption when they aren't as many as the dims say,
  // kInvalidArgument for texts, half floats and values in another file.
  Result<std::vector<double>> numbers() const;
  Result<std::vector<std::int64_t>> integers() const;  // also refuses floats
};

struct Graph;

struct Attribute {
  std::string name;
  std::int32_t type = 0;  // AttributeProto.AttributeType
  float number = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<float> numbers;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  std::vector<Tensor> tensors;  // also a single one
  std::vector<Graph> graphs;    // also a single one
};

struct Node {
  std::string name, op_type;
  std::string domain;  // empty: ONNX's own, however the file calls it
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> attributes;

  const Attribute* find(std::string_view attribute) const;
};

struct ValueInfo {
  enum class Kind { kUnknown, kTensor, kSequence, kMap };
  std::string name;
  Kind kind = Kind::kUnknown;
  ElementType element = ElementType::kUndefined;
  bool has_shape = false;
  std::vector<std::int64_t> dims;  // -1: any, or named
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs, outputs, values;
};

struct Model {
  std::size_t bytes = 0;  // of the file, and of those beside it that hold its tensors
  std::int64_t ir_version = 0;
  std::string producer;
  std::map<std::string, std::int64_t> opsets;  // by domain
  std::map<std::string, std::string> metadata;
  std::vector<Graph> functions;  // only their nodes
  Graph graph;
};

// kCorruption with the message, the field and the byte where the bytes stop being a model: cut
// short, a wrong wire type, graphs in graphs deeper than 16.
Result<Model> parse_model(std::string_view bytes);

}  // namespace slipway::serving::onnx
