// A fixed number of threads taking work from one bounded queue.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::base {

// Safe to use from several threads. With zero threads, work runs inside submit(): the same test
// then runs deterministically.
class ThreadPool {
 public:
  struct Options {
    std::string name = "pool";  // thread names and messages
    std::size_t threads = 4;    // 0: run inline
    std::size_t queue_length_max = 1024;
  };

  explicit ThreadPool(Options options);
  ~ThreadPool();  // stop()
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // kResourceExhausted at once when the queue is full; kUnavailable after stop(). Of the idle
  // threads the one that worked last is woken: its memory is still in the caches.
  Result<void> submit(std::function<void()> work);

  // Takes no more work, finishes what is queued, joins. Idempotent.
  void stop();

 private:
  void run();

  const Options options_;
  Mutex mutex_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  std::vector<CondVar*> idle_ GUARDED_BY(mutex_);  // a thread's own each; whoever wakes it takes it
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace slipway::base
