#include "api/otlp/trace_request.h"

#include <cmath>

#include "api/otlp/json_request.h"
#include "api/otlp/otlp.pb.h"
#include "base/hash.h"
#include "base/json.h"

namespace slipway::api::otlp {
namespace {

namespace wire = slipway::otlp;

constexpr std::size_t kTraceIdBytes = 16, kSpanIdBytes = 8;

// A double with its fraction, as Python writes it; what JSON has no number for is a text.
std::string double_text(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

void add_text(std::string& json, const std::string& text) { json += base::to_text(Json(text)); }

// A value as JSON, spaced as MLflow's clients space it.
void add_json(std::string& json, const wire::AnyValue& value) {
  switch (value.value_case()) {
    case wire::AnyValue::kStringValue:
      return add_text(json, value.string_value());
    case wire::AnyValue::kBoolValue:
      json += value.bool_value() ? "true" : "false";
      return;
    case wire::AnyValue::kIntValue:
      json += std::to_string(value.int_value());
      return;
    case wire::AnyValue::kDoubleValue:
      json += double_text(value.double_value());
      return;
    case wire::AnyValue::kArrayValue: {
      json += '[';
      for (int i = 0; i < value.array_value().values_size(); ++i) {
        if (i > 0) json += ", ";
        add_json(json, value.array_value().values(i));
      }
      json += ']';
      return;
    }
    case wire::AnyValue::kKvlistValue: {
      json += '{';
      for (int i = 0; i < value.kvlist_value().values_size(); ++i) {
        if (i > 0) json += ", ";
        add_text(json, value.kvlist_value().values(i).key());
        json += ": ";
        add_json(json, value.kvlist_value().values(i).value());
      }
      json += '}';
      return;
    }
    case wire::AnyValue::kBytesValue:
      return add_text(json, base::to_base64(value.bytes_value()));
    case wire::AnyValue::VALUE_NOT_SET:
      json += "null";
      return;
  }
}

template <typename Pairs>
std::vector<traces::Attribute> attributes_of(const Pairs& pairs) {
  std::vector<traces::Attribute> attributes;
  attributes.reserve(static_cast<std::size_t>(pairs.size()));
  for (const wire::KeyValue& pair : pairs) {
    traces::Attribute& attribute = attributes.emplace_back();
    attribute.key = pair.key();
    add_json(attribute.json, pair.value());
  }
  return attributes;
}

traces::SpanStatus status_of(std::int32_t code) {
  if (code == 1) return traces::SpanStatus::kOk;
  return code == 2 ? traces::SpanStatus::kError : traces::SpanStatus::kUnset;
}

// What is wrong with a span; nothing: it can be kept.
std::optional<std::string> fault_of(const wire::Span& span) {
  if (span.trace_id().size() != kTraceIdBytes)
    return fmt::format("trace_id has {} bytes instead of {}", span.trace_id().size(),
                       kTraceIdBytes);
  if (span.span_id().size() != kSpanIdBytes)
    return fmt::format("span_id has {} bytes instead of {}", span.span_id().size(), kSpanIdBytes);
  if (!span.parent_span_id().empty() && span.parent_span_id().size() != kSpanIdBytes)
    return fmt::format("parent_span_id has {} bytes instead of {}", span.parent_span_id().size(),
                       kSpanIdBytes);
  return std::nullopt;
}

traces::Span span_of(const wire::Span& from) {
  traces::Span span;
  span.trace_id = from.trace_id();
  span.span_id = from.span_id();
  span.parent_id = from.parent_span_id();
  span.name = from.name();
  span.kind = from.kind();
  span.start_ns = static_cast<std::int64_t>(from.start_time_unix_nano());
  span.end_ns = static_cast<std::int64_t>(from.end_time_unix_nano());
  span.status = status_of(from.status().code());
  span.status_message = from.status().message();
  span.attributes = attributes_of(from.attributes());
  for (const wire::Span::Event& event : from.events()) {
    traces::SpanEvent& made = span.events.emplace_back();
    made.name = event.name();
    made.time_ns = static_cast<std::int64_t>(event.time_unix_nano());
    made.attributes = attributes_of(event.attributes());
  }
  for (const wire::Span::Link& link : from.links()) {
    traces::SpanLink& made = span.links.emplace_back();
    made.trace_id = link.trace_id();
    made.span_id = link.span_id();
    made.attributes = attributes_of(link.attributes());
  }
  return span;
}

Result<TraceRequest> translate(const wire::ExportTraceServiceRequest& request) {
  if (request.resource_spans_size() == 0)
    return base::error(Code::kInvalidArgument, "Invalid OpenTelemetry format - no spans found");
  TraceRequest translated;
  for (const wire::ResourceSpans& resource : request.resource_spans()) {
    traces::SpanGroup& group = translated.groups.emplace_back();
    for (const traces::Attribute& attribute : attributes_of(resource.resource().attributes()))
      group.resource.set(attribute.key, traces::text_of_json(attribute.json));
    for (const wire::ScopeSpans& scope : resource.scope_spans()) {
      for (const wire::Span& span : scope.spans()) {
        if (std::optional<std::string> fault = fault_of(span)) {
          if (translated.rejected_spans++ == 0) translated.why_rejected = std::move(*fault);
          continue;
        }
        group.spans.push_back(span_of(span));
        ++translated.spans;
      }
    }
  }
  return translated;
}

}  // namespace

Result<TraceRequest> parse_protobuf(std::string_view body) {
  wire::ExportTraceServiceRequest request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return base::error(Code::kInvalidArgument, "Invalid OpenTelemetry format");
  return translate(request);
}

Result<TraceRequest> parse_json(std::string_view body) {
  wire::ExportTraceServiceRequest request;
  TRY(read_json(body, request));
  return translate(request);
}

}  // namespace slipway::api::otlp
