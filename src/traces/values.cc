#include "traces/values.h"

#include <algorithm>

#include "base/json.h"

namespace slipway::traces {
namespace {

// Where `key` is or would be.
template <typename Items>
auto place_of(Items& items, std::string_view key) {
  return std::lower_bound(
      items.begin(), items.end(), key,
      [](const Labels::Item& item, std::string_view k) { return item.first < k; });
}

}  // namespace

const std::string* Span::find(std::string_view key) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& attribute) { return attribute.key == key; });
  return found == attributes.end() ? nullptr : &found->json;
}

void Span::set(std::string_view key, std::string json) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& attribute) { return attribute.key == key; });
  if (found != attributes.end()) {
    found->json = std::move(json);
  } else {
    attributes.push_back({std::string(key), std::move(json)});
  }
}

std::string text_of_json(std::string_view json) {
  if (!json.starts_with('"')) return std::string(json);
  if (json.size() >= 2 && json.find('\\') == std::string_view::npos)
    return std::string(json.substr(1, json.size() - 2));
  const Result<Json> parsed = base::parse_json(json);
  if (!parsed || !parsed->is_string()) return std::string(json);
  return std::string(std::string_view(parsed->get_string()));
}

std::string span_type(const Span& span) {
  const std::string* json = span.find("mlflow.spanType");
  return json == nullptr ? "UNKNOWN" : text_of_json(*json);
}

std::string_view status_name(SpanStatus status) {
  switch (status) {
    case SpanStatus::kUnset:
      return "UNSET";
    case SpanStatus::kOk:
      return "OK";
    case SpanStatus::kError:
      return "ERROR";
  }
  return "UNSET";
}

std::string_view state_name(TraceState state) {
  switch (state) {
    case TraceState::kUnspecified:
      return "STATE_UNSPECIFIED";
    case TraceState::kOk:
      return "OK";
    case TraceState::kError:
      return "ERROR";
    case TraceState::kInProgress:
      return "IN_PROGRESS";
  }
  return "STATE_UNSPECIFIED";
}

TraceState parse_state(std::string_view name) {
  for (const TraceState state : {TraceState::kOk, TraceState::kError, TraceState::kInProgress}) {
    if (state_name(state) == name) return state;
  }
  return TraceState::kUnspecified;
}

const std::string* Labels::find(std::string_view key) const {
  const auto place = place_of(items_, key);
  return place != items_.end() && place->first == key ? &place->second : nullptr;
}

void Labels::set(std::string_view key, std::string value) {
  const auto place = place_of(items_, key);
  if (place != items_.end() && place->first == key) {
    place->second = std::move(value);
  } else {
    items_.emplace(place, key, std::move(value));
  }
}

bool Labels::erase(std::string_view key) {
  const auto place = place_of(items_, key);
  if (place == items_.end() || place->first != key) return false;
  items_.erase(place);
  return true;
}

void Labels::merge(const Labels& other) {
  for (const auto& [key, value] : other) set(key, value);
}

}  // namespace slipway::traces
