// What clients send, and what they get wrong.
#include "api/predict/json_batch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
#include <limits>

#include "api/predict/testing/shown_batch.h"

namespace slipway::api::predict {
namespace {

using testing::shown;

using serving::InputSpec;

ModelInputs model_of(std::vector<InputSpec> inputs) {
  auto shared = std::make_shared<const std::vector<InputSpec>>(std::move(inputs));
  return [shared]() -> Result<Inputs> { return shared; };
}

const ModelInputs two_features = model_of({{.name = "a"}, {.name = "b"}});

struct Case {
  const char* name;
  const char* body;
  const char* expected;  // shown batch, or a part of the message
  bool fails = false;
};

TEST(JsonReader, OpenInferenceProtocol) {
  const Case cases[] = {
      {"named columns",
       R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[1.5,null]},
                     {"name":"y","shape":[2,1],"datatype":"BYTES","data":[["u"],["v"]]}]})",
       "x=1.5 y='u' | x= y='v' | "},
      {"matrix",
       R"({"inputs":[{"name":"input-0","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]})",
       "a=1 b=2 | a=3 b=4 | "},
      {"nested matrix",
       R"({"inputs":[{"name":"i","shape":[2,2],"datatype":"INT64","data":[[1,2],[3,4]]}]})",
       "a=1 b=2 | a=3 b=4 | "},
      {"no JSON", R"({"inputs":)", "no JSON", true},
      {"empty", "", "no JSON", true},
      {"a list", "[]", "must be a JSON object", true},
      {"no inputs", "{}", "inputs is missing", true},
      {"empty inputs", R"({"inputs":[]})", "inputs is empty", true},
      {"no name", R"({"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]})", "no name", true},
      {"foreign datatype", R"({"inputs":[{"name":"x","shape":[1],"datatype":"F32","data":[1]}]})",
       "datatype=F32", true},
      {"too few", R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1]}]})",
       "data has 1 values but shape says 2", true},
      {"negative shape", R"({"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[]}]})",
       "whole numbers", true},
      {"text as number", R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":["1"]}]})",
       "element 0 of input x is a text", true},
      {"number as bytes", R"({"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":[1]}]})",
       "BYTES", true},
      {"twice",
       R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},
                     {"name":"x","shape":[1],"datatype":"FP32","data":[1]}]})",
       "comes twice", true},
      {"rows differ",
       R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},
                     {"name":"y","shape":[2],"datatype":"FP32","data":[1,2]}]})",
       "differ in rows", true},
      {"too deep",
       R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[[[[[[[[[[1]]]]]]]]]]}]})",
       "nested too deeply", true},
      {"wrong width", R"({"inputs":[{"name":"i","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]})",
       "3 columns without names, but the model has 2", true},
      {"huge shape",
       R"({"inputs":[{"name":"x","shape":[99999999999999],"datatype":"FP32","data":[]}]})",
       "whole numbers", true},
  };
  JsonReader reader;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto parsed = reader.read_v2(c.body, std::nullopt, two_features);
    ASSERT_EQ(parsed.has_value(), !c.fails) << (parsed ? "" : parsed.error().message);
    if (c.fails) {
      EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
      EXPECT_NE(parsed.error().message.find(c.expected), std::string::npos)
          << parsed.error().message;
    } else {
      EXPECT_EQ(shown(parsed->batch), c.expected);
    }
  }
  const auto parsed = reader.read_v2(
      R"({"id":"r1","parameters":{"event_time":"2013-06-01T00:00:00Z","route_key":"k","traffic":"load"},
          "inputs":[{"name":"x","shape":[1],"datatype":"BOOL","data":[true]}]})",
      std::nullopt, two_features);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, "r1");
  EXPECT_EQ(parsed->event_time, "2013-06-01T00:00:00Z");
  EXPECT_EQ(parsed->route_key, "k");
  EXPECT_EQ(parsed->traffic, "load");
}

