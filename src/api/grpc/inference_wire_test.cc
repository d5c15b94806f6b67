// Messages as batches, and what is wrong with them.
#include "api/grpc/inference_wire.h"

#include <gtest/gtest.h>

#include <functional>

namespace slipway::api::grpc {
namespace {

using inference::ModelInferRequest;
using predict::Inputs;
using serving::DataType;
using serving::InputSpec;

predict::ModelInputs model_of(std::vector<InputSpec> inputs) {
  auto shared = std::make_shared<const std::vector<InputSpec>>(std::move(inputs));
  return [shared]() -> Result<Inputs> { return shared; };
}

ModelInferRequest::InferInputTensor* add(ModelInferRequest& request, const char* name,
                                         const char* datatype, std::vector<std::int64_t> shape) {
  auto* const input = request.add_inputs();
  input->set_name(name);
  input->set_datatype(datatype);
  for (const std::int64_t size : shape) input->add_shape(size);
  return input;
}

double number(const serving::Batch& batch, std::size_t column) {
  return std::get<double>(batch.cell(column, 0));
}

TEST(InferenceReader, TypedContentsOfEveryKind) {
  ModelInferRequest request;
  add(request, "bool", "BOOL", {1})->mutable_contents()->add_bool_contents(true);
  add(request, "int8", "INT8", {1})->mutable_contents()->add_int_contents(-128);
  add(request, "int32", "INT32", {1})->mutable_contents()->add_int_contents(-70000);
  add(request, "int64", "INT64", {1})->mutable_contents()->add_int64_contents(1ll << 40);
  add(request, "uint16", "UINT16", {1})->mutable_contents()->add_uint_contents(65535);
  add(request, "uint64", "UINT64", {1})->mutable_contents()->add_uint64_contents(7);
  add(request, "fp32", "FP32", {1})->mutable_contents()->add_fp32_contents(0.5f);
  add(request, "fp64", "FP64", {1})->mutable_contents()->add_fp64_contents(0.25);
  add(request, "text", "BYTES", {1})->mutable_contents()->add_bytes_contents("north");
  (*request.mutable_parameters())["route_key"].set_string_param("k");
  (*request.mutable_parameters())["top"].set_int64_param(3);
  (*request.mutable_parameters())["sequence_id"].set_int64_param(9);
  request.add_outputs()->set_name("p");
  InferenceReader reader;
  const auto parsed = reader.read(request, model_of({}));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& batch = parsed->batch;
  const double expected[] = {1, -128, -70000, 1099511627776, 65535, 7, 0.5, 0.25};
  for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(number(batch, i), expected[i]);
  EXPECT_EQ(std::get<std::string_view>(batch.cell(8, 0)), "north");
  EXPECT_EQ(parsed->route_key, "k");
  EXPECT_EQ(parsed->params, R"({"top":3})");
  ASSERT_EQ(parsed->outputs.size(), 1u);
}

TEST(InferenceReader, SaysWhatIsWrong) {
  struct Case {
    const char* name;
    std::function<void(ModelInferRequest&)> fill;
    const char* says;
  };
  const Case cases[] = {
      {"nothing", [](auto&) {}, "inputs is empty"},
      {"no name", [](auto& r) { add(r, "", "FP32", {1}); }, "no name"},
      {"foreign type", [](auto& r) { add(r, "x", "F32", {1}); }, "datatype=F32"},
      {"no values", [](auto& r) { add(r, "x", "FP32", {1}); }, "0 bytes"},
      {"negative shape", [](auto& r) { add(r, "x", "FP32", {-1}); }, "whole numbers"},
      {"half in contents", [](auto& r) { add(r, "x", "FP16", {1}); }, "raw_input_contents only"},
      {"beyond its type",
       [](auto& r) { add(r, "x", "INT8", {1})->mutable_contents()->add_int_contents(128); },
       "beyond its datatype"},
      {"too few raw",
       [](auto& r) {
         add(r, "x", "FP32", {1});
         add(r, "y", "FP32", {1});
         r.add_raw_input_contents("1234");
       },
       "got=1 inputs=2"},
      {"both",
       [](auto& r) {
         add(r, "x", "FP32", {1})->mutable_contents()->add_fp32_contents(1);
         r.add_raw_input_contents("1234");
       },
       "has contents"},
      {"a timeout that no clock has",
       [](auto& r) {
         add(r, "x", "FP32", {1})->mutable_contents()->add_fp32_contents(1);
         (*r.mutable_parameters())["timeout"].set_int64_param(
             std::numeric_limits<std::int64_t>::max());
       },
       "timeout is a whole number of microseconds"},
      {"shared memory",
       [](auto& r) {
         (*add(r, "x", "FP32", {1})->mutable_parameters())["shared_memory_region"].set_string_param(
             "r");
       },
       "shared memory"},
  };
  InferenceReader reader;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ModelInferRequest request;
    c.fill(request);
    const auto parsed = reader.read(request, model_of({}));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find(c.says), std::string::npos) << parsed.error().message;
  }
}

TEST(InferenceReader, RawContentsAndTheWayBack) {
  ModelInferRequest request;
  request.set_model_name("m");
  add(request, "t", "BYTES", {1, 2});
  request.add_raw_input_contents(std::string("\1\0\0\0a\1\0\0\0b", 10));
  InferenceReader reader;
  const auto parsed =
      reader.read(request, model_of({{.name = "t", .type = DataType::kBytes, .row_shape = {2}}}));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->batch.tensors.size(), 1u);
  EXPECT_EQ(parsed->batch.tensors[0].texts[1], "b");

  serving::Prediction prediction{.id = "r", .variant = "live", .model_version = 2, .rows = 1};
  prediction.outputs.push_back({.name = "p", .row_shape = {2}, .values = std::vector<float>{1, 2}});
  inference::ModelInferResponse response;
  ASSERT_TRUE(write_answer(request, prediction, {}, response));
  EXPECT_EQ(response.model_version(), "2");
  EXPECT_EQ(response.outputs(0).shape_size(), 2);
  EXPECT_EQ(response.raw_output_contents(0).size(), 8u);
  EXPECT_FALSE(write_answer(request, prediction, {{"q", true}}, response));
}

}  // namespace
}  // namespace slipway::api::grpc
