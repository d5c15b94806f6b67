#include "api/mlflow/json_members.h"

#include <gtest/gtest.h>

namespace slipway::api::mlflow {
namespace {

TEST(JsonMembers, EveryValueOfTheNamedMembers) {
  const std::string_view names[] = {"run_id", "run_uuid"};
  const struct {
    const char* json;
    std::vector<std::string> values;
  } cases[] = {
      {"", {}},
      {"null", {}},
      {"[]", {}},
      {"{}", {}},
      {R"({"run_id":"a"})", {"a"}},
      {R"( { "x" : [1, {"run_id": "inside"}, "]"] , "run_id" : "a" } )", {"a"}},
      {R"({"run_id":"a","run_uuid":"b","run_id":"c"})", {"a", "b", "c"}},
      {R"({"run\u005fid":"a"})", {"a"}},
      {R"({"run_id":"a\"b\\"})", {"a\"b\\"}},
      {R"({"run_id":12,"run_uuid":null})", {"12", "null"}},
      {R"({"run_id":{"a":[1,2]}})", {R"({"a":[1,2]})"}},
      {R"({"x":"\\","run_id":"a"})", {"a"}},
      {R"({"x":"run_id","y":"\",\"run_id\":\"no"})", {}},
      {R"({"run_id":"a")", {"a"}},
      {R"({"run_id":"a)", {}},
      {R"({"x":[[[1,2],{}]],"run_id":"a"})", {"a"}},
      {R"({"x" 1,"run_id":"a"})", {}},
      {R"({"x":},"run_id":"a"})", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(member_values(c.json, names), c.values) << c.json;
}

}  // namespace
}  // namespace slipway::api::mlflow
