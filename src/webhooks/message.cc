#include "webhooks/message.h"

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::webhooks {
namespace {

constexpr std::string_view kPromptTextTag = "mlflow.prompt.text";
constexpr std::string_view kPromptMarks[] = {"mlflow.prompt.is_prompt", "_mlflow_prompt_type",
                                             kPromptTextTag};

// "models/NAME" or "models/NAME/VERSION".
struct Subject {
  std::string name, version;
};

std::optional<Subject> parse_subject(std::string_view subject) {
  constexpr std::string_view kPrefix = "models/";
  if (!subject.starts_with(kPrefix)) return std::nullopt;
  subject.remove_prefix(kPrefix.size());
  const std::size_t slash = subject.find('/');
  return Subject{.name = std::string(subject.substr(0, slash)),
                 .version = slash == std::string_view::npos
                                ? std::string()
                                : std::string(subject.substr(slash + 1))};
}

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && member->is_string()
             ? std::string(std::string_view(member->get_string()))
             : std::string();
}

// Python's `text or None`.
Json text_or_null(std::string text) { return text.empty() ? Json(nullptr) : Json(std::move(text)); }

bool is_prompt(const JsonObject& payload) {
  const Json* member = payload.if_contains("prompt");
  return member != nullptr && member->is_bool() && member->get_bool();
}

JsonObject tags_of(const JsonObject& payload, bool prompt) {
  const Json* member = payload.if_contains("tags");
  JsonObject tags = member != nullptr && member->is_object() ? member->get_object() : JsonObject();
  if (prompt) {
    for (const std::string_view mark : kPromptMarks) tags.erase(mark);
  }
  return tags;
}

Message model_created(const Subject& subject, const JsonObject& payload) {
  const bool prompt = is_prompt(payload);
  return {.event = prompt ? "prompt.created" : "registered_model.created",
          .data = {{"name", subject.name},
                   {"tags", tags_of(payload, prompt)},
                   {"description", text_at(payload, "description")}}};
}

Message version_created(const Subject& subject, const JsonObject& payload) {
  Message message{.data = {{"name", subject.name}, {"version", subject.version}}};
  const bool prompt = is_prompt(payload);
  if (prompt) {
    message.event = "prompt_version.created";
    message.data["template"] = text_or_null(text_at(tags_of(payload, false), kPromptTextTag));
  } else {
    message.event = "model_version.created";
    message.data["source"] = text_at(payload, "source");
    message.data["run_id"] = text_or_null(text_at(payload, "run_id"));
  }
  message.data["tags"] = tags_of(payload, prompt);
  message.data["description"] = text_or_null(text_at(payload, "description"));
  return message;
}

Message version_tag(const Subject& subject, const JsonObject& payload, bool set) {
  Message message{
      .event = fmt::format("{}.{}", is_prompt(payload) ? "prompt_version_tag" : "model_version_tag",
                           set ? "set" : "deleted"),
      .data = {
          {"name", subject.name}, {"version", subject.version}, {"key", text_at(payload, "key")}}};
  if (set) message.data["value"] = text_at(payload, "value");
  return message;
}

// A registered model's own tags are nothing that MLflow tells of; a prompt's are.
std::optional<Message> model_tag(const Subject& subject, const JsonObject& payload, bool set) {
  if (!is_prompt(payload)) return std::nullopt;
  Message message{.event = set ? "prompt_tag.set" : "prompt_tag.deleted",
                  .data = {{"name", subject.name}, {"key", text_at(payload, "key")}}};
  if (set) message.data["value"] = text_at(payload, "value");
  return message;
}

Message alias_moved(const Subject& subject, const JsonObject& payload) {
  const Json* to = payload.if_contains("to");
  const bool set = to != nullptr && to->is_int64();
  Message message{
      .event = fmt::format("{}.{}", is_prompt(payload) ? "prompt_alias" : "model_version_alias",
                           set ? "created" : "deleted"),
      .data = {{"name", subject.name}, {"alias", text_at(payload, "alias")}}};
  if (set) message.data["version"] = std::to_string(to->get_int64());
  return message;
}

}  // namespace

