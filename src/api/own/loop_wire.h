// What the routes of the loop (endpoints, monitors, gates) share: bodies, query parameters,
// replies.
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/http/router.h"
#include "base/json.h"
#include "base/result.h"
#include "types/column_rules.h"
#include "types/timestamp.h"

namespace slipway::api::own {

// An empty body is an empty object.
inline Result<JsonObject> read_body(const http::Request& request) {
  if (request.body.empty()) return JsonObject();
  return base::parse_json_object(request.body);
}

// Who asks: the user who has logged in; without login what the body or the header say, or
// "anonymous".
inline Result<std::string> read_actor(const http::Request& request, const JsonObject& body) {
  if (!request.user.empty()) return std::string(request.user);
  auto actor = TRY(base::find_string(body, "actor"));
  if (actor && !actor->empty()) return std::move(*actor);
  const std::string_view header = request.header("Slipway-Actor");
  return header.empty() ? std::string("anonymous") : std::string(header);
}

inline Result<std::optional<types::Timestamp>> read_time(const JsonObject& object,
                                                         std::string_view key) {
  const auto text = TRY(base::find_string(object, key));
  if (!text) return std::optional<types::Timestamp>();
  auto time = types::parse_rfc3339(*text);
  if (!time) return std::move(time).error().with_context(key);
  return std::optional(*time);
}

// Nothing when it is absent or null.
inline Result<std::optional<bool>> read_flag(const JsonObject& body, std::string_view name) {
  const Json* const given = body.if_contains(name);
  if (given == nullptr || given->is_null()) return std::optional<bool>();
  if (!given->is_bool())
    return base::error(Code::kInvalidArgument, "{} must be true or false", name);
  return std::optional(given->get_bool());
}

inline Result<std::optional<types::Timestamp>> query_time(const http::Request& request,
                                                          std::string_view name) {
  const auto text = request.query(name);
  if (!text) return std::optional<types::Timestamp>();
  auto time = types::parse_rfc3339(*text);
  if (!time) return std::move(time).error().with_context(name);
  return std::optional(*time);
}

inline Result<std::optional<std::int64_t>> query_integer(const http::Request& request,
                                                         std::string_view name) {
  const auto text = request.query(name);
  if (!text) return std::optional<std::int64_t>();
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size())
    return base::error(Code::kInvalidArgument, "{} must be a whole number: {}", name, *text);
  return std::optional(value);
}

inline Result<std::optional<double>> query_number(const http::Request& request,
                                                  std::string_view name) {
  const auto text = request.query(name);
  if (!text) return std::optional<double>();
  double value = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size() || !std::isfinite(value))
    return base::error(Code::kInvalidArgument, "{} must be a number: {}", name, *text);
  return std::optional(value);
}

// ?margin= and ?categories_max= of rules that are made from rows.
inline Result<types::InferenceOptions> query_inference(const http::Request& request) {
  constexpr std::int64_t kCategoriesMax = 10'000;
  types::InferenceOptions options;
  options.margin = TRY(query_number(request, "margin")).value_or(options.margin);
  if (options.margin < 0 || options.margin > 100) {
    return base::error(Code::kInvalidArgument, "margin must be a number from 0 to 100: got={}",
                       options.margin);
  }
  if (const auto most = TRY(query_integer(request, "categories_max"))) {
    if (*most < 0 || *most > kCategoriesMax)
      return base::error(Code::kInvalidArgument, "categories_max must be from 0 to {}: got={}",
                         kCategoriesMax, *most);
    options.categories_max = static_cast<std::size_t>(*most);
  }
  return options;
}

inline Result<std::size_t> query_limit(const http::Request& request, std::size_t otherwise,
                                       std::size_t most) {
  const auto value = TRY(query_integer(request, "limit"));
  if (!value) return otherwise;
  if (*value < 1 || static_cast<std::size_t>(*value) > most) {
    return base::error(Code::kInvalidArgument, "limit must be a whole number from 1 to {}: {}",
                       most, *value);
  }
  return static_cast<std::size_t>(*value);
}

// The number in the path's {id}. kNotFound: it is none.
inline Result<std::int64_t> id_in_path(const http::Request& request, std::string_view noun) {
  const std::string& text = request.param("id");
  std::int64_t id = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (ec == std::errc() && end == text.data() + text.size()) return id;
  return base::error(Code::kNotFound, "no such {}: id={}", noun, text);
}

inline http::Response reply(const JsonObject& object) {
  return http::Response::json(base::to_text(object));
}

// Turns a function that may fail into a handler.
template <typename Handle>
http::Handler answering(Handle handle) {
  return [handle = std::move(handle)](const http::Request& request) {
    Result<http::Response> response = handle(request);
    return response ? std::move(*response) : http::error_response(response.error());
  };
}

}  // namespace slipway::api::own
