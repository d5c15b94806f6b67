// What clients send, and what they get wrong.
#include "api/predict/json_batch.h"

#include <gtest/gtest.h>

namespace slipway::api::predict {
namespace {

Result<std::vector<std::string>> two_features() { return std::vector<std::string>{"a", "b"}; }

std::string shown(const serving::Batch& batch) {
  std::string out;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < batch.names.size(); ++c) {
      const serving::Cell& cell = batch.cell(c, row);
      out += std::string(batch.names[c]) + "=";
      if (const auto* number = std::get_if<double>(&cell)) out += fmt::format("{}", *number);
      if (const auto* text = std::get_if<std::string_view>(&cell))
        out += "'" + std::string(*text) + "'";
      out += " ";
    }
    out += "| ";
  }
  return out;
}

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
       R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[[[[[[1]]]]]]}]})",
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
    const auto parsed = reader.read_v2(c.body, two_features);
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
      two_features);
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

TEST(JsonReader, ParamsOfTheModel) {
  JsonReader reader;
  const auto v2 = reader.read_v2(
      R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],
          "parameters":{"route_key":"k","timeout":2500,"top_k":3,"name":"a\"b"}})",
      two_features);
  ASSERT_TRUE(v2) << v2.error().message;
  EXPECT_EQ(v2->params, R"({"top_k":3,"name":"a\"b"})");
  EXPECT_EQ(v2->timeout_us, 2500);
  const auto invocation = reader.read_invocation(
      R"({"dataframe_records":[{"a":1}],"params":{"scale":[0.5,true]}})", two_features);
  ASSERT_TRUE(invocation) << invocation.error().message;
  EXPECT_EQ(invocation->params, R"({"scale":[0.5,true]})");
  EXPECT_FALSE(reader.read_v2(
      R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],
          "parameters":{"timeout":"soon"}})",
      two_features));
}

}  // namespace
}  // namespace slipway::api::predict
