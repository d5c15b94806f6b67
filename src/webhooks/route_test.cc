#include "webhooks/route.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace slipway::webhooks {
namespace {

store::Event opened() {
  store::Event event;
  event.kind = "alert.opened";
  event.event_time = {1704675600LL * 1'000'000};
  event.arrival_time = event.event_time;
  event.payload =
      R"({"monitor":"m","alert":"quality <1>","endpoint":"e","severity":"critical","metric":"auc",
      "value":0.6123456,"threshold":0.7,"window":"week","window_start":"2024-01-01T00:00:00Z",
      "opened_at":"2024-01-08T01:00:00Z","causes":[{"feature":"pages"},{"feature":"shop"}],
      "action":{"name":"retrain","starts":false,"reason":"cooling down"},"routes":["oncall","team"]})";
  return event;
}

TEST(Routes, AreReadWithTheirKind) {
  const auto routes = MUST(parse_routes(R"(
routes:
  oncall: {slack: "https://hooks.example.org/x"}
  hook: {webhook: "https://example.org", secret: s}
  am: {alertmanager: "https://am.example.org"}
)"));
  ASSERT_EQ(routes.size(), 3u);
  EXPECT_EQ(routes[0].format, Format::kSlack);
  EXPECT_EQ(routes[1].secret, "s");
  EXPECT_EQ(address_of(routes[2].format, routes[2].url), "https://am.example.org/api/v2/alerts");
  EXPECT_TRUE(MUST(parse_routes("project: x")).empty());
}

TEST(Routes, MistakesHaveTheirPlace) {
  for (const char* wrong : {"routes:\n  a: {}", "routes:\n  a: {slack: x, webhook: y}",
                            "routes:\n  a: {slack: x, secret: y}", "routes:\n  a: {sms: x}",
                            "routes:\n  a: {slack: \"${HOME}\"}",
                            "routes:\n  a: {slack: \"https://x.org/${SLIPWAY_ROUTE_X}\"}"}) {
    const auto routes = parse_routes(wrong);
    ASSERT_FALSE(routes) << wrong;
    EXPECT_NE(routes.error().message.find("line 2"), std::string::npos) << routes.error().message;
  }
}

TEST(Routes, SecretsAreVariablesOfTheServer) {
  ::setenv("SLIPWAY_ROUTE_TEST", "https://example.org/key", 1);
  EXPECT_EQ(MUST(resolve_reference("${SLIPWAY_ROUTE_TEST}")), "https://example.org/key");
  EXPECT_EQ(MUST(resolve_reference("plain")), "plain");
  EXPECT_EQ(resolve_reference("${PATH}").error().code, Code::kInvalidArgument);
  EXPECT_EQ(resolve_reference("${SLIPWAY_ROUTE_TEST").error().code, Code::kInvalidArgument);
  ::unsetenv("SLIPWAY_ROUTE_TEST");
  EXPECT_EQ(resolve_reference("${SLIPWAY_ROUTE_TEST}").error().code, Code::kFailedPrecondition);
}

TEST(Routes, AnAlertTellsWhatHappenedAndWhatIsDone) {
  const auto news = alert_news_of(opened());
  ASSERT_TRUE(news);
  EXPECT_EQ(news->routes, (std::vector<std::string>{"oncall", "team"}));
  const JsonObject slack = MUST(base::parse_json_object(alert_body(Format::kSlack, *news)));
  EXPECT_EQ(std::string(slack.at("text").as_string()),
            "*e* critical: alert *quality &lt;1&gt;* of m opened\n"
            "auc 0.6123 in the week from 2024-01-01 (threshold 0.7)\n"
            "Moved: pages, shop\n"
            "Action: retrain is held back: cooling down");
  const JsonObject hook = MUST(base::parse_json_object(alert_body(Format::kWebhook, *news)));
  EXPECT_EQ(hook.at("event"), Json("alert.opened"));
  EXPECT_EQ(hook.at("alert").as_object().at("value"), Json(0.6123456));
  EXPECT_FALSE(hook.at("alert").as_object().contains("routes"));
}

TEST(Routes, AlertmanagerKeepsAnAlertUntilItIsResolved) {
  store::Event event = opened();
  const Json open =
      MUST(base::parse_json(alert_body(Format::kAlertmanager, *alert_news_of(event))));
  const JsonObject& first = open.as_array()[0].as_object();
  EXPECT_EQ(first.at("labels").as_object().at("alertname"), Json("quality <1>"));
  EXPECT_EQ(first.at("startsAt"), Json("2024-01-08T01:00:00Z"));
  EXPECT_EQ(first.at("endsAt"), Json("2025-01-07T01:00:00Z"));
  event.kind = "alert.resolved";
  event.event_time = event.event_time + base::Duration::days(7);
  const Json over =
      MUST(base::parse_json(alert_body(Format::kAlertmanager, *alert_news_of(event))));
  const JsonObject& second = over.as_array()[0].as_object();
  EXPECT_EQ(second.at("labels"), first.at("labels"));
  EXPECT_EQ(second.at("startsAt"), first.at("startsAt"));
  EXPECT_EQ(second.at("endsAt"), Json("2024-01-15T01:00:00Z"));
}

TEST(Routes, OtherEventsAreNoNews) {
  EXPECT_FALSE(alert_news_of({.kind = "model.created"}));
  EXPECT_FALSE(alert_news_of({.kind = "alert.opened", .payload = ""}));  // erased
}

}  // namespace
}  // namespace slipway::webhooks
