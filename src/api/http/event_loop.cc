#include "api/http/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace slipway::http {
namespace {

constexpr auto kTick = std::chrono::seconds(1);

Error no_descriptor(const char* what) {
  return base::error(Code::kUnavailable, "cannot make {}: {}", what, std::strerror(errno));
}

}  // namespace

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<void> EventLoop::open() {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return no_descriptor("an epoll descriptor");
  wakeup_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup_) return no_descriptor("an event descriptor");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) == 0);
  return {};
}

Result<void> EventLoop::watch(int fd, std::uint32_t events, Trigger trigger, Source& source) {
  epoll_event event{
      .events = events | (trigger == Trigger::kEdge ? static_cast<std::uint32_t>(EPOLLET) : 0u),
      .data = {.ptr = &source}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return no_descriptor("an entry of epoll");
  return {};
}

void EventLoop::unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::run() {
  std::array<epoll_event, 256> events;
  while (true) {
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return;
    }
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(next_tick_ - now_).count() + 1;
    const int timeout_ms = later_.empty() ? static_cast<int>(std::max<std::int64_t>(0, wait)) : 0;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    CHECK(count >= 0 || errno == EINTR);
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.ptr == nullptr) {
        run_posted();
      } else {
        static_cast<Source*>(events[static_cast<std::size_t>(i)].data.ptr)
            ->on_ready(events[static_cast<std::size_t>(i)].events);
      }
    }
    if (now_ >= next_tick_) {
      next_tick_ = now_ + kTick;
      if (tick_) tick_();
    }
    // What this work defers in turn waits for the next round, so that sockets come in between.
    for (const auto& work : std::exchange(later_, {})) work();
  }
}

void EventLoop::run_posted() {
  std::uint64_t count = 0;
  while (::read(wakeup_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  std::vector<std::function<void()>> work;
  {
    base::MutexLock lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& each : work) each();
}

void EventLoop::stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  post([] {});
}

void EventLoop::post(std::function<void()> work) {
  {
    base::MutexLock lock(mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;  // the loop was woken for the first and has not come yet
  }
  const std::uint64_t one = 1;
  while (::write(wakeup_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace slipway::http
