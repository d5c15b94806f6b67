// Group commit: callers wait while their writes, many at a time, are handed to a store.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/db.h"

namespace slipway::store {

// A write under way. It lives on its caller's stack.
struct QueuedWrite {
  const std::function<Result<void>(Tx&)>* body = nullptr;
  JointWrite* joint = nullptr;  // instead of a body, with
  JointItem* item = nullptr;
  Durable durable = Durable::kNow;
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
    std::size_t group_writes_max;  // writes under one commit
    std::size_t queue_length_max;  // waiting writes; more are refused with kResourceExhausted
  };
  // `commit` runs on one thread at a time: the queue's own, or that of a caller who finds nobody
  // before him, which saves him two switches of threads. Every write it gets has a body. It sets
  // every outcome and returns when those that say success are as durable as they ask.
  WriteQueue(Limits limits, std::function<void(WriteGroup)> commit);
  ~WriteQueue();  // after everything that waits

  // Return when the write is done.
  Result<void> run(const std::function<Result<void>(Tx&)>& body, Durable durable);
  Result<void> run(JointWrite& joint, JointItem& item);

 private:
  Result<void> run(QueuedWrite& write);
  void commit(WriteGroup taken);
  void loop();

  const Limits limits_;
  const std::function<void(WriteGroup)> commit_;

  base::Mutex mutex_;
  base::CondVar wake_;
  std::deque<QueuedWrite*> waiting_ GUARDED_BY(mutex_);
  bool committing_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace slipway::store
