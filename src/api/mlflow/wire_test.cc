// What MLflow says about a request that lacks something or has it of the wrong type.
#include "api/mlflow/wire.h"

#include <gtest/gtest.h>

namespace slipway::api::mlflow {
namespace {

using enum Parameter::Kind;

Result<void> check(std::string_view body) {
  const http::Request request{.method = http::Method::kPost, .body = body};
  return Fields(request).check({required("run_id"), required("key"), required("value", kNumber),
                                required("timestamp", kInteger), optional("step", kInteger),
                                optional("tags", kArray), optional("order_by", kTexts)});
}

TEST(FieldsTest, SaysWhatIsWrong) {
  const std::string good = R"("run_id":"r","key":"k","value":1,"timestamp":2)";
  const struct {
    std::string body, message;
  } cases[] = {
      {"{" + good + "}", ""},
      {R"({"run_uuid":"r","key":"k","value":"NaN","timestamp":"2"})", ""},
      {R"({"run_id":"r","key":"k","value":NaN,"timestamp":2})", ""},
      {R"({"run_id":"r","key":"NaN \" NaN","value":-Infinity,"timestamp":2})", ""},
      {R"({"run_id":"r","key":"k","value":nan,"timestamp":2})",
       "Missing value for required parameter 'run_id'."},
      {"{" + good + R"(,"step":null,"tags":null})", ""},
      {"{" + good + R"(,"step":1.5})", ""},
      {"no json", "Missing value for required parameter 'run_id'."},
      {"{}", "Missing value for required parameter 'run_id'."},
      {R"({"run_id":null})", "Missing value for required parameter 'run_id'."},
      {R"({"run_id":"r","key":""})", "Missing value for required parameter 'key'."},
      {R"({"run_id":31})", "Invalid value 31 for parameter 'run_id' supplied"},
      {R"({"run_id":9.0})", "Invalid value 9.0 for parameter 'run_id' supplied"},
      {R"({"run_id":["r"]})", "Invalid value [\"r\"] for parameter 'run_id' supplied"},
      {R"({"run_id":"r","key":"k","value":"x"})",
       "Invalid value \"x\" for parameter 'value' supplied:  Hint: Value was of type 'str'"},
      {"{" + good + R"(,"step":"foo"})", "Invalid value \"foo\" for parameter 'step' supplied"},
      {"{" + good + R"(,"tags":"foo"})", "Invalid value \"foo\" for parameter 'tags' supplied"},
      {"{" + good + R"(,"order_by":[1]})", "Invalid value [1] for parameter 'order_by' supplied"},
  };
  for (const auto& c : cases) {
    const Result<void> checked = check(c.body);
    EXPECT_EQ(checked.has_value(), c.message.empty()) << c.body;
    if (checked) continue;
    EXPECT_TRUE(checked.error().message.starts_with(c.message)) << checked.error().message;
  }
}

TEST(FieldsTest, BareNumbersOfPythonAreQuotedOutsideOfTexts) {
  EXPECT_EQ(quote_special_numbers(R"({"NaN\"NaN":[NaN,-Infinity,Infinity],"a\\":NaN})"),
            R"({"NaN\"NaN":["NaN","-Infinity","Infinity"],"a\\":"NaN"})");
  EXPECT_EQ(quote_special_numbers("\"a\\"), "\"a\\");
}

TEST(FieldsTest, QueriesAreText) {
  const auto query = [](std::string_view target) {
    const http::Request request{.target = target};
    return Fields(request).check({required("run_ids", kTexts), optional("max_results", kInteger)});
  };
  EXPECT_TRUE(query("/x?run_ids=a&max_results=7"));
  EXPECT_TRUE(query("/x?run_ids=a&run_ids=b"));
  EXPECT_FALSE(query("/x?run_ids="));
  EXPECT_FALSE(query("/x?run_ids=a&max_results=seven"));
}

}  // namespace
}  // namespace slipway::api::mlflow
