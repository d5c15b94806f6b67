#include "kubeflow/placeholder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::kubeflow {
namespace {

using Kind = Placeholder::Kind;

Result<std::string> tell(const Placeholder& one) {
  return fmt::format("<{} {} {} {}>", static_cast<int>(one.kind), one.name, one.field, one.key);
}

TEST(Placeholder, IsReplacedAndWhatStandsForItIsNotLookedInto) {
  const struct {
    const char *text, *becomes;
  } cases[] = {
      {"plain {{x}} ${y} {{ $ }}", "plain {{x}} ${y} {{ $ }}"},
      {"{{$}}", "<0   >"},
      {"a{{$.inputs.parameters['x']}}b{{$.inputs.parameters[\"y-1\"]}}", "a<1 x  >b<1 y-1  >"},
      {"{{$.inputs.artifacts['m'].uri}}", "<2 m uri >"},
      {"{{$.inputs.artifacts['m'].metadata['k']}}", "<2 m metadata k>"},
      {"{{$.outputs.parameters['o'].output_file}}", "<3 o output_file >"},
      {"{{$.outputs.artifacts['m'].path}}", "<4 m path >"},
      {"{{$.outputs.output_file}}", "<5   >"},
      {"{{$.pipeline_job_name}}/{{$.pipeline_task_uuid}}",
       "<6 pipeline_job_name  >/<6 pipeline_task_uuid  >"},
  };
  for (const auto& [text, becomes] : cases) {
    const auto replaced = replace_placeholders(text, tell);
    ASSERT_TRUE(replaced) << text << ": " << replaced.error().message;
    EXPECT_EQ(*replaced, becomes) << text;
  }
  const auto again = replace_placeholders("{{$.inputs.parameters['x']}}", [](const Placeholder&) {
    return Result<std::string>("{{$.inputs.parameters['secret']}}");
  });
  EXPECT_EQ(*again, "{{$.inputs.parameters['secret']}}");
}

TEST(Placeholder, OneThatNobodyKnowsIsRefused) {
  for (const char* const text :
       {"{{$.none}}", "{{$.inputs.parameters['x'}}", "{{$.inputs.parameters['x'].field}}",
        "{{$.outputs.parameters['x']}}", "{{$.inputs.artifacts['x'].other}}",
        "{{$.json_escape[1]}}", "{{$.workspace_path}}", "{{$",
        "{{$.inputs.artifacts['m'].metadata['k'}}"}) {
    const auto replaced = replace_placeholders(text, tell);
    ASSERT_FALSE(replaced) << text;
    EXPECT_NE(replaced.error().message.find("not known"), std::string::npos) << text;
  }
}

TEST(Placeholder, WordsBecomeWhatTheyComeTo) {
  const auto expand = [](std::vector<std::string> words, bool given) {
    return expand_words(words, [&](const std::string& input) { return given && input == "x"; });
  };
  const std::string if_present =
      R"({"IfPresent": {"InputName": "x", "Then": ["--x", "{{$.inputs.parameters['x']}}"], "Else": ["--none"]}})";
  EXPECT_THAT(*expand({"a", if_present}, true),
              testing::ElementsAre("a", "--x", "{{$.inputs.parameters['x']}}"));
  EXPECT_THAT(*expand({"a", if_present}, false), testing::ElementsAre("a", "--none"));
  EXPECT_THAT(*expand({R"({"IfPresent": {"InputName": "x", "Then": "t"}})"}, false),
              testing::IsEmpty());
  EXPECT_THAT(
      *expand({R"({"Concat": ["a", {"IfPresent": {"InputName": "x", "Then": "b"}}, "c"]})"}, true),
      testing::ElementsAre("abc"));
  EXPECT_THAT(*expand({R"({"other": 1})"}, true), testing::ElementsAre(R"({"other": 1})"));
  for (const char* const word :
       {R"({"Concat": 1})", R"({"Concat": [1]})", R"({"IfPresent": {"Then": "a"}})",
        R"({"IfPresent": 1})", R"({"Concat": [)"})
    EXPECT_FALSE(expand({word}, true)) << word;
}

}  // namespace
}  // namespace slipway::kubeflow
