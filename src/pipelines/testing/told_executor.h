// Runs nothing: a test says how a command ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {

class ToldExecutor final : public Executor {
 public:
  using Run = std::function<Result<Exit>(const Command&, const std::function<Wish()>&)>;
  Run of_step;

  Result<Exit> run(const Command& command, const std::function<Wish()>& wish) override {
    if (command.names.step.empty()) return Exit{};  // git
    {
      const base::MutexLock lock(mutex_);
      commands_.push_back(command);
    }
    return of_step(command, wish);
  }
  void clean_up(const std::string& mark) override {
    const base::MutexLock lock(mutex_);
    cleaned_.push_back(mark);
  }

  // Of a step, in the order in which they came.
  std::vector<Command> commands(const std::string& step) {
    const base::MutexLock lock(mutex_);
    std::vector<Command> found;
    for (const Command& command : commands_) {
      if (command.names.step == step) found.push_back(command);
    }
    return found;
  }
  std::vector<std::string> cleaned() {
    const base::MutexLock lock(mutex_);
    return cleaned_;
  }

 private:
  base::Mutex mutex_;
  std::vector<Command> commands_ GUARDED_BY(mutex_);
  std::vector<std::string> cleaned_ GUARDED_BY(mutex_);
};

}  // namespace slipway::pipelines
