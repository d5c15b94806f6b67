// What is said of alerts and their actions.
#include "types/timestamp.h"
#include "webhooks/words.h"

namespace slipway::webhooks {
namespace {

std::string number_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_number()
             ? fmt::format("{:.4g}", member->to_number<double>())
             : "?";
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
    if (feature.empty()) continue;
    text += (text.empty() ? "" : ", ") + feature;
    if (const std::string unit = text_at(cause.get_object(), "unit"); !unit.empty())
      text += " (" + unit + ")";
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

bool is_of_action(const RouteNews& news) { return news.event.starts_with("action."); }

// What happened, in a word for a title; "retrain failed" is not the alert's own news.
std::string title_word(const RouteNews& news) {
  if (!is_of_action(news)) return news.event == "alert.opened" ? "opened" : "is resolved";
  const Json* action = news.about.if_contains("action");
  const JsonObject* deed = action != nullptr ? action->if_object() : nullptr;
  if (deed == nullptr) return "has an action that came to nothing";
  return fmt::format("has an action that {}: {}",
                     text_at(*deed, "state") == "failed" ? "failed" : "was refused",
                     text_at(*deed, "name"));
}

std::string chat_text(const RouteNews& news) {
  const JsonObject& alert = news.about;
  const bool is_open = news.event == "alert.opened";
  std::string text =
      fmt::format("*{}* {}: alert *{}* of {} {}", slack_text(text_at(alert, "endpoint")),
                  news.event == "alert.resolved" ? "fine again" : text_at(alert, "severity"),
                  slack_text(text_at(alert, "alert")), slack_text(text_at(alert, "monitor")),
                  slack_text(title_word(news)));
  if (is_of_action(news)) return text + "\n" + slack_text(action_text(alert));
  text += "\n" + slack_text(what_happened(alert));
  if (is_open) {
    const std::string causes = causes_text(alert);
    text += "\nMoved: " + slack_text(causes.empty() ? "no input" : causes);
    text += "\nAction: " + slack_text(action_text(alert));
  }
  return text;
}

}  // namespace

Words alert_words(const RouteNews& news) {
  const JsonObject& alert = news.about;
  const std::string severity = text_at(alert, "severity"), opened = text_at(alert, "opened_at");
  Words words{.chat = chat_text(news), .since = opened};
  words.labels = {{"alertname", text_at(alert, "alert")},
                  {"monitor", text_at(alert, "monitor")},
                  {"endpoint", text_at(alert, "endpoint")},
                  {"severity", severity}};
  words.annotations = {{"summary", what_happened(alert)},
                       {"causes", causes_text(alert)},
                       {"action", action_text(alert)}};
  words.subject =
      fmt::format("[{}] {}: {} {}", news.is_over() ? "resolved" : severity,
                  text_at(alert, "endpoint"), text_at(alert, "alert"), title_word(news));
  words.text = fmt::format(
      "Alert {} of monitor {} {} at {}.\n\n{}\n", text_at(alert, "alert"),
      text_at(alert, "monitor"), news.is_over() ? "was resolved" : title_word(news),
      types::to_rfc3339(news.time), is_of_action(news) ? action_text(alert) : what_happened(alert));
  if (news.event == "alert.opened") {
    const std::string causes = causes_text(alert);
    words.text += fmt::format("Moved: {}\nAction: {}\n", causes.empty() ? "no input" : causes,
                              action_text(alert));
  }
  words.thread =
      fmt::format("{}/{}/{}", text_at(alert, "monitor"), text_at(alert, "alert"), opened);
  return words;
}

}  // namespace slipway::webhooks
