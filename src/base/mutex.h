// std::mutex with the annotations that clang's thread-safety analysis checks (-Wthread-safety).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define SLIPWAY_TSA(x) __attribute__((x))
#else
#define SLIPWAY_TSA(x)
#endif
#define GUARDED_BY(m) SLIPWAY_TSA(guarded_by(m))
#define REQUIRES(m) SLIPWAY_TSA(requires_capability(m))
#define EXCLUDES(m) SLIPWAY_TSA(locks_excluded(m))

namespace slipway::base {

class SLIPWAY_TSA(capability("mutex")) Mutex {
 public:
  void lock() SLIPWAY_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() SLIPWAY_TSA(release_capability()) { mutex_.unlock(); }
  // False: somebody has it.
  bool try_lock() SLIPWAY_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

struct IsLocked {};
inline constexpr IsLocked kIsLocked;  // by try_lock()

class SLIPWAY_TSA(scoped_lockable) MutexLock {
 public:
  MutexLock(Mutex& mutex, IsLocked) SLIPWAY_TSA(requires_capability(mutex)) : mutex_(mutex) {}
  explicit MutexLock(Mutex& mutex) SLIPWAY_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SLIPWAY_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Wait in a loop on the condition, with the mutex held: while (!ready_) cv_.wait(mutex_);
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // False when the time ran out.
  bool wait_for_ms(Mutex& mutex, long ms) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    bool in_time = cv_.wait_for(lock, std::chrono::milliseconds(ms)) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  // False when the time had come. Never comes: time_point::max().
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point time) REQUIRES(mutex) {
    if (time == std::chrono::steady_clock::time_point::max()) {
      wait(mutex);
      return true;
    }
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    bool in_time = cv_.wait_until(lock, time) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace slipway::base
