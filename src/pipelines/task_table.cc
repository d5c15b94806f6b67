#include "pipelines/task_table.h"

#include "base/check.h"
#include "pipelines/server_table.h"

namespace slipway::pipelines {
namespace {

std::string text_of(const Command& command) {
  JsonObject environment;
  for (const auto& [name, value] : command.environment) environment[name] = value;
  JsonArray secrets;
  for (const auto& [name, value] : command.secrets) secrets.emplace_back(name);
  return base::to_text(
      JsonObject{{"text", command.text},
                 {"folder", command.folder.string()},
                 {"environment", std::move(environment)},
                 {"secrets", std::move(secrets)},
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
  for (const Json& name : secrets->get_array()) {
    if (name.is_string()) command.secrets[std::string(std::string_view(name.get_string()))];
  }
  return command;
}

std::string text_of(const Result<Exit>& exit) {
  if (!exit) return base::to_text(JsonObject{{"error", exit.error().message}});
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  return base::to_text(JsonObject{{"kind", static_cast<std::int64_t>(exit->kind)},
                                  {"code", exit->code},
                                  {"reason", exit->reason},
                                  {"peak_memory_bytes", or_null(exit->usage.peak_memory_bytes)},
                                  {"cpu_seconds", or_null(exit->usage.cpu_seconds)}});
}

Result<Exit> exit_of(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  if (const auto error = TRY(base::find_string(object, "error")))
    return base::error(Code::kFailedPrecondition, "{}", *error);
  return Exit{.kind = static_cast<Exit::Kind>(TRY(base::get_int(object, "kind"))),
              .code = static_cast<int>(TRY(base::get_int(object, "code"))),
              .reason = TRY(base::get_string(object, "reason")),
              .usage = {.peak_memory_bytes = TRY(base::find_int(object, "peak_memory_bytes")),
                        .cpu_seconds = TRY(base::find_double(object, "cpu_seconds"))}};
}

}  // namespace

Result<bool> TaskTable::give(const Command& command, const std::string& giver) {
  const Command::Names& names = command.names;
  const std::string text = text_of(command);
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    bool is_there = false, leads = false;
    TRY(tx.query("SELECT id, leads FROM pipeline_servers WHERE id IN (?, ?)", {names.server, giver},
                 [&](const store::Row& row) {
                   is_there = is_there || row.text(0) == names.server;
                   leads = leads || (row.text(0) == giver && row.int64(1) != 0);
                 }));
    if (!leads || (!is_there && !command.is_followed)) return false;
    const std::string_view state = !command.is_followed ? "given" : is_there ? "taken" : "lost";
    TRY(
        tx.execute("INSERT INTO pipeline_tasks(id, run, step, server, state, command, shall_end, "
                   "result) VALUES(?, ?, ?, ?, ?, ?, 0, '') ON CONFLICT(id) DO NOTHING",
                   {names.job, names.run, names.step, names.server, state, text}));
    return true;
  });
}

Result<std::optional<Command>> TaskTable::given(const std::string& id) {
  const auto text = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT command FROM pipeline_tasks WHERE id = ?", {id},
                       [](const store::Row& row) { return row.string(0); });
  }));
  if (!text) return std::optional<Command>();
  return std::optional(TRY(command_of(*text)));
}

Result<std::vector<Command>> TaskTable::open() {
  std::vector<Command> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT command FROM pipeline_tasks WHERE state IN ('given', 'taken')", {},
                        [&](const store::Row& row) {
                          if (auto command = command_of(row.text(0)))
                            found.push_back(std::move(*command));
                        });
  }));
  return found;
}

Result<std::map<std::string, TaskTable::State>> TaskTable::states() {
  std::map<std::string, State> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, state, result FROM pipeline_tasks", {}, [&](const store::Row& row) {
          const bool has_ended = row.text(1) == "ended";
          found.emplace(row.string(0),
                        State{.state = row.string(1),
                              .exit = has_ended ? exit_of(row.text(2)) : Result<Exit>(Exit{})});
        });
  }));
  return found;
}

Result<void> TaskTable::end(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE pipeline_tasks SET shall_end = 1 WHERE id = ?", {id}));
    return {};
  });
}

Result<void> TaskTable::sweep() {
  const std::string done =
      "FROM pipeline_tasks WHERE state NOT IN ('given', 'taken') AND NOT EXISTS (SELECT 1 FROM "
      "pipeline_steps s WHERE s.run = pipeline_tasks.run AND s.name = pipeline_tasks.step AND "
      "s.state = 'running')";
  const auto one = TRY(db_.read([&](store::Reader& reader) {
    return reader.find("SELECT id " + done, {},
                       [](const store::Row& row) { return row.string(0); });
  }));
  if (!one) return {};
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE " + done, {}));
    return {};
  });
}

Result<std::map<std::string, TaskTable::Task>> TaskTable::of_server(const std::string& server) {
  std::map<std::string, Task> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, command, state, shall_end FROM pipeline_tasks WHERE server = ? AND state IN "
        "('given', 'taken')",
        {server}, [&](const store::Row& row) {
          found.emplace(row.string(0), Task{.command = command_of(row.text(1)),
                                            .is_taken = row.text(2) == "taken",
                                            .shall_end = row.int64(3) != 0});
        });
  }));
  return found;
}

Result<bool> TaskTable::take(const std::string& id, const std::string& server) {
  return db_.write([&](store::Tx& tx) -> Result<bool> {
    return TRY(tx.execute(
               "UPDATE pipeline_tasks SET state = 'taken' WHERE id = ? AND server = ? AND state = "
               "'given' AND EXISTS (SELECT 1 FROM pipeline_servers s WHERE s.id = ? AND s.beat <> "
               "?)",
               {id, server, server, ServerTable::kFenced})) == 1;
  });
}

Result<void> TaskTable::save_end(const std::string& id, const std::string& server,
                                 const Result<Exit>& exit) {
  const bool is_lost = exit && exit->kind == Exit::Kind::kLost;
  const std::string text = text_of(exit);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("UPDATE pipeline_tasks SET state = ?, result = ? WHERE id = ? AND server = ? "
                   "AND state = 'taken' AND EXISTS (SELECT 1 FROM pipeline_servers s WHERE s.id = "
                   "? AND s.beat <> ?)",
                   {is_lost ? "lost" : "ended", text, id, server, server, ServerTable::kFenced}));
    return {};
  });
}

}  // namespace slipway::pipelines