const std::vector<std::string>& event_names() {
  static const std::vector<std::string> names = {"registered_model.created",
                                                 "model_version.created",
                                                 "model_version_tag.set",
                                                 "model_version_tag.deleted",
                                                 "model_version_alias.created",
                                                 "model_version_alias.deleted",
                                                 "prompt.created",
                                                 "prompt_version.created",
                                                 "prompt_tag.set",
                                                 "prompt_tag.deleted",
                                                 "prompt_version_tag.set",
                                                 "prompt_version_tag.deleted",
                                                 "prompt_alias.created",
                                                 "prompt_alias.deleted"};
  return names;
}

Result<void> check_event_name(const std::string& name) {
  const auto& names = event_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  const std::size_t dot = name.find('.');
  const std::string entity = name.substr(0, dot);
  const std::string action = dot == std::string::npos ? "" : name.substr(dot + 1);
  std::string actions;
  for (const std::string& known : names) {
    if (known.starts_with(entity + "."))
      actions += fmt::format("{}'{}'", actions.empty() ? "" : ", ", known.substr(dot + 1));
  }
  if (actions.empty())
    return base::error(Code::kInvalidArgument, "Invalid entity in event string: {}", name);
  return base::error(Code::kInvalidArgument,
                     "Invalid action '{}' for entity '{}'. Valid actions are: [{}]", action, entity,
                     actions);
}

std::optional<Message> message_of(const store::Event& event) {
  const std::optional<Subject> subject = parse_subject(event.subject);
  if (!subject) return std::nullopt;
  const auto payload = base::parse_json_object(event.payload);
  if (!payload) return std::nullopt;  // it was erased
  if (event.kind == "model.created") return model_created(*subject, *payload);
  if (event.kind == "model.tag_set") return model_tag(*subject, *payload, true);
  if (event.kind == "model.tag_deleted") return model_tag(*subject, *payload, false);
  if (event.kind == "model_version.created") return version_created(*subject, *payload);
  if (event.kind == "model_version.tag_set") return version_tag(*subject, *payload, true);
  if (event.kind == "model_version.tag_deleted") return version_tag(*subject, *payload, false);
  if (event.kind == "alias.moved") return alias_moved(*subject, *payload);
  return std::nullopt;
}

Message example_of(const std::string& event) {
  CHECK(check_event_name(event));
  const bool prompt = event.starts_with("prompt");
  const JsonObject tags{{"example_key", "example_value"}};
  Message message{.event = event, .data = {{"name", prompt ? "example_prompt" : "example_model"}}};
  JsonObject& data = message.data;
  const auto ends = [&](std::string_view end) { return event.ends_with(end); };
  if (event == "registered_model.created" || event == "prompt.created") {
    data["tags"] = tags;
    data["description"] = prompt ? "An example prompt" : "An example registered model";
  } else if (ends("_version.created")) {
    data["version"] = "1";
    if (prompt) {
      data["template"] = "Hello {{name}}!";
    } else {
      data["source"] = "models:/123";
      data["run_id"] = "abcd1234abcd5678";
    }
    data["tags"] = tags;
    data["description"] = prompt ? "An example prompt version" : "An example model version";
  } else if (ends("_tag.set") || ends("_tag.deleted")) {
    if (event.find("version") != std::string::npos) data["version"] = "1";
    data["key"] = "example_key";
    if (ends(".set")) data["value"] = "example_value";
  } else {
    data["alias"] = "example_alias";
    if (ends(".created")) data["version"] = "1";
  }
  return message;
}

std::string body_of(const Message& message, base::Timestamp time) {
  const std::size_t dot = message.event.find('.');
  return base::to_text(JsonObject{{"entity", message.event.substr(0, dot)},
                                  {"action", message.event.substr(dot + 1)},
                                  {"timestamp", types::to_rfc3339(time)},
                                  {"data", message.data}});
}

}  // namespace slipway::webhooks
