// Steps that one server has given another one of its database to run. Safe to use from several
// threads.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/executor.h"
#include "store/db.h"

namespace slipway::pipelines {

// A try of a step: given -> taken -> ended | lost; withdrawn: its server went before it took it
// (ServerTable). Its id is that of a Job, so that who leads next follows what was given. Its row is
// kept until the step's end is on record.
class TaskTable {
 public:
  explicit TaskTable(store::Db& db) : db_(db) {}

  // Gives the task `command.names.job` to the server `command.names.server`, without the values of
  // its secrets. One that is there already stays as it is; one that is followed and isn't there is
  // one that its server has begun. False: that server isn't there, or `giver` doesn't lead.
  Result<bool> give(const Command& command, const std::string& giver);
  // The command of a task that is there.
  Result<std::optional<Command>> given(const std::string& id);
  Result<std::vector<Command>> open();  // that have not ended; without those that can't be read
  struct State {
    std::string state;
    Result<Exit> exit;  // when it has ended
  };
  Result<std::map<std::string, State>> states();  // by id, of all tasks
  // Asks for its end.
  Result<void> end(const std::string& id);
  // Forgets those whose steps don't run any more.
  Result<void> sweep();

  struct Task {
    Result<Command> command;  // an error: it can't be read
    bool is_taken = false, shall_end = false;
  };
  // Those of a server that have not ended.
  Result<std::map<std::string, Task>> of_server(const std::string& server);
  // False: it was taken already, or the server is no longer there.
  Result<bool> take(const std::string& id, const std::string& server);
  // Nothing is changed when the server is no longer there: the task is another one's by now.
  Result<void> save_end(const std::string& id, const std::string& server, const Result<Exit>& exit);

 private:
  store::Db& db_;
};

}  // namespace slipway::pipelines
