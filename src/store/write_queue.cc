#include "store/write_queue.h"

namespace slipway::store {

void run_body(QueuedWrite& write, Tx& tx) {
  try {
    write.outcome = (*write.body)(tx);
  } catch (const std::exception& e) {
    write.outcome = base::error(Code::kInternal, "a write threw: {}", e.what());
  }
}

void fail_group(WriteGroup group, const Error& error) {
  for (QueuedWrite* write : group) {
    if (write->outcome) write->outcome = error;
  }
}

WriteQueue::WriteQueue(Limits limits, std::function<void(WriteGroup)> commit)
    : limits_(limits), commit_(std::move(commit)), thread_([this] { loop(); }) {}

WriteQueue::~WriteQueue() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

Result<void> WriteQueue::run(const std::function<Result<void>(Tx&)>& body) {
  QueuedWrite write{.body = &body};
  base::MutexLock lock(mutex_);
  if (stopping_) return base::error(Code::kUnavailable, "database is closing");
  if (waiting_.size() >= limits_.queue_length_max) {
    return base::error(Code::kResourceExhausted, "too many waiting writes: queue_length_max={}",
                       limits_.queue_length_max);
  }
  waiting_.push_back(&write);
  wake_.notify_one();
  while (!write.done) write.finished.wait(mutex_);
  return std::move(write.outcome);
}

void WriteQueue::loop() {
  while (true) {
    std::vector<QueuedWrite*> group;
    {
      base::MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.wait(mutex_);
      if (waiting_.empty()) return;
      while (!waiting_.empty() && group.size() < limits_.group_writes_max) {
        group.push_back(waiting_.front());
        waiting_.pop_front();
      }
    }
    commit_(group);
    base::MutexLock lock(mutex_);
    for (QueuedWrite* write : group) {
      write->done = true;
      write->finished.notify_one();
    }
  }
}

}  // namespace slipway::store
