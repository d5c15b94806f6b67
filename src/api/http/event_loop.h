// The loop of one I/O thread: waits for sockets (epoll) and for work from other threads. Inside
// api/http only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::http {

// Closes a file descriptor when it goes away.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_;
};

// post() and stop() from any thread; everything else on the loop's own, or before run().
class EventLoop {
 public:
  // Something with a descriptor. It must live until the end of the turn in which its descriptor was
  // closed: events of that turn may still name it (see at_end_of_turn).
  class Source {
   public:
    virtual void on_ready(std::uint32_t events) = 0;  // EPOLLIN and so on

   protected:
    ~Source() = default;
  };
  enum class Trigger { kLevel, kEdge };

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Result<void> open();  // kUnavailable: out of descriptors
  Result<void> watch(int fd, std::uint32_t events, Trigger trigger, Source& source);
  // Before `fd` is closed: a process that is being started may hold it a moment longer, and then
  // closing alone does not end its events.
  void unwatch(int fd);
  void set_tick(std::function<void()> tick) { tick_ = std::move(tick); }  // about once a second
  // Runs when the sockets that are ready now have had their turn.
  void at_end_of_turn(std::function<void()> work) { later_.push_back(std::move(work)); }

  // When this turn began; a clock that costs nothing.
  std::chrono::steady_clock::time_point now() const { return now_; }

  void run();  // until stop()
  void stop();
  void post(std::function<void()> work);

 private:
  void run_posted();

  Descriptor epoll_, wakeup_;
  std::function<void()> tick_;
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now(), next_tick_ = now_;
  std::vector<std::function<void()>> later_;

  base::Mutex mutex_;
  std::vector<std::function<void()>> posted_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace slipway::http
