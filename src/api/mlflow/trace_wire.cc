#include "api/mlflow/trace_wire.h"

#include <charconv>

#include "base/hash.h"
#include "types/timestamp.h"

namespace slipway::api::mlflow {
namespace {

std::string text_member(const JsonObject& object, std::string_view name) {
  return base::find_string(object, name).value_or(std::nullopt).value_or("");
}

std::optional<std::string> maybe_text(const JsonObject& object, std::string_view name) {
  return base::find_string(object, name).value_or(std::nullopt);
}

const JsonObject* object_member(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  return member != nullptr && member->is_object() ? &member->get_object() : nullptr;
}

Error wrong(std::string_view name, std::string_view value, std::string_view expected) {
  return base::error(Code::kInvalidArgument,
                     "Invalid value \"{}\" for parameter '{}' supplied: expected {}", value, name,
                     expected);
}

Result<std::optional<base::Timestamp>> read_time(const JsonObject& object, std::string_view name) {
  const std::string text = text_member(object, name);
  if (text.empty()) return std::optional<base::Timestamp>();
  const Result<base::Timestamp> time = types::parse_rfc3339(text);
  if (!time) return wrong(name, text, "a time such as 2026-01-31T12:00:00Z");
  return std::optional(*time);
}

// "1.5s", as protobuf has lengths of time, in milliseconds.
Result<std::optional<std::int64_t>> read_duration(const JsonObject& object, std::string_view name) {
  const std::string text = text_member(object, name);
  if (text.empty()) return std::optional<std::int64_t>();
  double seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_number = ec == std::errc() && end == text.data() + text.size() - 1;
  if (!is_number || !text.ends_with('s') || !(std::abs(seconds) <= 1e12))
    return wrong(name, text, "a length of time such as 1.5s");
  return std::optional(static_cast<std::int64_t>(std::llround(seconds * 1000)));
}

std::string duration_text(std::int64_t millis) {
  const std::string_view sign = millis < 0 ? "-" : "";
  const std::int64_t size = std::abs(millis);
  if (size % 1000 == 0) return fmt::format("{}{}s", sign, size / 1000);
  return fmt::format("{}{}.{:03}s", sign, size / 1000, size % 1000);
}

JsonObject labels_json(const traces::Labels& labels) {
  JsonObject object;
  for (const auto& [key, value] : labels) object[key] = value;
  return object;
}

JsonArray label_list(const traces::Labels& labels) {
  JsonArray list;
  for (const auto& [key, value] : labels)
    list.push_back(JsonObject{{"key", key}, {"value", value}});
  return list;
}

// A stored value; what can't be read is its text.
Json value_of(const std::string& json) {
  Result<Json> value = base::parse_json(json);
  return value ? std::move(*value) : Json(json);
}

// A value as OpenTelemetry's AnyValue.
Json any_value(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return JsonObject();
    case boost::json::kind::bool_:
      return JsonObject{{"bool_value", value}};
    case boost::json::kind::int64:
      return JsonObject{{"int_value", value}};
    case boost::json::kind::uint64:
      return JsonObject{{"double_value", static_cast<double>(value.get_uint64())}};
    case boost::json::kind::double_:
      return JsonObject{{"double_value", value}};
    case boost::json::kind::string:
      return JsonObject{{"string_value", value}};
    case boost::json::kind::array: {
      JsonArray values;
      for (const Json& item : value.get_array()) values.push_back(any_value(item));
      return JsonObject{{"array_value", JsonObject{{"values", std::move(values)}}}};
    }
    case boost::json::kind::object: {
      JsonArray values;
      for (const auto& member : value.get_object())
        values.push_back(JsonObject{{"key", member.key()}, {"value", any_value(member.value())}});
      return JsonObject{{"kvlist_value", JsonObject{{"values", std::move(values)}}}};
    }
  }
  return JsonObject();
}

JsonArray attributes_json(const std::vector<traces::Attribute>& attributes) {
  JsonArray list;
  for (const traces::Attribute& attribute : attributes) {
    list.push_back(
        JsonObject{{"key", attribute.key}, {"value", any_value(value_of(attribute.json))}});
  }
  return list;
}

std::string_view status_code(traces::SpanStatus status) {
  switch (status) {
    case traces::SpanStatus::kUnset:
      return "STATUS_CODE_UNSET";
    case traces::SpanStatus::kOk:
      return "STATUS_CODE_OK";
    case traces::SpanStatus::kError:
      return "STATUS_CODE_ERROR";
  }
  return "STATUS_CODE_UNSET";
}

JsonObject span_json(const traces::Span& span) {
  JsonObject object{{"trace_id", base::to_base64(span.trace_id)},
                    {"span_id", base::to_base64(span.span_id)},
                    {"name", span.name},
                    {"start_time_unix_nano", span.start_ns},
                    {"end_time_unix_nano", span.end_ns}};
  if (!span.parent_id.empty()) object["parent_span_id"] = base::to_base64(span.parent_id);
  object["attributes"] = attributes_json(span.attributes);
  JsonArray events;
  for (const traces::SpanEvent& event : span.events) {
    events.push_back(JsonObject{{"time_unix_nano", event.time_ns},
                                {"name", event.name},
                                {"attributes", attributes_json(event.attributes)}});
  }
  if (!events.empty()) object["events"] = std::move(events);
  JsonArray links;
  for (const traces::SpanLink& link : span.links) {
    links.push_back(JsonObject{{"trace_id", base::to_base64(link.trace_id)},
                               {"span_id", base::to_base64(link.span_id)},
                               {"attributes", attributes_json(link.attributes)}});
  }
  if (!links.empty()) object["links"] = std::move(links);
  JsonObject status{{"code", status_code(span.status)}};
  if (!span.status_message.empty()) status["message"] = span.status_message;
  object["status"] = std::move(status);
  return object;
}

// A span as MLflow's client writes it to a file: attributes are texts of JSON.
JsonObject span_data(const traces::Span& span) {
  const auto values = [](const std::vector<traces::Attribute>& attributes) {
    JsonObject object;
    for (const traces::Attribute& attribute : attributes)
      object[attribute.key] = value_of(attribute.json);
    return object;
  };
  JsonObject attributes;
  for (const traces::Attribute& attribute : span.attributes)
    attributes[attribute.key] = attribute.json;
  JsonArray events, links;
  for (const traces::SpanEvent& event : span.events) {
    events.push_back(JsonObject{{"name", event.name},
                                {"time_unix_nano", event.time_ns},
                                {"attributes", values(event.attributes)}});
  }
  for (const traces::SpanLink& link : span.links) {
    links.push_back(
        JsonObject{{"trace_id", "tr-" + base::to_hex(std::as_bytes(std::span(link.trace_id)))},
                   {"span_id", base::to_hex(std::as_bytes(std::span(link.span_id)))},
                   {"attributes", values(link.attributes)}});
  }
  return {{"trace_id", base::to_base64(span.trace_id)},
          {"span_id", base::to_base64(span.span_id)},
          {"parent_span_id",
           span.parent_id.empty() ? Json(nullptr) : Json(base::to_base64(span.parent_id))},
          {"name", span.name},
          {"start_time_unix_nano", span.start_ns},
          {"end_time_unix_nano", span.end_ns == 0 ? Json(nullptr) : Json(span.end_ns)},
          {"events", std::move(events)},
          {"status", {{"code", status_code(span.status)}, {"message", span.status_message}}},
          {"attributes", std::move(attributes)},
          {"links", std::move(links)}};
}

constexpr std::string_view kJsonFormat = "JSON_FORMAT";

// The value of an expectation, which may be wrapped as a text of JSON.
Result<std::string> read_expectation(const JsonObject& expectation) {
  if (const JsonObject* wrapped = object_member(expectation, "serialized_value")) {
    if (const std::string format = text_member(*wrapped, "serialization_format");
        format != kJsonFormat)
      return wrong("serialization_format", format, kJsonFormat);
    const std::string json = text_member(*wrapped, "value");
    if (!base::parse_json(json)) return wrong("serialized_value", json, "JSON");
    return json;
  }
  const Json* value = expectation.if_contains("value");
  return value == nullptr ? std::string("null") : base::to_text(*value);
}

traces::FeedbackValue read_feedback(const JsonObject& feedback) {
  traces::FeedbackValue read;
  if (const Json* value = feedback.if_contains("value")) read.value = base::to_text(*value);
  if (const JsonObject* error = object_member(feedback, "error"))
    read.error = base::to_text(*error);
  return read;
}

// "assessmentName" and "assessment_name" are one path: JSON has masks in camel case.
std::string snake_case(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') out += '_';
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

}  // namespace

traces::Labels read_labels(const Json* object) {
  traces::Labels labels;
  if (object == nullptr || !object->is_object()) return labels;
  for (const auto& member : object->get_object()) {
    if (member.value().is_string())
      labels.set(member.key(), std::string(std::string_view(member.value().get_string())));
  }
  return labels;
}

traces::Labels read_label_list(const std::vector<JsonObject>& items) {
  traces::Labels labels;
  for (const JsonObject& item : items)
    labels.set(text_member(item, "key"), text_member(item, "value"));
  return labels;
}

Result<ReadTraceInfo> read_trace_info(const JsonObject& object) {
  ReadTraceInfo read;
  if (const JsonObject* location = object_member(object, "trace_location")) {
    if (const JsonObject* experiment = object_member(*location, "mlflow_experiment"))
      read.experiment_id = text_member(*experiment, "experiment_id");
  }
  traces::TraceInfo& info = read.info;
  info.id = text_member(object, "trace_id");
  info.client_request_id = text_member(object, "client_request_id");
  info.request_preview = maybe_text(object, "request_preview");
  info.response_preview = maybe_text(object, "response_preview");
  info.start_ms = TRY(read_time(object, "request_time")).value_or(base::Timestamp()).millis();
  info.duration_ms = TRY(read_duration(object, "execution_duration"));
  info.state = traces::parse_state(text_member(object, "state"));
  info.metadata = read_labels(object.if_contains("trace_metadata"));
  info.tags = read_labels(object.if_contains("tags"));
  const Json* assessments = object.if_contains("assessments");
  if (assessments != nullptr && assessments->is_array()) {
    for (const Json& item : assessments->get_array()) {
      if (!item.is_object()) continue;
      info.assessments.push_back(TRY(read_assessment(item.get_object())));
    }
  }
  return read;
}

JsonObject to_json(const traces::TraceInfo& info) {
  JsonObject object{
      {"trace_id", info.id},
      {"trace_location",
       {{"type", "MLFLOW_EXPERIMENT"},
        {"mlflow_experiment", {{"experiment_id", std::to_string(info.experiment)}}}}},
      {"request_time", types::to_rfc3339(base::Timestamp::from_millis(info.start_ms))},
      {"state", traces::state_name(info.state)},
      {"trace_metadata", labels_json(info.metadata)},
      {"tags", labels_json(info.tags)}};
  if (!info.client_request_id.empty()) object["client_request_id"] = info.client_request_id;
  if (info.request_preview) object["request_preview"] = *info.request_preview;
  if (info.response_preview) object["response_preview"] = *info.response_preview;
  if (info.duration_ms) object["execution_duration"] = duration_text(*info.duration_ms);
  JsonArray assessments;
  for (const traces::Assessment& assessment : info.assessments)
    assessments.push_back(to_json(assessment));
  if (!assessments.empty()) object["assessments"] = std::move(assessments);
  return object;
}

JsonObject to_json_v2(const traces::TraceInfo& info) {
  return {
      {"request_id", info.id},
      {"experiment_id", std::to_string(info.experiment)},
      {"timestamp_ms", info.start_ms},
      {"execution_time_ms", info.duration_ms.value_or(0)},
      {"status", info.state == traces::TraceState::kUnspecified ? "TRACE_STATUS_UNSPECIFIED"
                                                                : traces::state_name(info.state)},
      {"request_metadata", label_list(info.metadata)},
      {"tags", label_list(info.tags)}};
}

JsonObject to_json(const traces::Trace& trace) {
  JsonArray spans;
  for (const traces::Span& span : trace.spans) spans.push_back(span_json(span));
  JsonObject object{{"trace_info", to_json(trace.info)}};
  if (!spans.empty()) object["spans"] = std::move(spans);
  return object;
}

std::string trace_data_json(const traces::Trace& trace) {
  JsonArray spans;
  for (const traces::Span& span : trace.spans) spans.push_back(span_data(span));
  return base::to_text(JsonObject{{"spans", std::move(spans)}});
}

Result<traces::Assessment> read_assessment(const JsonObject& object) {
  traces::Assessment assessment;
  assessment.id = text_member(object, "assessment_id");
  assessment.trace_id = text_member(object, "trace_id");
  assessment.span_id = text_member(object, "span_id");
  assessment.name = text_member(object, "assessment_name");
  if (const JsonObject* source = object_member(object, "source")) {
    assessment.source_type = text_member(*source, "source_type");
    assessment.source_id = text_member(*source, "source_id");
  }
  assessment.rationale = text_member(object, "rationale");
  assessment.overrides = text_member(object, "overrides");
  assessment.metadata = read_labels(object.if_contains("metadata"));
  assessment.is_valid = base::find_bool(object, "valid").value_or(std::nullopt).value_or(true);
  assessment.created = TRY(read_time(object, "create_time")).value_or(base::Timestamp());
  assessment.updated = TRY(read_time(object, "last_update_time")).value_or(base::Timestamp());
  if (const JsonObject* feedback = object_member(object, "feedback")) {
    traces::FeedbackValue read = read_feedback(*feedback);
    assessment.value = std::move(read.value);
    assessment.error = std::move(read.error);
  } else if (const JsonObject* expectation = object_member(object, "expectation")) {
    assessment.kind = traces::AssessmentKind::kExpectation;
    assessment.value = TRY(read_expectation(*expectation));
  } else if (const JsonObject* issue = object_member(object, "issue")) {
    assessment.kind = traces::AssessmentKind::kIssue;
    assessment.value = base::to_text(Json(text_member(*issue, "issue_name")));
  } else {
    return base::error(Code::kInvalidArgument,
                       "Unknown assessment type: expected one of feedback, expectation, issue");
  }
  return assessment;
}

JsonObject to_json(const traces::Assessment& assessment) {
  JsonObject object{
      {"assessment_id", assessment.id},
      {"assessment_name", assessment.name},
      {"trace_id", assessment.trace_id},
      {"source", {{"source_type", assessment.source_type}, {"source_id", assessment.source_id}}},
      {"create_time", types::to_rfc3339(assessment.created)},
      {"last_update_time", types::to_rfc3339(assessment.updated)},
      {"valid", assessment.is_valid}};
  if (!assessment.span_id.empty()) object["span_id"] = assessment.span_id;
  if (!assessment.rationale.empty()) object["rationale"] = assessment.rationale;
  if (!assessment.metadata.empty()) object["metadata"] = labels_json(assessment.metadata);
  if (!assessment.overrides.empty()) object["overrides"] = assessment.overrides;
  const Json value = value_of(assessment.value.empty() ? "null" : assessment.value);
  switch (assessment.kind) {
    case traces::AssessmentKind::kFeedback: {
      JsonObject feedback;
      if (!assessment.value.empty()) feedback["value"] = value;
      if (!assessment.error.empty()) feedback["error"] = value_of(assessment.error);
      object["feedback"] = std::move(feedback);
      break;
    }
    case traces::AssessmentKind::kExpectation: {
      const bool is_plain = !value.is_object() && !value.is_array() && !value.is_null();
      object["expectation"] =
          is_plain
              ? JsonObject{{"value", value}}
              : JsonObject{{"serialized_value",
                            {{"serialization_format", kJsonFormat}, {"value", assessment.value}}}};
      break;
    }
    case traces::AssessmentKind::kIssue:
      object["issue"] = JsonObject{{"issue_name", value}};
      break;
  }
  return object;
}

Result<traces::AssessmentPatch> read_patch(const JsonObject& assessment, std::string_view mask) {
  traces::AssessmentPatch patch;
  while (!mask.empty()) {
    const std::string path = snake_case(mask.substr(0, mask.find(',')));
    mask.remove_prefix(
        std::min(mask.size(), mask.find(',') == mask.npos ? mask.size() : mask.find(',') + 1));
    if (path == "assessment_name") patch.name = text_member(assessment, path);
    if (path == "rationale") patch.rationale = text_member(assessment, path);
    if (path == "metadata") patch.metadata = read_labels(assessment.if_contains(path));
    if (const JsonObject* value = object_member(assessment, path)) {
      if (path == "feedback") patch.feedback = read_feedback(*value);
      if (path == "expectation") patch.expectation = TRY(read_expectation(*value));
    }
  }
  return patch;
}

}  // namespace slipway::api::mlflow
