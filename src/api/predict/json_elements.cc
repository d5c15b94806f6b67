#include "api/predict/json_elements.h"

#include <cmath>
#include <limits>

#include "base/hash.h"
#include "serving/half.h"

namespace slipway::api::predict {
namespace {

using base::JsonNode;
using base::JsonValue;
using base::JsonValues;
using serving::Cell;
using serving::DataType;
using serving::Tensor;

// Appends the element in the protocol's binary form; false: the type can't hold it.
template <typename Element>
bool append_element(JsonValue value, std::vector<std::byte>& bytes) {
  Element element{};
  if constexpr (std::is_integral_v<Element>) {
    if (!value.is_whole()) {
      if (std::trunc(value.number()) != value.number() || std::abs(value.number()) > 0x1p53)
        return false;
    }
    const auto magnitude = value.magnitude();
    if (!magnitude) return false;
    if (value.number() < 0) {
      if (std::is_unsigned_v<Element> || *magnitude > std::uint64_t{1} << (8 * sizeof(Element) - 1))
        return false;
      element = static_cast<Element>(std::uint64_t{0} - *magnitude);
    } else {
      if (std::cmp_greater(*magnitude, std::numeric_limits<Element>::max())) return false;
      element = static_cast<Element>(*magnitude);
    }
  } else {
    element = static_cast<Element>(value.number());
    if (!std::isfinite(element)) return false;
  }
  const auto* const from = reinterpret_cast<const std::byte*>(&element);
  bytes.insert(bytes.end(), from, from + sizeof element);
  return true;
}

}  // namespace

Result<std::string_view> read_text(JsonValue value, std::string_view name, Kept& kept) {
  if (value.is_text()) return value.text();
  if (value.is_object() && value.size() == 1) {
    if (const auto coded = value.find("b64"); coded && coded->is_text()) {
      auto bytes = base::from_base64(coded->text());
      if (!bytes) return invalid("b64 is not base64: input={}", name);
      return std::string_view(kept.decoded.emplace_back(std::move(*bytes)));
    }
  }
  return invalid("expected a text, or {{\"b64\": \"...\"}}: input={}", name);
}

Result<Cell> read_cell(JsonValue value, std::string_view column, Kept& kept) {
  switch (value.kind()) {
    case JsonNode::Kind::kNumber:
      if (value.is_large()) {
        return invalid("a whole number is beyond 2^53, and a column would round it: input={}",
                       column);
      }
      return Cell(value.number());
    case JsonNode::Kind::kBool:
      return Cell(value.number());
    case JsonNode::Kind::kText:
      return Cell(value.text());
    case JsonNode::Kind::kNull:
      return Cell();
    case JsonNode::Kind::kObject: {
      if (!value.find("b64")) break;
      const std::string_view text = TRY(read_text(value, column, kept));
      if (!base::is_utf8(text))
        return invalid("a column of texts, and one is not UTF-8: input={}", column);
      return Cell(text);
    }
    case JsonNode::Kind::kArray:
      break;
  }
  return invalid("a value must be a number, a text, true, false or null: input={}", column);
}

bool append_element(JsonValue value, DataType type, std::vector<std::byte>& bytes) {
  const bool is_bool = value.kind() == JsonNode::Kind::kBool;
  if (!is_bool && value.kind() != JsonNode::Kind::kNumber) return false;
  switch (type) {
    case DataType::kBool:
      if (value.number() != 0 && value.number() != 1) return false;
      bytes.push_back(static_cast<std::byte>(value.number() != 0));
      return true;
    case DataType::kUint8:
      return append_element<std::uint8_t>(value, bytes);
    case DataType::kUint16:
      return append_element<std::uint16_t>(value, bytes);
    case DataType::kUint32:
      return append_element<std::uint32_t>(value, bytes);
    case DataType::kUint64:
      return append_element<std::uint64_t>(value, bytes);
    case DataType::kInt8:
      return append_element<std::int8_t>(value, bytes);
    case DataType::kInt16:
      return append_element<std::int16_t>(value, bytes);
    case DataType::kInt32:
      return append_element<std::int32_t>(value, bytes);
    case DataType::kInt64:
      return append_element<std::int64_t>(value, bytes);
    case DataType::kFp16: {
      const std::uint16_t half = serving::to_half(static_cast<float>(value.number()));
      bytes.push_back(static_cast<std::byte>(half & 0xFF));
      bytes.push_back(static_cast<std::byte>(half >> 8));
      return true;
    }
    case DataType::kFp32:
      return append_element<float>(value, bytes);
    case DataType::kFp64:
      return append_element<double>(value, bytes);
    case DataType::kBytes:
      break;
  }
  return false;
}

// The elements of a tensor that stays whole.
Result<void> read_whole(JsonValues data, Tensor& tensor, Kept& kept) {
  if (tensor.type == DataType::kBytes) {
    auto& texts = kept.texts.emplace_back();
    auto use = [&](JsonValue value) -> Result<void> {
      texts.push_back(TRY(read_text(value, tensor.name, kept)));
      return {};
    };
    TRY(each_element(data, tensor.name, 0, use));
    tensor.texts = texts;
    return {};
  }
  auto& bytes = kept.bytes.emplace_back();
  auto use = [&](JsonValue value) -> Result<void> {
    if (append_element(value, tensor.type, bytes)) return {};
    return invalid("element {} of input {} is no {}",
                   bytes.size() / serving::datatype_bytes(tensor.type), tensor.name,
                   serving::datatype_name(tensor.type));
  };
  TRY(each_element(data, tensor.name, 0, use));
  tensor.bytes = bytes;
  return {};
}

}  // namespace slipway::api::predict
