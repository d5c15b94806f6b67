#include "webhooks/route_news.h"

#include <gtest/gtest.h>

namespace slipway::webhooks {
namespace {

// 2024-02-01T00:00:00Z
constexpr Moment kMoment{.now = {1706745600LL * 1'000'000}, .stays = {600LL * 1'000'000}};

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

TEST(RouteNews, AnAlertTellsWhatHappenedAndWhatIsDone) {
  const auto news = route_news_of(opened());
  ASSERT_TRUE(news);
  EXPECT_EQ(news->routes, (std::vector<std::string>{"oncall", "team"}));
  const JsonObject slack =
      MUST(base::parse_json_object(route_body(Format::kSlack, {*news}, kMoment)));
  EXPECT_EQ(std::string(slack.at("text").as_string()),
            "*e* critical: alert *quality &lt;1&gt;* of m opened\n"
            "auc 0.6123 in the week from 2024-01-01 (threshold 0.7)\n"
            "Moved: pages, shop\n"
            "Action: retrain is held back: cooling down");
  const JsonObject hook =
      MUST(base::parse_json_object(route_body(Format::kWebhook, {*news}, kMoment)));
  EXPECT_EQ(hook.at("event"), Json("alert.opened"));
  EXPECT_EQ(hook.at("alert").as_object().at("value"), Json(0.6123456));
  EXPECT_FALSE(hook.at("alert").as_object().contains("routes"));
}

TEST(RouteNews, ACauseThatLooksLikeAnotherUnitSaysSo) {
  store::Event event = opened();
  const std::string before = R"({"feature":"pages"})";
  event.payload.replace(event.payload.find(before), before.size(),
                        R"({"feature":"pages","unit":"ten times: another unit?"})");
  const JsonObject slack =
      MUST(base::parse_json_object(route_body(Format::kSlack, {*route_news_of(event)}, kMoment)));
  EXPECT_NE(std::string(slack.at("text").as_string())
                .find("Moved: pages (ten times: another unit?), shop\n"),
            std::string::npos);
}

TEST(RouteNews, ADetectionTellsTheRequestThatShowedIt) {
  store::Event event = opened();
  event.payload =
      R"({"monitor":"m","alert":"wrong","endpoint":"e","severity":"info","metric":"ddm of error","value":1,
      "threshold":0,"window":"day","window_start":"2024-01-01T10:00:00Z","routes":["team"],"causes":[{"how":"detected",
      "feature":"error","request_id":"v17","event_time":"2024-01-01T10:00:00Z","index":17,"value":1}]})";
  const JsonObject slack =
      MUST(base::parse_json_object(route_body(Format::kSlack, {*route_news_of(event)}, kMoment)));
  EXPECT_NE(std::string(slack.at("text").as_string())
                .find("ddm of error changed with request v17 at 2024-01-01T10:00:00Z\n"),
            std::string::npos);
}

TEST(RouteNews, AlertmanagerKeepsAnAlertForAWhileAndEndsItWhenItIsResolved) {
  store::Event event = opened();
  const Json open =
      MUST(base::parse_json(route_body(Format::kAlertmanager, {*route_news_of(event)}, kMoment)));
  const JsonObject& first = open.as_array()[0].as_object();
  EXPECT_EQ(first.at("labels").as_object().at("alertname"), Json("quality <1>"));
  EXPECT_EQ(first.at("startsAt"), Json("2024-01-08T01:00:00Z"));
  EXPECT_EQ(first.at("endsAt"), Json("2024-02-01T00:10:00Z"));
  event.kind = "alert.resolved";
  event.event_time = event.event_time + base::Duration::days(7);
  const Json over =
      MUST(base::parse_json(route_body(Format::kAlertmanager, {*route_news_of(event)}, kMoment)));
  const JsonObject& second = over.as_array()[0].as_object();
  EXPECT_EQ(second.at("labels"), first.at("labels"));
  EXPECT_EQ(second.at("startsAt"), first.at("startsAt"));
  EXPECT_EQ(second.at("endsAt"), Json("2024-01-15T01:00:00Z"));
}

