// MLflow's signatures as shapes: every type, names that are missing, and what makes no sense.
#include "serving/signature.h"

#include <gtest/gtest.h>

namespace slipway::serving {
namespace {

Result<ModelShape> read(std::string_view inputs, std::string_view outputs = "[]") {
  return read_signature(base::parse_json(inputs).value().as_array(),
                        base::parse_json(outputs).value().as_array());
}

std::string shown(const ModelShape& shape) {
  std::string out;
  const auto show = [&](const auto& spec) {
    out += fmt::format("{} {}", spec.name, datatype_name(spec.type));
    for (const std::int64_t size : spec.row_shape) out += fmt::format(",{}", size);
  };
  for (const InputSpec& input : shape.inputs) {
    show(input);
    out += input.required ? "; " : "?; ";
  }
  out += "->";
  for (const OutputSpec& output : shape.outputs) {
    out += " ";
    show(output);
  }
  return out;
}

struct Case {
  const char* name;
  const char* inputs;
  const char* outputs;
  const char* expected;  // the shape, or a part of the message
};

TEST(Signature, Shapes) {
  const Case cases[] = {
      {"columns",
       R"([{"type":"double","name":"a","required":true},{"type":"long","name":"n","required":false},
           {"type":"string","name":"s"},{"type":"boolean","name":"b","optional":true},
           {"type":"datetime","name":"d"},{"type":"binary","name":"x"},
           {"type":"float","name":"f"},{"type":"integer","name":"i"}])",
       R"([{"type":"double","name":"p","required":true},{"type":"string","name":"label"}])",
       "a FP64; n INT64?; s BYTES; b BOOL?; d BYTES; x BYTES; f FP32; i INT32; -> p FP64 label "
       "BYTES"},
      {"columns without names", R"([{"type":"double"},{"type":"double"}])", "[]",
       "0 FP64; 1 FP64; -> predict FP64"},
      {"a tensor", R"([{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,28,28]}}])",
       R"([{"type":"tensor","tensor-spec":{"dtype":"int64","shape":[-1]}}])",
       "input-0 FP32,28,28; -> predict INT64"},
      {"named tensors",
       R"([{"name":"x","type":"tensor","tensor-spec":{"dtype":"uint8","shape":[-1,-1]}},
           {"name":"s","type":"tensor","tensor-spec":{"dtype":"object","shape":[-1]}}])",
       R"([{"name":"y","type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,3]}}])",
       "x UINT8,-1; s BYTES; -> y FP64,3"},
      {"a nested type", R"([{"type":"array","items":{"type":"double"},"name":"list"}])", "[]",
       "can't be served: name=list type=array"},
      {"a foreign tensor",
       R"([{"type":"tensor","tensor-spec":{"dtype":"complex64","shape":[-1]}}])", "[]",
       "type=complex64"},
      {"nothing", "[]", "[]", "no inputs"},
      {"a name twice", R"([{"type":"double","name":"a"},{"type":"long","name":"a"}])", "[]",
       "two inputs have one name: a"},
      {"no shape", R"([{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[]}}])", "[]",
       "no shape"},
      {"no object", "[1]", "[]", "must be an object"}};
  for (const Case& each : cases) {
    const auto shape = read(each.inputs, each.outputs);
    const std::string got = shape ? shown(*shape) : shape.error().message;
    EXPECT_NE(got.find(each.expected), std::string::npos) << each.name << ": " << got;
  }
}

}  // namespace
}  // namespace slipway::serving