TEST(JsonReader, MlflowScoring) {
  const Case cases[] = {
      {"split", R"({"dataframe_split":{"columns":["x","y"],"data":[[1,"u"],[2,null]]}})",
       "x=1 y='u' | x=2 y= | "},
      {"records", R"({"dataframe_records":[{"x":1,"y":2},{"y":4,"x":3}]})", "x=1 y=2 | x=3 y=4 | "},
      {"inputs by column", R"({"inputs":{"x":[1,2],"y":["u","v"]}})", "x=1 y='u' | x=2 y='v' | "},
      {"instances as rows", R"({"instances":[[1,2],[3,4]]})", "a=1 b=2 | a=3 b=4 | "},
      {"instances flat", R"({"instances":[1,2]})", "a=1 b=2 | "},
      {"bytes", R"({"instances":[{"x":{"b64":"bm9ydGg="}}]})", "x='north' | "},
      {"broken bytes", R"({"instances":[{"x":{"b64":"!"}}]})", "b64 is not base64", true},
      {"two of them", R"({"inputs":{"x":1},"instances":[]})", "exactly one", true},
      {"instances as records", R"({"instances":[{"x":true}]})", "x=1 | "},
      {"nothing known", R"({"rows":[]})", "expected one of dataframe_split", true},
      {"ragged split", R"({"dataframe_split":{"columns":["x"],"data":[[1,2]]}})",
       "row 0 has 2 values", true},
      {"ragged records", R"({"dataframe_records":[{"x":1},{"y":1}]})", "row 1 lacks column x",
       true},
      {"nested cell", R"({"dataframe_records":[{"x":{}}]})", "a value must be", true},
      {"columns differ", R"({"inputs":{"x":[1,2],"y":[1]}})", "column y has 1 rows", true},
      {"empty instances", R"({"instances":[]})", "instances is empty", true},
  };
  JsonReader reader;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto parsed = reader.read_invocation(c.body, two_features);
    ASSERT_EQ(parsed.has_value(), !c.fails) << (parsed ? "" : parsed.error().message);
    if (c.fails) {
      EXPECT_NE(parsed.error().message.find(c.expected), std::string::npos)
          << parsed.error().message;
    } else {
      EXPECT_EQ(shown(parsed->batch), c.expected);
    }
  }
}

// Names were looked for one by one: a megabyte of them took a core for a quarter of a minute.
TEST(JsonReader, NamesTakeTimeByTheirNumberOnlyAndHaveALimit) {
  const auto record = [](std::size_t names, bool is_reversed) {
    std::string text = "{";
    for (std::size_t i = 0; i < names; ++i)
      text += fmt::format("{}\"{}\":1", i == 0 ? "" : ",", is_reversed ? names - 1 - i : i);
    return text + "}";
  };
  const auto read = [](const std::string& data) {
    static JsonReader reader;
    return reader.read_score("{\"input_data\":" + data + "}", two_features);
  };
  const std::clock_t before = std::clock();
  const std::string many = record(kColumnsMax, false);
  const std::string reversed = record(kColumnsMax, true);
  EXPECT_TRUE(read("[" + many + "," + reversed + "]"));
  EXPECT_TRUE(read(many));
  EXPECT_LT(std::clock() - before, 5 * CLOCKS_PER_SEC);
  const std::string more = record(kColumnsMax + 1, false);
  for (const std::string& given : {"[" + more + "]", more}) {
    const auto refused = read(given);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("more than 100000 columns"), std::string::npos)
        << refused.error().message;
  }
  for (const char* twice : {R"([{"a":1,"b":2,"a":3}])", R"({"a":[1],"b":[2],"a":[3]})"}) {
    const auto refused = read(twice);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("comes twice: column=a"), std::string::npos);
  }
}

TEST(JsonReader, IntegersOfAColumnAreNotRounded) {
  JsonReader reader;
  const auto v2 = [&](const char* datatype, const char* value) {
    const std::string body =
        fmt::format(R"({{"inputs":[{{"name":"x","shape":[1],"datatype":"{}","data":[{}]}}]}})",
                    datatype, value);
    return reader.read_v2(body, std::nullopt, two_features);
  };
  EXPECT_TRUE(v2("INT64", "9007199254740992"));
  EXPECT_TRUE(v2("FP64", "9007199254740993"));
  EXPECT_NE(v2("INT64", "-9007199254740993").error().message.find("element 0 of input x"),
            std::string::npos);
  EXPECT_FALSE(reader.read_invocation(R"({"inputs":{"x":[9007199254740993]}})", two_features));
}

