#include "serving/signature.h"

#include <algorithm>

namespace slipway::serving {
namespace {

struct KnownType {
  std::string_view name;
  DataType type;
};
constexpr KnownType kColumnTypes[] = {{"double", DataType::kFp64},  {"float", DataType::kFp32},
                                      {"long", DataType::kInt64},   {"integer", DataType::kInt32},
                                      {"boolean", DataType::kBool}, {"string", DataType::kBytes},
                                      {"binary", DataType::kBytes}, {"datetime", DataType::kBytes}};
constexpr KnownType kTensorTypes[] = {
    {"bool", DataType::kBool},     {"uint8", DataType::kUint8},   {"uint16", DataType::kUint16},
    {"uint32", DataType::kUint32}, {"uint64", DataType::kUint64}, {"int8", DataType::kInt8},
    {"int16", DataType::kInt16},   {"int32", DataType::kInt32},   {"int64", DataType::kInt64},
    {"float16", DataType::kFp16},  {"float32", DataType::kFp32},  {"float64", DataType::kFp64},
    {"object", DataType::kBytes},  {"str", DataType::kBytes}};

struct Spec {
  std::string name;
  DataType type = DataType::kFp64;
  std::vector<std::int64_t> row_shape;
  bool required = true;
};

Error senseless(std::string_view what) {
  return base::error(Code::kInvalidArgument, "the model's signature makes no sense: {}", what);
}

template <std::size_t size>
Result<DataType> find_type(const KnownType (&known)[size], std::string_view name,
                           std::string_view input) {
  const auto at = std::find_if(std::begin(known), std::end(known),
                               [&](const KnownType& one) { return one.name == name; });
  if (at != std::end(known)) return at->type;
  return base::error(Code::kInvalidArgument,
                     "the model's signature has a type that can't be served: name={} type={}",
                     input, name);
}

Result<Spec> read_tensor(const JsonObject& object, Spec spec) {
  const Json* inner = object.if_contains("tensor-spec");
  if (inner == nullptr || !inner->is_object()) return senseless("a tensor has no tensor-spec");
  const Json* shape = inner->as_object().if_contains("shape");
  if (shape == nullptr || !shape->is_array() || shape->as_array().empty())
    return senseless("a tensor has no shape");
  std::string dtype = TRY(base::get_string(inner->as_object(), "dtype"));
  if (dtype.starts_with("<U")) dtype = "str";
  spec.type = TRY(find_type(kTensorTypes, dtype, spec.name));
  for (const Json& size : shape->as_array()) {
    if (!size.is_int64() || size.get_int64() < -1) return senseless("a shape is whole numbers");
    spec.row_shape.push_back(size.get_int64());
  }
  spec.row_shape.erase(spec.row_shape.begin());  // the rows
  return spec;
}

Result<Spec> read_spec(const Json& item, std::size_t position, std::string_view unnamed_tensor) {
  if (!item.is_object()) return senseless("a spec must be an object");
  const JsonObject& object = item.as_object();
  Spec spec;
  const std::string type = TRY(base::get_string(object, "type"));
  const bool is_tensor = type == "tensor";
  spec.name = TRY(base::find_string(object, "name"))
                  .value_or(is_tensor ? std::string(unnamed_tensor) : std::to_string(position));
  spec.required = TRY(base::find_bool(object, "required"))
                      .value_or(!TRY(base::find_bool(object, "optional")).value_or(false));
  if (is_tensor) return read_tensor(object, std::move(spec));
  spec.type = TRY(find_type(kColumnTypes, type, spec.name));
  return spec;
}

}  // namespace

Result<ModelShape> read_signature(const JsonArray& inputs, const JsonArray& outputs) {
  ModelShape shape;
  if (inputs.empty()) return senseless("it has no inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Spec spec = TRY(read_spec(inputs[i], i, "input-0"));
    const auto same = [&](const InputSpec& known) { return known.name == spec.name; };
    if (std::any_of(shape.inputs.begin(), shape.inputs.end(), same))
      return senseless("two inputs have one name: " + spec.name);
    shape.inputs.push_back({.name = std::move(spec.name),
                            .type = spec.type,
                            .row_shape = std::move(spec.row_shape),
                            .required = spec.required});
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Spec spec = TRY(read_spec(outputs[i], i, "predict"));
    if (outputs.size() == 1 && !outputs[i].as_object().contains("name")) spec.name = "predict";
    shape.outputs.push_back(
        {.name = std::move(spec.name), .type = spec.type, .row_shape = std::move(spec.row_shape)});
  }
  if (shape.outputs.empty()) shape.outputs.push_back({.name = "predict", .type = DataType::kFp64});
  return shape;
}

}  // namespace slipway::serving
