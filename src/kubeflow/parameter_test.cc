#include "kubeflow/parameter.h"

#include <gtest/gtest.h>

namespace slipway::kubeflow {
namespace {

TEST(Parameter, ValuesAreOfTheirType) {
  const struct {
    const char *json, *type;
    bool fits;
    const char* as;
  } cases[] = {
      {R"("a")", "STRING", true, R"("a")"},
      {"1", "STRING", false, ""},
      {"5.0", "NUMBER_INTEGER", true, "5"},
      {"5.5", "NUMBER_INTEGER", false, ""},
      {"5", "NUMBER_DOUBLE", true, "5"},
      {R"("5")", "NUMBER_DOUBLE", false, ""},
      {"1e300", "NUMBER_INTEGER", false, ""},
      {"true", "BOOLEAN", true, "true"},
      {"1", "BOOLEAN", false, ""},
      {"[1,\"2\"]", "LIST", true, "[1,\"2\"]"},
      {"{}", "LIST", false, ""},
      {R"({"a":[]})", "STRUCT", true, R"({"a":[]})"},
  };
  for (const auto& [json, type, fits, as] : cases) {
    const auto typed = as_type(MUST(base::parse_json(json)), MUST(parse_parameter_type(type)));
    EXPECT_EQ(typed.has_value(), fits) << json << " " << type;
    if (typed) {
      EXPECT_EQ(base::to_text(*typed), as);
    }
  }
  EXPECT_FALSE(parse_parameter_type("INT"));
}

TEST(Parameter, OutputFilesAreReadByType) {
  EXPECT_EQ(*value_of_text("1\n", ParameterType::kText), Json("1\n"));
  EXPECT_EQ(*value_of_text("True\n", ParameterType::kBoolean), Json(true));
  EXPECT_EQ(*value_of_text(" 7\n", ParameterType::kInteger), Json(7));
  EXPECT_FALSE(value_of_text("seven", ParameterType::kInteger));
  EXPECT_EQ(*made_type(Json(2.5), ParameterType::kText), Json("2.5"));
  EXPECT_EQ(*made_type(Json("2.5"), ParameterType::kNumber), Json(2.5));
}

TEST(Parameter, IsTextInOurRunsAndComesBack) {
  const struct {
    const char *type, *fallback;
    bool optional;
    const char *value, *text;
  } cases[] = {
      {"STRING", "", false, R"("a b")", "a b"},
      {"STRING", R"("d")", true, R"("null")", "null"},
      {"STRING", "", true, R"("null")", R"("null")"},
      {"STRING", "", true, "", "null"},
      {"NUMBER_DOUBLE", "", false, "0.5", "0.5"},
      {"NUMBER_INTEGER", "", true, "", "null"},
      {"STRUCT", "", false, R"({"a":"1"})", R"({"a":"1"})"},
  };
  for (const auto& [type, fallback, optional, value, text] : cases) {
    ParameterSpec spec{.type = MUST(parse_parameter_type(type)), .is_optional = optional};
    if (*fallback != 0) spec.value = MUST(base::parse_json(fallback));
    std::optional<Json> given;
    if (*value != 0) given = MUST(base::parse_json(value));
    EXPECT_EQ(plan_text(given, spec), text);
    const auto back = value_of_plan_text(text, spec);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(*back, given) << text;
  }
  EXPECT_FALSE(value_of_plan_text("", {.type = ParameterType::kInteger}));
}

}  // namespace
}  // namespace slipway::kubeflow
