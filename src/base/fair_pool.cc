#include "base/fair_pool.h"

#include <pthread.h>

#include "base/log.h"

namespace slipway::base {

FairPool::~FairPool() { stop(); }

Result<void> FairPool::submit(std::string_view queue, std::function<void()> work) {
  MutexLock lock(mutex_);
  if (stopping_) return error(Code::kUnavailable, "shutting down: pool={}", options_.name);
  auto found = queues_.find(queue);
  if (found == queues_.end()) found = queues_.emplace(queue, Queue{}).first;
  // What has come and may start at once, but hasn't yet, takes no place in the queue.
  if (found->second.running + found->second.waiting.size() >=
      options_.threads_per_queue_max + options_.queue_length_max) {
    return error(Code::kResourceExhausted, "queue is full: pool={} queue={} queue_length_max={}",
                 options_.name, queue, options_.queue_length_max);
  }
  found->second.waiting.push_back(std::move(work));
  line_up(found);
  if (idle_ < turns_.size() && threads_.size() < options_.threads_max) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), options_.name.substr(0, 15).c_str());
  }
  return {};
}

void FairPool::line_up(Queues::iterator queue) {
  Queue& one = queue->second;
  if (one.in_turn || one.waiting.empty() || one.running >= options_.threads_per_queue_max) return;
  one.in_turn = true;
  turns_.push_back(queue);
  ready_.notify_one();
}

void FairPool::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void FairPool::run() {
  MutexLock lock(mutex_);
  while (true) {
    while (turns_.empty()) {
      if (stopping_ && queues_.empty()) return;
      ++idle_;
      ready_.wait(mutex_);
      --idle_;
    }
    const auto queue = turns_.front();
    turns_.pop_front();
    queue->second.in_turn = false;
    std::function<void()> work = std::move(queue->second.waiting.front());
    queue->second.waiting.pop_front();
    ++queue->second.running;
    line_up(queue);  // behind the others
    mutex_.unlock();
    try {
      work();
    } catch (const std::exception& e) {  // the net at the entry of a thread
      log_error("base", "work threw: pool={} what={}", options_.name, e.what());
    }
    work = nullptr;
    mutex_.lock();
    --queue->second.running;
    line_up(queue);
    if (queue->second.running == 0 && queue->second.waiting.empty()) queues_.erase(queue);
    if (stopping_ && queues_.empty()) ready_.notify_all();
  }
}

}  // namespace slipway::base
