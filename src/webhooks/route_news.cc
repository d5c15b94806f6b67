#include "webhooks/route_news.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "types/timestamp.h"
#include "webhooks/words.h"

namespace slipway::webhooks {
namespace {

Words words_of(const RouteNews& news) {
  return news.is_of_pipeline() ? pipeline_words(news) : alert_words(news);
}

// What the news are about, in what is sent and kept.
std::string_view member_of(const RouteNews& news) {
  return news.is_of_pipeline() ? "pipeline" : "alert";
}

JsonObject to_json(const RouteNews& news) {
  return {
      {"event", news.event}, {"time", types::to_rfc3339(news.time)}, {member_of(news), news.about}};
}

// Takes the routes out of what an event tells.
std::vector<std::string> take_routes(JsonObject& payload) {
  std::vector<std::string> routes;
  const Json* member = payload.if_contains("routes");
  if (member != nullptr && member->is_array()) {
    for (const Json& route : member->get_array()) {
      if (route.is_string()) routes.emplace_back(std::string_view(route.get_string()));
    }
  }
  payload.erase("routes");
  return routes;
}

RouteNews of_notice(base::Timestamp time, JsonObject notice) {
  RouteNews news{.event = "pipeline." + text_at(notice, "occasion"), .time = time};
  news.routes = take_routes(notice);
  if (!notice.contains("time")) notice["time"] = types::to_rfc3339(time);
  news.about = std::move(notice);
  return news;
}

JsonObject alertmanager_alert(const RouteNews& news, const Moment& moment) {
  Words words = words_of(news);
  // A rehearsal may be ahead of the clock that Alertmanager has.
  const auto since = types::parse_rfc3339(words.since);
  const base::Timestamp starts = std::min(since ? *since : news.time, moment.now);
  const base::Timestamp ends = news.is_over() ? std::max(starts, std::min(news.time, moment.now))
                                              : moment.now + moment.stays;
  return {{"labels", std::move(words.labels)},
          {"annotations", std::move(words.annotations)},
          {"startsAt", types::to_rfc3339(starts)},
          {"endsAt", types::to_rfc3339(ends)}};
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return text;
}

}  // namespace

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

std::string slack_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string RouteNews::subject(const store::Event& of) const {
  return is_of_pipeline() ? "pipelines/" + text_at(about, "pipeline") : of.subject;
}

std::string RouteNews::to_text(const std::vector<RouteNews>& news) {
  JsonArray list;
  for (const RouteNews& each : news) list.push_back(to_json(each));
  return base::to_text(list);
}

std::optional<std::vector<RouteNews>> RouteNews::from_text(std::string_view text) {
  auto list = base::parse_json(text);
  if (!list || !list->is_array() || list->get_array().empty()) return std::nullopt;
  std::vector<RouteNews> news;
  for (Json& item : list->get_array()) {
    if (!item.is_object()) return std::nullopt;
    JsonObject& object = item.get_object();
    RouteNews one{.event = text_at(object, "event")};
    Json* about = object.if_contains(member_of(one));
    const auto time = types::parse_rfc3339(text_at(object, "time"));
    if (about == nullptr || !about->is_object() || !time) return std::nullopt;
    one.time = *time;
    one.about = std::move(about->get_object());
    news.push_back(std::move(one));
  }
  return news;
}

std::optional<RouteNews> route_news_of(const store::Event& event) {
  const bool is_open = event.kind == "alert.opened" || event.kind == "alert.silence_ended";
  const bool is_of_action = event.kind == "action.failed" || event.kind == "action.refused";
  const bool is_of_alert = is_open || is_of_action || event.kind == "alert.resolved";
  const bool is_of_pipeline =
      event.kind.starts_with("pipeline.") || event.kind.starts_with("schedule.");
  if (!is_of_alert && !is_of_pipeline) return std::nullopt;
  // Most of what pipelines do is nobody's news.
  if (is_of_pipeline && event.payload.find("\"notice\"") == event.payload.npos) return std::nullopt;
  auto payload = base::parse_json_object(event.payload);
  if (!payload) return std::nullopt;  // it was erased
  if (is_of_action || is_of_pipeline) {
    Json* inner = payload->if_contains(is_of_action ? "alert" : "notice");
    // Of an older server; nobody hears of it.
    if (inner == nullptr || !inner->is_object()) return std::nullopt;
    JsonObject about = std::move(inner->get_object());
    // By the clock that people have, whatever a rehearsal's says.
    if (is_of_pipeline) return of_notice(event.arrival_time, std::move(about));
    *payload = std::move(about);
  }
  RouteNews news = open_alert(event.event_time, std::move(*payload));
  if (!is_open) news.event = event.kind;
  return news;
}

RouteNews open_alert(base::Timestamp opened_at, JsonObject payload) {
  RouteNews news{.event = "alert.opened", .time = opened_at};
  news.routes = take_routes(payload);
  news.about = std::move(payload);
  return news;
}

RouteNews open_failure(JsonObject notice) {
  const auto time = types::parse_rfc3339(text_at(notice, "time"));
  return of_notice(time ? *time : base::Timestamp(), std::move(notice));
}

RouteNews example_alert(const std::string& route, base::Timestamp now) {
  return {.event = "alert.opened",
          .time = now,
          .about = {{"monitor", "example"},
                    {"alert", "example"},
                    {"endpoint", "example"},
                    {"severity", "info"},
                    {"metric", "log_loss_ratio"},
                    {"value", 1.02},
                    {"threshold", 1.0},
                    {"window", "day"},
                    {"window_start", types::to_rfc3339(now)},
                    {"opened_at", types::to_rfc3339(now)},
                    {"causes", JsonArray()},
                    {"action", nullptr}},
          .routes = {route}};
}

std::string route_body(Format format, const std::vector<RouteNews>& news, const Moment& moment) {
  CHECK(!news.empty());
  if (format == Format::kAlertmanager) {
    JsonArray alerts;
    for (const RouteNews& each : news) alerts.push_back(alertmanager_alert(each, moment));
    return base::to_text(alerts);
  }
  const RouteNews& first = news.front();
  if (format == Format::kSlack) return base::to_text(JsonObject{{"text", words_of(first).chat}});
  return base::to_text(to_json(first));
}

RouteMail route_mail(const RouteNews& news) {
  Words words = words_of(news);
  return {.subject = one_line(std::move(words.subject)),
          .text = std::move(words.text),
          .thread = base::sha256_hex(words.thread).substr(0, 32)};
}

}  // namespace slipway::webhooks
