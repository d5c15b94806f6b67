#include "pipelines/command_text.h"

#include "base/json.h"

namespace slipway::pipelines {

std::string text_of(const Command& command) {
  JsonObject environment;
  for (const auto& [name, value] : command.environment) environment[name] = value;
  JsonArray secrets, masked;
  for (const auto& [name, value] : command.secrets) secrets.emplace_back(name);
  for (const auto& [name, value] : command.masked) masked.emplace_back(name);
  return base::to_text(
      JsonObject{{"text", command.text},
                 {"folder", command.folder.string()},
                 {"environment", std::move(environment)},
                 {"secrets", std::move(secrets)},
                 {"masked", std::move(masked)},
                 {"log", command.log.string()},
                 {"timeout_us", command.timeout ? Json(command.timeout->micros) : Json(nullptr)},
                 {"cpu_millis", command.resources.cpu_millis},
                 {"memory_bytes", command.resources.memory_bytes},
                 {"pipeline", command.names.pipeline},
                 {"run", command.names.run},
                 {"step", command.names.step},
                 {"job", command.names.job},
                 {"try", command.names.step_try},
                 {"server", command.names.server}});
}

Result<Command> command_of(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  Command command{.text = TRY(base::get_string(object, "text")),
                  .folder = TRY(base::get_string(object, "folder")),
                  .log = TRY(base::get_string(object, "log")),
                  .resources = {.cpu_millis = TRY(base::get_int(object, "cpu_millis")),
                                .memory_bytes = TRY(base::get_int(object, "memory_bytes"))},
                  .names = {.pipeline = TRY(base::get_string(object, "pipeline")),
                            .run = TRY(base::get_string(object, "run")),
                            .step = TRY(base::get_string(object, "step")),
                            .job = TRY(base::get_string(object, "job")),
                            .server = TRY(base::get_string(object, "server")),
                            .step_try = TRY(base::get_int(object, "try"))}};
  if (const auto timeout = TRY(base::find_int(object, "timeout_us")))
    command.timeout = base::Duration{*timeout};
  const Json* const environment = object.if_contains("environment");
  const Json* const secrets = object.if_contains("secrets");
  if (environment == nullptr || !environment->is_object() || secrets == nullptr ||
      !secrets->is_array())
    return base::error(Code::kCorruption, "a given step can't be read: job={}", command.names.job);
  for (const auto& [name, value] : environment->get_object())
    command.environment[name] = value.is_string() ? std::string_view(value.get_string()) : "";
  const auto add_names = [](const Json& names, std::map<std::string, std::string>& to) {
    for (const Json& name : names.get_array()) {
      if (name.is_string()) to[std::string(std::string_view(name.get_string()))];
    }
  };
  add_names(*secrets, command.secrets);
  const Json* const masked = object.if_contains("masked");
  if (masked != nullptr && masked->is_array()) add_names(*masked, command.masked);
  return command;
}

std::string text_of(const Result<Exit>& exit) {
  if (!exit) return base::to_text(JsonObject{{"error", exit.error().message}});
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  return base::to_text(JsonObject{{"kind", static_cast<std::int64_t>(exit->kind)},
                                  {"code", exit->code},
                                  {"reason", exit->reason},
                                  {"peak_memory_bytes", or_null(exit->usage.peak_memory_bytes)},
                                  {"cpu_seconds", or_null(exit->usage.cpu_seconds)},
                                  {"ended_us", exit->ended ? Json(exit->ended->micros) : nullptr}});
}

Result<Exit> exit_of(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  if (const auto error = TRY(base::find_string(object, "error")))
    return base::error(Code::kFailedPrecondition, "{}", *error);
  const auto ended = TRY(base::find_int(object, "ended_us"));
  return Exit{.kind = static_cast<Exit::Kind>(TRY(base::get_int(object, "kind"))),
              .code = static_cast<int>(TRY(base::get_int(object, "code"))),
              .reason = TRY(base::get_string(object, "reason")),
              .usage = {.peak_memory_bytes = TRY(base::find_int(object, "peak_memory_bytes")),
                        .cpu_seconds = TRY(base::find_double(object, "cpu_seconds"))},
              .ended = ended ? std::optional(base::Timestamp{*ended}) : std::nullopt};
}

}  // namespace slipway::pipelines
