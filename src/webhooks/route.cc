#include "webhooks/route.h"

#include <cstdlib>

#include "types/timestamp.h"
#include "types/yaml_reader.h"

namespace slipway::webhooks {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::string_view kVariables = "SLIPWAY_ROUTE_";
constexpr std::string_view kAlertmanagerPath = "/api/v2/alerts";
constexpr std::pair<Format, std::string_view> kFormats[] = {
    {Format::kMlflow, "mlflow"},
    {Format::kWebhook, "webhook"},
    {Format::kSlack, "slack"},
    {Format::kAlertmanager, "alertmanager"}};
// Alertmanager forgets what nobody repeats; an alert of ours stays until it is resolved.
constexpr base::Duration kStays = base::Duration::days(365);
constexpr base::Duration kExampleStays = base::Duration::seconds(60);

Result<Route> read_route(const std::string& name, const YamlNode& node) {
  Route route{.name = name};
  YamlMap map = TRY(node.map("route " + name));
  int kinds = 0;
  for (const auto& [format, key] : kFormats) {
    if (format == Format::kMlflow) continue;
    const auto url = map.find(key);
    if (!url) continue;
    ++kinds;
    route.format = format;
    route.url = TRY(url->text());
  }
  if (kinds != 1)
    return node.error("route {} needs exactly one of webhook, slack and alertmanager", name);
  if (const auto secret = map.find("secret")) {
    if (route.format != Format::kWebhook)
      return secret->error("only what goes to a webhook is signed: route={}", name);
    route.secret = TRY(secret->text());
  }
  TRY(map.finish());
  return route;
}

// A text, or a variable as the whole of it.
Result<void> check_reference(const std::string& text) {
  if (text.find("${") == std::string::npos) return {};
  const bool is_whole = text.starts_with("${") && text.find('}') == text.size() - 1;
  if (is_whole && std::string_view(text).substr(2).starts_with(kVariables)) return {};
  return base::error(Code::kInvalidArgument,
                     "a route may name a variable of the server, as the whole text, that begins "
                     "with {}: got={}",
                     kVariables, text);
}

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

// "auc 0.61 in the week from 2013-09-02 (threshold 0.7)"
std::string what_happened(const JsonObject& alert) {
  return fmt::format("{} {} in the {} from {} (threshold {})", text_at(alert, "metric"),
                     number_at(alert, "value"), text_at(alert, "window"),
                     text_at(alert, "window_start").substr(0, 10), number_at(alert, "threshold"));
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

std::string action_text(const JsonObject& alert) {
  const Json* action = alert.if_contains("action");
  if (action == nullptr || !action->is_object()) return "none";
  const Json* starts = action->get_object().if_contains("starts");
  if (starts != nullptr && starts->is_bool() && starts->get_bool())
    return text_at(action->get_object(), "name") + " starts";
  return fmt::format("{} is held back: {}", text_at(action->get_object(), "name"),
                     text_at(action->get_object(), "reason"));
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
  std::string text = fmt::format(
      "*{}* {}: alert *{}* of {} {}", slack_text(text_at(alert, "endpoint")),
      is_open ? text_at(alert, "severity") : "fine again", slack_text(text_at(alert, "alert")),
      slack_text(text_at(alert, "monitor")), is_open ? "opened" : "is resolved");
  text += "\n" + slack_text(what_happened(alert));
  if (is_open) {
    const std::string causes = causes_text(alert);
    text += "\nMoved: " + slack_text(causes.empty() ? "no input" : causes);
    text += "\nAction: " + slack_text(action_text(alert));
  }
  return base::to_text(JsonObject{{"text", text}});
}

std::string alertmanager_body(const AlertNews& news) {
  const JsonObject& alert = news.alert;
  const bool is_open = news.event == "alert.opened";
  std::string opened = text_at(alert, "opened_at");
  if (opened.empty()) opened = types::to_rfc3339(news.time);
  const JsonObject labels{{"alertname", text_at(alert, "alert")},
                          {"monitor", text_at(alert, "monitor")},
                          {"endpoint", text_at(alert, "endpoint")},
                          {"severity", text_at(alert, "severity")}};
  const JsonObject annotations{{"summary", what_happened(alert)},
                               {"causes", causes_text(alert)},
                               {"action", action_text(alert)}};
  return base::to_text(JsonArray{
      JsonObject{{"labels", labels},
                 {"annotations", annotations},
                 {"startsAt", opened},
                 {"endsAt", types::to_rfc3339(is_open ? news.noted + news.stays : news.time)}}});
}

}  // namespace

std::string_view format_name(Format format) {
  for (const auto& [known, name] : kFormats) {
    if (known == format) return name;
  }
  return "";
}

Format parse_format(std::string_view name) {
  for (const auto& [format, known] : kFormats) {
    if (known == name) return format;
  }
  return Format::kMlflow;
}

Result<std::vector<Route>> parse_routes(std::string_view slipway_yaml) {
  std::vector<Route> routes;
  const YamlNode root = TRY(YamlNode::parse(slipway_yaml));
  if (root.is_null()) return routes;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("routes");
  if (!section) return routes;
  for (const auto& [name, node] : TRY(section->entries())) {
    if (name.empty()) return node.error("a route needs a name");
    Route route = TRY(read_route(name, node));
    for (const std::string* text : {&route.url, &route.secret}) {
      if (const auto checked = check_reference(*text); !checked)
        return node.error_of(checked.error());
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

Result<std::string> resolve_reference(const std::string& text) {
  TRY(check_reference(text));
  if (!text.starts_with("${")) return text;
  const std::string name = text.substr(2, text.size() - 3);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return base::error(Code::kFailedPrecondition,
                       "the variable is not set where the server runs: variable={}", name);
  }
  return std::string(value);
}

std::optional<AlertNews> alert_news_of(const store::Event& event) {
  if (event.kind != "alert.opened" && event.kind != "alert.resolved") return std::nullopt;
  auto payload = base::parse_json_object(event.payload);
  if (!payload) return std::nullopt;  // it was erased
  AlertNews news{
      .event = event.kind, .time = event.event_time, .noted = event.arrival_time, .stays = kStays};
  news.routes = texts_at(*payload, "routes");
  payload->erase("routes");
  news.alert = std::move(*payload);
  return news;
}

AlertNews example_alert(const std::string& route, base::Timestamp now) {
  return {.event = "alert.opened",
          .time = now,
          .noted = now,
          .stays = kExampleStays,
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

std::string alert_body(Format format, const AlertNews& news) {
  if (format == Format::kSlack) return slack_body(news);
  if (format == Format::kAlertmanager) return alertmanager_body(news);
  return base::to_text(JsonObject{
      {"event", news.event}, {"time", types::to_rfc3339(news.time)}, {"alert", news.alert}});
}

std::string address_of(Format format, std::string url) {
  if (format != Format::kAlertmanager || url.ends_with(kAlertmanagerPath)) return url;
  while (url.ends_with('/')) url.pop_back();
  return url + std::string(kAlertmanagerPath);
}

}  // namespace slipway::webhooks
