#include "webhooks/alert_news.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "types/timestamp.h"

namespace slipway::webhooks {
namespace {

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

std::string number_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_number()
             ? fmt::format("{:.4g}", member->to_number<double>())
             : "?";
}

std::vector<std::string> texts_at(const JsonObject& object, std::string_view key) {
  std::vector<std::string> texts;
  const Json* member = object.if_contains(key);
  if (member == nullptr || !member->is_array()) return texts;
  for (const Json& item : member->get_array()) {
    if (item.is_string()) texts.emplace_back(std::string_view(item.get_string()));
  }
  return texts;
}

// The request that a detector found a change with; nothing when a window was judged.
const JsonObject* detected(const JsonObject& alert) {
  const Json* causes = alert.if_contains("causes");
  if (causes == nullptr || !causes->is_array() || causes->get_array().empty()) return nullptr;
  const Json& first = causes->get_array().front();
  if (!first.is_object() || text_at(first.get_object(), "how") != "detected") return nullptr;
  return &first.get_object();
}

// "auc 0.61 in the week from 2013-09-02 (threshold 0.7)"; "adwin of error changed with request v17
// at 2013-09-02T10:00:00Z"
std::string what_happened(const JsonObject& alert) {
  if (const JsonObject* row = detected(alert)) {
    return fmt::format("{} changed with request {} at {}", text_at(alert, "metric"),
                       text_at(*row, "request_id"), text_at(*row, "event_time"));
  }
  const std::string window = text_at(alert, "window");
  const std::string start = text_at(alert, "window_start");
  const std::string where =
      fmt::format("in the {} from {}", window, window == "hour" ? start : start.substr(0, 10));
  if (const std::string why = text_at(alert, "why"); !why.empty())
    return fmt::format("{} {}", where, why);
  return fmt::format("{} {} {} (threshold {})", text_at(alert, "metric"), number_at(alert, "value"),
                     where, number_at(alert, "threshold"));
}

std::string causes_text(const JsonObject& alert) {
  std::string text;
  const Json* causes = alert.if_contains("causes");
  if (causes == nullptr || !causes->is_array()) return text;
  for (const Json& cause : causes->get_array()) {
    if (!cause.is_object()) continue;
    const std::string feature = text_at(cause.get_object(), "feature");
    if (!feature.empty()) text += (text.empty() ? "" : ", ") + feature;
  }
  return text;
}

// "retrain failed: the run ..."
std::string came_to_nothing(const JsonObject& deed) {
  std::string text = fmt::format("{} {}: {}", text_at(deed, "name"),
                                 text_at(deed, "state") == "failed" ? "failed" : "was refused",
                                 text_at(deed, "reason"));
  if (const std::string run = text_at(deed, "run_id"); !run.empty())
    text += fmt::format(" (run {})", run);
  return text;
}

std::string action_text(const JsonObject& alert) {
  const Json* action = alert.if_contains("action");
  if (action == nullptr || !action->is_object()) return "none";
  const JsonObject& deed = action->get_object();
  const std::string name = text_at(deed, "name"), state = text_at(deed, "state");
  if (state == "done") return name + " is done";
  if (state == "failed" || state == "refused") return came_to_nothing(deed);
  const Json* starts = deed.if_contains("starts");
  if (starts != nullptr && starts->is_bool() && starts->get_bool()) return name + " starts";
  return fmt::format("{} is held back: {}", name, text_at(deed, "reason"));
}

bool is_of_action(const AlertNews& news) { return news.event.starts_with("action."); }

// What happened, in a word for a title; "retrain failed" is not the alert's own news.
std::string title_word(const AlertNews& news) {
  if (!is_of_action(news)) return news.event == "alert.opened" ? "opened" : "is resolved";
  const Json* action = news.alert.if_contains("action");
  const JsonObject* deed = action != nullptr ? action->if_object() : nullptr;
  if (deed == nullptr) return "has an action that came to nothing";
  return fmt::format("has an action that {}: {}",
                     text_at(*deed, "state") == "failed" ? "failed" : "was refused",
                     text_at(*deed, "name"));
}

// Slack reads &, < and > as markup.
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

std::string slack_body(const AlertNews& news) {
  const JsonObject& alert = news.alert;
  const bool is_open = news.event == "alert.opened";
  std::string text =
      fmt::format("*{}* {}: alert *{}* of {} {}", slack_text(text_at(alert, "endpoint")),
                  news.event == "alert.resolved" ? "fine again" : text_at(alert, "severity"),
                  slack_text(text_at(alert, "alert")), slack_text(text_at(alert, "monitor")),
                  slack_text(title_word(news)));
  if (is_of_action(news))
    return base::to_text(JsonObject{{"text", text + "\n" + slack_text(action_text(alert))}});
  text += "\n" + slack_text(what_happened(alert));
  if (is_open) {
    const std::string causes = causes_text(alert);
    text += "\nMoved: " + slack_text(causes.empty() ? "no input" : causes);
    text += "\nAction: " + slack_text(action_text(alert));
  }
  return base::to_text(JsonObject{{"text", text}});
}

JsonObject alertmanager_alert(const AlertNews& news, const Moment& moment) {
  const JsonObject& alert = news.alert;
  const bool is_open = news.event != "alert.resolved";
  // A rehearsal may be ahead of the clock that Alertmanager has.
  const auto opened = types::parse_rfc3339(text_at(alert, "opened_at"));
  const base::Timestamp starts = std::min(opened ? *opened : news.time, moment.now);
  const base::Timestamp ends =
      is_open ? moment.now + moment.stays : std::max(starts, std::min(news.time, moment.now));
  return {{"labels", JsonObject{{"alertname", text_at(alert, "alert")},
                                {"monitor", text_at(alert, "monitor")},
                                {"endpoint", text_at(alert, "endpoint")},
                                {"severity", text_at(alert, "severity")}}},
          {"annotations", JsonObject{{"summary", what_happened(alert)},
                                     {"causes", causes_text(alert)},
                                     {"action", action_text(alert)}}},
          {"startsAt", types::to_rfc3339(starts)},
          {"endsAt", types::to_rfc3339(ends)}};
}

std::string alertmanager_body(const std::vector<AlertNews>& news, const Moment& moment) {
  JsonArray alerts;
  for (const AlertNews& each : news) alerts.push_back(alertmanager_alert(each, moment));
  return base::to_text(alerts);
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return text;
}

}  // namespace

