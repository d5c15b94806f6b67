#include "traces/span_summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/json.h"

namespace slipway::traces {
namespace {

constexpr std::string_view kTagPrefix = "mlflow.traceTag.";
constexpr std::int64_t kNanosPerMilli = 1'000'000;

std::string text_attribute(const Span& span, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const std::string* json = span.find(key);
    if (json == nullptr) continue;
    std::string text = text_of_json(*json);
    if (!text.empty() && text != "null") return text;
  }
  return "";
}

// An attribute that is an object, or the text of one.
std::optional<JsonObject> object_attribute(const Span& span, std::string_view key) {
  const std::string* json = span.find(key);
  if (json == nullptr) return std::nullopt;
  Result<JsonObject> object = base::parse_json_object(text_of_json(*json));
  if (!object) return std::nullopt;
  return std::move(*object);
}

using Totals = std::map<std::string, double>;

// The sum of `keys` over the spans that have `attribute`, leaving out those below another one.
std::optional<Totals> add_up(std::span<const Span> spans, std::string_view attribute,
                             std::span<const std::string_view> keys,
                             std::span<const std::string_view> optional_keys) {
  std::unordered_map<std::string_view, const Span*> by_id;
  std::unordered_map<std::string_view, JsonObject> data;
  for (const Span& span : spans) by_id[span.span_id] = &span;  // one that came twice counts once
  for (const auto& [id, span] : by_id) {
    if (std::optional<JsonObject> object = object_attribute(*span, attribute))
      data.emplace(id, std::move(*object));
  }
  if (data.empty()) return std::nullopt;
  Totals totals;
  for (const std::string_view key : keys) totals[std::string(key)] = 0;
  for (const auto& [id, object] : data) {
    bool is_counted_above = false;
    std::string_view parent = by_id[id]->parent_id;
    // A circle of parents ends after as many steps as there are spans.
    for (std::size_t steps = 0; !parent.empty() && !is_counted_above && steps < spans.size();
         ++steps) {
      const auto above = by_id.find(parent);
      if (above == by_id.end()) break;
      is_counted_above = data.contains(parent);
      parent = above->second->parent_id;
    }
    if (is_counted_above) continue;
    for (const auto list : {keys, optional_keys}) {
      for (const std::string_view key : list) {
        const auto value = base::find_double(object, key);
        if (value && *value && std::isfinite(**value)) totals[std::string(key)] += **value;
      }
    }
  }
  return totals;
}

bool is_message(const Json& item) {
  return item.is_object() && item.get_object().contains("role") &&
         item.get_object().contains("content");
}

// The messages of a conversation, in the places where requests and responses of chat APIs have
// them.
std::vector<const JsonObject*> messages_in(const Json& json, int depth = 0) {
  std::vector<const JsonObject*> messages;
  if (!json.is_object() || depth > 4) return messages;
  const JsonObject& object = json.get_object();
  const auto choices = object.find("choices");
  if (choices != object.end() && choices->value().is_array() &&
      !choices->value().get_array().empty()) {
    const Json& first = choices->value().get_array().front();
    if (first.is_object()) {
      const Json* message = first.get_object().if_contains("message");
      if (message != nullptr && is_message(*message)) return {&message->get_object()};
    }
  }
  for (const char* key : {"messages", "input", "output"}) {
    const Json* list = object.if_contains(key);
    if (list == nullptr || !list->is_array()) continue;
    for (const Json& item : list->get_array()) {
      if (is_message(item)) messages.push_back(&item.get_object());
    }
    return messages;
  }
  const Json* request = object.if_contains("request");
  return request == nullptr ? messages : messages_in(*request, depth + 1);
}

std::string content_of(const JsonObject& message) {
  const Json& content = message.at("content");
  if (content.is_string()) return std::string(std::string_view(content.get_string()));
  if (!content.is_array()) return "";
  for (const Json& part : content.get_array()) {
    if (part.is_string()) return std::string(std::string_view(part.get_string()));
    if (!part.is_object()) continue;
    const auto type = base::find_string(part.get_object(), "type").value_or(std::nullopt);
    if (type == "text" || type == "output_text")
      return base::find_string(part.get_object(), "text").value_or(std::nullopt).value_or("");
  }
  return "";
}

// At most so many characters, never half of one.
std::string cut(std::string text, std::size_t characters_max) {
  std::size_t characters = 0, at = 0, cut_at = text.size();
  while (at < text.size()) {
    if (characters == characters_max - 3) cut_at = at;
    if (characters == characters_max) {
      text.resize(cut_at);
      return text + "...";
    }
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    ++characters;
  }
  return text;
}

std::string number_text(double value, bool is_whole) {
  return is_whole ? fmt::format("{}", static_cast<std::int64_t>(value)) : fmt::format("{}", value);
}

std::string totals_json(const Totals& totals, std::span<const std::string_view> keys,
                        bool is_whole) {
  std::string json;
  for (const std::string_view key : keys) {
    const auto total = totals.find(std::string(key));
    if (total == totals.end()) continue;
    json += fmt::format("{}\"{}\": {}", json.empty() ? "{" : ", ", key,
                        number_text(std::clamp(total->second, -9e15, 9e15), is_whole));
  }
  return json + "}";
}

constexpr std::string_view kTokenKeys[] = {"input_tokens", "output_tokens", "total_tokens"};
constexpr std::string_view kCacheKeys[] = {"cache_read_input_tokens",
                                           "cache_creation_input_tokens"};
constexpr std::string_view kAllTokenKeys[] = {"input_tokens", "output_tokens", "total_tokens",
                                              "cache_read_input_tokens",
                                              "cache_creation_input_tokens"};
constexpr std::string_view kCostKeys[] = {"input_cost", "output_cost", "total_cost"};

}  // namespace

