#include "pipelines/task_table.h"

#include "base/check.h"
#include "pipelines/command_text.h"
#include "pipelines/server_table.h"

namespace slipway::pipelines {
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
