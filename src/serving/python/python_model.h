// A model in Python processes of its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "serving/model.h"
#include "serving/python/worker.h"

namespace slipway::serving::python {

struct PythonModelOptions {
  std::string name;  // in the log: where its files are
  WorkerCommand command;
  std::shared_ptr<const void> environment;                   // kept as long as the model
  std::function<bool()> should_stop = [] { return false; };  // load() gives up then
  std::size_t workers = 1;                                   // calls at the same time
  std::size_t spares = 1;  // more that are loaded and take over when one ends
  std::chrono::milliseconds call_limit = std::chrono::seconds(30);
  std::chrono::milliseconds load_limit = std::chrono::seconds(300);
  // Between two starts of what ends without having answered; doubles up to the second.
  std::chrono::milliseconds start_pause = std::chrono::milliseconds(100);
  std::chrono::milliseconds start_pause_max = std::chrono::seconds(30);
};

// Calls wait for a worker that is free. A process that ends fails the calls it had, and is started
// again; one that takes longer than it may is ended. One thread of the model starts, watches and
// ends its processes and logs what they print: they end when it does, so no server leaves any
// behind.
class PythonModel final : public Model {
 public:
  // Waits until the first process has loaded the model. kInvalidArgument: it can't, and why: the
  // last line of the traceback; a signature that can't be served.
  static Result<std::shared_ptr<const Model>> load(PythonModelOptions options);
  ~PythonModel() override;

  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "python"; }
  // kUnavailable: the process ended, or none could be started; the message says how. Likewise
  // when it had too little memory. kDeadlineExceeded: it took longer than it may, or the caller
  // didn't wait. kInternal: the model raised an exception.
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override;
  std::size_t memory_bytes() const override;  // what the processes have in memory
  bool may_block() const override { return true; }
  std::size_t calls_at_once() const override { return options_.workers; }

 private:
  using Clock = std::chrono::steady_clock;

  enum class State {
    kDown,      // no process; the next is due at `due`
    kStarting,  // loading the model, at most until `due`
    kIdle,
    kBusy,       // a call has it
    kAbandoned,  // its caller has gone; it may answer until `due`
    kBroken,     // to be ended
  };
  struct Slot {
    State state = State::kDown;
    std::unique_ptr<Worker> worker;
    Clock::time_point due;
    std::string blame;  // kBroken: what it did; empty: it ended
    std::string ended;  // how the last process ended
    std::size_t processes = 0;
    std::size_t failures = 0;  // in a row, without an answer
    std::string tail, line;    // of its output
    bool output_open = false;
  };

  explicit PythonModel(PythonModelOptions options);

  void run();
  void start_due(Clock::time_point now) REQUIRES(mutex_);
  void end_broken(Clock::time_point now) REQUIRES(mutex_);
  void look_at(Slot& slot, Clock::time_point now) REQUIRES(mutex_);
  void on_loaded(Slot& slot) REQUIRES(mutex_);
  void read_output(Slot& slot) REQUIRES(mutex_);
  void log_line(std::string_view line) REQUIRES(mutex_);
  void wake() const;

  Result<Slot*> take(Clock::time_point deadline) const;
  Result<void> call_worker(Slot& slot, const ModelCall& call, Clock::time_point limit,
                           std::vector<Output>& outputs) const;
  Error no_worker() const REQUIRES(mutex_);  // when none came free in time
  // Marks it and waits until it is ended, to say how.
  Error broken(Slot& slot, std::string blame) const;

  const PythonModelOptions options_;
  ModelShape shape_;  // set before load() returns
  const store::FileHandle wake_;

  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  mutable std::vector<Slot> slots_ GUARDED_BY(mutex_);
  mutable std::size_t in_use_ GUARDED_BY(mutex_) = 0;  // kBusy and kAbandoned: at most `workers`
  bool has_shape_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Clock::time_point log_second_ GUARDED_BY(mutex_);
  std::size_t logged_ GUARDED_BY(mutex_) = 0, unlogged_ GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace slipway::serving::python