TEST(JsonReader, TensorsStayWholeAndExact) {
  const ModelInputs model =
      model_of({{.name = "i", .type = serving::DataType::kInt64, .row_shape = {-1}},
                {.name = "b", .type = serving::DataType::kBool, .row_shape = {1}},
                {.name = "t", .type = serving::DataType::kBytes, .row_shape = {2}}});
  JsonReader reader;
  const auto parsed = reader.read_v2(
      R"({"inputs":[
          {"name":"i","shape":[1,3],"datatype":"INT64","data":[[9007199254740993,-9223372036854775808,2.0]]},
          {"name":"b","shape":[1,1],"datatype":"BOOL","data":[true]},
          {"name":"t","shape":[1,2],"datatype":"BYTES","data":["u","v"]}]})",
      std::nullopt, model);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->batch.tensors.size(), 3u);
  const serving::Tensor& integers = parsed->batch.tensors[0];
  std::int64_t values[3];
  ASSERT_EQ(integers.bytes.size(), sizeof values);
  std::memcpy(values, integers.bytes.data(), sizeof values);
  EXPECT_EQ(values[0], 9007199254740993);
  EXPECT_EQ(values[1], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(values[2], 2);
  EXPECT_EQ(parsed->batch.tensors[1].bytes[0], std::byte{1});
  EXPECT_EQ(parsed->batch.tensors[2].texts[1], "v");
  for (const char* data : {"1.5", "9223372036854775808", "null", "\"1\"", "[[[[[[[[1]]]]]]]]"}) {
    const std::string body = fmt::format(
        R"({{"inputs":[{{"name":"i","shape":[1,1],"datatype":"INT64","data":[{}]}}]}})", data);
    EXPECT_FALSE(reader.read_v2(body, std::nullopt, model)) << data;
  }
}

TEST(JsonReader, BinaryTensorsStandBehindTheJson) {
  const std::string json =
      R"({"inputs":[{"name":"x","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}},)"
      R"({"name":"t","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}},)"
      R"({"name":"y","shape":[2],"datatype":"FP64","data":[1,2]}],)"
      R"("outputs":[{"name":"p","parameters":{"binary_data":true}},{"name":"q"}]})";
  const std::string binary("\1\0\xFF\xFF\1\0\0\0u\0\0\0\0", 13);
  JsonReader reader;
  const auto read = [&](const std::string& body, std::size_t json_bytes) {
    return reader.read_v2(body, json_bytes, two_features);
  };
  const std::string body = json + binary;
  const auto parsed = read(body, json.size());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(shown(parsed->batch), "x=1 t='u' y=1 | x=-1 t='' y=2 | ");
  ASSERT_EQ(parsed->outputs.size(), 2u);
  EXPECT_TRUE(parsed->outputs[0].is_binary);
  EXPECT_FALSE(parsed->outputs[1].is_binary);
  const std::string more = body + "!", less = body.substr(0, body.size() - 1);
  EXPECT_NE(read(more, json.size()).error().message.find("1 bytes behind"), std::string::npos);
  EXPECT_NE(read(less, json.size()).error().message.find("ends inside"), std::string::npos);
  EXPECT_FALSE(read(body, body.size() + 1));
  EXPECT_FALSE(read(body, json.size() - 1));
}

TEST(JsonReader, ARawBodyIsTheOnlyInput) {
  const ModelInputs image =
      model_of({{.name = "image", .type = serving::DataType::kFp32, .row_shape = {-1, 2}}});
  JsonReader reader;
  const std::string body(16, '\0');
  const auto parsed = reader.read_raw(body, image);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->batch.tensors.at(0).shape, (std::vector<std::int64_t>{1, 2, 2}));
  EXPECT_TRUE(parsed->are_outputs_binary);
  EXPECT_FALSE(reader.read_raw(std::string_view(body).substr(1), image));
  EXPECT_FALSE(reader.read_raw(body, two_features));
  const auto text =
      reader.read_raw("hello", model_of({{.name = "t", .type = serving::DataType::kBytes}}));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(shown(text->batch), "t='hello' | ");
}