std::string AlertNews::to_text(const std::vector<AlertNews>& news) {
  JsonArray list;
  for (const AlertNews& each : news) {
    list.push_back(JsonObject{
        {"event", each.event}, {"time", types::to_rfc3339(each.time)}, {"alert", each.alert}});
  }
  return base::to_text(list);
}

std::optional<std::vector<AlertNews>> AlertNews::from_text(std::string_view text) {
  auto list = base::parse_json(text);
  if (!list || !list->is_array() || list->get_array().empty()) return std::nullopt;
  std::vector<AlertNews> news;
  for (Json& item : list->get_array()) {
    if (!item.is_object()) return std::nullopt;
    JsonObject& object = item.get_object();
    Json* alert = object.if_contains("alert");
    const auto time = types::parse_rfc3339(text_at(object, "time"));
    if (alert == nullptr || !alert->is_object() || !time) return std::nullopt;
    news.push_back({.event = text_at(object, "event"),
                    .time = *time,
                    .alert = std::move(alert->get_object())});
  }
  return news;
}

std::optional<AlertNews> alert_news_of(const store::Event& event) {
  const bool is_open = event.kind == "alert.opened" || event.kind == "alert.silence_ended";
  const bool is_of_action = event.kind == "action.failed" || event.kind == "action.refused";
  if (!is_open && !is_of_action && event.kind != "alert.resolved") return std::nullopt;
  auto payload = base::parse_json_object(event.payload);
  if (!payload) return std::nullopt;  // it was erased
  if (is_of_action) {
    Json* alert = payload->if_contains("alert");
    if (alert == nullptr || !alert->is_object()) return std::nullopt;  // of an older server
    JsonObject about = std::move(alert->get_object());
    *payload = std::move(about);
  }
  AlertNews news = open_alert(event.event_time, std::move(*payload));
  if (!is_open) news.event = event.kind;
  return news;
}

AlertNews open_alert(base::Timestamp opened_at, JsonObject payload) {
  AlertNews news{.event = "alert.opened", .time = opened_at};
  news.routes = texts_at(payload, "routes");
  payload.erase("routes");
  news.alert = std::move(payload);
  return news;
}

AlertNews example_alert(const std::string& route, base::Timestamp now) {
  return {.event = "alert.opened",
          .time = now,
          .alert = {{"monitor", "example"},
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

std::string alert_body(Format format, const std::vector<AlertNews>& news, const Moment& moment) {
  CHECK(!news.empty());
  const AlertNews& first = news.front();
  if (format == Format::kAlertmanager) return alertmanager_body(news, moment);
  if (format == Format::kSlack) return slack_body(first);
  return base::to_text(JsonObject{
      {"event", first.event}, {"time", types::to_rfc3339(first.time)}, {"alert", first.alert}});
}

AlertMail alert_mail(const AlertNews& news) {
  const JsonObject& alert = news.alert;
  const bool is_open = news.event == "alert.opened";
  const bool is_resolved = news.event == "alert.resolved";
  AlertMail mail;
  mail.subject =
      one_line(fmt::format("[{}] {}: {} {}", is_resolved ? "resolved" : text_at(alert, "severity"),
                           text_at(alert, "endpoint"), text_at(alert, "alert"), title_word(news)));
  mail.text = fmt::format(
      "Alert {} of monitor {} {} at {}.\n\n{}\n", text_at(alert, "alert"),
      text_at(alert, "monitor"), is_resolved ? "was resolved" : title_word(news),
      types::to_rfc3339(news.time), is_of_action(news) ? action_text(alert) : what_happened(alert));
  if (is_open) {
    const std::string causes = causes_text(alert);
    mail.text += fmt::format("Moved: {}\nAction: {}\n", causes.empty() ? "no input" : causes,
                             action_text(alert));
  }
  const std::string opened = text_at(alert, "opened_at");
  mail.thread = base::sha256_hex(fmt::format("{}/{}/{}", text_at(alert, "monitor"),
                                             text_at(alert, "alert"), opened))
                    .substr(0, 32);
  return mail;
}

}  // namespace slipway::webhooks