SpanSummary summarize(std::span<const Span> spans) {
  SpanSummary summary;
  summary.start_ms = spans.front().start_ns / kNanosPerMilli;
  for (const Span& span : spans) {
    summary.start_ms = std::min(summary.start_ms, span.start_ns / kNanosPerMilli);
    if (span.end_ns > 0)
      summary.end_ms = std::max(summary.end_ms.value_or(0), span.end_ns / kNanosPerMilli);
    if (summary.session.empty())
      summary.session = text_attribute(span, {"session.id", "gen_ai.conversation.id"});
    if (summary.user.empty()) summary.user = text_attribute(span, {"user.id"});
    if (!span.parent_id.empty()) continue;
    summary.state = span.status == SpanStatus::kError ? TraceState::kError : TraceState::kOk;
    if (const std::string* inputs = span.find("mlflow.spanInputs"))
      summary.request_preview = preview(*inputs, "user");
    if (const std::string* outputs = span.find("mlflow.spanOutputs"))
      summary.response_preview = preview(*outputs, "assistant");
    for (const Attribute& attribute : span.attributes) {
      if (attribute.key.starts_with(kTagPrefix))
        summary.tags.set(attribute.key.substr(kTagPrefix.size()), text_of_json(attribute.json));
    }
  }
  return summary;
}

std::optional<std::string> token_usage(std::span<const Span> spans) {
  const auto totals = add_up(spans, "mlflow.chat.tokenUsage", kTokenKeys, kCacheKeys);
  if (!totals) return std::nullopt;
  return totals_json(*totals, kAllTokenKeys, true);
}

std::optional<std::string> cost(std::span<const Span> spans) {
  const auto totals = add_up(spans, "mlflow.llm.cost", kCostKeys, {});
  if (!totals) return std::nullopt;
  return totals_json(*totals, kCostKeys, false);
}

std::optional<double> attribute_number(const Span& span, std::string_view attribute,
                                       std::string_view member) {
  const std::optional<JsonObject> object = object_attribute(span, attribute);
  if (!object) return std::nullopt;
  const std::optional<double> number = base::find_double(*object, member).value_or(std::nullopt);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::string preview(std::string_view json, std::string_view role) {
  std::string text;
  if (const Result<Json> parsed = base::parse_json(json)) {
    const std::vector<const JsonObject*> messages = messages_in(*parsed);
    const auto last = std::find_if(messages.rbegin(), messages.rend(), [&](const auto* message) {
      return base::find_string(*message, "role").value_or(std::nullopt) == role;
    });
    if (!messages.empty()) text = content_of(last == messages.rend() ? *messages.back() : **last);
  }
  if (text.empty()) text = json;
  return cut(std::move(text), kPreviewCharactersMax);
}

}  // namespace slipway::traces