TEST(JsonReader, RowsOfTensors) {
  const ModelInputs model =
      model_of({{.name = "x", .type = serving::DataType::kFp32, .row_shape = {2}}});
  JsonReader reader;
  for (const char* body :
       {R"({"instances":[[1,2],[3,4]]})", R"({"instances":[{"x":[1,2]},{"x":[3,4]}]})"}) {
    const auto parsed = reader.read_instances(body, model);
    ASSERT_TRUE(parsed) << body << parsed.error().message;
    EXPECT_EQ(parsed->batch.rows, 2u);
    ASSERT_EQ(parsed->batch.tensors.size(), 1u);
    const serving::Tensor& tensor = parsed->batch.tensors[0];
    EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 2}));
    float values[4];
    ASSERT_EQ(tensor.bytes.size(), sizeof values);
    std::memcpy(values, tensor.bytes.data(), sizeof values);
    EXPECT_EQ(values[2], 3);
  }
  const auto columns = reader.read_invocation(R"({"inputs":{"x":[[1,2]],"k":["a"]}})", model);
  ASSERT_TRUE(columns) << columns.error().message;
  EXPECT_EQ(columns->batch.tensors.size(), 1u);
  EXPECT_EQ(columns->batch.names.size(), 1u);
  struct Case {
    const char* body;
    const char* says;
  };
  for (const auto& [body, says] : {Case{R"({"instances":[[1,2],[3]]})", "rows differ in shape"},
                                   Case{R"({"instances":[[[1,2],[3]]]})", "ragged"},
                                   Case{R"({"instances":[["a",1]]})", "no FP32"},
                                   Case{R"({"instances":{}})", "must be a list"}}) {
    const auto parsed = reader.read_instances(body, model);
    ASSERT_FALSE(parsed) << body;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
  }
}

TEST(JsonReader, ARowsShapeMayNotMultiplyBeyondBounds) {
  // Each list is long, but only the first of each has lists in it.
  std::string row = "0";
  for (int depth = 0; depth < 6; ++depth) {
    row.insert(0, "[");
    for (int i = 1; i < 2048; ++i) row += ",0";
    row += "]";
  }
  const ModelInputs model =
      model_of({{.name = "x", .type = serving::DataType::kFp32, .row_shape = {2}}});
  JsonReader reader;
  const auto parsed = reader.read_instances("{\"instances\":[" + row + "]}", model);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("too many elements"), std::string::npos)
      << parsed.error().message;
}

TEST(JsonReader, AzuresInputData) {
  JsonReader reader;
  const auto split = reader.read_score(
      R"({"input_data":{"columns":["x"],"index":[0],"data":[[7]]},"params":{"k":1}})",
      two_features);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(shown(split->batch), "x=7 | ");
  EXPECT_EQ(split->params, R"({"k":1})");
  const auto rows = reader.read_score(R"({"input_data":[[1,2]]})", two_features);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(shown(rows->batch), "a=1 b=2 | ");
  EXPECT_FALSE(reader.read_score("{}", two_features));
}

TEST(JsonReader, ParamsOfTheModel) {
  JsonReader reader;
  const auto v2 = reader.read_v2(
      R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],
          "parameters":{"route_key":"k","timeout":2500,"top_k":3,"name":"a\"b"}})",
      std::nullopt, two_features);
  ASSERT_TRUE(v2) << v2.error().message;
  EXPECT_EQ(v2->params, R"({"top_k":3,"name":"a\"b"})");
  EXPECT_EQ(v2->timeout_us, 2500);
  const auto invocation = reader.read_invocation(
      R"({"dataframe_records":[{"a":1}],"params":{"scale":[0.5,true]}})", two_features);
  ASSERT_TRUE(invocation) << invocation.error().message;
  EXPECT_EQ(invocation->params, R"({"scale":[0.5,true]})");
  for (const std::string_view timeout : {"\"soon\"", "-1", "0.5", "1000000000001"}) {
    EXPECT_FALSE(reader.read_v2(
        fmt::format(R"({{"inputs":[{{"name":"x","shape":[1],"datatype":"FP64","data":[1]}}],
                         "parameters":{{"timeout":{}}}}})",
                    timeout),
        std::nullopt, two_features))
        << timeout;
  }
}

}  // namespace
}  // namespace slipway::api::predict
