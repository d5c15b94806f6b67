#include "base/thread_pool.h"

#include <pthread.h>

#include "base/log.h"

namespace slipway::base {

ThreadPool::ThreadPool(Options options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), options_.name.substr(0, 15).c_str());
  }
}

ThreadPool::~ThreadPool() { stop(); }

Result<void> ThreadPool::submit(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return error(Code::kUnavailable, "shutting down: pool={}", options_.name);
    if (options_.threads > 0) {
      if (queue_.size() >= options_.queue_length_max) {
        return error(Code::kResourceExhausted, "queue is full: pool={} queue_length_max={}",
                     options_.name, options_.queue_length_max);
      }
      queue_.push_back(std::move(work));
      if (!idle_.empty()) {
        idle_.back()->notify_one();
        idle_.pop_back();
      }
      return {};
    }
  }
  work();
  return {};
}

void ThreadPool::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (CondVar* thread : idle_) thread->notify_one();
    idle_.clear();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ThreadPool::run() {
  CondVar woken;
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) {
        idle_.push_back(&woken);
        woken.wait(mutex_);
        std::erase(idle_, &woken);  // if nobody has woken it: that happens
      }
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& e) {  // the net at the entry of a thread
      log_error("base", "work threw: pool={} what={}", options_.name, e.what());
    }
  }
}

}  // namespace slipway::base