TEST(RouteNews, ARehearsalAheadOfTheClockEndsNow) {
  store::Event event = opened();
  event.kind = "alert.resolved";
  const Moment past{.now = {1500000000LL * 1'000'000}, .stays = base::Duration::seconds(60)};
  const Json over =
      MUST(base::parse_json(route_body(Format::kAlertmanager, {*route_news_of(event)}, past)));
  EXPECT_EQ(over.as_array()[0].as_object().at("startsAt"), Json("2017-07-14T02:40:00Z"));
  EXPECT_EQ(over.as_array()[0].as_object().at("endsAt"), Json("2017-07-14T02:40:00Z"));
}

TEST(RouteNews, AMailIsOneThreadPerAlert) {
  store::Event event = opened();
  const RouteMail open = route_mail(*route_news_of(event));
  EXPECT_EQ(open.subject, "[critical] e: quality <1> opened");
  EXPECT_EQ(open.text,
            "Alert quality <1> of monitor m opened at 2024-01-08T01:00:00Z.\n\n"
            "auc 0.6123 in the week from 2024-01-01 (threshold 0.7)\n"
            "Moved: pages, shop\nAction: retrain is held back: cooling down\n");
  event.kind = "alert.resolved";
  const RouteMail over = route_mail(*route_news_of(event));
  EXPECT_EQ(over.subject, "[resolved] e: quality <1> is resolved");
  EXPECT_EQ(over.thread, open.thread);
}

// "retrain starts" was the last that anybody heard of a run that failed.
TEST(RouteNews, AnActionThatCameToNothing) {
  store::Event event = opened();
  event.kind = "action.failed";
  event.payload = fmt::format(R"({{"run_id":"r7","alert":{}}})", event.payload);
  const std::string deed =
      R"("action":{"name":"retrain","starts":true,"state":"failed","run_id":"r7","reason":"step train: exit code 1"})";
  const std::size_t from = event.payload.find("\"action\"");
  event.payload.replace(from, event.payload.find('}', from) + 1 - from, deed);
  const auto news = route_news_of(event);
  ASSERT_TRUE(news);
  EXPECT_EQ(news->routes, (std::vector<std::string>{"oncall", "team"}));
  const JsonObject slack =
      MUST(base::parse_json_object(route_body(Format::kSlack, {*news}, kMoment)));
  EXPECT_EQ(std::string(slack.at("text").as_string()),
            "*e* critical: alert *quality &lt;1&gt;* of m has an action that failed: retrain\n"
            "retrain failed: step train: exit code 1 (run r7)");
  const RouteMail mail = route_mail(*news);
  EXPECT_EQ(mail.subject, "[critical] e: quality <1> has an action that failed: retrain");
  EXPECT_EQ(mail.thread, route_mail(*route_news_of(opened())).thread);
  const auto annotation = [&](const RouteNews& told) {
    const Json body = MUST(base::parse_json(route_body(Format::kAlertmanager, {told}, kMoment)));
    const JsonObject& alert = body.as_array()[0].as_object();
    return std::pair(alert.at("annotations").as_object().at("action"), alert.at("endsAt"));
  };
  EXPECT_EQ(annotation(*news), std::pair(Json("retrain failed: step train: exit code 1 (run r7)"),
                                         Json("2024-02-01T00:10:00Z")));
  event.payload = R"({"run_id":"r7","reason":"of an older server"})";
  EXPECT_FALSE(route_news_of(event));
}

TEST(RouteNews, WhatIsKeptIsReadBack) {
  const RouteNews news = *route_news_of(opened());
  const auto back = RouteNews::from_text(RouteNews::to_text({news, news}));
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ(back->front().event, news.event);
  EXPECT_EQ(back->front().time, news.time);
  EXPECT_EQ(back->front().about, news.about);
  for (const char* other : {"", "{}", "[]", "[1]", R"([{"event":"x","time":"y","alert":{}}])"})
    EXPECT_FALSE(RouteNews::from_text(other)) << other;
}

TEST(RouteNews, OtherEventsAreNoNews) {
  EXPECT_FALSE(route_news_of({.kind = "model.created"}));
  EXPECT_FALSE(route_news_of({.kind = "alert.opened", .payload = ""}));  // erased
}

}  // namespace
}  // namespace slipway::webhooks
