// The thread of a feed: it looks for news as long as somebody listens.
#pragma once

#include <pthread.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::store {

// `Listener` has a `sink` with is_open() and end(). Safe to use from several threads; what looks is
// called by one thread alone.
template <typename Listener>
class FeedLoop {
 public:
  using Listeners = std::vector<std::shared_ptr<Listener>>;
  struct Options {
    const char* name;  // of the thread
    std::size_t listeners_max;
    std::chrono::milliseconds pause;  // between two looks
  };
  explicit FeedLoop(Options options) : options_(options) {}
  ~FeedLoop() { stop(); }

  // `look` is given who listens; true: look again at once. `rest` is called when nobody does any
  // more.
  void start(std::function<bool(const Listeners&)> look, std::function<void()> rest = {}) {
    thread_ =
        std::thread([this, look = std::move(look), rest = std::move(rest)] { run(look, rest); });
    pthread_setname_np(thread_.native_handle(), options_.name);
  }
  // Ends every listener. Idempotent.
  void stop() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
      for (const auto& listener : listeners_) listener->sink->end();
    }
    if (thread_.joinable()) thread_.join();
  }
  // Looked at now. kResourceExhausted: too many listen. kUnavailable: the server stops.
  Result<void> add(std::shared_ptr<Listener> listener) {
    base::MutexLock lock(mutex_);
    if (stopping_) return base::error(Code::kUnavailable, "the server stops");
    remove_gone();
    if (listeners_.size() >= options_.listeners_max) {
      return base::error(Code::kResourceExhausted,
                         "too many listen already: feed={} listeners_max={}", options_.name,
                         options_.listeners_max);
    }
    listeners_.push_back(std::move(listener));
    wake_.notify_all();
    return {};
  }

 private:
  void remove_gone() REQUIRES(mutex_) {
    std::erase_if(listeners_, [](const auto& one) { return !one->sink->is_open(); });
  }

  void run(const std::function<bool(const Listeners&)>& look, const std::function<void()>& rest) {
    for (;;) {
      Listeners listeners;
      {
        base::MutexLock lock(mutex_);
        if (stopping_) return;
        remove_gone();
        listeners = listeners_;
        if (listeners.empty()) {
          if (rest) rest();
          wake_.wait(mutex_);
          continue;
        }
      }
      const bool is_more = look(listeners);
      base::MutexLock lock(mutex_);
      // Who came meanwhile is looked at now.
      if (!stopping_ && !is_more && listeners_.size() <= listeners.size())
        wake_.wait_for_ms(mutex_, options_.pause.count());
    }
  }

  const Options options_;
  base::Mutex mutex_;
  base::CondVar wake_;
  Listeners listeners_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::store
