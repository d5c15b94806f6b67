// What goes into a model and comes out of it, whatever runs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace slipway::serving {

// The element types of the Open Inference Protocol v2.
enum class DataType {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBytes,  // texts
};
std::string_view datatype_name(DataType type);  // "FP32", as the protocol spells it
// False: none of the protocol's.
bool parse_datatype(std::string_view name, DataType& type);
// Of one element; 0 for kBytes, whose elements differ.
std::size_t datatype_bytes(DataType type);

// A whole tensor as it was sent: row-major, little-endian. A view; `texts` instead of `bytes` when
// `type` is kBytes.
struct Tensor {
  std::string_view name;
  DataType type = DataType::kFp32;
  std::vector<std::int64_t> shape;  // shape[0]: rows
  std::span<const std::byte> bytes;
  std::span<const std::string_view> texts;
};

// What a model reads under one name. With an empty `row_shape` it is a column: one value a row,
// which may be looked up, may be missing, and is logged. Otherwise each row is a tensor of that
// shape (-1: any size), taken as it was sent.
struct InputSpec {
  std::string name;
  DataType type = DataType::kFp64;
  std::vector<std::int64_t> row_shape;
  bool required = true;
  std::string sample = {};  // a text that the model takes, where it does not take any

  bool is_column() const { return row_shape.empty(); }
  bool is_text() const { return type == DataType::kBytes; }
};

struct OutputSpec {
  std::string name;
  DataType type = DataType::kFp32;
  std::vector<std::int64_t> row_shape;  // empty: one value a row; -1: any size
};

// The values of one input for some rows, by its spec: exactly one member is set. Numbers of a
// column are doubles whatever its type, NaN where missing; a missing text has no data().
struct InputView {
  const double* numbers = nullptr;
  const std::string_view* texts = nullptr;
  const Tensor* tensor = nullptr;
};

// One of a model's answers: rows times the product of `row_shape` values, row-major. The variant
// says how they are held; `type` what the client is told (kInt64 also holds smaller integers and
// booleans, kFp32 also FP16).
struct Output {
  std::string name;
  DataType type = DataType::kFp32;
  std::vector<std::int64_t> row_shape;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>,
               std::vector<std::string>>
      values;
};

}  // namespace slipway::serving
