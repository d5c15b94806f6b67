#include "webhooks/message.h"

#include <gtest/gtest.h>

namespace slipway::webhooks {
namespace {

TEST(Message, EveryKindOfEvent) {
  struct Case {
    std::string kind, subject, payload;
    std::string event, data;  // empty: nothing to tell
  };
  const std::string prompt_tags =
      R"("tags":{"mlflow.prompt.is_prompt":"true","_mlflow_prompt_type":"text","mlflow.prompt.text":"Hi","a":"b"})";
  for (
      const Case& c : std::initializer_list<Case>{
          {"model.created", "models/m", R"({"description":"","tags":{"a":"b"},"prompt":false})",
           "registered_model.created", R"({"name":"m","tags":{"a":"b"},"description":""})"},
          {"model.created", "models/m", "{}", "registered_model.created",
           R"({"name":"m","tags":{},"description":""})"},
          {"model.created", "models/p", "{" + prompt_tags + R"(,"prompt":true})", "prompt.created",
           R"({"name":"p","tags":{"a":"b"},"description":""})"},
          {"model_version.created", "models/m/3",
           R"({"source":"s3://b","run_id":"","description":"d","tags":{},"prompt":false})",
           "model_version.created",
           R"({"name":"m","version":"3","source":"s3://b","run_id":null,"tags":{},"description":"d"})"},
          {"model_version.created", "models/p/1", "{" + prompt_tags + R"(,"prompt":true})",
           "prompt_version.created",
           R"({"name":"p","version":"1","template":"Hi","tags":{"a":"b"},"description":null})"},
          {"model_version.tag_set", "models/m/1", R"({"key":"k","value":"v","prompt":false})",
           "model_version_tag.set", R"({"name":"m","version":"1","key":"k","value":"v"})"},
          {"model_version.tag_deleted", "models/p/1", R"({"key":"k","prompt":true})",
           "prompt_version_tag.deleted", R"({"name":"p","version":"1","key":"k"})"},
          {"model.tag_set", "models/p", R"({"key":"k","value":"v","prompt":true})",
           "prompt_tag.set", R"({"name":"p","key":"k","value":"v"})"},
          {"model.tag_set", "models/m", R"({"key":"k","value":"v","prompt":false})", "", ""},
          {"alias.moved", "models/m", R"({"alias":"a","from":null,"to":2,"prompt":false})",
           "model_version_alias.created", R"({"name":"m","alias":"a","version":"2"})"},
          {"alias.moved", "models/p", R"({"alias":"a","from":2,"to":null,"prompt":true})",
           "prompt_alias.deleted", R"({"name":"p","alias":"a"})"},
          {"alias.protected", "models/m", "{}", "", ""},
          {"model.created", "runs/1", "{}", "", ""},
          {"model.created", "models/m", "", "", ""}}) {  // its payload was erased
    const auto message = message_of({.kind = c.kind, .subject = c.subject, .payload = c.payload});
    ASSERT_EQ(message.has_value(), !c.event.empty()) << c.kind << " " << c.payload;
    if (!message) continue;
    EXPECT_EQ(message->event, c.event);
    EXPECT_EQ(Json(message->data), base::parse_json(c.data).value())
        << base::to_text(message->data);
  }
}

TEST(Message, ExamplesAreWhatRealOnesLookLike) {
  EXPECT_EQ(event_names().size(), 14u);
  for (const std::string& event : event_names()) {
    const Message example = example_of(event);
    EXPECT_TRUE(example.data.contains("name")) << event;
    EXPECT_GE(example.data.size(), 2u) << event;
  }
  EXPECT_EQ(
      Json(example_of("prompt_version_tag.set").data),
      base::parse_json(
          R"({"name":"example_prompt","version":"1","key":"example_key","value":"example_value"})")
          .value());
}

TEST(Message, Body) {
  EXPECT_EQ(
      body_of({.event = "prompt.created", .data = {{"name", "p"}}}, {0}),
      R"({"entity":"prompt","action":"created","timestamp":"1970-01-01T00:00:00Z","data":{"name":"p"}})");
}

TEST(Message, UnknownEventsAreRefused) {
  EXPECT_TRUE(check_event_name("prompt_alias.created"));
  for (const char* name : {"", "prompt", "prompt.", "prompt.deleted", "run.created", ".created",
                           "budget_policy.exceeded"})
    EXPECT_EQ(check_event_name(name).error().code, Code::kInvalidArgument) << name;
  EXPECT_EQ(check_event_name("prompt.deleted").error().message,
            "Invalid action 'deleted' for entity 'prompt'. Valid actions are: ['created']");
}

}  // namespace
}  // namespace slipway::webhooks
