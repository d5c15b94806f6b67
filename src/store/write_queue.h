// Group commit: callers wait while one thread hands their writes, many at a time, to a store.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <thread>

#include "base/mutex.h"
#include "store/db.h"

namespace slipway::store {

// A write under way. It lives on its caller's stack.
struct QueuedWrite {
  const std::function<Result<void>(Tx&)>* body;
  Result<void> outcome;
  bool done = false;
  base::CondVar finished;
};
using WriteGroup = std::span<QueuedWrite* const>;

// Runs `body` and says what came of it; what it throws becomes an error (the net at the entry of a
// thread).
void run_body(QueuedWrite& write, Tx& tx);

// Gives `error` to the writes of the group that would otherwise have succeeded.
void fail_group(WriteGroup group, const Error& error);

// Safe to use from several threads.
class WriteQueue {
 public:
  struct Limits {
    std::size_t group_writes_max;  // bodies under one commit
    std::size_t queue_length_max;  // waiting writes; more are refused with kResourceExhausted
  };
  // `commit` runs on the queue's own thread, sets every outcome and returns when those that say
  // success are durable.
  WriteQueue(Limits limits, std::function<void(WriteGroup)> commit);
  ~WriteQueue();  // after everything that waits

  // Returns when the write is done.
  Result<void> run(const std::function<Result<void>(Tx&)>& body);

 private:
  void loop();

  const Limits limits_;
  const std::function<void(WriteGroup)> commit_;

  base::Mutex mutex_;
  base::CondVar wake_;
  std::deque<QueuedWrite*> waiting_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace slipway::store
