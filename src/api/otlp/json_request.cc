#include "api/otlp/json_request.h"

#include <charconv>

#include "api/otlp/otlp.pb.h"
#include "base/hash.h"
#include "base/json.h"

namespace slipway::api::otlp {
namespace {

namespace wire = slipway::otlp;

Error wrong(std::string_view member, std::string_view expected) {
  return base::error(Code::kInvalidArgument, "Invalid OpenTelemetry format: {} is not {}", member,
                     expected);
}

// The member by its name in camel case, or in snake case; nothing when it is absent or null.
const Json* find(const JsonObject& object, std::string_view camel) {
  const Json* found = object.if_contains(camel);
  if (found == nullptr) {
    std::string snake;
    for (const char c : camel) {
      if (c >= 'A' && c <= 'Z') snake += '_';
      snake += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    found = object.if_contains(snake);
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

// Calls `each` with every object of the list by that name.
template <typename Each>
Result<void> each_object(const JsonObject& object, std::string_view name, Each&& each) {
  const Json* list = find(object, name);
  if (list == nullptr) return {};
  if (!list->is_array()) return wrong(name, "a list");
  for (const Json& item : list->get_array()) {
    if (!item.is_object()) return wrong(name, "a list of objects");
    TRY(each(item.get_object()));
  }
  return {};
}

Result<std::string> text(const JsonObject& object, std::string_view name) {
  const Json* value = find(object, name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return wrong(name, "a text");
  return std::string(std::string_view(value->get_string()));
}

Result<std::string> id(const JsonObject& object, std::string_view name) {
  const std::string hex = TRY(text(object, name));
  Result<std::string> bytes = base::from_hex(hex);
  if (!bytes) return wrong(name, "in hex");
  return bytes;
}

template <typename Number>
Result<Number> number_of(const Json& value, std::string_view name) {
  if (value.is_int64() && (std::is_signed_v<Number> || value.get_int64() >= 0))
    return static_cast<Number>(value.get_int64());
  if (value.is_uint64()) return static_cast<Number>(value.get_uint64());
  if (value.is_string()) {
    const std::string_view digits(value.get_string());
    Number number = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (ec == std::errc() && end == digits.data() + digits.size()) return number;
  }
  return wrong(name, "a whole number");
}

template <typename Number>
Result<Number> number(const JsonObject& object, std::string_view name) {
  const Json* value = find(object, name);
  if (value == nullptr) return Number{0};
  return number_of<Number>(*value, name);
}

// An enumerator by number, as the protocol says, or by name.
Result<std::int32_t> enumerator(const JsonObject& object, std::string_view name,
                                std::initializer_list<std::string_view> names) {
  const Json* value = find(object, name);
  if (value == nullptr) return 0;
  if (value->is_string()) {
    const std::string_view word(value->get_string());
    const auto* found = std::find(names.begin(), names.end(), word);
    if (found != names.end()) return static_cast<std::int32_t>(found - names.begin());
  }
  return static_cast<std::int32_t>(TRY(number_of<std::int64_t>(*value, name)));
}

Result<void> read(const JsonObject& object, wire::AnyValue& value);

Result<void> read(const JsonObject& object, wire::KeyValue& pair) {
  pair.set_key(TRY(text(object, "key")));
  const Json* value = find(object, "value");
  if (value == nullptr) return {};
  if (!value->is_object()) return wrong("value", "an object");
  return read(value->get_object(), *pair.mutable_value());
}

Result<void> read(const JsonObject& object, wire::AnyValue& value) {
  if (find(object, "stringValue") != nullptr) {
    value.set_string_value(TRY(text(object, "stringValue")));
  } else if (const Json* flag = find(object, "boolValue")) {
    if (!flag->is_bool()) return wrong("boolValue", "true or false");
    value.set_bool_value(flag->get_bool());
  } else if (find(object, "intValue") != nullptr) {
    value.set_int_value(TRY(number<std::int64_t>(object, "intValue")));
  } else if (const Json* number = find(object, "doubleValue")) {
    if (number->is_number()) {
      value.set_double_value(number->to_number<double>());
    } else if (*number == "NaN") {
      value.set_double_value(std::numeric_limits<double>::quiet_NaN());
    } else if (*number == "Infinity" || *number == "-Infinity") {
      value.set_double_value(*number == "Infinity" ? std::numeric_limits<double>::infinity()
                                                   : -std::numeric_limits<double>::infinity());
    } else {
      return wrong("doubleValue", "a number");
    }
  } else if (const Json* list = find(object, "arrayValue")) {
    if (!list->is_object()) return wrong("arrayValue", "an object");
    auto& values = *value.mutable_array_value();
    return each_object(list->get_object(), "values",
                       [&](const JsonObject& item) { return read(item, *values.add_values()); });
  } else if (const Json* map = find(object, "kvlistValue")) {
    if (!map->is_object()) return wrong("kvlistValue", "an object");
    auto& pairs = *value.mutable_kvlist_value();
    return each_object(map->get_object(), "values",
                       [&](const JsonObject& item) { return read(item, *pairs.add_values()); });
  } else if (find(object, "bytesValue") != nullptr) {
    Result<std::string> bytes = base::from_base64(TRY(text(object, "bytesValue")));
    if (!bytes) return wrong("bytesValue", "in base64");
    value.set_bytes_value(std::move(*bytes));
  }
  return {};
}

template <typename Message>
Result<void> read_attributes(const JsonObject& object, Message& message) {
  return each_object(object, "attributes",
                     [&](const JsonObject& item) { return read(item, *message.add_attributes()); });
}

Result<void> read(const JsonObject& object, wire::Span::Event& event) {
  event.set_time_unix_nano(TRY(number<std::uint64_t>(object, "timeUnixNano")));
  event.set_name(TRY(text(object, "name")));
  return read_attributes(object, event);
}

Result<void> read(const JsonObject& object, wire::Span::Link& link) {
  link.set_trace_id(TRY(id(object, "traceId")));
  link.set_span_id(TRY(id(object, "spanId")));
  return read_attributes(object, link);
}

Result<void> read(const JsonObject& object, wire::Span& span) {
  span.set_trace_id(TRY(id(object, "traceId")));
  span.set_span_id(TRY(id(object, "spanId")));
  span.set_parent_span_id(TRY(id(object, "parentSpanId")));
  span.set_name(TRY(text(object, "name")));
  span.set_kind(TRY(enumerator(object, "kind",
                               {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"})));
  span.set_start_time_unix_nano(TRY(number<std::uint64_t>(object, "startTimeUnixNano")));
  span.set_end_time_unix_nano(TRY(number<std::uint64_t>(object, "endTimeUnixNano")));
  TRY(read_attributes(object, span));
  TRY(each_object(object, "events",
                  [&](const JsonObject& item) { return read(item, *span.add_events()); }));
  TRY(each_object(object, "links",
                  [&](const JsonObject& item) { return read(item, *span.add_links()); }));
  const Json* status = find(object, "status");
  if (status == nullptr) return {};
  if (!status->is_object()) return wrong("status", "an object");
  span.mutable_status()->set_code(TRY(enumerator(
      status->get_object(), "code", {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"})));
  span.mutable_status()->set_message(TRY(text(status->get_object(), "message")));
  return {};
}

Result<void> read(const JsonObject& object, wire::ScopeSpans& scope) {
  return each_object(object, "spans",
                     [&](const JsonObject& item) { return read(item, *scope.add_spans()); });
}

Result<void> read(const JsonObject& object, wire::ResourceSpans& resource) {
  if (const Json* described = find(object, "resource")) {
    if (!described->is_object()) return wrong("resource", "an object");
    TRY(read_attributes(described->get_object(), *resource.mutable_resource()));
  }
  return each_object(object, "scopeSpans", [&](const JsonObject& item) {
    return read(item, *resource.add_scope_spans());
  });
}

}  // namespace

Result<void> read_json(std::string_view text, wire::ExportTraceServiceRequest& request) {
  Result<JsonObject> object = base::parse_json_object(text);
  if (!object) {
    return base::error(Code::kInvalidArgument, "Invalid OpenTelemetry format: {}",
                       object.error().message);
  }
  return each_object(*object, "resourceSpans", [&](const JsonObject& item) {
    return read(item, *request.add_resource_spans());
  });
}

}  // namespace slipway::api::otlp
