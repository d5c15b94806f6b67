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

// A try of a step: given -> taken -> ended | lost. Its id is that of a Job, so that who leads next
// follows what was given. Its row is kept until the step's end is on record.
class TaskTable {
 public:
  explicit TaskTable(store::Db& db) : db_(db) {}

  // Gives the task `command.names.job` to the server `command.names.server`, without the values of
  // its secrets. One that is there already stays as it is.
  Result<void> give(const Command& command);
  // The command of a task that is there.
  Result<std::optional<Command>> given(const std::string& id);
  struct State {
    std::string state;
    Result<Exit> exit;  // when it has ended
  };
  // By id, of all tasks. What had not ended of a server that isn't there any more is lost.
  Result<std::map<std::string, State>> states();
  // Asks for its end.
  Result<void> end(const std::string& id);
  // Forgets those whose steps don't run any more.
  Result<void> sweep();

  struct Task {
    Command command;
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
