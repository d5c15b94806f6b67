// Predictions as bodies.
#include "api/predict/answer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/json.h"

namespace slipway::api::predict {
namespace {

using serving::DataType;
using serving::Prediction;

Prediction two_outputs() {
  Prediction prediction{.id = "r", .variant = "live", .revision = 3, .model_version = 2, .rows = 2};
  prediction.outputs.push_back(
      {.name = "label",
       .type = DataType::kInt64,
       .values = std::vector<std::int64_t>{(std::int64_t{1} << 53) + 1, -1}});
  prediction.outputs.push_back({.name = "p",
                                .type = DataType::kFp32,
                                .row_shape = {2},
                                .values = std::vector<float>{0.25f, 0.75f, 1, 0}});
  return prediction;
}

TEST(V2Answer, NamesEveryOutputAndKeepsIntegersExact) {
  const auto answer = v2_answer("m", two_outputs());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->json_bytes, 0u);
  EXPECT_EQ(answer->body,
            R"({"model_name":"m","model_version":"2","id":"r",)"
            R"("parameters":{"revision":3,"variant":"live"},"outputs":[)"
            R"({"name":"label","shape":[2],"datatype":"INT64","data":[9007199254740993,-1]},)"
            R"({"name":"p","shape":[2,2],"datatype":"FP32","data":[0.25,0.75,1,0]}]})");
}

TEST(V2Answer, OutputsAreChosenByNameAndComeInBinary) {
  const std::vector<WantedOutput> wanted = {{"p", true}, {"label", false}};
  const auto answer = v2_answer("m", two_outputs(), wanted);
  ASSERT_TRUE(answer);
  const Json json = base::parse_json(answer->body.substr(0, answer->json_bytes)).value();
  const JsonArray& outputs = json.as_object().at("outputs").as_array();
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].as_object().at("parameters").as_object().at("binary_data_size"), Json(16));
  EXPECT_FALSE(outputs[0].as_object().contains("data"));
  EXPECT_EQ(outputs[1].as_object().at("name"), Json("label"));
  float values[4];
  ASSERT_EQ(answer->body.size(), answer->json_bytes + sizeof values);
  std::memcpy(values, answer->body.data() + answer->json_bytes, sizeof values);
  EXPECT_EQ(values[1], 0.75f);

  const std::vector<WantedOutput> unknown = {{"q", false}};
  const auto refused = v2_answer("m", two_outputs(), unknown);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "unexpected output q: this endpoint gives label, p");
}

TEST(V2Answer, BinaryIsAsWideAsTheDatatype) {
  struct Case {
    DataType type;
    std::string_view bytes;
  };
  const Case cases[] = {{DataType::kBool, {"\1\0", 2}},
                        {DataType::kInt8, {"\1\0", 2}},
                        {DataType::kUint16, {"\1\0\0\0", 4}},
                        {DataType::kInt32, {"\1\0\0\0\0\0\0\0", 8}},
                        {DataType::kInt64, {"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}}};
  for (const Case& c : cases) {
    std::string out;
    append_binary(out, {.name = "x", .type = c.type, .values = std::vector<std::int64_t>{1, 0}});
    EXPECT_EQ(out, c.bytes) << serving::datatype_name(c.type);
  }
  std::string out;
  append_binary(out, {.name = "x", .type = DataType::kFp16, .values = std::vector<float>{1.5f}});
  EXPECT_EQ(out, std::string_view("\0\x3E", 2));
  out.clear();
  append_binary(out,
                {.name = "x", .type = DataType::kBytes, .values = std::vector<std::string>{"ab"}});
  EXPECT_EQ(out, std::string_view("\2\0\0\0ab", 6));
}

TEST(RowsAnswer, ListsRowsAndSaysWhatJsonHasNoWordFor) {
  EXPECT_EQ(rows_answer(two_outputs(), NonFinite::kNull),
            R"([{"label":9007199254740993,"p":[0.25,0.75]},{"label":-1,"p":[1,0]}])");
  Prediction odd{.rows = 3};
  const double infinity = std::numeric_limits<double>::infinity();
  odd.outputs.push_back({.name = "x",
                         .type = DataType::kFp64,
                         .values = std::vector<double>{std::nan(""), infinity, -infinity}});
  EXPECT_EQ(rows_answer(odd, NonFinite::kBare), "[NaN,Infinity,-Infinity]");
  EXPECT_EQ(rows_answer(odd, NonFinite::kNull), "[null,null,null]");
}

}  // namespace
}  // namespace slipway::api::predict
