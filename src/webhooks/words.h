// What is said of news, for every kind of route. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "webhooks/route_news.h"

namespace slipway::webhooks {

struct Words {
  std::string chat;                // in Slack's markup
  JsonObject labels, annotations;  // Alertmanager's
  std::string since;               // RFC 3339; when it began; empty: with the news itself
  std::string subject, text;       // of a mail
  std::string thread;              // names what mails belong together
};
Words alert_words(const RouteNews& news);
Words pipeline_words(const RouteNews& news);

// A member that is a text; else nothing.
std::string text_at(const JsonObject& object, std::string_view key);
// Slack reads &, < and > as markup.
std::string slack_text(std::string_view text);

}  // namespace slipway::webhooks
