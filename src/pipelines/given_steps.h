// Steps that other servers of the database run: what the one that leads does, and what they do.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "pipelines/task_table.h"

namespace slipway::pipelines {

// Gives commands to other servers and waits for them. Safe to use from several threads.
class GivenSteps {
 public:
  explicit GivenSteps(store::Db& db) : table_(db) {}

  // Gives `command` to its server, as long as `giver` leads, or follows it where it was given
  // before; returns how it ended: Exit::kLost when its server is gone. While the database is away
  // it waits.
  Result<Exit> run(const Command& command, const std::string& giver,
                   const std::function<Wish()>& wish);
  // The command as it was given; nothing: it wasn't.
  Result<std::optional<Command>> given(const std::string& job) { return table_.given(job); }
  Result<std::vector<Command>> open() { return table_.open(); }  // that have not ended
  Result<void> sweep() { return table_.sweep(); }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  // Nothing: it isn't known yet.
  std::optional<TaskTable::State> look(const std::string& job);

  TaskTable table_;
  base::Mutex mutex_;
  SteadyTime read_at_ GUARDED_BY(mutex_);
  std::map<std::string, TaskTable::State> states_ GUARDED_BY(mutex_);
};

// Runs what this server is given. start() and stop() from one thread.
class StepWorker {
 public:
  // Runs a command with its secrets' names, whose values it finds out.
  using Run = std::function<Result<Exit>(Command command, const std::function<Wish()>& wish)>;
  StepWorker(store::Db& db, Run run) : table_(db), run_(std::move(run)) {}
  ~StepWorker();  // stop()

  void start(const std::string& server);  // its id
  // Ends what runs; it is run again elsewhere.
  void stop();

 private:
  struct Running {
    std::thread thread;
    std::atomic<Wish> wish{Wish::kGoOn};
    std::atomic<bool> is_over{false};
  };
  void loop();
  Result<void> look();
  void begin(const std::string& job, Command command);
  void join_ended();

  TaskTable table_;
  const Run run_;
  std::string server_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::map<std::string, std::unique_ptr<Running>> running_;  // by job; of the thread
};

}  // namespace slipway::pipelines
