#include "store/write_queue.h"

#include <algorithm>

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

Result<void> WriteQueue::run(const std::function<Result<void>(Tx&)>& body, Durable durable) {
  QueuedWrite write;
  write.body = &body;
  write.durable = durable;
  return run(write);
}

Result<void> WriteQueue::run(JointWrite& joint, JointItem& item) {
  QueuedWrite write;
  write.joint = &joint;
  write.item = &item;
  return run(write);
}

Result<void> WriteQueue::run(QueuedWrite& write) {
  {
    base::MutexLock lock(mutex_);
    if (stopping_) return base::error(Code::kUnavailable, "database is closing");
    if (committing_ || !waiting_.empty()) {
      if (waiting_.size() >= limits_.queue_length_max) {
        return base::error(Code::kResourceExhausted, "too many waiting writes: queue_length_max={}",
                           limits_.queue_length_max);
      }
      waiting_.push_back(&write);
      if (!committing_) wake_.notify_one();
      while (!write.done) write.finished.wait(mutex_);
      return std::move(write.outcome);
    }
    committing_ = true;
  }
  QueuedWrite* const alone[] = {&write};
  commit(alone);
  base::MutexLock lock(mutex_);
  committing_ = false;
  if (!waiting_.empty() || stopping_) wake_.notify_one();
  return std::move(write.outcome);
}

namespace {

// The writes of one joint kind in a group: one write to the store.
struct Joined {
  JointWrite* kind;
  std::vector<QueuedWrite*> members;
  std::vector<JointItem*> items;
  QueuedWrite whole;
  const std::function<Result<void>(Tx&)> body = [this](Tx& tx) {
    const base::ActingAs nobody({});
    for (JointItem* item : items) item->outcome = {};
    return kind->run(tx, items);
  };

  explicit Joined(JointWrite* of) : kind(of) { whole.body = &body; }
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;
};

}  // namespace

void WriteQueue::commit(WriteGroup taken) {
  std::deque<Joined> joined;  // nothing in it moves
  std::vector<QueuedWrite*> group;
  for (QueuedWrite* write : taken) {
    if (write->joint == nullptr) {
      group.push_back(write);
      continue;
    }
    auto of = std::find_if(joined.begin(), joined.end(),
                           [&](const Joined& known) { return known.kind == write->joint; });
    if (of == joined.end()) {
      joined.emplace_back(write->joint);
      of = std::prev(joined.end());
      group.push_back(&of->whole);
    }
    of->members.push_back(write);
    of->items.push_back(write->item);
  }
  commit_(group);
  for (const Joined& of : joined) {
    for (QueuedWrite* member : of.members) member->outcome = of.whole.outcome;
  }
}

void WriteQueue::loop() {
  while (true) {
    std::vector<QueuedWrite*> group;
    {
      base::MutexLock lock(mutex_);
      while (committing_ || (waiting_.empty() && !stopping_)) wake_.wait(mutex_);
      if (waiting_.empty()) return;
      while (!waiting_.empty() && group.size() < limits_.group_writes_max) {
        group.push_back(waiting_.front());
        waiting_.pop_front();
      }
      committing_ = true;
    }
    commit(group);
    base::MutexLock lock(mutex_);
    committing_ = false;
    for (QueuedWrite* write : group) {
      write->done = true;
      write->finished.notify_one();
    }
  }
}

}  // namespace slipway::store
