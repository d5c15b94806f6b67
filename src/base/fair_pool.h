// Threads for work that waits, shared out: what one queue has to do never takes all of them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::base {

// Safe to use from several threads. Queues take turns; within one, work starts in the order it
// came. Threads are started when there is work for them and stay.
class FairPool {
 public:
  struct Options {
    std::string name = "pool";  // thread names and messages
    std::size_t threads_max = 64;
    std::size_t threads_per_queue_max = 32;
    std::size_t queue_length_max = 1024;  // of each queue, beside what may run
  };

  explicit FairPool(Options options) : options_(std::move(options)) {}
  ~FairPool();  // stop()
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;

  // kResourceExhausted at once when this queue is full; kUnavailable after stop().
  Result<void> submit(std::string_view queue, std::function<void()> work);

  // Takes no more work, finishes what is queued, joins. Idempotent.
  void stop();

 private:
  struct Queue {
    std::deque<std::function<void()>> waiting;
    std::size_t running = 0;
    bool in_turn = false;  // stands in turns_
  };
  using Queues = std::map<std::string, Queue, std::less<>>;

  void run();
  void line_up(Queues::iterator queue) REQUIRES(mutex_);  // if it may start something

  const Options options_;
  Mutex mutex_;
  CondVar ready_;
  Queues queues_ GUARDED_BY(mutex_);                       // those with anything to do
  std::deque<Queues::iterator> turns_ GUARDED_BY(mutex_);  // each may start its next work
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // changed under mutex_ until stop()
};

}  // namespace slipway::base
